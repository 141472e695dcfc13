#include "storage/files/write.h"

#include <atomic>
#include <cstdio>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
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

/// Makes something new beside `target` by `make(path)`, which is false where it cannot. Returns where. Throws Error.
template <class Make>
fs::path make_partial(const fs::path& target, Make make) {
  static std::atomic<unsigned> count{0};
  const fs::path folder = folder_of(target);
  int denied = 0;
  std::error_code ignored;
  // A name may be taken by a process of another host that has this one's number, or by one that died. A container's
  // file system was seen to deny for a moment that a new folder is there.
  const auto may_try_again = [&] {
    return errno == EEXIST || (errno == ENOENT && ++denied < 4 && fs::is_directory(folder, ignored));
  };
  for (;;) {
    fs::path path = folder / ("." + target.filename().string() + "." + std::to_string(::getpid()) + "-" +
                              std::to_string(++count) + ".partial");
    if (make(path)) return path;
    if (!may_try_again()) throw Error(target, "write", errno);
  }
}

void append_to(const Descriptor& file, std::string_view bytes, const fs::path& named) {
  while (!bytes.empty()) {
    const ssize_t written = uninterrupted([&] { return ::write(file.get(), bytes.data(), bytes.size()); });
    if (written < 0) throw Error(named, "write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

PartialFile::PartialFile(const fs::path& target, Access access) : target_(resolved(target)) {
  path_ = make_partial(target_, [&](const fs::path& path) {
    file_ = open(path, O_WRONLY | O_CREAT | O_EXCL, access == Access::kPrivate ? 0600 : 0666);
    return static_cast<bool>(file_);
  });
}

PartialFile::~PartialFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void PartialFile::append(std::string_view bytes) { append_to(file_, bytes, target_); }

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

PartialFolder::PartialFolder(const fs::path& target) : target_(target) {
  path_ = make_partial(target_, [](const fs::path& path) { return ::mkdir(path.c_str(), 0777) == 0; });
}

PartialFolder::~PartialFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void PartialFolder::put(const fs::path& name, std::string_view bytes) {
  const fs::path path = path_ / name;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) throw Error(target_ / name, "make the folder", error.message());
  const Descriptor file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (!file) throw Error(target_ / name, "write", errno);
  append_to(file, bytes, target_ / name);
}

bool PartialFolder::commit_if_new() {
  {
    const Descriptor opened = open(path_, O_RDONLY | O_DIRECTORY);
    if (!opened || ::syncfs(opened.get()) != 0) throw Error(target_, "sync", errno);
  }
  int failed = ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) == 0 ? 0 : errno;
  if (failed == EINVAL || failed == ENOSYS) {  // a file system that cannot promise it, as NFS
    std::error_code absent;
    if (fs::exists(fs::symlink_status(target_, absent))) return false;
    failed = ::rename(path_.c_str(), target_.c_str()) == 0 ? 0 : errno;
  }
  if (failed == EEXIST || failed == ENOTEMPTY) return false;
  if (failed != 0) throw Error(target_, "create", failed);
  path_.clear();
  return true;
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
