// precision tf32 and bfloat16: what rounds, and what does not.
#include <cmath>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "trainer/model/model.h"

namespace medley::tests {
namespace {

using sweep::Precision;
using torch::Tensor;
using trainer::FusedModel;

struct Said {
  Tensor parameters, logits, gradients;
};

Said say(Precision precision, FusedModel::Kernels kernels) {
  sweep::Config config = small_config();
  config.precision = precision;
  config.dropout = 0;
  config.selection = sweep::Selection::kAll;  // no choice that rounding could turn
  FusedModel model(trainer::make_layout(config, {{"a", 40}, {"b", 30}}, sweep::Classes::blemore()),
                   {{config, 1, {true, true}}}, torch::kCPU, kernels);
  torch::manual_seed(3);
  const std::vector<Tensor> inputs = {torch::randn({1, 8, 40}), torch::randn({1, 8, 30})};
  const FusedModel::Draws draws{{1}};
  const Tensor logits = model.forward(inputs, &draws).logits;
  model.backward(logits.square().sum({1, 2}));
  return {model.parameters, logits.detach(), model.gradients};
}

double distance(const Tensor& a, const Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

// A factor is rounded to 8 bits: 2^-9 of it at most, about 2^-10 as a rule; sums of them stay near that.
TEST(Precision, Bfloat16RoundsTheFactorsOfProductsAndNothingElse) {
  const Said exact = say(Precision::kFloat32, FusedModel::Kernels::kComposite);
  const Said rounded = say(Precision::kBfloat16, FusedModel::Kernels::kByDevice);
  EXPECT_EQ(rounded.parameters.scalar_type(), torch::kFloat32);
  EXPECT_EQ(rounded.logits.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(rounded.parameters, exact.parameters));
  EXPECT_GT(distance(rounded.logits, exact.logits), 1e-4);
  EXPECT_LT(distance(rounded.logits, exact.logits), 2e-2);
  EXPECT_GT(distance(rounded.gradients, exact.gradients), 1e-4);
  EXPECT_LT(distance(rounded.gradients, exact.gradients), 2e-2);
}

TEST(Precision, Tf32IsFloat32WhereTheDeviceHasNoTf32) {
  const Said exact = say(Precision::kFloat32, FusedModel::Kernels::kByDevice);
  const Said tf32 = say(Precision::kTf32, FusedModel::Kernels::kByDevice);
  EXPECT_TRUE(torch::equal(tf32.logits, exact.logits));
  EXPECT_TRUE(torch::equal(tf32.gradients, exact.gradients));
}

TEST(Precision, Bfloat16LearnsLikeFloat32AndDoesNotHangOnThePack) {
  const data::Dataset dataset = planted_dataset();
  sweep::Config config = small_config();
  const double exact = alone(dataset, trial(config)).epochs.back().loss;
  config.precision = Precision::kBfloat16;
  const sweep::TrialResult rounded = alone(dataset, trial(config));
  EXPECT_NEAR(rounded.epochs.back().loss, exact, 0.03 * exact);
  EXPECT_NE(rounded.epochs.back().loss, exact);
  const auto pack = trainer::train_pack(dataset, {trial(config, 1, 7), trial(config)});
  EXPECT_EQ(bits(pack[1]), bits(rounded));
}

}  // namespace
}  // namespace medley::tests
