#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace medley::tests {

/// Numbers in [low, high) from a seed.
template <class T>
std::vector<T> numbers(std::int64_t count, std::uint32_t seed, double low = -2, double high = 2) {
  std::mt19937 random(seed);
  std::vector<T> values;
  for (std::int64_t i = 0; i < count; ++i) {
    values.push_back(static_cast<T>(low + (high - low) * 0x1p-32 * static_cast<double>(random())));
  }
  return values;
}

}  // namespace medley::tests
