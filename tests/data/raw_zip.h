#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace medley::data {

/// A ZIP member to be written without any check, so that it can lie.
struct RawMember {
  std::string name;
  std::string packed;  ///< the bytes in the archive
  std::uint16_t method = 0;
  std::uint64_t size = 0;  ///< claimed, once inflated
  std::uint32_t crc = 0;
  std::optional<std::uint32_t> header_offset;  ///< claimed in the directory; no local header is written then
};

RawMember stored(const std::string& name, const std::string& data);
/// DEFLATE without compression: one stored block (RFC 1951, 3.2.4); data of up to 65,535 bytes.
RawMember deflated(const std::string& name, const std::string& data);

std::string raw_zip(const std::vector<RawMember>& members);

/// A NumPy array: magic, version 1.0, this header text (padded, new line added), these bytes.
std::string raw_npy(const std::string& header, const std::string& data);

/// CRC-32 bit by bit (ISO 3309).
std::uint32_t slow_crc32(const std::string& data);

}  // namespace medley::data
