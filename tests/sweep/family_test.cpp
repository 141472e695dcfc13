// `compare` of a sweep file.
#include <gtest/gtest.h>

#include "sweep/spec/diagnostic.h"
#include "sweep/spec/expand.h"
#include "sweep/spec/spec.h"

namespace medley::sweep {
namespace {

DatasetShape shape() {
  DatasetShape made;
  made.fingerprint = "f";
  made.encoders = {"clip", "wavlm", "hubert"};
  made.modalities = {"video", "audio", "audio"};
  made.folds = {0, 1, 2};
  return made;
}

/// Of a sweep whose configs are possible with three encoders and with one.
std::vector<Family> families(const std::string& yaml) {
  return expand(parse_sweep("base: {top_n: 1}\n" + yaml, "s.yaml"), shape()).families;
}

std::string error(const std::string& yaml) {
  try {
    expand(parse_sweep(yaml, "s.yaml"), shape());
  } catch (const SpecError& e) {
    EXPECT_EQ(e.diagnostics().size(), 1u) << e.what();
    return e.diagnostics()[0].message;
  }
  return "";
}

TEST(Compare, OneFamilyOrAList) {
  const auto one = families("axes: {selection: [learned, all]}\ncompare: {axis: selection, baseline: learned}\n");
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].axis, "selection");
  EXPECT_EQ(one[0].baseline, "learned");
  EXPECT_EQ(one[0].margin, .01);
  const auto two = families(
      "axes: {selection: [learned, all], learning_rate: [1e-3, 3e-4]}\n"
      "compare:\n  - {axis: selection, baseline: all, margin: 0.02}\n  - {axis: learning_rate, baseline: 0.001}\n");
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].margin, .02);
  EXPECT_EQ(two[1].baseline, "0.001");  // as configs say it, however it was typed
}

TEST(Compare, ABaselineOfEncodersIsASubset) {
  const auto all = families("axes: {encoders: [all, leave-one-out]}\ncompare: {axis: encoders, baseline: all}\n");
  EXPECT_EQ(all.at(0).baseline, "clip+wavlm+hubert");
  const auto pair =
      families("axes: {encoders: [all, singles, pairs]}\ncompare: {axis: encoders, baseline: [clip, hubert]}\n");
  EXPECT_EQ(pair.at(0).baseline, "clip+hubert");
}

TEST(Compare, ErrorsNameTheirPlaceAndWhatWouldBeValid) {
  const std::string axes = "axes: {selection: [learned, all]}\ncompare: ";
  EXPECT_EQ(error(axes + "{axis: selecton, baseline: all}"),
            "compare: 'selecton' is not one of the axes; did you mean 'selection'?");
  EXPECT_NE(error("axes: {top_n: [1, 2]}\ncompare: {axis: top_n, baseline: 3}")
                .find("compare: baseline '3' is not a value of the axis 'top_n'"),
            std::string::npos);
  EXPECT_NE(error(axes + "{axis: selection}").find("'baseline' is missing"), std::string::npos);
  EXPECT_NE(error(axes + "{axis: selection, baseline: all, margin: 0}").find("in (0, 1)"), std::string::npos);
  EXPECT_NE(error(axes + "{axis: selection, baseline: all, margn: 0.1}").find("margin"), std::string::npos);
  EXPECT_NE(error(axes + "yes").find("must be {axis: NAME, baseline: VALUE"), std::string::npos);
  EXPECT_NE(error("axes: {encoders: [all, pairs]}\ncompare: {axis: encoders, baseline: [clip]}")
                .find("baseline clip is not among the subsets"),
            std::string::npos);
  EXPECT_NE(error("axes: {selection: [learned, all]}\nsearch: {random: 4}\ncompare: {axis: selection, baseline: all}")
                .find("use a grid"),
            std::string::npos);
}

TEST(Compare, ChangesNoTrial) {
  const std::string yaml = "base: {top_n: 2}\naxes: {selection: [learned, all]}\n";
  const auto plain = expand(parse_sweep(yaml, "s.yaml"), shape());
  const auto compared = expand(parse_sweep(yaml + "compare: {axis: selection, baseline: all}\n", "s.yaml"), shape());
  ASSERT_EQ(plain.trials.size(), compared.trials.size());
  for (std::size_t i = 0; i < plain.trials.size(); ++i) EXPECT_EQ(plain.trials[i].id, compared.trials[i].id);
}

TEST(Family, ADeclarationCountsOnlyWithItsDigest) {
  Family family{"top_n", "1", 0.01};
  EXPECT_EQ(declaration_text(families_from_json(to_json(std::vector<Family>{family}))[0]), "");
  family.results_before = 12;
  family.declared_ms = 1700000000000;
  nlohmann::json stored = to_json(std::vector<Family>{family});
  const Family read = families_from_json(stored)[0];
  EXPECT_EQ(read.results_before, 12);
  EXPECT_EQ(read.declared_ms, 1700000000000);
  EXPECT_EQ(declaration_text(read), "declared after 12 results");
  const nlohmann::json changes = {{"results_before", 0}, {"margin", 0.02}, {"declared_ms", 1}};
  for (const auto& [key, value] : changes.items()) {
    nlohmann::json changed = stored;
    changed[0][key] = value;
    EXPECT_EQ(families_from_json(changed)[0].results_before, -1) << key;
  }
}

}  // namespace
}  // namespace medley::sweep
