#include "sweep/score/ensemble.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "sweep/error.h"
#include "tests/sweep/noisy_truth.h"

namespace medley::sweep {
namespace {

/// Clips with random labels; candidate m says the truth with logit strength[m] under its own noise.
OutOfFold rows_with(const std::vector<double>& strength, int clips, unsigned seed, int folds = 5) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  OutOfFold rows;
  rows.classes = Classes::blemore();
  for (int i = 0; i < clips; ++i) {
    const int a = int(random() % 6);
    const int b = int(random() % 5);
    rows.truth.push_back(a != b && a != 5 && i % 2 ? make_blend(a, b, 30 + 20 * int(random() % 3)) : Label{a, -1, 100});
    rows.actor.push_back(i / 10);
    rows.fold.push_back(i / 10 % folds);
  }
  for (const double s : strength) {
    rows.candidates.push_back(noisy_truth(rows.truth, s, random, normal));
  }
  return rows;
}

std::vector<int> all_clips(const OutOfFold& rows) {
  std::vector<int> clips(rows.truth.size());
  std::iota(clips.begin(), clips.end(), 0);
  return clips;
}

/// Mean log loss of the mix, and what Kuhn and Tucker ask of its minimum on the simplex, from their definitions.
double log_loss_of(const OutOfFold& rows, const std::vector<double>& weights, Mix mix) {
  const auto p = mix_candidates(rows, weights, all_clips(rows), mix);
  double loss = 0;
  for (std::size_t i = 0; i < rows.truth.size(); ++i) {
    const Label& label = rows.truth[i];
    loss -= label.salience / 100.0 * std::log(p[i * 6 + std::size_t(label.first)]);
    if (label.is_blend()) loss -= (1 - label.salience / 100.0) * std::log(p[i * 6 + std::size_t(label.second)]);
  }
  return loss / double(rows.truth.size());
}

/// dF/dw_m. Arithmetic: -mean_i sum_c y_ic p_mic / mix_ic. Geometric: mean_i sum_c (mix_ic - y_ic) log p_mic.
std::vector<double> gradient_of(const OutOfFold& rows, const std::vector<double>& weights, Mix mix) {
  const auto mixed = mix_candidates(rows, weights, all_clips(rows), mix);
  std::vector<double> gradient;
  for (const auto& p : rows.candidates) {
    double sum = 0;
    for (std::size_t i = 0; i < rows.truth.size(); ++i) {
      const Label& label = rows.truth[i];
      for (int c = 0; c < 6; ++c) {
        const std::size_t at = i * 6 + std::size_t(c);
        const double y = c == label.first ? label.salience / 100.0 : c == label.second ? 1 - label.salience / 100.0 : 0;
        sum += mix == Mix::kArithmetic ? -y * p[at] / mixed[at] : (mixed[at] - y) * std::log(std::max(1e-12, p[at]));
      }
    }
    gradient.push_back(sum / double(rows.truth.size()));
  }
  return gradient;
}

void expect_optimal(const OutOfFold& rows, const std::vector<double>& weights, Mix mix) {
  EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1, 1e-12);
  const auto gradient = gradient_of(rows, weights, mix);
  double low = INFINITY, high = -INFINITY;
  for (std::size_t m = 0; m < weights.size(); ++m) {
    EXPECT_GE(weights[m], 0);
    if (weights[m] == 0) continue;
    low = std::min(low, gradient[m]);
    high = std::max(high, gradient[m]);
  }
  EXPECT_LE(high - low, 1e-10) << name_of(mix);
  for (std::size_t m = 0; m < weights.size(); ++m) EXPECT_GE(gradient[m], high - 2e-10) << name_of(mix) << " " << m;
}

constexpr Mix kMixes[] = {Mix::kArithmetic, Mix::kGeometric};

TEST(Ensemble, SimplexWeightsMeetTheOptimalityConditions) {
  for (const Mix mix : kMixes) {
    for (unsigned seed = 0; seed < 10; ++seed) {
      const auto rows = rows_with({3, 2.5, 2.5, 2.4, 2, 1, 0, 0, -1}, 100 + 50 * int(seed), seed);
      expect_optimal(rows, fit_simplex(rows, all_clips(rows), {0, 1, 2, 3, 4, 5, 6, 7, 8}, mix), mix);
    }
  }
}

TEST(Ensemble, SimplexWeightsAreThoseOfSciPy) {
  // p_mic proportional to exp(s_m y_ic + 1.5 sin((m + 1) (12.9898 (i + 1) + 7.8233 (c + 1)))) for the labels below.
  // Expected: scipy.optimize.minimize (SLSQP, ftol 1e-18), and 100,000 steps of EM or of exponentiated gradients, in
  // double precision with NumPy 1.24.2 and SciPy 1.10.1. They agree to 1e-9 and 1e-12. The loss is theirs, too.
  OutOfFold rows;
  rows.classes = Classes::blemore();
  for (int i = 0; i < 60; ++i) {
    const int a = i % 5, b = (i + 1 + i / 5 % 4) % 5;
    rows.truth.push_back(i % 3 == 0 ? Label{i % 6, -1, 100} : make_blend(a, b, 30 + 20 * (i % 3)));
  }
  const double strength[] = {1.4, 1.2, 1.1, 1, -1};
  for (int m = 0; m < 5; ++m) {
    std::vector<double>& p = rows.candidates.emplace_back();
    for (int i = 0; i < 60; ++i) {
      const Label& label = rows.truth[std::size_t(i)];
      double row[6], total = 0;
      for (int c = 0; c < 6; ++c) {
        const double y = c == label.first ? label.salience / 100.0 : c == label.second ? 1 - label.salience / 100.0 : 0;
        total += row[c] = std::exp(strength[m] * y + 1.5 * std::sin((m + 1) * (12.9898 * (i + 1) + 7.8233 * (c + 1))));
      }
      for (const double value : row) p.push_back(value / total);
    }
  }
  const struct {
    Mix mix;
    double loss;
    std::vector<double> weights;
  } expected[] = {{Mix::kArithmetic, 1.3269520029258364, {0.165263727796, 0.199653219826, 0, 0.635083052378, 0}},
                  {Mix::kGeometric, 1.306806433772152, {0.198343260604, 0.181536838755, 0, 0.620119900641, 0}}};
  for (const auto& [mix, loss, weights] : expected) {
    const auto fitted = fit_simplex(rows, all_clips(rows), {0, 1, 2, 3, 4}, mix);
    for (std::size_t m = 0; m < 5; ++m) EXPECT_NEAR(fitted[m], weights[m], 1e-9) << name_of(mix) << " " << m;
    EXPECT_NEAR(log_loss_of(rows, fitted, mix), loss, 1e-13);
  }
}

TEST(Ensemble, EqualAndDependentCandidatesShareNothing) {
  // The Hessian is singular. Of equal candidates the first has the weight; the loss is the one without the others.
  for (const Mix mix : kMixes) {
    auto rows = rows_with({2, 1.9, 1.8}, 300, 21);
    const auto alone = fit_simplex(rows, all_clips(rows), {0, 1, 2}, mix);
    for (std::size_t m = 0; m < 3; ++m) ASSERT_GT(alone[m], 0.01);
    for (int m = 0; m < 3; ++m) rows.candidates.push_back(rows.candidates[std::size_t(m)]);
    rows.candidates.push_back(mix_candidates(rows, {.3, .7, 0}, all_clips(rows), mix));
    rows.candidates.push_back(rows.candidates.back());
    std::vector<int> all(rows.candidates.size());
    std::iota(all.begin(), all.end(), 0);
    const auto weights = fit_simplex(rows, all_clips(rows), all, mix);
    expect_optimal(rows, weights, mix);
    EXPECT_NEAR(log_loss_of(rows, weights, mix), log_loss_of(rows, alone, mix), 1e-12);
    EXPECT_EQ(weights[3] + weights[4] + weights[5] + weights[7], 0);
    EXPECT_EQ(weights, fit_simplex(rows, all_clips(rows), all, mix));
    rows.candidates.assign(4, rows.candidates[0]);
    EXPECT_EQ(fit_simplex(rows, all_clips(rows), {2, 1, 3}, mix), (std::vector<double>{0, 0, 1, 0}));
  }
}

TEST(Ensemble, SimplexWeightsOfCandidatesWithZerosMeetTheConditions) {
  // Each candidate is sure of one class, and wrong on some clips. Its zeros count as 1e-12.
  for (const Mix mix : kMixes) {
    auto rows = rows_with({0, 0, 0}, 90, 22);
    for (std::size_t m = 0; m < 3; ++m) {
      for (std::size_t i = 0; i < 90; ++i) {
        const int said = i % 9 < m + 1 ? (rows.truth[i].first + 1) % 6 : rows.truth[i].first;
        for (std::size_t c = 0; c < 6; ++c) rows.candidates[m][i * 6 + c] = int(c) == said;
      }
    }
    const auto weights = fit_simplex(rows, all_clips(rows), {0, 1, 2}, mix);
    for (const double weight : weights) EXPECT_TRUE(std::isfinite(weight));
    if (mix == Mix::kGeometric) expect_optimal(rows, weights, mix);
  }
}

TEST(Ensemble, AGeometricMixIsTheNormalisedProductOfPowers) {
  OutOfFold rows;
  rows.classes = Classes::blemore();
  rows.truth = {{0, -1, 100}, {1, -1, 100}};
  rows.candidates = {{.5, .1, .1, .1, .1, .1, .2, .4, .1, .1, .1, .1}, {.2, .4, .1, .1, .1, .1, 0, 1, 0, 0, 0, 0}};
  const auto p = mix_candidates(rows, {.25, .75}, {0, 1}, Mix::kGeometric);
  for (std::size_t i = 0; i < 2; ++i) {
    double total = 0;
    std::vector<double> expected;
    for (std::size_t c = 0; c < 6; ++c) {
      const auto power = [&](std::size_t m, double w) {
        return std::pow(std::max(1e-12, rows.candidates[m][i * 6 + c]), w);
      };
      total += expected.emplace_back(power(0, .25) * power(1, .75));
    }
    for (std::size_t c = 0; c < 6; ++c) EXPECT_NEAR(p[i * 6 + c], expected[c] / total, 1e-14) << i << " " << c;
  }
  // A mix of mixes is the mix of all: (a^.5 b^.5)^.6 c^.4, whatever the rows were normalised by.
  const auto three = rows_with({1, 1, 1}, 20, 23);
  auto two = three;
  two.candidates = {mix_candidates(three, {.5, .5, 0}, all_clips(three), Mix::kGeometric), three.candidates[2]};
  const auto whole = mix_candidates(three, {.3, .3, .4}, all_clips(three), Mix::kGeometric);
  const auto nested = mix_candidates(two, {.6, .4}, all_clips(two), Mix::kGeometric);
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(nested[i], whole[i], 1e-14);
}

TEST(Ensemble, SimplexOfTwoIsTheMinimumOnALine) {
  const auto rows = rows_with({2, 2}, 200, 3);
  const auto weights = fit_simplex(rows, all_clips(rows), {0, 1}, Mix::kArithmetic);
  double best = 1e9;
  double best_w = 0;
  for (int i = 0; i <= 1000; ++i) {
    const double loss = log_loss_of(rows, {i / 1000.0, 1 - i / 1000.0}, Mix::kArithmetic);
    if (loss < best) {
      best = loss;
      best_w = i / 1000.0;
    }
  }
  EXPECT_NEAR(weights[0], best_w, 1e-3);
  EXPECT_LE(log_loss_of(rows, weights, Mix::kArithmetic), best);
}

/// Candidate m gives .8 to a class of kind m and .2 to those of other kinds (the rest of a row does not matter: no
/// label names it). With q_m the share of labels of kind m, the loss is -sum_m q_m log(.2 + .6 w_m). The conditions of
/// Kuhn and Tucker by hand ("water-filling") give w_m = q_m (1 + n/3) / Q - 1/3 for the n candidates that stay above 0,
/// Q their sum of q.
OutOfFold kinds(const std::vector<Label>& truth, const std::vector<int>& kind_of_class, int candidates) {
  OutOfFold rows;
  rows.classes = Classes::blemore();
  rows.truth = truth;
  for (std::size_t i = 0; i < truth.size(); ++i) rows.fold.push_back(int(i % 2));
  for (int m = 0; m < candidates; ++m) {
    std::vector<double> p;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      for (const int kind : kind_of_class) p.push_back(kind == m ? .8 : .2);
    }
    rows.candidates.push_back(p);
  }
  return rows;
}

TEST(Ensemble, SimplexWeightsAreThoseSolvedByHand) {
  const Label first{0, -1, 100}, second{1, -1, 100}, third{2, -1, 100};
  const std::vector<int> kind_of_class = {0, 1, 2, -1, -1, -1};
  const auto expect = [&](const std::vector<Label>& truth, int candidates, const std::vector<double>& expected) {
    const auto rows = kinds(truth, kind_of_class, candidates);
    std::vector<int> all(static_cast<std::size_t>(candidates));
    std::iota(all.begin(), all.end(), 0);
    const auto weights = fit_simplex(rows, all_clips(rows), all, Mix::kArithmetic);
    for (std::size_t m = 0; m < expected.size(); ++m) EXPECT_NEAR(weights[m], expected[m], 1e-10) << m;
  };
  const auto times = [](int a, int b, int c, const Label& x, const Label& y, const Label& z) {
    std::vector<Label> labels(std::size_t(a), x);
    labels.insert(labels.end(), std::size_t(b), y);
    labels.insert(labels.end(), std::size_t(c), z);
    return labels;
  };
  // q = .5, .3, .2: all stay, w = 2 q - 1/3.
  expect(times(5, 3, 2, first, second, third), 3, {2. / 3, 4. / 15, 1. / 15});
  // q = .6, .3, .1: the third falls out, w = 5/3 q / .9 - 1/3.
  expect(times(6, 3, 1, first, second, third), 3, {7. / 9, 2. / 9, 0});
  // Soft labels: blends of 70 % first and 30 % second are q = .7, .3.
  expect(std::vector<Label>(10, make_blend(0, 1, 70)), 2, {5. / 6, 1. / 6});
}

TEST(Ensemble, OnlyTheShortlistMayBeAMember) {
  const auto rows = rows_with({4, 3, 2, 1}, 300, 12);
  std::vector<std::vector<int>> asked;
  const Shortlist shortlist = [&](const std::vector<int>& folds) {
    asked.push_back(folds);
    return folds.size() == 5 ? std::vector<int>{3, 1} : std::vector<int>{2, 3};
  };
  for (const auto method : {EnsembleMethod::kMean, EnsembleMethod::kSimplex, EnsembleMethod::kCaruana}) {
    EnsembleOptions options;
    options.method = method;
    asked.clear();
    const auto ensemble = fit_ensemble(rows, options, shortlist);
    EXPECT_EQ(asked, (std::vector<std::vector<int>>{
                         {0, 1, 2, 3, 4}, {1, 2, 3, 4}, {0, 2, 3, 4}, {0, 1, 3, 4}, {0, 1, 2, 4}, {0, 1, 2, 3}}));
    EXPECT_EQ(ensemble.fitted.weights[0] + ensemble.fitted.weights[2], 0);
    EXPECT_NEAR(ensemble.fitted.weights[1] + ensemble.fitted.weights[3], 1, 1e-12);
    for (const auto& fold : ensemble.folds) {
      EXPECT_EQ(fold.fitted.weights[0] + fold.fitted.weights[1], 0);
      EXPECT_NEAR(fold.fitted.weights[2] + fold.fitted.weights[3], 1, 1e-12);
    }
  }
  EXPECT_THROW(fit_ensemble(rows, {}, [](const auto&) { return std::vector<int>(); }), Error);
}

TEST(Ensemble, MeanTakesTheBestByScore) {
  EnsembleOptions options;
  options.method = EnsembleMethod::kMean;
  options.k = 2;
  const auto ensemble = fit_ensemble(rows_with({0, 5, 0, 6, 1}, 400, 4), options);
  EXPECT_EQ(ensemble.fitted.weights, (std::vector<double>{0, .5, 0, .5, 0}));
  EXPECT_EQ(ensemble.folds.size(), 5u);
  for (const auto& fold : ensemble.folds) EXPECT_EQ(fold.fitted.weights, ensemble.fitted.weights);
}

TEST(Ensemble, CaruanaBeatsItsBestMember) {
  const auto rows = rows_with({3, 3, 3, 3, 0}, 600, 5);
  EnsembleOptions options;
  options.method = EnsembleMethod::kCaruana;
  const auto ensemble = fit_ensemble(rows, options);
  double best_single = 0;
  for (const auto& p : rows.candidates) {
    const auto surface = threshold_surface({p.data(), rows.clips(), 6}, rows.truth, rows.classes);
    best_single = std::max(best_single, surface.best().accuracy.score());
  }
  EXPECT_GT(ensemble.optimistic.score(), best_single);
  EXPECT_NEAR(std::accumulate(ensemble.fitted.weights.begin(), ensemble.fitted.weights.end(), 0.0), 1, 1e-12);
  EXPECT_LT(ensemble.fitted.weights[4], 0.05);  // the one that knows nothing
}

TEST(Ensemble, OneGreedyBagIsCaruanasAlgorithm) {
  // Two candidates make one bag with both. Three rounds of the algorithm, written out with the official Score, for
  // every seed in which no two choices tie.
  EnsembleOptions options;
  options.method = EnsembleMethod::kCaruana;
  options.rounds = 3;
  int compared = 0;
  for (unsigned seed = 0; seed < 80; ++seed) {
    const Mix mix = options.mix = kMixes[seed % 2];
    const auto rows = rows_with({1.5, 1.5}, 120, seed / 2);
    const auto score = [&](double w) {
      const auto p = mix_candidates(rows, {w, 1 - w}, all_clips(rows), mix);
      return threshold_surface({p.data(), rows.clips(), 6}, rows.truth, rows.classes).best().accuracy.score();
    };
    // After round 1: w in {0, 1}; then one of the two is added; the best prefix is kept.
    bool tie = score(1) == score(0);
    double sum = score(1) > score(0);
    double best_w = sum;
    for (int round = 2; round <= 3; ++round) {
      const double with = score((sum + 1) / round);
      const double without = score(sum / round);
      tie = tie || with == without || std::max(with, without) == score(best_w);
      sum += with > without;
      if (score(sum / round) > score(best_w)) best_w = sum / round;
    }
    if (tie) continue;
    ++compared;
    EXPECT_NEAR(fit_ensemble(rows, options).fitted.weights[0], best_w, 1e-12) << "seed " << seed;
  }
  EXPECT_GT(compared, 10);
}

/// Pools, by the definition of nesting, what the fold's own fit on the other folds says of the fold.
TEST(Ensemble, NestedEstimateIsFittedOnTheOtherFolds) {
  const auto rows = rows_with({2, 1.5, 1}, 300, 7);
  for (const auto& [mix, thresholds] : {std::pair(Mix::kArithmetic, EnsembleThresholds::kPooled),
                                        std::pair(Mix::kArithmetic, EnsembleThresholds::kPerFold),
                                        std::pair(Mix::kGeometric, EnsembleThresholds::kPooled)}) {
    EnsembleOptions options;
    options.method = EnsembleMethod::kSimplex;
    options.mix = mix;
    options.thresholds = thresholds;
    const auto ensemble = fit_ensemble(rows, options);
    Tally pooled;
    std::map<int, Tally> of_actor;
    for (int fold = 0; fold < 5; ++fold) {
      std::vector<int> others;
      std::vector<int> held;
      for (int clip = 0; clip < rows.clips(); ++clip)
        (rows.fold[std::size_t(clip)] == fold ? held : others).push_back(clip);
      const auto weights = fit_simplex(rows, others, {0, 1, 2}, mix);
      for (std::size_t m = 0; m < 3; ++m)
        EXPECT_NEAR(ensemble.folds[std::size_t(fold)].fitted.weights[m], weights[m], 1e-5);
      ThresholdSurface sum;
      Thresholds mean_of_folds;
      for (int other = 0; other < 5; ++other) {
        if (other == fold) continue;
        std::vector<int> clips;
        std::vector<Label> truth;
        for (const int clip : others) {
          if (rows.fold[std::size_t(clip)] != other) continue;
          clips.push_back(clip);
          truth.push_back(rows.truth[std::size_t(clip)]);
        }
        const auto p = mix_candidates(rows, ensemble.folds[std::size_t(fold)].fitted.weights, clips, mix);
        const auto surface = threshold_surface({p.data(), int(clips.size()), 6}, truth, rows.classes);
        sum += surface;
        mean_of_folds.alpha += surface.best().thresholds.alpha / 4;
        mean_of_folds.beta += surface.best().thresholds.beta / 4;
      }
      const Thresholds used = thresholds == EnsembleThresholds::kPooled ? sum.best().thresholds : mean_of_folds;
      EXPECT_NEAR(ensemble.folds[std::size_t(fold)].fitted.thresholds.alpha, used.alpha, 1e-12);
      EXPECT_NEAR(ensemble.folds[std::size_t(fold)].fitted.thresholds.beta, used.beta, 1e-12);
      const auto p = mix_candidates(rows, ensemble.folds[std::size_t(fold)].fitted.weights, held, mix);
      for (std::size_t i = 0; i < held.size(); ++i) {
        const auto clip = std::size_t(held[i]);
        pooled.add(decode(&p[i * 6], rows.classes, used), rows.truth[clip]);
        of_actor[rows.actor[clip]].add(decode(&p[i * 6], rows.classes, used), rows.truth[clip]);
      }
    }
    EXPECT_EQ(ensemble.nested.presence, pooled.accuracy().presence);
    EXPECT_EQ(ensemble.nested.salience, pooled.accuracy().salience);
    std::vector<Tally> actors;
    for (const auto& [actor, tally] : of_actor) actors.push_back(tally);
    EXPECT_EQ(ensemble.clusters, Clusters::kActors);
    EXPECT_EQ(ensemble.nested_interval.score.low, accuracy_interval(actors, 1.3).score.low);
    EXPECT_EQ(ensemble.nested_interval.score.high, accuracy_interval(actors, 1.3).score.high);
  }
}

TEST(Ensemble, WithoutTwoActorsTheIntervalGoesByFolds) {
  auto rows = rows_with({2, 1}, 200, 13);
  EnsembleOptions options;
  options.method = EnsembleMethod::kMean;
  options.k = 1;
  rows.actor = rows.fold;
  const auto by_actors = fit_ensemble(rows, options);  // an actor a fold
  EXPECT_EQ(by_actors.clusters, Clusters::kActors);
  rows.actor.assign(rows.truth.size(), 0);
  const auto one_actor = fit_ensemble(rows, options);
  rows.actor.clear();
  const auto unknown = fit_ensemble(rows, options);
  for (const Ensemble& ensemble : {one_actor, unknown}) {
    EXPECT_EQ(ensemble.clusters, Clusters::kFolds);
    EXPECT_EQ(ensemble.nested_interval.score.low, by_actors.nested_interval.score.low);
    EXPECT_EQ(ensemble.nested_interval.score.high, by_actors.nested_interval.score.high);
  }
}

TEST(Ensemble, LabelsOfAFoldDoNotTouchItsOwnFit) {
  // Scramble the labels of fold 2: what is fitted for fold 2 stays the same to the bit; for the others it changes.
  auto rows = rows_with({2, 1.5, 1, .5}, 300, 8);
  EnsembleOptions options;
  options.bags = 3;
  options.rounds = 5;
  for (const auto method : {EnsembleMethod::kMean, EnsembleMethod::kSimplex, EnsembleMethod::kCaruana}) {
    options.method = method;
    auto scrambled = rows;
    for (std::size_t i = 0; i < rows.truth.size(); ++i) {
      if (rows.fold[i] == 2) scrambled.truth[i] = {int(i) % 5, -1, 100};
    }
    const auto a = fit_ensemble(rows, options);
    const auto b = fit_ensemble(scrambled, options);
    EXPECT_EQ(a.folds[2].fitted.weights, b.folds[2].fitted.weights);
    EXPECT_EQ(a.folds[2].fitted.thresholds.alpha, b.folds[2].fitted.thresholds.alpha);
    EXPECT_EQ(a.folds[2].fitted.thresholds.beta, b.folds[2].fitted.thresholds.beta);
    if (method != EnsembleMethod::kSimplex) continue;
    EXPECT_NE(a.folds[1].fitted.weights, b.folds[1].fitted.weights);
  }
}

TEST(Ensemble, NoiseLooksBetterThanItIsButNotNested) {
  // Twenty candidates that know nothing: chosen on the rows that they are scored on they seem to; nested they do not.
  const auto rows = rows_with(std::vector<double>(20, 0.0), 400, 9);
  EnsembleOptions options;
  options.method = EnsembleMethod::kCaruana;
  const auto ensemble = fit_ensemble(rows, options);
  EXPECT_GT(ensemble.optimistic.score(), ensemble.nested.score() + 0.01);
}

TEST(Ensemble, SameInputSameBits) {
  const auto rows = rows_with({2, 1, 1, 1, 0, 0}, 200, 10);
  EnsembleOptions options;
  EXPECT_EQ(fit_ensemble(rows, options).fitted.weights, fit_ensemble(rows, options).fitted.weights);
}

TEST(Ensemble, WrongInputIsNamed) {
  auto rows = rows_with({1}, 50, 11);
  EnsembleOptions options;
  EXPECT_NO_THROW(fit_ensemble(rows, options));
  auto bad = rows;
  bad.candidates[0].pop_back();
  EXPECT_THROW(fit_ensemble(bad, options), Error);
  bad = rows;
  bad.candidates[0][7] = NAN;
  EXPECT_THROW(fit_ensemble(bad, options), Error);
  bad = rows;
  bad.candidates.clear();
  EXPECT_THROW(fit_ensemble(bad, options), Error);
  bad = rows;
  bad.fold.assign(50, 0);
  EXPECT_THROW(fit_ensemble(bad, options), Error);
  options.rounds = 0;
  EXPECT_THROW(fit_ensemble(rows, options), Error);
  EXPECT_THROW(ensemble_method("carauna"), Error);
  EXPECT_EQ(ensemble_method("caruana"), EnsembleMethod::kCaruana);
  EXPECT_EQ(ensemble_thresholds("per-fold"), EnsembleThresholds::kPerFold);
}

/// Rows of candidates with two heads: salience leans to the first class of a blend, presence tells the pair.
OutOfFold rows_of_two_heads(int candidates, int seeds) {
  OutOfFold rows = rows_with({}, 300, 21, 3);
  std::mt19937 random(22);
  const auto noise = [&] { return 0.4F * static_cast<float>(random() % 1000) / 1000; };
  for (int m = 0; m < candidates; ++m) {
    rows.said.emplace_back();
    rows.candidates.emplace_back(rows.truth.size() * 6);
    for (int seed = 0; seed < seeds; ++seed) {
      Predictions said;
      said.clips = rows.clips();
      for (const Label& label : rows.truth) {
        float salience[6], sum = 0;
        for (int c = 0; c < 6; ++c) sum += salience[c] = (c == label.first ? 0.5F : 0.1F) + noise();
        for (int c = 0; c < 6; ++c) {
          said.salience.push_back(salience[c] / sum);
          said.presence.push_back((c == label.first || c == label.second ? 0.6F : 0.1F) + noise());
          said.fused.push_back(said.salience.back());
        }
      }
      for (std::size_t i = 0; i < said.fused.size(); ++i) {
        rows.candidates.back()[i] += double(said.fused[i]) / seeds;
      }
      rows.said.back().push_back(std::move(said));
    }
  }
  return rows;
}

TEST(Ensemble, HeadsAreFusedAsIsBestOnTheFittedFolds) {
  const OutOfFold rows = rows_of_two_heads(1, 1);
  EnsembleOptions options;
  options.method = EnsembleMethod::kMean;
  options.k = 1;
  const Ensemble fitted = fit_ensemble(rows, options);
  // One candidate: every fusion and every pair of thresholds, tried one by one on the other folds.
  Tally nested;
  for (const Ensemble::Fold& held : fitted.folds) {
    double best = -1;
    HeadFusion chosen = HeadFusion::kOwn;
    Tally hits;
    for (const HeadFusion fusion : all_head_fusions()) {
      const std::vector<double> p = fuse_heads(rows.said[0][0], 6, fusion);
      for (const double alpha : threshold_grid()) {
        for (const double beta : threshold_grid()) {
          Tally others, here;
          for (std::size_t i = 0; i < rows.truth.size(); ++i) {
            (rows.fold[i] == held.fold ? here : others)
                .add(decode(&p[i * 6], rows.classes, Thresholds{alpha, beta}), rows.truth[i]);
          }
          if (others.accuracy().score() <= best) continue;
          best = others.accuracy().score();
          chosen = fusion;
          hits = here;
        }
      }
    }
    EXPECT_EQ(held.fitted.head_fusion, chosen) << "fold " << held.fold;
    EXPECT_NE(chosen, HeadFusion::kOwn) << "presence knows more";
    nested += hits;
  }
  EXPECT_NEAR(fitted.nested.score(), nested.accuracy().score(), 1e-12);

  options.head_fusion = HeadFusion::kOwn;
  const Ensemble own = fit_ensemble(rows, options);
  EXPECT_EQ(own.fitted.head_fusion, HeadFusion::kOwn);
  EXPECT_LT(own.nested.score(), fitted.nested.score());
}

TEST(Ensemble, ACandidateOfSeveralSeedsIsTheMixOfTheirFusedHeads) {
  const OutOfFold rows = rows_of_two_heads(2, 2);
  for (const Mix mix : {Mix::kArithmetic, Mix::kGeometric}) {
    const OutOfFold fused = with_head_fusion(rows, HeadFusion::kMixtureHalf, mix);
    for (std::size_t m = 0; m < 2; ++m) {
      const auto one = fuse_heads(rows.said[m][0], 6, HeadFusion::kMixtureHalf),
                 other = fuse_heads(rows.said[m][1], 6, HeadFusion::kMixtureHalf);
      double sum = 0;
      for (std::size_t c = 0; c < 6; ++c) sum += std::sqrt(one[c] * other[c]);
      const double expected = mix == Mix::kArithmetic ? (one[2] + other[2]) / 2 : std::sqrt(one[2] * other[2]) / sum;
      EXPECT_NEAR(fused.candidates[m][2], expected, 1e-12);
    }
  }
}

}  // namespace
}  // namespace medley::sweep
