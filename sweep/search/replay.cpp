#include "sweep/search/replay.h"

#include <algorithm>
#include <set>
#include <string>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

std::string run_text(const SearchRun& run) {
  return "config " + std::to_string(run.config) + ", fold " + std::to_string(run.fold) + ", seed " +
         std::to_string(run.seed);
}

}  // namespace

void check_step(const SearchSpace& space, const History& history, const Step& step) {
  std::set<int> decided;
  const auto decide = [&](const Step& one) {
    for (const Decision& decision : one.decisions) {
      if (decision.config < 0 || decision.config >= space.configs || !decided.insert(decision.config).second) {
        throw Error("a search decided config " + std::to_string(decision.config) + ", which it may not");
      }
    }
  };
  for (const Step& earlier : history.steps) decide(earlier);
  decide(step);
  const std::set<int> folds(space.folds.begin(), space.folds.end());
  const std::set<std::uint64_t> seeds(space.seeds.begin(), space.seeds.end());
  std::set<SearchRun> added;
  const int configs = space.configs + static_cast<int>(step.drawn.size());
  for (const SearchRun& run : step.add) {
    if (run.config < 0 || run.config >= configs || folds.count(run.fold) == 0 || seeds.count(run.seed) == 0) {
      throw Error("a search added a run outside of its space: " + run_text(run));
    }
    if (decided.count(run.config) > 0) throw Error("a search added a run of a decided config: " + run_text(run));
    const auto known = std::lower_bound(history.runs.begin(), history.runs.end(), run,
                                        [](const SearchRun& a, const SearchRun& b) { return a < b; });
    const bool ended = known != history.runs.end() && static_cast<const SearchRun&>(*known) == run;
    if (ended || !added.insert(run).second) throw Error("a search added a run twice: " + run_text(run));
  }
  if (step.done != step.add.empty()) throw Error("a search ends with a step that adds nothing, and only there");
}

History replay(const Strategy& strategy, const SearchSpace& space, std::vector<EndedRun> table) {
  const auto before = [](const SearchRun& a, const SearchRun& b) { return a < b; };
  std::sort(table.begin(), table.end(), before);
  const auto twice =
      std::adjacent_find(table.begin(), table.end(), [](const SearchRun& a, const SearchRun& b) { return a == b; });
  if (twice != table.end()) throw Error("the table has a run twice: " + run_text(*twice));
  History history;
  for (;;) {
    Step step = strategy.next(space, history);
    check_step(space, history, step);
    std::vector<EndedRun>& runs = history.runs;
    const auto middle = static_cast<std::ptrdiff_t>(runs.size());
    for (const SearchRun& run : step.add) {
      const auto found = std::lower_bound(table.begin(), table.end(), run, before);
      if (found == table.end() || !(static_cast<const SearchRun&>(*found) == run)) {
        throw Error("the table lacks a run: " + run_text(run));
      }
      runs.push_back(*found);
    }
    std::sort(runs.begin() + middle, runs.end(), before);
    std::inplace_merge(runs.begin(), runs.begin() + middle, runs.end(), before);
    const bool done = step.done;
    history.steps.push_back(std::move(step));
    if (done) return history;
  }
}

}  // namespace medley::sweep
