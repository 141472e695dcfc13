// The gate's kernels in plain loops, against sorting, formulas, finite differences and the CPU's row kernels.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "tests/trainer/cuda_numbers.h"
#include "trainer/cuda/gate_bodies.h"
#include "trainer/cuda/on_host.h"
#include "trainer/kernels/row_kernels.h"

namespace medley::tests {
namespace {

using namespace trainer::cuda;

constexpr std::int64_t kTrials = 2, kEncoders = 5, kRows = 9, kWidth = 70, kAll = kTrials * kEncoders * kRows;

std::size_t at(std::int64_t k, std::int64_t e, std::int64_t row) {
  return static_cast<std::size_t>((k * kEncoders + e) * kRows + row);
}

/// Trial 1 lacks encoder 3; scores hold ties.
struct Gate {
  std::vector<double> scores = numbers<double>(kAll, 1), temperature = {0.7, 2}, top_n = {2, 3};
  std::vector<std::uint8_t> active = std::vector<std::uint8_t>(kTrials * kEncoders, 1),
                            kept = std::vector<std::uint8_t>(kAll, 9);

  Gate() {
    active[kEncoders + 3] = 0;
    for (std::int64_t row = 0; row < kRows; row += 2) scores[at(0, 4, row)] = scores[at(0, 1, row)];
    each_on_host(kTrials, kRows,
                 KeepTopBody<double>{scores.data(), active.data(), top_n.data(), kEncoders, kRows, kept.data()});
  }
  std::vector<double> weights(const std::vector<double>& of) const {
    std::vector<double> w(kAll, NAN);
    each_on_host(kTrials, kRows,
                 KeptSoftmaxBody<double>{of.data(), kept.data(), temperature.data(), kEncoders, kRows, w.data()});
    return w;
  }
};

TEST(CudaGate, KeepsTheBestAndOfTiesTheLowerEncoder) {
  const Gate gate;
  for (std::int64_t k = 0; k < kTrials; ++k) {
    for (std::int64_t row = 0; row < kRows; ++row) {
      std::vector<std::int64_t> order;
      for (std::int64_t e = 0; e < kEncoders; ++e) {
        if (gate.active[static_cast<std::size_t>(k * kEncoders + e)]) order.push_back(e);
      }
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return gate.scores[at(k, a, row)] > gate.scores[at(k, b, row)];
      });
      order.resize(static_cast<std::size_t>(gate.top_n[static_cast<std::size_t>(k)]));
      for (std::int64_t e = 0; e < kEncoders; ++e) {
        EXPECT_EQ(gate.kept[at(k, e, row)], std::count(order.begin(), order.end(), e)) << k << " " << e << " " << row;
      }
    }
  }
}

TEST(CudaGate, WeighsBySoftmaxOverWhatIsKept) {
  const Gate gate;
  const std::vector<double> weights = gate.weights(gate.scores);
  for (std::int64_t k = 0; k < kTrials; ++k) {
    for (std::int64_t row = 0; row < kRows; ++row) {
      double sum = 0;
      for (std::int64_t e = 0; e < kEncoders; ++e) {
        if (gate.kept[at(k, e, row)]) {
          sum += std::exp(gate.scores[at(k, e, row)] / gate.temperature[static_cast<std::size_t>(k)]);
        }
      }
      for (std::int64_t e = 0; e < kEncoders; ++e) {
        const double expected =
            std::exp(gate.scores[at(k, e, row)] / gate.temperature[static_cast<std::size_t>(k)]) / sum;
        EXPECT_NEAR(weights[at(k, e, row)], gate.kept[at(k, e, row)] ? expected : 0, 1e-15);
      }
    }
  }
}

TEST(CudaGate, WhatIsNotKeptDoesNotCountWhateverItIs) {
  Gate gate;
  const std::vector<double> expected = gate.weights(gate.scores);
  for (std::size_t i = 0; i < gate.scores.size(); ++i) {
    if (!gate.kept[i]) gate.scores[i] = i % 2 ? NAN : INFINITY;
  }
  EXPECT_EQ(gate.weights(gate.scores), expected);
}

TEST(CudaGate, ItsGradientIsThatOfFiniteDifferences) {
  const Gate gate;
  const std::vector<double> weights = gate.weights(gate.scores), dweights = numbers<double>(kAll, 2);
  std::vector<double> dscores(kAll, NAN);
  each_on_host(kTrials, kRows,
               KeptSoftmaxBackwardBody<double>{weights.data(), dweights.data(), gate.kept.data(),
                                               gate.temperature.data(), kEncoders, kRows, dscores.data()});
  const auto value = [&](const std::vector<double>& scores) {
    const std::vector<double> w = gate.weights(scores);
    return std::inner_product(w.begin(), w.end(), dweights.begin(), 0.0);
  };
  for (std::size_t i = 0; i < dscores.size(); ++i) {
    std::vector<double> above = gate.scores, below = gate.scores;
    above[i] += 1e-6;
    below[i] -= 1e-6;
    EXPECT_NEAR(dscores[i], (value(above) - value(below)) / 2e-6, 1e-8) << i;
  }
}

TEST(CudaGate, PoolsAsTheCpuDoes) {
  const Gate gate;
  const std::vector<double> weights = gate.weights(gate.scores), d = numbers<double>(kTrials * kRows * kWidth, 3);
  std::vector<double> h = numbers<double>(kAll * kWidth, 4);
  for (std::int64_t i = 0; i < kAll; ++i) {
    if (!gate.kept[static_cast<std::size_t>(i)]) h[static_cast<std::size_t>(i * kWidth)] = NAN;
  }
  std::vector<double> pooled(d.size(), NAN), dh(h.size(), NAN), dweights(kAll, NAN);
  each_on_host(kTrials, kRows * kWidth,
               PoolBody<double>{weights.data(), gate.kept.data(), h.data(), kEncoders, kRows, kWidth, pooled.data()});
  each_warp_on_host(kTrials, kEncoders * kRows,
                    PoolBackwardBody<double>{weights.data(), gate.kept.data(), h.data(), d.data(), kEncoders, kRows,
                                             kWidth, dh.data(), dweights.data()});
  const auto kept = std::make_unique<bool[]>(kAll);
  std::copy(gate.kept.begin(), gate.kept.end(), kept.get());
  std::vector<double> expected(d.size()), expected_dh(h.size()), expected_dweights(kAll);
  for (std::int64_t k = 0; k < kTrials; ++k) {
    const std::int64_t own = k * kEncoders * kRows, out = k * kRows * kWidth;
    trainer::pool(weights.data() + own, kept.get() + own, h.data() + own * kWidth, kEncoders, kRows, kWidth,
                  expected.data() + out);
    trainer::pool_backward(weights.data() + own, kept.get() + own, h.data() + own * kWidth, d.data() + out, kEncoders,
                           kRows, kWidth, expected_dh.data() + own * kWidth, expected_dweights.data() + own);
  }
  EXPECT_EQ(pooled, expected);
  EXPECT_EQ(dh, expected_dh);
  for (std::size_t i = 0; i < dweights.size(); ++i) EXPECT_NEAR(dweights[i], expected_dweights[i], 1e-12) << i;
}

}  // namespace
}  // namespace medley::tests
