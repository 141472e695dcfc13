#include "sweep/report/report.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "sweep/config.h"
#include "sweep/error.h"
#include "sweep/report/columns.h"

namespace medley::sweep {
namespace {

/// A surface of 20 clips, 10 blends, whose hits are `presence` and `salience` at one cell and 0 elsewhere.
ThresholdSurface peak(int cell, int presence, int salience) {
  ThresholdSurface surface;
  surface.clips = 20;
  surface.blends = 10;
  surface.presence_hits[std::size_t(cell)] = presence;
  surface.salience_hits[std::size_t(cell)] = salience;
  return surface;
}

TrialScores trial(const std::string& config, int fold, std::uint64_t seed, double presence, double salience) {
  TrialScores t;
  t.trial_id = config + "-" + std::to_string(fold) + "-" + std::to_string(seed);
  t.config_id = config;
  t.fold = fold;
  t.seed = seed;
  t.paper = {presence, salience};
  t.held_out_epoch = 9;
  t.paper_surface = peak(3, int(presence * 20), int(salience * 10));
  t.held_out_surface = t.paper_surface;
  return t;
}

/// Two folds, two seeds; config `a` with top_n 1, `b` with top_n 2.
ReportInput two_configs() {
  ReportInput input;
  input.sweep = "demo";
  input.dataset = "set";
  input.folds = {0, 1};
  input.seeds = {1, 2};
  input.configs = {{"a", {}, {{"top_n", 1}}}, {"b", {}, {{"top_n", 2}}}};
  for (const int fold : {0, 1}) {
    for (const std::uint64_t seed : {1u, 2u}) {
      input.trials.push_back(trial("a", fold, seed, .2 + .1 * fold, .1 * double(seed)));
      input.trials.push_back(trial("b", fold, seed, .5, .2));
    }
  }
  return input;
}

const ConfigReport& find(const Report& report, std::string_view id) {
  return *std::find_if(report.configs.begin(), report.configs.end(), [&](const auto& c) { return c.id == id; });
}

/// With every note.
RenderOptions explained(ReportFormat format = ReportFormat::kText) {
  RenderOptions options;
  options.format = format;
  options.explain = true;
  return options;
}

TEST(Report, PaperNumbersAreMeanAndDeviationOverRuns) {
  const auto report = make_report(two_configs());
  const ConfigReport& a = find(report, "a");
  EXPECT_EQ(a.paper_score.count, 4);
  // Scores (P + S) / 2 of the four runs: .15, .2 (fold 0), .2, .25 (fold 1): mean .2, SD sqrt(.005 / 3).
  EXPECT_NEAR(a.paper_score.mean, .2, 1e-12);
  EXPECT_NEAR(a.paper_score.sd, std::sqrt(.005 / 3), 1e-12);
  EXPECT_NEAR(a.paper_presence.mean, .25, 1e-12);
  EXPECT_NEAR(a.paper_salience.mean, .15, 1e-12);
  EXPECT_TRUE(a.complete());
}

// In every run b has .5 and .2, and a has .2 or .25 and .1: its Score is lower by .175 to .2.
TEST(Report, AnAdaptationThatHurtsIsNamedWithItsLoss) {
  ReportInput input = two_configs();
  input.folds = {0, 1, 2, 3, 4};
  input.trials.clear();
  for (const int fold : input.folds) {
    for (const std::uint64_t seed : input.seeds) {
      input.trials.push_back(trial("a", fold, seed, fold % 2 == 0 ? .2 : .25, .1));
      input.trials.push_back(trial("b", fold, seed, .5, .2));
    }
  }
  input.configs[0].settings = {
      {"adaptation", "coral"}, {"adaptation_weight", 100}, {"adaptation_target", "test"}, {"epochs", 3}};
  input.configs[1].settings = {{"adaptation", "none"}, {"epochs", 3}};
  const Report report = make_report(input);
  ASSERT_EQ(report.harmful_adaptations.size(), 1u);
  const HarmfulAdaptation& harm = report.harmful_adaptations.front();
  EXPECT_EQ(harm.config, "a");
  EXPECT_NEAR(harm.difference.mean, -(.2 * 3 + .175 * 2) / 5, 1e-12);
  EXPECT_LT(harm.difference.interval.high, 0);
  const std::string text = render(report, {ReportFormat::kText});
  EXPECT_NE(text.find("adaptation hurts, beside the same config without: "), std::string::npos) << text;
  input.configs[1].settings["epochs"] = 4;
  EXPECT_TRUE(make_report(input).harmful_adaptations.empty()) << "another config";
  input.configs[1].settings["epochs"] = 3;
  std::swap(input.configs[0].settings, input.configs[1].settings);
  EXPECT_TRUE(make_report(input).harmful_adaptations.empty()) << "it helps";
  std::swap(input.configs[0].settings, input.configs[1].settings);
  input.search = "race, margin .010";
  EXPECT_TRUE(make_report(input).harmful_adaptations.empty()) << "an interval that takes no account of the looks";
}

/// `a` was asked for all four runs. `b` had the two folds of seed 1, and half a seed more.
ReportInput a_search() {
  ReportInput input = two_configs();
  input.search = "race, margin .010";
  input.rounds = 4;
  input.configs[0].asked = AskedBySearch{{{1, 0}, {1, 1}, {2, 0}, {2, 1}}, std::nullopt};
  const StoppedBySearch behind{DecisionKind::kBehind, 4, 3, "a", -.0314, {-.05, -.012}};
  input.configs[1].asked = AskedBySearch{{{1, 0}, {1, 1}, {2, 0}}, behind};
  const auto of_no_round = [](const TrialScores& t) { return t.config_id == "b" && t.seed == 2 && t.fold == 1; };
  input.trials.erase(std::remove_if(input.trials.begin(), input.trials.end(), of_no_round), input.trials.end());
  return input;
}

TEST(Report, AConfigThatASearchStoppedIsCompleteAndComesAfterThoseThatAreNotBehind) {
  const auto report = make_report(a_search());
  EXPECT_EQ(report.configs[0].id, "a");  // though b has the higher Score in what it was asked for
  EXPECT_LT(report.configs[0].held_out.score(), report.configs[1].held_out.score());
  const ConfigReport& b = find(report, "b");
  EXPECT_EQ(b.expected, 3);
  EXPECT_EQ(b.done, 3);
  EXPECT_TRUE(b.complete());
  const std::string text = render(report, {ReportFormat::kText});
  EXPECT_NE(text.find("race, margin .010: 4 rounds, 1 behind"), std::string::npos) << text;
  EXPECT_NE(text.find("behind #1 by .031 [.012, .050]"), std::string::npos) << text;
  EXPECT_NE(text.find("3/3"), std::string::npos) << text;
  // An interval that takes no account of the looks is not shown.
  EXPECT_EQ(text.find("vs #1"), std::string::npos) << text;
  const std::string csv = render(report, {ReportFormat::kCsv});
  EXPECT_NE(csv.find("stopped_runs,stopped_difference,stopped_low,stopped_high"), std::string::npos) << csv;
  EXPECT_NE(csv.find("3,-0.0314,-0.05,-0.012"), std::string::npos) << csv;
  EXPECT_EQ(render(make_report(two_configs()), {ReportFormat::kText}).find("stopped"), std::string::npos);
}

TEST(Report, ASearchHasHeldOutNumbersOfTheFoldsThatItAskedFor) {
  auto input = a_search();
  for (TrialScores& t : input.trials) {
    if (t.config_id != "b") continue;
    t.held_out_surface = t.fold == 0 ? peak(3, 10, 4) : peak(3, 12, 6);
  }
  // Seed 1: 22 of 40 and 10 of 20. Of seed 2 one fold alone leaves no rows to choose thresholds on.
  const Report report = make_report(input);
  const ConfigReport& b = find(report, "b");
  EXPECT_EQ(b.held_out_seeds, 1);
  EXPECT_EQ(b.held_out.presence, 22.0 / 40);
  EXPECT_EQ(b.held_out.salience, 10.0 / 20);
}

TEST(Report, PooledNumberTakesOneCellOverAllFolds) {
  auto input = two_configs();
  for (TrialScores& t : input.trials) {
    if (t.config_id != "a") continue;
    // Fold 0 is best at cell 3 (10 + 5 hits), fold 1 at cell 8 (12 + 5): over both, cell 8 wins: 12/40 and 5/20.
    t.paper_surface = t.fold == 0 ? peak(3, 10, 5) : peak(8, 12, 5);
  }
  const ConfigReport a = find(make_report(input), "a");
  EXPECT_EQ(a.pooled_seeds, 2);
  EXPECT_EQ(a.pooled.presence, 12.0 / 40);
  EXPECT_EQ(a.pooled.salience, 5.0 / 20);
}

TEST(Report, HeldOutThresholdsComeFromTheOtherFolds) {
  auto input = two_configs();
  for (TrialScores& t : input.trials) {
    if (t.config_id != "a") continue;
    // Each fold's own best cell is worthless on the other: chosen honestly, nothing is hit but the 2 at cell 8.
    t.held_out_surface = t.fold == 0 ? peak(3, 20, 10) : peak(8, 20, 10);
    if (t.fold == 0) t.held_out_surface.presence_hits[8] = 2;
  }
  const ConfigReport a = find(make_report(input), "a");
  EXPECT_EQ(a.held_out_seeds, 2);
  EXPECT_EQ(a.held_out.presence, 2.0 / 40);  // fold 0 with fold 1's cell 8; fold 1 with fold 0's cell 3: nothing
  EXPECT_EQ(a.held_out.salience, 0);
  EXPECT_EQ(a.held_out_score_sd, 0);
  EXPECT_NEAR(*a.optimism(), .2 - .025, 1e-12);
}

TEST(Report, InnerFoldChoosesThresholdsWhereThereIsOne) {
  auto input = two_configs();
  for (TrialScores& t : input.trials) {
    t.held_out_surface = peak(3, 20, 10);
    t.held_out_surface.presence_hits[50] = 6;
    t.inner_surface = peak(50, 1, 1);
  }
  EXPECT_EQ(find(make_report(input), "a").held_out.presence, 6.0 / 20);
}

TEST(Report, NoHeldOutNumberWhereTheReportedFoldChoseTheEpoch) {
  auto input = two_configs();
  for (TrialScores& t : input.trials) {
    if (t.config_id == "b") t.held_out_epoch = 0;
  }
  const auto report = make_report(input);
  EXPECT_EQ(find(report, "b").held_out_seeds, 0);
  EXPECT_FALSE(find(report, "b").optimism());
  EXPECT_EQ(report.ranked_by, RankedBy::kPaperScore);  // what all of them have
  const std::string text = render(report, {ReportFormat::kText});
  EXPECT_NE(text.find("- (a)"), std::string::npos);
  EXPECT_NE(text.find("(a) no held-out number: patience without inner_fold"), std::string::npos);
}

TEST(Report, PartialBlocksAreMarkedAndRankedAfterWholeOnes) {
  auto input = two_configs();
  input.trials.pop_back();  // b misses a run, though it scores far higher
  const auto report = make_report(input);
  EXPECT_EQ(report.configs[0].id, "a");
  EXPECT_EQ(report.configs[1].done, 3);
  EXPECT_EQ(report.configs[1].expected, 4);
  EXPECT_EQ(report.configs[1].held_out_seeds, 1);
  const std::string text = render(report, explained());
  EXPECT_NE(text.find("3/4"), std::string::npos);
  EXPECT_NE(text.find(".350 ± .000*"), std::string::npos);
  EXPECT_NE(text.find("* incomplete"), std::string::npos);
  EXPECT_EQ(render(make_report(two_configs()), explained()).find('*'), std::string::npos);
}

TEST(Report, DivergedTrialsAreDoneAndShownButNotAveraged) {
  auto input = two_configs();
  for (TrialScores& t : input.trials) {
    if (t.config_id == "b" && t.fold == 0 && t.seed == 1) t.outcome = Outcome::kDiverged;
  }
  const auto report = make_report(input);
  const ConfigReport& b = find(report, "b");
  EXPECT_EQ(b.done, 4);
  EXPECT_EQ(b.diverged, 1);
  EXPECT_EQ(b.paper_score.count, 3);
  EXPECT_FALSE(b.complete());
  EXPECT_EQ(report.configs[0].id, "a");
  EXPECT_NE(render(report, explained()).find("4/4 (1 diverged)"), std::string::npos);
  EXPECT_NE(render(report, explained()).find("†"), std::string::npos);
}

TEST(Report, NothingDoneIsADash) {
  auto input = two_configs();
  input.trials.clear();
  const auto report = make_report(input);
  EXPECT_EQ(report.configs[0].paper_score.count, 0);
  for (const auto format : {ReportFormat::kText, ReportFormat::kMarkdown, ReportFormat::kLatex, ReportFormat::kCsv}) {
    const std::string text = render(report, {format});
    EXPECT_EQ(text.find("nan"), std::string::npos);
  }
  EXPECT_NE(render(report, {ReportFormat::kText}).find("0/4"), std::string::npos);
  const auto row = row_json({report, report.configs[0], report.configs[0]}, 1);
  EXPECT_EQ(row["values"]["held_out_score"], nullptr);
  EXPECT_EQ(row["values"]["paper_score"], nullptr);
  EXPECT_EQ(row["texts"]["paper_score"], "-");
}

TEST(Report, AxisTablesAreMarginalMeans) {
  auto input = two_configs();
  input.configs[0].axis_values = {{"top_n", 10}, {"gate", "query"}};
  input.configs[1].axis_values = {{"top_n", 2}, {"gate", "query"}};
  input.configs.push_back({"c", {}, {{"gate", "query"}}});
  for (const int fold : {0, 1}) {
    for (const std::uint64_t seed : {1u, 2u}) input.trials.push_back(trial("c", fold, seed, .9, .9));
  }
  const auto report = make_report(input);
  ASSERT_EQ(report.axes.size(), 2u);
  const AxisReport& gate = report.axes[0];
  ASSERT_EQ(gate.values.size(), 1u);
  EXPECT_EQ(gate.values[0].configs, 3);
  EXPECT_EQ(gate.values[0].trials, 12);
  EXPECT_NEAR(gate.values[0].paper_score.mean, (.2 + .35 + .9) / 3, 1e-12);
  EXPECT_EQ(gate.values[0].best_config, "c");
  const AxisReport& top_n = report.axes[1];
  ASSERT_EQ(top_n.values.size(), 3u);
  EXPECT_EQ(top_n.values[0].value, 2);  // numbers by size, not by text
  EXPECT_EQ(top_n.values[1].value, 10);
  EXPECT_TRUE(top_n.values[2].value.is_null());
  EXPECT_NEAR(top_n.values[1].paper_score.mean, .2, 1e-12);
  EXPECT_NEAR(top_n.values[1].best_paper_score, .2, 1e-12);
  const std::string text = render(report, explained());
  EXPECT_NE(text.find("by top_n"), std::string::npos);
  EXPECT_EQ(text.find("by gate"), std::string::npos);  // one value: nothing to compare
}

TEST(Report, ComparesWithTheBestByTheCorrectedTest) {
  const auto report = make_report(two_configs());
  EXPECT_EQ(report.configs[0].id, "b");
  EXPECT_FALSE(report.configs[0].against_reference);
  ASSERT_TRUE(report.configs[1].against_reference);
  const PairedComparison& c = *report.configs[1].against_reference;
  EXPECT_EQ(c.pairs, 4);
  // Differences of runs: -.2, -.15 in fold 0, -.15, -.1 in fold 1. Fold means -.175 and -.125, so MSB = .0025 and
  // MSW = .00125; the variance of the mean is .0025/4 + (.0025/2 + .00125/2) / (2 - 1) = .0025.
  EXPECT_NEAR(c.mean, -.15, 1e-12);
  EXPECT_NEAR(c.standard_error, .05, 1e-12);
}

TEST(Report, ComparesWithTheReferenceThatTheSweepFileNames) {
  auto input = two_configs();
  input.reference = "a";
  const auto report = make_report(input);
  EXPECT_EQ(report.reference()->id, "a");
  ASSERT_TRUE(report.configs[0].against_reference);
  EXPECT_NEAR(report.configs[0].against_reference->mean, .15, 1e-12);
  EXPECT_FALSE(report.configs[1].against_reference);
  const std::string text = render(report, explained());
  EXPECT_NE(text.find("vs #2, the sweep's reference"), std::string::npos) << text;
  const std::string csv = render(report, {ReportFormat::kCsv});
  EXPECT_NE(csv.find("\n2,a,1,"), std::string::npos) << csv;
  input.reference = "nobody";  // a config of an older file
  EXPECT_EQ(make_report(input).reference()->id, "b");
}

TEST(Report, ADifferenceHasAnIntervalAndNoVerdict) {
  const std::string text = render(make_report(two_configs()), explained());
  // se .05; degrees of freedom halfway between Satterthwaite's 3.57 and 1.
  EXPECT_NE(text.find("-.150 ["), std::string::npos) << text;
  EXPECT_NE(text.find("unadjusted, 1 comparison;"), std::string::npos) << text;
  EXPECT_NE(text.find("picked as the best of the same runs"), std::string::npos) << text;
  for (const char* word : {"inconclusive", "~", "helps", "hurts"})
    EXPECT_EQ(text.find(word), std::string::npos) << word;
}

TEST(Report, TwoRunsSayNothingOfTheirSpread) {
  auto input = two_configs();
  input.seeds = {1};
  input.trials.erase(
      std::remove_if(input.trials.begin(), input.trials.end(), [](const auto& t) { return t.seed != 1; }),
      input.trials.end());
  const auto report = make_report(input);
  EXPECT_FALSE(report.configs[1].against_reference);
  EXPECT_TRUE(std::isnan(report.configs[0].held_out_interval.low));
  EXPECT_EQ(render(report, {ReportFormat::kText}).find("<.001"), std::string::npos);
}

TEST(Report, IntervalsStayWithinWhatAScoreCanBe) {
  const auto report = make_report(two_configs());
  for (const ConfigReport& config : report.configs) {
    for (const Interval& interval : {config.paper_interval, config.held_out_interval}) {
      EXPECT_GE(interval.low, 0);
      EXPECT_LE(interval.high, 1);
    }
  }
  EXPECT_EQ(find(report, "a").paper_interval.low, 0);  // .2 less a wide half
}

TEST(Report, AConfigWithoutANumberHasNoRank) {
  auto input = two_configs();
  input.configs.push_back({"c", {}, {{"top_n", 3}}});
  const auto report = make_report(input);
  EXPECT_EQ(report.configs[2].id, "c");
  EXPECT_EQ(rank_at(report, 1), 2u);
  EXPECT_FALSE(rank_at(report, 2));
  EXPECT_EQ(row_json({report, report.configs[2], *report.reference()}, 2)["rank"], nullptr);
  EXPECT_NE(render(report, {ReportFormat::kCsv}).find("\n,c,3,"), std::string::npos);
}

TEST(Report, SaysFirstWhatFailedAndThatItIsNotDone) {
  auto input = two_configs();
  input.trials.pop_back();
  input.standing = SweepStanding::kInterrupted;
  input.failures = {{"CUDA out of memory", 3}, {"killed", 1}};
  const std::string text = render(make_report(input), {ReportFormat::kText});
  EXPECT_EQ(text.find("not yet: 7 of 8 trials"), 0u) << text;
  EXPECT_LT(text.find("interrupted: 7 of 8 runs have a result"), text.find("#  config")) << text;
  EXPECT_LT(text.find("3 trials failed: CUDA out of memory"), text.find("#  config"));
  EXPECT_NE(text.find("1 trial failed: killed"), std::string::npos);
}

TEST(Report, SameBytesInAnyOrderOfInput) {
  auto input = two_configs();
  input.trials.pop_back();
  std::vector<std::string> first;
  for (const auto format : {ReportFormat::kText, ReportFormat::kMarkdown, ReportFormat::kLatex, ReportFormat::kCsv}) {
    first.push_back(render(make_report(input), {format}));
  }
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::shuffle(input.trials.begin(), input.trials.end(), random);
    std::shuffle(input.configs.begin(), input.configs.end(), random);
    std::shuffle(input.folds.begin(), input.folds.end(), random);
    std::shuffle(input.seeds.begin(), input.seeds.end(), random);
    std::size_t i = 0;
    for (const auto format : {ReportFormat::kText, ReportFormat::kMarkdown, ReportFormat::kLatex, ReportFormat::kCsv}) {
      EXPECT_EQ(render(make_report(input), {format}), first[i++]);
    }
  }
}

TEST(Report, EveryNumberSaysItsProtocol) {
  const std::string text = render(make_report(two_configs()), explained());
  for (const char* said :
       {"Score paper", "Score held-out", "paper-style: epoch and thresholds tuned on the reported fold",
        "thresholds and fusion of the heads chosen on the other folds", "ranked by held-out Score",
        "corrected resampled t"}) {
    EXPECT_NE(text.find(said), std::string::npos) << said << "\n" << text;
  }
}

TEST(Report, TransductiveConfigsAreMarked) {
  auto input = two_configs();
  EXPECT_EQ(render(make_report(input), explained()).find("transductive"), std::string::npos);
  input.configs[0].transductive = true;
  const std::string text = render(make_report(input), explained());
  EXPECT_NE(text.find("n=1‡"), std::string::npos) << text;
  EXPECT_NE(text.find("‡ transductive: "), std::string::npos) << text;
  Config config;
  EXPECT_FALSE(is_transductive(config));
  config.normalize = Normalize::kActor;
  EXPECT_TRUE(is_transductive(config));
  config = {};
  config.adaptation = Adaptation::kCoral;
  EXPECT_TRUE(is_transductive(config));
  EXPECT_FALSE(reads_test_clips(config));
  for (const Adaptation of_input : {Adaptation::kMoments, Adaptation::kCoralInput}) {
    config.adaptation = of_input;
    EXPECT_TRUE(is_transductive(config));
    EXPECT_FALSE(reads_test_clips(config));
  }
  // The clips that its Scores are taken from were not read.
  config.adaptation_target = AdaptationTarget::kTest;
  EXPECT_FALSE(is_transductive(config));
  EXPECT_TRUE(reads_test_clips(config));
  config.normalize = Normalize::kActor;
  EXPECT_TRUE(is_transductive(config));
  config = {};
  config.adaptation_target = AdaptationTarget::kTest;  // not read without adaptation
  EXPECT_FALSE(reads_test_clips(config));
}

TEST(Report, SyntheticDataIsAlwaysSaid) {
  auto input = two_configs();
  input.synthetic = true;
  for (const auto format : {ReportFormat::kText, ReportFormat::kMarkdown, ReportFormat::kLatex}) {
    EXPECT_NE(render(make_report(input), {format}).find("synthetic"), std::string::npos);
  }
}

TEST(Report, TopCutsTheListAndSaysSo) {
  const std::string text = render(make_report(two_configs()), {ReportFormat::kText, 1});
  EXPECT_NE(text.find("not listed: 1 more"), std::string::npos);
}

/// Twelve configs over three axes, ids as long as real ones; one axis is the same for all.
ReportInput wide_configs() {
  auto input = two_configs();
  input.configs.clear();
  input.trials.clear();
  for (int i = 0; i < 12; ++i) {
    const std::string id = "0123456789" + std::to_string(10 + i);
    input.configs.push_back(
        {id, {}, {{"adaptation_weight", i % 3}, {"learning_rate", .001 * (i / 3)}, {"selection", "learned"}}});
    input.configs.back().transductive = i % 2;
    for (const int fold : {0, 1}) {
      for (const std::uint64_t seed : {1u, 2u})
        input.trials.push_back(trial(id, fold, seed, .2 + .05 * i, .1 * double(seed)));
    }
  }
  return input;
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::size_t length = 0;
  for (const char c : text) {
    if (c == '\n')
      length = 0;
    else if ((c & 0xc0) != 0x80)
      longest = std::max(longest, ++length);
  }
  return longest;
}

TEST(Report, TextKeepsTo120ColumnsUnlessAskedForEverything) {
  const Report report = make_report(wide_configs());
  RenderOptions options = explained();
  options.width = 100;
  const std::string fit = render(report, options);
  EXPECT_LE(longest_line(fit), 100u) << fit;
  EXPECT_NE(fit.find("not shown, for want of room: paper-style ACC_P, paper-style ACC_S, optimism;"), std::string::npos)
      << fit;
  EXPECT_EQ(fit.find("optimism: mean"), std::string::npos) << "a note of a column that is not shown\n" << fit;
  EXPECT_NE(fit.find("95 % int.: "), std::string::npos) << fit;
  EXPECT_NE(fit.find("in every row: runs 4/4"), std::string::npos);
  const std::string wide = render(report, {ReportFormat::kText, 0, Detail::kWide, kTextWidth, false, true});
  EXPECT_GT(longest_line(wide), 120u);
  for (const char* head : {"pooled", "ACC_S", "runs", "SD"}) EXPECT_NE(wide.find(head), std::string::npos) << head;
  EXPECT_NE(wide.find("optimism: mean"), std::string::npos);
  EXPECT_EQ(wide.find("want of room"), std::string::npos);
}

TEST(Report, TextFitsTheTerminalAndKeepsWhatMattersMost) {
  const Report report = make_report(wide_configs());
  const auto text = [&](std::size_t width) { return render(report, {ReportFormat::kText, 0, Detail::kFit, width}); };
  for (const std::size_t width : {60u, 80u, 100u, 120u, 160u, 200u}) {
    EXPECT_LE(longest_line(text(width)), width) << text(width);
    EXPECT_NE(text(width).find("Score"), std::string::npos);
    EXPECT_NE(text(width).find("weight=2, rate=0.003"), std::string::npos) << "what the configs are";
  }
  EXPECT_NE(text(200).find("ACC_S"), std::string::npos);
  // Ids go before intervals.
  RenderOptions options;
  options.ids = true;
  EXPECT_NE(render(report, options).find("012345678920"), std::string::npos);
  options.width = 90;
  const std::string narrow = render(report, options);
  EXPECT_EQ(narrow.find("012345678920"), std::string::npos) << narrow;
  EXPECT_NE(narrow.find(" [.275, .575]"), std::string::npos) << narrow;
}

TEST(Report, NamesThatAreTooLongAreCut) {
  auto input = two_configs();
  input.configs[0].axis_values = {{"encoders", "hubert_large_finetuned+imagebind_huge+videomae_base"}};
  input.configs[1].axis_values = {{"encoders", "wavlm_large_plus+clip_vit_large_patch14+dinov2_giant"}};
  const std::string text = render(make_report(input), {ReportFormat::kText, 0, Detail::kFit, 60});
  EXPECT_LE(longest_line(text), 60u) << text;
  EXPECT_NE(text.find("…"), std::string::npos) << text;
}

TEST(Report, OneLineExplainsUnlessAskedForAll) {
  const std::string text = render(make_report(two_configs()));
  EXPECT_EQ(text.find("ranked by held-out Score"), std::string::npos) << text;
  EXPECT_NE(text.find("\n\nheld-out: thresholds from the other folds; "), std::string::npos) << text;
  EXPECT_NE(text.find("--explain has the rest\n"), std::string::npos) << text;
  EXPECT_EQ(render(make_report(two_configs()), explained()).find("--explain"), std::string::npos);
}

TEST(Report, ColumnsAreThoseThatOneSelects) {
  const Report report = make_report(two_configs());
  RenderOptions options;
  options.select = {"difference", "top_n", "held_out_score_sd", "id"};
  const std::string text = render(report, options);
  EXPECT_NE(text.find(" vs #1  top_n        SD  id\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("by top_n"), std::string::npos) << "the leaderboard alone";
  options.format = ReportFormat::kCsv;
  EXPECT_EQ(render(report, options).substr(0, 90),
            "rank,config,top_n,partition,transductive,difference,difference_low,difference_high,differe");
  options.top = 1;
  const std::string first = render(report, options);
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 2) << "head and one config\n" << first;
  options.format = ReportFormat::kText;
  options.select = {"held_out_score_low", "held_out_score_high"};
  const std::string interval = render(report, options);
  EXPECT_EQ(interval.find("95 % int."), interval.rfind("95 % int.")) << "both ends are one column\n" << interval;
  options.select = {"held_out_scores"};
  try {
    render(report, options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "no column 'held_out_scores'; did you mean 'held_out_score'?");
  }
}

TEST(Report, TwoAxesMakeATable) {
  auto input = two_configs();
  const auto add = [&](const char* id, const char* selection, int top_n, double presence) {
    input.configs.push_back({id, {}, {{"selection", selection}, {"top_n", top_n}}});
    for (const int fold : {0, 1}) {
      for (const std::uint64_t seed : {1u, 2u}) input.trials.push_back(trial(id, fold, seed, presence, .2));
    }
  };
  input.configs.clear();
  input.trials.clear();
  add("a", "learned", 1, .2);
  add("b", "learned", 2, .3);
  add("c", "random", 1, .4);
  const Report report = make_report(input);
  const std::string text = render_pivot(report, "selection", "top_n");
  EXPECT_NE(text.find("held-out Score by selection and top_n in demo on set"), std::string::npos) << text;
  // (.2 + .2) / 2, (.3 + .2) / 2 and (.4 + .2) / 2, the same in every run.
  EXPECT_NE(text.find("learned    .200 ± .000  .250 ± .000"), std::string::npos) << text;
  EXPECT_NE(text.find("random     .300 ± .000            -"), std::string::npos) << text;
  EXPECT_EQ(render_pivot(report, "selection", "top_n", {ReportFormat::kCsv}),
            "selection,top_n 1,top_n 2\nlearned,0.2,0.25\nrandom,0.30000000000000004,\n");
  try {
    render_pivot(report, "selection", "topn");
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "the sweep does not vary 'topn'; did you mean 'top_n'?");
  }
}

TEST(Report, DrawsAreToldByRangesAndTheTopTen) {
  auto input = two_configs();
  input.configs.clear();
  input.trials.clear();
  for (int i = 0; i < 40; ++i) {
    const std::string id = std::to_string(1000 + i);
    input.configs.push_back({id, {}, {{"dropout", .01 * (i + 1)}, {"head", i % 2 ? "softmax" : "label"}}});
    for (const int fold : {0, 1}) {
      for (const std::uint64_t seed : {1u, 2u}) input.trials.push_back(trial(id, fold, seed, .05 * (i / 8), .2));
    }
  }
  const std::string text = render(make_report(input), explained());
  // Eight draws a range; the Score is the same within a range, so that dropout explains all, with 40 - 5 left over.
  EXPECT_NE(text.find("0.01 to 0.08"), std::string::npos) << text;
  EXPECT_NE(text.find("0.33 to 0.4 "), std::string::npos) << text;
  EXPECT_NE(text.find("dropout       5       40           35      1.000       .103"), std::string::npos) << text;
  EXPECT_NE(text.find("not listed: 30 more; --top 0 lists all"), std::string::npos) << text;
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 60) << text;
  for (const std::size_t width : {60u, 80u, 120u}) {
    const std::string fit = render(make_report(input), {ReportFormat::kText, std::nullopt, Detail::kFit, width});
    EXPECT_LE(longest_line(fit), width) << fit;
    EXPECT_NE(fit.find("residual df"), std::string::npos) << fit;
  }
}

TEST(Report, LongSubsetsAreToldByWhatTheyLack) {
  auto input = two_configs();
  input.configs[0].axis_values = {{"encoders", "clip+hubert+imagebind+wavlm"}};
  input.configs[1].axis_values = {{"encoders", "clip+hubert+wavlm"}};
  const std::string text = render(make_report(input), {ReportFormat::kText});
  EXPECT_NE(text.find("  all 4  "), std::string::npos) << text;
  EXPECT_NE(text.find("  clip+hubert+wavlm  "), std::string::npos) << text;  // "all but imagebind" is no shorter
  input.configs[1].axis_values = {{"encoders", "hubert+imagebind+wavlm"}};
  EXPECT_NE(render(make_report(input), {ReportFormat::kText}).find("  all but clip  "), std::string::npos);
  EXPECT_NE(render(make_report(input), {ReportFormat::kCsv}).find(",hubert+imagebind+wavlm,"), std::string::npos);
}

TEST(Report, IntervalsAreOfTheMeanOverRuns) {
  const auto report = make_report(two_configs());
  const ConfigReport& a = find(report, "a");
  // Scores .15, .2 in fold 0 and .2, .25 in fold 1: the test of ComparesWithTheBest, about another mean. It reaches
  // below what a Score can be.
  std::vector<RunDifference> runs = {{0, .15, 1, {}}, {0, .2, 2, {}}, {1, .2, 1, {}}, {1, .25, 2, {}}};
  EXPECT_NEAR(a.paper_interval.high, BlockedComparison(runs, 2).result().interval.high, 1e-12);
  EXPECT_EQ(a.paper_interval.low, 0);
}

/// Two configs on 60 clips of 6 actors in 3 folds, 2 seeds, with random probabilities; `b` is right more often.
ReportInput with_clips() {
  ReportInput input;
  input.sweep = "demo";
  input.dataset = "set";
  input.folds = {0, 1, 2};
  input.seeds = {1, 2};
  input.configs = {{"a", {}, {{"top_n", 1}}}, {"b", {}, {{"top_n", 2}}}};
  input.clips.classes = {{"ang", "hap", "sad", "neu"}, {false, false, false, true}};
  std::mt19937 random(5);
  for (int clip = 0; clip < 60; ++clip) {
    FoldClips& fold = input.clips.folds[{1, clip / 20}];
    const int first = static_cast<int>(random() % 3);
    fold.truth.push_back(clip % 2 == 0 ? Label{first, -1, 100} : make_blend(first, (first + 1) % 3, 50));
    fold.actors.push_back(clip / 10);
  }
  for (const char* config : {"a", "b"}) {
    for (const int fold : input.folds) {
      for (const std::uint64_t seed : input.seeds) {
        TrialScores t = trial(config, fold, seed, 0, 0);
        t.held_out.clips = 20;
        for (const Label& label : input.clips.folds[{1, fold}].truth) {
          for (int c = 0; c < 4; ++c) {
            const bool is_in = c == label.first || c == label.second;
            t.held_out.fused.push_back(0.1F + 0.01F * static_cast<float>(random() % 50) +
                                       (is_in ? *config == 'b' ? 0.6F : 0.2F : 0));
          }
        }
        const std::vector<double> p(t.held_out.fused.begin(), t.held_out.fused.end());
        t.held_out_surface =
            threshold_surface({p.data(), 20, 4}, input.clips.folds[{1, fold}].truth, input.clips.classes);
        input.trials.push_back(t);
      }
    }
  }
  return input;
}

TEST(Report, HitsOfActorsAddUpToThoseOfTheRun) {
  const Report report = make_report(with_clips());
  EXPECT_EQ(report.actors, 6);
  for (const ConfigReport& config : report.configs) {
    ASSERT_EQ(config.runs.size(), 6u);
    for (const RunScore& run : config.runs) {
      ASSERT_EQ(run.actors.size(), 2u);
      double presence = 0, salience = 0, clips = 0, blends = 0;
      for (const ActorHits& hits : run.actors) {
        EXPECT_EQ(hits.actor / 2, run.fold);
        presence += hits.presence;
        salience += hits.salience;
        clips += hits.clips;
        blends += hits.blends;
      }
      EXPECT_EQ(clips, 20);
      EXPECT_NEAR((presence / clips + salience / blends) / 2, run.held_out, 1e-12) << "as its surface says";
    }
    EXPECT_LT(config.held_out_interval.low, config.held_out.score());
    EXPECT_GT(config.held_out_interval.high, config.held_out.score());
  }
}

TEST(Report, DifferencesAreThoseOfTheTableAndGoByActors) {
  const ReportInput input = with_clips();
  const Report report = make_report(input);
  const ConfigReport &a = find(report, "a"), &b = find(report, "b");
  const auto comparison = compare_runs(b, a, &RunScore::held_out, 3);
  ASSERT_TRUE(comparison && comparison->by_actors());
  EXPECT_EQ(comparison->by_actors()->actors(), 6);
  EXPECT_NEAR(comparison->result().mean, b.held_out.score() - a.held_out.score(), 1e-12);
  const std::string text = render(report, explained());
  EXPECT_NE(text.find("cluster-robust over 6 actors"), std::string::npos) << text;

  // One actor that is not known, and it goes by folds and says so.
  ReportInput unknown = input;
  for (auto& [fold, clips] : unknown.clips.folds) clips.actors.clear();
  const Report by_folds = make_report(unknown);
  EXPECT_FALSE(compare_runs(find(by_folds, "b"), find(by_folds, "a"), &RunScore::held_out, 3)->by_actors());
  EXPECT_EQ(uncertainty_text(true, by_folds.actors).substr(0, 25), "for other folds and seeds");
  EXPECT_NE(render(by_folds, explained(ReportFormat::kMarkdown)).find("as actors are not known"), std::string::npos)
      << render(by_folds, explained(ReportFormat::kMarkdown));
}

/// with_clips() of a head of two parts: salience leans to one class of a blend, presence tells the pair.
ReportInput with_heads() {
  ReportInput input = with_clips();
  std::mt19937 random(7);
  const auto noise = [&] { return 0.3F * static_cast<float>(random() % 1000) / 1000; };
  for (TrialScores& t : input.trials) {
    t.held_out.fused.clear();
    for (const Label& label : input.clips.folds[{1, t.fold}].truth) {
      float salience[4], sum = 0;
      for (int c = 0; c < 4; ++c) sum += salience[c] = (c == label.first ? 0.5F : 0.1F) + noise();
      for (int c = 0; c < 4; ++c) {
        const bool is_in = c == label.first || c == label.second;
        t.held_out.salience.push_back(salience[c] / sum);
        t.held_out.presence.push_back((is_in ? 0.6F : 0.1F) + noise());
        t.held_out.fused.push_back(t.held_out.salience.back());
      }
    }
    const std::vector<double> p(t.held_out.fused.begin(), t.held_out.fused.end());
    t.held_out_surface =
        threshold_surface({p.data(), 20, 4}, input.clips.folds[{1, t.fold}].truth, input.clips.classes);
  }
  return input;
}

/// Hits on `held` at the fusion and thresholds that have the most on the other folds of one seed: tried one by one.
Tally searched_elsewhere(const ReportInput& input, const std::string& config, std::uint64_t seed, int held,
                         const std::vector<HeadFusion>& fusions) {
  const auto tally = [&](bool on_held, HeadFusion fusion, Thresholds thresholds) {
    Tally sum;
    for (const TrialScores& t : input.trials) {
      if (t.config_id != config || t.seed != seed || (t.fold == held) != on_held) continue;
      const std::vector<double> p = fuse_heads(t.held_out, 4, fusion);
      for (std::size_t i = 0; i < 20; ++i) {
        sum.add(decode(&p[i * 4], input.clips.classes, thresholds), input.clips.folds.at({1, t.fold}).truth[i]);
      }
    }
    return sum;
  };
  double best = -1;
  Tally hits;
  for (const HeadFusion fusion : fusions) {
    for (const double alpha : threshold_grid()) {
      for (const double beta : threshold_grid()) {
        const double score = tally(false, fusion, {alpha, beta}).accuracy().score();
        if (score <= best) continue;
        best = score;
        hits = tally(true, fusion, {alpha, beta});
      }
    }
  }
  return hits;
}

TEST(Report, FusionOfTheHeadsIsChosenWithTheThresholdsOnTheOtherFolds) {
  ReportInput input = with_heads();
  const auto expect = [&](const std::vector<HeadFusion>& fusions) {
    const Report report = make_report(input);
    for (const ConfigReport& config : report.configs) {
      for (const RunScore& run : config.runs) {
        const Tally hits = searched_elsewhere(input, config.id, run.seed, run.fold, fusions);
        EXPECT_NEAR(run.held_out, hits.accuracy().score(), 1e-12) << config.id << " fold " << run.fold;
        double of_actors = 0;
        for (const ActorHits& actor : run.actors) of_actors += actor.presence;
        EXPECT_EQ(of_actors, hits.presence_hits);
      }
    }
    return report;
  };
  const Report fitted = expect(all_head_fusions());
  int chosen = 0, own = 0;
  for (const auto& [fusion, times] : fitted.configs[0].head_fusions) {
    chosen += times;
    own += fusion == HeadFusion::kOwn ? times : 0;
  }
  EXPECT_EQ(chosen, 6) << "three folds, two seeds";
  EXPECT_LT(own, 6) << "the presence head knows more";
  EXPECT_NE(render(fitted, explained()).find("thresholds and fusion of the heads chosen on the other folds"),
            std::string::npos);

  input.decode.head_fusion = HeadFusion::kProductSquared;
  const Report fixed = expect({HeadFusion::kProductSquared});
  EXPECT_EQ(fixed.configs[0].head_fusions, (std::map<HeadFusion, int>{{HeadFusion::kProductSquared, 6}}));
  EXPECT_NE(render(fixed, explained()).find("heads fused as product-2"), std::string::npos);

  // Of the clips of an inner fold the surface of the heads' own is all that is known.
  for (TrialScores& t : input.trials) t.inner_surface = t.held_out_surface;
  EXPECT_EQ(make_report(input).configs[0].head_fusions, (std::map<HeadFusion, int>{{HeadFusion::kOwn, 6}}));
}

TEST(Report, PredictionsOfOtherClipsAreAnError) {
  ReportInput input = with_clips();
  input.trials[0].held_out.fused.pop_back();
  EXPECT_THROW(make_report(input), Error);
}

TEST(Report, FamiliesAreJudgedAndPrinted) {
  auto input = two_configs();
  for (ReportConfig& config : input.configs) config.settings = config.axis_values;
  input.families = {{"top_n", "1", .02}};
  const auto report = make_report(input);
  ASSERT_EQ(report.families.size(), 1u);
  ASSERT_EQ(report.families[0].rows.size(), 1u);
  EXPECT_EQ(report.families[0].rows[0].config, "b");
  const std::string text = render(report, explained());
  for (const char* said :
       {"planned comparisons: top_n against 1 in demo on set", "1 comparison, 2 folds x 2 seeds, margin .020",
        "judged by held-out Scores", "+.150", "Holm", "inconclusive"}) {
    EXPECT_NE(text.find(said), std::string::npos) << said << "\n" << text;
  }
  EXPECT_LE(longest_line(text), 120u);
  EXPECT_EQ(render_planned_comparisons(make_report(two_configs()), explained()), "");
}

/// two_configs() once more in a second repeat, whose Scores of `a` are .1 higher.
ReportInput two_repeats() {
  ReportInput input = two_configs();
  input.partitions = {{2}, {2, PartitionBy::kActor, Stratify::kLabel, 1, 2}};
  const std::size_t official = input.trials.size();
  for (std::size_t i = 0; i < official; ++i) {
    TrialScores again = input.trials[i];
    input.trials[i].partition = input.partitions[0];
    again.partition = input.partitions[1];
    again.trial_id += "-2";
    if (again.config_id == "a") again.paper = {again.paper.presence + .1, again.paper.salience + .1};
    input.trials.push_back(again);
  }
  return input;
}

TEST(Report, MeansAreOverTheRepeatsOfOnePartition) {
  const ReportInput input = two_repeats();
  const Report report = make_report(input);
  const ConfigReport& a = find(report, "a");
  EXPECT_EQ(a.expected, 8);
  EXPECT_TRUE(a.complete());
  EXPECT_EQ(a.paper_score.count, 8);
  EXPECT_NEAR(a.paper_score.mean, (.2 + .3) / 2, 1e-12);
  EXPECT_EQ(a.held_out_seeds, 4) << "two seeds of each partition";
  const std::string text = render(report, explained());
  for (const char* said : {"2 folds (2 by actor, stratified by label, seed 1, 2 repeats) x 2 seeds",
                           "means are over the 2 repeats", "Bouckaert-Frank"}) {
    EXPECT_NE(text.find(said), std::string::npos) << said << "\n" << text;
  }
  EXPECT_NE(render(report, explained(ReportFormat::kMarkdown)).find("mean over seeds and repeats"), std::string::npos);
  const std::string csv = render(report, {ReportFormat::kCsv});
  EXPECT_NE(csv.find(",\"2 by actor, stratified by label, seed 1, 2 repeats\",false,8,8,0,"), std::string::npos) << csv;
  EXPECT_EQ(row_json({report, a, *report.reference()}, 1)["partition"],
            "2 by actor, stratified by label, seed 1, 2 repeats");
}

TEST(Report, ThresholdsComeFromTheOtherFoldsOfTheSamePartition) {
  auto input = two_repeats();
  for (TrialScores& t : input.trials) {
    if (t.config_id != "a") continue;
    // The folds of repeat 1 are best at cell 3, those of repeat 2 at cell 8: a threshold of the other repeat hits none.
    t.held_out_surface = peak(t.partition.repeat == 1 ? 3 : 8, 10, 5);
  }
  const Report report = make_report(input);
  EXPECT_NEAR(find(report, "a").held_out.score(), (10 / 20.0 + 5 / 10.0) / 2, 1e-12);
}

TEST(Report, RefusesATrialOfAnotherPartition) {
  auto input = two_repeats();
  input.trials.front().partition = {3};
  EXPECT_THROW(make_report(input), Error);
  input.trials.front().partition = {};
  EXPECT_THROW(make_report(input), Error);
  input.trials.front().partition = input.partitions[1];
  EXPECT_THROW(make_report(input), Error) << "a second trial of one run";
}

TEST(Report, CsvHasFullPrecision) {
  const std::string csv = render(make_report(two_configs()), {ReportFormat::kCsv});
  EXPECT_EQ(
      csv.substr(0, csv.find('\n')),
      "rank,config,top_n,partition,transductive,runs_done,runs_expected,runs_diverged,"
      "stopped_runs,stopped_difference,stopped_low,stopped_high,held_out_score,held_out_score_sd,held_out_score_low,"
      "held_out_score_high,held_out_acc_presence,"
      "held_out_acc_salience,paper_score,paper_score_sd,paper_score_low,paper_score_high,paper_acc_presence,"
      "paper_acc_presence_sd,paper_acc_salience,paper_acc_salience_sd,paper_pooled_score,optimism,"
      "difference,difference_low,difference_high,difference_p_unadjusted,mean_seconds");
  EXPECT_NE(csv.find("\n1,b,2,official,false,4,4,0,"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",0.35,0,"), std::string::npos) << csv;
  EXPECT_NE(csv.find(",0.5,0,0.2,0,"), std::string::npos) << csv;
}

TEST(Report, EveryNumberOfTheColumnsHasANameOfItsOwnAndTheSameValueInCsvAndJson) {
  const Report report = make_report(two_configs());
  std::istringstream csv(render(report, {ReportFormat::kCsv}));
  const auto cells = [&csv] {
    std::vector<std::string> all;
    std::string line, cell;
    std::getline(csv, line);
    for (std::istringstream rest(line); std::getline(rest, cell, ',');) all.push_back(cell);
    return all;
  };
  const auto heads = cells();
  EXPECT_EQ(std::set<std::string>(heads.begin(), heads.end()).size(), heads.size());
  for (const ConfigReport& config : report.configs) {
    const auto row = cells();
    const auto values = row_json({report, config, report.configs[0]}, 1)["values"];
    for (std::size_t i = 0; i < heads.size(); ++i) {
      const auto number = find_number(heads[i]);
      if (!number) continue;
      const auto& value = values.at(heads[i]);
      EXPECT_EQ(number->value({report, config, report.configs[0]}), value) << heads[i];
      EXPECT_EQ(i < row.size() ? row[i] : "", value.is_null() ? "" : value_text(value)) << heads[i];
    }
    EXPECT_EQ(values["runs_done"], config.done);
    EXPECT_EQ(values["held_out_score"], config.held_out.score());
    EXPECT_EQ(values["paper_score_sd"], config.paper_score.sd);
  }
  // A reference that the reader chose is compared with when it is asked for.
  const ConfigRow chosen{report, report.configs[0], report.configs[1]};
  ASSERT_TRUE(difference_of(chosen));
  EXPECT_EQ(find_number("difference")->value(chosen), difference_of(chosen)->mean);
  EXPECT_EQ(find_number("difference_low")->value(chosen), difference_of(chosen)->interval.low);
  EXPECT_FALSE(find_number("score"));
}

TEST(Report, ResultsOfSeveralArithmeticsAreCountedAndSaid) {
  ReportInput input = two_configs();
  for (TrialScores& t : input.trials) t.arithmetic = "aaaaaaaaaaaa";
  EXPECT_EQ(render(make_report(input), {ReportFormat::kText}).find("arithmetic"), std::string::npos);
  input.trials[0].arithmetic = "bbbbbbbbbbbb";
  input.trials[0].outcome = Outcome::kDiverged;
  input.trials[1].arithmetic = "";
  const Report report = make_report(input);
  EXPECT_EQ(report.arithmetics, (std::map<std::string, int>{{"", 1}, {"aaaaaaaaaaaa", 6}, {"bbbbbbbbbbbb", 1}}));
  EXPECT_EQ(arithmetics_note(report.arithmetics),
            "6 results of arithmetic aaaaaaaaaaaa, 1 of unknown, 1 of bbbbbbbbbbbb: the last digits may differ between "
            "them");
  for (const ReportFormat format : {ReportFormat::kText, ReportFormat::kMarkdown, ReportFormat::kLatex}) {
    EXPECT_NE(render(report, {format}).find("6 results of arithmetic aaaaaaaaaaaa, 1 of unknown"), std::string::npos);
  }
}

TEST(Report, TimeIsTheMeanOverRunsWithAResult) {
  auto input = two_configs();
  double seconds = 0;
  for (TrialScores& t : input.trials) {
    if (t.config_id != "b") continue;
    t.seconds = seconds += 1.5;
    if (seconds > 5) t.outcome = Outcome::kDiverged;  // that took its time too
  }
  input.configs.push_back({"c", {}, {{"top_n", 3}}});
  const Report report = make_report(input);
  EXPECT_EQ(find(report, "b").mean_seconds, (1.5 + 3 + 4.5 + 6) / 4);
  const auto row = [&](const char* id) { return row_json({report, find(report, id), report.configs[0]}, 1); };
  EXPECT_EQ(row("b")["values"]["mean_seconds"], 3.75);
  EXPECT_EQ(row("b")["texts"]["time"], "3.8 s");
  EXPECT_EQ(row("c")["values"]["mean_seconds"], nullptr);
  EXPECT_EQ(row("c")["texts"]["time"], "-");
}

TEST(Report, EveryColumnIsInWideTextWithItsNote) {
  const auto wide_text = [](const Report& report) {
    std::string wide = render(report, {ReportFormat::kText, 0, Detail::kWide, kTextWidth, false, true});
    for (std::size_t at; (at = wide.find("\n    ")) != std::string::npos;) wide.replace(at, 5, " ");  // long notes
    return wide;
  };
  const Report report = make_report(two_configs()), searched = make_report(a_search());
  const std::string wide = wide_text(report), of_search = wide_text(searched);
  for (const Column& column : columns()) {
    const Report& shown = column.applies_to(report) ? report : searched;
    const std::string& text = column.applies_to(report) ? wide : of_search;
    EXPECT_NE(text.find(filled(column.heading, shown, shown.configs[0])), std::string::npos) << column.id;
    EXPECT_NE(text.find(filled(column.note, shown, shown.configs[0])), std::string::npos) << column.id;
  }
  EXPECT_NE(wide.find("vs #1, picked as the best of the same runs: mean difference of held-out Scores"),
            std::string::npos)
      << wide;
}

TEST(Report, ImpossibleTrialsAreRefused) {
  auto input = two_configs();
  input.trials.push_back(input.trials[0]);
  EXPECT_THROW(make_report(input), Error);
  input = two_configs();
  input.trials[0].fold = 4;
  EXPECT_THROW(make_report(input), Error);
  input = two_configs();
  input.trials[0].config_id = "c";
  EXPECT_THROW(make_report(input), Error);
}

TEST(Report, SharesReadAsInPapers) {
  EXPECT_EQ(share_text(.279), ".279");
  EXPECT_EQ(share_text(1), "1.000");
  EXPECT_EQ(share_text(0), ".000");
  EXPECT_EQ(share_text(-.0124), "-.012");
  EXPECT_EQ(share_text(-.0001), ".000");
  EXPECT_EQ(share_text(NAN), "-");
}

}  // namespace
}  // namespace medley::sweep
