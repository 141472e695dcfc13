#include "sweep/report/report_figures.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "sweep/report/methods.h"
#include "tests/sweep/xml_check.h"

namespace medley::sweep {
namespace {

/// Two folds, two seeds; a config a JSON of its axes, whose Scores grow.
ReportInput sweep_of(const std::vector<nlohmann::json>& configs) {
  ReportInput input;
  input.sweep = "demo";
  input.dataset = "set";
  input.folds = {0, 1};
  input.seeds = {1, 2};
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const std::string id = std::to_string(100 + i);
    input.configs.push_back({id, configs[i], configs[i]});
    for (const int fold : {0, 1}) {
      for (const std::uint64_t seed : {1u, 2u}) {
        TrialScores t;
        t.trial_id = id + "-" + std::to_string(fold) + "-" + std::to_string(seed);
        t.config_id = id;
        t.fold = fold;
        t.seed = seed;
        t.held_out_epoch = 2;
        t.paper_surface.clips = 100;
        t.paper_surface.blends = 50;
        t.paper_surface.presence_hits[3] = static_cast<int>(10 + 2 * i + seed);
        t.held_out_surface = t.paper_surface;
        t.paper = t.paper_surface.best().accuracy;
        input.trials.push_back(t);
      }
    }
  }
  return input;
}

const Figure* find(const Figures& figures, const std::string& name) {
  for (const Figure& figure : figures.figures) {
    EXPECT_EQ(xml_error(figure.svg), "") << figure.name;
    if (figure.name == name) return &figure;
  }
  return nullptr;
}

TEST(ReportFigures, AForestHasThePlannedComparisonsElseTheReference) {
  ReportInput input = sweep_of({{{"top_n", 1}}, {{"top_n", 2}}, {{"top_n", 3}}});
  EXPECT_EQ(find(make_figures(make_report(input), {}), "forest"), nullptr) << "nothing was declared";
  input.reference = "100";
  Figures made = make_figures(make_report(input), {});
  ASSERT_NE(find(made, "forest"), nullptr);
  ASSERT_EQ(find(made, "forest")->data.rows.size(), 2u);
  // 2 and 4 hits of 100 more, halved: the Score has two accuracies.
  EXPECT_NEAR(std::stod(find(made, "forest")->data.rows[0][2]), .02, 1e-9);
  EXPECT_NEAR(std::stod(find(made, "forest")->data.rows[1][2]), .01, 1e-9);
  input.families = {{"top_n", "3", .01}};
  made = make_figures(make_report(input), {});
  EXPECT_EQ(find(made, "forest")->data.rows[0][1], "102");
  EXPECT_EQ(find(made, "forest")->data.rows[0][7], "hurts");
  EXPECT_NE(find(made, "forest")->svg.find("class=\"margin\""), std::string::npos);
}

TEST(ReportFigures, AdaptationIsACurveOverItsWeight) {
  const ReportInput input = sweep_of({{{"adaptation", "none"}},
                                      {{"adaptation", "coral"}, {"adaptation_weight", .1}},
                                      {{"adaptation", "coral"}, {"adaptation_weight", 10}},
                                      {{"adaptation", "mmd"}, {"adaptation_weight", 1}}});
  const Figures made = make_figures(make_report(input), {});
  const Figure* curve = find(made, "adaptation_curve");
  ASSERT_NE(curve, nullptr);
  ASSERT_EQ(curve->data.rows.size(), 4u);
  EXPECT_EQ(curve->data.rows[0][0], "coral");
  EXPECT_EQ(curve->data.rows[0][1], "0.1");
  EXPECT_EQ(curve->data.rows[3][0], "no adaptation");
  EXPECT_NE(curve->svg.find("class=\"level\""), std::string::npos);
}

TEST(ReportFigures, LearningCurvesAreMeansOverTrials) {
  const Report report = make_report(sweep_of({{{"top_n", 1}}}));
  ASSERT_EQ(configs_with_curves(report), std::vector<std::string>{"100"});
  std::vector<TrialCurve> curves;
  for (const double score : {.2, .4}) {
    EpochMetrics first, second;
    first.epoch = 1;
    second.epoch = 2;
    second.validation = {score, score};
    second.loss = score;
    curves.push_back({"100", {first, second}});
  }
  const Figures made = make_figures(report, curves);
  const Figure* figure = find(made, "learning_curves");
  ASSERT_NE(figure, nullptr);
  ASSERT_EQ(figure->data.rows.size(), 2u);
  EXPECT_EQ(figure->data.rows[1][2], "2");
  EXPECT_NEAR(std::stod(figure->data.rows[1][3]), .3, 1e-12);
  EXPECT_NEAR(std::stod(figure->data.rows[1][4]), .1414213562373095, 1e-9);
  EXPECT_NEAR(std::stod(figure->data.rows[1][5]), .3, 1e-12);
}

TEST(ReportFigures, DrawsAreAScatterOfTheAxesThatExplainMost) {
  std::vector<nlohmann::json> configs;
  for (int i = 0; i < 20; ++i) {
    configs.push_back({{"learning_rate", 1e-5 * std::pow(1.6, i)}, {"dropout", .01 * ((i * 7) % 20)}});
  }
  const Figures made = make_figures(make_report(sweep_of(configs)), {}, 80);
  const Figure* rates = find(made, "draws_learning_rate");
  ASSERT_NE(rates, nullptr);
  EXPECT_EQ(rates->data.rows.size(), 20u);
  EXPECT_NE(find(made, "draws_dropout"), nullptr);
  EXPECT_NE(rates->svg.find("80.00mm"), std::string::npos);
}

TEST(Methods, SayProtocolDesignTestCorrectionAndReferences) {
  ReportInput input = sweep_of({{{"top_n", 1}, {"epochs", 7}}, {{"top_n", 2}, {"epochs", 7}}});
  for (ReportConfig& config : input.configs) config.axis_values.erase("epochs");
  const std::string plain = methods_text(make_report(input));
  for (const char* said : {"We trained 2 configurations on set, which differ in top_n.", "All have epochs 7.",
                           "each of the 2 official folds held out, from 2 random seeds", "chosen on the other folds",
                           "corrected resampled t-test", "No comparison was declared beforehand.",
                           "8 of 8 runs have a result.", "with Medley "}) {
    EXPECT_NE(plain.find(said), std::string::npos) << said << "\n" << plain;
  }
  EXPECT_EQ(plain.find("Holm"), std::string::npos) << "not used, so not cited";
  EXPECT_NE(plain.find("\n\nReferences\nBouckaert, R. R."), std::string::npos) << plain;
  input.families = {{"top_n", "1", .02}};
  const std::string planned = methods_text(make_report(input));
  EXPECT_NE(
      planned.find("1 planned comparison of top_n with 1 was declared; p values were adjusted by Holm (1979), and an "
                   "interval within ±.020 counts as equivalence."),
      std::string::npos)
      << planned;
  EXPECT_NE(planned.find("\nHolm, S. (1979)."), std::string::npos);
}

}  // namespace
}  // namespace medley::sweep
