#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace medley::test {

/// A folder of its own for one test, removed at the end.
class Folder {
 public:
  /// kMemory: where syncing costs nothing (/dev/shm), when there is such a place.
  enum class Where { kDisk, kMemory };
  explicit Folder(Where where = Where::kDisk) {
    namespace fs = std::filesystem;
    const bool memory = where == Where::kMemory && fs::is_directory("/dev/shm");
    std::string pattern = (memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "medley-test-XXXXXX";
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The bytes of a file; "" where there is none, or it is a folder.
inline std::string read_file(const std::filesystem::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);  // a new file: ext4 flushes one that was cut to nothing and written again
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace medley::test
