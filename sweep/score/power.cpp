#include "sweep/score/power.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

/// Of two configs with one seed: the share of clips that they decide differently.
constexpr double kDecidedDifferently = .25;
/// Shares of the variance of a difference with one seed.
constexpr double kLasting = .1, kOfSeeds = .45, kTraining = .45;

struct Expected {
  double variance = 0, freedom = 0;
};

/// Reports estimate the variance of each of n folds with v = S - 1 degrees of freedom, and those of their sum by
/// Satterthwaite, v (sum of s^2)^2 / (sum of s^4). Where all folds are alike, s^2 has the variance 2/v of its mean
/// squared, and the ratio of the expectations is v (n v + 2) / (v + 2).
double training_freedom(const Design& design) {
  const double v = design.seeds - 1;
  return v * (static_cast<double>(design.folds) * design.repeats * v + 2) / (v + 2);
}

Expected expect_by_actors(const DifferenceVariance& of, const Design& design) {
  const double more = design.clips / of.clips;
  const double runs = static_cast<double>(design.seeds) * design.repeats;
  const double factor = ActorComparison::factor(design.folds);
  const double freedom = std::max(1.0, of.freedom * more);
  const double of_actors = (of.lasting + of.of_seeds / runs) / more;
  if (design.seeds == 1) return {of_actors * (1 + ActorComparison::kUnseenTraining) * factor, freedom};
  const double of_training = of.training / runs / more;
  return {(of_actors + of_training) * factor, satterthwaite(of_actors, freedom, of_training, training_freedom(design))};
}

Expected expect_by_folds(const DifferenceVariance& of, const Design& design) {
  const double more = design.clips / of.clips;
  const double k = design.folds;
  const double seeds = design.seeds;
  const double blocks = k * design.repeats;
  const double within = k * of.training / more;
  const double between = within + seeds * k * of.lasting / more;  // MSB, as BlockedComparison has it
  const double ratio = 1 / (k - 1);
  const double of_between = (1 / (blocks * seeds) + ratio / seeds) * between;
  const double of_within = (1 - 1 / seeds) * ratio * within;
  const double freedom = satterthwaite(of_between, blocks - 1, of_within, blocks * (seeds - 1));
  return {of_between + of_within, (freedom + blocks - 1) / 2};
}

}  // namespace

DifferenceVariance variance_of(const Comparison& comparison, int folds, int seeds, double clips) {
  DifferenceVariance variance;
  variance.clips = clips;
  variance.seeds = seeds;
  if (const ActorComparison* actors = comparison.by_actors()) {
    variance.freedom = actors->actor_freedom();
    if (seeds == 1) {
      const double all = actors->of_actors() / (kLasting + kOfSeeds);
      variance.lasting = kLasting * all;
      variance.of_seeds = kOfSeeds * all;
      variance.training = kTraining * all;
      return variance;
    }
    variance.lasting = actors->of_actors() - actors->of_seeds();
    variance.of_seeds = actors->of_seeds() * seeds;
    variance.training = actors->of_training() * seeds;
    return variance;
  }
  const BlockedComparison& blocks = *comparison.by_folds();
  variance.by = Clusters::kFolds;
  variance.training = (seeds > 1 ? blocks.within() : blocks.between()) / folds;
  if (seeds > 1) variance.lasting = (blocks.between() - blocks.within()) / seeds / folds;
  return variance;
}

void share_lasting(std::vector<DifferenceVariance>& pairs) {
  const auto falling = [](DifferenceVariance& pair) -> double& {
    return pair.by == Clusters::kActors ? pair.of_seeds : pair.training;
  };
  double lasting = 0, all = 0;
  for (DifferenceVariance& pair : pairs) {
    lasting += pair.lasting;
    all += pair.lasting + falling(pair);
  }
  if (all <= 0) return;
  const double share = std::max(0.0, lasting / all);
  for (DifferenceVariance& pair : pairs) {
    const double with_one_seed = (pair.lasting + falling(pair) / pair.seeds) / (share + (1 - share) / pair.seeds);
    pair.lasting = share * with_one_seed;
    falling(pair) = (1 - share) * with_one_seed;
  }
}

DifferenceVariance assumed_variance(double clips, double blends, int actors) {
  const double all = kDecidedDifferently * (1 / clips + 1 / blends) / 4;
  if (actors >= 2) {
    return {Clusters::kActors, clips, kLasting * all, kOfSeeds * all, kTraining * all, actors - 1.0, 0};
  }
  return {Clusters::kFolds, clips, kLasting * all, 0, (kOfSeeds + kTraining) * all, 0, 0};
}

double smallest_difference(const DifferenceVariance& variance, const Design& design, double found) {
  if (design.folds < 2) throw Error("a comparison needs at least 2 folds, not " + std::to_string(design.folds));
  const Expected expected =
      variance.by == Clusters::kActors ? expect_by_actors(variance, design) : expect_by_folds(variance, design);
  if (expected.variance <= 0) return 0;
  const double t = student_t_quantile(.975, expected.freedom) + student_t_quantile(found, expected.freedom);
  return t * std::sqrt(expected.variance);
}

std::vector<double> smallest_differences(const std::vector<DifferenceVariance>& pairs, const Design& design,
                                         double found) {
  std::vector<double> differences;
  for (const DifferenceVariance& pair : pairs) differences.push_back(smallest_difference(pair, design, found));
  return differences;
}

std::vector<Design> cheapest_designs(const std::vector<DifferenceVariance>& pairs, double wished,
                                     const std::vector<Design>& shapes, int most_seeds) {
  std::vector<Design> reached;
  for (Design design : shapes) {
    const auto reaches = [&](int seeds) {
      design.seeds = seeds;
      return quantile(smallest_differences(pairs, design), .5) <= wished;
    };
    if (!reaches(most_seeds)) continue;
    int enough = most_seeds;
    for (int too_few = 0; enough - too_few > 1;) {
      const int middle = (too_few + enough) / 2;
      (reaches(middle) ? enough : too_few) = middle;
    }
    design.seeds = enough;
    reached.push_back(design);
  }
  std::stable_sort(reached.begin(), reached.end(), [](const Design& a, const Design& b) {
    return a.trainings() != b.trainings() ? a.trainings() < b.trainings() : a.folds > b.folds;
  });
  return reached;
}

}  // namespace medley::sweep
