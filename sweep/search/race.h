#pragma once

#include "sweep/search/strategy.h"

namespace medley::sweep {

/// Trains all configs on the same runs, and drops those that are behind the best one. docs/search.md has its formulas
/// and what they are measured to do.
///
/// The first round has three folds of the first seed. Each of its other folds is a round, and then each further seed. A
/// round has all configs that are still in. Every round is followed by a look:
///
/// - A config is dropped where its difference to the best one so far is below -margin by more than chance. At most
///   `level` is the chance that the race ever drops a config within the margin of the truly best one. Each ordered pair
///   of the C configs has a C (C - 1)-th of it, since any may be the best so far, and the j-th look 1 / (j (j + 1)) of
///   that. All intervals of decisions hold together with 1 - `level`, whenever they were made.
/// - The variance of a difference is that of Comparison, moderated over configs.
/// - A config also ends where its interval lies within the margin, and where the remaining seeds would not narrow it by
/// a
///   tenth. The first is judged after whole seeds, the second from the second seed on.
///
/// The race ends at a whole seed. A config that is not dropped thus has all folds of its seeds.
class Race : public Strategy {
 public:
  /// `margin` is a difference of Scores, 0 or more, and 0 < `level` < 1.
  explicit Race(double margin, double level = .05) : margin_(margin), level_(level) {}

  /// Throws Error for a space of fewer than two folds.
  Step next(const SearchSpace& space, const History& history) const override;

 private:
  std::vector<Decision> look(const SearchSpace& space, const History& history, const std::vector<int>& in,
                             int blocks) const;

  double margin_, level_;
};

}  // namespace medley::sweep
