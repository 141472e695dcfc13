#include "sweep/search/rounds.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

bool same_actors(const std::vector<ActorHits>& a, const std::vector<ActorHits>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ActorHits& one, const ActorHits& other) { return one.actor == other.actor; });
}

bool earlier(const EndedRun& a, const EndedRun& b) { return std::tie(a.seed, a.fold) < std::tie(b.seed, b.fold); }

std::size_t index(int config) { return static_cast<std::size_t>(config); }

}  // namespace

void check_folds(const SearchSpace& space) {
  if (space.folds.size() < 2) {
    throw Error("a search that compares configs needs at least 2 folds, not " + std::to_string(space.folds.size()));
  }
}

int rounds_of(const History& history) {
  return static_cast<int>(
      std::count_if(history.steps.begin(), history.steps.end(), [](const Step& step) { return !step.add.empty(); }));
}

std::vector<int> configs_in(const SearchSpace& space, const History& history) {
  std::set<int> out;
  for (const Step& step : history.steps) {
    for (const Decision& decision : step.decisions) out.insert(decision.config);
  }
  std::vector<int> in;
  for (int config = 0; config < space.configs; ++config) {
    if (out.count(config) == 0) in.push_back(config);
  }
  return in;
}

std::vector<ConfigRuns> runs_by_config(const SearchSpace& space, const std::vector<EndedRun>& runs) {
  std::vector<ConfigRuns> sorted(index(space.configs));
  for (const EndedRun& run : runs) {
    if (std::isfinite(run.score)) sorted.at(index(run.config)).push_back(&run);
  }
  return sorted;
}

void sort_by_score(std::vector<int>& configs, const SearchSpace& space, const std::vector<EndedRun>& runs) {
  std::vector<double> means(index(space.configs));
  std::vector<int> counts(means.size());
  for (const EndedRun& run : runs) {
    means.at(index(run.config)) += run.score;  // NaN stays
    ++counts[index(run.config)];
  }
  for (std::size_t i = 0; i < means.size(); ++i) {
    means[i] = counts[i] == 0 || std::isnan(means[i]) ? -1 : means[i] / counts[i];
  }
  std::stable_sort(configs.begin(), configs.end(), [&](int a, int b) { return means[index(a)] > means[index(b)]; });
}

std::vector<RunDifference> differences(const ConfigRuns& config, const ConfigRuns& other) {
  std::vector<RunDifference> made;
  auto theirs = other.begin();
  for (const EndedRun* mine : config) {
    while (theirs != other.end() && earlier(**theirs, *mine)) ++theirs;
    if (theirs == other.end()) break;
    if (earlier(*mine, **theirs)) continue;
    RunDifference difference{mine->fold, mine->score - (*theirs)->score, mine->seed, {}};
    if (same_actors(mine->actors, (*theirs)->actors)) {
      for (std::size_t i = 0; i < mine->actors.size(); ++i) {
        const ActorHits &a = mine->actors[i], &b = (*theirs)->actors[i];
        difference.actors.push_back({a.actor, a.presence - b.presence, a.salience - b.salience, a.clips, a.blends});
      }
    }
    made.push_back(std::move(difference));
  }
  return made;
}

std::vector<EndedRun> mean_runs(const std::vector<ConfigRuns>& runs, const std::vector<int>& configs) {
  struct Sum {
    EndedRun run;
    int count = 0;
  };
  std::map<std::pair<std::uint64_t, int>, Sum> sums;
  for (const int config : configs) {
    for (const EndedRun* run : runs[index(config)]) {
      Sum& sum = sums[{run->seed, run->fold}];
      if (sum.count++ == 0) {
        sum.run = *run;
        continue;
      }
      sum.run.score += run->score;
      if (!same_actors(sum.run.actors, run->actors)) sum.run.actors.clear();
      for (std::size_t i = 0; i < sum.run.actors.size(); ++i) {
        sum.run.actors[i].presence += run->actors[i].presence;
        sum.run.actors[i].salience += run->actors[i].salience;
      }
    }
  }
  std::vector<EndedRun> means;
  for (auto& [key, sum] : sums) {
    sum.run.score /= sum.count;
    for (ActorHits& hits : sum.run.actors) {
      hits.presence /= sum.count;
      hits.salience /= sum.count;
    }
    means.push_back(std::move(sum.run));
  }
  return means;
}

std::optional<int> best_config(const std::vector<ConfigRuns>& runs, const std::vector<int>& configs) {
  std::map<std::pair<std::uint64_t, int>, double> means;
  for (const EndedRun& mean : mean_runs(runs, configs)) means[{mean.seed, mean.fold}] = mean.score;
  std::optional<int> best;
  std::size_t most = 1;
  double highest = 0;
  for (const int config : configs) {
    const ConfigRuns& own = runs[index(config)];
    if (own.size() < most) continue;
    double score = 0;
    for (const EndedRun* run : own) score += run->score - means.at({run->seed, run->fold});
    score /= static_cast<double>(own.size());
    if (own.size() == most && best && score <= highest) continue;
    best = config;
    most = own.size();
    highest = score;
  }
  return best;
}

}  // namespace medley::sweep
