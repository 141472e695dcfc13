#include "sweep/report/shapley_report.h"

#include <cmath>

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

constexpr int kFolds = 4, kActors = 8;

/// A config with these hits of presence in each of four folds of ten clips of two actors each, five of them blends.
ConfigReport config_of(const std::vector<double>& hits, const std::vector<std::uint64_t>& seeds = {1}) {
  ConfigReport config;
  config.expected = config.done = static_cast<int>(kFolds * seeds.size());
  config.held_out_seeds = static_cast<int>(seeds.size());
  double all = 0;
  for (const std::uint64_t seed : seeds) {
    for (int fold = 0; fold < kFolds; ++fold) {
      RunScore run;
      run.seed = seed;
      run.fold = fold;
      const double more = seed == 2 ? 1 : 0;
      run.actors = {{2 * fold, hits[static_cast<std::size_t>(fold)] + more, 0, 5, 3}, {2 * fold + 1, 1, 0, 5, 2}};
      const double hit = hits[static_cast<std::size_t>(fold)] + more + 1;
      run.held_out = hit / 10 / 2;
      all += hit / static_cast<double>(seeds.size());
      config.runs.push_back(run);
    }
  }
  config.held_out = {all / 40, 0};
  return config;
}

/// [set] of two encoders.
struct Two {
  ConfigReport a = config_of({1, 2, 1, 3}), b = config_of({0, 1, 1, 1}), both = config_of({3, 2, 3, 4});
  std::vector<const ConfigReport*> by_set = {nullptr, &a, &b, &both};
};

TEST(ShapleyReport, ExactValuesHaveTheIntervalOfADifference) {
  const Two two;
  const auto report = make_shapley_report(2, two.by_set, {}, kFolds);
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->exact);
  EXPECT_EQ(report->trained, 3);
  EXPECT_EQ(report->trainings, 12);
  EXPECT_TRUE(report->held_out);
  // v(a) = 11/80, v(b) = 7/80, v(ab) = 16/80: a is worth (11 + 16 - 7) / 2 / 80.
  EXPECT_NEAR(report->values[0].value, 10 / 80., 1e-12);
  EXPECT_NEAR(report->values[1].value, 6 / 80., 1e-12);
  EXPECT_NEAR(report->interactions[0].number.value, -2 / 80., 1e-12);
  // (v(ab) + v(a) - v(b)) / 2, actor by actor, as the difference of configs of half the hits.
  std::vector<RunDifference> differences;
  const double a[] = {1, 2, 1, 3}, b[] = {0, 1, 1, 1}, both[] = {3, 2, 3, 4};
  for (int fold = 0; fold < kFolds; ++fold) {
    RunDifference one;
    one.fold = fold;
    one.seed = 1;
    const double first = (both[fold] + a[fold] - b[fold]) / 2;
    one.actors = {{2 * fold, first, 0, 5, 3}, {2 * fold + 1, .5, 0, 5, 2}};
    one.value = (first + .5) / 20;
    differences.push_back(one);
  }
  const Interval expected = Comparison(differences, kFolds).result().interval;
  EXPECT_NEAR(report->values[0].interval.low, expected.low, 1e-12);
  EXPECT_NEAR(report->values[0].interval.high, expected.high, 1e-12);
  EXPECT_EQ(shapley_text(*report), "exact, over the Scores of all 3 subsets");
  EXPECT_EQ(probe_text(*report), "without a probe");
}

/// Some subsets of five encoders. Encoder e adds (e + 1) / 10 hits to each fold.
struct Five {
  std::vector<ConfigReport> configs;
  std::vector<const ConfigReport*> by_set;
  std::vector<double> worth;

  explicit Five(const std::vector<std::uint32_t>& sets) : by_set(32), worth(32) {
    for (std::size_t set = 1; set < 32; ++set) {
      double hits = 0;
      for (int e = 0; e < 5; ++e) hits += set >> e & 1u ? .1 * (e + 1) : 0;
      configs.push_back(config_of({hits, hits, hits, hits}));
      worth[set] = configs.back().held_out.score();
    }
    for (const std::uint32_t set : sets) by_set[set] = &configs[set - 1];
  }
};

TEST(ShapleyReport, EstimatesAddWhatActorsVary) {
  const Five five(shapley_design(5, 15));
  const auto report = make_shapley_report(5, five.by_set, {}, kFolds);
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->exact);
  EXPECT_EQ(report->trained, 15);
  EXPECT_EQ(report->subsets, 31);
  const auto exact = shapley_values(5, five.worth);
  for (std::size_t e = 0; e < 5; ++e) EXPECT_NEAR(report->values[e].value, exact[e], 1e-9) << e;
  // The gains add up, so that the estimate has no error of its own. What is left are actors. Encoder 4 gives .5 hits to
  // the first actor of each fold, and its fifth of the one hit that the second has with anybody. With .35 of 5 clips on
  // average, u = +-.15 / 40 / 2, and V = 8 u^2 / (1 - 5 / 40) times 1 + 1 / 6.
  std::vector<RunDifference> differences;
  for (int fold = 0; fold < kFolds; ++fold) {
    differences.push_back({fold, .7 / 20, 1, {{2 * fold, .5, 0, 5, 3}, {2 * fold + 1, .2, 0, 5, 2}}});
  }
  const double u = .15 / 40 / 2;
  const double variance = kActors * u * u / (1 - 5 / 40.) * 7 / 6;
  const double t = student_t_quantile(.975, ActorComparison(differences, kFolds).actor_freedom());
  const Interval interval = report->values[4].interval;
  EXPECT_NEAR((interval.high - interval.low) / 2, t * std::sqrt(variance), 1e-9);
  EXPECT_EQ(shapley_text(*report), "estimated from the Scores of 15 of 31 subsets");
}

TEST(ShapleyReport, TellsTheProbe) {
  const Five five(shapley_design(5, 15));
  std::vector<double> probe;
  for (const double worth : five.worth) probe.push_back(worth / 2);
  const auto report = make_shapley_report(5, five.by_set, probe, kFolds);
  ASSERT_TRUE(report && report->probe);
  EXPECT_NEAR(report->probe->slope, 2, 1e-9);
  const auto exact = shapley_values(5, five.worth);
  for (std::size_t e = 0; e < 5; ++e) EXPECT_NEAR(*report->values[e].probe, exact[e] / 2, 1e-12);
  EXPECT_EQ(probe_text(*report),
            "a ridge probe of all subsets correlates 1.000 with the trained Scores, the SD of what it leaves is .000");
}

TEST(ShapleyReport, SaysNothingOfTooFewSubsets) {
  const Five five({1, 2, 4, 8, 16, 31});
  EXPECT_FALSE(make_shapley_report(5, five.by_set, {}, kFolds));
}

TEST(ShapleyReport, ListsTheStrongestInteractionsFirst) {
  ShapleyReport report;
  for (int i = 0; i < 20; ++i) report.interactions.push_back({0, 1, {i % 2 == 0 ? .01 * i : -.01 * i}});
  const auto listed = largest_interactions(report);
  ASSERT_EQ(listed.size(), kInteractionsShown);
  EXPECT_EQ(listed[0]->number.value, -.19);
  EXPECT_EQ(listed[1]->number.value, .18);
}

}  // namespace
}  // namespace medley::sweep
