#pragma once

#include <algorithm>
#include <filesystem>
#include <string>

#include "sweep/record.h"
#include "tests/support/folder.h"

namespace medley::test {

/// A file of a spool (worker/spool.h) that is not empty: its first word is not 0.
inline bool holds_results(const std::filesystem::path& file) {
  if (file.filename().string().rfind("results-", 0) != 0) return false;
  return read_file(file).substr(0, 4) != std::string(4, '\0');
}

/// Number of results that wait in the spools below a folder.
inline int spooled_results(const std::filesystem::path& folder) {
  int count = 0;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().rfind("results-", 0) != 0) continue;
    std::string bytes;
    try {
      bytes = read_file(it->path());
    } catch (const std::exception&) {
      continue;  // delivered in the meantime
    }
    constexpr std::size_t kHead = 10, kSha256 = 32;
    if (bytes.size() < kHead) continue;
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    if (sweep::load_number<std::uint32_t>(data) == 0) continue;  // empty
    const std::size_t size = sweep::load_number<std::uint32_t>(data + 6);
    sweep::RecordReader in(data + kHead, size, "an index");
    std::ptrdiff_t results = 0;
    for (; in.left() > 0; ++results) {
      in.text("a trial", 256);
      in.take(4 + 8 + kSha256, "an attempt");
    }
    const auto marks = bytes.begin() + static_cast<std::ptrdiff_t>(kHead + size + kSha256);
    count += static_cast<int>(std::count(marks, marks + results, '\xa5'));
  }
  return count;
}

}  // namespace medley::test
