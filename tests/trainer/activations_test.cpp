#include "trainer/kernels/activations.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace medley::tests {
namespace {

double cumulative(double x) { return std::erfc(-x * M_SQRT1_2) / 2; }
double density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }

/// From -12 to 12, and small numbers of both signs. The count is no multiple of a vector's.
std::vector<double> points() {
  std::vector<double> x;
  for (int i = -120000; i <= 120000; ++i) x.push_back(i * 1e-4);
  for (double small = 1e-30; small < 1; small *= 1.7) x.insert(x.end(), {small, -small});
  return x;
}

template <class T>
void check(double tolerance) {
  const std::vector<double> exact = points();
  const std::vector<T> x(exact.begin(), exact.end());
  const auto count = static_cast<std::int64_t>(x.size());
  std::vector<T> y(x.size()), d(x.size(), T(2)), t = x;
  trainer::gelu(x.data(), count, y.data());
  trainer::gelu_backward(x.data(), count, d.data());
  trainer::hyperbolic_tangent(t.data(), count);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto at = static_cast<double>(x[i]);
    const double scale = std::max(1.0, std::abs(at));
    ASSERT_NEAR(static_cast<double>(y[i]), at * cumulative(at), tolerance * scale) << at;
    ASSERT_NEAR(static_cast<double>(d[i]), 2 * (cumulative(at) + at * density(at)), 4 * tolerance) << at;
    ASSERT_NEAR(static_cast<double>(t[i]), std::tanh(at), tolerance * std::abs(std::tanh(at))) << at;
  }
}

TEST(Activations, AreTheExactFunctions) {
  check<float>(1.7e-7);
  check<double>(4e-16);
}

TEST(Activations, KeepWhatIsNotANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const int count : {1, 16, 21}) {
    std::vector<float> x(static_cast<std::size_t>(count), nan), y(x.size()), d(x.size(), 1.0F);
    trainer::gelu(x.data(), count, y.data());
    trainer::gelu_backward(x.data(), count, d.data());
    trainer::hyperbolic_tangent(x.data(), count);
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(std::isnan(x[i]) && std::isnan(y[i]) && std::isnan(d[i]));
  }
}

// In a vector's lane or in a loop's tail.
TEST(Activations, OfANumberDependOnNothingElse) {
  std::vector<float> x, all(37), one(1);
  for (int i = 0; i < 37; ++i) x.push_back(static_cast<float>(i) * 0.13F - 2.3F);
  trainer::gelu(x.data(), 37, all.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    trainer::gelu(&x[i], 1, one.data());
    EXPECT_EQ(one.front(), all[i]);
  }
}

}  // namespace
}  // namespace medley::tests
