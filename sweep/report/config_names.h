#pragma once

#include <map>
#include <string>

#include "sweep/report/report.h"

namespace medley::sweep {

/// A random search drew the axis from a range: more than ten different numbers, and fewer than two configs a value.
bool is_drawn(const AxisReport& axis);
/// Some axis is. Such configs are too many to list, and have no values in common to name them by.
bool is_drawn(const Report& report);

/// Names of the configs of a report in words: the values of the axes that tell them apart, "learned, n=2". Axes of
/// words come before axes of numbers, an axis that tells nothing more is left out, and so is one that a config does not
/// vary. `labels` of the sweep file replace words and names. Names are unique. Where axes are drawn it is "draw
/// 3f2a9c", of the config's id.
class ConfigNames {
 public:
  explicit ConfigNames(const Report& report);
  /// The id itself for a config that the report does not have.
  std::string operator()(const std::string& id) const;

 private:
  std::map<std::string, std::string> names_;  ///< by id
};

}  // namespace medley::sweep
