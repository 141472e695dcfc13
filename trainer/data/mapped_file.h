#pragma once

#include <cstddef>
#include <filesystem>

namespace medley::data {

/// A whole file, mapped read-only. The file must not be shortened while it is mapped: dataset files are never
/// written in place (write_npz() renames).
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

}  // namespace medley::data
