#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <zip.h>

namespace medley::data {

struct ZipCloser {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
/// Discarded unless it is released after zip_close().
using ZipArchive = std::unique_ptr<zip_t, ZipCloser>;

/// `flags` of zip_open(). Throws Error: `where` and the reason.
ZipArchive open_zip(const std::filesystem::path& path, int flags, const std::string& where);

}  // namespace medley::data
