#pragma once

#include <array>

namespace medley::sweep {

/// The official numbers of one set of predictions. Ratios of integers; 0 where the denominator is 0.
struct Accuracy {
  double presence = 0;  ///< ACC_presence: share of all clips whose set is right
  double salience = 0;  ///< ACC_salience: share of true blends whose set and saliences are right
  double score() const { return (presence + salience) / 2; }
};

struct Thresholds {
  double alpha = 0;  ///< a class below it is absent
  double beta = 0;   ///< saliences at most this far apart are 50/50
};

inline constexpr int kGridSize = 20;
/// numpy.linspace(.05, .95, 20), to the bit.
const std::array<double, kGridSize>& threshold_grid();

/// Hits of every cell of the threshold grid, as integers, so that surfaces of disjoint clips add up. Pooled,
/// leave-one-fold-out and per-fold searches are sums of surfaces.
struct ThresholdSurface {
  std::array<int, kGridSize * kGridSize> presence_hits{};  ///< [alpha, beta]
  std::array<int, kGridSize * kGridSize> salience_hits{};  ///< [alpha, beta]
  int clips = 0;
  int blends = 0;

  ThresholdSurface& operator+=(const ThresholdSurface& other);
  ThresholdSurface& operator-=(const ThresholdSurface& other);
  Accuracy at(int alpha_index, int beta_index) const;

  struct Best {
    int alpha_index = 0;
    int beta_index = 0;
    Thresholds thresholds;
    Accuracy accuracy;
    double presence_only = 0;  ///< best ACC_presence anywhere on the grid
    double salience_only = 0;  ///< best ACC_salience anywhere on the grid
  };
  /// The cell of the best Score, the first in (alpha outer, beta inner) order on ties.
  Best best() const;
};

}  // namespace medley::sweep
