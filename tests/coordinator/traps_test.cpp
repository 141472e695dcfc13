// What a plan warns of, by its formulas.
#include "coordinator/actions/traps.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/folder.h"
#include "trainer/data/dataset.h"
#include "trainer/data/synthetic.h"

namespace medley::coordinator {
namespace {

TEST(Traps, SettledDifferenceIsTheFormula) {
  // t(.975, 4) = 2.7764451; s^2 = .2 (1/100 + 1/50) / 4 = .0015; sqrt(.0015 (1/5 + 1/4)) = .025981.
  EXPECT_NEAR(settled_difference(5, 100, 50, 0), 2.7764451051977987 * std::sqrt(.0015 * .45), 1e-12);
  // t(.975, 19) = 2.0930241; sqrt(.0015 / 5 (1 + 1/4)) = .019365.
  EXPECT_NEAR(settled_difference(5, 100, 50, 20), 2.093024054408263 * std::sqrt(.0015 / 5 * 1.25), 1e-12);
}

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
    for (const std::string& trap : find_traps(read_sweep_text(yaml, "s.yaml", dataset_))) all += trap + "\n";
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

TEST_F(TrapsOfASweep, AMarginThatCannotBeSettled) {
  const std::string sweep = "axes: {top_n: [2, 3]}\ncompare: {axis: top_n, baseline: 2, margin: ";
  EXPECT_NE(traps(sweep + "0.001}").find("a margin of .001 is less than"), std::string::npos);
  EXPECT_EQ(traps(sweep + "0.5}"), "");
}

TEST_F(TrapsOfASweep, AdaptationWithoutAShift) {
  EXPECT_EQ(traps("axes: {top_n: [2, 3]}").find("adaptation"), std::string::npos);
  const std::string validation = traps("base: {adaptation: coral}\naxes: {top_n: [2, 3]}");
  EXPECT_NE(validation.find("adaptation to validation clips"), std::string::npos) << validation;
}

}  // namespace
}  // namespace medley::coordinator
