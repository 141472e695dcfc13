#pragma once

#include <cstdint>

#include "trainer/kernels/both.h"
#include "trainer/kernels/random.h"

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

/// Element `element` of the stream `key`: the number of trainer::Stream, which says which word of which block it is.
MEDLEY_BOTH inline std::uint32_t draw(const DrawKey& key, std::int64_t element) {
  std::uint32_t c[4] = {static_cast<std::uint32_t>(element / 64 * 16 + element % 16), key.name, key.step, key.purpose};
  std::uint32_t k0 = key.key0, k1 = key.key1;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = static_cast<std::uint64_t>(0xD2511F53u) * c[0];
    const std::uint64_t p1 = static_cast<std::uint64_t>(0xCD9E8D57u) * c[2];
    c[0] = static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0;
    c[2] = static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1;
    c[1] = static_cast<std::uint32_t>(p1);
    c[3] = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const std::int64_t word = element % 64 / 16;
  return word == 0 ? c[0] : word == 1 ? c[1] : word == 2 ? c[2] : c[3];
}

}  // namespace medley::trainer::cuda
