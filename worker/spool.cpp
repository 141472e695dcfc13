#include "worker/spool.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sweep/digest.h"

namespace medley::worker {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kChecksumBytes = 64;  // hexadecimal SHA-256

[[noreturn]] void fail(const std::string& doing, const fs::path& path, int error) {
  throw Error("cannot " + doing + " " + path.string() + ": " + std::strerror(error));
}

std::string checksum(const std::uint8_t* bytes, std::size_t size) {
  sweep::Sha256 sha;
  sha.add(bytes, size);
  return sha.hex();
}

/// The lock file of a subfolder, locked, or -1 when a living process holds it (or it is not there).
int try_lock(const fs::path& folder, int flags) {
  const int descriptor = open((folder / "lock").c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) return -1;
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  close(descriptor);
  return -1;
}

void sync_folder(const fs::path& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail("open", folder, errno);
  const int result = fsync(descriptor);
  const int error = errno;
  close(descriptor);
  if (result != 0) fail("sync", folder, error);
}

std::string name_of(const sweep::AttemptId& attempt) { return attempt.trial + "-" + std::to_string(attempt.number); }

std::optional<sweep::AttemptId> attempt_of(const std::string& name) {
  if (name.size() < 18 || name[16] != '-') return std::nullopt;
  sweep::AttemptId attempt{name.substr(0, 16), 0};
  if (attempt.trial.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + 17, end, attempt.number);
  if (parsed.ec != std::errc() || parsed.ptr != end || attempt.number < 1) return std::nullopt;
  return attempt;
}

/// Others could put results of their own there, or take ours: a folder below /tmp may have been made before we came.
void check_owned(const fs::path& folder) {
  struct stat status = {};
  if (stat(folder.c_str(), &status) != 0) fail("look at", folder, errno);
  if (status.st_uid == geteuid() && !(status.st_mode & S_IWOTH)) return;
  throw Error("the spool folder " + folder.string() +
              (status.st_uid == geteuid() ? " may be written by everybody" : " belongs to another user") +
              "; name another with --spool");
}

}  // namespace

Spool::Spool(const fs::path& folder, const std::string& instance) : folder_(folder), own_(folder / ("w-" + instance)) {
  // Made aside and locked before it gets a name that others look at: nobody takes over a folder that has just begun.
  const fs::path draft = folder / ("new-" + instance);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw Error("cannot make the spool folder " + folder.string() + ": " + error.message());
  check_owned(folder);
  fs::create_directory(draft, error);
  if (error) throw Error("cannot make the spool folder " + draft.string() + ": " + error.message());
  lock_ = try_lock(draft, O_RDWR | O_CREAT);
  if (lock_ < 0) fail("lock", draft / "lock", errno);
  fs::rename(draft, own_, error);
  if (error) throw Error("cannot make the spool folder " + own_.string() + ": " + error.message());
}

Spool::~Spool() {
  std::error_code ignored;
  if (list().empty()) {
    fs::remove(own_ / "lock", ignored);
    fs::remove(own_, ignored);  // stays when it holds anything else
  }
  close(lock_);
}

fs::path Spool::file_of(const sweep::AttemptId& attempt) const { return own_ / name_of(attempt); }

void Spool::put(const sweep::AttemptId& attempt, const std::vector<std::uint8_t>& bytes) {
  const fs::path path = file_of(attempt);
  const fs::path draft = path.string() + ".part";
  const int descriptor = open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) fail("write", draft, errno);
  std::string head = checksum(bytes.data(), bytes.size());
  head.append(bytes.begin(), bytes.end());
  std::size_t done = 0;
  int error = 0;
  while (done < head.size() && error == 0) {
    const ssize_t written = write(descriptor, head.data() + done, head.size() - done);
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && fsync(descriptor) != 0) error = errno;
  close(descriptor);
  if (error == 0 && rename(draft.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(draft.c_str());
    fail("write", path, error);
  }
  sync_folder(own_);
}

std::vector<sweep::AttemptId> Spool::list() const {
  std::vector<sweep::AttemptId> attempts;
  std::error_code error;
  for (fs::directory_iterator it(own_, error), end; !error && it != end; it.increment(error)) {
    if (const auto attempt = attempt_of(it->path().filename())) attempts.push_back(*attempt);
  }
  std::sort(attempts.begin(), attempts.end());
  return attempts;
}

std::optional<std::vector<std::uint8_t>> Spool::read(const sweep::AttemptId& attempt) {
  const fs::path path = file_of(attempt);
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (bytes.size() >= kChecksumBytes) {
    const std::string stored(bytes.begin(), bytes.begin() + kChecksumBytes);
    if (stored == checksum(bytes.data() + kChecksumBytes, bytes.size() - kChecksumBytes)) {
      bytes.erase(bytes.begin(), bytes.begin() + kChecksumBytes);
      return bytes;
    }
  }
  std::error_code error;
  fs::rename(path, own_ / ("bad-" + name_of(attempt)), error);
  if (error) throw Error("cannot set the damaged result " + path.string() + " aside: " + error.message());
  return std::nullopt;
}

void Spool::remove(const sweep::AttemptId& attempt) {
  const fs::path path = file_of(attempt);
  if (unlink(path.c_str()) != 0 && errno != ENOENT) fail("delete", path, errno);
}

std::vector<sweep::AttemptId> Spool::take_over_abandoned() {
  std::vector<sweep::AttemptId> taken;
  std::vector<fs::path> others;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (it->path() != own_ && name.rfind("w-", 0) == 0) others.push_back(it->path());
  }
  std::sort(others.begin(), others.end());
  for (const fs::path& other : others) {
    const int lock = try_lock(other, O_RDWR);
    if (lock < 0) continue;  // its worker lives, or another one is taking it over
    for (fs::directory_iterator it(other, error), end; !error && it != end; it.increment(error)) {
      const auto attempt = attempt_of(it->path().filename());
      if (!attempt) continue;
      std::error_code moved;
      fs::rename(it->path(), file_of(*attempt), moved);
      if (!moved) taken.push_back(*attempt);
    }
    // What is left is the lock and, after a death, drafts. A damaged result that was set aside is kept for people.
    std::error_code ignored;
    bool keep = false;
    std::vector<fs::path> rest;
    for (fs::directory_iterator it(other, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename();
      keep = keep || name.rfind("bad-", 0) == 0 || attempt_of(name).has_value();
      rest.push_back(it->path());
    }
    if (!keep) {
      for (const fs::path& file : rest) fs::remove(file, ignored);
      fs::remove(other, ignored);
    }
    close(lock);
  }
  if (!taken.empty()) sync_folder(own_);
  std::sort(taken.begin(), taken.end());
  return taken;
}

}  // namespace medley::worker
