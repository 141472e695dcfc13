#include "sweep/report/ablation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/score/confusion.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

/// A whole config with held-out Scores of two folds, the same for two seeds; its Score is their mean.
ConfigReport config(const std::string& id, double fold0, double fold1, const json& settings, const json& axes) {
  ConfigReport made;
  made.id = id;
  made.settings = settings;
  made.axis_values = axes;
  made.expected = made.done = 4;
  made.paper_score = {4, (fold0 + fold1) / 2, 0};
  made.held_out_seeds = 2;
  made.held_out = {(fold0 + fold1) / 2, (fold0 + fold1) / 2};
  made.runs = {{1, 0, 0, fold0, {}}, {1, 1, 0, fold1, {}}, {2, 0, 0, fold0, {}}, {2, 1, 0, fold1, {}}};
  return made;
}

Report report_of(std::vector<ConfigReport> configs) {
  Report report;
  report.folds = 2;
  report.seeds = 2;
  std::sort(configs.begin(), configs.end(),
            [](const auto& a, const auto& b) { return a.held_out.score() > b.held_out.score(); });
  report.configs = std::move(configs);
  std::map<std::string, std::set<std::string>> values;
  for (const ConfigReport& one : report.configs) {
    for (const auto& [axis, value] : one.axis_values.items()) values[axis].insert(value.get<std::string>());
  }
  for (const auto& [axis, texts] : values) {
    AxisReport made;
    made.axis = axis;
    for (const std::string& text : texts) {
      made.values.emplace_back();
      made.values.back().value = text;
    }
    report.axes.push_back(made);
  }
  return report;
}

json subset(const std::vector<std::string>& encoders, int epochs = 5) {
  return {{"encoders", encoders}, {"epochs", epochs}};
}

TEST(Ablation, SubsetsStandBestFirstWithTheirBestConfig) {
  const Report report =
      report_of({config("a", .2, .3, subset({"a"}), {}), config("b", .1, .1, subset({"b"}), {}),
                 config("ab", .3, .5, subset({"a", "b"}), {}), config("ab-long", .2, .2, subset({"a", "b"}, 9), {})});
  const SubsetMatrix matrix = subset_matrix(report);
  EXPECT_EQ(matrix.encoders, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(matrix.rows.size(), 3u);
  EXPECT_EQ(matrix.rows[0].has, (std::vector<bool>{true, true}));
  EXPECT_EQ(matrix.rows[0].best, "ab");
  EXPECT_EQ(matrix.rows[0].configs, 2);
  EXPECT_DOUBLE_EQ(matrix.rows[0].score, .4);
  EXPECT_EQ(matrix.rows[1].best, "a");
  EXPECT_EQ(matrix.rows[2].best, "b");
}

TEST(Ablation, AnEncodersEffectIsThatOfPairsThatDifferInItAlone) {
  const Report report = report_of({config("a", .2, .3, subset({"a"}), {}), config("b", .1, .1, subset({"b"}), {}),
                                   config("ab", .3, .5, subset({"a", "b"}), {}),
                                   config("ab-long", .9, .9, subset({"a", "b"}, 9), {})});  // no partner: other epochs
  const SubsetMatrix matrix = subset_matrix(report);
  ASSERT_EQ(matrix.effects.size(), 2u);
  // b to ab: .2 and .4; a to ab: .1 and .2.
  EXPECT_EQ(matrix.effects[0].pairs, 1);
  EXPECT_NEAR(matrix.effects[0].difference->result().mean, .3, 1e-12);
  EXPECT_EQ(matrix.effects[1].pairs, 1);
  EXPECT_NEAR(matrix.effects[1].difference->result().mean, .15, 1e-12);
  // Seeds agree, so it is Nadeau and Bengio with two folds: se^2 = (1/2 + 1) s^2, s^2 = ((.1 - .15)^2 + (.2 - .15)^2)
  // / 1.
  EXPECT_NEAR(matrix.effects[1].difference->result().standard_error, std::sqrt(1.5 * .005), 1e-12);
}

TEST(Ablation, WithoutPairsThereIsNoEffect) {
  const SubsetMatrix matrix =
      subset_matrix(report_of({config("a", .2, .3, subset({"a"}), {}), config("bc", .1, .1, subset({"b", "c"}), {})}));
  for (const MarginalEffect& effect : matrix.effects) {
    EXPECT_EQ(effect.pairs, 0);
    EXPECT_FALSE(effect.difference.has_value());
  }
}

Report grid() {
  return report_of(
      {config("1p", .1, .1, {}, {{"x", "1"}, {"y", "p"}}), config("1q", .2, .2, {}, {{"x", "1"}, {"y", "q"}}),
       config("2p", .3, .3, {}, {{"x", "2"}, {"y", "p"}}), config("2q", .4, .4, {}, {{"x", "2"}, {"y", "q"}})});
}

TEST(Ablation, AnAxisExplainsItsShareOfTheSpread) {
  // Mean .25, total sum of squares .05. x: 4 (.1)^2 = .04; y: 4 (.05)^2 = .01.
  const auto importance = axis_importance(grid());
  ASSERT_EQ(importance.size(), 2u);
  EXPECT_EQ(importance[0].axis, "x");
  EXPECT_NEAR(importance[0].share, .8, 1e-12);
  EXPECT_NEAR(importance[0].lowest, .15, 1e-12);
  EXPECT_NEAR(importance[0].highest, .35, 1e-12);
  EXPECT_EQ(importance[1].axis, "y");
  EXPECT_NEAR(importance[1].share, .2, 1e-12);
}

TEST(Ablation, ConfigsInWhichAnAxisPlaysNoPartSayNothingOfIt) {
  Report report = grid();
  report.configs.push_back(config("other", .9, .9, {}, {{"y", "p"}}));  // as with `when`: no x here
  for (const AxisImportance& one : axis_importance(report)) {
    EXPECT_EQ(one.configs, one.axis == "x" ? 4 : 5);
    if (one.axis != "x") continue;
    EXPECT_NEAR(one.share, .8, 1e-12);
  }
}

TEST(Ablation, EqualScoresExplainNothing) {
  const auto importance =
      axis_importance(report_of({config("a", .2, .2, {}, {{"x", "1"}}), config("b", .2, .2, {}, {{"x", "2"}})}));
  EXPECT_TRUE(std::isnan(importance[0].share));
}

TEST(Ablation, WhatAGridCannotTellIsNotANumber) {
  // One config a value explains all by construction; one value explains nothing because it does not vary yet.
  const auto saturated = axis_importance(report_of(
      {config("a", .2, .2, {}, {{"x", "1"}, {"y", "p"}}), config("b", .3, .3, {}, {{"x", "2"}, {"y", "p"}})}));
  for (const AxisImportance& axis : saturated) EXPECT_TRUE(std::isnan(axis.share)) << axis.axis;
}

TEST(Ablation, SubsetsAreCountedBeforeTheyHaveNumbers) {
  ConfigReport waiting = config("b", 0, 0, subset({"b"}), {});
  waiting.done = 0;
  waiting.held_out_seeds = 0;
  waiting.paper_score = {};
  const SubsetMatrix matrix = subset_matrix(report_of({config("a", .2, .3, subset({"a"}), {}), waiting}));
  EXPECT_EQ(matrix.rows.size(), 1u);
  EXPECT_EQ(matrix.subsets, 2);
}

TEST(Ablation, CrossedAxesAreMeansOfEachCombination) {
  Report report = grid();
  report.configs.push_back(config("1p2", .3, .3, {}, {{"x", "1"}, {"y", "p"}}));
  report.configs.back().done = 1;
  const CrossTable table = cross_axes(report, "y", "x");
  ASSERT_EQ(table.cells.size(), 4u);
  EXPECT_EQ(table.rows, (std::vector<json>{"p", "q"}));
  EXPECT_EQ(table.cells[0].configs, 2);
  EXPECT_NEAR(table.cells[0].score, .2, 1e-12);
  EXPECT_NEAR(table.cells[0].best, .3, 1e-12);
  EXPECT_FALSE(table.cells[0].complete);
  EXPECT_NEAR(table.cells[1].score, .3, 1e-12);  // y = p, x = 2
  EXPECT_TRUE(table.cells[1].complete);
  EXPECT_THROW(cross_axes(report, "x", "x"), Error);
  EXPECT_THROW(cross_axes(report, "x", "z"), Error);
}

TEST(Confusion, CountsSetsWhateverTheirSaliences) {
  const Label ang{0, -1, 100}, sad{4, -1, 100}, blend = make_blend(0, 4, 70), other = make_blend(4, 0, 50);
  const SetConfusion confusion = set_confusion({ang, blend, sad, ang}, {ang, other, blend, sad});
  // Sets: ang, sad, ang + sad.
  ASSERT_EQ(confusion.sets.size(), 3u);
  EXPECT_EQ(confusion.counts, (std::vector<int>{1, 0, 0,     // ang: right
                                                1, 0, 0,     // sad taken for ang
                                                0, 1, 1}));  // the pair: right once, taken for sad once
  const Classes classes = Classes::blemore();
  EXPECT_EQ(set_text(blend, classes), "ang + sad");
  EXPECT_EQ(label_text(blend, classes), "ang 70 + sad 30");
  EXPECT_EQ(label_text(ang, classes), "ang");
  EXPECT_THROW(set_confusion({ang}, {}), Error);
}

}  // namespace
}  // namespace medley::sweep
