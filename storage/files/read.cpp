#include "storage/files/read.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/files/descriptor.h"
#include "storage/files/error.h"

namespace medley::files {
namespace fs = std::filesystem;
namespace {

Descriptor open(const fs::path& path) {
  return Descriptor(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
}

std::string read_all(const Descriptor& file, const fs::path& path) {
  std::string bytes;
  struct stat status {};
  // A file of /proc says that it has no bytes, and has some.
  if (::fstat(file.get(), &status) == 0) bytes.reserve(static_cast<std::size_t>(status.st_size) + 1);
  char part[65536];
  for (;;) {
    const ssize_t size = uninterrupted([&] { return ::read(file.get(), part, sizeof part); });
    if (size < 0) throw Error(path, "read", errno);
    if (size == 0) return bytes;
    bytes.append(part, static_cast<std::size_t>(size));
  }
}

}  // namespace

std::string read(const fs::path& path) {
  const Descriptor file = open(path);
  if (!file) throw Error(path, "read", errno);
  return read_all(file, path);
}

std::optional<std::string> read_if_there(const fs::path& path) {
  const Descriptor file = open(path);
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) throw Error(path, "read", errno);
  return read_all(file, path);
}

std::optional<std::string> read_if_readable(const fs::path& path) try {
  return read_if_there(path);
} catch (const Error&) {
  return std::nullopt;
}

std::string read_private(const fs::path& path) {
  const Descriptor file = open(path);
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) throw Error(path, "read", errno);
  if (status.st_mode & (S_IRWXG | S_IRWXO)) {
    throw Error(path, "trust", "it is open to others; run: chmod 600 " + path.string());
  }
  return read_all(file, path);
}

}  // namespace medley::files
