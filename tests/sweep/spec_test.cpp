#include "sweep/spec/spec.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

using nlohmann::json;

SweepSpec parse(const std::string& text) { return parse_sweep(text, "s.yaml"); }

/// `line:column: message` of every error.
std::vector<std::string> errors(const std::string& text) {
  try {
    parse(text);
  } catch (const SpecError& e) {
    std::vector<std::string> result;
    for (const Diagnostic& d : e.diagnostics()) {
      EXPECT_EQ(d.file, "s.yaml");
      result.push_back(std::to_string(d.line) + ":" + std::to_string(d.column) + ": " + d.message);
    }
    return result;
  }
  return {};
}

/// The one error of `text`.
std::string error(const std::string& text) {
  const auto all = errors(text);
  EXPECT_EQ(all.size(), 1u) << testing::PrintToString(all);
  return all.empty() ? "" : all.front();
}

std::vector<json> values(const std::string& axis) {
  const SweepSpec spec = parse("axes:\n  " + axis + "\n");
  std::vector<json> result;
  for (const PlacedValue& value : spec.axes.at(0).values) result.push_back(value.value);
  return result;
}

TEST(ParseSweep, ReadsEveryKey) {
  const SweepSpec spec = parse(R"(
name: my sweep
description: what for
dataset: ../data
priority: -3
base: {epochs: 7, dropout: 0.25, gate: query, inner_fold: yes, encoders: [b, a]}
axes:
  selection: [learned, all]
  top_n: [1, 2]
when:
  top_n: {selection: learned, head: [decoupled, softmax]}
folds: [2, 0]
seeds: [9, 4]
search: {random: 12, seed: 5}
impossible: skip
)");
  EXPECT_EQ(spec.name, "my sweep");
  EXPECT_EQ(spec.description, "what for");
  EXPECT_EQ(spec.dataset, "../data");
  EXPECT_EQ(spec.priority, -3);
  EXPECT_EQ(spec.base.epochs, 7);
  EXPECT_EQ(spec.base.dropout, 0.25);
  EXPECT_EQ(spec.base.gate, Gate::kQuery);
  EXPECT_TRUE(spec.base.inner_fold);
  ASSERT_TRUE(spec.base_encoders);
  EXPECT_EQ(spec.base_encoders->kind, EncoderSets::Kind::kNames);
  EXPECT_EQ(spec.base_encoders->names.size(), 2u);
  EXPECT_EQ(spec.base_places.at("dropout").line, 6);
  ASSERT_EQ(spec.axes.size(), 2u);
  EXPECT_EQ(spec.axes[0].setting, "selection");
  EXPECT_FALSE(spec.axes[0].when);
  ASSERT_TRUE(spec.axes[1].when);
  EXPECT_EQ(spec.axes[1].when->values.at("head").size(), 2u);
  EXPECT_EQ(spec.folds, (std::vector<int>{0, 2}));
  EXPECT_EQ(spec.seeds, (std::vector<std::uint64_t>{9, 4}));
  EXPECT_EQ(spec.search, SweepSpec::Search::kRandom);
  EXPECT_EQ(spec.draws, 12);
  EXPECT_EQ(spec.search_seed, 5u);
  EXPECT_EQ(spec.impossible, SweepSpec::Impossible::kSkip);
  EXPECT_TRUE(spec.reference.empty());
}

TEST(ParseSweep, ReadsTheReference) {
  const SweepSpec spec = parse("reference:\n  selection: all\n  encoders: all\n");
  EXPECT_EQ(spec.reference.at("selection").value, "all");
  ASSERT_TRUE(spec.reference_encoders);
  EXPECT_EQ(spec.reference_encoders->kind, EncoderSets::Kind::kAll);
  EXPECT_EQ(spec.reference_place.line, 2);
  EXPECT_EQ(error("reference: {selection: al}"),
            "1:24: selection: 'al' is not a value of selection; did you mean 'all'?");
  EXPECT_EQ(error("reference: best"), "1:12: reference: 'best' must hold settings with values");
}

TEST(ParseSweep, WhatIsLeftOutHasItsDefault) {
  const SweepSpec spec = parse_sweep("axes: {top_n: [1]}", "dir.d/my.sweep.yaml");
  EXPECT_EQ(spec.name, "my.sweep");
  EXPECT_EQ(spec.dataset, "");
  EXPECT_EQ(spec.seeds, (std::vector<std::uint64_t>{1}));
  EXPECT_TRUE(spec.folds.empty());
  EXPECT_EQ(spec.search, SweepSpec::Search::kGrid);
  EXPECT_EQ(spec.impossible, SweepSpec::Impossible::kError);
  EXPECT_EQ(spec.base.epochs, Config().epochs);
}

TEST(ParseSweep, ACountOfSeedsCountsFromOne) {
  EXPECT_EQ(parse("seeds: 3").seeds, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(ParseSweep, AxesGiveTheirValues) {
  EXPECT_EQ(values("top_n: [3, 1]"), (std::vector<json>{3, 1}));
  EXPECT_EQ(values("top_n: {range: [1, 4]}"), (std::vector<json>{1, 2, 3, 4}));
  EXPECT_EQ(values("top_n: {range: [1, 6, 2]}"), (std::vector<json>{1, 3, 5}));
  EXPECT_EQ(values("top_n: {range: {from: 2, to: 6, step: 2}}"), (std::vector<json>{2, 4, 6}));
  EXPECT_EQ(values("top_n: {integer: [1, 3]}"), (std::vector<json>{1, 2, 3}));
  EXPECT_EQ(values("head: {choice: [softmax, decoupled]}"), (std::vector<json>{"softmax", "decoupled"}));
  EXPECT_EQ(values("inner_fold: [no, true]"), (std::vector<json>{false, true}));
  EXPECT_EQ(values("dropout: [0, 1e-1, .5]"), (std::vector<json>{0.0, 0.1, 0.5}));
  // Sums of steps carry no rounding error into ids: 3 * 0.1 is 0.3, not 0.30000000000000004.
  EXPECT_EQ(values("dropout: {range: [0, 0.5, 0.1]}"), (std::vector<json>{0.0, 0.1, 0.2, 0.3, 0.4, 0.5}));
  EXPECT_EQ(values("dropout: {uniform: [0, 0.6], points: 4}"), (std::vector<json>{0.0, 0.2, 0.4, 0.6}));
  EXPECT_EQ(values("learning_rate: {log_uniform: [1e-5, 1e-1], points: 5}"),
            (std::vector<json>{1e-5, 1e-4, 1e-3, 1e-2, 1e-1}));
  // 4 digits, but bounds as typed.
  EXPECT_EQ(values("dropout: {uniform: [0.123456, 0.323456], points: 3}"),
            (std::vector<json>{0.123456, 0.2235, 0.323456}));
}

TEST(ParseSweep, AllErrorsAreReportedAtOnceInOrderWithTheirPlaces) {
  const std::string text = R"(nmae: x
seeds: none
base:
  droput: 0.1
  epochs: many
  gate: scorr
  dropout: 1.5
axes:
  top_n: 4
  selction: [all]
  head: [softmax, softmax]
  learning_rate: {log_uniform: [0, 1]}
  seed: [1, 2]
when:
  topn: {selection: learned}
folds: [0, 0]
search: rand
epochs: 3
)";
  EXPECT_EQ(errors(text), (std::vector<std::string>{
                              "1:1: unknown key 'nmae'; did you mean 'name'?",
                              "2:8: seeds: 'none' must be a whole number from 1 to 100000",
                              "4:3: unknown setting 'droput'; did you mean 'dropout'?",
                              "5:11: epochs: 'many' must be a whole number",
                              "6:9: gate: 'scorr' is not a value of gate; did you mean 'scorer'?",
                              "7:12: dropout: '1.5' must be between 0 and 0.95",
                              "9:10: top_n: '4' must be a list of values; a setting with one value stands under 'base'",
                              "10:3: unknown setting 'selction'; did you mean 'selection'?",
                              "11:19: head: 'softmax' stands twice in the list",
                              "12:33: learning_rate: '0' must be between 1e-09 and 10",
                              "13:3: 'seed' is no axis: 'folds' and 'seeds' are keys of the file itself",
                              "15:3: when: 'topn' is not one of the axes; did you mean 'top_n'?",
                              "16:12: folds: '0' stands twice in the list",
                              "17:9: search: 'rand' must be grid, race, {race: {margin: M}}, {random: N, seed: S}, "
                              "{tpe: N, batch: B, seed: S}, {halving: {first: E, eta: 3}}, external, or {external: N}",
                              "18:1: 'epochs' is a setting: put it under 'base' or 'axes'",
                          }));
}

TEST(ParseSweep, AErrorIsShownWithItsLineAndACaret) {
  try {
    parse("name: x\nbase:\n\tdropout: 1\n");
    FAIL() << "a tab cannot indent YAML";
  } catch (const SpecError& e) {
    ASSERT_EQ(e.diagnostics().size(), 1u);
    EXPECT_EQ(e.diagnostics()[0].line, 3);
    EXPECT_EQ(e.diagnostics()[0].message, "this line is indented with a tab: use spaces");
  }
  try {
    parse("name: x\nbase:\n  gate: scorr  # which\n");
    FAIL();
  } catch (const SpecError& e) {
    EXPECT_STREQ(e.what(),
                 "s.yaml:3:9: gate: 'scorr' is not a value of gate; did you mean 'scorer'?\n"
                 " 3 |   gate: scorr  # which\n"
                 "   |         ^~~~~");
    EXPECT_EQ(e.diagnostics()[0].text, "scorr");
    EXPECT_EQ(e.diagnostics()[0].source, "  gate: scorr  # which");
  }
}

TEST(ParseSweep, TheCaretCountsCharactersNotBytes) {
  const Diagnostic d{"s.yaml", 1, 6, "éé", "wrong", "é: \téé"};  // é is two bytes
  EXPECT_EQ(d.str(), "s.yaml:1:6: wrong\n 1 | é: \téé\n   |    \t^~");
}

TEST(ParseSweep, ValuesAreReadStrictlyByTheirKind) {
  EXPECT_EQ(error("base: {top_n: 2.0}"), "1:15: top_n: '2.0' must be a whole number");
  EXPECT_EQ(error("base: {top_n: 99999999999999999999}"),
            "1:15: top_n: '99999999999999999999' must be between 1 and 64");
  EXPECT_EQ(error("base: {top_n: 0x2}"), "1:15: top_n: '0x2' must be a whole number");
  EXPECT_EQ(error("base: {dropout: nan}"), "1:17: dropout: 'nan' must be a number");
  EXPECT_EQ(error("base: {dropout: 0.1x}"), "1:17: dropout: '0.1x' must be a number");
  EXPECT_EQ(error("base: {dropout: }"), "1:17: dropout: nothing must be one value");
  EXPECT_EQ(error("base: {inner_fold: on}"), "1:20: inner_fold: 'on' must be true or false");
  EXPECT_EQ(error("base: {inner_fold: 1}"), "1:20: inner_fold: '1' must be true or false");
  EXPECT_EQ(error("base: {dropout: [0.1]}"), "1:17: dropout: [0.1] must be one value");
  EXPECT_EQ(parse("base: {dropout: '0.5', epochs: +3}").base.dropout, 0.5);
}

TEST(ParseSweep, AGridWantsPointsOfAContinuousAxis) {
  EXPECT_EQ(error("axes: {dropout: {uniform: [0, 0.5]}}"),
            "1:27: dropout: a grid needs to know how many values of uniform to take: add 'points: 5' beside "
            "it, or use "
            "'search: {random: 100}'");
  EXPECT_TRUE(errors("axes: {dropout: {uniform: [0, 0.5]}}\nsearch: {random: 3}").empty());
}

TEST(ParseSweep, AxisFormsAreChecked) {
  EXPECT_EQ(error("axes: {top_n: {rnage: [1, 2]}}"),
            "1:16: top_n: 'rnage' is not a way to give values; did you mean 'range'?");
  EXPECT_EQ(error("axes: {top_n: {range: [1, 2], choice: [1]}}"),
            "1:31: top_n: 'range' and 'choice' are two ways to give its values: keep one");
  EXPECT_EQ(error("axes: {top_n: {range: [3, 1]}}"), "1:23: top_n: range [3, 1]: the smaller bound stands first");
  EXPECT_EQ(error("axes: {top_n: {range: [1, 3, 0]}}"), "1:30: top_n: the step '0' must be larger than 0");
  EXPECT_EQ(error("axes: {top_n: {range: [1, 3, 0.5]}}"), "1:30: top_n: '0.5' must be a whole number");
  EXPECT_EQ(error("axes: {top_n: {range: [0, 3]}}"), "1:24: top_n: '0' must be between 1 and 64");
  EXPECT_EQ(error("axes: {top_n: {range: [1]}}"),
            "1:23: top_n: range wants [from, to] or [from, to, step] or {from: a, to: b, step: c}");
  EXPECT_EQ(error("axes: {top_n: {uniform: [1, 4]}}"),
            "1:25: top_n: 'uniform' is for settings that are not whole; use integer: [from, to] or a list");
  EXPECT_EQ(error("axes: {dropout: {range: [0, 0.5]}}"),
            "1:25: dropout: a range of a setting that is not whole wants a step: [from, to, step]");
  EXPECT_EQ(error("axes: {dropout: {range: [0, 0.9, 1e-9]}}"), "1:25: dropout: this range has more than 100000 values");
  EXPECT_EQ(error("axes: {weight_decay: {log_uniform: [0, 1], points: 3}}"),
            "1:36: weight_decay: log_uniform [0, 1] wants bounds larger than 0");
  EXPECT_EQ(error("axes: {dropout: {uniform: [0.2, 0.2001], points: 9}}"),
            "1:50: dropout: '9' points lie too close: values are rounded to 4 digits");
  EXPECT_EQ(error("axes: {gate: {range: [1, 2]}}"),
            "1:22: gate: 'range' is for numbers; list its values; valid: scorer, query, context");
  EXPECT_EQ(error("axes: {layers: {range: [0, 3]}}"),
            "1:24: layers: 'range' is for numbers; list its values: [0-5, 6-12]");
  EXPECT_EQ(error("axes: {top_n: []}"),
            "1:15: top_n: [] must be a list of values; a setting with one value stands under 'base'");
  EXPECT_EQ(error("axes: {top_n: {range: [1, 2], points: 3}}"),
            "1:39: top_n: 'points' goes with uniform and log_uniform only");
}

TEST(ParseSweep, EncoderGeneratorsAreChecked) {
  EXPECT_EQ(error("axes: {encoders: pars}"), "1:18: encoders: 'pars' is not a generator; did you mean 'pairs'?");
  EXPECT_EQ(
      error("axes: {encoders: [all, clip]}"),
      "1:24: encoders: 'clip' is not a generator; valid: all, singles, pairs, leave-one-out, "
      "by-modality, {sizes: "
      "[a, b]}, {shapley: n}, {modality: name}, or lists of encoders ([clip] is the subset of that encoder alone)");
  EXPECT_EQ(error("axes: {encoders: {sizes: [3, 2]}}"), "1:27: sizes: [3, 2]: the smallest stands first");
  EXPECT_EQ(error("axes: {encoders: {sizes: [0, 2]}}"), "1:27: sizes: '0' must be a whole number from 1 to 10000");
  EXPECT_EQ(error("axes: {encoders: {shapley: 513}}"),
            "1:28: encoders: shapley: '513' must be a whole number from 1 to 512");
  EXPECT_EQ(error("axes: {encoders: {shapley: all}}"),
            "1:28: encoders: shapley: 'all' must be a whole number from 1 to 512");
  EXPECT_EQ(error("axes: {encoders: {shapley: 9, sizes: 2}}"),
            "1:28: encoders: sizes and shapley are two generators: write them as two items");
  EXPECT_EQ(error("base: {encoders: {shapley: 9}}"), "1:19: unknown key 'shapley' in encoders; valid: modality");
  EXPECT_EQ(error("axes: {encoders: [[a, b, a]]}"), "1:26: encoders: 'a' stands twice in the list");
  EXPECT_EQ(error("axes: {encoders: {size: 2}}"), "1:19: unknown key 'size' in encoders; did you mean 'sizes'?");
  EXPECT_EQ(error("base: {encoders: pairs}"),
            "1:18: encoders: 'pairs' must be all, a list of encoders, or {modality: name}; generators of several "
            "subsets stand under 'axes'");
}

TEST(ParseSweep, VariantsAreChecked) {
  EXPECT_EQ(error("variants: {a: {hiden: 3}}"), "1:16: unknown setting 'hiden'; did you mean 'hidden'?");
  EXPECT_EQ(error("variants: {a: {hidden: -3}}"), "1:24: hidden: '-3' must be between 0 and 8192");
  EXPECT_EQ(error("variants: {a: 3}"), "1:15: variants: a: '3' must hold settings with values");
  EXPECT_EQ(error("variants: {a: {top_n: 2}}\naxes: {top_n: [1, 2]}"),
            "2:8: axes: the variant 'a' sets top_n too: vary it or set it");
  EXPECT_EQ(error("variants: {late: {top_n: 2}}\nreference: {variant: latte}"),
            "2:22: reference: 'latte' is not a variant; did you mean 'late'?");
  EXPECT_EQ(error("variants: {late: {top_n: 2}}\ncompare: {axis: variant, baseline: latte}"),
            "2:36: compare: baseline 'latte' is not a value of the axis 'variant'; did you mean 'late'?");
}

TEST(ParseSweep, ConditionsAreChecked) {
  const std::string axes = "axes: {top_n: [1], gate: [scorer], fusion: [sum]}\n";
  EXPECT_EQ(error(axes + "when: {top_n: {selction: learned}}"),
            "2:16: unknown setting 'selction'; did you mean 'selection'?");
  EXPECT_EQ(error(axes + "when: {top_n: {selection: learnt}}"),
            "2:27: selection: 'learnt' is not a value of selection; did you mean 'learned'?");
  EXPECT_EQ(error(axes + "when: {top_n: {top_n: 1}}"), "2:16: when: 'top_n' cannot be its own condition");
  EXPECT_EQ(error(axes + "when: {top_n: {encoders: all}}"), "2:16: when: encoders cannot be a condition");
  EXPECT_EQ(error(axes + "when: {top_n: {gate: []}}"), "2:22: when: gate: an empty list never holds");
  EXPECT_EQ(errors(axes + "when: {gate: {fusion: sum}, fusion: {gate: scorer}, top_n: {gate: scorer}}"),
            (std::vector<std::string>{"2:8: when: the condition of 'gate' depends on itself, by way of 'fusion'",
                                      "2:29: when: the condition of 'fusion' depends on itself, by way of 'gate'",
                                      "2:53: when: the condition of 'top_n' depends on itself, by way of 'gate'"}));
}

TEST(ParseSweep, AdaptiveSearchesAreReadWithTheirMargins) {
  const auto spec = [](const std::string& text) { return parse_sweep(text, "s.yaml"); };
  EXPECT_FALSE(spec("seeds: 2").adaptive);
  const SweepSpec race = spec("seeds: 4\nsearch: race");
  ASSERT_TRUE(race.adaptive);
  EXPECT_EQ(race.adaptive->kind, StrategyKind::kRace);
  EXPECT_EQ(race.adaptive->margin, 0.01);
  EXPECT_EQ(race.seeds, (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(spec("search: {race: {margin: 0.02}}").adaptive->margin, 0.02);
  const SweepSpec drawn =
      spec("axes: {learning_rate: {uniform: [1e-4, 1e-2]}}\nsearch: {random: 7, seed: 3, race: {margin: 0}}");
  EXPECT_EQ(drawn.search, SweepSpec::Search::kRandom);
  EXPECT_EQ(drawn.draws, 7);
  EXPECT_EQ(drawn.search_seed, 3u);
  EXPECT_EQ(drawn.adaptive->kind, StrategyKind::kRace);
  const SweepSpec settled = spec("seeds: {until: settled, at_most: 3, margin: 0.5}");
  EXPECT_EQ(settled.adaptive->kind, StrategyKind::kUntilSettled);
  EXPECT_EQ(settled.adaptive->margin, 0.5);
  EXPECT_EQ(settled.seeds, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST(ParseSweep, SearchesThatMakeTheirConfigsTakeNothingThatNeedsThemBeforehand) {
  const std::string axes = "axes: {dropout: {uniform: [0, 0.5]}}\n";
  const SweepSpec tpe = parse_sweep(axes + "search: {tpe: 40, batch: 5, seed: 9}", "s.yaml");
  EXPECT_EQ(tpe.adaptive->kind, StrategyKind::kTpe);
  EXPECT_EQ(tpe.adaptive->configs, 40);
  EXPECT_EQ(tpe.adaptive->batch, 5);
  EXPECT_EQ(tpe.adaptive->seed, 9u);
  EXPECT_EQ(error("search: {tpe: 40}"), "1:9: search: tpe has no axes to draw from");
  EXPECT_EQ(error("search: tpe"), "1:9: search: 'tpe' wants a number of configs: {tpe: 100}");
  EXPECT_EQ(error(axes + "search: {tpe: 0}"), "2:15: search: tpe: '0' must be a whole number from 1 to 10000");
  EXPECT_EQ(error(axes + "search: {tpe: 4, bach: 2}"), "2:18: unknown key 'bach' in search; did you mean 'batch'?");
  EXPECT_EQ(error(axes + "search: {tpe: 4}\nimpossible: skip"),
            "3:13: impossible: search: tpe trains only what is possible: leave it out");
  EXPECT_EQ(error(axes + "search: {tpe: 4}\nreference: {dropout: 0}"),
            "3:12: reference: a random search holds no config known beforehand: it goes with a grid");
  EXPECT_EQ(error("axes: {dropout: [0, 0.5]}\nsearch: external"),
            "1:7: axes: with search: external whoever sends the configs chooses: leave it out");
  EXPECT_EQ(error("search: {halving: {first: 2}}\naxes: {dropout: [0, 0.5]}\nreference: {dropout: 0}"),
            "3:12: reference: with search: halving few configs are trained to the end: leave it out");
  EXPECT_EQ(error("search: {halving: 3}"),
            "1:19: search: halving: wants the epochs of its first rung: {first: 3, eta: 3}");
  EXPECT_EQ(error("search: {halving: {first: 2, eta: 1}}"),
            "1:35: search: halving: eta: '1' must be a whole number from 2 to 100");
}

TEST(ParseSweep, WrongAdaptiveSearchesAreErrorsWithTheirPlace) {
  EXPECT_EQ(error("search: rac"),
            "1:9: search: 'rac' must be grid, race, {race: {margin: M}}, {random: N, seed: S}, "
            "{tpe: N, batch: B, seed: S}, {halving: {first: E, eta: 3}}, external, or {external: N}");
  EXPECT_EQ(error("search: {race: 3}"), "1:16: search: race: '3' must be {margin: M}");
  EXPECT_EQ(error("search: {race: {margin: 2}}"), "1:25: margin: '2' must be a difference of Scores, 0 to 1");
  EXPECT_EQ(error("search: {race: {marign: 0.1}}"),
            "1:17: unknown key 'marign' in search: race; did you mean 'margin'?");
  EXPECT_EQ(error("search: {race: {margin: 0.1}, seed: 2}"), "1:37: search: 'seed' is that of random draws");
  EXPECT_EQ(error("seeds: {until: setled, at_most: 3}"), "1:16: seeds: 'until' must be settled");
  EXPECT_EQ(error("seeds: {until: settled}"), "1:8: seeds: 'at_most' is missing: how many seeds a config may get");
  EXPECT_EQ(
      error("seeds: {until: settled, at_most: 3}\nsearch: race"),
      "2:9: search: race chooses its runs itself, so that seeds cannot be until settled, too: give seeds as how many a "
      "config may get");
  EXPECT_EQ(error("axes: {top_n: [1, 2]}\nsearch: race\ncompare: {axis: top_n, baseline: 1}"),
            "3:10: compare: race looks at differences after every round, and its decisions are its verdicts: planned "
            "comparisons want a sweep that trains all");
}

TEST(ParseSweep, SearchIsChecked) {
  EXPECT_EQ(error("search: random"), "1:9: search: 'random' wants a number of configs: {random: 100}");
  EXPECT_EQ(error("axes: {top_n: [1]}\nsearch: {random: 0}"),
            "2:18: search: random: '0' must be a whole number from 1 to 200000");
  EXPECT_EQ(error("axes: {top_n: [1]}\nsearch: {random: 1, sede: 2}"),
            "2:21: unknown key 'sede' in search; did you mean 'seed'?");
  EXPECT_EQ(error("axes: {top_n: [1]}\nsearch: {random: 1}\nreference: {top_n: 1}"),
            "3:12: reference: a random search holds no config known beforehand: it goes with a grid");
  EXPECT_EQ(error("search: {random: 1}"), "1:9: search: random has no axes to draw from");
}

TEST(ParseSweep, ReadsMadeFolds) {
  const SweepSpec spec = parse("folds: {regroup: 10, repeats: 2, by: clip, seed: 3, stratify: none}");
  ASSERT_TRUE(spec.regroup);
  EXPECT_EQ(*spec.regroup, (Partition{10, PartitionBy::kClip, Stratify::kNone, 3, 1}));
  EXPECT_EQ(spec.repeats, 2);
  EXPECT_TRUE(spec.folds.empty());
  const SweepSpec defaults = parse("folds:\n  regroup: 4\n");
  EXPECT_EQ(*defaults.regroup, (Partition{4, PartitionBy::kActor, Stratify::kLabel, 1, 1}));
  EXPECT_EQ(defaults.repeats, 1);
  EXPECT_FALSE(parse("folds: all").regroup);

  EXPECT_EQ(error("folds: {regrup: 10}"), "1:9: unknown key 'regrup' in folds; did you mean 'regroup'?");
  EXPECT_EQ(error("folds: {repeats: 2}"), "1:8: folds: 'regroup' is missing: the number of folds to make");
  EXPECT_EQ(error("folds: {regroup: 1}"), "1:18: folds: regroup: '1' must be a whole number from 2 to 1000");
  EXPECT_EQ(error("folds: {regroup: 5, repeats: 0}"), "1:30: folds: repeats: '0' must be a whole number from 1 to 100");
  EXPECT_EQ(error("folds: {regroup: 5, by: actr}"), "1:25: folds: by: unknown value 'actr'; did you mean 'actor'?");
  EXPECT_EQ(error("folds: {regroup: 5, stratify: labels}"),
            "1:31: folds: stratify: unknown value 'labels'; did you mean 'label'?");
  EXPECT_EQ(error("folds: {regroup: 5, seed: -1}"),
            "1:27: folds: seed: '-1' must be a whole number from 0 to 9223372036854775807");
  EXPECT_EQ(error("folds: 5"), "1:8: folds: '5' must be all, a list of folds: [0, 1], or made folds: {regroup: 10}");
}

TEST(ParseSweep, AKeyThatStandsTwiceIsAError) {
  EXPECT_EQ(error("seeds: 1\nbase: {dropout: 0.1, dropout: 0.2}\n"),
            "2:22: key 'dropout' stands twice; first in line 2");
  EXPECT_EQ(error("seeds: 1\nfolds: all\nseeds: 2\n"), "3:1: key 'seeds' stands twice; first in line 1");
}

TEST(ParseSweep, WhatASweepFileNeverNeedsIsRefused) {
  for (const char* text : {"", "# only a comment\n", "\n\n", "---\n"}) {
    EXPECT_EQ(error(text), "1:1: the file is empty: `medley init` writes one to begin with") << text;
  }
  EXPECT_EQ(error("name: x\nbase:\naxes: {top_n: [1]}\n"),
            "2:1: base is empty: put settings under it, indented, or leave it out");
  EXPECT_EQ(error("base:\n\tepochs: 3\n"), "2:1: this line is indented with a tab: use spaces");
  EXPECT_EQ(error("base:\n  epochs: 3\n \tdropout: 0\n"), "3:2: this line is indented with a tab: use spaces");
  EXPECT_EQ(error("[1, 2]"), "1:1: a sweep file holds keys with values, such as 'dataset: data/blemore'");
  EXPECT_EQ(error("base: &b {epochs: 1}\naxes: *b\n"),
            "1:7: anchors and aliases are not used in sweep files: write the value out");
  EXPECT_EQ(error("name: !!python/object x"),
            "1:7: tags ('tag:yaml.org,2002:python/object') are not used in sweep files");
  EXPECT_EQ(error("name: a\n---\nname: b\n"), "1:1: holds more than one document: keep one sweep a file");
  EXPECT_EQ(error("base: {[1]: 2}"), "1:8: a key must be a name");
  EXPECT_EQ(error("name: \"a\\0b\""), "1:7: text with a NUL character is not used in sweep files");
  EXPECT_EQ(error("name: " + std::string(kMaxSpecBytes, 'x')),
            "1:1: the file has 1048582 bytes; a sweep file has at most 1048576");
}

TEST(ParseSweep, WhatIsNotUtf8IsRefusedAtItsPlace) {
  const std::string wrong = ": this byte is not text: a sweep file is UTF-8";
  EXPECT_EQ(error(std::string("name: a\0b", 9)), "1:8" + wrong);
  for (const char* bad :
       {"\xff", "\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_EQ(error(std::string("seeds: 1\nname: x") + bad + "\n"), "2:8" + wrong);
  }
  EXPECT_EQ(parse("name: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80").name, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(ParseSweep, AMessageNeverCutsACharacterInTwo) {
  std::string euros;
  for (int i = 0; i < 100; ++i) euros += "\xe2\x82\xac";
  const std::string message = error("base: {gate: x" + euros + "}");
  EXPECT_NO_THROW(json(message).dump());  // throws for what is not UTF-8
}

TEST(ParseSweep, DeepNestingIsRefusedWithoutFollowingIt) {
  for (const std::string& deep : {std::string(500'000, '['), std::string(100'000, '{'),
                                  "base: " + std::string(1000, '[') + std::string(1000, ']')}) {
    EXPECT_NE(error(deep).find("nested deeper than 16 levels"), std::string::npos);
  }
}

TEST(ParseSweep, TenThousandErrorsAreReportedQuicklyAndNotAllShown) {
  std::string text = "axes:\n  top_n:\n";
  for (int i = 0; i < 10'000; ++i) text += "    - x\n";
  try {
    parse(text);
    FAIL();
  } catch (const SpecError& e) {
    EXPECT_EQ(e.diagnostics().size(), 1000u);
    EXPECT_LT(std::string(e.what()).size(), 10'000u);
    EXPECT_NE(std::string(e.what()).find("and 950 more errors"), std::string::npos);
  }
}

TEST(ParseSweep, LabelsAreTextsOfOneLineAndOfOneName) {
  const SweepSpec spec = parse("axes: {top_n: [1, 2]}\nlabels: {top_n: kept encoders}\n");
  ASSERT_EQ(spec.labels.size(), 1u);
  EXPECT_EQ(spec.labels[0].name, "top_n");
  EXPECT_EQ(spec.labels[0].text, "kept encoders");
  EXPECT_EQ(error("labels: {top_n: a, epochs: a}\n"), "1:28: labels: 'a' stands for two names");
  EXPECT_EQ(error("labels: {top_n: ''}\n"), "1:17: labels: a text must be one line of 1 to 200 bytes");
  EXPECT_EQ(error("labels: [a]\n"), "1:9: labels: [a] must hold names with texts: {top_n: n, learned: ours}");
}

}  // namespace
}  // namespace medley::sweep
