// The optimiser's kernels in plain loops (trainer/cuda/on_host.h), against the CPU's optimiser, bit for bit.
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "tests/trainer/cuda_numbers.h"
#include "trainer/cuda/adam_bodies.h"
#include "trainer/cuda/on_host.h"
#include "trainer/kernels/optimizer.h"

namespace medley::tests {
namespace {

using namespace trainer::cuda;
using trainer::AdamStep;

constexpr std::int64_t kSize = 16 * 40;

AdamStep step_of(int k, bool adamw, bool decays) {
  AdamStep step;
  step.learning_rate = 1e-2 * (k + 1);
  step.step = 1 + 5 * k;
  (adamw ? step.decoupled_decay : step.l2_decay) = decays ? 0.1 : 0;
  return step;
}

/// Two trials with parameters from `use`.
template <class T>
struct Flat {
  std::vector<T> p = numbers<T>(2 * kSize, 1), g = numbers<T>(2 * kSize, 2), m = numbers<T>(2 * kSize, 3),
                 v = numbers<T>(2 * kSize, 4, 0, 1);
  std::vector<std::uint8_t> use = std::vector<std::uint8_t>(2 * kSize / kUseBlock, 2);
  std::vector<AdamTrial<T>> trials = std::vector<AdamTrial<T>>(2);
  std::vector<double> scales = {1, 1};
  std::vector<std::int32_t> finite = {1, 1};

  void step() {
    each_on_host(2, kSize,
                 AdamBody<T>{p.data(), g.data(), m.data(), v.data(), use.data(), kSize, trials.data(), scales.data(),
                             finite.data()});
  }
};

template <class T>
class CudaAdam : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(CudaAdam, Types);

TYPED_TEST(CudaAdam, GivesTheBitsOfTheCpuRangeByRange) {
  using T = TypeParam;
  for (const bool adamw : {true, false}) {
    Flat<T> flat;
    // Blocks 0-9 decay, 10-19 do not, 20-24 are not trained, the others decay.
    for (int k = 0; k < 2; ++k) {
      auto* use = flat.use.data() + k * kSize / kUseBlock;
      std::fill(use + 10, use + 20, static_cast<std::uint8_t>(Use::kPlain));
      std::fill(use + 20, use + 25, static_cast<std::uint8_t>(Use::kNone));
      flat.trials[static_cast<std::size_t>(k)].factors = trainer::AdamFactors<T>(step_of(k, adamw, true));
      flat.trials[static_cast<std::size_t>(k)].moves = 1;
    }
    flat.scales = {1, 0.3};
    Flat<T> expected = flat;
    for (int k = 0; k < 2; ++k) {
      const auto range = [&](std::int64_t first, std::int64_t last, bool decays) {
        AdamStep step = step_of(k, adamw, decays);
        step.gradient_scale = flat.scales[static_cast<std::size_t>(k)];
        const std::int64_t at = k * kSize + first * kUseBlock;
        trainer::adam_update(expected.p.data() + at, expected.g.data() + at, expected.m.data() + at,
                             expected.v.data() + at, static_cast<std::size_t>((last - first) * kUseBlock), step);
      };
      range(0, 10, true);
      range(10, 20, false);
      range(25, 40, true);
    }
    flat.step();
    EXPECT_EQ(flat.p, expected.p);
    EXPECT_EQ(flat.m, expected.m);
    EXPECT_EQ(flat.v, expected.v);
    EXPECT_EQ(flat.finite, (std::vector<std::int32_t>{1, 1}));
  }
}

TYPED_TEST(CudaAdam, LeavesATrialThatDoesNotMove) {
  Flat<TypeParam> flat;
  flat.trials[0].moves = 1;
  const Flat<TypeParam> before = flat;
  flat.step();
  for (std::int64_t i = 0; i < 2 * kSize; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_EQ(flat.m[at] == before.m[at], i >= kSize) << i;
    EXPECT_EQ(flat.v[at] == before.v[at] && flat.p[at] == before.p[at], i >= kSize) << i;
  }
}

TYPED_TEST(CudaAdam, SaysWhichTrialIsNoLongerFinite) {
  for (const double bad : {NAN, INFINITY}) {
    Flat<TypeParam> flat;
    flat.trials[0].moves = flat.trials[1].moves = 1;
    flat.trials[0].factors = flat.trials[1].factors = trainer::AdamFactors<TypeParam>(step_of(0, true, true));
    flat.g[kSize + 17] = static_cast<TypeParam>(bad);
    flat.step();
    EXPECT_EQ(flat.finite, (std::vector<std::int32_t>{1, 0}));
  }
}

TYPED_TEST(CudaAdam, ClipsByTheNormOfTheTrainedGradients) {
  using T = TypeParam;
  constexpr int kSegmentsHere = 7;  // more than one segment, the last ones in part or empty
  Flat<T> flat;
  flat.use[3] = flat.use[kSize / kUseBlock + 39] = static_cast<std::uint8_t>(Use::kNone);
  flat.g[3 * kUseBlock] = static_cast<T>(1e6);  // not trained: does not count
  std::vector<double> partial(2 * kSegmentsHere, NAN);
  flat.trials[0].clip = 0.25;
  flat.trials[1].clip = 1e9;
  each_warp_on_host(2, kSegmentsHere,
                    SquaresBody<T>{flat.g.data(), flat.use.data(), kSize, segment_length(kSize, kSegmentsHere),
                                   partial.data(), kSegmentsHere});
  each_warp_on_host(2, 1, ScaleBody<T>{partial.data(), kSegmentsHere, flat.trials.data(), flat.scales.data()});
  double squares = 0;
  for (std::int64_t i = 0; i < kSize; ++i) {
    const auto g = static_cast<double>(flat.g[static_cast<std::size_t>(i)]);
    if (i / kUseBlock != 3) squares += g * g;
  }
  EXPECT_NEAR(flat.scales[0], 0.25 / std::sqrt(squares), 1e-14);
  EXPECT_EQ(flat.scales[1], 1);
}

TEST(CudaLanes, SumEveryTermOnce) {
  for (const int count : {0, 1, 31, 32, 33, 1000}) {
    EXPECT_EQ(Lanes{}.sum<std::int64_t>(count, [](int j) { return j + 1; }), count * (count + 1) / 2) << count;
  }
}

}  // namespace
}  // namespace medley::tests
