#pragma once

#include <optional>

#include "sweep/spec/spec.h"
#include "sweep/spec/yaml_tree.h"

namespace medley::sweep {

/// One entry of `axes`. Errors are added to `diagnostics`; then nothing is returned.
std::optional<Axis> read_axis(const YamlNode& key, const YamlNode& node, SweepSpec::Search search,
                              Diagnostics& diagnostics);

}  // namespace medley::sweep
