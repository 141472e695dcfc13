#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "sweep/error.h"

namespace medley::sweep {

using RecordBytes = std::vector<std::uint8_t>;

/// The unsigned integer that has as many bytes as a number.
template <class T>
using BitsOf = std::conditional_t<
    sizeof(T) == 8, std::uint64_t,
    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint8_t>>>;

/// Writes a number to sizeof(T) bytes, the low one first, whatever the order of this machine is.
template <class T>
void store_number(std::uint8_t* at, T value) {
  BitsOf<T> bits;
  std::memcpy(&bits, &value, sizeof bits);
  for (std::size_t i = 0; i < sizeof bits; ++i) at[i] = static_cast<std::uint8_t>(bits >> (8 * i));
}

template <class T>
T load_number(const std::uint8_t* at) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) bits |= std::uint64_t{at[i]} << (8 * i);
  const auto narrow = static_cast<BitsOf<T>>(bits);
  T value;
  std::memcpy(&value, &narrow, sizeof value);
  return value;
}

template <class T>
void put_number(RecordBytes& bytes, T value) {
  bytes.resize(bytes.size() + sizeof(T));
  store_number(bytes.data() + bytes.size() - sizeof(T), value);
}

template <class T>
void put_numbers(RecordBytes& bytes, const std::vector<T>& values) {
  std::size_t at = bytes.size();
  bytes.resize(at + values.size() * sizeof(T));
  for (const T value : values) {
    store_number(bytes.data() + at, value);
    at += sizeof(T);
  }
}

/// Where bytes of a record lie.
struct RecordPart {
  std::size_t begin = 0, size = 0;
};

/// Bytes of a part behind their number. Returns where they lie.
inline RecordPart put_part(RecordBytes& bytes, const RecordBytes& part) {
  put_number(bytes, static_cast<std::uint32_t>(part.size()));
  bytes.insert(bytes.end(), part.begin(), part.end());
  return {bytes.size() - part.size(), part.size()};
}

inline void put_text(RecordBytes& bytes, const std::string& text) {
  put_number(bytes, static_cast<std::uint32_t>(text.size()));
  bytes.insert(bytes.end(), text.begin(), text.end());
}

/// Reads what put_*() wrote, from bytes that must outlive it. It throws Error, beginning with `of`, where the bytes
/// end, before it allocates anything for a length that they only claim.
class RecordReader {
 public:
  RecordReader(const std::uint8_t* data, std::size_t size, const char* of) : at_(data), end_(data + size), of_(of) {}

  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const std::uint8_t* take(std::size_t size, const char* what) {
    if (size > left()) fail(std::string(what) + " is cut off");
    at_ += size;
    return at_ - size;
  }
  template <class T>
  T number(const char* what) {
    return load_number<T>(take(sizeof(T), what));
  }
  /// A whole number within bounds.
  template <class T>
  T whole(const char* what, T low, T high) {
    const T value = number<T>(what);
    if (value < low || value > high) {
      fail(std::string(what) + " must be from " + std::to_string(low) + " to " + std::to_string(high));
    }
    return value;
  }
  template <class T>
  std::vector<T> numbers(std::size_t count, const char* what) {
    if (count > left() / sizeof(T)) fail(std::string(what) + " is cut off");
    const std::uint8_t* from = take(count * sizeof(T), what);
    std::vector<T> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = load_number<T>(from + i * sizeof(T));
    return values;
  }
  /// A number in the one form that encode_result() gives it: one NaN, one zero.
  double real(const char* what);
  /// UTF-8 of at most `limit` bytes, whose number has 32 bits.
  std::string text(const char* what, std::size_t limit);
  /// UTF-8 of at most 255 bytes, whose number has 8 bits.
  std::string short_text(const char* what);
  /// A part, by a reader of its own.
  RecordReader part(const char* what) {
    const auto size = number<std::uint32_t>(what);
    const std::uint8_t* data = take(size, what);
    return {data, size, what};
  }
  void expect_end() const {
    if (left() > 0) fail("bytes after its end");
  }
  [[noreturn]] void fail(const std::string& what) const { throw Error(std::string(of_) + ": " + what); }

 private:
  std::string checked_text(std::size_t size, const char* what);

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const char* of_;
};

}  // namespace medley::sweep
