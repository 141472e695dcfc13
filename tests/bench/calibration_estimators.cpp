#include "tests/bench/calibration_estimators.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace medley::calibration {
namespace {

using namespace sweep;

constexpr int kResamples = 1000;

Judged student(double mean, double variance, double freedom) {
  if (variance <= 0) return {mean, {mean, mean}, mean == 0 ? 1.0 : 0.0};
  const double error = std::sqrt(variance), margin = student_t_quantile(.975, freedom) * error;
  return {mean, {mean - margin, mean + margin}, 2 * student_t_cdf(-std::abs(mean) / error, freedom)};
}

Judged judged(const PairedComparison& comparison) { return {comparison.mean, comparison.interval, comparison.p}; }

/// As BlockedComparison, with `weight` on the part of the variance that stands for training sets that overlap, and k -
/// 1 degrees of freedom.
Judged by_folds(const BlockedComparison& blocked, const std::vector<RunDifference>& runs, int folds, double weight) {
  std::map<std::pair<int, int>, int> blocks;
  for (const RunDifference& run : runs) ++blocks[{run.repeat, run.fold}];
  const auto k = static_cast<double>(blocks.size());
  const double seeds = static_cast<double>(runs.size()) / k, overlap = weight / (folds - 1);
  const double variance =
      blocked.between() * (1 / (k * seeds) + overlap / seeds) + (1 - 1 / seeds) * blocked.within() * overlap;
  return student(blocked.result().mean, variance, k - 1);
}

/// The parts of ActorComparison, with `weight` on the same.
Judged by_actors(const ActorComparison& actors, int folds, double weight) {
  return student(actors.result().mean, (actors.of_actors() + actors.of_training()) * (1 + weight / (folds - 1)),
                 actors.degrees_of_freedom());
}

/// Actors are drawn with replacement, and within each fold its seeds. Of the pooled difference: percentiles, and its
/// standard error with Student's t.
std::vector<Judged> hierarchical_bootstrap(const std::vector<RunDifference>& runs, double mean, double freedom) {
  struct Part {
    std::size_t actor, block, seed;
    ActorHits hits;
  };
  std::map<int, std::size_t> actors;
  std::map<std::pair<int, int>, std::size_t> blocks;  // by repeat, fold
  std::vector<int> seeds;                             // [block]
  std::vector<Part> parts;
  for (const RunDifference& run : runs) {
    const std::size_t block = blocks.emplace(std::pair{run.repeat, run.fold}, blocks.size()).first->second;
    seeds.resize(blocks.size());
    const auto seed = static_cast<std::size_t>(seeds[block]++);
    for (const ActorHits& hits : run.actors)
      parts.push_back({actors.emplace(hits.actor, actors.size()).first->second, block, seed, hits});
  }
  std::vector<double> drawn;
  for (int i = 0; i < kResamples; ++i) {
    const std::vector<int> of_actor = bootstrap_counts(static_cast<int>(actors.size()), i, 20240607);
    std::vector<std::vector<int>> of_seed;
    for (std::size_t block = 0; block < seeds.size(); ++block)
      of_seed.push_back(bootstrap_counts(seeds[block], i, 7'000 + block));
    double presence = 0, salience = 0, clips = 0, blends = 0;
    for (const Part& part : parts) {
      const double times = of_actor[part.actor] * of_seed[part.block][part.seed];
      presence += times * part.hits.presence;
      salience += times * part.hits.salience;
      clips += times * part.hits.clips;
      blends += times * part.hits.blends;
    }
    drawn.push_back(((clips > 0 ? presence / clips : 0) + (blends > 0 ? salience / blends : 0)) / 2);
  }
  const double error = sample_sd(drawn);
  const auto below = std::count_if(drawn.begin(), drawn.end(), [](double value) { return value <= 0; });
  const auto above = std::count_if(drawn.begin(), drawn.end(), [](double value) { return value >= 0; });
  const double tail = static_cast<double>(std::min(below, above)) / kResamples;
  return {{mean, {quantile(drawn, .025), quantile(drawn, .975)}, std::min(1.0, 2 * tail)},
          student(mean, error * error, freedom)};
}

}  // namespace

const std::vector<const char*>& estimator_names() {
  static const std::vector<const char*> names = {
      "by folds (0.1)", "Nadeau-Bengio",      "folds, overlap .1", "folds, overlap .2",   "bootstrap, percentiles",
      "bootstrap, t",   "actors alone (CR2)", "actors + training", "the same, overlap 1", "**by actors**"};
  return names;
}

std::vector<Judged> judge_differences(const std::vector<RunDifference>& runs, int folds) {
  std::vector<double> values;
  for (const RunDifference& run : runs) values.push_back(run.value);
  const BlockedComparison blocked(runs, folds);
  const ActorComparison actors(runs, folds);
  const double mean = actors.result().mean;
  std::vector<Judged> all = {judged(blocked.result()), judged(compare_paired(values, folds)),
                             by_folds(blocked, runs, folds, .1), by_folds(blocked, runs, folds, .2)};
  for (const Judged& one : hierarchical_bootstrap(runs, mean, actors.actor_freedom())) all.push_back(one);
  all.push_back(student(mean, actors.of_actors(), actors.actor_freedom()));
  all.push_back(by_actors(actors, folds, 0));
  all.push_back(by_actors(actors, folds, 1));
  all.push_back(judged(actors.result()));
  return all;
}

}  // namespace medley::calibration
