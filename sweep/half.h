#pragma once

#include <cstdint>
#include <cstring>

namespace medley::sweep {

/// The number whose IEEE 754 half-precision bits these are; every one is exact in single precision.
inline float half_value(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  std::uint32_t exponent = (half >> 10) & 0x1fu;
  std::uint32_t fraction = half & 0x3ffu;
  std::uint32_t bits = 0;
  if (exponent == 31) {
    bits = sign | 0x7f800000u | (fraction << 13);
  } else if (exponent != 0) {
    bits = sign | ((exponent + 112) << 23) | (fraction << 13);
  } else if (fraction == 0) {
    bits = sign;
  } else {  // subnormal in half precision, normal in single
    exponent = 113;
    while ((fraction & 0x400u) == 0) {
      fraction <<= 1;
      --exponent;
    }
    bits = sign | (exponent << 23) | ((fraction & 0x3ffu) << 13);
  }
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Bits of the IEEE 754 half that is nearest to `value`, the even one of two. 65520 and more are infinite, and every
/// NaN is one of the two quiet ones.
inline std::uint16_t half_bits(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x47800000) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65536 and more
  if (magnitude <
      0x38800000) {  // subnormal in half precision: the last bit of 0.5 + x stands for 2^-24, and is rounded
    float sum;
    std::memcpy(&sum, &magnitude, sizeof sum);
    sum += 0.5F;
    std::memcpy(&bits, &sum, sizeof bits);
    return static_cast<std::uint16_t>(sign | (bits - 0x3f000000u));
  }
  const std::uint32_t shifted = magnitude - 0x38000000u;  // the bias of half precision; 13 bits are too many
  return static_cast<std::uint16_t>(sign | ((shifted + 0xfff + ((shifted >> 13) & 1u)) >> 13));
}

/// `value` in half precision, in which results keep probabilities.
inline float rounded_to_half(double value) { return half_value(half_bits(static_cast<float>(value))); }

}  // namespace medley::sweep
