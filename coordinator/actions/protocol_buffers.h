#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "sweep/varint.h"

namespace medley::coordinator {

/// The lowest `bytes` bytes of a number, the lowest first.
inline std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

/// A message in the encoding of protocol buffers (https://protobuf.dev/programming-guides/encoding/), field by field.
class Message {
 public:
  Message& whole(int field, std::uint64_t value) {
    key(field, 0);
    varint(value);
    return *this;
  }
  Message& real(int field, double value) {
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    key(field, 1);
    bytes_ += little_endian(bits, 8);
    return *this;
  }
  Message& single(int field, float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    key(field, 5);
    bytes_ += little_endian(bits, 4);
    return *this;
  }
  Message& text(int field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    bytes_.append(value);
    return *this;
  }
  Message& of(int field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(int field, int wire_type) {
    varint(static_cast<std::uint64_t>(field) << 3 | static_cast<unsigned>(wire_type));
  }
  void varint(std::uint64_t value) { sweep::put_varint(bytes_, value); }

  std::string bytes_;
};

}  // namespace medley::coordinator
