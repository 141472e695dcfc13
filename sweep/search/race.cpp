#include "sweep/search/race.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sweep/search/moderation.h"
#include "sweep/search/rounds.h"

namespace medley::sweep {
namespace {

/// Squared standard errors: with the runs that there are, and with all seeds.
struct ErrorVariance {
  double now = 0, at_most = 0;
  double freedom = 0;
};

ErrorVariance error_variance(const Comparison& comparison, double seeds) {
  const double now = comparison.result().standard_error, at_most = comparison.standard_error(seeds);
  return {now * now, at_most * at_most, comparison.degrees_of_freedom()};
}

/// What the configs of a look have in common.
struct Prior {
  double now = 0, at_most = 0;  ///< of the difference of two configs
  double freedom = 0;           ///< d0
  double most_freedom = 0;      ///< of all estimates together
};

}  // namespace

Step Race::next(const SearchSpace& space, const History& history) const {
  check_folds(space);
  std::vector<std::pair<std::uint64_t, int>> blocks;
  for (const std::uint64_t seed : space.seeds) {
    for (const int fold : space.folds) blocks.emplace_back(seed, fold);
  }
  const auto done = static_cast<std::size_t>(rounds_of(history));
  std::vector<int> in = configs_in(space, history);
  Step step;
  if (done >= std::min<std::size_t>(kFirstLook, blocks.size())) {
    step.decisions = look(space, history, in);
    for (const Decision& decision : step.decisions) in.erase(std::find(in.begin(), in.end(), decision.config));
    const bool whole_seed = done % space.folds.size() == 0;
    if (in.size() <= 1 && whole_seed) in.clear();
  }
  const auto block = [&](std::size_t number) {
    std::vector<SearchRun> runs;
    for (const int config : in) {
      if (number < blocks.size()) runs.push_back({config, blocks[number].first, blocks[number].second});
    }
    return runs;
  };
  step.add = block(done);
  step.likely = block(done + 1);
  step.done = step.add.empty();
  return step;
}

std::vector<Decision> Race::look(const SearchSpace& space, const History& history, const std::vector<int>& in) const {
  const std::vector<ConfigRuns> runs = runs_by_config(space, history.runs);
  const auto of = [&](int config) -> const ConfigRuns& { return runs[static_cast<std::size_t>(config)]; };
  const int folds = static_cast<int>(space.folds.size());
  const auto done = static_cast<std::size_t>(rounds_of(history));
  const bool whole_seed = done % space.folds.size() == 0;
  const bool several_seeds = done >= 2 * space.folds.size();
  const auto seeds = static_cast<double>(space.seeds.size());
  std::vector<Decision> decisions;
  if (whole_seed) {
    for (const int config : in) {
      if (of(config).empty())
        decisions.push_back({config, DecisionKind::kUnsettled, static_cast<int>(done), {}, kNaN, {kNaN, kNaN}});
    }
  }
  const std::optional<int> best = best_config(runs, in);
  if (!best) return decisions;

  // The mean over all pairs of a variance that is quadratic in the difference follows from differences to the mean.
  const std::vector<EndedRun> mean = mean_runs(runs, in);
  ConfigRuns of_mean;
  for (const EndedRun& run : mean) of_mean.push_back(&run);
  Prior prior;
  std::vector<double> variances, freedoms;
  double at_most = 0;
  for (const int config : in) {
    const Comparison comparison(differences(of(config), of_mean), folds);
    if (!std::isfinite(comparison.result().standard_error)) continue;
    const ErrorVariance variance = error_variance(comparison, seeds);
    variances.push_back(variance.now);
    freedoms.push_back(variance.freedom);
    at_most += variance.at_most;
  }
  const auto count = static_cast<double>(variances.size());
  if (count < 2) return decisions;
  prior.freedom = prior_freedom(variances, freedoms);
  prior.most_freedom = (count - 1) * sweep::mean(freedoms);
  prior.now = 2 * sweep::mean(variances) * count / (count - 1);
  prior.at_most = 2 * at_most / (count - 1);

  struct Pair {
    int config;
    double difference;
    ErrorVariance variance;
  };
  std::vector<Pair> pairs;
  double of_pairs = 0;
  for (const int config : in) {
    if (config == *best) continue;
    const Comparison comparison(differences(of(config), of(*best)), folds);
    if (!std::isfinite(comparison.result().standard_error)) continue;
    pairs.push_back({config, comparison.result().mean, error_variance(comparison, seeds)});
    of_pairs += pairs.back().variance.now;
  }
  // The best one's own variance is in all of these pairs, and may be larger than the others'.
  const double larger =
      pairs.empty() || prior.now == 0 ? 1 : std::max(1.0, of_pairs / static_cast<double>(pairs.size()) / prior.now);
  prior.now *= larger;
  prior.at_most *= larger;

  const double looks = static_cast<double>(done - std::min<std::size_t>(kFirstLook, done) + 1);
  const char* e = getenv("RC");
  const double C = e && *e == 'r' ? (double)in.size() : (double)space.configs;
  const double at_look = level_ / (C * (C - 1)) / (looks * (looks + 1));
  const double margin = getenv("RM") ? 0 : margin_;
  for (const auto& [config, difference, own] : pairs) {
    const double freedom = std::min(prior.most_freedom, own.freedom + prior.freedom);
    const double now = moderated(own.now, own.freedom, prior.now, prior.freedom);
    const double then = moderated(own.at_most, own.freedom, prior.at_most, prior.freedom);
    const double half = now == 0 ? 0 : student_t_quantile(1 - at_look, freedom) * std::sqrt(now);
    Decision decision{config,
                      DecisionKind::kBehind,
                      static_cast<int>(done),
                      best,
                      difference,
                      {difference - half, difference + half}};
    if (decision.interval.high < -margin) {
      decisions.push_back(decision);
      continue;
    }
    if (!whole_seed) continue;
    if (decision.interval.low >= -margin_ && decision.interval.high <= margin_) {
      decision.kind = DecisionKind::kSettled;
    } else if (several_seeds && std::sqrt(then) > kNarrower * std::sqrt(now)) {
      decision.kind = DecisionKind::kUnsettled;
    } else {
      continue;
    }
    decisions.push_back(decision);
  }
  return decisions;
}

}  // namespace medley::sweep
