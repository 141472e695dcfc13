#pragma once

#include <cstdint>

#include "sweep/both.h"
#include "sweep/philox.h"
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
  sweep::philox(c, key.key0, key.key1);
  const std::int64_t word = element % 64 / 16;
  return word == 0 ? c[0] : word == 1 ? c[1] : word == 2 ? c[2] : c[3];
}

}  // namespace medley::trainer::cuda
