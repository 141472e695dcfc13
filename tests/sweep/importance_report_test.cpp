#include "sweep/report/importance_report.h"

#include <cmath>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "sweep/config.h"
#include "sweep/error.h"
#include "sweep/report/importance_figures.h"
#include "sweep/report/report_json.h"
#include "tests/sweep/xml_check.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

const std::vector<int> kFolds = {0, 1};
const std::vector<std::uint64_t> kSeeds = {1, 2};

/// A surface of 20 clips, 10 blends, whose hits are the same at every threshold: Score = (presence + salience) / 2.
ThresholdSurface flat(int presence_hits, int salience_hits) {
  ThresholdSurface surface;
  surface.clips = 20;
  surface.blends = 10;
  surface.presence_hits.fill(presence_hits);
  surface.salience_hits.fill(salience_hits);
  return surface;
}

/// Adds a config whose runs all have presence `hits` of 20, fold 1 one more, and no salience.
void add(ReportInput& input, const std::string& id, const json& settings, int hits) {
  input.configs.push_back({id, settings, json::object()});
  for (const int fold : kFolds) {
    for (const std::uint64_t seed : kSeeds) {
      TrialScores trial;
      trial.trial_id = id + std::to_string(fold) + std::to_string(seed);
      trial.config_id = id;
      trial.fold = fold;
      trial.seed = seed;
      trial.held_out_epoch = 1;
      trial.paper_surface = trial.held_out_surface = flat(hits + fold, 0);
      trial.paper = {(hits + fold) / 20.0, 0};
      input.trials.push_back(trial);
    }
  }
}

json settings(const std::vector<std::string>& encoders, int top_n, const std::string& selection = "learned") {
  json made = {{"encoders", encoders}, {"gate", "scorer"}, {"selection", selection}, {"epochs", 5}};
  if (selection != "all") made["top_n"] = top_n;
  return made;
}

EncoderImportance encoder(const std::string& name, double mean, double selected, std::vector<double> ranks) {
  EncoderImportance one;
  one.encoder = name;
  one.mean = mean;
  one.selection_frequency = selected;
  one.ranks = std::move(ranks);
  one.quantiles = {0, mean / 2, mean, 1.5 * mean, 1};
  one.histogram = {1, 2, 1, 0};
  return one;
}

constexpr std::uint16_t kHalf = 0x3800, kQuarter = 0x3400, kZero = 0, kOne = 0x3c00;

/// Encoders a, b (video) and c (audio); a's weight is .5 in fold 0 and .4 in fold 1, and so on. Two clips a trial,
/// whose audio shares are .25 and 1.
ImportanceInput gate() {
  ImportanceInput input;
  input.config = "abc";
  input.labels_of = {{"a", {{"modality", "video"}, {"family", "adapted"}}},
                     {"b", {{"modality", "video"}}},
                     {"c", {{"modality", "audio"}, {"family", "adapted"}}}};
  for (const int fold : kFolds) {
    for (const std::uint64_t seed : kSeeds) {
      const double shift = .1 * fold + .02 * static_cast<double>(seed);
      Importance importance;
      importance.encoders = {encoder("a", .5 - shift, .9, {.8, .1, .1}), encoder("b", .2, .5, {.2, .3, .5}),
                             encoder("c", .3 + shift, .6, {0, .6, .4})};
      importance.weights = {kHalf, kQuarter, kQuarter, kZero, kZero, kOne};
      importance.cka = {1, .5, .25, .5, 1, .125, .25, .125, 1};
      input.trials.push_back({fold, seed, importance});
    }
  }
  return input;
}

/// All encoders at n = 1, 2 and kept all; all but a, all but b; a alone.
ReportInput scores() {
  ReportInput input;
  input.sweep = "demo";
  input.dataset = "set";
  input.synthetic = true;
  input.folds = kFolds;
  input.seeds = kSeeds;
  const std::vector<std::string> all = {"a", "b", "c"};
  add(input, "abc", settings(all, 2), 10);
  add(input, "abc1", settings(all, 1), 6);
  add(input, "abcall", settings(all, 0, "all"), 12);
  add(input, "bc", settings({"b", "c"}, 2), 4);
  add(input, "ac", settings({"a", "c"}, 2), 9);
  add(input, "ac1", settings({"a", "c"}, 1), 2);  // another n: bc is compared with the same one
  add(input, "a", settings({"a"}, 1), 5);         // n cannot be 2
  json longer = settings({"b"}, 1);
  longer["epochs"] = 50;
  add(input, "b", longer, 19);  // trained otherwise: not the model of this subset
  return input;
}

std::vector<const ConfigReport*> pointers_to(const std::vector<ConfigReport>& configs) {
  std::vector<const ConfigReport*> all;
  for (const ConfigReport& config : configs) all.push_back(&config);
  return all;
}

TEST(ImportanceReport, AggregatesOverFoldsAndSeeds) {
  const auto report = make_importance_report(gate(), make_report(scores()));
  ASSERT_EQ(report.encoders.size(), 3u);
  const EncoderSummary& a = report.encoders[0];
  // .48, .46, .38, .36: mean .42, SD sqrt(((.06)^2 + (.04)^2 + (.04)^2 + (.06)^2) / 3).
  EXPECT_NEAR(a.weight.mean, .42, 1e-12);
  EXPECT_NEAR(a.weight.sd, std::sqrt(.0104 / 3), 1e-12);
  EXPECT_NEAR(a.by_fold[0].mean, .47, 1e-12);
  EXPECT_NEAR(a.by_fold[1].mean, .37, 1e-12);
  EXPECT_NEAR(a.by_fold[1].sd, .02 / std::sqrt(2), 1e-12);
  EXPECT_NEAR(a.mean_rank, .8 + .2 + .3, 1e-12);
  EXPECT_EQ(a.histogram, (std::vector<double>{.25, .5, .25, 0}));
  EXPECT_NEAR(report.chance, 2. / 3, 1e-12);  // (.9 + .5 + .6) / 3
  EXPECT_EQ(report.cka[1], .5);
  // Fold 0 ranks a c b with either seed, fold 1 c a b. Of four runs the rank sums are 6, 12, 6 against 8 each:
  // W = 12 * 24 / (16 * 24). Of the folds of a seed 3, 6, 3 against 4 each: W = 12 * 6 / (4 * 24).
  EXPECT_NEAR(report.agreement.runs, .75, 1e-12);
  EXPECT_NEAR(report.agreement.folds, .75, 1e-12);
  EXPECT_NEAR(report.agreement.seeds, 1, 1e-12);
  EXPECT_TRUE(report.seeds_disagree.empty());
}

TEST(ImportanceReport, SeedsThatDisagreeAreNotAveragedAway) {
  ImportanceInput input = gate();
  input.trials.clear();
  for (const int fold : kFolds) {
    for (const std::uint64_t seed : kSeeds) {
      const bool first = seed == kSeeds.front();
      Importance importance;
      importance.encoders = {encoder("a", .5, 1, {1, 0, 0}), encoder("b", first ? .5 : 0, first ? 1 : 0, {0, 1, 0}),
                             encoder("c", first ? 0 : .5, first ? 0 : 1, {0, 0, 1})};
      importance.encoders[0].mean = .6;
      input.trials.push_back({fold, seed, importance});
    }
  }
  const auto report = make_importance_report(input, make_report(scores()));
  // All folds of a seed rank alike: a b c or a c b. Mean weights over seeds would tie b and c in every fold, W = 1.
  // Over four runs the rank sums are 4, 10, 10 against 8 each: W = 12 * 24 / (16 * 24).
  EXPECT_NEAR(report.agreement.folds, 1, 1e-12);
  EXPECT_NEAR(report.agreement.seeds, .75, 1e-12);
  EXPECT_NEAR(report.agreement.runs, .75, 1e-12);
  ASSERT_EQ(report.seeds_disagree.size(), 2u);
  const std::string text = render(report, ReportFormat::kText);
  EXPECT_LT(text.find("seeds disagree: b kept by 1 of 2 seeds, c kept by 1 of 2 seeds"), text.find("weight")) << text;
}

TEST(ImportanceReport, TheDefaultConfigIsNotAControl) {
  ReportInput input = scores();
  add(input, "control", settings({"a", "b", "c"}, 2, "fixed"), 20);
  EXPECT_EQ(make_report(input).configs.front().id, "control");
  EXPECT_NE(config_for_importance(make_report(input)), "control");
}

TEST(ImportanceReport, ModalitiesShareTheWeightOfEveryClip) {
  const auto report = make_importance_report(gate(), make_report(scores()));
  EXPECT_EQ(report.by, "modality");
  ASSERT_EQ(report.groups.size(), 2u);
  EXPECT_EQ(report.groups[0].group, "video");
  EXPECT_EQ(report.groups[0].encoders, 2);
  EXPECT_NEAR(report.groups[1].share.mean, .38, 1e-12);  // of c: .32, .34, .42, .44
  // Eight clips of shares .25 and 1, half each.
  EXPECT_NEAR(report.groups[1].quantiles[0], .25, 1e-12);
  EXPECT_NEAR(report.groups[1].quantiles[2], .625, 1e-12);
  EXPECT_NEAR(report.groups[1].quantiles[4], 1, 1e-12);
}

TEST(ImportanceReport, AnyLabelGroupsTheEncoders) {
  ImportanceInput input = gate();
  input.by = "family";
  const auto report = make_importance_report(input, make_report(scores()));
  EXPECT_EQ(report.labels, (std::vector<std::string>{"family", "modality"}));
  ASSERT_EQ(report.groups.size(), 2u);
  EXPECT_EQ(report.groups[0].group, "adapted");
  EXPECT_EQ(report.groups[0].encoders, 2);
  EXPECT_NEAR(report.groups[0].share.mean, .8, 1e-12);      // b has .2 of every trial
  EXPECT_NEAR(report.groups[0].quantiles[2], .875, 1e-12);  // clips of .75 and 1
  EXPECT_EQ(report.groups[1].group, "other");
  EXPECT_EQ(report.encoders[1].group, "other");
  const json object = importance_json(report);
  EXPECT_EQ(object["by"], "family");
  EXPECT_EQ(object["encoders"][2]["group"], "adapted");
  EXPECT_NE(render(report, ReportFormat::kMarkdown).find("| a | adapted | .420 ± .059 |"), std::string::npos);
  EXPECT_EQ(render(report, ReportFormat::kCsv).rfind("encoder,family,weight_mean,", 0), 0u);
}

TEST(ImportanceReport, AnUnknownLabelNamesTheNearest) {
  ImportanceInput input = gate();
  const auto error = [&](const std::string& by) {
    input.by = by;
    try {
      make_importance_report(input, make_report(scores()));
    } catch (const UnknownLabel& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(error("familly"), "no encoder has a label 'familly'; did you mean 'family'?");
  EXPECT_EQ(error("colour"), "no encoder has a label 'colour'; valid: family, modality");
  input.labels_of.clear();
  EXPECT_EQ(error("modality"), "") << "the default, even where dataset.yaml names none";
}

/// Weights .5, .2 and .3 in every trial.
ImportanceInput steady(double ab, double ac, double bc) {
  ImportanceInput input = gate();
  for (TrialImportance& trial : input.trials) {
    for (std::size_t e = 0; e < 3; ++e) trial.importance.encoders[e].mean = std::vector<double>{.5, .2, .3}[e];
    const auto near = [](double cka) { return static_cast<float>(cka); };
    trial.importance.cka = {1, near(ab), near(ac), near(ab), 1, near(bc), near(ac), near(bc), 1};
  }
  return input;
}

TEST(ImportanceReport, NearCopiesOfUnequalWeightAreWarnedOfFirst) {
  const Report scored = make_report(scores());
  // a has 2.5 times the weight of b, and an even share is a third. c has less than that, and a not twice as much as c.
  const auto report = make_importance_report(steady(.75, .875, .9375), scored);
  ASSERT_EQ(report.near_copies.size(), 1u);
  EXPECT_EQ(report.near_copies[0].heavier, "a");
  EXPECT_EQ(report.near_copies[0].lighter, "b");
  EXPECT_NEAR(report.near_copies[0].cka, .75, 1e-12);
  EXPECT_NEAR(report.near_copies[0].heavier_weight, .5, 1e-12);
  EXPECT_NEAR(report.near_copies[0].lighter_weight, .2, 1e-12);
  EXPECT_TRUE(make_importance_report(steady(.59375, .875, .9375), scored).near_copies.empty());
  const std::string text = render(report, ReportFormat::kText);
  const std::string warning = "near-copies of a (weight .500) have less weight: b (.200, CKA .750)";
  ASSERT_NE(text.find(warning), std::string::npos) << text;
  EXPECT_LT(text.find(warning), text.find("4 of 4 trials")) << text;
  EXPECT_NE(text.find("by the Score alone"), std::string::npos);
  const json object = importance_json(report);
  EXPECT_EQ(object["near_copies"], json::array({{{"heavier", "a"},
                                                 {"lighter", "b"},
                                                 {"cka", .75},
                                                 {"heavier_weight", report.near_copies[0].heavier_weight},
                                                 {"lighter_weight", report.near_copies[0].lighter_weight}}}));
  EXPECT_EQ(importance_json(make_importance_report(gate(), scored))["near_copies"], json::array());
}

TEST(ImportanceReport, TwoNearCopiesOfOneEncoderAreOneSentence) {
  ImportanceInput input = steady(.75, .875, .5);
  for (TrialImportance& trial : input.trials) trial.importance.encoders[2].mean = 0;
  const auto report = make_importance_report(input, make_report(scores()));
  EXPECT_EQ(near_copies_texts(report),
            (std::vector<std::string>{
                "near-copies of a (weight .500) have less weight: b (.200, CKA .750), c (.000, CKA .875)"}));
  input = steady(.75, .875, .5);
  for (TrialImportance& trial : input.trials) trial.importance.cka.clear();
  EXPECT_TRUE(make_importance_report(input, make_report(scores())).near_copies.empty());
}

TEST(ImportanceReport, ScoresOfSubsetsStandBesideTheGate) {
  const auto report = make_importance_report(gate(), make_report(scores()));
  const auto& encoders = report.encoders;
  ASSERT_TRUE(encoders[0].loss);
  EXPECT_EQ(encoders[0].loss->config, "bc");
  EXPECT_TRUE(encoders[0].loss->held_out);
  EXPECT_NEAR(encoders[0].loss->difference.mean, (10 - 4) / 20. / 2, 1e-12);
  EXPECT_EQ(encoders[1].loss->config, "ac");  // of two, the one with the same top_n
  EXPECT_NEAR(encoders[1].loss->difference.mean, 1 / 20. / 2, 1e-12);
  EXPECT_FALSE(encoders[2].loss);
  ASSERT_TRUE(encoders[0].alone);
  EXPECT_EQ(encoders[0].alone->config, "a");
  EXPECT_NEAR(encoders[0].alone->value(), 11 / 40. / 2, 1e-12);  // 5 + 6 of 40 clips
  EXPECT_FALSE(encoders[1].alone);
  EXPECT_NEAR(report.gate_and_loss, 1, 1e-12);
  EXPECT_FALSE(report.shapley);
}

TEST(ImportanceReport, OtherSweepsHelpOut) {
  auto input = scores();
  const auto bare = make_importance_report(gate(), make_report(input));
  EXPECT_FALSE(bare.encoders[2].loss);
  ReportInput other = input;
  other.configs.clear();
  other.trials.clear();
  add(other, "ab", settings({"a", "b"}, 2), 3);
  add(other, "b1", settings({"b"}, 1), 2);
  add(other, "c1", settings({"c"}, 1, "all"), 1);  // alone, there is nothing to select
  const auto report = make_importance_report(gate(), make_report(input), pointers_to(make_report(other).configs));
  EXPECT_EQ(report.encoders[2].loss->config, "ab");
  EXPECT_EQ(report.encoders[2].alone->config, "c1");
  // Now every subset has a Score: worths (held-out) 5.5/20/2 ... with v(none) = 0; the sum is that of all.
  ASSERT_TRUE(report.shapley);
  EXPECT_TRUE(report.shapley->exact);
  double sum = 0;
  for (const auto& number : report.shapley->values) sum += number.value;
  EXPECT_NEAR(sum, 10.5 / 40, 1e-12);
  // By hand for c: its hits join nobody with 1.5, a (5.5) to make 9.5, b (2.5) to make 4.5, ab (3.5) to make 10.5.
  EXPECT_NEAR(report.shapley->values[2].value, (1.5 / 3 + 4 / 6. + 2 / 6. + 7 / 3.) / 40, 1e-12);
}

TEST(ImportanceReport, EffectOfNHasASeriesASelection) {
  ReportInput input = scores();
  add(input, "mass", {{"encoders", {"a", "b", "c"}}, {"selection", "threshold"}, {"mass", .9}, {"epochs", 5}}, 11);
  const auto report = make_importance_report(gate(), make_report(input));
  ASSERT_EQ(report.effect_of_n.size(), 2u);  // threshold has no n
  EXPECT_EQ(report.effect_of_n[0].selection, "all");
  EXPECT_TRUE(report.effect_of_n[0].constant);
  const auto& learned = report.effect_of_n[1].points;
  ASSERT_EQ(learned.size(), 3u);
  EXPECT_EQ(learned[2].n, 3) << "keeping all three is `all`";
  EXPECT_EQ(learned[2].score.config, "abcall");
  EXPECT_EQ(learned[0].n, 1);
  EXPECT_NEAR(*learned[0].score.held_out, 13 / 80., 1e-12);
  EXPECT_NEAR(*learned[1].score.held_out, 21 / 80., 1e-12);
}

TEST(ImportanceReport, EffectOfNIsOverTheSameSeeds) {
  const auto points = [](bool other_seed) {
    ReportInput other = scores();
    other.configs.clear();
    other.trials.clear();
    add(other, "more", {{"encoders", {"a", "b", "c"}}, {"selection", "random"}, {"top_n", 2}, {"epochs", 5}}, 19);
    for (TrialScores& trial : other.trials) trial.seed += other_seed ? 10 : 0;
    if (other_seed) {
      for (std::uint64_t& seed : other.seeds) seed += 10;
    }
    std::size_t random = 0;
    for (const auto& one :
         make_importance_report(gate(), make_report(scores()), pointers_to(make_report(other).configs)).effect_of_n) {
      random += one.selection == "random";
    }
    return random;
  };
  EXPECT_EQ(points(false), 1u) << "a config of another sweep";
  EXPECT_EQ(points(true), 0u) << "Scores of other seeds differ by these, too";
}

TEST(ImportanceReport, RefusesWhatDoesNotBelongTogether) {
  const Report report = make_report(scores());
  auto input = gate();
  input.config = "nobody";
  EXPECT_THROW(make_importance_report(input, report), Error);
  input = gate();
  input.trials[1].importance.encoders[0].encoder = "z";
  EXPECT_THROW(make_importance_report(input, report), Error);
  input.trials.clear();
  EXPECT_THROW(make_importance_report(input, report), Error);
}

TEST(ImportanceReport, IsAboutTheBestOfThoseWithTheMostEncoders) {
  EXPECT_EQ(config_for_importance(make_report(scores())), "abcall");
  ReportInput without = scores();
  for (ReportConfig& config : without.configs) config.settings.erase("gate");
  EXPECT_EQ(config_for_importance(make_report(without)), "");
}

const Figure& find(const Figures& figures, std::string_view name) {
  for (const Figure& figure : figures.figures) {
    if (figure.name == name) return figure;
  }
  throw Error("no figure " + std::string(name));
}

TEST(Figures, DataIsWrittenWithFullPrecision) {
  const auto figures = make_figures(make_importance_report(gate(), make_report(scores())));
  const Table& effect = find(figures, "effect_of_n").data;
  EXPECT_EQ(csv_table(effect).substr(0, 56), "selection,n,protocol,score,low,high,paper_score,config\na");
  ASSERT_EQ(effect.rows.size(), 4u);
  const auto& two = effect.rows[2];
  EXPECT_EQ(two[0] + " " + two[1] + " " + two[2] + " " + two[7], "learned 2 held-out abc");
  EXPECT_NEAR(std::stod(two[3]), .2625, 1e-12);
  // Runs .25 in fold 0 and .275 in fold 1: MSB = .000625, MSW = 0; variance .000625 (1/4 + 1/2); one degree of
  // freedom, whose t at .975 is tan(.475 pi).
  const double half = std::tan(.475 * std::acos(-1.)) * std::sqrt(.000625 * .75);
  EXPECT_GT(half, .2625);
  EXPECT_EQ(std::stod(two[4]), 0) << "a Score is no less";
  EXPECT_NEAR(std::stod(two[5]), .2625 + half, 1e-9);
  EXPECT_NEAR(std::stod(two[6]), .2625, 1e-12);
  EXPECT_EQ(
      csv_table(find(figures, "cka").data),
      "encoder,other,linear_cka\na,a,1\na,b,0.5\na,c,0.25\nb,a,0.5\nb,b,1\nb,c,0.125\nc,a,0.25\nc,b,0.125\nc,c,1\n");
  EXPECT_EQ(csv_table(find(figures, "rank_distribution").data),
            "encoder,rank,share_of_clips\na,1,0.8\na,2,0.1\na,3,0.1\nb,1,0.2\nb,2,0.3\nb,3,0.5\n"
            "c,1,0\nc,2,0.6\nc,3,0.4\n");
  const std::string weights = csv_table(find(figures, "weight_distribution").data);
  EXPECT_EQ(weights.substr(0, 60), "encoder,bin_low,bin_high,share_of_clips\na,0,0.25,0.25\na,0.25");
}

TEST(Figures, PicturesHoldOneMarkAValue) {
  const auto figures = make_figures(make_importance_report(gate(), make_report(scores())));
  const std::map<std::string, int> marks = {{"effect_of_n", 4},
                                            {"modality_shares", 2},
                                            {"selection_frequency", 3},
                                            {"importance_by_fold", 6},
                                            {"weight_distribution", 3},
                                            {"rank_distribution", 9},
                                            {"cka", 9},
                                            {"gate_and_scores", 2},
                                            {"leave_one_out", 2}};
  EXPECT_EQ(figures.figures.size(), marks.size());
  for (const Figure& figure : figures.figures) {
    std::map<std::string, int> count;
    EXPECT_EQ(xml_error(figure.svg, &count), "") << figure.name;
    EXPECT_EQ(count[".mark"], marks.at(figure.name)) << figure.name;
    EXPECT_NE(figure.svg.find("synthetic data"), std::string::npos) << figure.name;
    EXPECT_NE(figure.svg.find("config abc of demo on set, 4 of 4 trials"), std::string::npos) << figure.name;
  }
  ASSERT_EQ(figures.missing.size(), 1u);
  EXPECT_EQ(figures.missing[0].rfind("shapley: ", 0), 0u);
}

TEST(ImportanceRender, FitsTheTerminalAndSaysWhatItLeftOut) {
  ReportInput input = scores();
  input.labels = {{"a", "an encoder with a long label"}};
  const Report of = make_report(input);
  const auto report = in_words(make_importance_report(gate(), of), of);
  for (const std::size_t width : {60, 80, 120, 200}) {
    std::istringstream lines(render(report, ReportFormat::kText, width));
    for (std::string line; std::getline(lines, line);) {
      std::size_t characters = 0;
      for (const char c : line) characters += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      EXPECT_LE(characters, width) << line;
    }
  }
  EXPECT_NE(render(report, ReportFormat::kText, 60).find("for want of room"), std::string::npos);
  EXPECT_EQ(render(report, ReportFormat::kText, 200).find("for want of room"), std::string::npos);
}

TEST(ImportanceRender, PeopleReadNamesInWords) {
  ReportInput input = scores();
  input.labels = {{"a", "CLIP"}, {"c", "WavLM"}};
  const Report of = make_report(input);
  const std::string text = render(in_words(make_importance_report(gate(), of), of), ReportFormat::kText, 200);
  EXPECT_NE(text.find("\nCLIP "), std::string::npos) << text;
  EXPECT_NE(text.find("\nWavLM "), std::string::npos);
  EXPECT_NE(text.find("\nb "), std::string::npos);
  EXPECT_EQ(text.find("\na "), std::string::npos);
  const std::string csv = render(make_importance_report(gate(), of), ReportFormat::kCsv);
  EXPECT_NE(csv.find("\na,"), std::string::npos) << "data keep the names of the dataset";
}

TEST(ImportanceRender, EveryFormatHasTheNumbersAndTheirProtocol) {
  auto input = scores();
  input.configs[0].transductive = true;
  const auto report = make_importance_report(gate(), make_report(input));
  const std::string text = render(report, ReportFormat::kText);
  for (const char* said : {"synthetic", "transductive", "Kendall's W of the encoders' ranks: .750 over runs",
                           ".420 ± .059", ".667", "held-out Scores", "paper-style (optimistic)", "+.150"}) {
    EXPECT_NE(text.find(said), std::string::npos) << said << "\n" << text;
  }
  EXPECT_NE(render(report, ReportFormat::kMarkdown).find("| a | video | .420 ± .059 | +.150 |"), std::string::npos)
      << "the loss without it stands beside its weight";
  EXPECT_NE(render(report, ReportFormat::kLatex).find("\\multicolumn{4}{c}{lost without it}"), std::string::npos);
  const json object = importance_json(report);
  EXPECT_NEAR(object["encoders"][0]["weight"]["mean"].get<double>(), .42, 1e-12);
  EXPECT_TRUE(object["encoders"][2]["loss_without"].is_null());
  EXPECT_EQ(object["encoders"][0]["loss_without"]["protocol"], "held-out");
  EXPECT_EQ(render(report, ReportFormat::kCsv).rfind("encoder,modality,weight_mean,", 0), 0u);
}

}  // namespace
}  // namespace medley::sweep
