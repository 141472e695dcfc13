#pragma once

#include "sweep/search/strategy.h"

namespace medley::sweep {

/// Trains a seed of every fold a round, and compares every config with the reference, else with the best so far. A
/// config gets no more seeds when its answer is there. Comparison has the estimates, as in reports; docs/search.md has
/// what this is measured to do.
///
/// - The error `level` is spent over looks: 1 / (j (j + 1)) of it goes to the j-th seed. Without a reference each of the
///   other configs may be the best so far, and has an equal part. The interval of a decision holds at 1 - `level`,
///   whenever it is made.
/// - Better and worse are settled where Holm's correction over the configs calls them. Any false one has at most the
///   chance `level` over the whole search.
/// - Equivalence is settled where the interval lies within the margin.
/// - From the second seed on, a config ends unsettled where the remaining seeds would not narrow its interval by a tenth.
///
/// The reference is trained as long as any config is.
class UntilSettled : public Strategy {
 public:
  /// `margin` is a difference of Scores, 0 or more, and 0 < `level` < 1.
  explicit UntilSettled(double margin, double level = .05) : margin_(margin), level_(level) {}

  /// Throws Error for a space of fewer than two folds.
  Step next(const SearchSpace& space, const History& history) const override;

 private:
  std::vector<Decision> look(const SearchSpace& space, const History& history, const std::vector<int>& in) const;

  double margin_, level_;
};

}  // namespace medley::sweep
