#pragma once

#include <cstdint>

#include "sweep/search/strategy.h"

namespace medley::sweep {

/// Draws configs where good ones are likelier than others: the tree-structured Parzen estimator (Bergstra et al. 2011),
/// with kernels over all parameters together (Falkner et al. 2018). A config counts by its mean held-out Score over the
/// folds and seeds of the space; one without a Score in some run counts as the worst.
///
/// The first round is even draws, as `search: random` has them. Each round after it draws `batch` configs, one after
/// the other: those already drawn of the round count as bad, so that the others keep away (a constant liar).
class Tpe : public Strategy {
 public:
  /// Of `configs` in all. Throws Error unless both numbers are 1 or more.
  Tpe(int configs, int batch, std::uint64_t seed);
  /// Throws Error for a space that has no `drawing`.
  Step next(const SearchSpace& space, const History& history) const override;

  static constexpr int kEven = 10;        ///< configs of the first round, if that many are wanted
  static constexpr int kCandidates = 24;  ///< points drawn from the good for each config
  static constexpr double kGood = 0.2;    ///< share of the configs that count as good

 private:
  int configs_, batch_;
  std::uint64_t seed_;
};

}  // namespace medley::sweep
