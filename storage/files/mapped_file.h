#pragma once

#include <cstddef>
#include <filesystem>

namespace medley::files {

/// A complete file, mapped read-only. Nobody may shorten it while it is mapped: files are replaced by PartialFile,
/// never written in place.
class MappedFile {
 public:
  /// Throws Error when the file cannot be opened or is empty.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const unsigned char* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::filesystem::path path_;
  const unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace medley::files
