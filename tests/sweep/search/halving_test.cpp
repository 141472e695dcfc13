#include "sweep/search/halving.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/search/replay.h"
#include "sweep/search/search.h"
#include "tests/sweep/search/made_table.h"

namespace medley::sweep {
namespace {

/// Nine configs of one parameter, and three rungs.
ParameterSpace made_space() {
  ParameterSpace space;
  space.starts.push_back({"", {}, {"top_n", "adaptation_weight"}});
  space.parameters = {{"top_n", {1, 2, 3, 4, 5, 6, 7, 8, 9}, 0, 0, false, {}},
                      {"stop_after", {1, 3, 0}, 0, 0, false, {}}};
  return space;
}
std::vector<SpacePoint> made_points(int configs = 9) {
  std::vector<SpacePoint> points;
  for (int c = 0; c < configs; ++c) points.push_back({0., static_cast<double>(c)});
  return points;
}

/// Drives it with the Score that `score` gives a config at a rung.
template <class Score>
std::vector<std::vector<SpacePoint>> rounds_of(const Strategy& strategy, Score score, History* history = nullptr) {
  SearchSpace space = space_of(0, 2, 1);
  space.drawing = Drawing{made_space(), {}, {}, {}};
  History own;
  History& all = history ? *history : own;
  std::vector<std::vector<SpacePoint>> rounds;
  for (;;) {
    const Step step = strategy.next(space, all);
    check_step(space, all, step);
    all.steps.push_back(step);
    if (step.done) return rounds;
    rounds.push_back(step.drawn);
    for (const SpacePoint& point : step.drawn) space.drawing->points.push_back(point);
    space.configs = static_cast<int>(space.drawing->points.size());
    for (const SearchRun& run : step.add) {
      const SpacePoint& point = space.drawing->points[static_cast<std::size_t>(run.config)];
      EndedRun ended;
      static_cast<SearchRun&>(ended) = run;
      ended.score = score(static_cast<int>(*point[1]), static_cast<int>(*point[2]));
      all.runs.push_back(ended);
    }
    std::sort(all.runs.begin(), all.runs.end());
  }
}

TEST(Halving, RungsGrowByEtaUpToAllEpochs) {
  EXPECT_EQ(Halving::rungs(3, 3, 40), (std::vector<int>{3, 9, 27, 0}));
  EXPECT_EQ(Halving::rungs(5, 2, 20), (std::vector<int>{5, 10, 0})) << "20 are all of them";
  EXPECT_EQ(Halving::rungs(40, 3, 40), (std::vector<int>{0}));
}

TEST(Halving, TheBestThirdOfEachRungIsPromoted) {
  History history;
  // Best at the first rung: 8, 7, 6; at the second the other way round.
  const auto rounds = rounds_of(
      Halving(made_points(), 3, 3), [](int config, int rung) { return rung == 0 ? .1 * config : 1 - .1 * config; },
      &history);
  ASSERT_EQ(rounds.size(), 3u);
  EXPECT_EQ(rounds[0].size(), 9u);
  EXPECT_EQ(rounds[0][4], (SpacePoint{0., 4., 0.}));
  EXPECT_EQ(rounds[1], (std::vector<SpacePoint>{{0., 6., 1.}, {0., 7., 1.}, {0., 8., 1.}}));
  EXPECT_EQ(rounds[2], (std::vector<SpacePoint>{{0., 6., 2.}}));
  const std::vector<Decision> decisions = decisions_of(history);
  EXPECT_EQ(decisions.size(), 6u + 2u);
  for (const Decision& decision : decisions) EXPECT_EQ(decision.kind, DecisionKind::kNotPromoted);
  EXPECT_EQ(history.steps[0].add.size(), 9u * 2);
  EXPECT_EQ(history.steps[1].add[0], (SearchRun{9, 0, 0})) << "a config at a rung is a config of its own";
}

TEST(Halving, ConfigsWithoutAScoreAreLastAndTiesGoByOrder) {
  const auto rounds = rounds_of(Halving(made_points(4), 3, 2), [](int config, int) { return config == 0 ? kNaN : .3; });
  EXPECT_EQ(rounds[1], (std::vector<SpacePoint>{{0., 1., 1.}, {0., 2., 1.}}));
  EXPECT_EQ(rounds[2], (std::vector<SpacePoint>{{0., 1., 2.}}));
}

TEST(Halving, IsTheSameAfterItsJson) {
  SearchSettings settings;
  settings.kind = StrategyKind::kHalving;
  settings.first = 1;
  settings.eta = 3;
  settings.configs = 13;
  settings.points = made_points();
  settings.points[2][1] = std::nullopt;
  settings.space = made_space();
  const nlohmann::json once = to_json(settings);
  EXPECT_EQ(to_json(search_settings_from_json(once)), once);
  for (const auto& [pointer, value] : std::vector<std::pair<const char*, nlohmann::json>>{
           {"/points/0/1", 9}, {"/points/0/1", -1}, {"/points/0/0", nullptr}, {"/points/0", {0}}, {"/eta", "x"}}) {
    nlohmann::json wrong = once;
    wrong[nlohmann::json::json_pointer(pointer)] = value;
    EXPECT_THROW(search_settings_from_json(wrong), Error) << pointer;
  }
}

TEST(Halving, RefusesWhatItCannotDo) {
  EXPECT_THROW(Halving(made_points(), 3, 1), Error);
  EXPECT_THROW(Halving(made_points(), 1, 3), Error);
  EXPECT_THROW(Halving(made_points(), 3, 3).next(space_of(2, 2, 1), {}), Error);
}

}  // namespace
}  // namespace medley::sweep
