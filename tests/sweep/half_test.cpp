#include "sweep/half.h"

#include <cmath>

#include <gtest/gtest.h>

namespace medley::sweep {
namespace {

/// By the formula of IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
double by_formula(int half) {
  const int exponent = (half >> 10) & 31, fraction = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(Half, AllBitsAreTheNumbersOfTheFormulaAndComeBack) {
  for (int half = 0; half < 0x10000; ++half) {
    const auto bits = static_cast<std::uint16_t>(half);
    const float value = half_value(bits);
    if (std::isnan(by_formula(half))) {
      EXPECT_TRUE(std::isnan(value)) << half;
      EXPECT_EQ(half_bits(value), (half & 0x8000) | 0x7e00) << "one quiet NaN of each sign";
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), by_formula(half)) << half;
    ASSERT_EQ(std::signbit(value), half >= 0x8000) << half;
    ASSERT_EQ(half_bits(value), bits) << half;
  }
}

// Between two halves lie their middle, which goes to the even one, and single-precision numbers on both sides of it.
TEST(Half, NumbersBetweenAreRoundedToTheNearestAndTiesToEven) {
  for (int half = 0; half < 0x7bff; ++half) {
    const auto middle = static_cast<float>((by_formula(half) + by_formula(half + 1)) / 2);
    ASSERT_EQ(half_bits(middle), half % 2 == 0 ? half : half + 1) << half;
    ASSERT_EQ(half_bits(std::nextafter(middle, 0.0F)), half);
    ASSERT_EQ(half_bits(std::nextafter(middle, INFINITY)), half + 1);
    ASSERT_EQ(half_bits(-middle), 0x8000 + (half % 2 == 0 ? half : half + 1)) << half;
  }
  EXPECT_EQ(half_bits(65520.0F), 0x7c00) << "the middle of the largest half and the next, which would be infinite";
  EXPECT_EQ(half_bits(std::nextafter(65520.0F, 0.0F)), 0x7bff);
  EXPECT_EQ(half_bits(1e30F), 0x7c00);
  EXPECT_EQ(half_bits(-INFINITY), 0xfc00);
  EXPECT_EQ(half_bits(1e-30F), 0);
  EXPECT_EQ(rounded_to_half(1 / 3.), 1365 / 4096.F);
}

}  // namespace
}  // namespace medley::sweep
