#include "sweep/search/until_settled.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/search/replay.h"
#include "tests/support/planted_sweep.h"
#include "tests/sweep/search/made_table.h"

namespace medley::sweep {
namespace {

SearchSpace with_reference(SearchSpace space, int reference) {
  space.reference = reference;
  return space;
}

TEST(UntilSettled, ARoundIsASeedOfEveryFold) {
  const auto space = with_reference(space_of(5, 4, 3), 0);
  const Step first = UntilSettled(.01).next(space, {});
  EXPECT_EQ(first.add.size(), 20u);
  EXPECT_EQ(first.add[5], (SearchRun{1, 0, 1}));
  EXPECT_EQ(first.likely.size(), 20u);
  EXPECT_EQ(first.likely[0], (SearchRun{0, 1, 0}));
}

TEST(UntilSettled, IntervalsSpendTheErrorOverSeeds) {
  const auto space = with_reference(space_of(5, 4, 3), 0);
  const std::vector<Decision> decisions = decisions_of(replay(UntilSettled(.01), space, table_of(made_scores())));
  const auto third = std::find_if(decisions.begin(), decisions.end(), [](const auto& d) { return d.config == 2; });
  ASSERT_NE(third, decisions.end());
  // SciPy: Holm's p is .018 after one seed and .005 after two, where .05 / 2 and .05 / 6 are needed.
  EXPECT_EQ(third->kind, DecisionKind::kSettled);
  EXPECT_EQ(third->runs, 4);
  EXPECT_EQ(third->against, 0);
  EXPECT_NEAR(third->difference, -0.087, 1e-12);
  EXPECT_NEAR(third->interval.low, -0.13395377961085048, 1e-9);
  EXPECT_NEAR(third->interval.high, -0.040046220389149484, 1e-9);
  // A level of .03 needs .015, which p is below but Holm's p is not, and .005 after two seeds.
  const std::vector<Decision> strict = decisions_of(replay(UntilSettled(.01, .03), space, table_of(made_scores())));
  const auto later = std::find_if(strict.begin(), strict.end(), [](const auto& d) { return d.config == 2; });
  EXPECT_EQ(later->runs, 8);
  EXPECT_EQ(later->kind, DecisionKind::kSettled);
}

TEST(UntilSettled, StopsWhatIsSettledAndKeepsTheReference) {
  planted::Random random(1);
  planted::Components components;
  components.effects = {.2, 0, 0, -.2};
  components.config_fold = components.residual = .001;
  planted::Sweep sweep = planted::draw(components, 5, 6, random);
  std::vector<int> order = {0, 1, 2, 3};
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return sweep.truth[planted::at(a)] > sweep.truth[planted::at(b)]; });
  SearchSpace space = with_reference(sweep.space(), order[1]);
  const History history = replay(UntilSettled(.01), space, sweep.runs);
  const std::vector<Decision> decisions = decisions_of(history);
  ASSERT_EQ(decisions.size(), 3u);
  for (const Decision& decision : decisions) {
    EXPECT_EQ(decision.kind, DecisionKind::kSettled);
    EXPECT_EQ(decision.against, order[1]);
    const double truth = sweep.truth[planted::at(decision.config)] - sweep.truth[planted::at(order[1])];
    EXPECT_NEAR(decision.difference, truth, .01);
    EXPECT_EQ(decision.interval.low > 0, truth > 0);
    EXPECT_EQ(decision.interval.high < 0, truth < 0);
  }
  EXPECT_EQ(runs_of(history, order[0]), 5);
  EXPECT_EQ(runs_of(history, order[3]), 5);
  EXPECT_EQ(runs_of(history, order[1]), std::max(runs_of(history, order[2]), runs_of(history, order[0])));
}

TEST(UntilSettled, EndsWhatMoreSeedsCannotNarrow) {
  // Only the folds differ, so seeds narrow nothing.
  planted::Random random(1);
  planted::Components components;
  components.effects.assign(3, 0);
  components.residual = 1e-5;
  components.config_fold = .02;
  const planted::Sweep sweep = planted::draw(components, 5, 8, random);
  for (const Decision& decision : decisions_of(replay(UntilSettled(.001), sweep.space(), sweep.runs))) {
    EXPECT_EQ(decision.kind, DecisionKind::kUnsettled);
    EXPECT_EQ(decision.runs, 10);
  }
}

TEST(UntilSettled, RarelySettlesADifferenceThatIsNotThere) {
  for (const bool reference : {true, false}) {
    int wrong_sweeps = 0, intervals = 0, holding = 0;
    for (int number = 0; number < 200; ++number) {
      planted::Random random(static_cast<std::uint64_t>(number));
      planted::Components components;
      components.effects.assign(10, 0);
      const planted::Sweep sweep = planted::draw(components, 5, 5, random);
      SearchSpace space = sweep.space();
      if (reference) space.reference = 0;
      bool wrong = false;
      for (const Decision& decision : decisions_of(replay(UntilSettled(0), space, sweep.runs))) {
        wrong |= decision.kind == DecisionKind::kSettled;
        ++intervals;
        holding += decision.interval.low <= 0 && decision.interval.high >= 0;
      }
      wrong_sweeps += wrong;
    }
    EXPECT_LE(wrong_sweeps, 17) << reference;  // P(X > 17) < .01 at a chance of .05
    EXPECT_GE(holding, .95 * intervals) << reference;
  }
}

TEST(UntilSettled, ConfigsWithoutAScoreEndUnsettled) {
  std::vector<EndedRun> table = table_of(made_scores());
  for (EndedRun& run : table) {
    if (run.config == 1) run.score = kNaN;
  }
  const auto space = with_reference(space_of(5, 4, 3), 0);
  const std::vector<Decision> decisions = decisions_of(replay(UntilSettled(.01), space, table));
  const auto diverged = std::find_if(decisions.begin(), decisions.end(), [](const auto& d) { return d.config == 1; });
  ASSERT_NE(diverged, decisions.end());
  EXPECT_EQ(diverged->kind, DecisionKind::kUnsettled);
  EXPECT_EQ(diverged->runs, 8);
  EXPECT_THROW(UntilSettled(.01).next(space_of(5, 1, 3), {}), Error);
}

}  // namespace
}  // namespace medley::sweep
