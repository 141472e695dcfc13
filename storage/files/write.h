#pragma once

#include <filesystem>
#include <string_view>

#include "storage/files/descriptor.h"

namespace medley::files {

/// What a write promises after a power failure. Readers and a killed writer see the old file or the new one in either
/// case, and never a part.
enum class Durability {
  kAtomic,   ///< the old file or the new one is there
  kDurable,  ///< the new one is there once the call has returned
};

/// Who may read a new file.
enum class Access {
  kShared,   ///< whom the process's umask allows
  kPrivate,  ///< the owner only (mode 0600), from the first byte
};

/// Puts `bytes` in place of what `path` holds, if anything. Throws Error and leaves the old file when that fails. A
/// folder that cannot be synced after the exchange is an Error too, but `path` then has the new bytes.
void write(const std::filesystem::path& path, std::string_view bytes, Durability durability,
           Access access = Access::kShared);

/// As write(), but the first writer wins: returns false and leaves `path` where it exists.
bool create(const std::filesystem::path& path, std::string_view bytes, Durability durability,
            Access access = Access::kShared);

/// A new file beside `target`, under a name that no other writer uses, until commit() gives it the name `target`. The
/// destructor deletes a file that was not committed.
class PartialFile {
 public:
  /// Makes it, empty. Symbolic links are followed. Throws Error, also where `target` is no regular file.
  explicit PartialFile(const std::filesystem::path& target, Access access = Access::kShared);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  /// For libraries and programs that write or read it by name.
  const std::filesystem::path& path() const { return path_; }
  /// Throws Error.
  void append(std::string_view bytes);
  /// Syncs what was written, also by others, and renames. Throws Error.
  void commit(Durability durability);
  /// The same, unless `target` exists: then returns false.
  bool commit_if_new(Durability durability);

 private:
  void sync();

  std::filesystem::path target_;
  std::filesystem::path path_;  ///< empty once the file has lost this name
  Descriptor file_;
};

/// A new folder beside `target`, under a name that no other writer uses, until commit_if_new() gives it the name
/// `target`. The destructor deletes a folder that was not committed.
class PartialFolder {
 public:
  /// Makes it, empty. Throws Error.
  explicit PartialFolder(const std::filesystem::path& target);
  ~PartialFolder();
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// A new file at `name` in it, and the folders that it needs. Not on disk before the commit. Throws Error.
  void put(const std::filesystem::path& name, std::string_view bytes);
  /// Syncs the file system and renames, unless `target` exists: then returns false. Throws Error.
  bool commit_if_new();

 private:
  std::filesystem::path target_;
  std::filesystem::path path_;  ///< empty once it has lost this name
};

/// Makes `folder` and the missing ones above it; all are on disk when it returns. Throws Error.
void make_folders(const std::filesystem::path& folder);

/// Puts on disk which names `folder` holds. Throws Error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace medley::files
