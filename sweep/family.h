#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace medley::sweep {

/// What a sweep file asks under `compare`: every value of an axis against its baseline, everything else held. All the
/// comparisons of one family are judged together.
struct Family {
  std::string axis;
  std::string baseline;  ///< value_text() of the axis's value
  double margin = 0.01;  ///< smallest difference of Scores that matters
};

/// A list of {axis, baseline, margin}.
nlohmann::json to_json(const std::vector<Family>& families);
/// Throws Error for what to_json() does not write.
std::vector<Family> families_from_json(const nlohmann::json& list);

}  // namespace medley::sweep
