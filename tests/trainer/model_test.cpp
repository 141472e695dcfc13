// The model's arithmetic against finite differences, LibTorch's own operations and optimisers, and plain formulas.
#include "trainer/model/model.h"

#include <cmath>

#include <gtest/gtest.h>
#include <torch/optim.h>
#include <torch/types.h>

#include "tests/trainer/batched.h"
#include "tests/trainer/planted_dataset.h"
#include "tests/trainer/switches.h"
#include "trainer/group.h"
#include "trainer/kernels/layer_norm.h"
#include "trainer/kernels/optimizer.h"
#include "trainer/model/adaptation.h"
#include "trainer/model/label_sets.h"
#include "trainer/model/losses.h"

namespace medley::tests {
namespace {

using sweep::Config;
using torch::Tensor;
using trainer::FusedModel;

constexpr int kClasses = 6;
constexpr std::int64_t kRows = 7;

std::vector<trainer::EncoderShape> shapes() { return {{"a", 5, "video"}, {"b", 3, "audio"}, {"c", 4, "video"}}; }

Tensor numbers(std::vector<std::int64_t> shape, std::uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randn(shape, torch::kFloat64);
}

trainer::Targets targets(std::int64_t trials, std::int64_t rows) {
  trainer::Targets t;
  t.presence = (numbers({trials, rows, kClasses}, 3) > 0).to(torch::kFloat64);
  t.salience = torch::softmax(numbers({trials, rows, kClasses}, 4), 2);
  t.real = torch::ones({trials, rows}, torch::kBool);
  t.real.select(1, rows - 1).fill_(false);
  return t;
}

/// A model of two trials, the second without encoder b, and the whole loss of one step of it.
struct Problem {
  explicit Problem(const Config& config, FusedModel::Kernels kernels = FusedModel::Kernels::kByDevice)
      : settings(config),
        model(trainer::make_layout(config, shapes(), sweep::Classes::blemore()),
              {{config, 1, {true, true, true}, {0.1, 0.5, 0.3}}, {config, 2, {true, false, true}, {0.1, 0.5, 0.3}}},
              torch::kCPU, kernels) {
    for (const auto& shape : shapes()) {
      inputs.push_back(numbers({2, 2 * kRows, shape.dim}, static_cast<std::uint64_t>(shape.dim)));
    }
    inputs[1][1].zero_();
  }

  Tensor losses() {
    const FusedModel::Draws draws{{5, 8}};
    const FusedModel::Output out = model.forward(inputs, &draws);
    trainer::Targets want = targets(2, kRows);
    if (settings.head == sweep::Head::kSetRatio) {
      want.presence = torch::softmax(numbers({2, kRows, 16}, 5), 2);
      want.salience = torch::softmax(numbers({2, kRows, 30}, 6), 2);
    }
    if (settings.head == sweep::Head::kLabel) want.salience = torch::softmax(numbers({2, kRows, 36}, 6), 2);
    const trainer::LossTerms terms = trainer::head_losses(settings, out.logits.narrow(1, 0, kRows), want);
    Tensor sum = terms.salience * 0.7 + 20 * trainer::coral_loss(out.fused.narrow(1, 0, kRows), want.real,
                                                                 out.fused.narrow(1, kRows, kRows), want.real);
    if (terms.presence.defined()) sum = sum + 1.3 * terms.presence;
    if (settings.balance_weight > 0) {
      sum = sum + trainer::balance_loss(out.weights.narrow(2, 0, kRows), model.mask(), want.real);
    }
    if (settings.adaptation == sweep::Adaptation::kDann) {
      const Tensor logits = model.domain_logits(out.fused);
      sum =
          sum + trainer::domain_loss(logits.narrow(1, 0, kRows), want.real, logits.narrow(1, kRows, kRows), want.real);
    }
    return sum;
  }

  Config settings;
  FusedModel model;
  std::vector<Tensor> inputs;
};

class Gradients : public testing::TestWithParam<Switch> {};

Config variant(const Switch& s) { return with(double_config(), s.settings); }

TEST_P(Gradients, AgreeWithFiniteDifferences) {
  Problem problem(variant(GetParam()));
  problem.model.backward(problem.losses());
  const Tensor gradients = problem.model.gradients.clone();
  const double step = 1e-6;
  for (int k = 0; k < 2; ++k) {
    for (const trainer::Parameter& p : problem.model.layout().parameters) {
      const bool masked = k == 1 && p.encoder == 1;
      for (std::int64_t i = 0; i < p.size; i += 1 + p.size / 7) {
        double* value = problem.model.parameters[k].data_ptr<double>() + p.offset + i;
        const double saved = *value;
        *value = saved + step;
        const double above = problem.losses().sum().item<double>();
        *value = saved - step;
        const double below = problem.losses().sum().item<double>();
        *value = saved;
        const double found = gradients[k][p.offset + i].item<double>();
        EXPECT_NEAR(found, (above - below) / (2 * step), 1e-7) << p.name << " " << i << " of trial " << k;
        if (masked) {
          EXPECT_EQ(found, 0) << p.name;
        }
      }
    }
  }
}

// The path of GPUs, on the CPU: the same numbers by LibTorch's own operations and autograd, and by our GPU kernels.
TEST_P(Gradients, OfTheHandWrittenKernelsAreLibTorchsOwn) {
  Problem by_hand(variant(GetParam())), composite(variant(GetParam()), kBatched);
  ASSERT_TRUE(torch::equal(by_hand.model.parameters, composite.model.parameters));
  const Tensor a = by_hand.losses(), b = composite.losses();
  EXPECT_TRUE(torch::allclose(a, b, 1e-12, 1e-12));
  by_hand.model.backward(a);
  composite.model.backward(b);
  EXPECT_TRUE(torch::allclose(by_hand.model.gradients, composite.model.gradients, 1e-10, 1e-12));
}

INSTANTIATE_TEST_SUITE_P(Every, Gradients, testing::ValuesIn(kSwitches), switch_name);

TEST(Gate, TiesGoToTheLowerEncoderAndExactlyTopNAreKept) {
  Problem problem(double_config());
  // Without its last weights the scorer gives every encoder the same score.
  const trainer::Parameter& p = problem.model.layout().at("gate.out.weight");
  problem.model.parameters.narrow(1, p.offset, p.size).zero_();
  const FusedModel::Output out = problem.model.forward(problem.inputs, nullptr);
  EXPECT_TRUE(torch::equal(out.kept[0].select(1, 0), torch::tensor({true, true, false})));
  EXPECT_TRUE(torch::equal(out.kept[1].select(1, 0), torch::tensor({true, false, true})));
  EXPECT_TRUE(torch::equal(out.kept.sum(1), torch::full({2, 2 * kRows}, 2, torch::kInt64)));
  EXPECT_TRUE(torch::allclose(out.weights.sum(1), torch::ones({2, 2 * kRows}, torch::kFloat64)));
}

TEST(Kernels, LayerNormIsLibTorchs) {
  const std::int64_t rows = 5, width = 37;
  Tensor x = numbers({rows, width}, 1), bias = numbers({width}, 2), weight = numbers({width}, 3),
         shift = numbers({width}, 4), upstream = numbers({rows, width}, 5);
  std::vector<Tensor> leaves = {x.clone(), bias.clone(), weight.clone(), shift.clone()};
  for (Tensor& leaf : leaves) leaf.set_requires_grad(true);
  const Tensor expected =
      torch::layer_norm(leaves[0] + leaves[1], {width}, leaves[2], leaves[3], trainer::kLayerNormEpsilon);
  expected.backward(upstream);

  Tensor z = x.clone(), y = torch::empty_like(x), rstd = torch::empty({rows}, torch::kFloat64);
  trainer::layer_norm_forward(z.data_ptr<double>(), bias.data_ptr<double>(), weight.data_ptr<double>(),
                              shift.data_ptr<double>(), 5, 37, rstd.data_ptr<double>(), y.data_ptr<double>());
  EXPECT_TRUE(torch::allclose(y, expected, 1e-12, 1e-12));
  Tensor d = upstream.clone(), dbias = torch::empty_like(bias), dweight = torch::empty_like(bias),
         dshift = torch::empty_like(bias);
  trainer::layer_norm_backward(z.data_ptr<double>(), rstd.data_ptr<double>(), weight.data_ptr<double>(), 5, 37,
                               d.data_ptr<double>(), dbias.data_ptr<double>(), dweight.data_ptr<double>(),
                               dshift.data_ptr<double>());
  EXPECT_TRUE(torch::allclose(d, leaves[0].grad(), 1e-10, 1e-12));
  EXPECT_TRUE(torch::allclose(dbias, leaves[1].grad(), 1e-10, 1e-12));
  EXPECT_TRUE(torch::allclose(dweight, leaves[2].grad(), 1e-10, 1e-12));
  EXPECT_TRUE(torch::allclose(dshift, leaves[3].grad(), 1e-10, 1e-12));
}

/// 300 steps on one fixed sequence of gradients, ours and LibTorch's.
template <class Reference, class Options>
void compare_with(const Options& options, double decoupled, double l2) {
  const std::int64_t count = 101;
  const Tensor start = numbers({count}, 1);
  Tensor theirs = start.clone().set_requires_grad(true);
  Reference reference({theirs}, options);
  Tensor p = start.clone(), m = torch::zeros_like(p), v = torch::zeros_like(p);
  for (int step = 1; step <= 300; ++step) {
    const Tensor gradient = numbers({count}, static_cast<std::uint64_t>(step)) + 0.1 * theirs.detach();
    const Tensor own = numbers({count}, static_cast<std::uint64_t>(step)) + 0.1 * p;
    theirs.mutable_grad() = gradient;
    reference.step();
    trainer::AdamStep s;
    s.learning_rate = 3e-3;
    s.decoupled_decay = decoupled;
    s.l2_decay = l2;
    s.step = step;
    EXPECT_TRUE(trainer::adam_update(p.data_ptr<double>(), own.data_ptr<double>(), m.data_ptr<double>(),
                                     v.data_ptr<double>(), static_cast<std::size_t>(count), s));
  }
  EXPECT_TRUE(torch::allclose(p, theirs.detach(), 1e-11, 1e-13));
}

TEST(Optimizer, AdamWIsLibTorchs) {
  compare_with<torch::optim::AdamW>(torch::optim::AdamWOptions(3e-3).weight_decay(0.05), 0.05, 0);
}

TEST(Optimizer, AdamWithL2IsLibTorchs) {
  compare_with<torch::optim::Adam>(torch::optim::AdamOptions(3e-3).weight_decay(0.05), 0, 0.05);
}

TEST(Optimizer, TellsWhenAParameterIsNoLongerFinite) {
  for (const std::size_t at : {0u, 33u, 69u}) {
    std::vector<float> p(70, 1), g(70, 0.5F), m(70, 0), v(70, 0);
    g[at] = INFINITY;
    EXPECT_FALSE(trainer::adam_update(p.data(), g.data(), m.data(), v.data(), p.size(), {}));
  }
}

TEST(Optimizer, SchedulesWarmUpThenHoldOrFallToZero) {
  using trainer::Decay;
  EXPECT_DOUBLE_EQ(trainer::scheduled_rate(1, Decay::kCosine, 0, 4, 12), 0.25);
  EXPECT_DOUBLE_EQ(trainer::scheduled_rate(1, Decay::kCosine, 3, 4, 12), 1);
  EXPECT_DOUBLE_EQ(trainer::scheduled_rate(1, Decay::kCosine, 8, 4, 12), 0.5);
  EXPECT_NEAR(trainer::scheduled_rate(1, Decay::kCosine, 12, 4, 12), 0, 1e-15);
  EXPECT_DOUBLE_EQ(trainer::scheduled_rate(2, Decay::kConstant, 11, 4, 12), 2);
}

// The definition, with the covariances themselves.
TEST(Losses, CoralIsTheDistanceOfCovariances) {
  const Tensor s = numbers({1, 9, 4}, 1), t = numbers({1, 6, 4}, 2);
  const Tensor real_s = torch::ones({1, 9}, torch::kBool),
               real_t = torch::tensor({true, true, true, true, true, false}).view({1, 6});
  const auto covariance = [](const Tensor& x) {
    const Tensor centred = x - x.mean(0, true);
    return torch::mm(centred.t(), centred) / (x.size(0) - 1);
  };
  const double expected =
      (covariance(s[0]) - covariance(t[0].narrow(0, 0, 5))).square().sum().item<double>() / (4 * 16);
  EXPECT_NEAR(trainer::coral_loss(s, real_s, t, real_t).item<double>(), expected, 1e-13);
}

TEST(Losses, HeadsAreMeansOverRealRows) {
  const Tensor logits = numbers({2, kRows, 2 * kClasses}, 1);
  const trainer::Targets want = targets(2, kRows);
  const trainer::LossTerms terms = trainer::head_losses(double_config(), logits, want);
  for (int k = 0; k < 2; ++k) {
    double presence = 0, salience = 0;
    for (int i = 0; i < kRows - 1; ++i) {
      double sum = 0;
      for (int c = 0; c < kClasses; ++c) sum += std::exp(logits[k][i][kClasses + c].item<double>());
      for (int c = 0; c < kClasses; ++c) {
        const double p = 1 / (1 + std::exp(-logits[k][i][c].item<double>()));
        const double y = want.presence[k][i][c].item<double>(), t = want.salience[k][i][c].item<double>();
        presence -= (y * std::log(p) + (1 - y) * std::log(1 - p)) / kClasses;
        salience += t * std::log(t / (std::exp(logits[k][i][kClasses + c].item<double>()) / sum));
      }
    }
    EXPECT_NEAR(terms.presence[k].item<double>(), presence / (kRows - 1), 1e-12);
    EXPECT_NEAR(terms.salience[k].item<double>(), salience / (kRows - 1), 1e-12);
  }
}

TEST(Losses, OfTheHandWrittenHeadAreThoseOfLibTorchsOperations) {
  for (const auto head : {sweep::Head::kDecoupled, sweep::Head::kSoftmax}) {
    Config config = double_config();
    config.head = head;
    const trainer::Targets want = targets(2, kRows);
    const std::int64_t width = head == sweep::Head::kDecoupled ? 2 * kClasses : kClasses;
    Tensor by_hand = numbers({2, kRows, width}, 1).mul_(4).set_requires_grad(true),
           composite = by_hand.detach().clone().set_requires_grad(true);
    const auto total = [](const trainer::LossTerms& terms) {
      const Tensor weight = torch::tensor({0.3, 1.9}, torch::kFloat64);
      const Tensor salience = (terms.salience * weight).sum();
      return terms.presence.defined() ? salience + (terms.presence * weight.flip(0)).sum() : salience;
    };
    const Tensor a = total(trainer::head_losses(config, by_hand, want)),
                 b = total(trainer::composite_head_losses(config, composite, want));
    EXPECT_NEAR(a.item<double>(), b.item<double>(), 1e-13);
    a.backward();
    b.backward();
    EXPECT_TRUE(torch::allclose(by_hand.grad(), composite.grad(), 1e-12, 1e-14));
    EXPECT_EQ(by_hand.grad().select(1, kRows - 1).abs().max().item<double>(), 0) << "padding";
  }
}

// Six classes, one of which never blends: 36 labels. Ratios are smoothed first, then labels: .9 * .6 + .1 / 36 and so
// on.
TEST(Targets, OfALabelHeadAreSmoothedByRatioAndThenOverAllLabels) {
  Config config = double_config();
  config.head = sweep::Head::kLabel;
  config.ratio_smoothing = 0.4;
  config.label_smoothing = 0.1;
  const data::Dataset dataset = planted_dataset();
  config.encoders = dataset.encoder_names();
  const trainer::Features features(dataset, trainer::Features::Actors::kNormalize, {});
  trainer::StatisticsCache statistics(features);
  const trainer::TrialState state = trainer::make_trial_state({"t", config, 0, 1}, statistics);
  ASSERT_EQ(state.head.outputs(), 36);
  EXPECT_TRUE(state.presence_targets.empty());
  int singles = 0, ends = 0, halves = 0;
  for (std::size_t i = 0; i < state.train.size(); ++i) {
    const auto begin = state.salience_targets.begin() + static_cast<std::ptrdiff_t>(36 * i);
    std::vector<double> row(begin, begin + 36);
    std::sort(row.rbegin(), row.rend());
    const sweep::Label label = *dataset.clips[static_cast<std::size_t>(state.train[i])].label;
    EXPECT_EQ(begin[trainer::LabelSets(dataset.classes).label_index_of(label)], row[0]);
    const std::vector<double> shares = !label.is_blend()      ? std::vector<double>{1, 0, 0}
                                       : label.salience == 50 ? std::vector<double>{0.6, 0.2, 0.2}
                                                              : std::vector<double>{0.6, 0.4, 0};
    ++(!label.is_blend() ? singles : label.salience == 50 ? halves : ends);
    for (std::size_t j = 0; j < 36; ++j) {
      EXPECT_NEAR(row[j], 0.9 * (j < shares.size() ? shares[j] : 0) + 0.1 / 36, 1e-15);
    }
  }
  EXPECT_TRUE(singles > 0 && ends > 0 && halves > 0);
}

/// Trains groups made of all `specs` (the path of GPUs, on the CPU) and of each alone; what each trial ends with.
struct PackedAndAlone {
  PackedAndAlone(const data::Dataset& dataset, const std::vector<sweep::TrialSpec>& specs) {
    const trainer::Features features(dataset, trainer::Features::Actors::kNormalize, {});
    trainer::StatisticsCache statistics(features);
    trainer::use_one_thread();
    const int epochs = specs.front().config.epochs;
    const auto train = [&](std::vector<trainer::TrialState*> states, FusedModel::Kernels kernels) {
      trainer::OneRank one;
      trainer::Group group(states, features, torch::kCPU, trainer::Gang(one, torch::kCPU), kernels);
      for (int epoch = 1; epoch <= epochs; ++epoch) {
        group.begin_epoch();
        while (group.index() < group.steps()) group.step();
        group.end_epoch();
      }
    };
    std::vector<trainer::TrialState*> all;
    packed.reserve(specs.size());
    for (const auto& spec : specs) {
      alone.push_back(trainer::make_trial_state(spec, statistics));
      packed.push_back(trainer::make_trial_state(spec, statistics));
      all.push_back(&packed.back());
    }
    for (auto& state : alone) train({&state}, FusedModel::Kernels::kByDevice);
    train(all, kBatched);
  }

  void expect_equal(std::size_t k) const {
    const Tensor a = alone[k].held_out_parameters, b = packed[k].held_out_parameters;
    ASSERT_TRUE(a.defined() && b.defined()) << "trial " << k << " " << packed[k].divergence;
    EXPECT_LT((a - b).norm().item<double>() / a.norm().item<double>(), 1e-10) << "trial " << k;
    EXPECT_GT(a.norm().item<double>(), 1);
    const auto &epochs = alone[k].result.epochs, &others = packed[k].result.epochs;
    ASSERT_EQ(epochs.size(), others.size());
    for (std::size_t e = 0; e < epochs.size(); ++e) {
      ASSERT_EQ(epochs[e].terms.size(), others[e].terms.size()) << "a term that only a neighbour has";
      for (std::size_t t = 0; t < epochs[e].terms.size(); ++t) {
        EXPECT_EQ(epochs[e].terms[t].name, others[e].terms[t].name);
        EXPECT_NEAR(epochs[e].terms[t].value, others[e].terms[t].value, 1e-8);
      }
    }
  }

  std::vector<trainer::TrialState> alone, packed;
};

Config planted_config() {
  Config config = double_config();
  config.encoders = {"clear", "faint", "noise"};
  config.batch_size = 16;
  return config;
}

TEST(Group, ThousandBatchedStepsInFloat64StayWithinATenthOfABillionthOfTheTrialAlone) {
  Config config = planted_config();
  config.epochs = 175;  // of six steps
  std::vector<sweep::TrialSpec> specs = {{"0", config, 0, 1}, {"1", config, 1, 2}, {"2", config, 2, 3}};
  specs[1].config.encoders = {"clear", "noise"};
  specs[2].config.learning_rate = 3e-3;
  const PackedAndAlone trained(planted_dataset(), specs);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_GE(trained.alone[k].step, 1000);
    trained.expect_equal(k);
  }
}

using Groups = Gradients;

// Numbers differ between the trials of a group, and one of them diverges at once.
TEST_P(Groups, TrainEachTrialAsIfItWereAlone) {
  data::Dataset dataset = planted_dataset();
  values_of(dataset, "faint")[3] = std::nanf("");
  Config config = with(planted_config(), GetParam().settings);
  config.epochs = 10;
  config.encoders = {"clear", "noise"};
  std::vector<sweep::TrialSpec> specs = {{"0", config, 0, 1}, {"1", config, 1, 2}, {"2", config, 1, 3}};
  specs[1].config.gate_noise = specs[1].config.balance_weight = specs[1].config.focal_gamma = 0;
  specs[1].config.mixup = specs[1].config.rdrop_weight = 0;
  specs[1].config.mass = 0.9;
  specs[1].config.top_n = 1;
  specs[2].config.encoders = {"clear", "faint", "noise"};
  const PackedAndAlone trained(dataset, specs);
  trained.expect_equal(0);
  trained.expect_equal(1);
  EXPECT_FALSE(trained.packed[2].divergence.empty());
}

INSTANTIATE_TEST_SUITE_P(Every, Groups, testing::ValuesIn(kSwitches), switch_name);

}  // namespace
}  // namespace medley::tests
