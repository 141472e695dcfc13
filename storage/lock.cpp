#include "storage/lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "storage/error.h"

namespace medley::storage {
namespace {

/// "123 on login1", the line that a holder writes.
std::string own_line() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return std::to_string(::getpid()) + " on " + host + "\n";
}

std::string holder(int file) {
  char text[300] = {};
  const auto size = ::pread(file, text, sizeof text - 1, 0);
  const std::string line(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return line.empty() ? "another process" : "process " + line.substr(0, line.find('\n'));
}

}  // namespace

Lock::Lock(const std::string& path) {
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file_ < 0) throw Error("cannot open " + path + " for writing: " + std::strerror(errno));
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    const std::string who = holder(file_);
    ::close(file_);
    if (why == EWOULDBLOCK) {
      throw Error("the store is in use: " + who + " holds " + path +
                  "; one coordinator a store (end it first, or use another --store; `medley serve --read-only` only "
                  "shows it)");
    }
    throw Error("cannot lock " + path + ": " + std::strerror(why));
  }
  const std::string line = own_line();
  if (::ftruncate(file_, 0) != 0 || ::pwrite(file_, line.data(), line.size(), 0) != static_cast<ssize_t>(line.size())) {
    const int why = errno;
    ::close(file_);
    throw Error("cannot write " + path + ": " + std::strerror(why));
  }
}

Lock::~Lock() { ::close(file_); }

bool Lock::is_held(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const bool held = ::flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(file);
  return held;
}

}  // namespace medley::storage
