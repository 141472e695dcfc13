#include "trainer/kernels/gemm.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace medley::tests {
namespace {

template <class T>
std::vector<T> numbers(int count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& x : values) x = static_cast<T>(random()) * static_cast<T>(0x1p-31) - 1;
  return values;
}

struct Shape {
  int rows, dim, width;
};

class Products : public testing::TestWithParam<Shape> {};

/// Each product against a plain loop in double.
template <class T>
void check(const Shape& s, double tolerance) {
  const auto x = numbers<T>(s.rows * s.dim, 1), w = numbers<T>(s.dim * s.width, 2), d = numbers<T>(s.rows * s.width, 3);
  std::vector<T> z(static_cast<std::size_t>(s.rows * s.width), T(99));
  trainer::multiply(x.data(), w.data(), s.rows, s.dim, s.width, z.data());
  const auto at = [](int i, int j, int width) { return static_cast<std::size_t>(i * width + j); };
  for (int i = 0; i < s.rows; ++i) {
    for (int j = 0; j < s.width; ++j) {
      double sum = 0;
      for (int k = 0; k < s.dim; ++k)
        sum += static_cast<double>(x[at(i, k, s.dim)]) * static_cast<double>(w[at(k, j, s.width)]);
      ASSERT_NEAR(static_cast<double>(z[at(i, j, s.width)]), sum, tolerance);
    }
  }
  trainer::multiply_add(x.data(), w.data(), s.rows, s.dim, s.width, z.data());
  std::vector<T> dx(x.size(), T(99));
  trainer::multiply_by_transpose(d.data(), w.data(), s.rows, s.dim, s.width, dx.data());
  for (int i = 0; i < s.rows; ++i) {
    for (int j = 0; j < s.width; ++j) {
      double sum = 0;
      for (int k = 0; k < s.dim; ++k)
        sum += static_cast<double>(x[at(i, k, s.dim)]) * static_cast<double>(w[at(k, j, s.width)]);
      ASSERT_NEAR(static_cast<double>(z[at(i, j, s.width)]), 2 * sum, 2 * tolerance);
    }
    for (int k = 0; k < s.dim; ++k) {
      double sum = 0;
      for (int j = 0; j < s.width; ++j)
        sum += static_cast<double>(d[at(i, j, s.width)]) * static_cast<double>(w[at(k, j, s.width)]);
      ASSERT_NEAR(static_cast<double>(dx[at(i, k, s.dim)]), sum, tolerance);
    }
  }
  const int first = s.dim / 3, count = s.dim - first;
  std::vector<T> g(static_cast<std::size_t>(count * s.width), T(99));
  trainer::multiply_transposed(x.data(), d.data(), s.rows, s.dim, s.width, first, count, g.data());
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < s.width; ++j) {
      double sum = 0;
      for (int b = 0; b < s.rows; ++b) {
        sum += static_cast<double>(x[at(b, first + i, s.dim)]) * static_cast<double>(d[at(b, j, s.width)]);
      }
      ASSERT_NEAR(static_cast<double>(g[at(i, j, s.width)]), sum, tolerance);
    }
  }
}

TEST_P(Products, AreThoseOfAPlainLoop) {
  check<float>(GetParam(), 2e-5);
  check<double>(GetParam(), 1e-13);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Products,
                         testing::Values(Shape{32, 100, 256}, Shape{33, 65, 71}, Shape{1, 1, 1}, Shape{7, 13, 64},
                                         Shape{5, 31, 32}, Shape{2, 33, 129}, Shape{32, 96, 12}, Shape{35, 64, 6},
                                         Shape{4, 40, 36}));

TEST(Products, OfNoRowsAreZero) {
  std::vector<float> g(3 * 20, 99.0F);
  trainer::multiply_transposed<float>(nullptr, nullptr, 0, 3, 20, 0, 3, g.data());
  EXPECT_EQ(g, std::vector<float>(3 * 20, 0.0F));
}

// What lets a clip's probabilities not depend on which other clips are asked about.
TEST(Products, ARowsBitsDoNotDependOnTheOtherRows) {
  const auto x = numbers<float>(32 * 70, 1), w = numbers<float>(70 * 80, 2);
  std::vector<float> all(32 * 80), one(80);
  trainer::multiply(x.data(), w.data(), 32, 70, 80, all.data());
  for (int i = 0; i < 32; ++i) {
    trainer::multiply(x.data() + i * 70, w.data(), 1, 70, 80, one.data());
    for (int j = 0; j < 80; ++j) EXPECT_EQ(one[static_cast<std::size_t>(j)], all[static_cast<std::size_t>(i * 80 + j)]);
  }
}

}  // namespace
}  // namespace medley::tests
