#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <sys/types.h>

namespace medley::storage {

// SQLite's write-ahead log works among processes of one kernel, and a network file system may keep file locks to the
// host that took them. So whoever holds a store signs its lock file again and again, and other hosts keep off while
// they see that.

struct OwnerTimes {
  std::chrono::milliseconds beat{5'000};    ///< between two signatures
  std::chrono::milliseconds stale{60'000};  ///< without a new one: another host's owner counts as dead
};

/// Who holds a store now.
struct StoreHolder {
  pid_t process = 0;  ///< 0: not signed yet
  std::string host;   ///< "" as above
  bool here = true;   ///< it shares this process's kernel, whatever it calls its host
};

/// nullopt when nobody does. On this kernel the lock alone says it, never a process id. A holder elsewhere counts while
/// its last signature is younger than OwnerTimes::stale by this host's clock.
std::optional<StoreHolder> store_holder(const std::filesystem::path& store);

/// "process 12 on host a"
std::string text_of(const StoreHolder& holder);

/// The database of a store, to be opened by a reader. Throws Error where there is none, or where another host holds it.
std::string readable_database(const std::filesystem::path& store);

/// The one owner of a store while it lives. Not copied, not moved.
class Owner {
 public:
  /// Throws Error that names the holder when there is one. Where an owner on another host did not end properly, waits
  /// until its signature has been the same for `times.stale`.
  explicit Owner(const std::filesystem::path& store, OwnerTimes times = {});
  ~Owner();
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  /// Call before each change. Throws Error when this process stood still for so long that another host may have taken
  /// the store, and has.
  void check();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace medley::storage
