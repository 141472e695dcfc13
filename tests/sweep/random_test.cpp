#include "sweep/search/random.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "sweep/philox.h"

namespace medley::sweep {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Known answers of Random123 (kat_vectors, philox4x32 10).
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(UniformDraw, IsUniformInTheUnitInterval) {
  constexpr int kDraws = 100'000;
  constexpr int kBins = 10;
  std::vector<int> bins(kBins, 0);
  double sum = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const double x = uniform_draw(1, static_cast<std::uint64_t>(draw), "dropout");
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    sum += x;
    ++bins[static_cast<std::size_t>(x * kBins)];
  }
  // Five standard errors of a mean of uniforms, and of a count of Bernoulli(1/10).
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  for (const int count : bins) EXPECT_NEAR(count, kDraws / 10, 5 * std::sqrt(kDraws * 0.09));
}

TEST(UniformDraw, SeedDrawAndNameEachMatter) {
  const double x = uniform_draw(1, 2, "dropout");
  EXPECT_EQ(x, uniform_draw(1, 2, "dropout"));
  EXPECT_NE(x, uniform_draw(2, 2, "dropout"));
  EXPECT_NE(x, uniform_draw(1, 3, "dropout"));
  EXPECT_NE(x, uniform_draw(1, 2, "top_n"));
  EXPECT_NE(x, uniform_draw(1 + (std::uint64_t{1} << 32), 2, "dropout"));
}

}  // namespace
}  // namespace medley::sweep
