#include "trainer/kernels/random.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

namespace medley::tests {
namespace {

using trainer::Purpose;
using trainer::Stream;

// Random123's kat_vectors, philox4x32 with 10 rounds.
TEST(Random, PhiloxGivesTheKnownAnswers) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(trainer::philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(trainer::philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(trainer::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, AStreamIsBlocksOfItsKeyInItsDocumentedOrder) {
  const Stream stream{0x0123456789abcdef, Purpose::kFusionDropout, 77, 0xbeef};
  std::vector<std::uint32_t> bits(64 * 5 + 37);
  stream.fill(bits.data(), bits.size());
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const auto block = static_cast<std::uint32_t>((i / 64) * 16 + i % 16);
    EXPECT_EQ(bits[i], trainer::philox({block, 0xbeef, 77, 5}, {0x89abcdef, 0x01234567})[(i % 64) / 16]) << i;
  }
}

TEST(Random, AShorterStreamIsAPrefix) {
  const Stream stream{9, Purpose::kInit, 0, 3};
  std::vector<std::uint32_t> all(1000), some(131);
  stream.fill(all.data(), all.size());
  stream.fill(some.data(), some.size());
  EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
}

TEST(Random, APermutationHoldsEveryNumberOnceAndFollowsItsKey) {
  const auto order = trainer::permutation({5, Purpose::kBatchOrder, 1, 0}, 501);
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> identity(501);
  std::iota(identity.begin(), identity.end(), 0);
  EXPECT_EQ(sorted, identity);
  EXPECT_NE(order, trainer::permutation({5, Purpose::kBatchOrder, 2, 0}, 501));
  EXPECT_NE(order, trainer::permutation({6, Purpose::kBatchOrder, 1, 0}, 501));
}

// FNV-1a's published value for "foobar".
TEST(Random, NamesAreHashedByFnv1a) { EXPECT_EQ(trainer::name_key("foobar"), 0xbf9cf968u); }

}  // namespace
}  // namespace medley::tests
