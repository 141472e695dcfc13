#include "sweep/spec/expand.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

DatasetShape four_encoders() {
  return {"fingerprint",
          {"clip", "hubert", "imagebind", "wavlm"},
          {"video", "audio", "video", "audio"},
          {0, 1, 2, 3, 4},
          true};
}

/// All that a sweep file comes to: what is trained, in which order of sweeps, and how it is reported.
std::string outcome_of(const std::string& text) {
  const SweepSpec spec = parse_sweep(text, "file.yaml");
  const Expansion made = expand(spec, four_encoders());
  std::string all = spec.name + "|" + spec.description + "|" + spec.dataset + "|" + std::to_string(spec.priority) +
                    "|" + std::to_string(spec.decode.grid.from) + "," + std::to_string(spec.decode.grid.points) + "|" +
                    head_fusion_text(spec.decode.head_fusion) + "|" + made.reference_id + "|" +
                    std::to_string(made.dropped);
  for (const Family& family : made.families) {
    all += "|" + family.axis + family.baseline + std::to_string(family.margin);
  }
  for (const ExpandedConfig& config : made.configs) {
    all += "\n" + config.id;
    for (const auto& [axis, value] : config.axis_values) all += " " + axis + "=" + value;
  }
  for (const TrialSpec& trial : made.trials) all += "\n" + trial.id;
  for (const auto& [name, label] : made.labels) all += "|" + name + "=" + label;
  for (const auto& [event, told] : spec.on) all += "|" + event + "=" + told.front();
  return all;
}

Expansion expand_text(const std::string& text, const DatasetShape& shape = four_encoders()) {
  return expand(parse_sweep(text, "s.yaml"), shape);
}

std::vector<std::string> errors(const std::string& text, const DatasetShape& shape = four_encoders()) {
  const SweepSpec spec = parse_sweep(text, "s.yaml");
  try {
    expand(spec, shape);
  } catch (const SpecError& e) {
    std::vector<std::string> result;
    for (const Diagnostic& d : e.diagnostics()) {
      result.push_back(std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.message);
    }
    return result;
  }
  return {};
}

std::string error(const std::string& text, const DatasetShape& shape = four_encoders()) {
  const auto all = errors(text, shape);
  EXPECT_EQ(all.size(), 1u) << testing::PrintToString(all);
  return all.empty() ? "" : all.front();
}

/// Of a file with errors of its own: theirs first, then those that the dataset shows.
std::vector<std::string> all_errors(const std::string& text) {
  const ParsedSweep parsed = read_sweep(text, "s.yaml");
  EXPECT_FALSE(parsed.errors.empty());
  std::vector<std::string> result;
  for (const auto& list : {parsed.errors, find_errors(parsed, four_encoders())}) {
    for (const Diagnostic& d : list) {
      result.push_back(std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.message);
    }
  }
  return result;
}

/// No key is accepted that changes nothing: of each key of a sweep file two values, and what they come to.
TEST(Expand, EveryKeyOfASweepFileChangesWhatItComesTo) {
  const std::map<std::string, std::string> rest = {{"axes", "axes: {selection: [learned, all], top_n: [1, 2]}\n"}};
  const std::map<std::string, std::pair<std::string, std::string>> values = {
      {"name", {"name: a", "name: b"}},
      {"description", {"description: a", "description: b"}},
      {"dataset", {"dataset: a", "dataset: b"}},
      {"priority", {"priority: 1", "priority: 2"}},
      {"base", {"base: {epochs: 3}", "base: {epochs: 4}"}},
      {"variants", {"variants: {a: {epochs: 3}, b: {epochs: 4}}", "variants: {a: {epochs: 3}, b: {epochs: 5}}"}},
      {"axes", {"axes: {top_n: [1, 2]}", "axes: {top_n: [1, 3]}"}},
      {"when", {}},  // below
      {"folds", {"folds: [0, 1]", "folds: [0, 2]"}},
      {"seeds", {"seeds: [1]", "seeds: [2]"}},
      {"search", {"search: {random: 1}", "search: {random: 3}"}},
      {"impossible", {}},  // below
      {"reference", {"reference: {selection: all}", "reference: {selection: learned, top_n: 1}"}},
      {"compare", {"compare: {axis: selection, baseline: all}", "compare: {axis: selection, baseline: learned}"}},
      {"threshold_grid", {"threshold_grid: {from: 0.01}", "threshold_grid: {points: 10}"}},
      {"head_fusion", {"head_fusion: own", "head_fusion: product-2"}},
      {"labels", {"labels: {top_n: n}", "labels: {top_n: kept}"}},
      {"on", {"on: {finished: a}", "on: {failed: a}"}},
      {"include", {"include: a\n--- # file: a\nbase: {epochs: 3}", "include: a\n--- # file: a\nbase: {epochs: 4}"}},
  };
  for (const std::string& key : sweep_file_keys()) {
    const auto pair = values.find(key);
    ASSERT_NE(pair, values.end()) << "a new key needs two values here that differ in what they come to: " << key;
    const std::string with = key == "axes" ? "" : rest.at("axes");
    if (pair->second.first.empty()) continue;
    EXPECT_NE(outcome_of(with + pair->second.first), outcome_of(with + pair->second.second)) << key;
  }
  EXPECT_EQ(sweep_file_keys().size(), values.size());
  const std::string axes = "axes: {selection: [learned, random], top_n: [1, 2]}\nbase: {top_n: 3}\n";
  EXPECT_NE(outcome_of(axes + "when: {top_n: {selection: learned}}"),
            outcome_of(axes + "when: {top_n: {selection: random}}"))
      << "when";
  const std::string three = "base: {encoders: [clip, wavlm, hubert]}\naxes: {top_n: [1, 4]}\n";
  EXPECT_NO_THROW(outcome_of(three + "impossible: skip"));
  EXPECT_THROW(outcome_of(three + "impossible: error"), SpecError);
}

/// Values of one axis, config by config; "-" where it is not varied.
std::vector<std::string> column(const Expansion& expansion, const std::string& axis) {
  std::vector<std::string> result;
  for (const ExpandedConfig& config : expansion.configs) {
    const auto it = config.axis_values.find(axis);
    result.push_back(it == config.axis_values.end() ? "-" : it->second);
  }
  return result;
}

std::vector<std::string> subsets(const std::string& axis, const DatasetShape& shape = four_encoders()) {
  return column(expand_text("base: {selection: all}\naxes: {encoders: " + axis + "}", shape), "encoders");
}

std::set<std::string> config_ids(const Expansion& expansion) {
  std::set<std::string> ids;
  for (const ExpandedConfig& config : expansion.configs) ids.insert(config.id);
  return ids;
}

using Strings = std::vector<std::string>;

TEST(Expand, AFileWithoutAxesIsOneConfigOnAllEncodersAndFolds) {
  const Expansion expansion = expand_text("base: {epochs: 5}");
  ASSERT_EQ(expansion.configs.size(), 1u);
  EXPECT_EQ(expansion.configs[0].config.encoders, four_encoders().encoders);
  EXPECT_EQ(expansion.configs[0].config.epochs, 5);
  EXPECT_TRUE(expansion.configs[0].axis_values.empty());
  EXPECT_EQ(expansion.trials.size(), 5u);
}

TEST(Expand, TheFirstAxisVariesSlowest) {
  const Expansion expansion = expand_text("axes: {head: [softmax, decoupled], top_n: [3, 1]}");
  EXPECT_EQ(column(expansion, "head"), (Strings{"softmax", "softmax", "decoupled", "decoupled"}));
  EXPECT_EQ(column(expansion, "top_n"), (Strings{"3", "1", "3", "1"}));
  EXPECT_EQ(expansion.configs[1].config.head, Head::kSoftmax);
  EXPECT_EQ(expansion.configs[1].config.top_n, 1);
  for (const ExpandedConfig& config : expansion.configs) EXPECT_EQ(config.id, config_id(config.config));
}

TEST(Expand, TrialsStandByConfigThenSeedThenFold) {
  const Expansion expansion = expand_text("axes: {top_n: [1, 2]}\nseeds: [7, 3]\nfolds: [4, 2]");
  ASSERT_EQ(expansion.trials.size(), 8u);
  std::size_t i = 0;
  for (const int top_n : {1, 2}) {
    for (const std::uint64_t seed : {7u, 3u}) {
      for (const int fold : {2, 4}) {
        const TrialSpec& trial = expansion.trials[i++];
        EXPECT_EQ(trial.config.top_n, top_n);
        EXPECT_EQ(trial.seed, seed);
        EXPECT_EQ(trial.fold, fold);
        EXPECT_EQ(trial.id, trial_id(trial.config, fold, seed, "fingerprint"));
      }
    }
  }
}

TEST(Expand, RepeatsOfMadeFoldsMultiplyTheRuns) {
  DatasetShape shape = four_encoders();
  shape.actor_count = 12;
  shape.clip_count = 90;
  const std::string text = "axes: {top_n: [1, 2]}\nseeds: [7, 3]\nfolds: {regroup: 3, repeats: 2, seed: 5}";
  const Expansion expansion = expand_text(text, shape);
  EXPECT_EQ(expansion.folds, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(expansion.runs(), 12u);
  ASSERT_EQ(expansion.trials.size(), 24u);
  std::size_t i = 0;
  std::set<std::string> ids;
  for (const int top_n : {1, 2}) {
    for (const int repeat : {1, 2}) {
      for (const std::uint64_t seed : {7u, 3u}) {
        for (const int fold : {0, 1, 2}) {
          const TrialSpec& trial = expansion.trials[i++];
          const Partition partition{3, PartitionBy::kActor, Stratify::kLabel, 5, repeat};
          EXPECT_EQ(trial.config.top_n, top_n);
          EXPECT_EQ(trial.seed, seed);
          EXPECT_EQ(trial.fold, fold);
          EXPECT_EQ(trial.partition, partition);
          EXPECT_EQ(trial.id, trial_id(trial.config, fold, seed, "fingerprint", "", partition));
          ids.insert(trial.id);
        }
      }
    }
  }
  EXPECT_EQ(ids.size(), 24u);
  const std::vector<AxisCount> counts =
      count_by_axis(parse_sweep(text, "s.yaml"), expansion, [](const std::string&) { return false; });
  EXPECT_EQ(counts.at(0).values.at(0).trials, 12);
}

TEST(Expand, MadeFoldsNeedAsManyActors) {
  DatasetShape shape = four_encoders();
  shape.actor_count = 8;
  shape.clip_count = 90;
  EXPECT_EQ(error("folds: {regroup: 9}", shape),
            "1:18: folds: regroup: 9 folds of 8 actors; valid: 2 to the number of actors");
  EXPECT_TRUE(errors("folds: {regroup: 8}", shape).empty());
  EXPECT_EQ(error("folds: {regroup: 2}\nbase: {inner_fold: true}", shape),
            "2:8: 1 of 1 configs are impossible: inner_fold leaves nothing to train on: the sweep has 2 folds (1)");
  shape.folds = {0};
  EXPECT_TRUE(errors("folds: {regroup: 8}", shape).empty()) << "the official folds play no part";
  shape.actors = false;
  EXPECT_EQ(error("folds: {regroup: 8}", shape),
            "1:18: folds: by: actor: a labelled clip of the dataset has no actor; valid: a column of actors in the "
            "metadata, or by: clip");
  const Expansion by_clip = expand_text("folds: {regroup: 8, by: clip}", shape);
  ASSERT_EQ(by_clip.warnings.size(), 1u);
  EXPECT_NE(by_clip.warnings[0].message.find("clips of one actor are in several folds"), std::string::npos);
  EXPECT_EQ(error("folds: {regroup: 91, by: clip}", shape),
            "1:18: folds: regroup: 91 folds of 90 clips; valid: 2 to the number of clips");
}

TEST(Expand, EncoderGenerators) {
  EXPECT_EQ(subsets("all"), (Strings{"clip+hubert+imagebind+wavlm"}));
  EXPECT_EQ(subsets("singles"), (Strings{"clip", "hubert", "imagebind", "wavlm"}));
  EXPECT_EQ(subsets("pairs"), (Strings{"clip+hubert", "clip+imagebind", "clip+wavlm", "hubert+imagebind",
                                       "hubert+wavlm", "imagebind+wavlm"}));
  EXPECT_EQ(subsets("leave-one-out"),
            (Strings{"hubert+imagebind+wavlm", "clip+imagebind+wavlm", "clip+hubert+wavlm", "clip+hubert+imagebind"}));
  EXPECT_EQ(subsets("by-modality"), (Strings{"clip+imagebind", "hubert+wavlm"}));
  EXPECT_EQ(subsets("{modality: audio}"), (Strings{"hubert+wavlm"}));
  EXPECT_EQ(subsets("{modality: [audio, video]}"), (Strings{"clip+hubert+imagebind+wavlm"}));
  EXPECT_EQ(subsets("{sizes: 3}"),
            (Strings{"clip+hubert+imagebind", "clip+hubert+wavlm", "clip+imagebind+wavlm", "hubert+imagebind+wavlm"}));
  EXPECT_EQ(subsets("{sizes: [1, 4]}").size(), 15u);  // 2^4 - 1
  EXPECT_EQ(subsets("{shapley: 9}"),
            (Strings{"clip+hubert+imagebind+wavlm", "clip", "hubert+imagebind+wavlm", "hubert", "clip+imagebind+wavlm",
                     "imagebind", "clip+hubert+wavlm", "wavlm", "clip+hubert+imagebind"}));
  EXPECT_EQ(subsets("{shapley: 64}").size(), 15u);
  EXPECT_EQ(subsets("[[wavlm, clip], [hubert]]"), (Strings{"clip+wavlm", "hubert"}));
}

TEST(Expand, SeveralGeneratorsAreAUnionInOrder) {
  EXPECT_EQ(subsets("[by-modality, [wavlm, hubert], singles, {modality: video}, [clip]]"),
            (Strings{"clip+imagebind", "hubert+wavlm", "clip", "hubert", "imagebind", "wavlm"}));
}

TEST(Expand, GeneratorsChooseAmongTheEncodersOfBase) {
  const Expansion expansion =
      expand_text("base: {selection: all, encoders: [wavlm, clip, hubert]}\naxes: {encoders: [pairs, [imagebind]]}");
  EXPECT_EQ(column(expansion, "encoders"), (Strings{"clip+hubert", "clip+wavlm", "hubert+wavlm", "imagebind"}));
}

TEST(Expand, EncodersStandInDatasetOrderHoweverTheyWereTyped) {
  const Expansion one = expand_text("base: {encoders: [wavlm, clip], top_n: 1}");
  const Expansion two = expand_text("base: {encoders: [clip, wavlm], top_n: 1}");
  EXPECT_EQ(one.configs[0].config.encoders, (Strings{"clip", "wavlm"}));
  EXPECT_EQ(one.configs[0].id, two.configs[0].id);
}

TEST(Expand, WhereAConditionDoesNotHoldTheSettingStaysAtBase) {
  const Expansion expansion = expand_text(
      "base: {temperature: 9, top_n: 2}\naxes: {selection: [learned, all], temperature: [1, 2]}\n"
      "when: {temperature: {selection: learned}}");
  EXPECT_EQ(column(expansion, "selection"), (Strings{"learned", "learned", "all"}));
  EXPECT_EQ(column(expansion, "temperature"), (Strings{"1", "2", "-"}));
  EXPECT_EQ(expansion.configs[2].config.temperature, 9);
  EXPECT_EQ(expansion.points, 3);
  EXPECT_EQ(expansion.duplicates, 0);
}

TEST(Expand, AConditionMayNameSeveralSettingsAndValues) {
  const Expansion expansion = expand_text(
      "axes: {gate: [scorer, query], adaptation: [none, coral], top_n: [1, 2, 3], dropout: [0, 0.1]}\n"
      "when: {dropout: {gate: scorer, top_n: [1, 3], adaptation: [coral]}}");
  int varied = 0;
  for (const ExpandedConfig& config : expansion.configs) {
    const bool holds = config.config.gate == Gate::kScorer && config.config.top_n != 2 &&
                       config.config.adaptation == Adaptation::kCoral;
    EXPECT_EQ(config.axis_values.count("dropout"), holds ? 1u : 0u);
    varied += holds;
  }
  EXPECT_EQ(varied, 4);                          // 2 top_n x 2 dropout
  EXPECT_EQ(expansion.configs.size(), 12u + 2);  // 2 x 2 x 3, two of them doubled
}

TEST(Expand, AConditionMayStandBeforeTheAxisThatDecidesIt) {
  const std::string when = "when: {top_n: {selection: learned}, weight_decay: {top_n: 2}}\n";
  const Expansion before =
      expand_text(when + "axes: {weight_decay: [0, 0.1], top_n: [1, 2], selection: [all, learned]}");
  const Expansion after =
      expand_text(when + "axes: {selection: [all, learned], top_n: [1, 2], weight_decay: [0, 0.1]}");
  EXPECT_EQ(config_ids(before), config_ids(after));
  EXPECT_EQ(after.configs.size(), 4u);  // all; top 1; top 2 with two decays
}

TEST(Expand, ConfigsThatTrainTheSameAreTrainedOnce) {
  const Expansion expansion = expand_text("axes: {selection: [learned, all], top_n: [1, 2, 3]}");
  EXPECT_EQ(expansion.points, 6);
  EXPECT_EQ(expansion.configs.size(), 4u);
  EXPECT_EQ(expansion.duplicates, 2);
  EXPECT_EQ(column(expansion, "top_n"), (Strings{"1", "2", "3", "-"}));  // `all` does not read it
  EXPECT_EQ(config_ids(expansion).size(), 4u);
}

TEST(Expand, NeitherCommentsNorNamesNorTheOrderOfKeysChangeAnId) {
  const Expansion one = expand_text(
      "name: one\nbase: {epochs: 9, dropout: 0.10, head: softmax}\naxes: {top_n: [1, 2], gate: [scorer, "
      "query]}\n"
      "seeds: 2\nfolds: all");
  const Expansion two = expand_text(
      "# a comment\nfolds: [4, 3, 2, 1, 0]\nseeds: [1, 2]\naxes:\n  gate: [query, scorer]  # turned round\n"
      "  top_n: {range: [1, 2]}\nbase:\n  head: \"softmax\"\n  dropout: 1e-1\n  epochs: 9\npriority: 3\n");
  EXPECT_EQ(config_ids(one), config_ids(two));
  std::set<std::string> trials_one;
  std::set<std::string> trials_two;
  for (const TrialSpec& trial : one.trials) trials_one.insert(trial.id);
  for (const TrialSpec& trial : two.trials) trials_two.insert(trial.id);
  EXPECT_EQ(trials_one.size(), 4u * 2 * 5);
  EXPECT_EQ(trials_one, trials_two);
}

TEST(Expand, ExpandingTwiceGivesTheSame) {
  const std::string text =
      "axes: {encoders: [singles, pairs], top_n: [1], dropout: {uniform: [0, 0.5]}}\nsearch: {random: 40}";
  const Expansion one = expand_text(text);
  const Expansion two = expand_text(text);
  ASSERT_EQ(one.trials.size(), two.trials.size());
  for (std::size_t i = 0; i < one.trials.size(); ++i) EXPECT_EQ(one.trials[i].id, two.trials[i].id);
}

// 4 subsets of one encoder, which reads no top_n, and 6 of two with top_n 1 to 3: 4 + 18 configs, 6 of them impossible.
TEST(Expand, ImpossibleConfigsAreAErrorThatSaysHowManyAndWhere) {
  EXPECT_EQ(error("axes:\n  encoders: {sizes: [1, 2]}\n  top_n: [1, 2, 3]\n"),
            "3:3: 6 of 22 configs are impossible: top_n 3 is larger than the 2 encoders of this config (6); "
            "'impossible: skip' leaves them out");
}

TEST(Expand, ImpossibleConfigsAreDroppedAndCountedWhenAskedTo) {
  const Expansion expansion = expand_text("axes:\n  encoders: {sizes: [1, 2]}\n  top_n: [1, 2, 3]\nimpossible: skip\n");
  EXPECT_EQ(expansion.dropped, 6);
  EXPECT_EQ(expansion.configs.size(), 16u);
  for (const ExpandedConfig& config : expansion.configs) EXPECT_FALSE(check_config(config.config));
}

TEST(Expand, NothingLeftIsAErrorEvenWhenSkipping) {
  EXPECT_EQ(error("base: {encoders: [clip, wavlm]}\naxes: {top_n: [3, 4]}\nimpossible: skip"),
            "2:8: 2 of 2 configs are impossible: top_n 3 is larger than the 2 encoders of this config (1); "
            "top_n 4 is larger than the 2 encoders of this config (1)");
  EXPECT_EQ(error("base:\n  top_n: 5\n"),
            "2:3: 1 of 1 configs are impossible: top_n 5 is larger than the 4 encoders of this config (1)");
}

TEST(Expand, WhatTheDatasetLacksIsNamedWithItsPlaceAndTheNearest) {
  EXPECT_EQ(errors("base: {encoders: [clip, huber]}\naxes: {encoders: [[wavml], [x], {modality: "
                   "audoi}]}\nfolds: [0, 7]"),
            (Strings{"1:25: encoders: unknown encoder 'huber'; did you mean 'hubert'?",
                     "2:20: encoders: unknown encoder 'wavml'; did you mean 'wavlm'?",
                     "2:29: encoders: unknown encoder 'x'; valid: clip, hubert, imagebind, wavlm",
                     "2:44: encoders: unknown modality 'audoi'; did you mean 'audio'?",
                     "3:8: folds: the dataset has no fold 7; valid: 0, 1, 2, 3, 4"}));
}

TEST(Expand, GeneratorsThatCannotBeFilledAreErrors) {
  DatasetShape one{"f", {"clip"}, {""}, {0, 1}, false};
  EXPECT_EQ(error("axes: {encoders: pairs}", one), "1:18: encoders: a subset of 2 cannot be chosen from 1 encoder");
  EXPECT_EQ(error("axes: {encoders: leave-one-out}", one), "1:18: encoders: leave-one-out of 1 encoder leaves none");
  EXPECT_EQ(error("axes: {encoders: by-modality}", one),
            "1:18: encoders: by-modality: the dataset does not say the modality of 'clip' (dataset.yaml)");
  EXPECT_EQ(error("axes: {encoders: {modality: audio}}", one),
            "1:29: encoders: unknown modality 'audio'; the dataset names none (dataset.yaml)");
  EXPECT_EQ(error("axes: {encoders: {sizes: [5, 6]}}"),
            "1:18: encoders: a subset of 5 cannot be chosen from 4 encoders");
  EXPECT_EQ(error("axes: {encoders: {shapley: 8}}"),
            "1:28: encoders: shapley: 8: 4 encoders want 9 subsets or more: all encoders, each alone and all but each");
  DatasetShape many{"f", {}, {}, {0, 1}, false};
  for (int e = 0; e < 17; ++e) many.encoders.push_back("e" + std::to_string(e));
  many.modalities.resize(17);
  EXPECT_EQ(error("axes: {encoders: {shapley: 64}}", many),
            "1:28: encoders: shapley: 64: there are 17 encoders; valid: up to 16 (name fewer under base: encoders)");
}

TEST(Expand, AnAdaptiveSearchNeedsHeldOutScoresOfSeveralFolds) {
  EXPECT_EQ(error("folds: [0]\nsearch: race\n"), "2:9: race compares configs over folds: name two or more");
  EXPECT_EQ(error("base: {patience: 3}\nseeds: {until: settled, at_most: 4}\n"),
            "2:8: until-settled decides by held-out Scores, and `patience` without `inner_fold` leaves none");
  DatasetShape shape = four_encoders();
  shape.actor_count = 12;
  shape.clip_count = 90;
  EXPECT_EQ(error("folds: {regroup: 3, repeats: 2}\nsearch: race\n", shape),
            "2:9: race takes one partition: leave `repeats` out, and give more seeds");
  EXPECT_EQ(expand_text("base: {patience: 3, inner_fold: true}\nsearch: race\nseeds: 2\n").trials.size(), 10u);
}

TEST(Expand, HalvingHasTheConfigsAsPointsAndRungsAsTheLastParameter) {
  const Expansion halving = expand_text(
      "base: {epochs: 20}\naxes: {selection: [learned, all], top_n: [1, 2], learning_rate: [1e-4, 1e-3, 1e-2]}\n"
      "when: {top_n: {selection: learned}}\nsearch: {halving: {first: 2, eta: 3}}\n");
  ASSERT_EQ(halving.configs.size(), 9u);
  ASSERT_TRUE(halving.search);
  EXPECT_EQ(halving.search->points.size(), 9u);
  EXPECT_EQ(halving.search->space.parameters.back().setting, "stop_after");
  EXPECT_EQ(halving.search->space.parameters.back().values, (std::vector<nlohmann::json>{2, 6, 18, 0}));
  EXPECT_EQ(halving.search->configs, 9 + 3 + 1 + 1);
  SpacePoint point = halving.search->points[4];
  point.push_back(1);
  const MadeConfig made = make_config(halving.search->space, point, four_encoders());
  Config expected = halving.configs[4].config;
  expected.stop_after = 6;
  EXPECT_EQ(config_id(made.config), config_id(expected));
  EXPECT_EQ(made.axis_values.at("stop_after"), "6");
  EXPECT_EQ(expand_text("base: {epochs: 20}\naxes: {dropout: {uniform: [0, 0.5]}}\n"
                        "search: {random: 7, seed: 2, halving: {first: 5, eta: 2}}\n")
                .search->points.size(),
            7u);
  EXPECT_EQ(error("base: {epochs: 4}\nsearch: {halving: {first: 4}}\n"),
            "2:19: halving: its first rung, 4, is not below the 4 epochs");
  EXPECT_EQ(error("axes: {epochs: [10, 20]}\nsearch: {halving: {first: 4}}\n"),
            "2:19: halving trains all configs by the same epochs, and sets stop_after itself");
}

TEST(Expand, ASearchThatMakesItsConfigsSaysWhatFrom) {
  const Expansion tpe = expand_text(
      "variants: {a: {head: softmax}, b: {dropout: 0}}\naxes: {learning_rate: {log_uniform: [1e-4, 1e-2]}, top_n: [1, "
      "2]}\n"
      "search: {tpe: 12, batch: 3, seed: 5}\n");
  EXPECT_EQ(tpe.search->space.starts.size(), 2u);
  EXPECT_EQ(tpe.search->space.parameters.at(0).low, 1e-4);
  EXPECT_EQ(tpe.search->space.parameters.at(1).values, (std::vector<nlohmann::json>{1, 2}));
  EXPECT_EQ(tpe.search->configs, 12);
  const Expansion drawn = expand_text(
      "variants: {a: {head: softmax}, b: {dropout: 0}}\naxes: {learning_rate: {log_uniform: [1e-4, 1e-2]}, top_n: [1, "
      "2]}\n"
      "search: {random: 12, seed: 5}\n");
  for (std::size_t i = 0; i < drawn.configs.size(); ++i) EXPECT_EQ(tpe.configs.at(i).id, drawn.configs[i].id);
  EXPECT_EQ(expand_text("search: {external: 30}\n").search->configs, 30);
  EXPECT_EQ(expand_text("search: external\n").search->configs, kMaxDrawn);
}

TEST(Expand, NormalisingByActorNeedsTheActorsOfTheClipsThatAreRead) {
  DatasetShape shape = four_encoders();
  shape.has_test = true;
  shape.test_actors = false;
  const std::string text =
      "base: {normalize: actor, adaptation: coral}\naxes:\n  adaptation_target: [validation, test]\n";
  EXPECT_EQ(error(text, shape),
            "3:3: 1 of 2 configs are impossible: adaptation_target test with normalize actor needs the actor of every "
            "test clip, and some have none in test_metadata.csv (1); 'impossible: skip' leaves them out");
  EXPECT_TRUE(errors("base: {adaptation: coral, adaptation_target: test}", shape).empty());
  shape.test_actors = true;
  EXPECT_TRUE(errors(text, shape).empty());
  shape.actors = false;
  EXPECT_EQ(error("axes: {normalize: [encoder, actor]}", shape),
            "1:8: 1 of 2 configs are impossible: normalize actor needs the actor of every labelled clip, and some have "
            "none in train_metadata.csv (1); 'impossible: skip' leaves them out");
}

TEST(Expand, AdaptingToTestClipsNeedsTestClips) {
  DatasetShape shape = four_encoders();
  shape.has_test = false;
  const std::string text = "base: {adaptation: coral}\naxes:\n  adaptation_target: [validation, test]\n";
  EXPECT_EQ(error(text, shape),
            "3:3: 1 of 2 configs are impossible: adaptation_target test needs test clips, and the dataset "
            "has none (1); "
            "'impossible: skip' leaves them out");
  EXPECT_EQ(expand_text(text).configs.size(), 2u);
  EXPECT_TRUE(errors("base: {adaptation_target: test}", shape).empty());  // without adaptation nobody reads it
}

TEST(Expand, CoralInputNeedsEncodersOfFewColumns) {
  DatasetShape shape = four_encoders();
  shape.dims = {1024, 1025, 8, 8};  // clip, hubert, imagebind, wavlm
  const std::string text = "axes: {adaptation: [none, moments, coral-input]}";
  EXPECT_EQ(error(text, shape),
            "1:8: 1 of 3 configs are impossible: adaptation coral-input: encoder 'hubert' has 1025 columns; valid: at "
            "most 1024, or adaptation moments (1); 'impossible: skip' leaves them out");
  EXPECT_TRUE(errors("base: {encoders: [clip, wavlm]}\n" + text, shape).empty());
  shape.dims.clear();
  EXPECT_TRUE(errors(text, shape).empty()) << "not known";
}

TEST(Expand, ModalityConcatNeedsTheModalityOfEveryEncoderThatItUses) {
  DatasetShape shape = four_encoders();
  shape.modalities[1] = "";
  const std::string name = shape.encoders[1];
  EXPECT_EQ(error("axes: {fusion: [sum, modality-concat]}", shape),
            "1:8: 1 of 2 configs are impossible: fusion modality-concat: dataset.yaml gives encoder '" + name +
                "' no modality (1); 'impossible: skip' leaves them out");
  shape.modalities[1] = shape.modalities[0];
  EXPECT_TRUE(errors("base: {fusion: modality-concat}", shape).empty());
}

TEST(Expand, LayersAreAnAxisOfTheEncodersThatHaveThem) {
  DatasetShape shape = four_encoders();
  shape.layers = {1, 13, 1, 1};
  const std::string name = shape.encoders[1];
  const Expansion expansion = expand_text("axes: {layers: [all, 6-12, 12]}", shape);
  ASSERT_EQ(expansion.configs.size(), 3u);
  EXPECT_EQ(expansion.configs[1].axis_values.at("layers"), "6-12");
  EXPECT_EQ(error("axes: {layers: [all, 6-13]}", shape),
            "1:8: 1 of 2 configs are impossible: layers 6-13: encoder '" + name +
                "' has layers 0 to 12 (1); 'impossible: skip' leaves them out");
  EXPECT_EQ(error("base: {layers: 3}"),
            "1:8: 1 of 1 configs are impossible: layers 3: none of the encoders of this config has several layers (1)");
}

TEST(Expand, VariantsAreLaidOverBaseBeforeTheAxesVary) {
  const Expansion expansion = expand_text(
      "base: {epochs: 5}\n"
      "variants:\n"
      "  linear: {fusion: concat, hidden: 0, encoders: [wavlm]}\n"
      "  gated: {selection: learned, epochs: 7}\n"
      "axes: {top_n: [1, 2], label_smoothing: [0, 0.5]}\n"
      "when: {top_n: {fusion: sum}}\n"
      "reference: {variant: linear, label_smoothing: 0}\n");
  ASSERT_EQ(expansion.configs.size(), 2u + 4u);
  const ExpandedConfig& linear = expansion.configs[0];
  EXPECT_EQ(linear.axis_values, (std::map<std::string, std::string>{{"variant", "linear"}, {"label_smoothing", "0"}}));
  EXPECT_EQ(linear.config.encoders, (std::vector<std::string>{"wavlm"}));
  EXPECT_EQ(linear.config.hidden, 0);
  EXPECT_EQ(linear.config.epochs, 5);
  EXPECT_EQ(expansion.reference_id, linear.id);
  EXPECT_EQ(expansion.configs[5].axis_values.at("variant"), "gated");
  EXPECT_EQ(expansion.configs[5].config.epochs, 7);
  EXPECT_EQ(expansion.configs[5].config.top_n, 2);
  // A name decides nothing: the same settings without it are the same config.
  const Expansion plain = expand_text("base: {epochs: 7, top_n: 2, label_smoothing: 0.5}");
  EXPECT_EQ(plain.configs[0].id, expansion.configs[5].id);
}

TEST(Expand, AnAdaptationWeightFollowsFromTheLossUnlessItIsSaid) {
  const auto weights = [](const std::string& text) {
    std::vector<double> values;
    for (const ExpandedConfig& config : expand_text(text).configs) values.push_back(config.config.adaptation_weight);
    return values;
  };
  const std::vector<double> own = {20, 0.3}, said = {1, 1};
  EXPECT_EQ(weights("axes: {adaptation: [coral, dann]}"), own);
  EXPECT_EQ(weights("base: {adaptation_weight: 1}\naxes: {adaptation: [coral, dann]}"), said);
  EXPECT_EQ(weights("variants: {a: {adaptation: coral}, b: {adaptation: dann, adaptation_weight: 7}}"),
            (std::vector<double>{20, 7}));
  EXPECT_EQ(weights("axes: {adaptation: [mmd], adaptation_weight: [2, 3]}"), (std::vector<double>{2, 3}));
  EXPECT_FALSE(expand_text("axes: {adaptation: [none, coral]}\nreference: {adaptation: coral}").reference_id.empty());
}

TEST(Expand, ErrorsOfVariantsNameThem) {
  EXPECT_EQ(error("variants: {a: {top_n: 9}, b: {top_n: 2}}"),
            "1:12: 1 of 2 configs are impossible: variant 'a': top_n 9 is larger than the 4 encoders of this config "
            "(1); 'impossible: skip' leaves them out");
  const Expansion twice = expand_text("variants: {a: {top_n: 4}, b: {}}");
  EXPECT_EQ(twice.configs.size(), 1u);
  ASSERT_EQ(twice.warnings.size(), 1u);
  EXPECT_EQ(twice.warnings[0].message, "variants: 'b' trains the same as one before it and is left out");
}

TEST(Expand, AVariantIsBlamedForWhatItSetsEvenWhereItHasTheNameOfAnAxis) {
  EXPECT_EQ(error("variants:\n"
                  "  gate: {top_n: 9}\n"
                  "  plain: {top_n: 2}\n"
                  "axes:\n"
                  "  gate: [scorer, query]\n"),
            "2:3: 2 of 4 configs are impossible: variant 'gate': top_n 9 is larger than the 4 encoders of this config "
            "(2); 'impossible: skip' leaves them out");
}

TEST(Expand, AnAxisIsBlamedOnlyWhereItVariesTheConfig) {
  EXPECT_EQ(error("base:\n"
                  "  top_n: 9\n"
                  "axes:\n"
                  "  fusion: [sum, rank-concat]\n"
                  "  top_n: [1, 2]\n"
                  "when: {top_n: {fusion: sum}}\n"),
            "2:3: 1 of 3 configs are impossible: top_n 9 is larger than the 4 encoders of this config (1); "
            "'impossible: skip' leaves them out");
}

TEST(Expand, BaseIsBlamedForWhatAVariantLeavesToIt) {
  EXPECT_EQ(error("base:\n"
                  "  top_n: 9\n"
                  "variants:\n"
                  "  all: {selection: all}\n"
                  "  learned: {selection: learned}\n"),
            "2:3: 1 of 2 configs are impossible: variant 'learned': top_n 9 is larger than the 4 encoders of this "
            "config (1); 'impossible: skip' leaves them out");
}

TEST(Expand, ARandomSearchDrawsVariantsToo) {
  const Expansion expansion = expand_text(
      "variants: {a: {head: softmax}, b: {head: decoupled}}\naxes: {dropout: {uniform: [0, 0.5]}}\n"
      "search: {random: 40, seed: 1}");
  std::map<std::string, int> drawn;
  for (const ExpandedConfig& config : expansion.configs) {
    drawn[config.axis_values.at("variant")] += 1;
    EXPECT_EQ(config.config.head == Head::kSoftmax, config.axis_values.at("variant") == "a");
  }
  EXPECT_GT(drawn["a"], 10);
  EXPECT_GT(drawn["b"], 10);
}

TEST(CountByAxis, VariantsAreCountedFirst) {
  const SweepSpec spec =
      parse_sweep("variants: {a: {top_n: 1}, b: {fusion: concat}}\naxes: {dropout: [0, 0.5]}", "s.yaml");
  const auto counts = count_by_axis(spec, expand(spec, four_encoders()), [](const std::string&) { return false; });
  ASSERT_EQ(counts.size(), 2u);
  EXPECT_EQ(counts[0].setting, "variant");
  ASSERT_EQ(counts[0].values.size(), 2u);
  EXPECT_EQ(counts[0].values[0].value, "a");
  EXPECT_EQ(counts[0].values[1].configs, 2);
}

TEST(Expand, TooFewFoldsAreAError) {
  DatasetShape shape = four_encoders();
  shape.folds = {3};
  EXPECT_NE(error("name: x", shape).find("nothing is left to train on"), std::string::npos);
  shape.folds = {0, 1};
  EXPECT_TRUE(errors("name: x", shape).empty());
  EXPECT_EQ(error("base: {inner_fold: true}", shape),
            "1:8: 1 of 1 configs are impossible: inner_fold leaves nothing to train on: the sweep has 2 "
            "folds (1)");
}

TEST(Expand, AnAxisThatChangesNothingIsAError) {
  EXPECT_EQ(error("base: {fusion: concat}\naxes: {top_n: [1, 2]}"),
            "2:8: top_n: this axis changes nothing: the setting matters only where fusion gates and selection is "
            "learned, random or fixed");
  EXPECT_EQ(error("axes: {dropout: [0, 0.1]}\nwhen: {dropout: {head: softmax}}"),
            "1:8: dropout: this axis changes nothing: its condition under 'when' never holds");
}

TEST(Expand, ABaseSettingThatNoConfigReadsIsAWarning) {
  const Expansion expansion = expand_text("base:\n  fusion: concat\n  gate_dim: 32\n");
  ASSERT_EQ(expansion.warnings.size(), 1u);
  EXPECT_EQ(expansion.warnings[0].str(),
            "s.yaml:3:3: gate_dim: no config of this sweep reads it: it matters only where fusion gates, its "
            "scores are read and gate is scorer\n 3 |   gate_dim: 32\n   |   ^~~~~~~~");
}

TEST(Expand, ReferenceIsTheConfigOfBaseWithItsSettings) {
  const Expansion expansion =
      expand_text("axes: {selection: [learned, all], top_n: [1, 2]}\nreference: {selection: all}");
  ASSERT_EQ(expansion.reference_id.size(), 12u);
  const auto it = std::find_if(expansion.configs.begin(), expansion.configs.end(),
                               [&](const ExpandedConfig& c) { return c.id == expansion.reference_id; });
  ASSERT_NE(it, expansion.configs.end());
  EXPECT_EQ(it->config.selection, Selection::kAll);
  EXPECT_EQ(expand_text("axes: {top_n: [1]}").reference_id, "");
  EXPECT_EQ(error("axes: {top_n: [1, 2]}\nreference: {top_n: 3}"),
            "2:12: reference: base with these settings is not a config of this sweep: top_n 3 is not among "
            "the values of "
            "its axis");
}

TEST(Expand, LabelsNameAxesValuesEncodersAndConfigs) {
  const std::string axes = "axes: {selection: [learned, all], top_n: [1, 2]}\n";
  const Expansion expansion = expand_text(axes +
                                          "labels:\n  top_n: kept\n  learned: ours\n  top_n=2: two\n  clip: CLIP\n"
                                          "  top_n=1, selection=learned: the least\n");
  const std::map<std::string, std::string> wanted = {{"top_n", "kept"},
                                                     {"learned", "ours"},
                                                     {"top_n=2", "two"},
                                                     {"clip", "CLIP"},
                                                     {"selection=learned, top_n=1", "the least"}};
  EXPECT_EQ(expansion.labels, wanted);
  // They change nothing that is trained.
  const Expansion without = expand_text(axes);
  ASSERT_EQ(expansion.trials.size(), without.trials.size());
  for (std::size_t i = 0; i < without.trials.size(); ++i) EXPECT_EQ(expansion.trials[i].id, without.trials[i].id);
  EXPECT_EQ(error(axes + "labels: {learnd: ours}"),
            "2:10: labels: 'learnd' is no axis, value, encoder or config; did you mean 'learned'?");
}

TEST(Expand, ALargeGridIsRefusedWithItsSizeBeforeItIsMade) {
  DatasetShape shape{"f", {}, {}, {0, 1, 2, 3, 4}, false};
  for (int i = 0; i < 20; ++i) {
    shape.encoders.push_back("e" + std::to_string(i));
    shape.modalities.push_back("");
  }
  EXPECT_EQ(error("axes:\n  epochs: {range: [1, 1001]}\n  patience: {range: [1, 1000]}\n", shape),
            "2:3: the grid would make 1001000 configs (epochs 1001 x patience 1000); the most is 1000000: "
            "cut an axis, add "
            "a condition under 'when', or use 'search: {random: 1000}'");
  EXPECT_NE(error("axes: {encoders: {sizes: [1, 20]}}", shape).find("are more than 1000000 subsets"),
            std::string::npos);
  std::string huge = "axes:\n";
  for (const char* name : {"epochs", "patience", "batch_size", "warmup_epochs"}) {
    huge += std::string("  ") + name + ": {range: [2, 10000]}\n";
  }
  EXPECT_NE(error(huge, shape).find("would make far too many configs (epochs 9999 x patience 9999 x"),
            std::string::npos);
  // Conditions on long axes are not walked to the end either.
  huge += "when: {batch_size: {epochs: 3, patience: 3, warmup_epochs: 3}}\n";
  EXPECT_NE(error(huge, shape).find("would make far too many configs"), std::string::npos);
  std::string sizes = "axes:\n  encoders:\n";
  for (int i = 0; i < 1000; ++i) sizes += "    - {sizes: 10}\n";
  EXPECT_EQ(error(sizes, shape),  // C(20, 10) = 184,756 of them an item
            "8:7: encoders: with this item the list makes more than 1000000 subsets");
}

TEST(Expand, ConditionsCountInTheSizeOfAGrid) {
  // 2,000 x 1,000 points without the condition; 1,999 + 1,000 with it.
  const std::string axes =
      "base: {epochs: 5000}\naxes:\n  patience: {range: [1, 2000]}\n  batch_size: {range: [2, 1001]}\n";
  EXPECT_NE(error(axes).find("would make 2000000 configs"), std::string::npos);
  EXPECT_EQ(expand_text(axes + "when: {batch_size: {patience: 7}}\n").points, 2999);
}

TEST(Expand, TooManyTrialsAreRefused) {
  EXPECT_EQ(error("axes:\n  patience: {range: [1, 1000]}\nseeds: 300\n"),
            "2:3: 1000 configs x 5 folds x 300 seeds would make 1500000 trials; the most is 1000000");
}

TEST(Expand, RandomDrawsLieWithinTheirBoundsAndFollowTheirDistribution) {
  const Expansion expansion = expand_text(R"(
axes:
  learning_rate: {log_uniform: [1e-5, 1e-1]}
  dropout: {uniform: [0.1, 0.5]}
  top_n: {integer: [1, 4]}
  head: [softmax, decoupled]
search: {random: 4000}
folds: [0]
)");
  ASSERT_EQ(expansion.configs.size(), 4000u);
  double log_sum = 0;
  double sum = 0;
  std::vector<int> top_n(5, 0);
  int softmax = 0;
  for (const ExpandedConfig& c : expansion.configs) {
    ASSERT_GE(c.config.learning_rate, 1e-5);
    ASSERT_LE(c.config.learning_rate, 1e-1);
    ASSERT_GE(c.config.dropout, 0.1);
    ASSERT_LE(c.config.dropout, 0.5);
    log_sum += std::log10(c.config.learning_rate);
    sum += c.config.dropout;
    ++top_n[static_cast<std::size_t>(c.config.top_n)];
    softmax += c.config.head == Head::kSoftmax;
  }
  // Five standard errors: a uniform over a range w has standard deviation w / sqrt(12).
  EXPECT_NEAR(log_sum / 4000, -3, 5 * 4 / std::sqrt(12 * 4000));
  EXPECT_NEAR(sum / 4000, 0.3, 5 * 0.4 / std::sqrt(12 * 4000));
  for (int n = 1; n <= 4; ++n) EXPECT_NEAR(top_n[static_cast<std::size_t>(n)], 1000, 5 * std::sqrt(4000 * 0.1875));
  EXPECT_NEAR(softmax, 2000, 5 * std::sqrt(1000));
}

TEST(Expand, AddingAnAxisOrDrawsChangesNoOtherDraw) {
  const std::string axes = "  learning_rate: {log_uniform: [1e-5, 1e-1]}\n  top_n: [1, 2, 3, 4]\n";
  const Expansion few = expand_text("axes:\n" + axes + "search: {random: 20, seed: 9}");
  const Expansion more =
      expand_text("axes:\n  dropout: {uniform: [0, 0.5]}\n" + axes + "search: {random: 50, seed: 9}");
  ASSERT_EQ(few.configs.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(few.configs[i].config.learning_rate, more.configs[i].config.learning_rate);
    EXPECT_EQ(few.configs[i].config.top_n, more.configs[i].config.top_n);
  }
  const Expansion other = expand_text("axes:\n" + axes + "search: {random: 20, seed: 10}");
  EXPECT_NE(column(few, "learning_rate"), column(other, "learning_rate"));
}

TEST(Expand, DrawsHaveFourDigitsSoThatIdsAreTheSameOnEveryMachine) {
  const Expansion expansion = expand_text("axes: {learning_rate: {log_uniform: [1e-5, 1e-1]}}\nsearch: {random: 200}");
  for (const std::string& text : column(expansion, "learning_rate")) {
    const std::string digits = text.substr(0, text.find('e'));
    const std::size_t first = digits.find_first_of("123456789");
    const auto significant = std::count_if(digits.begin() + static_cast<std::ptrdiff_t>(first), digits.end(),
                                           [](char c) { return c != '.'; });
    EXPECT_LE(significant, 4) << text;
  }
}

TEST(Expand, DrawsThatTrainTheSameAreLeftOutAndSaidSo) {
  const Expansion expansion = expand_text("axes: {top_n: [1, 2]}\nsearch: {random: 30}");
  EXPECT_EQ(expansion.configs.size(), 2u);
  EXPECT_EQ(expansion.points, 30);
  EXPECT_EQ(expansion.duplicates, 28);
  ASSERT_EQ(expansion.warnings.size(), 1u);
  EXPECT_EQ(expansion.warnings[0].message, "28 of 30 draws train the same as an earlier one and are left out");
}

TEST(CountByAxis, CountsConfigsTrialsAndWhatIsDone) {
  const SweepSpec spec =
      parse_sweep("axes: {selection: [learned, all], top_n: [1, 2]}\nseeds: 2\nfolds: [0, 1, 2]", "s");
  const Expansion expansion = expand(spec, four_encoders());
  std::set<std::string> done;
  for (const TrialSpec& trial : expansion.trials) {
    if (trial.config.selection == Selection::kAll && trial.fold != 2) done.insert(trial.id);
  }
  const auto counts = count_by_axis(spec, expansion, [&](const std::string& id) { return done.count(id) > 0; });
  ASSERT_EQ(counts.size(), 2u);
  const auto row = [](const ValueCount& v) {
    return v.value + " " + std::to_string(v.configs) + " " + std::to_string(v.trials) + " " + std::to_string(v.done);
  };
  EXPECT_EQ(counts[0].setting, "selection");
  ASSERT_EQ(counts[0].values.size(), 2u);
  EXPECT_EQ(row(counts[0].values[0]), "learned 2 12 0");
  EXPECT_EQ(row(counts[0].values[1]), "all 1 6 4");
  EXPECT_EQ(counts[1].setting, "top_n");
  ASSERT_EQ(counts[1].values.size(), 3u);
  EXPECT_EQ(row(counts[1].values[0]), "1 1 6 0");
  EXPECT_EQ(row(counts[1].values[1]), "2 1 6 0");
  EXPECT_EQ(row(counts[1].values[2]), " 1 6 4");  // not varied
}

TEST(CountByAxis, ADrawnAxisIsOneRow) {
  const SweepSpec spec = parse_sweep("axes: {dropout: {uniform: [0, 0.5]}}\nsearch: {random: 9}\nfolds: [0]", "s");
  const auto counts = count_by_axis(spec, expand(spec, four_encoders()), [](const std::string&) { return false; });
  ASSERT_EQ(counts[0].values.size(), 1u);
  EXPECT_EQ(counts[0].values[0].value, "0 to 0.5");
  EXPECT_EQ(counts[0].values[0].configs, 9);
}

TEST(Errors, OfTheFileAndOfItsDatasetComeInOneRound) {
  const auto all = all_errors(
      "base: {lerning_rate: 0.01}\n"
      "folds: [0, 9]\n"
      "axes:\n"
      "  encoders: [[clip, hubrt], {modality: vido}]\n"
      "  top_n: [1, 2, 7]\n"
      "reference: {encoders: [wavelm]}\n");
  ASSERT_EQ(all.size(), 6u) << testing::PrintToString(all);
  EXPECT_EQ(all[0].substr(0, 63), "1:8: unknown setting 'lerning_rate'; did you mean 'learning_rat");
  EXPECT_EQ(all[1], "2:8: folds: the dataset has no fold 9; valid: 0, 1, 2, 3, 4");
  EXPECT_EQ(all[2], "4:21: encoders: unknown encoder 'hubrt'; did you mean 'hubert'?");
  EXPECT_EQ(all[3], "4:40: encoders: unknown modality 'vido'; did you mean 'video'?");
  EXPECT_NE(all[4].find("5:3: top_n 7 is larger than the 4 encoders"), std::string::npos) << all[4];
  EXPECT_EQ(all[5], "6:24: encoders: unknown encoder 'wavelm'; did you mean 'wavlm'?");
}

TEST(Errors, NoConsequenceOfAErrorIsTold) {
  // Each would be impossible, or idle, as far as it could be read; but that is not what the file says.
  for (const char* text : {
           "base: {selection: al, top_n: 9}",              // all does not read top_n
           "base: {encoders: [clip], top_n: one}",         // the default of top_n is larger than 1
           "base: {selecton: all, top_n: 9}",              // the name of a setting
           "base: {encoders: [clip]}\naxs: {top_n: [1]}",  // the name of a section
           "base: {selection: all}\naxes: {top_n: [1, 2], selection: [lerned, all]}",
           "base: {epochs: 1.5, warmup_epochs: 200}",  // how many epochs are meant?
       }) {
    const auto all = all_errors(text);
    EXPECT_EQ(all.size(), 1u) << text << testing::PrintToString(all);
  }
}

TEST(Errors, AVariantWithTheNameOfASettingInDoubtIsStillRead) {
  const auto all = all_errors("base: {dropout: x}\nvariants: {dropout: {top_n: 9}, plain: {top_n: 2}}");
  ASSERT_EQ(all.size(), 2u) << testing::PrintToString(all);
  EXPECT_NE(all[1].find("2:12: variant 'dropout': top_n 9 is larger than"), std::string::npos) << all[1];
}

TEST(Errors, AnUnknownEncoderHidesNoTopNThatIsTooLargeForAllOfThem) {
  const auto all = errors("axes: {encoders: [[clip, hubrt]], top_n: [3, 5]}");
  ASSERT_EQ(all.size(), 2u) << testing::PrintToString(all);
  EXPECT_NE(all[0].find("hubert"), std::string::npos);
  EXPECT_NE(all[1].find("top_n 5 is larger than the 4 encoders"), std::string::npos) << all[1];
}

}  // namespace
}  // namespace medley::sweep
