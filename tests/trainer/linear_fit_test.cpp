// The convex fit of `optimizer: lbfgs`: its gradient by differences, its optimum against SciPy, and its weight decay.
#include "trainer/linear_fit.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "trainer/error.h"
#include "trainer/lbfgs.h"

namespace medley::tests {
namespace {

using sweep::Config;
using sweep::Head;
using trainer::TrialState;

/// Clips of three folds, with features that are whole numbers over 1009 and a faint label in each column:
///   ((31 c c + 977 c (3 e + j + 1)) mod 1009) / 1009 + .3 (j + e + 1) t[(j + 2 e) mod 6]
/// for clip c, encoder e, column j and soft label t.
data::Dataset exact_dataset(int folds = 3) {
  PlantedOptions options;
  options.encoders = {{"three", 3}, {"two", 2}};
  options.folds = folds;
  options.test_clips = 0;
  data::Dataset dataset = planted_dataset(options);
  for (int e = 0; e < 2; ++e) {
    std::vector<float>& values = values_of(dataset, e == 0 ? "three" : "two");
    const int dim = e == 0 ? 3 : 2;
    for (std::size_t c = 0; c < dataset.clips.size(); ++c) {
      const sweep::Label label = *dataset.clips[c].label;
      const auto clip = static_cast<int>(c);
      for (int j = 0; j < dim; ++j) {
        const int column = (j + 2 * e) % 6;
        const double share = column == label.first    ? label.salience / 100.0
                             : column == label.second ? 1 - label.salience / 100.0
                                                      : 0;
        const int whole = (clip * clip * 31 + clip * (3 * e + j + 1) * 977) % 1009;
        values[c * static_cast<std::size_t>(dim) + static_cast<std::size_t>(j)] =
            static_cast<float>(whole / 1009.0 + .3 * (j + e + 1) * share);
      }
    }
  }
  return dataset;
}

Config linear_config(Head head) {
  Config config;
  config.encoders = {"three", "two"};
  config.fusion = sweep::Fusion::kConcat;
  config.hidden = 0;
  config.head = head;
  config.optimizer = sweep::Optimizer::kLbfgs;
  config.tune_decay = false;
  config.weight_decay = 0.02;
  config.precision = sweep::Precision::kFloat64;
  return config;
}

/// A trial of fold 0 of `dataset`, before its fit.
struct OneFit {
  explicit OneFit(const data::Dataset& dataset, const Config& config)
      : features(dataset, trainer::Features::Actors::kIgnore, {}),
        statistics(features),
        state(make_trial_state(trial(config), statistics)) {}
  double squares() const {
    double sum = 0;
    for (const trainer::Parameter& p : state.layout.parameters) {
      if (p.decays) sum += state.held_out_parameters.narrow(0, p.offset, p.size).square().sum().item<double>();
    }
    return sum;
  }
  void fit() {
    fit_linear(state, features, torch::kCPU, [] {});
  }

  trainer::Features features;
  trainer::StatisticsCache statistics;
  TrialState state;
};

// scipy.optimize.minimize, L-BFGS-B with gtol 1e-9 and derivatives by differences, of the same losses in NumPy:
//   mean loss over the clips of folds 1 and 2, z-scored by them, + .02 / 2 * (W**2).sum()
// `squares` is (W**2).sum() at the optimum, `loss` the mean loss without the penalty.
struct Golden {
  Head head;
  double loss, squares;
};
constexpr Golden kGolden[] = {{Head::kSoftmax, 0.742071437, 3.8462149},
                              {Head::kDecoupled, 1.191280979, 6.9341115},
                              {Head::kSetRatio, 2.318056831, 36.9472399},
                              {Head::kLabel, 2.405646191, 36.6778906}};

TEST(LinearFit, ItsOptimumIsScipys) {
  const data::Dataset dataset = exact_dataset();
  for (const Golden& golden : kGolden) {
    OneFit one(dataset, linear_config(golden.head));
    one.fit();
    ASSERT_TRUE(one.state.done()) << one.state.divergence;
    ASSERT_EQ(one.state.result.epochs.size(), 1u);
    const sweep::EpochMetrics& epoch = one.state.result.epochs.front();
    EXPECT_NEAR(epoch.loss, golden.loss, 1e-6) << sweep::name_of(golden.head);
    EXPECT_NEAR(one.squares(), golden.squares, 2e-5 * golden.squares) << sweep::name_of(golden.head);
    EXPECT_EQ(term(epoch, "weight_decay"), 0.02);
  }
}

// By the same script, the sums over the two folds of the losses of fits that left the fold out, of 1, .3, .1, .03, .01:
//   92.295, 84.248, 80.243, 81.652, 85.167; then rising to 108.05 at 1e-4
TEST(LinearFit, TakesTheDecayOfTheLeastLossOnFoldsLeftOut) {
  const data::Dataset dataset = exact_dataset();
  Config config = linear_config(Head::kSoftmax);
  config.tune_decay = true;
  OneFit one(dataset, config);
  one.fit();
  EXPECT_EQ(term(one.state.result.epochs.front(), "weight_decay"), 0.1);
  EXPECT_NEAR(one.state.result.epochs.front().loss, 0.796403745, 1e-6);
  EXPECT_NEAR(one.squares(), 1.6071512, 4e-5);
}

TEST(LinearFit, ItsGradientIsThatOfDifferences) {
  const data::Dataset dataset = exact_dataset();
  for (const Golden& golden : kGolden) {
    Config config = linear_config(golden.head);
    config.label_smoothing = 0.1;
    OneFit one(dataset, config);
    const trainer::LinearObjective objective(one.state, one.features);
    std::vector<int> places(one.state.train.size() - 7);
    std::iota(places.begin(), places.end(), 3);
    const trainer::FitRows rows = objective.rows_at(places);
    std::vector<double> x(static_cast<std::size_t>(one.state.layout.size)), gradient(x.size()), unused(x.size());
    for (const trainer::Parameter& p : one.state.layout.parameters) {
      for (std::int64_t i = 0; i < p.size; ++i)
        x[static_cast<std::size_t>(p.offset + i)] = std::sin(double(p.offset + i));
    }
    const std::vector<double> at = x;
    objective.value(rows, 0.3, at, gradient);
    for (const trainer::Parameter& p : one.state.layout.parameters) {
      for (std::int64_t i = 0; i < p.size; ++i) {
        const auto k = static_cast<std::size_t>(p.offset + i);
        constexpr double kStep = 1e-5;
        x[k] = at[k] + kStep;
        const double above = objective.value(rows, 0.3, x, unused);
        x[k] = at[k] - kStep;
        const double below = objective.value(rows, 0.3, x, unused);
        x[k] = at[k];
        EXPECT_NEAR(gradient[k], (above - below) / (2 * kStep), 1e-8) << sweep::name_of(golden.head) << " " << p.name;
      }
    }
  }
}

TEST(LinearFit, TheSeedDecidesNothing) {
  const data::Dataset dataset = exact_dataset();
  const Config config = linear_config(Head::kLabel);
  EXPECT_EQ(bits(alone(dataset, trial(config, 0, 1))), bits(alone(dataset, trial(config, 0, 2))));
}

TEST(LinearFit, OneThatIsInterruptedStartsAgainAndEndsTheSame) {
  const data::Dataset dataset = exact_dataset();
  const sweep::TrialSpec spec = trial(linear_config(Head::kSoftmax));
  const test::Folder folder;
  trainer::TrainOptions options;
  options.resume = folder.path();
  int calls = 0;
  options.stop = [&] { return ++calls > 5 ? trainer::Stop::kSave : trainer::Stop::kNo; };
  EXPECT_THROW(trainer::train_pack(dataset, {spec}, options), trainer::Interrupted);
  EXPECT_EQ(calls, 6);
  options.stop = nullptr;
  EXPECT_EQ(bits(trainer::train_pack(dataset, {spec}, options).front()), bits(alone(dataset, spec)));
}

TEST(LinearFit, TuningNeedsTwoTrainingFolds) {
  const data::Dataset dataset = exact_dataset(2);
  Config config = linear_config(Head::kSoftmax);
  EXPECT_NO_THROW(alone(dataset, trial(config)));
  config.tune_decay = true;
  const std::string error = test::error_of<trainer::Error>([&] { alone(dataset, trial(config)); });
  EXPECT_NE(error.find("tune_decay needs two training folds; valid: false"), std::string::npos) << error;
}

// f(x) = sum_i (i + 1)^2 (x_i - i)^2 / 2 + log(1 + exp(x_0)): x_i = i but for x_0 = -sigmoid(x_0).
TEST(Lbfgs, FindsTheMinimumOfAConvexFunction) {
  const auto f = [](const std::vector<double>& x, std::vector<double>& g) {
    double value = std::log1p(std::exp(x[0]));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double weight = std::pow(double(i + 1), 2), off = x[i] - double(i);
      value += weight * off * off / 2;
      g[i] = weight * off;
    }
    g[0] += 1 / (1 + std::exp(-x[0]));
    return value;
  };
  const std::vector<double> x = trainer::minimise(f, std::vector<double>(30), 1e-10);
  EXPECT_NEAR(x[0] + 1 / (1 + std::exp(-x[0])), 0, 1e-10);
  for (std::size_t i = 1; i < x.size(); ++i) EXPECT_NEAR(x[i], double(i), 1e-10);
}

// f(x) = sum_i 10^(i - 6) (x_i - 1)^2 / 2: with its own inverse Hessian the first step ends at 1.
TEST(Lbfgs, AnInverseHessianSavesTheSteps) {
  int calls = 0;
  const auto f = [&](const std::vector<double>& x, std::vector<double>& g) {
    ++calls;
    double value = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      g[i] = std::pow(10, double(i) - 6) * (x[i] - 1);
      value += g[i] * (x[i] - 1) / 2;
    }
    return value;
  };
  const auto inverse = [](std::vector<double>& v) {
    for (std::size_t i = 0; i < v.size(); ++i) v[i] /= std::pow(10, double(i) - 6);
  };
  for (const double x : trainer::minimise(f, std::vector<double>(13), 1e-9, inverse)) EXPECT_NEAR(x, 1, 1e-3);
  EXPECT_LE(calls, 3);
}

TEST(Lbfgs, StopsWhereTheFunctionIsNotFinite) {
  const auto f = [](const std::vector<double>&, std::vector<double>& g) { return g[0] = std::nan(""); };
  EXPECT_EQ(trainer::minimise(f, {1}, 1e-6), std::vector<double>{1});
}

}  // namespace
}  // namespace medley::tests
