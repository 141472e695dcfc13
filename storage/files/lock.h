#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

#include "storage/files/descriptor.h"
#include "storage/files/write.h"

namespace medley::files {

/// Exclusive ownership of a folder while it lives: flock on a file in it. The system releases it when the process dies,
/// however it dies. Closed on exec.
class Lock {
 public:
  /// Who signed a lock file last.
  struct Holder {
    pid_t process = 0;
    std::string host;
    bool operator==(const Holder& o) const { return process == o.process && host == o.host; }
  };

  /// Makes the file where it is missing. nullopt when another has the lock. Throws Error.
  static std::optional<Lock> take(const std::filesystem::path& file, Access access = Access::kShared);
  /// nullopt also where there is no such file, or it cannot be opened for writing.
  static std::optional<Lock> take_existing(const std::filesystem::path& file);

  /// Writes this process and its host into the file. Throws Error.
  void sign();

  /// Somebody has it now. The lock is touched for a moment where nobody does.
  static bool is_held(const std::filesystem::path& file);
  /// nullopt where nobody signed. The holder may have died since.
  static std::optional<Holder> holder(const std::filesystem::path& file);

 private:
  Lock(Descriptor descriptor, std::filesystem::path file)
      : descriptor_(std::move(descriptor)), file_(std::move(file)) {}

  Descriptor descriptor_;
  std::filesystem::path file_;
};

}  // namespace medley::files
