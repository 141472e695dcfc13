#pragma once

#include <functional>
#include <vector>

#include "sweep/label.h"
#include "sweep/threshold_grid.h"

namespace medley::sweep {

/// Labelled clips, and what encoders say of them.
struct ProbeInput {
  Classes classes;
  std::vector<Label> truth;  ///< [clip]
  std::vector<int> folds;    ///< [clip], numbered from 0; none is empty
  int encoders = 0;
  /// float32 row-major [clip, columns] of an encoder. Called once for each.
  std::function<std::vector<float>(int encoder)> features;
  ThresholdGrid grid;
  /// Asked now and then: true ends it.
  std::function<bool()> cancelled = [] { return false; };
};

/// Columns that are left of an encoder.
inline constexpr int kProbeColumns = 16;

/// The held-out Score of a ridge regression on every subset of the encoders, [2^encoders] by bit mask; 0 for nobody.
///
/// In each fold, only rows of the other folds fit anything. Columns are z-scored, and an encoder of more than
/// kProbeColumns is reduced to as many principal components (orthogonal iteration, Golub & Van Loan, section 8.2, on at
/// most 2,000 rows evenly chosen). Each encoder is scaled to a total variance of 1. The soft label is regressed on
/// them, with one penalty for all subsets. It has the least generalised cross-validation (Golub, Heath & Wahba 1979) of
/// all encoders. Predictions, cut to [0, 1] and made to sum to 1, are decoded as held-out Scores are, with thresholds
/// of the other folds.
///
/// A walk over the tree of subsets adds the rows of one encoder at a time to a Cholesky factor. Deterministic. Returns
/// nothing where it was cancelled. Throws Error for fewer than two folds, and more encoders than kMaxPlayers.
std::vector<double> ridge_probe(const ProbeInput& input);

}  // namespace medley::sweep
