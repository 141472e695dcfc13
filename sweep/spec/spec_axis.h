#pragma once

#include <optional>

#include "sweep/spec/spec.h"
#include "sweep/spec/yaml_tree.h"

namespace medley::sweep {

/// One entry of `axes`. Errors are added to `diagnostics`; then nothing is returned.
std::optional<Axis> read_axis(const YamlNode& key, const YamlNode& node, SweepSpec::Search search,
                              Diagnostics& diagnostics);

/// The value at `share` in [0, 1] of the way from low to high (kLogUniform: by ratio), rounded to 4 significant digits.
/// The last bits of exp() differ between machines, and ids must not.
double interpolate(const Axis& axis, double share);

}  // namespace medley::sweep
