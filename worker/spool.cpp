#include "worker/spool.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/files/descriptor.h"
#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/digest.h"
#include "sweep/record.h"

namespace medley::worker {
namespace fs = std::filesystem;
namespace {

constexpr const char* kLockFile = "lock";
constexpr const char* kPrefix = "results-";
constexpr std::uint32_t kMagic = 0x534c444d;  // "MDLS"
constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxIndex = std::size_t{1} << 24;
constexpr std::uint8_t kHere = 0xa5, kRemoved = 0x5a;  // no single bit turns one into the other
constexpr std::size_t kHead = 4 + 2 + 4;               // magic, format, bytes of the index
constexpr std::uint32_t kEmpty = 0;                    // in place of the magic
constexpr std::size_t kMostEmpty = 8;                  // a coordinator that was away takes many packs at once

std::string name_of(const sweep::AttemptId& attempt) { return attempt.trial + "-" + std::to_string(attempt.number); }

bool is_results(const fs::path& file) { return file.filename().string().rfind(kPrefix, 0) == 0; }

std::array<unsigned char, 32> sha256_of(const void* data, std::size_t size) {
  sweep::Sha256 sha;
  sha.add(data, size);
  return sha.bytes();
}

void put_sha256(sweep::RecordBytes& bytes, const void* data, std::size_t size) {
  const auto sha = sha256_of(data, size);
  bytes.insert(bytes.end(), sha.begin(), sha.end());
}

/// Head, index and its SHA-256, and a mark for each result.
sweep::RecordBytes index_of(const std::vector<SpooledResult>& results) {
  sweep::RecordBytes index, bytes;
  for (const SpooledResult& result : results) {
    sweep::put_text(index, result.attempt.trial);
    sweep::put_number(index, static_cast<std::uint32_t>(result.attempt.number));
    sweep::put_number(index, static_cast<std::uint64_t>(result.bytes.size()));
    put_sha256(index, result.bytes.data(), result.bytes.size());
  }
  sweep::put_number(bytes, kMagic);
  sweep::put_number(bytes, kFormat);
  sweep::put_number(bytes, static_cast<std::uint32_t>(index.size()));
  bytes.insert(bytes.end(), index.begin(), index.end());
  put_sha256(bytes, index.data(), index.size());
  bytes.insert(bytes.end(), results.size(), kHere);
  return bytes;
}

/// Up to `size` bytes of a file from `offset` on; fewer where it ends. nullopt where it is not there.
std::optional<std::vector<std::uint8_t>> read_part(const fs::path& path, std::size_t offset, std::size_t size) {
  const files::Descriptor file(files::uninterrupted([&] { return open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) throw files::Error(path, "open", errno);
  std::vector<std::uint8_t> bytes(size);
  std::size_t done = 0;
  while (done < size) {
    const auto more = files::uninterrupted(
        [&] { return pread(file.get(), bytes.data() + done, size - done, static_cast<off_t>(offset + done)); });
    if (more < 0) throw files::Error(path, "read", errno);
    if (more == 0) break;
    done += static_cast<std::size_t>(more);
  }
  bytes.resize(done);
  return bytes;
}

/// Writes all of them at `offset`.
void write_at(const fs::path& path, int file, const void* data, std::size_t size, std::size_t offset) {
  const auto* at = static_cast<const std::uint8_t*>(data);
  while (size > 0) {
    const auto done = files::uninterrupted([&] { return pwrite(file, at, size, static_cast<off_t>(offset)); });
    if (done < 0) throw files::Error(path, "write", errno);
    at += done, offset += static_cast<std::size_t>(done), size -= static_cast<std::size_t>(done);
  }
}

files::Descriptor open_to_write(const fs::path& path) {
  files::Descriptor file(files::uninterrupted([&] { return open(path.c_str(), O_WRONLY | O_CLOEXEC); }));
  if (!file) throw files::Error(path, "open", errno);
  return file;
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
    : folder_(folder),
      instance_(instance),
      own_(folder / ("w-" + instance)),
      lock_(files::rethrow_as<Error>([&] { return make_own(); })) {}

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
  for (const std::string& name : empty_) fs::remove(own_ / name, ignored);
  for (fs::directory_iterator it(own_, ignored), end; !ignored && it != end; it.increment(ignored)) {
    if (is_results(it->path())) return;  // with the lock, which another worker takes
  }
  fs::remove(own_ / kLockFile, ignored);
  fs::remove(own_, ignored);  // stays when it holds anything else
}

void Spool::put(const std::vector<SpooledResult>& results) {
  sweep::RecordBytes bytes = index_of(results);
  const std::size_t marks = bytes.size() - results.size();
  Places places;
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (!empty_.empty()) {
      name = std::move(empty_.back());
      empty_.pop_back();
    }
  }
  const bool is_new = name.empty();
  if (is_new) name = kPrefix + instance_ + "-" + std::to_string(++files_);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::vector<std::uint8_t>& result = results[i].bytes;
    places[results[i].attempt] = {name, marks + i, bytes.size(), result.size(),
                                  sha256_of(result.data(), result.size())};
    bytes.insert(bytes.end(), result.begin(), result.end());
  }
  try {
    write(name, bytes, is_new);
  } catch (const files::Error& e) {
    std::error_code ignored;
    fs::remove(own_ / name, ignored);  // a new one has its name where only the folder could not be synced
    throw Error(e.what());
  }
  for (const SpooledResult& result : results) remove(result.attempt);  // of an earlier file
  const std::lock_guard lock(mutex_);
  left_[name] = static_cast<int>(places.size());
  for (auto& [attempt, place] : places) places_[attempt] = std::move(place);
}

void Spool::write(const std::string& name, const std::vector<std::uint8_t>& bytes, bool is_new) const {
  const fs::path path = own_ / name;
  if (is_new) {
    return files::write(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, files::Durability::kDurable,
                        files::Access::kPrivate);
  }
  const files::Descriptor file = open_to_write(path);
  // It is empty for whom finds it until its first word comes, the last to be written.
  constexpr std::size_t kWord = sizeof kMagic;
  write_at(path, file.get(), bytes.data() + kWord, bytes.size() - kWord, kWord);
  write_at(path, file.get(), bytes.data(), kWord, 0);
  if (files::uninterrupted([&] { return fdatasync(file.get()); }) != 0) throw files::Error(path, "sync", errno);
}

std::vector<sweep::AttemptId> Spool::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<sweep::AttemptId> attempts;
  for (const auto& [attempt, place] : places_) attempts.push_back(attempt);
  return attempts;
}

std::optional<Spool::Place> Spool::find(const sweep::AttemptId& attempt) const {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(attempt);
  return found == places_.end() ? std::nullopt : std::optional<Place>(found->second);
}

std::optional<std::vector<std::uint8_t>> Spool::read(const sweep::AttemptId& attempt) {
  const auto place = find(attempt);
  if (!place) return std::nullopt;
  return files::rethrow_as<Error>([&]() -> std::optional<std::vector<std::uint8_t>> {
    auto bytes = read_part(own_ / place->file, place->begin, place->size);
    if (bytes && sha256_of(bytes->data(), bytes->size()) == place->sha256) return bytes;
    if (bytes) {
      files::write(own_ / ("bad-" + name_of(attempt)), {reinterpret_cast<const char*>(bytes->data()), bytes->size()},
                   files::Durability::kAtomic, files::Access::kPrivate);
    }
    remove(attempt);
    return std::nullopt;
  });
}

void Spool::remove(const sweep::AttemptId& attempt) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(attempt);
  if (found == places_.end()) return;
  const Place place = found->second;
  const fs::path path = own_ / place.file;
  places_.erase(found);
  const bool last = --left_.at(place.file) == 0;
  if (last) left_.erase(place.file);
  files::rethrow_as<Error>([&] {
    if (last && empty_.size() == kMostEmpty) {
      std::error_code error;
      fs::remove(path, error);
      if (error) throw files::Error(path, "delete", error.message());
      return;
    }
    const files::Descriptor file = open_to_write(path);
    if (!last) return write_at(path, file.get(), &kRemoved, sizeof kRemoved, place.mark);
    write_at(path, file.get(), &kEmpty, sizeof kEmpty, 0);
    empty_.push_back(place.file);
  });
}

std::optional<Spool::Places> Spool::read_index(const fs::path& path) {
  const auto head = read_part(path, 0, kHead);
  if (head && head->size() >= kHead && sweep::load_number<std::uint32_t>(head->data()) == kEmpty) return Places();
  if (!head || head->size() < kHead || sweep::load_number<std::uint32_t>(head->data()) != kMagic ||
      sweep::load_number<std::uint16_t>(head->data() + 4) != kFormat) {
    return std::nullopt;
  }
  const std::size_t size = sweep::load_number<std::uint32_t>(head->data() + 6);
  if (size > kMaxIndex) return std::nullopt;
  const auto bytes = read_part(path, kHead, size + 32);
  if (bytes->size() < size + 32) return std::nullopt;
  const auto sha = sha256_of(bytes->data(), size);
  if (!std::equal(sha.begin(), sha.end(), bytes->end() - 32)) return std::nullopt;
  Places places;
  std::vector<sweep::AttemptId> order;
  sweep::RecordReader in(bytes->data(), size, "the index of a spool");
  while (in.left() > 0) {
    sweep::AttemptId attempt{in.text("a trial", kMaxName), 0};
    attempt.number = static_cast<int>(in.number<std::uint32_t>("an attempt"));
    Place& place = places[attempt];
    place.file = path.filename();
    place.size = in.number<std::uint64_t>("a size");
    std::copy_n(in.take(32, "a SHA-256"), 32, place.sha256.begin());
    order.push_back(attempt);
  }
  const std::size_t marks = kHead + size + 32;
  std::size_t begin = marks + order.size();
  const auto here = read_part(path, marks, order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    Place& place = places[order[i]];
    place.mark = marks + i;
    place.begin = begin;
    begin += place.size;
    if (i < here->size() && (*here)[i] == kRemoved) places.erase(order[i]);
  }
  return places;
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
      const std::string name = it->path().filename();
      if (!is_results(name)) continue;
      const auto places = files::rethrow_as<Error>([&] { return read_index(it->path()); });
      std::error_code moved;
      if (places && places->empty()) {
        fs::remove(it->path(), moved);
        continue;
      }
      fs::rename(it->path(), own_ / (places ? name : "bad-" + name), moved);
      if (moved || !places) continue;
      const std::lock_guard guard(mutex_);
      left_[name] = static_cast<int>(places->size());
      for (const auto& [attempt, place] : *places) {
        places_[attempt] = place;
        taken.push_back(attempt);
      }
    }
    // What is left is the lock and, after a death, drafts. A damaged result that was set aside is kept for people.
    std::error_code ignored;
    bool keep = false;
    std::vector<fs::path> rest;
    for (fs::directory_iterator it(other, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename();
      keep = keep || name.rfind("bad-", 0) == 0 || is_results(name);
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
