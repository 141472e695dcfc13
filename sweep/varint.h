#pragma once

#include <cstdint>
#include <optional>

namespace medley::sweep {

/// Whole numbers of 7 bits a byte, the low ones first. All bytes of a number but its last have the high bit.
template <class Bytes>
void put_varint(Bytes& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<typename Bytes::value_type>(value | 0x80));
  bytes.push_back(static_cast<typename Bytes::value_type>(value));
}

/// The number at `at`, which moves behind it. None where it is cut off by `end`, or has more than 64 bits.
inline std::optional<std::uint64_t> take_varint(const std::uint8_t*& at, const std::uint8_t* end) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at != end; shift += 7) {
    const std::uint8_t byte = *at++;
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

}  // namespace medley::sweep
