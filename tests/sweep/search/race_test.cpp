#include "sweep/search/race.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/search/replay.h"
#include "tests/support/planted_sweep.h"
#include "tests/sweep/search/made_table.h"

namespace medley::sweep {
namespace {

/// P(X > 17) < .01 for X of 200 draws with a chance of .05 each (scipy.stats.binom): more speak against the guarantee.
constexpr int kNullSweeps = 200, kMostOf200 = 17;

TEST(Race, RoundsAreThreeFoldsThenFoldsThenSeeds) {
  const History history = replay(Race(.01), space_of(5, 4, 3), table_of(made_scores()));
  // The third config is out after three blocks. After two seeds the third one would narrow no interval by a tenth.
  ASSERT_EQ(history.steps.size(), 4u);
  EXPECT_EQ(history.steps[0].add.size(), 15u);
  EXPECT_EQ(history.steps[0].add[5], (SearchRun{0, 0, 1}));
  EXPECT_EQ(history.steps[0].likely.size(), 5u);
  EXPECT_EQ(history.steps[1].add.size(), 4u);
  EXPECT_EQ(history.steps[1].add[3], (SearchRun{4, 0, 3}));
  EXPECT_EQ(history.steps[2].add.size(), 16u);
  EXPECT_EQ(history.steps[2].add[4], (SearchRun{0, 1, 1}));
  EXPECT_TRUE(history.steps[3].done);
}

TEST(Race, IntervalsAreThoseOfModeratedVariancesWithErrorSpentOverPairsAndLooks) {
  const History history = replay(Race(.01), space_of(5, 4, 3), table_of(made_scores()));
  const std::vector<Decision> decisions = decisions_of(history);
  ASSERT_EQ(decisions.size(), 4u);
  // NumPy and SciPy: blocked variances of three folds, d0 = 2.522, t at 1 - .05 / (5 4 2) with 4.522 df.
  EXPECT_EQ(decisions[0].config, 2);
  EXPECT_EQ(decisions[0].kind, DecisionKind::kBehind);
  EXPECT_EQ(decisions[0].runs, 3);
  EXPECT_EQ(decisions[0].against, 3);
  EXPECT_NEAR(decisions[0].difference, -.09, 1e-12);
  EXPECT_NEAR(decisions[0].interval.low, -0.14451642756513494, 1e-8);
  EXPECT_NEAR(decisions[0].interval.high, -0.035483572434864996, 1e-8);
  // The third look has two seeds: d0 is infinite, 11.69 df.
  EXPECT_EQ(decisions[1].config, 0);
  EXPECT_EQ(decisions[1].kind, DecisionKind::kUnsettled);
  EXPECT_EQ(decisions[1].runs, 8);
  EXPECT_NEAR(decisions[1].interval.low, -0.048659707657715684, 1e-8);
  EXPECT_NEAR(decisions[1].interval.high, 0.0356597076577157, 1e-8);
  EXPECT_EQ(decisions[3].config, 4);
  EXPECT_NEAR(decisions[3].interval.low, -0.074784707657715693, 1e-8);
  EXPECT_NEAR(decisions[3].interval.high, 0.0095347076577156978, 1e-8);
}

TEST(Race, DropsWhatIsEvidentlyBehindAndEndsWithAWholeSeed) {
  planted::Random random(1);
  planted::Components components;
  components.effects = {.2, 0, 0, 0, 0, 0};
  const planted::Sweep sweep = planted::draw(components, 5, 4, random);
  const auto best = static_cast<int>(std::max_element(sweep.truth.begin(), sweep.truth.end()) - sweep.truth.begin());
  const History history = replay(Race(.01), sweep.space(), sweep.runs);
  for (int config = 0; config < 6; ++config) EXPECT_EQ(runs_of(history, config), config == best ? 5 : 3);
  for (const Decision& decision : decisions_of(history)) {
    EXPECT_EQ(decision.kind, DecisionKind::kBehind);
    EXPECT_EQ(decision.against, best);
  }
}

TEST(Race, DecidesTheSameInAnyOrderOfArrival) {
  planted::Random random(2);
  planted::Components components;
  components.effects = {.05, .04, .03, 0, 0, -.05};
  planted::Sweep sweep = planted::draw(components, 5, 4, random);
  const History history = replay(Race(.01), sweep.space(), sweep.runs);
  std::shuffle(sweep.runs.begin(), sweep.runs.end(), random);
  const History other = replay(Race(.01), sweep.space(), sweep.runs);
  ASSERT_EQ(history.steps.size(), other.steps.size());
  for (std::size_t i = 0; i < history.steps.size(); ++i) EXPECT_EQ(history.steps[i].add, other.steps[i].add);
}

TEST(Race, RarelyDropsATiedConfig) {
  planted::Components equal, behind_by_the_margin;
  equal.effects.assign(10, 0);
  behind_by_the_margin.effects.assign(10, -.01);
  behind_by_the_margin.effects[0] = 0;
  behind_by_the_margin.residual = .002;  // a race that tests against 0 drops some in nearly every sweep
  behind_by_the_margin.config_fold = .001;
  for (const auto& [components, margin] : {std::pair(equal, 0.), std::pair(behind_by_the_margin, .01)}) {
    int with_a_drop = 0, with_a_wrong_interval = 0;
    for (int number = 0; number < kNullSweeps; ++number) {
      planted::Random random(static_cast<std::uint64_t>(number));
      const planted::Sweep sweep = planted::draw(components, 5, 3, random);
      bool drop = false, wrong = false;
      for (const Decision& decision : decisions_of(replay(Race(margin), sweep.space(), sweep.runs))) {
        drop |= decision.kind == DecisionKind::kBehind;
        const double truth = sweep.truth[planted::at(decision.config)] - sweep.truth[planted::at(*decision.against)];
        wrong |= !(decision.interval.low <= truth && truth <= decision.interval.high);
      }
      with_a_drop += drop;
      with_a_wrong_interval += wrong;
    }
    EXPECT_LE(with_a_drop, kMostOf200) << margin;
    EXPECT_LE(with_a_wrong_interval, kMostOf200) << margin;
  }
}

TEST(Race, GoesByActorsWhereTheyAreKnown) {
  int with_a_drop = 0;
  for (int number = 0; number < kNullSweeps; ++number) {
    planted::Random random(static_cast<std::uint64_t>(number));
    const planted::Sweep sweep = planted::draw_actors(10, 5, 3, random);
    const std::vector<Decision> decisions = decisions_of(replay(Race(0), sweep.space(), sweep.runs));
    with_a_drop += std::any_of(decisions.begin(), decisions.end(),
                               [](const Decision& decision) { return decision.kind == DecisionKind::kBehind; });
  }
  EXPECT_LE(with_a_drop, kMostOf200);
  // A config that hits nothing is out at once, by its pooled Score: that of the winner in the same three folds,
  // negated.
  planted::Random random(1);
  planted::Sweep sweep = planted::draw_actors(4, 5, 2, random);
  for (EndedRun& run : sweep.runs) {
    if (run.config != 1) continue;
    run.score = 0;
    for (ActorHits& hits : run.actors) hits.presence = hits.salience = 0;
  }
  const Decision first = decisions_of(replay(Race(.01), sweep.space(), sweep.runs)).at(0);
  EXPECT_EQ(first.config, 1);
  EXPECT_EQ(first.runs, 3);
  EXPECT_NEAR(first.difference, -sweep.mean_score(*first.against, 3), 1e-12);  // folds have equally many clips
}

TEST(Race, SettlesConfigsThatAreEquivalent) {
  planted::Random random(3);
  planted::Components components;
  components.effects.assign(6, 0);
  components.config_fold = components.residual = 1e-4;
  const planted::Sweep sweep = planted::draw(components, 5, 4, random);
  const std::vector<Decision> decisions = decisions_of(replay(Race(.01), sweep.space(), sweep.runs));
  ASSERT_EQ(decisions.size(), 5u);
  for (const Decision& decision : decisions) {
    EXPECT_EQ(decision.kind, DecisionKind::kSettled);
    EXPECT_EQ(decision.runs, 5);
  }
}

TEST(Race, RunsWithoutAScoreAreLeftOut) {
  std::vector<EndedRun> table = table_of(made_scores());
  for (EndedRun& run : table) {
    if (run.config == 1 || (run.config == 3 && run.fold == 0)) run.score = kNaN;
  }
  const std::vector<Decision> decisions = decisions_of(replay(Race(.01), space_of(5, 4, 3), table));
  const auto diverged = std::find_if(decisions.begin(), decisions.end(), [](const auto& d) { return d.config == 1; });
  ASSERT_NE(diverged, decisions.end());
  EXPECT_EQ(diverged->kind, DecisionKind::kUnsettled);
  EXPECT_EQ(diverged->runs, 4);
  EXPECT_FALSE(diverged->against);
  for (const Decision& decision : decisions) EXPECT_NE(decision.against, 3);  // it has fewer Scores than others
}

TEST(Race, SmallSpacesEnd) {
  const auto rounds = [](int configs, int folds, int seeds) {
    auto scores = made_scores();
    scores.resize(static_cast<std::size_t>(configs));
    std::vector<EndedRun> table = table_of(scores);
    table.erase(std::remove_if(table.begin(), table.end(),
                               [&](const EndedRun& run) {
                                 return run.fold >= folds || run.seed >= static_cast<std::uint64_t>(seeds);
                               }),
                table.end());
    return replay(Race(.01), space_of(configs, folds, seeds), table).steps.size() - 1;
  };
  EXPECT_EQ(rounds(1, 4, 3), 2u);  // one config: a whole seed
  EXPECT_EQ(rounds(5, 2, 1), 1u);
  EXPECT_EQ(rounds(5, 4, 1), 2u);
  EXPECT_THROW(Race(.01).next(space_of(5, 1, 3), {}), Error);
}

}  // namespace
}  // namespace medley::sweep
