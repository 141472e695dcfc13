#pragma once

#include <optional>
#include <vector>

#include "sweep/family.h"
#include "sweep/spec/dataset_shape.h"
#include "sweep/spec/spec.h"
#include "sweep/spec/yaml_tree.h"

namespace medley::sweep {

/// One item of `compare`, in a file whose variants and axes are read. Errors are added to `diagnostics`; then nothing
/// is returned.
std::optional<FamilySpec> read_family(const YamlNode& node, const SweepSpec& spec, Diagnostics& diagnostics);

/// The families of a file with their baselines as configs say them. An `encoders` baseline that the axis does not make
/// on this dataset is an error, added to `diagnostics`.
std::vector<Family> resolve_families(const SweepSpec& spec, const DatasetShape& shape, Diagnostics& diagnostics);

}  // namespace medley::sweep
