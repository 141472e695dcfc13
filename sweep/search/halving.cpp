#include "sweep/search/halving.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sweep/error.h"
#include "sweep/search/rounds.h"

namespace medley::sweep {

Halving::Halving(std::vector<SpacePoint> points, int rungs, int eta)
    : points_(std::move(points)), rungs_(rungs), eta_(eta) {
  if (eta < 2) throw Error("halving keeps one of 2 or more");
  if (rungs < 2) throw Error("halving has two rungs or more");
}

std::vector<int> Halving::rungs(int first, int eta, int epochs) {
  std::vector<int> all;
  for (std::int64_t rung = first; rung < epochs; rung *= eta) all.push_back(static_cast<int>(rung));
  all.push_back(0);
  return all;
}

Step Halving::next(const SearchSpace& space, const History& history) const {
  if (!space.drawing) throw Error("halving needs to know what its configs are");
  const int rung = rounds_of(history);
  Step step;
  if (rung >= rungs_) {
    step.done = true;
    return step;
  }
  const auto add = [&](SpacePoint point) {
    const int config = space.configs + static_cast<int>(step.drawn.size());
    for (const std::uint64_t seed : space.seeds) {
      for (const int fold : space.folds) step.add.push_back({config, seed, fold});
    }
    point.push_back(rung);
    step.drawn.push_back(std::move(point));
  };
  if (rung == 0) {
    for (const SpacePoint& point : points_) add(point);
    return step;
  }
  std::set<int> last;
  for (const SearchRun& run : history.steps.back().add) last.insert(run.config);
  std::vector<int> ranked(last.begin(), last.end());
  sort_by_score(ranked, space, history.runs);
  const std::size_t kept = (ranked.size() + static_cast<std::size_t>(eta_) - 1) / static_cast<std::size_t>(eta_);
  for (std::size_t i = kept; i < ranked.size(); ++i) {
    const int runs = static_cast<int>(space.seeds.size() * space.folds.size());
    step.decisions.push_back({ranked[i], DecisionKind::kNotPromoted, runs, {}, kNaN, {kNaN, kNaN}});
  }
  ranked.resize(kept);
  std::sort(ranked.begin(), ranked.end());
  for (const int config : ranked) {
    SpacePoint point = space.drawing->points[static_cast<std::size_t>(config)];
    point.pop_back();
    add(std::move(point));
  }
  return step;
}

}  // namespace medley::sweep
