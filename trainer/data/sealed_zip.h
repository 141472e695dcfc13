#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "storage/files/mapped_file.h"

namespace medley::data {

/// A file in a sealed archive.
struct SealedMember {
  std::string name;
  std::string_view bytes;  ///< borrowed
};

/// Writes a ZIP archive of `members`, uncompressed and in this order, over `path`. Its comment, the last 64 bytes, is
/// the SHA-256 of all bytes before: no changed or missing byte goes unnoticed. Not synced. Throws Error.
void write_sealed_zip(const std::filesystem::path& path, const std::vector<SealedMember>& members);

/// The members of such an archive, as views of `file`. Throws Error when it is not one, cut short or altered.
std::vector<SealedMember> read_sealed_zip(const files::MappedFile& file);

}  // namespace medley::data
