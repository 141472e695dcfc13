// Predicted intervals by their formulas (SciPy 1.10), and against those that made-up sweeps reach.
#include "sweep/score/power.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/search/rounds.h"
#include "tests/support/planted_sweep.h"

namespace medley::sweep {
namespace {

const DifferenceVariance kByActors{Clusters::kActors, 600, 4e-6, 3e-5, 2e-5, 23, 2};
const DifferenceVariance kByFolds{Clusters::kFolds, 600, 4e-6, 0, 5e-5, 0, 2};

TEST(Power, ByActorsItIsTheFormula) {
  // V = (4e-6 + 3e-5 / 3 + 2e-5 / 3) 1.125; freedom 26.81 = (V_a + V_t)^2 / (V_a^2 / 23 + V_t^2 / 6),
  // where 6 = 2 (5 x 2 + 2) / (2 + 2).
  EXPECT_NEAR(smallest_difference(kByActors, {5, 600, 3}), .00989679487036471, 1e-10);
  // With one seed V_t is .3 V_a, as in a report.
  EXPECT_NEAR(smallest_difference(kByActors, {5, 600, 1}), .0145873368293262, 1e-10);
  // Four fifths of the clips: V_a and V_t are larger by 5/4, and the actors' freedom is 18.4. 2 seeds x 3 repeats.
  EXPECT_NEAR(smallest_difference(kByActors, {4, 480, 2, 3}), .00878565018885703, 1e-10);
  // t(.975) + t(.8)
  EXPECT_NEAR(smallest_difference(kByActors, {5, 600, 3}, .8), .0140205782435615, 1e-10);
}

TEST(Power, ByFoldsItIsTheFormula) {
  // F / (k R) + W / (k R S) + (F + W) / (k - 1), where F and W are k / m times the parts with a share m of the clips.
  EXPECT_NEAR(smallest_difference(kByFolds, {5, 600, 3}), .0219384736223388, 1e-10);
  EXPECT_NEAR(smallest_difference(kByFolds, {5, 600, 1}), .0306039321296216, 1e-10);
  EXPECT_NEAR(smallest_difference(kByFolds, {4, 480, 2, 3}), .0213727846591766, 1e-10);
  EXPECT_NEAR(smallest_difference(kByFolds, {5, 600, 3}, .8), .0303199484097397, 1e-10);
}

TEST(Power, OneFoldIsAnError) { EXPECT_THROW(smallest_difference(kByActors, {1, 120, 3}), Error); }

TEST(Power, CheapestDesignsAreThoseOfASearchThroughAll) {
  std::vector<Design> shapes;
  for (int folds = 2; folds <= 5; ++folds) shapes.push_back({folds, 120.0 * folds});
  const auto cheapest = [&](double wished) {
    std::vector<std::vector<int>> found;  // trainings, folds, seeds
    for (const Design& design : cheapest_designs({kByActors}, wished, shapes, 20)) {
      found.push_back({static_cast<int>(design.trainings()), design.folds, design.seeds});
    }
    return found;
  };
  using Found = std::vector<std::vector<int>>;
  EXPECT_EQ(cheapest(.012), (Found{{12, 4, 3}, {15, 5, 3}, {15, 3, 5}, {24, 2, 12}}));
  EXPECT_EQ(cheapest(.010), (Found{{15, 5, 3}, {20, 4, 5}, {21, 3, 7}}));
  EXPECT_EQ(cheapest(.006), (Found{{70, 5, 14}}));
  EXPECT_EQ(cheapest(.004), Found{}) << "4e-6 alone keeps .0044";
  EXPECT_NEAR(smallest_difference(kByActors, {5, 600, kEndlessSeeds}), .004388, 1e-6);
}

TEST(Power, WhatIsAssumedIsTheFormula) {
  // .25 (1/500 + 1/250) / 4 = 3.75e-4
  const DifferenceVariance actors = assumed_variance(500, 250, 20);
  EXPECT_EQ(actors.by, Clusters::kActors);
  EXPECT_NEAR(actors.lasting, 3.75e-5, 1e-18);
  EXPECT_NEAR(actors.of_seeds, 1.6875e-4, 1e-18);
  EXPECT_NEAR(actors.training, 1.6875e-4, 1e-18);
  EXPECT_EQ(actors.freedom, 19);
  const DifferenceVariance folds = assumed_variance(500, 250, 1);
  EXPECT_EQ(folds.by, Clusters::kFolds);
  EXPECT_NEAR(folds.lasting, 3.75e-5, 1e-18);
  EXPECT_NEAR(folds.training, 3.375e-4, 1e-18);
}

TEST(Power, WhatLastsIsSharedByAllPairs) {
  // Of -1 + 6 and 3 + 4 a sixth lasts. With 2 seeds the pairs have 2 and 5, which are 24/7 and 60/7 with one seed.
  std::vector<DifferenceVariance> pairs = {{Clusters::kActors, 600, -1, 6, .5, 23, 2},
                                           {Clusters::kActors, 600, 3, 4, .5, 23, 2}};
  share_lasting(pairs);
  EXPECT_NEAR(pairs[0].lasting, 4 / 7., 1e-12);
  EXPECT_NEAR(pairs[0].of_seeds, 20 / 7., 1e-12);
  EXPECT_NEAR(pairs[1].lasting, 10 / 7., 1e-12);
  EXPECT_NEAR(pairs[1].of_seeds, 50 / 7., 1e-12);
  EXPECT_EQ(pairs[1].training, .5);
}

/// Configs `first` to `last` of a made-up sweep, every two, with their first `seeds`.
std::vector<std::vector<RunDifference>> pairs_of(const planted::Sweep& sweep, int first, int last, int seeds) {
  const std::vector<ConfigRuns> runs = runs_by_config(sweep.space(), sweep.runs);
  std::vector<std::vector<RunDifference>> pairs;
  for (int a = first; a < last; ++a) {
    for (int b = first; b < a; ++b) {
      std::vector<RunDifference> pair = differences(runs[planted::at(a)], runs[planted::at(b)]);
      pair.erase(
          std::remove_if(pair.begin(), pair.end(),
                         [&](const RunDifference& run) { return run.seed >= static_cast<std::uint64_t>(seeds); }),
          pair.end());
      pairs.push_back(std::move(pair));
    }
  }
  return pairs;
}

double reached(const std::vector<RunDifference>& pair, int folds) {
  const Interval interval = Comparison(pair, folds).result().interval;
  return (interval.high - interval.low) / 2;
}

TEST(Power, AnIntervalOfTheSameDesignIsThatOfTheReport) {
  planted::Random random(7);
  const planted::Sweep by_actors = planted::draw_actors(2, 5, 3, random);
  planted::Components components;
  components.effects.assign(2, 0);
  const planted::Sweep by_folds = planted::draw(components, 5, 3, random);
  for (const planted::Sweep* sweep : {&by_actors, &by_folds}) {
    for (const int seeds : {1, 3}) {
      const auto pair = pairs_of(*sweep, 0, 2, seeds).front();
      const DifferenceVariance variance = variance_of({pair, 5}, 5, seeds, 480);
      // By actors the report's freedom of training depends on how folds differ in it by chance.
      const bool freedom_differs = sweep == &by_actors && seeds > 1;
      EXPECT_NEAR(smallest_difference(variance, {5, 480, seeds}) / reached(pair, 5), 1, freedom_differs ? .03 : 1e-9);
    }
  }
}

TEST(Power, OneSeedDoesNotTellThePartsWhichHaveTheAssumedShares) {
  planted::Random random(7);
  const planted::Sweep sweep = planted::draw_actors(2, 5, 1, random);
  const Comparison comparison(pairs_of(sweep, 0, 2, 1).front(), 5);
  const DifferenceVariance variance = variance_of(comparison, 5, 1, 480);
  const double of_actors = comparison.by_actors()->of_actors();
  EXPECT_NEAR(variance.lasting / of_actors, 10 / 55., 1e-12);
  EXPECT_NEAR(variance.of_seeds / of_actors, 45 / 55., 1e-12);
  EXPECT_NEAR(variance.training / of_actors, 45 / 55., 1e-12);
}

struct Agreement {
  int pairs = 0, within = 0;
  double share() const { return static_cast<double>(within) / pairs; }
};

/// Half of the configs with `seen` seeds predict the half widths of the other half with all.
Agreement agreement(const std::vector<planted::Sweep>& sweeps, int seen) {
  Agreement agreement;
  for (const planted::Sweep& sweep : sweeps) {
    std::vector<DifferenceVariance> variances;
    for (const auto& pair : pairs_of(sweep, 0, sweep.configs / 2, seen)) {
      variances.push_back(variance_of({pair, sweep.folds}, sweep.folds, seen, 480));
    }
    share_lasting(variances);
    const double predicted = quantile(smallest_differences(variances, {sweep.folds, 480, sweep.seeds}), .5);
    for (const auto& pair : pairs_of(sweep, sweep.configs / 2, sweep.configs, sweep.seeds)) {
      ++agreement.pairs;
      agreement.within += std::fabs(reached(pair, sweep.folds) / predicted - 1) <= .2;
    }
  }
  return agreement;
}

TEST(Power, HalfOfTheConfigsPredictTheOthers) {
  planted::Random random(11);
  std::vector<planted::Sweep> sweeps;
  for (int i = 0; i < 20; ++i) sweeps.push_back(planted::draw_actors(16, 5, 4, random));
  EXPECT_GE(agreement(sweeps, 4).share(), .8);
  EXPECT_GE(agreement(sweeps, 2).share(), .8) << "from two seeds";
}

}  // namespace
}  // namespace medley::sweep
