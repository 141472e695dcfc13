#include "sweep/search/random.h"

#include "sweep/philox.h"

namespace medley::sweep {
namespace {

/// FNV-1a, 64 bits.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return hash;
}

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

}  // namespace

double uniform_draw(std::uint64_t seed, std::uint64_t draw, std::string_view name) {
  const std::uint64_t stream = hash_of(name);
  const auto words = philox({low(draw), high(draw), low(stream), high(stream)}, {low(seed), high(seed)});
  const std::uint64_t bits = (std::uint64_t{words[0]} << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace medley::sweep
