#include "storage/files/write.h"

#include <atomic>
#include <cstdio>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "storage/files/error.h"

namespace medley::files {
namespace fs = std::filesystem;
namespace {

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : "."; }

Descriptor open(const fs::path& path, int flags, mode_t mode = 0) {
  return Descriptor(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); }));
}

/// The file that a rename to `path` should replace: a link keeps its place, a device must not lose its own.
fs::path resolved(const fs::path& path) {
  std::error_code absent;
  const fs::file_status status = fs::status(path, absent);
  if (fs::exists(status) && !fs::is_regular_file(status)) throw Error(path, "write", "not a regular file");
  return fs::is_symlink(path, absent) ? fs::weakly_canonical(path) : path;
}

}  // namespace

PartialFile::PartialFile(const fs::path& target, Access access) : target_(resolved(target)) {
  static std::atomic<unsigned> count{0};
  const fs::path folder = folder_of(target_);
  int denied = 0;
  std::error_code ignored;
  // A name may be taken by a process of another host that has this one's number, or by one that died. A container's
  // file system was seen to deny for a moment that a new folder is there.
  const auto may_try_again = [&] {
    return errno == EEXIST || (errno == ENOENT && ++denied < 4 && fs::is_directory(folder, ignored));
  };
  do {
    path_ = folder / ("." + target_.filename().string() + "." + std::to_string(::getpid()) + "-" +
                      std::to_string(++count) + ".partial");
    file_ = open(path_, O_WRONLY | O_CREAT | O_EXCL, access == Access::kPrivate ? 0600 : 0666);
  } while (!file_ && may_try_again());
  if (!file_) throw Error(target_, "write", errno);
}

PartialFile::~PartialFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void PartialFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = uninterrupted([&] { return ::write(file_.get(), bytes.data(), bytes.size()); });
    if (written < 0) throw Error(target_, "write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void PartialFile::sync() {
  const Descriptor by_name = open(path_, O_RDONLY);  // a library may have put another file there
  if (!by_name) throw Error(target_, "sync", errno);
  for (const int file : {by_name.get(), file_.get()}) {
    if (uninterrupted([&] { return ::fsync(file); }) != 0) throw Error(target_, "sync", errno);
  }
}

void PartialFile::commit(Durability durability) {
  sync();
  if (::rename(path_.c_str(), target_.c_str()) != 0) throw Error(target_, "replace", errno);
  path_.clear();
  if (durability == Durability::kDurable) sync_folder(folder_of(target_));
}

bool PartialFile::commit_if_new(Durability durability) {
  sync();
  const bool made = ::link(path_.c_str(), target_.c_str()) == 0;
  if (!made && errno != EEXIST) throw Error(target_, "create", errno);
  ::unlink(path_.c_str());
  path_.clear();
  if (durability == Durability::kDurable) sync_folder(folder_of(target_));
  return made;
}

void write(const fs::path& path, std::string_view bytes, Durability durability, Access access) {
  PartialFile file(path, access);
  file.append(bytes);
  file.commit(durability);
}

bool create(const fs::path& path, std::string_view bytes, Durability durability, Access access) {
  PartialFile file(path, access);
  file.append(bytes);
  return file.commit_if_new(durability);
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  if (folder.empty() || fs::is_directory(folder, error)) return;
  make_folders(folder.parent_path());
  fs::create_directory(folder, error);
  if (error) throw Error(folder, "make the folder", error.message());
  sync_folder(folder_of(folder));
}

void sync_folder(const fs::path& folder) {
  const Descriptor opened = open(folder, O_RDONLY | O_DIRECTORY);
  if (!opened) throw Error(folder, "open", errno);
  // EINVAL comes from file systems that cannot sync a folder, as some network shares. There a sync has no meaning.
  if (uninterrupted([&] { return ::fsync(opened.get()); }) != 0 && errno != EINVAL) throw Error(folder, "sync", errno);
}

}  // namespace medley::files
