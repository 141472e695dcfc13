#include "sweep/score/shapley.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "sweep/score/cholesky.h"

namespace medley::sweep {
namespace {

int size_of(std::uint32_t set) {
  int size = 0;
  for (; set != 0; set >>= 1) size += set & 1u;
  return size;
}

std::vector<TrainedSet> trained_of(const std::vector<double>& game, const std::vector<std::uint32_t>& sets) {
  std::vector<TrainedSet> trained;
  for (const std::uint32_t set : sets) trained.push_back({set, game[set]});
  return trained;
}

/// Of four players, and a cheap game like it. Nobody is worth 0.
const std::vector<double> kGame = {0, .20, .15, .31, .10, .26, .22, .35, .18, .30, .24, .37, .21, .33, .27, .40};
const std::vector<double> kProbe = {0, .15, .12, .22, .09, .20, .18, .26, .14, .22, .18, .27, .17, .24, .21, .29};
const std::vector<std::uint32_t> kTrained = {15, 1, 14, 2, 13, 4, 11, 8, 7, 3, 12};

TEST(Shapley, GloveGameByHand) {
  // One left glove (player 0), two right ones: a pair is worth 1. By the six orders of joining: 4/6, 1/6, 1/6.
  std::vector<double> worth(8);
  for (std::size_t set = 0; set < 8; ++set) worth[set] = (set & 1u) && (set & 6u) ? 1 : 0;
  const auto values = shapley_values(3, worth);
  EXPECT_NEAR(values[0], 2. / 3, 1e-15);
  EXPECT_NEAR(values[1], 1. / 6, 1e-15);
  EXPECT_NEAR(values[2], 1. / 6, 1e-15);
}

TEST(Shapley, AirportGameByHand) {
  // Runways for planes of cost 1, 2 and 4 (Littlechild & Owen 1973): each section is shared by those who need it:
  // 1/3, 1/3 + 1/2, 1/3 + 1/2 + 2.
  std::vector<double> worth(8);
  for (std::size_t set = 0; set < 8; ++set) worth[set] = set & 4u ? 4 : set & 2u ? 2 : set & 1u ? 1 : 0;
  const auto values = shapley_values(3, worth);
  EXPECT_NEAR(values[0], 1. / 3, 1e-15);
  EXPECT_NEAR(values[1], 1. / 3 + 1. / 2, 1e-15);
  EXPECT_NEAR(values[2], 1. / 3 + 1. / 2 + 2, 1e-15);
}

TEST(Shapley, WantsAWorthForEverySet) {
  EXPECT_THROW(shapley_values(2, {0, 1, 1}), Error);
  EXPECT_THROW(shapley_values(0, {0}), Error);
  EXPECT_EQ(shapley_values(1, {.5, 2}), (std::vector<double>{1.5}));
}

TEST(ShapleyInteractions, GloveGameByHand) {
  // Left glove 0, right gloves 1 and 2. I(0, 1) is the mean of 1 without 2, and of 1 - 1 - 0 + 0 with 2. I(1, 2) is the
  // mean of 0 without 0, and of 1 - 1 - 1 + 0 with 0.
  std::vector<double> worth(8);
  for (std::size_t set = 0; set < 8; ++set) worth[set] = (set & 1u) && (set & 6u) ? 1 : 0;
  const std::vector<double> expected = {0, .5, .5, .5, 0, -.5, .5, -.5, 0};
  const auto found = shapley_interactions(3, worth);
  for (std::size_t i = 0; i < 9; ++i) EXPECT_NEAR(found[i], expected[i], 1e-15) << i;
}

TEST(ShapleyInteractions, AreZeroWhereGainsAddUp) {
  std::vector<double> worth(32);
  for (std::size_t set = 0; set < 32; ++set) {
    for (int player = 0; player < 5; ++player) worth[set] += set >> player & 1u ? .1 * (1 + player) : 0;
  }
  for (const double index : shapley_interactions(5, worth)) EXPECT_NEAR(index, 0, 1e-15);
}

TEST(ShapleyDesign, BeginsWithTheBorderAndGoesOnInPairs) {
  const auto sets = shapley_design(8, 64);
  ASSERT_EQ(sets.size(), 63u);  // 64 less one that would have no complement
  EXPECT_EQ(std::set<std::uint32_t>(sets.begin(), sets.end()).size(), sets.size());
  EXPECT_EQ(sets[0], 255u);
  for (std::size_t i = 1; i < sets.size(); i += 2) EXPECT_EQ(sets[i] ^ sets[i + 1], 255u);
  for (std::size_t i = 1; i < 17; ++i) EXPECT_EQ(std::min(size_of(sets[i]), 8 - size_of(sets[i])), 1) << i;
  for (std::size_t i = 17; i < sets.size(); ++i) EXPECT_GE(std::min(size_of(sets[i]), 8 - size_of(sets[i])), 2) << i;
  const auto fewer = shapley_design(8, 41);
  EXPECT_TRUE(std::equal(fewer.begin(), fewer.end(), sets.begin()));
}

TEST(ShapleyDesign, IsAllSetsWhereThereAreNoMore) {
  EXPECT_EQ(shapley_design(4, 15), shapley_design(4, 500));
  EXPECT_EQ(shapley_design(4, 15).size(), 15u);
  EXPECT_EQ(shapley_design(3, 7).size(), 7u);
  EXPECT_EQ(shapley_design(1, 1), (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(shapley_design(4, 14).size(), 13u);  // ends although few pairs are left
  EXPECT_THROW(shapley_design(8, 16), Error);
  EXPECT_THROW(shapley_design(17, 64), Error);
}

TEST(ShapleyDesign, DrawsSizesByTheirKernelWeight) {
  // 1 / (s (12 - s)) of the sizes 2 to 10; few of 4,094 sets, so that repetitions hardly matter.
  const auto sets = shapley_design(12, 425);
  std::vector<double> counts(13);
  for (std::size_t i = 25; i < sets.size(); ++i) ++counts[static_cast<std::size_t>(size_of(sets[i]))];
  // Of the 132 two- and ten-player sets most are drawn: fewer than the share of .31 says.
  EXPECT_GT(counts[2], 45);
  EXPECT_EQ(counts[2], counts[10]);
  EXPECT_NEAR(counts[4] / counts[5], 35. / 32, .35);
  EXPECT_NEAR(counts[6] / counts[5], 35. / 36, .35);
}

// Means and standard errors by /usr/bin/python3 with NumPy 1.24: all 11 products of two to four players by brute force,
// values as means over the 24 orders, interactions by their definition.
TEST(Kriging, IsBruteForceOverAllProducts) {
  const auto found = estimate_shapley(4, trained_of(kGame, kTrained));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->freedom, 5);
  const std::vector<double> values = {.151674803003, .096674803003, .050605455597, .100605455597};
  const std::vector<double> errors = {.00539737023, .00539737023, .005398500968, .005398500968};
  const std::vector<double> pairs = {-.018605549939, -.016077993828, -.039732281377,
                                     -.020020375087, -.043674662636, -.038317456229};
  const std::vector<double> pair_errors = {.009904858367, .010672782713, .009917477035,
                                           .010011835712, .010548724369, .009366622895};
  std::size_t pair = 0;
  for (std::size_t a = 0; a < 4; ++a) {
    EXPECT_NEAR(found->values[a], values[a], 1e-9);
    EXPECT_NEAR(found->standard_errors[a], errors[a], 1e-9);
    EXPECT_EQ(found->interactions[a * 5], 0);
    for (std::size_t b = a + 1; b < 4; ++b, ++pair) {
      EXPECT_NEAR(found->interactions[a * 4 + b], pairs[pair], 1e-9);
      EXPECT_EQ(found->interactions[b * 4 + a], found->interactions[a * 4 + b]);
      EXPECT_NEAR(found->interaction_errors[a * 4 + b], pair_errors[pair], 1e-9);
    }
  }
}

TEST(Kriging, TakesAProbe) {
  const auto found = estimate_shapley(4, trained_of(kGame, kTrained), kProbe);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->freedom, 4);
  const std::vector<double> values = {.151691028988, .096691028988, .05495428605, .095898199039};
  const std::vector<double> errors = {.003099673855, .003099673855, .003216041183, .003217079696};
  for (std::size_t a = 0; a < 4; ++a) {
    EXPECT_NEAR(found->values[a], values[a], 1e-9);
    EXPECT_NEAR(found->standard_errors[a], errors[a], 1e-9);
  }
  EXPECT_NEAR(found->interactions[1], -.01605524887, 1e-9);
  EXPECT_NEAR(found->interaction_errors[1], .003101650608, 1e-9);
}

TEST(Kriging, IsExactWithoutWidthWhereTheGameIsTheProbe) {
  std::vector<double> game;
  for (const double worth : kProbe) game.push_back(1.5 * worth);
  const auto found = estimate_shapley(4, trained_of(game, kTrained), kProbe);
  ASSERT_TRUE(found);
  const auto exact = shapley_values(4, game);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(found->values[i], exact[i], 1e-10);
    EXPECT_NEAR(found->standard_errors[i], 0, 1e-8);
  }
}

TEST(Kriging, IsExactForGainsThatAddUp) {
  // Whoever takes part adds .01 to .06 to .1; nobody is worth 0, and not .1, which all six share.
  std::vector<double> game(64, .1);
  std::vector<double> expected;
  for (int player = 0; player < 6; ++player) {
    expected.push_back(.01 * (1 + player) + .1 / 6);
    for (std::size_t set = 0; set < 64; ++set) game[set] += set >> player & 1u ? .01 * (1 + player) : 0;
  }
  game[0] = 0;
  const auto found = estimate_shapley(6, trained_of(game, shapley_design(6, 21)));
  ASSERT_TRUE(found);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(found->values[i], expected[i], 1e-10);
}

TEST(Kriging, IsASumOfTheTrainedWorths) {
  const auto trained = trained_of(kGame, kTrained);
  const auto found = estimate_shapley(4, trained, kProbe);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->weights.size(), 10 * trained.size());
  std::vector<double> expected = found->values;
  for (std::size_t a = 0; a < 4; ++a) {
    for (std::size_t b = a + 1; b < 4; ++b) expected.push_back(found->interactions[a * 4 + b]);
  }
  for (std::size_t row = 0; row < expected.size(); ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < trained.size(); ++i) sum += found->weights[row * trained.size() + i] * trained[i].worth;
    EXPECT_NEAR(sum, expected[row], 1e-12);
  }
}

TEST(Kriging, SaysNothingWherePlayersCannotBeToldApart) {
  EXPECT_FALSE(estimate_shapley(4, trained_of(kGame, {1, 2, 4, 8, 15})));          // fewer than unknowns
  EXPECT_FALSE(estimate_shapley(4, trained_of(kGame, {3, 7, 11, 15, 12, 4, 8})));  // 0 always with 1
  EXPECT_FALSE(estimate_shapley(1, {{1, .5}}));
}

TEST(Kriging, RefusesWhatIsNoDesign) {
  EXPECT_THROW(estimate_shapley(4, {{1, .1}, {1, .2}}), Error);
  EXPECT_THROW(estimate_shapley(4, {{0, .1}}), Error);
  EXPECT_THROW(estimate_shapley(4, {{16, .1}}), Error);
  EXPECT_THROW(estimate_shapley(4, {{1, .1}}, {0, 1}), Error);
}

TEST(ProbeFit, IsLeastSquares) {
  // scipy.stats.linregress on x = .15, .12, .09, .29, y = .20, .15, .10, .40.
  const auto fit = fit_probe({{1, .20}, {2, .15}, {4, .10}, {15, .40}}, kProbe);
  EXPECT_NEAR(fit.slope, 1.4856230031948885, 1e-12);
  EXPECT_NEAR(fit.correlation, 0.999383928169164, 1e-12);
  EXPECT_NEAR(fit.residual_sd, 0.005652334189442205, 1e-12);
}

TEST(Cholesky, GrowsAndShrinks) {
  // A = [[4, 2], [2, 10]]: L = [[2, 0], [1, 3]], determinant 36. Its first row alone: 4.
  Cholesky factor(3);
  const double first[] = {4}, second[] = {2, 10}, dependent[] = {4, 2, 4};
  ASSERT_TRUE(factor.append(first));
  ASSERT_TRUE(factor.append(second));
  EXPECT_FALSE(factor.append(dependent));  // equal to the first
  EXPECT_EQ(factor.size(), 2u);
  EXPECT_NEAR(factor.log_determinant(), std::log(36.), 1e-15);
  double b[] = {8, 22};  // A x for x = (1, 2)
  factor.forward(b, 1);
  factor.backward(b, 1);
  EXPECT_NEAR(b[0], 1, 1e-15);
  EXPECT_NEAR(b[1], 2, 1e-15);
  factor.shrink(1);
  EXPECT_NEAR(factor.log_determinant(), std::log(4.), 1e-15);
}

}  // namespace
}  // namespace medley::sweep
