// Norm and GELU's kernels in plain loops, against the CPU's layer norm and GELU's formula.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tests/trainer/cuda_numbers.h"
#include "trainer/cuda/norm_bodies.h"
#include "trainer/cuda/on_host.h"
#include "trainer/kernels/layer_norm.h"

namespace medley::tests {
namespace {

using namespace trainer::cuda;

constexpr std::int64_t kTrials = 2, kRows = 6, kWidth = 70, kStride = 3 * kWidth + 2;

double normal_distribution(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }

/// The CPU's layer norm, then GELU; and the gradients.
TEST(CudaNorm, IsTheCpusNormThenGelu) {
  const std::int64_t all = kTrials * kRows * kWidth;
  const std::vector<double> z = numbers<double>(all, 1), flat = numbers<double>(kTrials * kStride, 2),
                            d = numbers<double>(all, 3), no_bias(kWidth, 0.0);
  std::vector<double> x(z.size(), NAN), rstd(kTrials * kRows, NAN), y(z.size(), NAN), daffine(z.size(), NAN),
      dz(z.size(), NAN), dweight(kTrials * kWidth, NAN), dshift(kTrials * kWidth, NAN);
  const NormVectors<double> vectors{flat.data(), flat.data() + kWidth, kStride};
  each_warp_on_host(kTrials, kRows,
                    NormGeluBody<double>{z.data(), vectors, kRows, kWidth, trainer::kLayerNormEpsilon, x.data(),
                                         rstd.data(), y.data()});
  each_warp_on_host(
      kTrials, kRows,
      NormGeluBackwardBody<double>{d.data(), x.data(), rstd.data(), vectors, kRows, kWidth, daffine.data(), dz.data()});
  each_on_host(kTrials, kWidth,
               NormVectorsBackwardBody<double>{daffine.data(), x.data(), kRows, kWidth, dweight.data(), dshift.data()});
  for (std::int64_t k = 0; k < kTrials; ++k) {
    const double *weight = flat.data() + k * kStride, *shift = weight + kWidth;
    const auto first = static_cast<std::size_t>(k * kRows * kWidth);
    std::vector<double> normalised(z.begin() + static_cast<std::ptrdiff_t>(first),
                                   z.begin() + static_cast<std::ptrdiff_t>(first) + kRows * kWidth);
    std::vector<double> affine(normalised.size()), expected_rstd(kRows), dy(normalised.size()), dbias(kWidth),
        expected_dweight(kWidth), expected_dshift(kWidth);
    trainer::layer_norm_forward(normalised.data(), no_bias.data(), weight, shift, kRows, kWidth, expected_rstd.data(),
                                affine.data());
    for (std::size_t i = 0; i < affine.size(); ++i) {
      const double a = affine[i];
      EXPECT_NEAR(y[first + i], a * normal_distribution(a), 1e-13);
      dy[i] = d[first + i] * (normal_distribution(a) + a * normal_density(a));
    }
    trainer::layer_norm_backward(normalised.data(), expected_rstd.data(), weight, kRows, kWidth, dy.data(),
                                 dbias.data(), expected_dweight.data(), expected_dshift.data());
    for (std::size_t i = 0; i < dy.size(); ++i) {
      EXPECT_NEAR(x[first + i], normalised[i], 1e-13);
      EXPECT_NEAR(dz[first + i], dy[i], 1e-12);
    }
    for (std::int64_t j = 0; j < kWidth; ++j) {
      const auto column = static_cast<std::size_t>(j);
      EXPECT_NEAR(dweight[static_cast<std::size_t>(k * kWidth + j)], expected_dweight[column], 1e-12);
      EXPECT_NEAR(dshift[static_cast<std::size_t>(k * kWidth + j)], expected_dshift[column], 1e-12);
    }
  }
}

}  // namespace
}  // namespace medley::tests
