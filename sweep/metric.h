#pragma once

#include <array>
#include <vector>

#include "sweep/label.h"

namespace medley::sweep {

/// Probabilities of clips, row-major [clip, class]; borrowed, must outlive the view.
struct ProbabilityView {
  const double* data = nullptr;
  int clips = 0;
  int classes = 0;
  const double* row(int clip) const { return data + static_cast<std::ptrdiff_t>(clip) * classes; }
};

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

/// The official decode of one row of probabilities (METHOD 3). Ties: the lower class index.
Label decode(const double* probabilities, const Classes& classes, Thresholds thresholds);

/// Hits of every cell of the threshold grid, as integers, so that surfaces of disjoint clips add up: pooled,
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

/// Exactly what decode() gives at every cell, in one pass over the clips (under 1 ms for 522 clips).
/// `truth` has one label a clip. Throws Error when the sizes differ.
ThresholdSurface threshold_surface(ProbabilityView probabilities, const std::vector<Label>& truth,
                                   const Classes& classes);

/// Accuracy of decoded predictions. Throws Error when the sizes differ.
Accuracy accuracy(const std::vector<Label>& predicted, const std::vector<Label>& truth);

/// The score-optimal decode: no thresholds. The probabilities p of a row are read as a likelihood over all
/// valid labels y, P(y|x) proportional to exp(-sharpness KL(y || p)), which gives P(set|x) and
/// P(ratio|pair,x); then utility(single) = P(single) and
/// utility(pair, ratio) = P(pair) + clips_per_blend P(pair) P(ratio|pair); the largest wins.
struct OptimalDecode {
  double sharpness = 8;
  double clips_per_blend = 2;  ///< N/N_b of the rows that it was fitted on
};
Label decode(const double* probabilities, const Classes& classes, const OptimalDecode& optimal);

/// Fits the sharpness by maximum likelihood on a fixed grid, and N/N_b by counting.
OptimalDecode fit_optimal_decode(ProbabilityView probabilities, const std::vector<Label>& truth,
                                 const Classes& classes);

}  // namespace medley::sweep
