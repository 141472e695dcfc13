#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace medley::sweep {

/// SHA-256 of a stream of bytes (libcrypto).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void add(const void* data, std::size_t size);
  void add(std::string_view text) { add(text.data(), text.size()); }
  /// Lower-case hexadecimal, 64 characters. Ends the stream.
  std::string hex();
  /// The same as 32 bytes. Ends the stream.
  std::array<unsigned char, 32> bytes();
  /// Begins a new stream, after hex() or bytes(); cheaper than a new object.
  void restart();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Lower-case hexadecimal SHA-256 of `text`.
std::string sha256_hex(std::string_view text);

/// Lower-case hexadecimal HMAC-SHA-256 of `text` (RFC 2104).
std::string hmac_sha256_hex(std::string_view key, std::string_view text);

}  // namespace medley::sweep
