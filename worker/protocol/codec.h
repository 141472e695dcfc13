#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/protocol/message.h"

namespace medley::protocol {

/// Body of a frame: a CBOR array [name, fields]. Throws Error for a message over the limits of message.h.
std::vector<std::uint8_t> encode(const Message& message);

/// Throws Error for everything that encode() cannot have written. Memory is bounded by a small multiple of the size of
/// `body`, whatever lengths it claims.
Message decode(const std::vector<std::uint8_t>& body);

/// Whether the other side takes it: numbers are finite, terms few and named by sendable text.
bool is_sendable(const sweep::EpochMetrics& epoch);

/// `text` as it may be sent: at most `limit` bytes, without zero bytes, and '?' for what is not UTF-8.
std::string sendable_text(const std::string& text, std::size_t limit = kMaxTextBytes);

/// encode() behind its length: four bytes, big endian.
std::vector<std::uint8_t> encode_frame(const Message& message);

/// Length in the four bytes before a body. Throws Error when it is 0 or above `limit`.
std::size_t decode_length(const std::uint8_t (&bytes)[4], std::size_t limit = kMaxFrameBytes);

}  // namespace medley::protocol
