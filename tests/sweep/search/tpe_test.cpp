#include "sweep/search/tpe.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/search/replay.h"
#include "tests/sweep/search/made_table.h"

namespace medley::sweep {
namespace {

/// A learning rate by ratio, a dropout that only learned selection has, and the selection.
ParameterSpace space_of_three() {
  ParameterSpace space;
  space.starts.push_back({"", {}, {"top_n", "adaptation_weight"}});
  ParameterSpace::Parameter selection{"selection", {"learned", "all"}, 0, 0, false, {}};
  ParameterSpace::Parameter rate{"learning_rate", {}, 1e-5, 1e-1, true, {}};
  ParameterSpace::Parameter dropout{"dropout", {}, 0, 0.9, false, {{"selection", {"learned"}}}};
  space.parameters = {selection, rate, dropout};
  return space;
}

std::string text_of(const ParameterSpace& space, const SpacePoint& point) {
  std::string text;
  for (const auto& value : config_at(space, point).texts) text += value.value_or("-") + " ";
  return text;
}

/// Drives a search whose configs have the Scores that `score` gives, the same in every run.
struct Course {
  History history;
  std::vector<SpacePoint> points;
  std::vector<double> scores;
};
Course drive(const Strategy& strategy, const ParameterSpace& parameters,
             const std::function<double(const SpacePoint&)>& score) {
  SearchSpace space = space_of(0, 2, 2);
  space.drawing = Drawing{parameters, {}, {}, [&](const SpacePoint& point) { return text_of(parameters, point); }};
  Course course;
  for (;;) {
    Step step = strategy.next(space, course.history);
    check_step(space, course.history, step);
    for (const SpacePoint& point : step.drawn) {
      // As a store gives it back: values are rounded.
      const DrawnConfig drawn = config_at(parameters, point);
      nlohmann::json texts = nlohmann::json::object();
      for (std::size_t p = 0; p < drawn.texts.size(); ++p) {
        if (drawn.texts[p]) texts[parameters.parameters[p].setting] = *drawn.texts[p];
      }
      space.drawing->points.push_back(point_of(parameters, texts));
      space.drawing->ids.insert(text_of(parameters, point));
      course.points.push_back(point);
      course.scores.push_back(score(space.drawing->points.back()));
    }
    space.configs = static_cast<int>(course.points.size());
    for (const SearchRun& run : step.add) {
      EndedRun ended;
      static_cast<SearchRun&>(ended) = run;
      ended.score = course.scores[static_cast<std::size_t>(run.config)];
      course.history.runs.push_back(ended);
    }
    std::sort(course.history.runs.begin(), course.history.runs.end());
    course.history.steps.push_back(step);
    if (step.done) return course;
  }
}

/// The best lies at learned, 4/10 of the way through the rates, dropout .3.
double hill(const SpacePoint& point) {
  const double rate = *point[2] - .4;
  if (*point[1] == 1) return .35 - rate * rate;
  const double dropout = *point[3] - 1. / 3;
  return .5 - rate * rate - .5 * dropout * dropout;
}

TEST(Tpe, BeginsWithEvenDrawsAndGoesOnByRounds) {
  const ParameterSpace space = space_of_three();
  const Course course = drive(Tpe(25, 4, 7), space, hill);
  ASSERT_EQ(course.points.size(), 25u);
  std::vector<std::size_t> rounds;
  for (const Step& step : course.history.steps) rounds.push_back(step.drawn.size());
  EXPECT_EQ(rounds, (std::vector<std::size_t>{10, 4, 4, 4, 3, 0}));
  for (std::uint64_t draw = 0; draw < 10; ++draw) {
    EXPECT_EQ(text_of(space, course.points[draw]), text_of(space, draw_point(space, 7, draw))) << "as search: random";
  }
  EXPECT_EQ(course.history.steps[1].add.size(), 4u * 2 * 2);
  EXPECT_EQ(course.history.steps[1].add[0], (SearchRun{10, 0, 0}));
  EXPECT_EQ(course.history.steps[1].add[4], (SearchRun{11, 0, 0})) << "a config's runs follow each other";
}

TEST(Tpe, DecidesTheSameFromTheSameAndOtherwiseWithAnotherSeed) {
  const ParameterSpace space = space_of_three();
  const auto texts = [&](std::uint64_t seed) {
    std::vector<std::string> all;
    for (const SpacePoint& point : drive(Tpe(20, 5, seed), space, hill).points) all.push_back(text_of(space, point));
    return all;
  };
  EXPECT_EQ(texts(1), texts(1));
  EXPECT_NE(texts(1), texts(2));
}

TEST(Tpe, FindsWhatEvenDrawsMiss) {
  const ParameterSpace space = space_of_three();
  double of_tpe = 0, of_even = 0;
  constexpr int kTimes = 20, kConfigs = 60;
  for (std::uint64_t seed = 1; seed <= kTimes; ++seed) {
    const std::vector<double> scores = drive(Tpe(kConfigs, 5, seed), space, hill).scores;
    of_tpe += (.5 - *std::max_element(scores.begin(), scores.end())) / kTimes;
    double best = 0;
    for (std::uint64_t draw = 0; draw < kConfigs; ++draw) best = std::max(best, hill(draw_point(space, seed, draw)));
    of_even += (.5 - best) / kTimes;
  }
  EXPECT_LT(of_tpe, of_even / 20);
}

TEST(Tpe, KeepsAwayFromConfigsWithoutAScore) {
  const ParameterSpace space = space_of_three();
  const Course course = drive(Tpe(60, 5, 1), space, [](const SpacePoint& point) {
    return *point[2] > .5 ? kNaN : .3 + .01 * *point[1];  // large rates diverge
  });
  const auto diverged =
      std::count_if(course.scores.begin() + 30, course.scores.end(), [](double s) { return std::isnan(s); });
  EXPECT_LT(diverged, 9) << "of 30; half of even draws do";
}

TEST(Tpe, NeverDrawsWhatCannotBeTrainedOrIsThere) {
  ParameterSpace space = space_of_three();
  space.parameters = {{"selection", {"learned", "all"}, 0, 0, false, {}}, {"top_n", {1, 2, 3}, 0, 0, false, {}}};
  SearchSpace search = space_of(0, 2, 1);
  search.drawing = Drawing{space, {}, {}, [&](const SpacePoint& point) {
                             const std::string text = text_of(space, point);
                             return text == "all 3 " ? "" : text;
                           }};
  const Step step = Tpe(30, 5, 1).next(search, {});
  std::set<std::string> texts;
  for (const SpacePoint& point : step.drawn) texts.insert(text_of(space, point));
  EXPECT_EQ(texts, (std::set<std::string>{"learned 1 ", "learned 2 ", "learned 3 ", "all 1 ", "all 2 "}));
  EXPECT_EQ(step.drawn.size(), 5u);
  for (const SpacePoint& point : step.drawn) {
    search.drawing->points.push_back(point);
    search.drawing->ids.insert(text_of(space, point));
  }
  search.configs = 5;
  History history;
  history.steps.push_back(step);
  for (const SearchRun& run : step.add) {
    EndedRun ended;
    static_cast<SearchRun&>(ended) = run;
    ended.score = .1 * run.config;
    history.runs.push_back(ended);
  }
  EXPECT_TRUE(Tpe(30, 5, 1).next(search, history).done) << "nothing is left";
}

TEST(Tpe, ChoosesAmongTheConfigsOfATable) {
  ParameterSpace space;
  space.starts.push_back({"", {}, {"top_n", "adaptation_weight"}});
  std::vector<nlohmann::json> values(200);
  std::iota(values.begin(), values.end(), 1);
  space.parameters.push_back({"epochs", values, 0, 0, false, {}});
  SearchSpace search = space_of(200, 2, 1);
  search.drawing = Drawing{space, {}, {}, {}};
  std::vector<EndedRun> table;
  for (int config = 0; config < 200; ++config) {
    search.drawing->points.push_back({0., static_cast<double>(config)});
    for (const int fold : search.folds) {
      EndedRun run;
      run.config = config;
      run.seed = 0;
      run.fold = fold;
      run.score = .5 - std::abs(config - 63) * .001;
      table.push_back(run);
    }
  }
  const History history = replay(Tpe(40, 4, 1), search, table);
  std::set<int> trained;
  for (const EndedRun& run : history.runs) trained.insert(run.config);
  EXPECT_EQ(trained.size(), 40u);
  const auto nearest = std::min_element(trained.begin(), trained.end(),
                                        [](int a, int b) { return std::abs(a - 63) < std::abs(b - 63); });
  EXPECT_LE(std::abs(*nearest - 63), 1) << "of 200 values in a row";
}

TEST(Tpe, RefusesWhatItCannotDo) {
  EXPECT_THROW(Tpe(0, 1, 1), Error);
  EXPECT_THROW(Tpe(1, 0, 1), Error);
  EXPECT_THROW(Tpe(1, 1, 1).next(space_of(2, 2, 1), {}), Error);
}

}  // namespace
}  // namespace medley::sweep
