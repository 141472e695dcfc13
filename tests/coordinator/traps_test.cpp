// What a plan warns of, by its formulas.
#include "coordinator/actions/traps.h"

#include <cmath>

#include <gtest/gtest.h>

#include "coordinator/actions/plan.h"
#include "tests/support/folder.h"
#include "trainer/data/dataset.h"
#include "trainer/data/synthetic.h"

namespace medley::coordinator {
namespace {

TEST(Traps, ShiftIsMeasuredInWhatActorsDifferBy) {
  // One column; actor means 0, 2 | 10, 12: variance (1 + 1 + 1 + 1) / 2 = 2, (11 - 1)^2 / (2 (1/2 + 1/2)) = 50.
  EXPECT_NEAR(shift_between({0, 2, 10, 12}, 1, {"a", "b", "c", "d"}, {false, false, true, true}), 50, 1e-9);
  // Two clips of one actor count as one: his mean is 1.
  EXPECT_NEAR(shift_between({0, 2, 3, 10, 12}, 1, {"a", "a", "b", "c", "d"}, {false, false, false, true, true}), 40.5,
              1e-9);  // means 2 and 11, variance 2: 81 / 2
  EXPECT_TRUE(std::isnan(shift_between({0, 1, 2}, 1, {"a", "b", "c"}, {false, false, true})));
  EXPECT_TRUE(std::isnan(shift_between({0, 1, 2, 3}, 1, {"", "", "", ""}, {false, false, true, true})));
}

class TrapsOfASweep : public testing::Test {
 protected:
  TrapsOfASweep() {
    data::SyntheticOptions options;
    options.dim = 4;
    data::make_synthetic(folder_.path() / "data", options, data::Existing::kOverwrite);
    dataset_ = data::load_dataset(folder_.path() / "data");
  }
  std::string traps(const std::string& yaml) const {
    std::string all;
    const SweepFile file = read_sweep_text(yaml, "s.yaml", dataset_);
    for (const std::string& trap : find_traps(file, make_forecast(file, {}, folder_ / "no-store", {}))) {
      all += trap + "\n";
    }
    return all;
  }
  test::Folder folder_;
  data::Dataset dataset_;
};

TEST_F(TrapsOfASweep, AGateThatIsNotTrained) {
  EXPECT_NE(traps("axes: {top_n: [1, 2]}").find("1 of 2 configs keep one encoder"), std::string::npos);
  EXPECT_EQ(traps("base: {renormalise: false}\naxes: {top_n: [1, 2]}"), "");
  EXPECT_EQ(traps("axes: {top_n: [2, 3]}"), "");
  EXPECT_EQ(traps("base: {top_n: 1}\naxes: {selection: [random, fixed]}"), "") << "controls that learn no choice";
}

TEST_F(TrapsOfASweep, AnAdaptationThatNothingIsComparedWith) {
  const std::string alone = "1 of 2 configs adapt, and the sweep lacks the same without";
  EXPECT_NE(traps("variants: {a: {adaptation: coral}, b: {epochs: 3}}").find(alone), std::string::npos);
  EXPECT_EQ(traps("axes: {adaptation: [none, coral]}").find("lacks the same"), std::string::npos);
}

TEST_F(TrapsOfASweep, AMarginThatCannotBeSettled) {
  const std::string sweep = "axes: {top_n: [2, 3]}\ncompare: {axis: top_n, baseline: 2, margin: ";
  const std::string narrow = traps(sweep + "0.001}");
  EXPECT_NE(narrow.find("a margin of .0010 is less than the median half width of the forecast"), std::string::npos);
  EXPECT_NE(narrow.find("50 seeds would not either"), std::string::npos);
  EXPECT_EQ(traps(sweep + "0.5}"), "");
}

TEST_F(TrapsOfASweep, APlanSaysWhatItTrainsForShapleyValues) {
  const auto planned = [&](const std::string& yaml) {
    return make_plan(read_sweep_text("base: {selection: all}\n" + yaml, "s.yaml", dataset_), folder_ / "no-store")
        .shapley;
  };
  EXPECT_EQ(planned("axes: {encoders: {shapley: 64}}"), "all 63 subsets of the encoders: exact Shapley values");
  EXPECT_EQ(planned("axes: {encoders: [all, {shapley: 20}]}"),
            "19 of 63 subsets of the encoders: estimated Shapley values");
  EXPECT_EQ(planned("axes: {encoders: {sizes: [1, 6]}}"), "");
}

TEST_F(TrapsOfASweep, AdaptationWithoutAShift) {
  EXPECT_EQ(traps("axes: {top_n: [2, 3]}").find("adaptation"), std::string::npos);
  const std::string validation = traps("base: {adaptation: coral}\naxes: {top_n: [2, 3]}");
  EXPECT_NE(validation.find("adaptation to validation clips"), std::string::npos) << validation;
}

}  // namespace
}  // namespace medley::coordinator
