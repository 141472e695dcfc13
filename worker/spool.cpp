#include "worker/spool.h"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <sys/stat.h>
#include <unistd.h>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/digest.h"

namespace medley::worker {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLockFile = "lock";
constexpr std::size_t kChecksumBytes = 64;  // hexadecimal SHA-256

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
  if (stat(folder.c_str(), &status) != 0) throw files::Error(folder, "look at the folder", errno);
  if (status.st_uid == geteuid() && !(status.st_mode & S_IWOTH)) return;
  throw Error("the spool folder " + folder.string() +
              (status.st_uid == geteuid() ? " may be written by everybody" : " belongs to another user") +
              "; name another with --spool");
}

}  // namespace

Spool::Spool(const fs::path& folder, const std::string& instance)
    : folder_(folder), own_(folder / ("w-" + instance)), lock_(files::rethrow_as<Error>([&] { return make_own(); })) {}

files::Lock Spool::make_own() const {
  files::make_folders(folder_);
  check_owned(folder_);
  // Made aside and locked before it gets a name that others look at: nobody takes over a folder that has just begun.
  const fs::path draft = folder_ / ("new-" + own_.filename().string());
  files::make_folders(draft);
  auto lock = files::Lock::take(draft / kLockFile, files::Access::kPrivate);
  if (!lock) throw Error("another process holds " + (draft / kLockFile).string());
  std::error_code error;
  fs::rename(draft, own_, error);
  if (error) throw files::Error(own_, "make the folder", error.message());
  files::sync_folder(folder_);
  return std::move(*lock);
}

Spool::~Spool() {
  std::error_code ignored;
  if (list().empty()) {
    fs::remove(own_ / kLockFile, ignored);
    fs::remove(own_, ignored);  // stays when it holds anything else
  }
}

fs::path Spool::file_of(const sweep::AttemptId& attempt) const { return own_ / name_of(attempt); }

void Spool::put(const sweep::AttemptId& attempt, const std::vector<std::uint8_t>& bytes) {
  const std::string body(bytes.begin(), bytes.end());
  const std::string text = sweep::sha256_hex(body) + body;
  files::rethrow_as<Error>(
      [&] { files::write(file_of(attempt), text, files::Durability::kDurable, files::Access::kPrivate); });
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
  const auto text = files::rethrow_as<Error>([&] { return files::read_if_there(path); });
  if (!text) return std::nullopt;
  if (text->size() >= kChecksumBytes) {
    const std::string_view body = std::string_view(*text).substr(kChecksumBytes);
    if (text->compare(0, kChecksumBytes, sweep::sha256_hex(body)) == 0) {
      return std::vector<std::uint8_t>(body.begin(), body.end());
    }
  }
  std::error_code error;
  fs::rename(path, own_ / ("bad-" + name_of(attempt)), error);
  if (error) throw Error("cannot set the damaged result " + path.string() + " aside: " + error.message());
  return std::nullopt;
}

void Spool::remove(const sweep::AttemptId& attempt) {
  const fs::path path = file_of(attempt);
  std::error_code error;
  fs::remove(path, error);
  if (error) throw Error(path.string() + ": cannot delete: " + error.message());
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
    const auto lock = files::rethrow_as<Error>([&] { return files::Lock::take_existing(other / kLockFile); });
    if (!lock) continue;  // its worker lives, or another one is taking it over
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
  }
  if (!taken.empty()) files::rethrow_as<Error>([&] { files::sync_folder(own_); });
  std::sort(taken.begin(), taken.end());
  return taken;
}

}  // namespace medley::worker
