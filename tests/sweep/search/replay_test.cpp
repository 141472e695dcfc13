#include "sweep/search/replay.h"

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/search/search.h"
#include "tests/support/error_of.h"
#include "tests/sweep/search/made_table.h"

namespace medley::sweep {
namespace {

/// Adds what it was given, a step each.
class Scripted : public Strategy {
 public:
  explicit Scripted(std::vector<Step> steps) : steps_(std::move(steps)) {}
  Step next(const SearchSpace&, const History& history) const override { return steps_.at(history.steps.size()); }

 private:
  std::vector<Step> steps_;
};

std::string error_of_replay(std::vector<Step> steps, std::vector<EndedRun> table = table_of(made_scores())) {
  return test::error_of<Error>([&] { replay(Scripted(std::move(steps)), space_of(5, 4, 3), std::move(table)); });
}

Step adding(std::vector<SearchRun> runs) {
  Step step;
  step.add = std::move(runs);
  step.done = step.add.empty();
  return step;
}

TEST(Replay, CountsTheRunsThatAStrategyAdds) {
  const Scripted strategy({adding({{4, 1, 2}, {0, 0, 0}}), adding({{2, 0, 3}}), adding({})});
  const History history = replay(strategy, space_of(5, 4, 3), table_of(made_scores()));
  ASSERT_EQ(history.runs.size(), 3u);
  EXPECT_EQ(history.steps.size(), 3u);
  EXPECT_EQ(history.runs[0].score, .439);  // by config, seed, fold
  EXPECT_EQ(history.runs[1].score, .329);
  EXPECT_EQ(history.runs[2].score, .351);
}

TEST(Replay, RefusesWhatASearchMayNotDo) {
  EXPECT_EQ(error_of_replay({adding({{4, 1, 2}}), adding({{4, 1, 2}})}),
            "a search added a run twice: config 4, fold 2, seed 1");
  EXPECT_EQ(error_of_replay({adding({{4, 1, 2}, {4, 1, 2}})}), "a search added a run twice: config 4, fold 2, seed 1");
  EXPECT_EQ(error_of_replay({adding({{4, 1, 4}})}),
            "a search added a run outside of its space: config 4, fold 4, seed 1");
  EXPECT_EQ(error_of_replay({adding({{5, 1, 2}})}),
            "a search added a run outside of its space: config 5, fold 2, seed 1");
  EXPECT_EQ(error_of_replay({adding({{4, 3, 2}})}),
            "a search added a run outside of its space: config 4, fold 2, seed 3");
  Step endless = adding({});
  endless.done = false;
  EXPECT_EQ(error_of_replay({endless}), "a search ends with a step that adds nothing, and only there");
  Step decided = adding({{4, 1, 2}});
  decided.decisions.push_back({4, DecisionKind::kBehind, 0, {}, kNaN, {}});
  EXPECT_EQ(error_of_replay({decided}), "a search added a run of a decided config: config 4, fold 2, seed 1");
  decided.add = {{3, 1, 2}};
  EXPECT_EQ(error_of_replay({decided, decided}), "a search decided config 4, which it may not");
}

TEST(Replay, NeedsEveryRunOnce) {
  std::vector<EndedRun> table = table_of(made_scores());
  table.pop_back();
  EXPECT_EQ(error_of_replay({adding({{4, 2, 3}})}, table), "the table lacks a run: config 4, fold 3, seed 2");
  table.push_back(table.back());
  EXPECT_EQ(error_of_replay({adding({})}, table), "the table has a run twice: config 4, fold 2, seed 2");
}

TEST(Search, MakesStrategiesByName) {
  for (const char* name : {"race", "until-settled"}) {
    const auto strategy = make_strategy({find_named<StrategyKind>(name).value(), .01});
    EXPECT_FALSE(strategy->next(space_of(5, 4, 3), {}).add.empty()) << name;
  }
  EXPECT_EQ(make_strategy({StrategyKind::kRace, .01})->next(space_of(5, 4, 3), {}).add.size(), 15u);
  EXPECT_EQ(make_strategy({StrategyKind::kUntilSettled, .01})->next(space_of(5, 4, 3), {}).add.size(), 20u);
  EXPECT_THROW(make_strategy({StrategyKind::kRace, -.01}), Error);
  EXPECT_THROW(make_strategy({StrategyKind::kRace, kNaN}), Error);
}

}  // namespace
}  // namespace medley::sweep
