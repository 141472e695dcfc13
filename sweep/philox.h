#pragma once

#include <array>
#include <cstdint>

#include "sweep/both.h"

namespace medley::sweep {

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011), a counter-based
/// generator: a pure function, so that a draw depends on nothing but its counter and its key. Header only, because
/// kernels of the CPU and the GPU use it too.
inline constexpr int kPhiloxRounds = 10;
inline constexpr std::uint32_t kPhiloxWeyl0 = 0x9E3779B9, kPhiloxWeyl1 = 0xBB67AE85;  ///< added to the key each round

/// One round on the counter (c0, c1, c2, c3), for loops over many counters.
MEDLEY_BOTH inline void philox_round(std::uint32_t& c0, std::uint32_t& c1, std::uint32_t& c2, std::uint32_t& c3,
                                     std::uint32_t key0, std::uint32_t key1) {
  const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0;
  const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c2;
  c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ key0;
  c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ key1;
  c1 = static_cast<std::uint32_t>(p1);
  c3 = static_cast<std::uint32_t>(p0);
}

/// Turns the counter `c` into its block of four random words.
MEDLEY_BOTH inline void philox(std::uint32_t (&c)[4], std::uint32_t key0, std::uint32_t key1) {
  for (int round = 0; round < kPhiloxRounds; ++round) {
    philox_round(c[0], c[1], c[2], c[3], key0, key1);
    key0 += kPhiloxWeyl0;
    key1 += kPhiloxWeyl1;
  }
}

/// The block of `counter` under `key`.
inline std::array<std::uint32_t, 4> philox(const std::array<std::uint32_t, 4>& counter,
                                           const std::array<std::uint32_t, 2>& key) {
  std::uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]};
  philox(c, key[0], key[1]);
  return {c[0], c[1], c[2], c[3]};
}

}  // namespace medley::sweep
