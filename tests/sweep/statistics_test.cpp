#include "sweep/score/statistics.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

TEST(Statistics, MeanDeviationAndQuantilesAreNumPys) {
  const std::vector<double> x = {3, 1, 4, 1, 5, 9, 2, 6};
  EXPECT_DOUBLE_EQ(mean(x), 31.0 / 8);
  EXPECT_NEAR(sample_sd(x), 2.748376143938713, 1e-15);  // numpy.std(ddof=1)
  EXPECT_EQ(quantile(x, 0.025), 1.0);                   // numpy.percentile(x, 2.5)
  EXPECT_EQ(quantile(x, 0.5), 3.5);
  EXPECT_NEAR(quantile(x, 0.975), 8.475, 1e-12);
  EXPECT_EQ(quantile(x, 0), 1);
  EXPECT_EQ(quantile(x, 1), 9);
}

TEST(Statistics, TooFewValuesAreNotANumber) {
  EXPECT_TRUE(std::isnan(mean({})));
  EXPECT_TRUE(std::isnan(sample_sd({1})));
  EXPECT_THROW(quantile({}, 0.5), Error);
  EXPECT_THROW(quantile({1, NAN}, 0.5), Error);
}

TEST(Statistics, StudentTIsScipys) {
  // scipy.stats.t.cdf and ppf, SciPy 1.10.
  EXPECT_NEAR(student_t_cdf(0.5, 1), 0.6475836176504333, 1e-12);
  EXPECT_NEAR(student_t_cdf(2.0, 4), 0.9419417382415922, 1e-12);
  EXPECT_NEAR(student_t_cdf(-1.3, 24), 0.10297414905105887, 1e-12);
  EXPECT_NEAR(student_t_cdf(5.0, 9), 0.9996305160450983, 1e-12);
  EXPECT_NEAR(student_t_cdf(0.01, 3), 0.503675444293574, 1e-12);
  EXPECT_NEAR(student_t_cdf(40, 2), 0.9996877926639076, 1e-12);
  EXPECT_NEAR(student_t_quantile(.975, 4), 2.7764451051977987, 1e-10);
  EXPECT_NEAR(student_t_quantile(.975, 24), 2.0638985616280205, 1e-10);
  EXPECT_NEAR(student_t_quantile(.95, 1), std::tan(.45 * std::acos(-1.0)), 1e-12);  // Cauchy: tan(pi (p - 1/2))
  EXPECT_NEAR(student_t_quantile(.025, 9), -2.262157162740992, 1e-10);
  EXPECT_NEAR(student_t_quantile(.9995, 2), 31.599054577041514, 1e-8);
}

TEST(Statistics, CorrectedResampledTIsTheFormula) {
  // Ten differences of 5 folds x 2 seeds; se = sd sqrt(1/10 + 1/4), the rest by scipy.stats.t with 9 df.
  const auto c = compare_paired({.012, .031, -.004, .022, .017, .009, .028, -.011, .019, .025}, 5);
  EXPECT_EQ(c.pairs, 10);
  EXPECT_NEAR(c.mean, 0.0148, 1e-15);
  EXPECT_NEAR(c.sd, 0.01364469778990278, 1e-15);
  EXPECT_NEAR(c.standard_error, 0.008072312074134785, 1e-15);
  EXPECT_NEAR(c.t, 1.8334276306564017, 1e-12);
  EXPECT_NEAR(c.p, 0.0999500241270692, 1e-12);
  EXPECT_NEAR(c.interval.low, -0.0034608385783845928, 1e-12);
  EXPECT_NEAR(c.interval.high, 0.0330608385783846, 1e-12);
  // The naive paired t would have called it: t = .0148 / (.01364 / sqrt 10) = 3.43, p = .0075.
}

TEST(Statistics, ClearDifferencesAreCalled) {
  const auto higher = compare_paired({.052, .051, .054, .048, .05}, 5);
  EXPECT_NEAR(higher.t, 34.000000000000014, 1e-9);
  EXPECT_NEAR(higher.p, 4.464112633386921e-06, 1e-15);
  EXPECT_NEAR(compare_paired({-.052, -.051, -.054, -.048, -.05}, 5).t, -34.000000000000014, 1e-9);
  EXPECT_EQ(compare_paired({.25, .25, .25}, 3).p, 0);  // all the same, and not 0
}

TEST(Statistics, NothingIsCalledFromOnePairOrNoDifference) {
  EXPECT_EQ(compare_paired({.5}, 5).p, 1);
  EXPECT_TRUE(std::isnan(compare_paired({.5}, 5).interval.low));
  EXPECT_EQ(compare_paired({0, 0, 0, 0, 0}, 5).p, 1);
  EXPECT_THROW(compare_paired({.1, .2}, 1), Error);
}

TEST(Bootstrap, DrawsGroupsEvenly) {
  constexpr int kGroups = 47;
  constexpr int kResamples = 4000;
  std::vector<double> drawn(kGroups);
  for (int i = 0; i < kResamples; ++i) {
    const auto counts = bootstrap_counts(kGroups, i, 1);
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0), kGroups);
    for (int g = 0; g < kGroups; ++g) drawn[std::size_t(g)] += counts[std::size_t(g)];
  }
  // Each total is binomial: mean 4000, standard deviation sqrt(4000 (1 - 1/47)) = 62.6; five of them.
  for (const double total : drawn) EXPECT_NEAR(total, kResamples, 5 * 62.6);
  EXPECT_EQ(bootstrap_counts(kGroups, 3, 1), bootstrap_counts(kGroups, 3, 1));
  EXPECT_NE(bootstrap_counts(kGroups, 3, 1), bootstrap_counts(kGroups, 3, 2));
  EXPECT_NE(bootstrap_counts(kGroups, 3, 1), bootstrap_counts(kGroups, 4, 1));
}

TEST(AccuracyInterval, IsThatOfTheMatrixDefinitionsOfCr2AndItsDegreesOfFreedom) {
  // Expected from NumPy: e = (I - 1 w') x with cov(x) = diag(1 / w), the form sum w_i^2 e_i^2 / (1 - w_i), degrees of
  // freedom tr(QO)^2 / tr(QOQO) by matrix products, and scipy.stats.t. Clusters differ in size and in share of blends.
  const std::vector<Tally> clusters = {{30, 5, 54, 30}, {41, 9, 60, 35}, {12, 1, 40, 10}, {55, 20, 80, 44}};
  const AccuracyInterval once = accuracy_interval(clusters, 1), more = accuracy_interval(clusters, 1.25);
  EXPECT_NEAR(once.presence.low, 0.343712799170712, 1e-12);
  EXPECT_NEAR(once.presence.high, 0.835774380316467, 1e-12);
  EXPECT_EQ(once.salience.low, 0);  // cut
  EXPECT_NEAR(once.salience.high, 0.608343055145337, 1e-11);
  EXPECT_NEAR(once.score.low, 0.204042078802779, 1e-12);
  EXPECT_NEAR(once.score.high, 0.679819157999635, 1e-12);
  EXPECT_NEAR(more.score.low, 0.175963145596089, 1e-12);
  EXPECT_NEAR(more.score.high, 0.707898091206324, 1e-12);
}

TEST(AccuracyInterval, OfEqualClustersIsStudents) {
  // Scores .2, .3, .4 of one size: the mean of three numbers with SD .1, and t(.975; 2) = 4.302653.
  const std::vector<Tally> clusters = {{4, 0, 10, 0}, {6, 0, 10, 0}, {8, 0, 10, 0}};
  const AccuracyInterval interval = accuracy_interval(clusters, 1);
  EXPECT_NEAR(interval.score.low, .3 - 4.302652729911275 * .1 / std::sqrt(3.0), 1e-9);
  EXPECT_NEAR(interval.score.high, .3 + 4.302652729911275 * .1 / std::sqrt(3.0), 1e-9);
  EXPECT_EQ(interval.salience.high, 0);  // no blends
}

TEST(AccuracyInterval, HasNoWidthWhereClustersAreEqualAndAllOfItWhereOneHasAllClips) {
  const AccuracyInterval equal = accuracy_interval(std::vector<Tally>(8, Tally{3, 1, 10, 4}), 1.25);
  EXPECT_DOUBLE_EQ(equal.presence.low, 0.3);
  EXPECT_DOUBLE_EQ(equal.presence.high, 0.3);
  EXPECT_DOUBLE_EQ(equal.salience.low, 0.25);
  EXPECT_DOUBLE_EQ(equal.score.high, 0.275);
  const AccuracyInterval one = accuracy_interval({{3, 1, 10, 4}, {5, 0, 10, 0}}, 1);
  EXPECT_EQ(one.salience.low, 0);
  EXPECT_EQ(one.salience.high, 1);
  EXPECT_LT(one.presence.high, 1.1);
  EXPECT_THROW(accuracy_interval({Tally{}}, 1), Error);
}

TEST(Tally, CountsAsTheMetricDoes) {
  Tally tally;
  tally.add({0, -1, 100}, {0, -1, 100});
  tally.add({0, 1, 70}, {0, 1, 30});
  tally.add({0, 1, 50}, {0, 1, 50});
  tally.add({2, 3, 50}, {2, -1, 100});
  EXPECT_EQ(tally.accuracy().presence, 0.75);
  EXPECT_EQ(tally.accuracy().salience, 0.5);
}

}  // namespace
}  // namespace medley::sweep
