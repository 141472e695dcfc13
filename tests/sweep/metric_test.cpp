#include "sweep/score/metric.h"

#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

constexpr int kAng = 0, kDisg = 1, kHap = 3, kSad = 4, kNeu = 5;

/// Decodes six probabilities with the neutral class exclusive.
Label decoded(std::vector<double> p, double alpha, double beta, Classes classes = Classes::blemore()) {
  return decode(p.data(), classes, Thresholds{alpha, beta});
}

Label single(int emotion) { return {emotion, -1, 100}; }

std::vector<Label> all_labels() {
  std::vector<Label> labels;
  for (int a = 0; a < 6; ++a) {
    labels.push_back(single(a));
    for (int b = a + 1; b < 6; ++b) {
      for (int salience : {30, 50, 70}) labels.push_back(make_blend(a, b, salience));
    }
  }
  return labels;
}

TEST(Metric, GridIsNumpyLinspace) {
  // numpy.linspace(.05, .95, 20), printed by NumPy with enough digits to read back the same.
  const std::vector<double> numpy = {0.05,
                                     0.09736842105263158,
                                     0.14473684210526316,
                                     0.19210526315789472,
                                     0.23947368421052628,
                                     0.28684210526315784,
                                     0.33421052631578946,
                                     0.381578947368421,
                                     0.4289473684210526,
                                     0.47631578947368414,
                                     0.5236842105263158,
                                     0.5710526315789474,
                                     0.618421052631579,
                                     0.6657894736842105,
                                     0.7131578947368421,
                                     0.7605263157894736,
                                     0.8078947368421052,
                                     0.8552631578947368,
                                     0.9026315789473683,
                                     0.95};
  EXPECT_EQ(std::vector<double>(threshold_grid().begin(), threshold_grid().end()), numpy);
}

TEST(Metric, LargestBelowAlphaIsSingle) { EXPECT_EQ(decoded({.2, .3, .1, .1, .1, .2}, .5, .1), single(kDisg)); }

TEST(Metric, SecondBelowAlphaIsSingle) { EXPECT_EQ(decoded({.6, .3, .1, 0, 0, 0}, .5, .9), single(kAng)); }

TEST(Metric, AlphaItselfIsPresent) { EXPECT_EQ(decoded({.5, .5, 0, 0, 0, 0}, .5, .1), make_blend(kAng, kDisg, 50)); }

TEST(Metric, BetaItselfIsEven) {
  EXPECT_EQ(decoded({.75, .25, 0, 0, 0, 0}, .05, .5), make_blend(kAng, kDisg, 50));
  EXPECT_EQ(decoded({.75, .25, 0, 0, 0, 0}, .05, .499), make_blend(kAng, kDisg, 70));
  EXPECT_EQ(decoded({.25, .75, 0, 0, 0, 0}, .05, .499), make_blend(kAng, kDisg, 30));
}

TEST(Metric, TiesKeepTheLowerClasses) {
  EXPECT_EQ(decoded({.25, .25, .25, .25, 0, 0}, .1, .1), make_blend(kAng, kDisg, 50));
  EXPECT_EQ(decoded({.1, .1, .1, .4, .15, .15}, .15, .1), make_blend(kHap, kSad, 70));
}

TEST(Metric, EmotionWinsATieWithNeutral) {
  EXPECT_EQ(decoded({0, 0, 0, .5, 0, .5}, .1, .1), single(kHap));
  EXPECT_EQ(decoded({0, 0, 0, .4, 0, .6}, .1, .9), single(kNeu));
  // Also where the exclusive class comes first in class order.
  Classes first{{"neu", "ang"}, {true, false}};
  EXPECT_EQ(decoded({.5, .5}, .1, .1, first), single(1));
  EXPECT_EQ(decoded({.5, .5}, .6, .1, first), single(0));
}

TEST(Metric, NeutralBlendsWhereTheDatasetSaysSo) {
  EXPECT_EQ(decoded({0, 0, 0, .4, 0, .6}, .1, .1, Classes::blemore(Classes::Neutral::kMayBlend)),
            make_blend(kHap, kNeu, 30));
}

TEST(Metric, ZeroIsAbsentEvenAtAlphaZero) { EXPECT_EQ(decoded({1, 0, 0, 0, 0, 0}, 0, 1), single(kAng)); }

TEST(Metric, AccuracyCountsSetsOverClipsAndSaliencesOverBlends) {
  const std::vector<Label> truth = {single(0), make_blend(0, 1, 30), make_blend(0, 1, 50), single(2)};
  const std::vector<Label> said = {single(0), make_blend(0, 1, 70), make_blend(0, 1, 50), make_blend(2, 3, 50)};
  const Accuracy a = accuracy(said, truth);
  EXPECT_EQ(a.presence, 3.0 / 4);
  EXPECT_EQ(a.salience, 1.0 / 2);
  EXPECT_EQ(a.score(), 0.625);
  EXPECT_EQ(accuracy({single(0)}, {single(0)}).salience, 0.0);
  EXPECT_THROW(accuracy({}, truth), Error);
}

/// The surface by its definition: decode() and accuracy() at every cell.
void expect_surface_of_decodes(const std::vector<double>& p, const std::vector<Label>& truth, const Classes& classes,
                               const ThresholdGrid& searched = {}) {
  const ProbabilityView view{p.data(), static_cast<int>(truth.size()), classes.count()};
  const ThresholdSurface surface = threshold_surface(view, truth, classes, searched);
  const auto grid = searched.values();
  double best = -1;
  std::pair<int, int> best_cell;
  for (int a = 0; a < kGridSize; ++a) {
    for (int b = 0; b < kGridSize; ++b) {
      std::vector<Label> said;
      for (int clip = 0; clip < view.clips; ++clip) {
        said.push_back(decode(view.row(clip), classes, Thresholds{grid[std::size_t(a)], grid[std::size_t(b)]}));
      }
      const Accuracy expected = accuracy(said, truth);
      ASSERT_EQ(surface.at(a, b).presence, expected.presence) << "cell " << a << ", " << b;
      ASSERT_EQ(surface.at(a, b).salience, expected.salience) << "cell " << a << ", " << b;
      if (expected.score() > best) {
        best = expected.score();
        best_cell = {a, b};
      }
    }
  }
  EXPECT_EQ(surface.best().alpha_index, best_cell.first);
  EXPECT_EQ(surface.best().beta_index, best_cell.second);
  EXPECT_EQ(surface.best().accuracy.score(), best);
}

TEST(Metric, SurfaceIsDecodeAtEveryCell) {
  std::mt19937 random(7);
  const auto labels = all_labels();
  for (const auto neutral : {Classes::Neutral::kExclusive, Classes::Neutral::kMayBlend}) {
    const Classes classes = Classes::blemore(neutral);
    for (const double concentration : {0.05, 0.3, 1.0, 5.0}) {
      std::gamma_distribution<double> gamma(concentration);
      std::vector<double> p;
      std::vector<Label> truth;
      for (int clip = 0; clip < 60; ++clip) {
        double total = 1e-300;
        for (int c = 0; c < 6; ++c) total += p.emplace_back(gamma(random));
        for (std::size_t c = p.size() - 6; c < p.size(); ++c) p[c] /= total;
        truth.push_back(labels[random() % labels.size()]);
      }
      expect_surface_of_decodes(p, truth, classes);
      expect_surface_of_decodes(p, truth, classes, {0.005, kGridSize});
      expect_surface_of_decodes(p, truth, classes, {0.2, 7});
    }
  }
}

TEST(Metric, AGridHasItsPointsEvenlySpaced) {
  EXPECT_EQ(ThresholdGrid{}.values(), threshold_grid());
  const auto four = ThresholdGrid{0.05, 4}.values();
  EXPECT_NEAR(four[0], .05, 1e-15);
  EXPECT_NEAR(four[1], .35, 1e-15);
  EXPECT_NEAR(four[2], .65, 1e-15);
  for (std::size_t i = 3; i < four.size(); ++i) EXPECT_EQ(four[i], .95);
}

TEST(Metric, SurfaceIsDecodeOnGridValuesTiesAndZeros) {
  // Probabilities and differences that lie exactly on the grid, tie, vanish or are not numbers.
  std::mt19937 random(11);
  const auto labels = all_labels();
  const auto& grid = threshold_grid();
  std::vector<double> p;
  std::vector<Label> truth;
  for (int clip = 0; clip < 300; ++clip) {
    for (int c = 0; c < 6; ++c) {
      const auto kind = random() % 8;
      const double on_grid = grid[random() % kGridSize];
      p.push_back(kind == 0                     ? 0.0
                  : kind == 1                   ? 0.5
                  : kind == 2                   ? std::nextafter(on_grid, 0)
                  : kind == 3                   ? on_grid + grid[0]
                  : kind == 4 && clip % 10 == 0 ? std::numeric_limits<double>::quiet_NaN()
                                                : on_grid);
    }
    truth.push_back(labels[random() % labels.size()]);
  }
  expect_surface_of_decodes(p, truth, Classes::blemore());
}

TEST(Metric, SurfacesOfDisjointClipsAddUp) {
  std::mt19937 random(3);
  std::gamma_distribution<double> gamma(0.5);
  const auto labels = all_labels();
  std::vector<double> p(100 * 6);
  for (double& value : p) value = gamma(random) / 3;
  std::vector<Label> truth;
  for (int i = 0; i < 100; ++i) truth.push_back(labels[random() % labels.size()]);
  const Classes classes = Classes::blemore();
  const auto part = [&](int from, int to) {
    return threshold_surface({p.data() + from * 6, to - from, 6}, {truth.begin() + from, truth.begin() + to}, classes);
  };
  ThresholdSurface sum = part(0, 37);
  sum += part(37, 100);
  const ThresholdSurface whole = part(0, 100);
  EXPECT_EQ(sum.presence_hits, whole.presence_hits);
  EXPECT_EQ(sum.salience_hits, whole.salience_hits);
  EXPECT_EQ(sum.clips, 100);
  EXPECT_EQ(sum.blends, whole.blends);
  sum -= part(0, 37);
  EXPECT_EQ(sum.presence_hits, part(37, 100).presence_hits);
}

TEST(Metric, BestIsTheFirstCellOnTies) {
  ThresholdSurface surface;
  surface.clips = 10;
  surface.blends = 5;
  surface.presence_hits[3 * kGridSize + 7] = 4;
  surface.presence_hits[3 * kGridSize + 2] = 2;
  surface.salience_hits[3 * kGridSize + 2] = 1;  // 2/10 + 1/5 = 4/10
  surface.salience_hits[19 * kGridSize] = 1;
  const auto best = surface.best();
  EXPECT_EQ(best.alpha_index, 3);
  EXPECT_EQ(best.beta_index, 2);
  EXPECT_EQ(best.thresholds.alpha, threshold_grid()[3]);
  EXPECT_EQ(best.thresholds.beta, threshold_grid()[2]);
  EXPECT_EQ(best.presence_only, 0.4);
  EXPECT_EQ(best.salience_only, 0.2);
}

TEST(Metric, EmptySurfaceScoresZero) {
  const auto best = ThresholdSurface().best();
  EXPECT_EQ(best.accuracy.score(), 0);
  EXPECT_EQ(best.alpha_index, 0);
}

TEST(Metric, SizesThatDifferAreErrors) {
  const std::vector<double> p(12, 0.1);
  EXPECT_THROW(threshold_surface({p.data(), 2, 6}, {single(0)}, Classes::blemore()), Error);
  EXPECT_THROW(threshold_surface({p.data(), 4, 3}, std::vector<Label>(4), Classes::blemore()), Error);
}

}  // namespace
}  // namespace medley::sweep
