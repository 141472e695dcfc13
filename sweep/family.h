#pragma once

#include <string>

namespace medley::sweep {

/// What a sweep file asks under `compare`: every value of an axis against its baseline, everything else held. All the
/// comparisons of one family are judged together.
struct Family {
  std::string axis;
  std::string baseline;  ///< value_text() of the axis's value
  double margin = 0.01;  ///< smallest difference of Scores that matters
};

}  // namespace medley::sweep
