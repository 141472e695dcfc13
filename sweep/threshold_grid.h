#pragma once

#include <array>

#include "sweep/surface.h"

namespace medley::sweep {

/// Where held-out thresholds are searched: `points` evenly spaced values from `from` to .95, for alpha and for beta. A
/// choice of the report: no trial reads it, and paper-style numbers keep the official grid, which is the default.
struct ThresholdGrid {
  double from = 0.05;
  int points = kGridSize;  ///< 2 to kGridSize

  bool operator==(const ThresholdGrid& other) const { return from == other.from && points == other.points; }
  bool is_official() const { return *this == ThresholdGrid(); }
  /// Past `points` the last value again: on a tie the first wins.
  std::array<double, kGridSize> values() const;
};

}  // namespace medley::sweep
