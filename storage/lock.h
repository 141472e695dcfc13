#pragma once

#include <string>

namespace medley::storage {

/// Exclusive ownership of a store folder for writing, while it lives: flock on a file that holds the owner's process
/// id and host. The system releases it when the process dies, however it dies. Closed on exec.
class Lock {
 public:
  /// Throws Error that names the holder when another has it, or why the file cannot be made.
  explicit Lock(const std::string& path);
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  /// Somebody has it now. The lock is touched for a moment where nobody does.
  static bool is_held(const std::string& path);

 private:
  int file_ = -1;
};

}  // namespace medley::storage
