#pragma once

#include <vector>

#include "sweep/search/strategy.h"

namespace medley::sweep {

/// Successive halving over epochs (Karnin et al. 2013; Jamieson & Talwalkar 2016): all configs are trained to the first
/// rung, the best of every `eta` of them to the next one, and so on; the last rung is the whole schedule. They are
/// ranked by mean held-out Score over the folds and seeds of the space; one without a Score in some run is the last,
/// and ties are in the order of the configs.
///
/// A config is `points[i]` with the rung as its last coordinate. It says nothing of significance: a config that is not
/// promoted may be tied with one that is.
class Halving : public Strategy {
 public:
  /// Throws Error unless eta is 2 or more and there are two rungs or more.
  Halving(std::vector<SpacePoint> points, int rungs, int eta);
  /// Throws Error for a space that has no `drawing`.
  Step next(const SearchSpace& space, const History& history) const override;

  /// Epochs after which configs are compared, ascending: `first`, `first` x eta, ... below `epochs`; then 0, which is
  /// all of them.
  static std::vector<int> rungs(int first, int eta, int epochs);

 private:
  std::vector<SpacePoint> points_;  ///< without the rung
  int rungs_, eta_;
};

}  // namespace medley::sweep
