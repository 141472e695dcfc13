#include "worker/error_log.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include <fcntl.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace medley::worker {
namespace {

bool write_all(int file, const char* from, std::size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(file, from, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    from += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

/// The file behind standard error; "" where its name leads to another one, or to none.
std::string own_path(const struct stat& own) {
  std::array<char, 4096> text{};
  const ssize_t size = ::readlink("/proc/self/fd/2", text.data(), text.size());
  if (size <= 0 || size == static_cast<ssize_t>(text.size())) return "";
  const std::string path(text.data(), static_cast<std::size_t>(size));
  struct stat named {};
  const bool same = ::lstat(path.c_str(), &named) == 0 && named.st_dev == own.st_dev && named.st_ino == own.st_ino;
  return same ? path : "";
}

bool copy(const std::string& from, const std::string& to, mode_t mode) {
  const int source = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
  const int target = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
  bool good = source >= 0 && target >= 0;
  std::array<char, 65536> block{};
  while (good) {
    const ssize_t got = ::read(source, block.data(), block.size());
    if (got <= 0) {
      good = got == 0;
      break;
    }
    good = write_all(target, block.data(), static_cast<std::size_t>(got));
  }
  if (source >= 0) ::close(source);
  if (target >= 0 && ::close(target) != 0) good = false;
  return good;
}

class BoundedFile : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit BoundedFile(std::int64_t max_bytes) : max_bytes_(max_bytes), limit_(max_bytes) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    base_sink<std::mutex>::formatter_->format(message, line);
    if (message.payload.size() > 7 && std::string(message.payload.data(), 7) == "joined ") {
      joined_.assign(line.data(), line.size());  // web/worker_log finds a worker's log by it
    }
    write_all(STDERR_FILENO, line.data(), line.size());
    struct stat own {};
    if (::fstat(STDERR_FILENO, &own) != 0 || !S_ISREG(own.st_mode) || own.st_size < limit_) return;
    limit_ = rotate(own) ? max_bytes_ : own.st_size + max_bytes_;
  }
  void flush_() override {}

 private:
  /// What others write to the file between the copy and the cut is lost.
  bool rotate(const struct stat& own) {
    const std::string path = own_path(own);
    if (path.empty() || (::fcntl(STDERR_FILENO, F_GETFL) & O_APPEND) == 0) return false;
    for (int i = kRotatedLogs; i > 1; --i) {
      (void)std::rename((path + "." + std::to_string(i - 1)).c_str(), (path + "." + std::to_string(i)).c_str());
    }
    if (!copy(path, path + ".1", own.st_mode) || ::ftruncate(STDERR_FILENO, 0) != 0) return false;
    write_all(STDERR_FILENO, joined_.data(), joined_.size());
    return true;
  }

  const std::int64_t max_bytes_;
  std::int64_t limit_;  ///< of the file's size: it is rotated then
  std::string joined_;
};

}  // namespace

void log_to_standard_error(std::int64_t max_bytes) {
  if (::isatty(STDERR_FILENO) != 0) {
    spdlog::set_default_logger(spdlog::stderr_color_mt("medley-worker"));
  } else {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("medley-worker", std::make_shared<BoundedFile>(max_bytes)));
  }
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ [%P] %l: %v", spdlog::pattern_time_type::utc);
}

}  // namespace medley::worker
