#include "sweep/search/race.h"

#include <algorithm>
#include <cmath>

#include "sweep/search/moderation.h"
#include "sweep/search/rounds.h"

namespace medley::sweep {
namespace {

constexpr int kFirstLook = 3;  ///< blocks: folds with a seed

/// Blocks after `rounds` rounds.
int blocks_after(int rounds, int folds) {
  if (rounds == 0) return 0;
  const int first = std::min(kFirstLook, folds), rest = folds - first;
  return rounds <= 1 + rest ? first + rounds - 1 : folds * (rounds - rest);
}

/// Of a difference.
struct Variance {
  double mean = 0;              ///< squared standard error
  double freedom = 0;           ///< its degrees of freedom
  double now = 0, at_most = 0;  ///< squared standard errors by the components of variance: with as many seeds, with all
};

Variance variance_of(const Comparison& comparison, double seeds, double at_most) {
  const auto squared = [](double x) { return x * x; };
  return {squared(comparison.result().standard_error), comparison.degrees_of_freedom(),
          squared(comparison.standard_error(seeds)), squared(comparison.standard_error(at_most))};
}

struct Pair {
  int config = 0;
  double difference = 0;
  Variance variance;
};

/// What variances of differences are moderated with.
struct Prior {
  Variance variance;
  double most_freedom = 0;  ///< of all estimates together

  Variance moderate(const Variance& own) const {
    const auto towards = [&](double Variance::*part) {
      return moderated(own.*part, own.freedom, variance.*part, variance.freedom);
    };
    return {towards(&Variance::mean), std::min(most_freedom, own.freedom + variance.freedom), towards(&Variance::now),
            towards(&Variance::at_most)};
  }
};

/// From the configs' differences to the mean of all, and from `pairs` with the best one. A variance is quadratic in the
/// difference, so the first have the mean over all pairs: 2 / (C - 1) times their sum. All of `pairs` have the best
/// one's own variance in them, so their mean counts where it is larger.
Prior prior_of(const std::vector<Variance>& to_mean, const std::vector<Pair>& pairs) {
  std::vector<double> variances, freedoms;
  Prior prior;
  Variance& sum = prior.variance;
  for (const Variance& variance : to_mean) {
    variances.push_back(variance.mean);
    freedoms.push_back(variance.freedom);
    sum.mean += variance.mean;
    sum.now += variance.now;
    sum.at_most += variance.at_most;
  }
  const double others = static_cast<double>(to_mean.size()) - 1;
  sum.freedom = prior_freedom(variances, freedoms);
  prior.most_freedom = others * mean(freedoms);
  double of_pairs = 0;
  for (const Pair& pair : pairs) of_pairs += pair.variance.mean / static_cast<double>(pairs.size());
  const double scale = std::max(2 / others, sum.mean > 0 ? of_pairs / sum.mean : 0);
  for (double Variance::*part : {&Variance::mean, &Variance::now, &Variance::at_most}) sum.*part *= scale;
  return prior;
}

}  // namespace

Step Race::next(const SearchSpace& space, const History& history) const {
  check_folds(space);
  const int folds = static_cast<int>(space.folds.size()), all = folds * static_cast<int>(space.seeds.size());
  const int rounds = rounds_of(history), done = blocks_after(rounds, folds);
  std::vector<int> in = configs_in(space, history);
  Step step;
  if (done >= kFirstLook || done >= all) {
    step.decisions = look(space, history, in, done);
    for (const Decision& decision : step.decisions) in.erase(std::find(in.begin(), in.end(), decision.config));
    if (in.size() <= 1 && done % folds == 0) in.clear();  // only the best one
  }
  const auto round = [&](int number) {
    std::vector<SearchRun> runs;
    const int end = std::min(all, blocks_after(number, folds));
    for (int block = blocks_after(number - 1, folds); block < end; ++block) {
      for (const int config : in) {
        runs.push_back({config, space.seeds[static_cast<std::size_t>(block / folds)],
                        space.folds[static_cast<std::size_t>(block % folds)]});
      }
    }
    return runs;
  };
  step.add = round(rounds + 1);
  step.likely = round(rounds + 2);
  step.done = step.add.empty();
  return step;
}

std::vector<Decision> Race::look(const SearchSpace& space, const History& history, const std::vector<int>& in,
                                 int blocks) const {
  const std::vector<ConfigRuns> runs = runs_by_config(space, history.runs);
  const auto of = [&](int config) -> const ConfigRuns& { return runs[static_cast<std::size_t>(config)]; };
  const int folds = static_cast<int>(space.folds.size());
  const bool whole_seed = blocks % folds == 0, several_seeds = blocks >= 2 * folds;
  std::vector<Decision> decisions;
  for (const int config : in) {
    if (!whole_seed || !of(config).empty()) continue;
    decisions.push_back({config, DecisionKind::kUnsettled, blocks, {}, kNaN, {kNaN, kNaN}});
  }
  const std::optional<int> best = best_config(runs, in);
  if (!best) return decisions;

  const std::vector<EndedRun> means = mean_runs(runs, in);
  ConfigRuns of_mean;
  for (const EndedRun& run : means) of_mean.push_back(&run);
  const double seeds = std::max(1.0, 1.0 * blocks / folds), at_most = static_cast<double>(space.seeds.size());
  std::vector<Variance> to_mean;
  std::vector<Pair> pairs;
  for (const int config : in) {
    const Comparison with_mean(differences(of(config), of_mean), folds);
    if (std::isfinite(with_mean.result().standard_error)) to_mean.push_back(variance_of(with_mean, seeds, at_most));
    if (config == *best) continue;
    const Comparison with_best(differences(of(config), of(*best)), folds);
    if (!std::isfinite(with_best.result().standard_error)) continue;
    pairs.push_back({config, with_best.result().mean, variance_of(with_best, seeds, at_most)});
  }
  if (pairs.empty() || to_mean.size() < 2) return decisions;
  const Prior prior = prior_of(to_mean, pairs);

  const double configs = space.configs, looks = rounds_of(history);
  const double at_look = level_ / (configs * (configs - 1) * looks * (looks + 1));
  for (const auto& [config, difference, own] : pairs) {
    const Variance variance = prior.moderate(own);
    const double half_width =
        variance.mean > 0 ? student_t_quantile(1 - at_look, variance.freedom) * std::sqrt(variance.mean) : 0;
    const Interval interval{difference - half_width, difference + half_width};
    const bool narrows = variance.at_most < kNarrower * kNarrower * variance.now;
    DecisionKind kind = DecisionKind::kBehind;
    if (interval.high < -margin_) {
      kind = DecisionKind::kBehind;
    } else if (whole_seed && interval.low >= -margin_ && interval.high <= margin_) {
      kind = DecisionKind::kSettled;
    } else if (whole_seed && several_seeds && !narrows) {
      kind = DecisionKind::kUnsettled;
    } else {
      continue;
    }
    decisions.push_back({config, kind, blocks, best, difference, interval});
  }
  return decisions;
}

}  // namespace medley::sweep
