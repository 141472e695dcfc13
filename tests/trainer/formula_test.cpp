// The formulas of the method against values computed elsewhere: numpy, bisection, plain sums.
#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "trainer/evaluate.h"
#include "trainer/kernels/random.h"
#include "trainer/model/adaptation.h"
#include "trainer/model/gate.h"
#include "trainer/model/label_sets.h"
#include "trainer/model/losses.h"

namespace medley::tests {
namespace {

using torch::Tensor;

Tensor numbers(std::vector<std::int64_t> shape, std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randn(shape, torch::kFloat64);
}

/// [1, encoder, 1]
Tensor column(std::vector<double> values) { return torch::tensor(values, torch::kFloat64).view({1, -1, 1}); }

using Mapping = Tensor (*)(const Tensor&, const Tensor&);

/// The defining property, solved by bisection: p = max(z - t, 0)^power, with the t for which p sums to 1.
std::vector<double> by_bisection(std::vector<double> z, double power) {
  const double top = *std::max_element(z.begin(), z.end());
  double low = top - 1, high = top;
  for (int i = 0; i < 200; ++i) {
    const double t = (low + high) / 2;
    double sum = 0;
    for (const double x : z) sum += std::pow(std::max(x - t, 0.0), power);
    (sum > 1 ? low : high) = t;
  }
  for (double& x : z) x = std::pow(std::max(x - low, 0.0), power);
  return z;
}

void expect_near(const Tensor& found, const std::vector<double>& expected, double tolerance) {
  const Tensor flat = found.flatten();
  ASSERT_EQ(flat.numel(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(flat[static_cast<std::int64_t>(i)].item<double>(), expected[i], tolerance) << i;
  }
}

/// Central differences of sum(weight * f(x)) against autograd.
template <class Function>
void expect_gradient(Tensor x, Function f, double tolerance = 1e-7) {
  x = x.clone().set_requires_grad(true);
  const Tensor y = f(x);
  const Tensor weight = numbers(y.sizes().vec(), 99);
  (y * weight).sum().backward();
  const Tensor found = x.grad().flatten();
  torch::NoGradGuard no_grad;
  Tensor moved = x.detach().clone();
  double* value = moved.data_ptr<double>();
  for (std::int64_t i = 0; i < moved.numel(); ++i) {
    const double saved = value[i], step = 1e-6;
    value[i] = saved + step;
    const double above = (f(moved) * weight).sum().template item<double>();
    value[i] = saved - step;
    const double below = (f(moved) * weight).sum().template item<double>();
    value[i] = saved;
    EXPECT_NEAR(found[i].item<double>(), (above - below) / (2 * step), tolerance) << i;
  }
}

TEST(Weights, SparsemaxAndEntmaxHaveTheMethodsCheckValues) {
  const Tensor x = column({-2, 0, 0.5}), all = torch::ones({1, 3, 1}, torch::kBool);
  expect_near(trainer::sparsemax(x, all), {0, 0.25, 0.75}, 1e-15);
  expect_near(trainer::entmax15(x, all), {0, 0.3260, 0.6740}, 5e-5);
  expect_near(trainer::entmax15(x, all), {0, 0.3260073636615619, 0.6739926363384383}, 1e-14);  // numpy, bisection
}

TEST(Weights, SparsemaxAndEntmaxAreWhatBisectionFinds) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const std::int64_t encoders = 1 + static_cast<std::int64_t>(seed % 12);
    const Tensor z = numbers({1, encoders, 1}, seed) * 1.5, all = torch::ones({1, encoders, 1}, torch::kBool);
    std::vector<double> values(z.data_ptr<double>(), z.data_ptr<double>() + encoders);
    expect_near(trainer::sparsemax(z, all), by_bisection(values, 1), 1e-12);
    for (double& value : values) value /= 2;
    expect_near(trainer::entmax15(z, all), by_bisection(values, 2), 1e-12);
  }
}

TEST(Weights, OnlyKeptEncodersGetAny) {
  const Tensor kept = torch::tensor({true, false, true, false}).view({1, 4, 1});
  for (const Mapping map : {Mapping(trainer::sparsemax), Mapping(trainer::entmax15)}) {
    const Tensor among = map(column({0.1, 0.3}), torch::ones({1, 2, 1}, torch::kBool)).flatten();
    for (const double other : {-9.0, 0.2, 9.0, std::nan("")}) {
      const Tensor p = map(column({0.1, other, 0.3, other}), kept);
      expect_near(p, {among[0].item<double>(), 0, among[1].item<double>(), 0}, 0);
    }
  }
}

TEST(Weights, GradientsAgreeWithFiniteDifferences) {
  Tensor kept = torch::ones({2, 5, 7}, torch::kBool);
  kept[1].select(0, 2).fill_(false);
  for (const Mapping map : {Mapping(trainer::sparsemax), Mapping(trainer::entmax15)}) {
    expect_gradient(numbers({2, 5, 7}, 3), [&](const Tensor& x) { return map(x, kept); });
  }
}

// numpy:
//   s = [[.5,-1,2],[1.5,.25,-.5],[-.75,1,0],[2,-.5,1.25]]; t = [[1,.5,-1.5],[0,2,.75],[-1.25,.25,1]]
//   x = vstack([s, t]); d = ((x[:,None] - x[None])**2).sum(2); w = d.sum() / (7*7 - 7)
//   k = mean([exp(-d / (f * w)) for f in (.25,.5,1,2,4)], axis=0)
//   mmd = k[:4,:4].mean() + k[4:,4:].mean() - 2 * k[:4,4:].mean()      gradient: central differences with w held
//   coral = ((cov(s.T) - cov(t.T))**2).sum() / (4 * 9)
struct Samples {
  Tensor source =
      torch::tensor({{0.5, -1.0, 2.0}, {1.5, 0.25, -0.5}, {-0.75, 1.0, 0.0}, {2.0, -0.5, 1.25}}, torch::kFloat64)
          .unsqueeze(0);
  Tensor target =
      torch::tensor({{1.0, 0.5, -1.5}, {0.0, 2.0, 0.75}, {-1.25, 0.25, 1.0}, {7.0, 7.0, 7.0}}, torch::kFloat64)
          .unsqueeze(0);
  Tensor all = torch::ones({1, 4}, torch::kBool);
  Tensor three = torch::tensor({true, true, true, false}).unsqueeze(0);  // the last row of the target is padding
};

TEST(Adaptation, MmdIsNumpys) {
  Samples s;
  s.source.set_requires_grad(true);
  s.target.set_requires_grad(true);
  const Tensor mmd = trainer::mmd_loss(s.source, s.all, s.target, s.three);
  EXPECT_NEAR(mmd.item<double>(), 0.27804003970593894, 1e-14);
  mmd.sum().backward();
  EXPECT_NEAR(s.source.grad()[0][0][0].item<double>(), 0.05586836548943097, 1e-9);
  EXPECT_NEAR(s.target.grad()[0][1][2].item<double>(), 0.005676016712197196, 1e-9);
  EXPECT_EQ(s.target.grad()[0][3].abs().max().item<double>(), 0) << "padding";
}

TEST(Adaptation, CoralIsNumpys) {
  const Samples s;
  EXPECT_NEAR(trainer::coral_loss(s.source, s.all, s.target, s.three).item<double>(), 0.2610383210358796, 1e-14);
}

/// Central moment discrepancy of samples [row][column] by its definition.
double moment_discrepancy(const std::vector<std::vector<double>>& x, const std::vector<std::vector<double>>& y,
                          int moments) {
  const auto moment = [](const std::vector<std::vector<double>>& rows, std::size_t column, int order) {
    const auto count = static_cast<double>(rows.size());
    double mean = 0, sum = 0;
    for (const auto& row : rows) mean += std::tanh(row[column]) / count;
    if (order == 1) return mean;
    for (const auto& row : rows) sum += std::pow(std::tanh(row[column]) - mean, order) / count;
    return sum;
  };
  double sum = 0;
  for (int order = 1; order <= moments; ++order) {
    double squares = 0;
    for (std::size_t j = 0; j < x.front().size(); ++j) {
      squares += std::pow(moment(x, j, order) - moment(y, j, order), 2);
    }
    sum += std::sqrt(squares) / std::pow(2, order);
  }
  return sum;
}

TEST(Adaptation, CmdIsTheSumOfTheDistancesOfCentralMoments) {
  const Samples s;
  const std::vector<std::vector<double>> x = {{0.5, -1, 2}, {1.5, 0.25, -0.5}, {-0.75, 1, 0}, {2, -0.5, 1.25}},
                                         y = {{1, 0.5, -1.5}, {0, 2, 0.75}, {-1.25, 0.25, 1}};
  for (const int moments : {1, 2, 5, 10}) {
    EXPECT_NEAR(trainer::cmd_loss(s.source, s.all, s.target, s.three, moments).item<double>(),
                moment_discrepancy(x, y, moments), 1e-14);
  }
}

TEST(Adaptation, CmdOfEqualSidesIsZeroWithoutAGradient) {
  Samples s;
  s.source.set_requires_grad(true);
  const Tensor loss = trainer::cmd_loss(s.source, s.three, s.source.detach().clone(), s.three, 5);
  EXPECT_EQ(loss.item<double>(), 0);
  loss.sum().backward();
  EXPECT_EQ(s.source.grad().abs().max().item<double>(), 0);
}

TEST(Adaptation, CmdWithoutRowsOnASideIsZero) {
  const Samples s;
  const Tensor none = torch::zeros({1, 4}, torch::kBool);
  EXPECT_EQ(trainer::cmd_loss(s.source, s.all, s.target, none, 5).item<double>(), 0);
}

// numpy: (mean(-log(sig([.3,-1.2,2]))) + mean(-log(1 - sig([.7,-.4])))) / 2; 2/(1+exp(-10 p))-1
TEST(Adaptation, DomainLossAndRampAreNumpys) {
  const Tensor source = torch::tensor({{0.3, -1.2, 2.0}}, torch::kFloat64),
               target = torch::tensor({{0.7, -0.4, 50.0}}, torch::kFloat64), all = torch::ones({1, 3}, torch::kBool),
               two = torch::tensor({{true, true, false}});
  EXPECT_NEAR(trainer::domain_loss(source, all, target, two).item<double>(), 0.7614779457962744, 1e-14);
  EXPECT_EQ(trainer::reversal_ramp(0), 0);
  EXPECT_NEAR(trainer::reversal_ramp(0.1), 0.4621171572600098, 1e-15);
  EXPECT_NEAR(trainer::reversal_ramp(1), 0.9999092042625952, 1e-15);
}

TEST(Adaptation, TheReversedGradientIsMinusTheFactor) {
  Tensor x = numbers({2, 3, 4}, 1).set_requires_grad(true);
  const Tensor weight = numbers({2, 3, 4}, 2);
  const Tensor y = trainer::reverse_gradient(x, torch::tensor({0.25, 2.0}, torch::kFloat64));
  EXPECT_TRUE(torch::equal(y, x));
  (y * weight).sum().backward();
  EXPECT_TRUE(torch::equal(x.grad()[0], -0.25 * weight[0]));
  EXPECT_TRUE(torch::equal(x.grad()[1], -2 * weight[1]));
}

TEST(Adaptation, CdanSeesEachFeatureTimesEachProbabilityAndTeachesNoProbability) {
  Tensor features = numbers({1, 2, 3}, 1).set_requires_grad(true), p = numbers({1, 2, 2}, 2).set_requires_grad(true);
  const Tensor out = trainer::conditioned(features, p);
  for (int i = 0; i < 2; ++i) {
    for (int c = 0; c < 2; ++c) {
      for (int j = 0; j < 3; ++j) {
        EXPECT_EQ(out[0][i][3 * c + j].item<double>(), (p[0][i][c] * features[0][i][j]).item<double>());
      }
    }
  }
  out.sum().backward();
  EXPECT_FALSE(p.grad().defined());
  EXPECT_TRUE(torch::allclose(features.grad(), p.detach().sum(2, true).expand({1, 2, 3})));
}

TEST(Adaptation, GradientsAgreeWithFiniteDifferences) {
  const Samples s;
  expect_gradient(s.source, [&](const Tensor& x) { return trainer::coral_loss(x, s.all, s.target, s.three); });
  expect_gradient(s.target, [&](const Tensor& x) { return trainer::coral_loss(s.source, s.all, x, s.three); });
  expect_gradient(s.source, [&](const Tensor& x) { return trainer::cmd_loss(x, s.all, s.target, s.three, 5); });
  expect_gradient(s.target, [&](const Tensor& x) { return trainer::cmd_loss(s.source, s.all, x, s.three, 5); });
  expect_gradient(numbers({2, 6}, 5), [&](const Tensor& x) {
    const Tensor real = torch::ones({2, 3}, torch::kBool);
    return trainer::domain_loss(x.narrow(1, 0, 3), real, x.narrow(1, 3, 3), real);
  });
}

constexpr int kClasses = 6;

trainer::Targets targets(std::int64_t rows) {
  trainer::Targets t;
  t.presence = (numbers({2, rows, kClasses}, 3) > 0).to(torch::kFloat64);
  t.salience = torch::softmax(numbers({2, rows, kClasses}, 4), 2);
  t.real = torch::ones({2, rows}, torch::kBool);
  t.real.select(1, rows - 1).fill_(false);
  return t;
}

/// A set-ratio head's: rows in turn single, 30/70 of the first pair, 70/30 of the last.
trainer::Targets set_targets(const trainer::LabelSets& sets) {
  trainer::Targets t;
  const auto pairs = static_cast<std::int64_t>(sets.pairs.size());
  t.presence = torch::zeros({1, 4, sets.count()}, torch::kFloat64);
  t.salience = torch::zeros({1, 4, 3 * pairs}, torch::kFloat64);
  t.real = torch::tensor({{true, true, true, false}});
  t.presence[0][0][5] = 1;
  t.presence[0][1][kClasses] = 1;
  t.salience[0][1][0] = 1;
  t.presence[0][2][kClasses + pairs - 1] = 1;
  t.salience[0][2][3 * pairs - 1] = 1;
  t.presence[0][3][2] = 1;
  return t;
}

TEST(Losses, GradientsAgreeWithFiniteDifferences) {
  const trainer::Targets want = targets(5);
  const Tensor gamma = torch::tensor({0.0, 1.7}, torch::kFloat64);
  for (const auto head : {sweep::Head::kDecoupled, sweep::Head::kSoftmax}) {
    for (const bool alignment : {false, true}) {
      for (const Tensor& focal : {Tensor(), gamma}) {
        sweep::Config config;
        config.head = head;
        config.alignment = alignment;
        const int width = head == sweep::Head::kDecoupled ? 2 * kClasses : kClasses;
        expect_gradient(numbers({2, 5, width}, 1), [&](const Tensor& x) {
          const auto terms = trainer::head_losses(config, x, want, focal);
          Tensor sum = terms.salience;
          if (terms.presence.defined()) sum = sum + 2 * terms.presence;
          if (terms.alignment.defined()) sum = sum + 3 * terms.alignment;
          return sum;
        });
      }
    }
  }
  sweep::Config config;
  config.head = sweep::Head::kSetRatio;
  const trainer::LabelSets sets(sweep::Classes::blemore());
  const trainer::Targets set_want = set_targets(sets);
  expect_gradient(numbers({1, 4, 16 + 30}, 2), [&](const Tensor& x) {
    const auto terms = trainer::head_losses(config, x, set_want, torch::tensor({0.8}, torch::kFloat64));
    return terms.presence + 2 * terms.salience;
  });
  config.head = sweep::Head::kLabel;
  trainer::Targets label_want = want;
  label_want.salience = torch::softmax(numbers({2, 5, 36}, 8), 2);
  for (const Tensor& focal : {Tensor(), gamma}) {
    expect_gradient(numbers({2, 5, 36}, 9),
                    [&](const Tensor& x) { return trainer::head_losses(config, x, label_want, focal).salience; });
  }
  const trainer::HeadShape shape{kClasses, kClasses};
  expect_gradient(numbers({2, 10, 2 * kClasses}, 6), [&](const Tensor& x) {
    return trainer::rdrop_loss({}, shape, x.narrow(1, 0, 5), x.narrow(1, 5, 5), want.real);
  });
  const Tensor active = torch::tensor({{true, true, true}, {true, false, true}});
  expect_gradient(torch::where(active.unsqueeze(2), numbers({2, 3, 5}, 7).abs(), torch::zeros({}, torch::kFloat64)),
                  [&](const Tensor& x) { return trainer::balance_loss(x, active, want.real); });
}

TEST(Losses, OfSetsAndRatiosArePlainSums) {
  const trainer::LabelSets sets(sweep::Classes::blemore());
  ASSERT_EQ(sets.count(), 16);
  EXPECT_EQ(sets.index_of({5, -1, 100}), 5);
  EXPECT_EQ(sets.index_of({0, 1, 30}), 6);
  EXPECT_EQ(sets.index_of({3, 4, 70}), 15);
  const Tensor x = numbers({1, 4, 46}, 2);
  const auto cross_entropy = [&](int row, int first, int count, int right) {
    double sum = 0;
    for (int i = 0; i < count; ++i) sum += std::exp(x[0][row][first + i].item<double>());
    return std::log(sum) - x[0][row][first + right].item<double>();
  };
  sweep::Config config;
  config.head = sweep::Head::kSetRatio;
  const auto terms = trainer::head_losses(config, x, set_targets(sets));
  EXPECT_NEAR(terms.presence.item<double>(),
              (cross_entropy(0, 0, 16, 5) + cross_entropy(1, 0, 16, 6) + cross_entropy(2, 0, 16, 15)) / 3, 1e-12);
  EXPECT_NEAR(terms.salience.item<double>(), (cross_entropy(1, 16, 3, 0) + cross_entropy(2, 43, 3, 2)) / 2, 1e-12);
}

TEST(Labels, AreEachClassAndEachPairThatMayBlendWithEachRatio) {
  const trainer::LabelSets sets(sweep::Classes::blemore());
  EXPECT_EQ(sets.label_count(), 6 + 3 * 10) << "neutral has no pair";
  EXPECT_EQ(trainer::LabelSets(sweep::Classes::blemore(sweep::Classes::Neutral::kMayBlend)).label_count(), 6 + 3 * 15);
  const int neutral = sweep::Classes::blemore().index_of("neu");
  for (const auto& [a, b] : sets.pairs) EXPECT_TRUE(a != neutral && b != neutral);
  EXPECT_EQ(sets.label_index_of({5, -1, 100}), 5);
  EXPECT_EQ(sets.label_index_of({0, 1, 30}), 6);
  EXPECT_EQ(sets.label_index_of({0, 1, 70}), 8);
  EXPECT_EQ(sets.label_index_of({0, 2, 50}), 10);
  EXPECT_EQ(sets.label_index_of({3, 4, 70}), 35);
}

/// Two classes that blend and one that does not: labels a, b, c, and ab with 30, 50 and 70 percent of a.
sweep::Classes two_that_blend() { return {{"a", "b", "c"}, {false, false, true}}; }

TEST(Labels, RatioSmoothingMovesMassToTheNeighboursOfABlendsRatio) {
  const trainer::LabelSets sets(two_that_blend());
  const auto target = [&](const sweep::Label& label, double smoothing) {
    std::vector<double> t(6, NAN);
    sets.label_target(label, smoothing, t.data());
    return t;
  };
  const std::pair<sweep::Label, std::vector<double>> cases[] = {{{1, -1, 100}, {0, 1, 0, 0, 0, 0}},
                                                                {{0, 1, 30}, {0, 0, 0, 0.75, 0.25, 0}},
                                                                {{0, 1, 50}, {0, 0, 0, 0.125, 0.75, 0.125}},
                                                                {{0, 1, 70}, {0, 0, 0, 0, 0.25, 0.75}}};
  for (const auto& [label, expected] : cases) EXPECT_EQ(target(label, 0.25), expected) << label.salience;
  EXPECT_EQ(target({0, 1, 50}, 0), (std::vector<double>{0, 0, 0, 0, 1, 0}));
}

/// log of (1, 2, 3, 4, 6, 4) / 20, plus a constant that softmax does not see.
std::vector<double> label_logits() {
  std::vector<double> x;
  for (const double p : {1, 2, 3, 4, 6, 4}) x.push_back(std::log(p / 20) + 5);
  return x;
}

// With t of 70/30 smoothed by .25, KL = .75 log(.75 / .2) + .25 log(.25 / .3); of class c: log(1 / .15).
TEST(Labels, TheLossIsTheMeanDivergenceOfTheRealRows) {
  const trainer::LabelSets sets(two_that_blend());
  std::vector<double> target(18, 0.0), logits;
  sets.label_target({0, 1, 70}, 0.25, target.data());
  sets.label_target({2, -1, 100}, 0.25, target.data() + 6);
  for (int row = 0; row < 3; ++row) {
    for (const double x : label_logits()) logits.push_back(x);
  }
  trainer::Targets want;
  want.presence = torch::zeros({1, 3, 0}, torch::kFloat64);
  want.salience = torch::tensor(target, torch::kFloat64).view({1, 3, 6});
  want.real = torch::tensor({{true, true, false}});
  sweep::Config config;
  config.head = sweep::Head::kLabel;
  const Tensor x = torch::tensor(logits, torch::kFloat64).view({1, 3, 6});
  const double blend = 0.75 * std::log(0.75 / 0.2) + 0.25 * std::log(0.25 / 0.3), single = std::log(1 / 0.15);
  EXPECT_NEAR(trainer::head_losses(config, x, want).salience.item<double>(), (blend + single) / 2, 1e-14);
  const auto focal = trainer::head_losses(config, x, want, torch::tensor({2.0}, torch::kFloat64)).salience;
  const auto weighted = [](double kl) { return std::pow(1 - std::exp(-kl), 2) * kl; };
  EXPECT_NEAR(focal.item<double>(), (weighted(blend) + weighted(single)) / 2, 1e-14);
  EXPECT_FALSE(trainer::head_losses(config, x, want).presence.defined());
}

// P(a) = .05 + .2 + .3 + .2, and its share .05 + .3 * .2 + .5 * .3 + .7 * .2.
TEST(Labels, PresenceIsThatOfTheSetAndSalienceTheExpectedShare) {
  sweep::Config config;
  config.head = sweep::Head::kLabel;
  trainer::Evaluation said;
  said.clips = 2;
  said.logits = label_logits();
  said.logits.insert(said.logits.end(), {0, 0, 0, 900, 0, 0});
  const sweep::Predictions p = trainer::predictions(config, said, two_that_blend());
  const std::vector<float> presence = {0.75F, 0.8F, 0.15F, 1, 1, 0}, share = {0.4F, 0.45F, 0.15F, 0.3F, 0.7F, 0};
  ASSERT_EQ(p.presence.size(), presence.size());
  for (std::size_t i = 0; i < share.size(); ++i) {
    EXPECT_NEAR(p.presence[i], presence[i], 0x1p-12F) << "half a unit of half precision, of " << i;
    EXPECT_NEAR(p.salience[i], share[i], 0x1p-12F) << i;
  }
  EXPECT_EQ(p.fused, p.salience);
  // Without smoothing, the loss of a label of probability .2 and of one of probability 1.
  EXPECT_NEAR(trainer::evaluation_loss(config, said, {{0, 1, 70}, {0, 1, 30}}, two_that_blend()), std::log(1 / 0.2) / 2,
              1e-14);
}

// Logits of presence ln 3, 0, -ln 3 and of salience ln 2, 0, 0: u = 3/4, 1/2, 1/4 and v = 1/2, 1/4, 1/4. Their product
// 6/16, 2/16, 1/16 over its sum is 2/3, 2/9, 1/9. A softmax head of these logits has v. All are the nearest halves.
TEST(Heads, ProbabilitiesAreRoundedToHalfPrecision) {
  const sweep::Classes classes{{"a", "b", "c"}, {false, false, false}};
  sweep::Config config;
  trainer::Evaluation said;
  said.clips = 1;
  said.logits = {std::log(3.0), 0, -std::log(3.0), std::log(2.0), 0, 0};
  const sweep::Predictions decoupled = trainer::predictions(config, said, classes);
  EXPECT_EQ(decoupled.presence, (std::vector<float>{.75F, .5F, .25F}));
  EXPECT_EQ(decoupled.salience, (std::vector<float>{.5F, .25F, .25F}));
  // 2/3 = 1365.33 / 2^11, 2/9 = 1820.44 / 2^13, 1/9 = 1820.44 / 2^14.
  EXPECT_EQ(decoupled.fused, (std::vector<float>{1365 * 0x1p-11F, 1820 * 0x1p-13F, 1820 * 0x1p-14F}));
  config.head = sweep::Head::kSoftmax;
  said.logits = {std::log(2.0), std::log(3.0), std::log(4.0)};
  // 2/9, 1/3 = 1365.33 / 2^12, 4/9 = 1820.44 / 2^12.
  const sweep::Predictions softmax = trainer::predictions(config, said, classes);
  EXPECT_EQ(softmax.fused, (std::vector<float>{1820 * 0x1p-13F, 1365 * 0x1p-12F, 1820 * 0x1p-12F}));
  EXPECT_TRUE(softmax.presence.empty() && softmax.salience.empty());
}

TEST(Losses, FocalRdropAlignmentAndBalanceArePlainFormulas) {
  const Tensor kl = torch::tensor({{0.7, 0.0}}, torch::kFloat64);
  const Tensor focal = trainer::focal(kl, torch::tensor({2.0}, torch::kFloat64));
  EXPECT_NEAR(focal[0][0].item<double>(), std::pow(1 - std::exp(-0.7), 2) * 0.7, 1e-15);
  EXPECT_NEAR(focal[0][1].item<double>(), 0, 1e-15);

  // One row, two classes: softmax of (ln 3, 0) is (.75, .25); of (0, 0) halves. Bernoullis .75 and .5, twice.
  const double odds = std::log(3.0);
  const Tensor first = torch::tensor({odds, odds, odds, 0.0}, torch::kFloat64).view({1, 1, 4}),
               second = torch::zeros({1, 1, 4}, torch::kFloat64), real = torch::ones({1, 1}, torch::kBool);
  const double soft = 0.25 * std::log(0.75 / 0.5) - 0.25 * std::log(0.25 / 0.5), bernoulli = 0.25 * odds;
  EXPECT_NEAR(trainer::rdrop_loss({}, {2, 2}, first, second, real).item<double>(), (soft + bernoulli) / 2, 1e-14);

  // p = softmax(ln 3, 0) = (.75, .25), q = sigmoid(0, ln 3) = (.5, .75) / 1.25 = (.4, .6).
  const Tensor presence = torch::tensor({0.0, odds}, torch::kFloat64).view({1, 1, 2}),
               salience = torch::tensor({odds, 0.0}, torch::kFloat64).view({1, 1, 2});
  EXPECT_NEAR(trainer::alignment_loss(presence, salience, real).item<double>(),
              0.75 * std::log(0.75 / 0.4) + 0.25 * std::log(0.25 / 0.6), 1e-14);

  // Mean weights .5, .3, .2 of three encoders over two rows (a third is padding): CV^2 = (.0142..)/(1/9).
  const Tensor weights = torch::tensor({0.6, 0.4, 9.0, 0.2, 0.4, 9.0, 0.2, 0.2, 9.0, 0.0, 0.0, 0.0}, torch::kFloat64)
                             .view({1, 4, 3}),
               rows = torch::tensor({{true, true, false}}), active = torch::tensor({{true, true, true, false}});
  const double mean = 1.0 / 3,
               variance = (std::pow(0.5 - mean, 2) + std::pow(0.3 - mean, 2) + std::pow(0.2 - mean, 2)) / 3;
  EXPECT_NEAR(trainer::balance_loss(weights, active, rows).item<double>(), variance / (mean * mean), 1e-14);
}

// Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)); 4,000 draws.
TEST(Random, BetaHasItsMeanAndVariance) {
  for (const double a : {0.1, 0.4, 1.0, 5.0}) {
    double sum = 0, squares = 0;
    const int draws = 4000;
    for (std::uint32_t i = 0; i < draws; ++i) {
      const double x = trainer::beta({1, trainer::Purpose::kMixupShare, i, 0}, a);
      ASSERT_TRUE(x >= 0 && x <= 1);
      sum += x - 0.5;
      squares += (x - 0.5) * (x - 0.5);
    }
    const double variance = 1 / (4 * (2 * a + 1));
    EXPECT_NEAR(sum / draws, 0, 4 * std::sqrt(variance / draws)) << a;
    EXPECT_NEAR(squares / draws, variance, 0.06 * variance) << a;
  }
}

TEST(Random, NormalsHaveMeanZeroAndVarianceOne) {
  std::vector<std::uint32_t> bits(40000);
  trainer::Stream{3, trainer::Purpose::kGateNoise, 0, 0}.fill(bits.data(), bits.size());
  std::vector<double> x(bits.size() / 2);
  trainer::normals(bits.data(), x.size(), x.data());
  double sum = 0, squares = 0, fourth = 0;
  for (const double value : x) {
    sum += value;
    squares += value * value;
    fourth += std::pow(value, 4);
  }
  const auto n = static_cast<double>(x.size());
  EXPECT_NEAR(sum / n, 0, 0.03);
  EXPECT_NEAR(squares / n, 1, 0.04);
  EXPECT_NEAR(fourth / n, 3, 0.3);
}

}  // namespace
}  // namespace medley::tests
