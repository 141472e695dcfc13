// GpuKernels::drop() on tensors, its launches plain loops (cuda_on_host.cpp).
#include <gtest/gtest.h>
#include <torch/types.h>

#include "trainer/kernels/gpu_kernels.h"

namespace medley::tests {
namespace {

using torch::Tensor;
using trainer::Purpose;

const std::vector<trainer::TrialDrop> kDrops = {{{5, Purpose::kFusionDropout, 3, 0}, 0.4},
                                                {{6, Purpose::kFusionDropout, 9, 0}, 0}};

TEST(GpuDrop, OfARanksRowsIsThatOfTheWholeBatch) {
  torch::manual_seed(1);
  const Tensor whole = torch::randn({2, 10, 33}, torch::kFloat64);
  const std::vector<std::int64_t> places = {7, 0, 4};
  const Tensor rows = torch::tensor(places);
  const trainer::GpuKernels& kernels = *trainer::find_gpu_kernels();
  EXPECT_TRUE(torch::equal(kernels.drop(whole.index_select(1, rows), kDrops, places),
                           kernels.drop(whole, kDrops, {}).index_select(1, rows)));
}

TEST(GpuDrop, PassesTheGradientOfWhatItKeeps) {
  const Tensor x = torch::ones({2, 10, 33}, torch::dtype(torch::kFloat64).requires_grad(true));
  const Tensor y = trainer::find_gpu_kernels()->drop(x, kDrops, {});
  // Strided, as a gradient may be.
  y.transpose(1, 2).contiguous().transpose(1, 2).sum().backward();
  EXPECT_TRUE(torch::equal(x.grad(), y.detach())) << "of ones, what is kept is its own factor";
  EXPECT_NEAR(y.detach()[0].eq(0).to(torch::kFloat64).mean().item<double>(), 0.4, 0.1);
  EXPECT_TRUE(torch::equal(y.detach()[1], x.detach()[1])) << "a rate of 0 keeps all";
}

}  // namespace
}  // namespace medley::tests
