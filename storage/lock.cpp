#include "storage/lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "storage/error.h"

namespace medley::storage {
namespace {

std::string holder(int file) {
  char text[32] = {};
  const auto size = ::pread(file, text, sizeof text - 1, 0);
  const std::string pid(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  return pid.empty() ? "another process" : "process " + pid.substr(0, pid.find('\n'));
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
                  "; one coordinator a store (end it first, or use another --store)");
    }
    throw Error("cannot lock " + path + ": " + std::strerror(why));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file_, 0) != 0 || ::pwrite(file_, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const int why = errno;
    ::close(file_);
    throw Error("cannot write " + path + ": " + std::strerror(why));
  }
}

Lock::~Lock() { ::close(file_); }

}  // namespace medley::storage
