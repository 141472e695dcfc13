#include "trainer/kernels/random.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "sweep/philox.h"

namespace medley::tests {
namespace {

using trainer::Purpose;
using trainer::Stream;

TEST(Random, AStreamIsBlocksOfItsKeyInItsDocumentedOrder) {
  const Stream stream{0x0123456789abcdef, Purpose::kFusionDropout, 77, 0xbeef};
  std::vector<std::uint32_t> bits(64 * 5 + 37);
  stream.fill(bits.data(), bits.size());
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const auto block = static_cast<std::uint32_t>((i / 64) * 16 + i % 16);
    EXPECT_EQ(bits[i], sweep::philox({block, 0xbeef, 77, 5}, {0x89abcdef, 0x01234567})[(i % 64) / 16]) << i;
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
