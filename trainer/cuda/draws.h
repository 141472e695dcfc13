#pragma once

#include <cstdint>

#include "trainer/both.h"
#include "trainer/random.h"

namespace medley::trainer::cuda {

/// A trainer::Stream as a kernel wants it.
struct DrawKey {
  std::uint32_t key0 = 0, key1 = 0, name = 0, step = 0, purpose = 0;

  DrawKey() = default;
  explicit DrawKey(const Stream& s)
      : key0(static_cast<std::uint32_t>(s.seed)),
        key1(static_cast<std::uint32_t>(s.seed >> 32)),
        name(s.name),
        step(s.step),
        purpose(static_cast<std::uint32_t>(s.purpose)) {}
};

/// Four elements of a stream, which one block of Philox4x32-10 makes.
struct Draws4 {
  std::uint32_t word[4];
};

/// Block `block` of the stream `key`: the numbers of trainer::philox().
MEDLEY_BOTH inline Draws4 draw_block(const DrawKey& key, std::uint32_t block) {
  std::uint32_t c0 = block, c1 = key.name, c2 = key.step, c3 = key.purpose, k0 = key.key0, k1 = key.key1;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = static_cast<std::uint64_t>(0xD2511F53u) * c0;
    const std::uint64_t p1 = static_cast<std::uint64_t>(0xCD9E8D57u) * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(p1);
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

/// Blocks that hold the elements [0, count) of a stream: 16 for every 64, the last 64 perhaps in part.
MEDLEY_BOTH inline std::int64_t draw_blocks(std::int64_t count) { return (count + 63) / 64 * 16; }

/// The element of the stream that is word `word` of block `block` (trainer::Stream says why).
MEDLEY_BOTH inline std::int64_t draw_element(std::int64_t block, int word) {
  return block / 16 * 64 + block % 16 + 16 * word;
}

}  // namespace medley::trainer::cuda
