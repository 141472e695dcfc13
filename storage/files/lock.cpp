#include "storage/files/lock.h"

#include <cerrno>
#include <cstdio>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include "storage/files/error.h"
#include "storage/files/read.h"

namespace medley::files {
namespace fs = std::filesystem;
namespace {

/// Of the whole file.
struct flock exclusive() {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return whole;
}

/// False when another has the lock.
bool lock(const Descriptor& file, const fs::path& path) {
  struct flock whole = exclusive();
  if (::fcntl(file.get(), F_OFD_SETLK, &whole) == 0) return true;
  if (errno != EAGAIN && errno != EACCES) throw Error(path, "lock", errno);
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

Lock::~Lock() {
  if (!descriptor_ || signature_.process != ::getpid()) return;
  const int ignored = ::ftruncate(descriptor_.get(), 0);
  static_cast<void>(ignored);
}

void Lock::sign() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const Holder next{::getpid(), host, boot_id(), signature_.beats + 1};
  // Of one length, whatever the beat: nobody reads half of it, and a full disk cannot refuse it.
  char line[512];
  const int length = std::snprintf(line, sizeof line, "%d on %s boot %s beat %012lld\n", next.process, host,
                                   next.boot.empty() ? "-" : next.boot.c_str(), static_cast<long long>(next.beats));
  const auto size = static_cast<std::size_t>(length);
  errno = ENOSPC;  // which a write that stops within the line has met without saying so
  if ((signature_.process != next.process && ::ftruncate(descriptor_.get(), 0) != 0) ||
      ::pwrite(descriptor_.get(), line, size, 0) != static_cast<ssize_t>(size) || ::fdatasync(descriptor_.get()) != 0) {
    throw Error(file_, "write", errno);
  }
  signature_ = next;
}

bool Lock::is_held(const fs::path& file) {
  const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct flock whole = exclusive();
  return opened && ::fcntl(opened.get(), F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
}

std::optional<Lock::Holder> Lock::holder(const fs::path& file) {
  Holder holder;
  std::string on, boot, beat;
  std::istringstream line(read_if_there(file).value_or(""));
  line >> holder.process >> on >> holder.host >> boot >> holder.boot >> beat >> holder.beats;
  if (!line || on != "on" || boot != "boot" || beat != "beat" || holder.process <= 0) return std::nullopt;
  if (holder.boot == "-") holder.boot.clear();
  return holder;
}

const std::string& Lock::boot_id() {
  static const std::string id = [] {
    std::string text;
    std::istringstream(read_if_readable("/proc/sys/kernel/random/boot_id").value_or("")) >> text;
    return text;
  }();
  return id;
}

}  // namespace medley::files
