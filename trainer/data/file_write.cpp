#include "trainer/data/file_write.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "trainer/data/error.h"

namespace medley::data {

std::filesystem::path partial_path(const std::filesystem::path& path) {
  const std::size_t thread = std::hash<std::thread::id>()(std::this_thread::get_id());
  return path.parent_path() / ("." + path.filename().string() + "." + std::to_string(::getpid()) + "-" +
                               std::to_string(thread % 1000000) + ".partial");
}

void commit_file(const std::filesystem::path& partial, const std::filesystem::path& path) {
  const int file = ::open(partial.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  int error = errno;
  if (file >= 0) ::close(file);
  bool renamed = false;
  if (synced) {
    renamed = ::rename(partial.c_str(), path.c_str()) == 0;
    error = errno;
  }
  if (renamed) return;
  ::unlink(partial.c_str());
  throw Error(path.string() + ": cannot be written: " + std::strerror(error));
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path partial = partial_path(path);
  std::ofstream file(partial, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw Error(path.string() + ": cannot be written: " + std::strerror(errno));
  commit_file(partial, path);
}

void make_folder(const std::filesystem::path& folder, Existing existing) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw Error(folder.string() + ": cannot be made: " + error.message());
  if (existing == Existing::kRefuse && !std::filesystem::is_empty(folder)) {
    throw Error(folder.string() + ": the folder is not empty; name another, or --force to overwrite files in it");
  }
}

}  // namespace medley::data
