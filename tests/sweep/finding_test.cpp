#include "sweep/report/finding.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/report/config_names.h"
#include "sweep/report/methods.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

/// A finished trial whose held-out and paper-style Score is `hits` of 20 clips, halved, as no blend is right.
TrialScores trial(const std::string& config, int fold, std::uint64_t seed, int hits) {
  TrialScores t;
  t.trial_id = config + "-" + std::to_string(fold) + "-" + std::to_string(seed);
  t.config_id = config;
  t.fold = fold;
  t.seed = seed;
  t.paper = {hits / 20., 0};
  t.held_out_epoch = 9;
  t.paper_surface.clips = 20;
  t.paper_surface.blends = 10;
  t.paper_surface.presence_hits[3] = hits;
  t.held_out_surface = t.paper_surface;
  return t;
}

using Hits = std::function<int(int fold, int seed)>;

/// Three folds, two seeds; configs a, b, ... with top_n 1, 2, ...
ReportInput sweep_of(const std::vector<Hits>& configs) {
  ReportInput input;
  input.sweep = "demo";
  input.dataset = "set";
  input.folds = {0, 1, 2};
  input.seeds = {1, 2};
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const std::string id(1, static_cast<char>('a' + i));
    const nlohmann::json axes = {{"selection", "learned"}, {"top_n", i + 1}};
    input.configs.push_back({id, axes, axes});
    for (const int fold : {0, 1, 2}) {
      for (const int seed : {1, 2}) {
        input.trials.push_back(trial(id, fold, static_cast<std::uint64_t>(seed), configs[i](fold, seed)));
      }
    }
  }
  return input;
}

Hits always(int hits) {
  return [hits](int, int) { return hits; };
}
/// Different in every run, with the same mean.
Hits noisy(int hits) {
  return [hits](int fold, int seed) { return hits + (fold - 1) * 3 * (seed == 1 ? 1 : -1); };
}

Finding found(const ReportInput& input) { return finding(make_report(input)); }

TEST(Finding, NothingIsFoundBeforeTheSweepIsDone) {
  ReportInput input = sweep_of({always(4), always(8)});
  input.families = {{"top_n", "1", .02}};
  input.standing = SweepStanding::kRunning;
  input.trials.pop_back();
  const Finding finding = found(input);
  EXPECT_EQ(finding.state, FindingState::kNotYet);
  // Of the complete configs a is first: 4 of 20 clips, and no blend.
  EXPECT_EQ(finding.text, "not yet: 11 of 12 trials; so far n=1 has .100 [.100, .100] (held-out Score, 6 of 6 runs)");
  input.trials.clear();
  EXPECT_EQ(found(input).text, "not yet: 0 of 12 trials");
}

TEST(Finding, FailuresAreNoFinding) {
  ReportInput input = sweep_of({always(4)});
  input.trials.clear();
  input.standing = SweepStanding::kFailed;
  EXPECT_EQ(found(input).state, FindingState::kFailed);
  input.standing = SweepStanding::kFinished;
  EXPECT_EQ(found(input).state, FindingState::kNoNumber);
  EXPECT_EQ(found(input).text, "no config has a Score: 0 of 6 trials have a result");
}

TEST(Finding, PlannedComparisonsSayWhatHelps) {
  ReportInput input = sweep_of({always(4), always(8), always(6)});
  input.families = {{"top_n", "1", .02}};
  EXPECT_EQ(found(input).state, FindingState::kHelps);
  // 8 less 4 of 20 clips are .200 of ACC_P and .100 of the Score, in every run.
  EXPECT_EQ(found(input).text,
            "n=2 beats n=1 by .100 [.100, .100] (held-out Score, 3 folds x 2 seeds, Holm over 2); so do 1 more");
  input.families = {{"top_n", "2", .02}};
  EXPECT_EQ(found(input).state, FindingState::kHurts);
  EXPECT_EQ(found(input).text,
            "no config beats n=2; n=1 is behind n=2 by .100 [.100, .100] (held-out Score, 3 folds x 2 seeds, "
            "Holm over 2); so are 1 more");
}

TEST(Finding, NoDifferenceIsEquivalentOrUndecided) {
  ReportInput input = sweep_of({always(8), always(8)});
  input.families = {{"top_n", "1", .02}};
  EXPECT_EQ(found(input).state, FindingState::kEquivalent);
  EXPECT_EQ(found(input).text,
            "n=2 is equivalent to n=1 within ±.020 (held-out Score, 3 folds x 2 seeds, Holm over 1)");
  input = sweep_of({always(8), noisy(9)});
  input.families = {{"top_n", "1", .02}};
  EXPECT_EQ(found(input).state, FindingState::kUndecided);
  const std::string text = found(input).text;
  EXPECT_EQ(
      text.rfind(
          "undecided: no config differs from n=1 beyond chance (held-out Score, 3 folds x 2 seeds, Holm over 1); ", 0),
      0u)
      << text;
  EXPECT_NE(text.find("seed"), std::string::npos) << text;
}

TEST(Finding, OneSeedDoesNotTellHowManyMoreSettleIt) {
  ReportInput input = sweep_of({always(8), noisy(9)});
  input.families = {{"top_n", "1", .02}};
  input.seeds = {1};
  input.trials.erase(
      std::remove_if(input.trials.begin(), input.trials.end(), [](const TrialScores& t) { return t.seed == 2; }),
      input.trials.end());
  EXPECT_EQ(
      found(input).text,
      "undecided: no config differs from n=1 beyond chance (held-out Score, 3 folds x 1 seed, Holm over 1); add a "
      "seed, as the variance of training is unknown from one");
}

TEST(Finding, ComparisonsThatLackRunsAreNotJudged) {
  ReportInput input = sweep_of({always(4), always(8)});
  input.families = {{"top_n", "1", .02}};
  input.trials.pop_back();
  EXPECT_EQ(found(input).state, FindingState::kNotJudged);
  EXPECT_EQ(found(input).text, "not judged: every planned comparison lacks runs");
}

TEST(Finding, AReferenceIsADeclaredComparison) {
  ReportInput input = sweep_of({always(4), always(8)});
  input.reference = "a";
  EXPECT_EQ(found(input).state, FindingState::kBeats);
  EXPECT_EQ(found(input).text,
            "n=2 beats the reference n=1 by .100 [.100, .100] (held-out Score, 3 folds x 2 seeds, Holm over 1)");
  input.reference = "b";
  EXPECT_EQ(found(input).state, FindingState::kNoneBeats);
  EXPECT_EQ(found(input).text,
            "no config beats the reference n=2 beyond chance; of the others n=1 is first with -.100 [-.100, -.100] "
            "(held-out Score, 3 folds x 2 seeds, Holm over 1)");
  input = sweep_of({always(8), noisy(9)});
  input.reference = "a";
  EXPECT_EQ(found(input).state, FindingState::kNoneBeats);
}

TEST(Finding, WithoutADeclarationThereIsNoVerdict) {
  EXPECT_EQ(found(sweep_of({always(4), always(8), noisy(8)})).state, FindingState::kBest);
  EXPECT_EQ(
      found(sweep_of({always(4), always(8), noisy(8)})).text,
      "n=2 has .200 [.200, .200], the best of 3 (held-out Score, 3 folds x 2 seeds); 1 of the other 2 cannot be told "
      "from it, and no comparison was declared");
  EXPECT_EQ(found(sweep_of({always(4)})).state, FindingState::kSingle);
  ReportInput few = sweep_of({always(4), always(8)});
  few.seeds = {1};
  few.folds = {0, 1};
  few.trials.erase(std::remove_if(few.trials.begin(), few.trials.end(),
                                  [](const TrialScores& t) { return t.seed == 2 || t.fold == 2; }),
                   few.trials.end());
  EXPECT_NE(found(few).text.find("too few runs to tell the others from it"), std::string::npos) << found(few).text;
}

TEST(Finding, ASearchThatEndsEarlySaysHowManySeedsItTrained) {
  ReportInput input = sweep_of({always(4), always(8)});
  input.seeds = {1, 2, 3, 4, 5, 6, 7, 8};  // of which two were trained
  EXPECT_EQ(runs_text(make_report(input)), "3 folds x 8 seeds");
  input.search = "until-settled, margin .010";
  EXPECT_EQ(runs_text(make_report(input)), "3 folds x 2 of at most 8 seeds");
  const std::string methods = methods_text(make_report(input));
  EXPECT_NE(methods.find("from 2 of at most 8 random seeds."), std::string::npos) << methods;
  input.trials.erase(std::remove_if(input.trials.begin(), input.trials.end(),
                                    [](const TrialScores& t) { return t.config_id == "a" && t.seed == 2; }),
                     input.trials.end());
  EXPECT_EQ(runs_text(make_report(input)), "3 folds x 1 to 2 of at most 8 seeds");
  input.seeds = {1, 2};
  input.trials = sweep_of({always(4), always(8)}).trials;
  EXPECT_EQ(runs_text(make_report(input)), "3 folds x 2 seeds") << "all were trained";
}

TEST(Finding, ASearchHasDecidedItself) {
  ReportInput input = sweep_of({always(4), always(8)});
  input.search = "race, margin .010";
  for (ReportConfig& config : input.configs) {
    config.asked.emplace();
    for (const int fold : input.folds) {
      for (const std::uint64_t seed : input.seeds) config.asked->runs.insert({seed, fold});
    }
  }
  input.configs[0].asked->stopped = StoppedBySearch{DecisionKind::kBehind, 1, 6, "b", -.1, {-.1, -.1}};
  EXPECT_EQ(found(input).state, FindingState::kSearched);
  EXPECT_NE(found(input).text.find("the search found 1 behind"), std::string::npos) << found(input).text;
  input.standing = SweepStanding::kRunning;
  EXPECT_EQ(found(input).state, FindingState::kNotYet);
}

TEST(Finding, SeedsThatDisagreeAreNamed) {
  EXPECT_EQ(best_by_seeds_text(make_report(sweep_of({always(4), always(8)}))), "");
  const auto report = make_report(sweep_of({[](int, int seed) { return seed == 1 ? 9 : 4; }, always(8)}));
  EXPECT_EQ(best_by_seeds_text(report), "seeds disagree on the best config: n=1 with 1 of 2 seeds; n=2 with 1");
}

/// Ids are a, b, ...; nothing has been trained.
Report named(const std::vector<nlohmann::json>& axis_values, std::map<std::string, std::string> labels = {}) {
  ReportInput input;
  input.folds = {0};
  input.seeds = {1};
  input.labels = std::move(labels);
  for (std::size_t i = 0; i < axis_values.size(); ++i) {
    input.configs.push_back({std::string(1, static_cast<char>('a' + i)), axis_values[i], axis_values[i]});
  }
  return make_report(input);
}

TEST(ConfigNames, AreTheWordsThatTellConfigsApart) {
  const ConfigNames names(named(
      {{{"selection", "all"}}, {{"selection", "learned"}, {"top_n", 2}}, {{"selection", "random"}, {"top_n", 2}}}));
  EXPECT_EQ(names("a"), "all");
  EXPECT_EQ(names("b"), "learned");  // n tells nothing more
  EXPECT_EQ(names("x"), "x");
  const ConfigNames more(named(
      {{{"selection", "all"}}, {{"selection", "learned"}, {"top_n", 1}}, {{"selection", "learned"}, {"top_n", 2}}}));
  EXPECT_EQ(more("c"), "learned, n=2");
}

TEST(ConfigNames, NameTheAxisWhereAWordAloneSaysTooLittle) {
  const ConfigNames names(named({{{"adaptation", "none"}, {"inner_fold", true}},
                                 {{"adaptation", "coral"}, {"inner_fold", false}},
                                 {{"adaptation", "coral"}, {"inner_fold", true}},
                                 {{"adaptation", "none"}, {"inner_fold", false}}}));
  EXPECT_EQ(names("a"), "no adaptation, inner_fold");
  EXPECT_EQ(names("b"), "coral, no inner_fold");
  // `epochs` is a setting of its own, and two axes end in `dim`.
  const ConfigNames numbers(named({{{"warmup_epochs", 1}, {"gate_dim", 2}, {"projection_dim", 2}},
                                   {{"warmup_epochs", 2}, {"gate_dim", 2}, {"projection_dim", 2}},
                                   {{"warmup_epochs", 1}, {"gate_dim", 3}, {"projection_dim", 2}},
                                   {{"warmup_epochs", 1}, {"gate_dim", 2}, {"projection_dim", 3}}}));
  EXPECT_EQ(numbers("a"), "gate_dim=2, projection_dim=2, warmup_epochs=1");
}

TEST(ConfigNames, LabelsReplaceAxesValuesAndWholeNames) {
  const std::vector<nlohmann::json> configs = {{{"selection", "all"}, {"top_n", 1}},
                                               {{"selection", "learned"}, {"top_n", 1}},
                                               {{"selection", "learned"}, {"top_n", 2}}};
  const Report report =
      named(configs,
            {{"learned", "ours"}, {"top_n", "kept"}, {"top_n=2", "two"}, {"selection=all, top_n=1", "the baseline"}});
  const ConfigNames names(report);
  EXPECT_EQ(names("a"), "the baseline");
  EXPECT_EQ(names("b"), "ours, kept=1");
  EXPECT_EQ(names("c"), "ours, two");
  const std::string text = render(report, {});
  EXPECT_NE(text.find("by kept"), std::string::npos) << text;
  EXPECT_EQ(text.find("learned"), std::string::npos) << text;
  EXPECT_NE(render(report, {ReportFormat::kCsv}).find("learned"), std::string::npos);
}

TEST(ConfigNames, DrawsHaveNoValueInCommon) {
  std::vector<nlohmann::json> configs;
  for (int i = 0; i < 15; ++i) configs.push_back({{"dropout", .01 * i}, {"head", i % 2 ? "softmax" : "label"}});
  const Report report = named(configs);
  EXPECT_TRUE(is_drawn(report));
  EXPECT_EQ(ConfigNames(report)("c"), "draw c");
  configs.resize(10);
  EXPECT_FALSE(is_drawn(named(configs)));
}

}  // namespace
}  // namespace medley::sweep
