#include "storage/files/lock.h"

#include <cerrno>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "storage/files/error.h"
#include "storage/files/read.h"

namespace medley::files {
namespace fs = std::filesystem;
namespace {

/// False when another has the lock.
bool lock(const Descriptor& file, const fs::path& path) {
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return true;
  if (errno != EWOULDBLOCK) throw Error(path, "lock", errno);
  return false;
}

}  // namespace

std::optional<Lock> Lock::take(const fs::path& file, Access access) {
  Descriptor opened(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, access == Access::kPrivate ? 0600 : 0666));
  if (!opened) throw Error(file, "open for writing", errno);
  if (!lock(opened, file)) return std::nullopt;
  return Lock(std::move(opened), file);
}

std::optional<Lock> Lock::take_existing(const fs::path& file) {
  Descriptor opened(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  if (!opened || !lock(opened, file)) return std::nullopt;
  return Lock(std::move(opened), file);
}

void Lock::sign() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const std::string line = std::to_string(::getpid()) + " on " + host + "\n";
  if (::ftruncate(descriptor_.get(), 0) != 0 ||
      ::pwrite(descriptor_.get(), line.data(), line.size(), 0) != static_cast<ssize_t>(line.size())) {
    throw Error(file_, "write", errno);
  }
}

bool Lock::is_held(const fs::path& file) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  return opened && ::flock(opened.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

std::optional<Lock::Holder> Lock::holder(const fs::path& file) {
  Holder holder;
  std::string on;
  std::istringstream line(read_if_there(file).value_or(""));
  if (!(line >> holder.process >> on >> holder.host) || on != "on" || holder.process <= 0) return std::nullopt;
  return holder;
}

}  // namespace medley::files
