#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "worker/protocol/message.h"

namespace medley::protocol {

// What is said before anything else is read. Fixed sizes, so that a stranger can make nobody allocate:
//
//   coordinator -> worker   "MDLY" version[2] nonce[32]
//   worker -> coordinator   "MDLY" version[2] nonce[32] proof[32]
//   coordinator -> worker   verdict[1] proof[32]          verdict 1: both know the token
//                        or verdict[1] reason[1 + size]   verdict 0: refused, and why
//
// proof = HMAC-SHA256(token, role || version || coordinator's nonce || worker's nonce), roles "medley coordinator" and
// "medley worker": a proof cannot be reflected or replayed. It authenticates the peers at the start of a connection and
// does not encrypt. An attacker who can rewrite packets can take a connection over (docs: use a trusted network).

using Bytes32 = std::array<std::uint8_t, 32>;
inline constexpr std::size_t kChallengeBytes = 4 + 2 + 32;
inline constexpr std::size_t kResponseBytes = kChallengeBytes + 32;
inline constexpr std::size_t kMaxRefusalBytes = 255;

/// A secret that coordinator and workers share.
struct Token {
  std::string secret;  ///< 64 hexadecimal digits
};

/// From the system's random source.
Bytes32 random_bytes();
Token random_token();
/// 32 hexadecimal digits: the id of a worker's process.
std::string random_instance();

/// Reads a token file. Throws Error when it is absent, readable by others, or not a token.
Token read_token(const std::filesystem::path& file);
/// Reads it, or makes it (mode 0600) when absent.
Token read_or_create_token(const std::filesystem::path& file);

/// The coordinator's side of one connection.
class ServerHandshake {
 public:
  explicit ServerHandshake(Token token, std::uint16_t version = kVersion);
  std::array<std::uint8_t, kChallengeBytes> challenge() const;

  struct Verdict {
    bool accepted = false;
    std::string reason;                ///< of a refusal
    std::vector<std::uint8_t> answer;  ///< to send in either case
  };
  Verdict judge(const std::array<std::uint8_t, kResponseBytes>& response) const;

 private:
  Token token_;
  std::uint16_t version_;
  Bytes32 nonce_;
};

/// The worker's side.
class ClientHandshake {
 public:
  explicit ClientHandshake(Token token, std::uint16_t version = kVersion);
  /// Throws Error when the peer is not a coordinator of Medley.
  std::array<std::uint8_t, kResponseBytes> respond(const std::array<std::uint8_t, kChallengeBytes>& challenge);
  /// Bytes that follow the verdict byte, as far as known: 32 for a proof, 1 (its length) for a refusal. Throws Error
  /// for any other verdict.
  static std::size_t bytes_after(std::uint8_t verdict);
  /// True when the coordinator knows the token too.
  bool proves(const Bytes32& proof) const;

 private:
  Token token_;
  std::uint16_t version_;
  std::uint16_t peer_version_ = 0;
  Bytes32 nonce_;
  Bytes32 peer_nonce_{};
};

}  // namespace medley::protocol
