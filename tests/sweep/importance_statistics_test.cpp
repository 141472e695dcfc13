#include "sweep/score/importance_statistics.h"

#include <cmath>

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

TEST(Ranks, TiesShareTheMeanOfTheirRanks) {
  EXPECT_EQ(average_ranks({.1, .4, .4, .2}), (std::vector<double>{4, 1.5, 1.5, 3}));
  EXPECT_EQ(average_ranks({2, 2, 2}), (std::vector<double>{2, 2, 2}));
}

TEST(KendallW, IsFriedmansChiSquareOverItsMost) {
  // scipy.stats.friedmanchisquare, which corrects for ties: W = chi2 / (raters (items - 1)). SciPy 1.10.
  EXPECT_NEAR(kendall_w({{1, 2, 3, 4, 5, 6}, {2, 1, 3, 4, 6, 5}, {1, 3, 2, 6, 4, 5}}), 0.8349206349206345, 1e-14);
  // With ties in two raters.
  EXPECT_NEAR(kendall_w({{.4, .3, .2, .1}, {.35, .35, .1, .2}, {.5, .1, .3, .1}, {.25, .25, .3, .2}, {.4, .2, .3, .1}}),
              0.565957446808511, 1e-14);
}

TEST(KendallW, IsOneForOneOpinionAndNothingWithoutAny) {
  EXPECT_DOUBLE_EQ(kendall_w({{3, 1, 2}, {30, 10, 20}}), 1);
  EXPECT_DOUBLE_EQ(kendall_w({{3, 2, 1}, {1, 2, 3}}), 0);
  EXPECT_TRUE(std::isnan(kendall_w({{1, 1}, {2, 2}})));
  EXPECT_TRUE(std::isnan(kendall_w({{1, 2}})));
}

TEST(Spearman, IsSciPys) {
  // scipy.stats.spearmanr, SciPy 1.10; with ties.
  EXPECT_NEAR(spearman({.4, .3, .3, .1, .05}, {.02, .03, .01, .01, -.01}), 0.7631578947368421, 1e-14);
  EXPECT_DOUBLE_EQ(spearman({1, 2, 3}, {9, 5, 1}), -1);
  EXPECT_TRUE(std::isnan(spearman({1, 2}, {3, 3})));
}

}  // namespace
}  // namespace medley::sweep
