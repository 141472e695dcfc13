#pragma once

#include <algorithm>
#include <vector>

#include "sweep/search/strategy.h"

namespace medley::sweep {

/// Scores of five configs in three seeds x four folds, [config][seed][fold]. Expected values of tests were computed
/// from them by NumPy and SciPy.
inline const std::vector<std::vector<std::vector<double>>>& made_scores() {
  static const std::vector<std::vector<std::vector<double>>> all = {
      {{.439, .400, .414, .422}, {.398, .386, .368, .386}, {.416, .391, .386, .394}},
      {{.420, .403, .408, .421}, {.398, .378, .389, .383}, {.415, .372, .390, .391}},
      {{.334, .326, .338, .329}, {.307, .301, .290, .290}, {.334, .282, .300, .305}},
      {{.429, .422, .417, .415}, {.421, .393, .389, .379}, {.440, .372, .404, .400}},
      {{.410, .392, .382, .380}, {.386, .361, .351, .342}, {.404, .326, .361, .360}},
  };
  return all;
}

inline std::vector<EndedRun> table_of(const std::vector<std::vector<std::vector<double>>>& scores) {
  std::vector<EndedRun> table;
  for (std::size_t config = 0; config < scores.size(); ++config) {
    for (std::size_t seed = 0; seed < scores[config].size(); ++seed) {
      for (std::size_t fold = 0; fold < scores[config][seed].size(); ++fold) {
        EndedRun run;
        run.config = static_cast<int>(config);
        run.seed = seed;
        run.fold = static_cast<int>(fold);
        run.score = scores[config][seed][fold];
        table.push_back(run);
      }
    }
  }
  return table;
}

inline SearchSpace space_of(int configs, int folds, int seeds) {
  SearchSpace space;
  space.configs = configs;
  for (int fold = 0; fold < folds; ++fold) space.folds.push_back(fold);
  for (int seed = 0; seed < seeds; ++seed) space.seeds.push_back(static_cast<std::uint64_t>(seed));
  return space;
}

inline std::vector<Decision> decisions_of(const History& history) {
  std::vector<Decision> all;
  for (const Step& step : history.steps) all.insert(all.end(), step.decisions.begin(), step.decisions.end());
  return all;
}

inline std::ptrdiff_t runs_of(const History& history, int config) {
  return std::count_if(history.runs.begin(), history.runs.end(),
                       [&](const EndedRun& run) { return run.config == config; });
}

}  // namespace medley::sweep
