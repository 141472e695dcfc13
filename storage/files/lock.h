#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

#include "storage/files/descriptor.h"
#include "storage/files/write.h"

namespace medley::files {

/// Exclusive ownership of a folder while it lives: a lock of an open file in it (F_OFD_SETLK). The system releases it
/// when the process dies, however it dies. Closed on exec. A network file system may keep such a lock to the host that
/// took it: what tells hosts of each other is what the holder signs.
class Lock {
 public:
  /// Who signed a lock file last.
  struct Holder {
    pid_t process = 0;
    std::string host;
    std::string boot;        ///< of its kernel, boot_id()
    std::int64_t beats = 0;  ///< how often it signed: rises while it lives
    bool operator==(const Holder& o) const {
      return process == o.process && host == o.host && boot == o.boot && beats == o.beats;
    }
    /// Whether its locks are seen here.
    bool is_of_this_kernel() const { return boot == boot_id(); }
    /// The same process of the same kernel, at whatever beat.
    bool is_same_process(const Holder& o) const { return process == o.process && boot == o.boot; }
  };

  /// Makes the file where it is missing. nullopt when another has the lock. Throws Error.
  static std::optional<Lock> take(const std::filesystem::path& file, Access access = Access::kShared);
  /// nullopt also where there is no such file, or it cannot be opened for writing.
  static std::optional<Lock> take_existing(const std::filesystem::path& file);

  Lock(Lock&& other) = default;
  Lock& operator=(Lock&&) = delete;
  /// Who signed it takes that back.
  ~Lock();

  /// Writes this process, its host and the next beat into the file, and syncs them. Throws Error.
  void sign();
  /// What was written last.
  const Holder& signature() const { return signature_; }
  /// Leaves what the file says as it is, for another host that took over.
  void forget_signature() { signature_ = {}; }

  /// Somebody of this kernel has it now. Asks, and takes nothing: whoever takes it meanwhile gets it.
  static bool is_held(const std::filesystem::path& file);
  /// nullopt where nobody signed, or who did has ended properly. Else it may have died since.
  static std::optional<Holder> holder(const std::filesystem::path& file);
  /// What Linux calls this start of its kernel; containers of a host share it. "" where there is no such thing.
  static const std::string& boot_id();

 private:
  Lock(Descriptor descriptor, std::filesystem::path file)
      : descriptor_(std::move(descriptor)), file_(std::move(file)) {}

  Descriptor descriptor_;
  std::filesystem::path file_;
  Holder signature_;
};

}  // namespace medley::files
