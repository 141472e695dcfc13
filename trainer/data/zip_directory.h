#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/files/mapped_file.h"

namespace medley::data {

/// One member of a ZIP archive, as the central directory and the member's local header agree on it.
struct ZipMember {
  static constexpr std::uint16_t kStored = 0;
  static constexpr std::uint16_t kDeflated = 8;

  std::string name;
  std::uint16_t method = kStored;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;         ///< bytes once inflated
  std::uint64_t packed_size = 0;  ///< bytes in the archive; equals `size` when stored
  std::uint64_t data_offset = 0;  ///< of the first packed byte in the file
};

/// The members of the archive in `file`, in the order of its central directory (so that index i is libzip's
/// i). Strict: throws Error unless every member lies wholly before the directory, none overlaps another,
/// local and central header agree, none is encrypted or split over disks, and each is stored or deflated.
/// libzip does not tell where a member's bytes lie, which is what in-place use needs; hence this reader.
std::vector<ZipMember> read_zip_directory(const files::MappedFile& file);

}  // namespace medley::data
