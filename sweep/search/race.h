#pragma once

#include "sweep/search/strategy.h"

namespace medley::sweep {

/// Trains blocks (one fold with one seed, for every config still in) and drops configs that are behind the best one.
/// docs/search.md has its formulas, and what they are measured to do.
///
/// - A config is dropped where its difference to the best so far is below -margin by more than chance. The chance that
/// a
///   config within the margin of the truly best one is ever dropped is at most `level` over the whole race. Level
///   / (C (C - 1)) goes to each ordered pair of the C configs, since any of them may be the best so far, and
///   1 / (j (j + 1)) of that to the j-th look. Intervals of decisions hold together at 1 - `level`, whenever each was
///   made.
/// - Variances of the differences are those of Comparison, moderated over configs.
/// - From the second seed on, a config also ends where the remaining seeds would not narrow its interval by a tenth. It
///   ends where its interval lies within the margin. A config that is not dropped thus has whole seeds.
class Race : public Strategy {
 public:
  /// `margin` is a difference of Scores, 0 or more, and 0 < `level` < 1.
  explicit Race(double margin, double level = .05) : margin_(margin), level_(level) {}

  /// Throws Error for a space of fewer than two folds.
  Step next(const SearchSpace& space, const History& history) const override;

  /// Blocks before the first decision.
  static constexpr int kFirstLook = 3;

 private:
  std::vector<Decision> look(const SearchSpace& space, const History& history, const std::vector<int>& in) const;

  double margin_, level_;
};

}  // namespace medley::sweep
