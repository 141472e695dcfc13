#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace medley::storage::testing_store {

/// A system call that put something on a disk.
struct DiskCall {
  std::string name;  ///< write, fsync, rename or link
  std::string file;  ///< from the watched folder: of the open file, or the new name; "." is the folder
  bool operator==(const DiskCall& o) const { return name == o.name && file == o.file; }
};

/// Stands in for write(), fsync(), rename() and link() of this program, and for what SQLite has in place of the first
/// two, while it lives: records calls on what lies in
/// `folder`, and fails the ones that a test names. One at a time.
class FaultyCalls {
 public:
  explicit FaultyCalls(std::filesystem::path folder);
  ~FaultyCalls();
  FaultyCalls(const FaultyCalls&) = delete;
  FaultyCalls& operator=(const FaultyCalls&) = delete;

  /// The `nth` call of this name, from 1, fails with `code`.
  void fail(const std::string& name, int nth, int code);
  /// The `nth` call of any name, counted from now, fails with `code`; 0: none does.
  void fail_next(int nth, int code = 0);
  /// The next write takes `bytes` at most.
  void shorten_next_write(std::size_t bytes);
  /// Those that succeeded.
  const std::vector<DiskCall>& calls() const;
};

}  // namespace medley::storage::testing_store
