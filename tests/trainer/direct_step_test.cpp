// The step by hand against finite differences, and against autograd's graph over whole trainings.
#include "trainer/direct_step.h"

#include <cmath>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/trainer/planted_dataset.h"
#include "tests/trainer/switches.h"
#include "trainer/group.h"

namespace medley::tests {
namespace {

using sweep::Config;
using torch::Tensor;
using trainer::FusedModel;

Config tiny_config(const char* settings) {
  Config config = double_config();
  config.encoders = {"clear", "faint", "noise"};
  config.batch_size = 17;
  return with(config, settings);
}

/// Every gate, selection, weighting, head and baseline that the step takes, and what meets in its code.
constexpr Switch kTaken[] = {
    {"scorer", R"({})"},
    {"query", R"({"gate": "query"})"},
    {"scorer_all_noise", R"({"selection": "all", "gate_noise": 0.4})"},
    {"query_noise_balance", R"({"gate": "query", "gate_noise": 0.7, "balance_weight": 0.3})"},
    {"scorer_cut_balance", R"({"renormalise": false, "balance_weight": 0.5})"},
    {"query_cut_top1", R"({"gate": "query", "renormalise": false, "top_n": 1})"},
    {"random", R"({"selection": "random"})"},
    {"random_cut", R"({"selection": "random", "renormalise": false})"},
    {"fixed_query", R"({"selection": "fixed", "gate": "query"})"},
    {"uniform", R"({"weights": "uniform"})"},
    {"uniform_query", R"({"weights": "uniform", "gate": "query"})"},
    {"uniform_all", R"({"weights": "uniform", "selection": "all"})"},
    {"uniform_random", R"({"weights": "uniform", "selection": "random"})"},
    {"uniform_fixed", R"({"weights": "uniform", "selection": "fixed"})"},
    {"mean", R"({"fusion": "mean"})"},
    {"concat", R"({"fusion": "concat"})"},
    {"concat_linear", R"({"fusion": "concat", "hidden": 0, "head": "softmax"})"},
    {"concat_set_ratio", R"({"fusion": "concat", "head": "set-ratio", "label_smoothing": 0.1})"},
    {"concat_label", R"({"fusion": "concat", "head": "label", "ratio_smoothing": 0.3})"},
    {"softmax", R"({"head": "softmax"})"},
    {"set_ratio_mixup", R"({"head": "set-ratio", "mixup": 0.4})"},
    {"label_mixup", R"({"head": "label", "mixup": 2, "label_smoothing": 0.1})"},
    {"weights_of_terms", R"({"presence_weight": 0.3, "salience_weight": 1.7})"},
    {"no_presence", R"({"presence_weight": 0})"},
    {"no_dropout_adam", R"({"dropout": 0, "optimizer": "adam", "weight_decay": 0.1})"},
    {"clipped", R"({"grad_clip": 0.1, "fusion": "concat"})"},
    {"clipped_gate", R"({"grad_clip": 0.1})"},
    {"moments", R"({"adaptation": "moments", "adaptation_target": "test", "normalize": "actor"})"},
};

/// A trial of the planted dataset and its step.
struct Problem {
  explicit Problem(const Config& config)
      : state(trainer::make_trial_state({"t", config, 0, 1}, statistics)),
        inputs{features, state.encoders},
        model(state.layout, {{config, 1, {true, true, true}, state.strength}}, torch::kCPU),
        objective({&state}, model),
        step(trainer::DirectStep::make({&state}, inputs, model, objective)),
        order(trainer::draw_order({&state}, 1)) {}

  /// Of the epoch's last step, which is not full.
  double loss() {
    const long index = state.steps_per_epoch - 1;
    const trainer::Batch batch = trainer::draw_batch({&state}, objective.blocks(), order, index);
    return step->forward(model, batch, order.train.front(), index).front();
  }

  data::Dataset dataset = planted_dataset();
  trainer::Features features{dataset, trainer::Features::Actors::kNormalize, {}};
  trainer::StatisticsCache statistics{features};
  trainer::TrialState state;
  trainer::ModelInputs inputs;
  FusedModel model;
  trainer::Objective objective;
  std::unique_ptr<trainer::DirectStep> step;
  trainer::EpochOrder order;
};

class DirectSteps : public testing::TestWithParam<Switch> {};

TEST_P(DirectSteps, HaveTheGradientsOfFiniteDifferences) {
  Problem problem(tiny_config(GetParam().settings));
  ASSERT_TRUE(problem.step);
  ASSERT_NE(problem.state.train.size() % 17, 0u) << "a last batch that is full";
  const double loss = problem.loss();
  EXPECT_TRUE(std::isfinite(loss) && loss > 0);
  trainer::Move move{true, 1e-3, 1};
  problem.step->backward(problem.model, nullptr, move);
  const Tensor gradients = problem.model.gradients[0].clone();
  const double step = 1e-6;
  double largest = 0;
  for (const trainer::Parameter& p : problem.model.layout().parameters) {
    for (std::int64_t i = 0; i < p.size; i += 1 + p.size / 11) {
      double* value = problem.model.parameters.data_ptr<double>() + p.offset + i;
      const double saved = *value;
      *value = saved + step;
      const double above = problem.loss();
      *value = saved - step;
      const double below = problem.loss();
      *value = saved;
      const double found = gradients[p.offset + i].item<double>();
      largest = std::max(largest, std::abs(found));
      EXPECT_NEAR(found, (above - below) / (2 * step), 1e-8) << p.name << " " << i;
    }
  }
  EXPECT_GT(largest, 1e-3);
}

/// What the trial ends with after `epochs` of steps of this kind.
trainer::TrialState trained(const Config& config, FusedModel::Kernels kernels) {
  const data::Dataset dataset = planted_dataset();
  const trainer::Features features(dataset, trainer::Features::Actors::kNormalize, {});
  trainer::StatisticsCache statistics(features);
  trainer::use_one_thread();
  trainer::TrialState state = trainer::make_trial_state({"t", config, 1, 3}, statistics);
  trainer::OneRank one;
  trainer::Group group({&state}, features, torch::kCPU, trainer::Gang(one, torch::kCPU), kernels);
  for (int epoch = 1; epoch <= config.epochs; ++epoch) {
    group.begin_epoch();
    while (group.index() < group.steps()) group.step();
    group.end_epoch();
  }
  return state;
}

void expect_near(const trainer::TrialState& a, const trainer::TrialState& b, double tolerance) {
  ASSERT_TRUE(a.held_out_parameters.defined() && b.held_out_parameters.defined()) << a.divergence << b.divergence;
  const Tensor difference = a.held_out_parameters - b.held_out_parameters;
  EXPECT_LT(difference.norm().item<double>(), tolerance * a.held_out_parameters.norm().item<double>());
  ASSERT_EQ(a.result.epochs.size(), b.result.epochs.size());
  for (std::size_t e = 0; e < a.result.epochs.size(); ++e) {
    const auto &ours = a.result.epochs[e], &theirs = b.result.epochs[e];
    EXPECT_NEAR(ours.loss, theirs.loss, 10 * tolerance * theirs.loss);
    ASSERT_EQ(ours.terms.size(), theirs.terms.size());
    for (std::size_t t = 0; t < ours.terms.size(); ++t) {
      EXPECT_EQ(ours.terms[t].name, theirs.terms[t].name);
      EXPECT_NEAR(ours.terms[t].value, theirs.terms[t].value, 10 * tolerance * ours.loss) << ours.terms[t].name;
    }
  }
}

TEST_P(DirectSteps, TrainAsAutogradsGraphDoes) {
  Config config = tiny_config(GetParam().settings);
  config.epochs = 12;
  expect_near(trained(config, FusedModel::Kernels::kByDevice), trained(config, FusedModel::Kernels::kPairs), 1e-11);
  config.precision = sweep::Precision::kFloat32;
  config.epochs = 3;
  expect_near(trained(config, FusedModel::Kernels::kByDevice), trained(config, FusedModel::Kernels::kPairs), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Taken, DirectSteps, testing::ValuesIn(kTaken), switch_name);

// Rows without a gradient are zeros in the graph: to leave them out changes no bit.
TEST(DirectStep, HasTheBitsOfTheGraphWhereBothCallTheSameKernels) {
  for (const char* settings :
       {R"({})", R"({"renormalise": false})", R"({"fusion": "concat"})", R"({"head": "softmax"})",
        R"({"gate_noise": 0.7, "selection": "random", "mixup": 0.4})"}) {
    Config config = tiny_config(settings);
    config.precision = sweep::Precision::kFloat32;
    config.projection_dim = 48;
    config.epochs = 3;
    const trainer::TrialState ours = trained(config, FusedModel::Kernels::kByDevice),
                              graphs = trained(config, FusedModel::Kernels::kPairs);
    EXPECT_TRUE(torch::equal(ours.held_out_parameters, graphs.held_out_parameters)) << settings;
    EXPECT_EQ(ours.result.epochs.back().loss, graphs.result.epochs.back().loss) << settings;
  }
}

TEST(DirectStep, LeavesWhatItDoesNotKnowToTheGraph) {
  std::set<std::string> left;
  for (const Switch& switched : kSwitches) {
    if (!trainer::DirectStep::takes(tiny_config(switched.settings))) left.insert(switched.name);
  }
  EXPECT_EQ(left, (std::set<std::string>{"context",
                                         "threshold",
                                         "threshold_uniform",
                                         "sparsemax",
                                         "entmax15",
                                         "entmax15_threshold",
                                         "sparsemax_cut",
                                         "rank_concat",
                                         "rank_concat_fixed",
                                         "modality_concat",
                                         "softmax_focal",
                                         "set_ratio_cdan",
                                         "label_cdan_concat",
                                         "label_smooth",
                                         "label_rdrop_mixup",
                                         "alignment",
                                         "coral",
                                         "mmd",
                                         "dann",
                                         "cdan",
                                         "cmd",
                                         "concat_dann",
                                         "focal",
                                         "rdrop",
                                         "rdrop_mmd_mixup"}));
  for (const Switch& switched : kTaken) EXPECT_TRUE(trainer::DirectStep::takes(tiny_config(switched.settings)));
}

}  // namespace
}  // namespace medley::tests
