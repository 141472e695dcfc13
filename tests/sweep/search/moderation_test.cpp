#include "sweep/search/moderation.h"

#include <cmath>

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

TEST(Moderation, GammaFunctionsAreScipys) {
  // scipy.special.digamma and polygamma(1), SciPy 1.10; the inverse by scipy.optimize.brentq.
  EXPECT_NEAR(digamma(0.1), -10.423754940411076, 1e-11);
  EXPECT_NEAR(digamma(1), -0.57721566490153287, 1e-13);
  EXPECT_NEAR(digamma(2.5), 0.70315664064524319, 1e-13);
  EXPECT_NEAR(digamma(40), 3.6763273740348428, 1e-13);
  EXPECT_NEAR(trigamma(0.1), 101.43329915079275, 1e-10);
  EXPECT_NEAR(trigamma(0.5), 4.9348022005446799, 1e-12);
  EXPECT_NEAR(trigamma(7), 0.15354517795933756, 1e-13);
  EXPECT_NEAR(trigamma(40), 0.025315103841291032, 1e-14);
  EXPECT_NEAR(inverse_trigamma(0.001), 1000.499916666681, 1e-8);
  EXPECT_NEAR(inverse_trigamma(0.2), 5.4834517798530475, 1e-11);
  EXPECT_NEAR(inverse_trigamma(30), 0.18662253008393484, 1e-12);
}

TEST(Moderation, PriorIsLimmas) {
  // fitFDist of limma (Smyth 2004), written in NumPy.
  EXPECT_NEAR(prior_freedom({.8, 1.9, .3, 4.2, 1.1, .05, 2.6}, {4, 4, 3, 4, 5, 4, 4.5}), 2.0642967634200851, 1e-9);
  EXPECT_NEAR(prior_freedom({1, 2, 3, 0, 5}, {4, 4, 4, 4, 4}), 0.39475799448177928, 1e-9);
  EXPECT_TRUE(std::isinf(prior_freedom({1, 1.1, .9, 1.05}, {4, 4, 4, 4})));  // more alike than chance makes them
  EXPECT_EQ(prior_freedom({1}, {4}), 0);
  EXPECT_EQ(prior_freedom({0, 0, 0}, {4, 4, 4}), 0);
}

TEST(Moderation, DrawsAVarianceTowardsThePrior) {
  EXPECT_DOUBLE_EQ(moderated(4, 2, 1, 6), 1.75);
  EXPECT_EQ(moderated(4, 2, 1, INFINITY), 1);
  EXPECT_EQ(moderated(4, 2, 1, 0), 4);
}

}  // namespace
}  // namespace medley::sweep
