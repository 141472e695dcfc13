#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace medley::trainer {

/// What numbers are drawn for. The values are part of every trial's numbers: never renumber.
enum class Purpose : std::uint32_t {
  kInit = 1,
  kBatchOrder = 2,
  kTargetOrder = 3,
  kProjectionDropout = 4,
  kFusionDropout = 5,
  kGateNoise = 6,
  kRandomSelection = 7,
  kRandomSelectionOfClip = 8,
  kMixupShare = 9,
  kMixupPartner = 10,
};

/// FNV-1a of a name: names key random numbers, so that they do not depend on what else is in the model.
std::uint32_t name_key(std::string_view name);

/// A sequence of random numbers that depends on nothing but its key: element i is the same whoever asks, in any
/// order. Block b is sweep::philox({b, name, step, purpose}, seed); element i is word (i % 64) / 16 of block
/// (i / 64) * 16 + i % 16, an order that vector units can write without shuffling.
struct Stream {
  std::uint64_t seed = 0;
  Purpose purpose = Purpose::kInit;
  std::uint32_t step = 0;
  std::uint32_t name = 0;

  /// Elements [0, count) of the stream.
  void fill(std::uint32_t* out, std::size_t count) const;
};

/// A random number as a point in (0, 1).
inline double unit(std::uint32_t bits) { return (static_cast<double>(bits) + 0.5) * 0x1p-32; }

/// Turns `count` pairs of numbers of a stream into standard normal ones (Box & Muller 1958): out[i] is made of
/// bits[2 i] and bits[2 i + 1].
void normals(const std::uint32_t* bits, std::size_t count, double* out);

/// A draw of Beta(a, a), a > 0, as a ratio of Gamma(a) (Marsaglia & Tsang 2000).
double beta(const Stream& stream, double a);

/// A permutation of 0 .. count-1 (Fisher-Yates).
std::vector<int> permutation(const Stream& stream, int count);

}  // namespace medley::trainer
