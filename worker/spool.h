#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "storage/files/lock.h"
#include "sweep/state.h"

namespace medley::worker {

/// A worker cannot serve, or cannot keep what it trained.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A result as it lies in a spool and is sent: sweep::encode_result().
struct SpooledResult {
  sweep::AttemptId attempt;
  std::vector<std::uint8_t> bytes;
};

/// Results on local disk until the coordinator has them. Each worker process has its own subfolder `w-<instance>`,
/// which it holds by a file lock as long as it lives; what a dead one left is taken over by any other.
///
/// The results of a pack are one file, `results-<instance>-<number>`: an index with the place and SHA-256 of each, then
/// the results. A result that is removed is marked in the index. The marks are not synced: after a failure of the
/// machine, the spool may have results that the coordinator has.
///
/// With its last result a file is empty: its first word is 0. The next pack is written over it, with one sync and no
/// new name. Making and deleting a file for each pack costs several times as much, and ext4 looks at every file that
/// was deleted in the last seconds before it makes another. A new file is written by files::write(). Whatever dies
/// when, a file has all results of its pack, or is empty, or after a failure of the machine is found to be damaged.
///
/// put() may be called on another thread than the rest.
class Spool {
 public:
  /// Throws Error when the folder cannot be made or written, or others may write it.
  Spool(const std::filesystem::path& folder, const std::string& instance);
  /// Removes empty files, and the own subfolder when nothing else is in it.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// On disk when it returns, all of them. Throws Error when they cannot be written (disk full), and then none is
  /// there.
  void put(const std::vector<SpooledResult>& results);
  /// What is in the own subfolder, in order.
  std::vector<sweep::AttemptId> list() const;
  /// nullopt when the result is absent or damaged; a damaged one is set aside as `bad-<trial>-<attempt>`. Throws Error
  /// when it cannot be read.
  std::optional<std::vector<std::uint8_t>> read(const sweep::AttemptId& attempt);
  /// No effect when it is absent.
  void remove(const sweep::AttemptId& attempt);
  /// Moves the results of dead workers into the own subfolder; returns them. A file with a damaged index becomes
  /// `bad-...`.
  std::vector<sweep::AttemptId> take_over_abandoned();

 private:
  /// Where a result lies.
  struct Place {
    std::string file;
    std::size_t mark = 0;  ///< offset of its mark
    std::size_t begin = 0, size = 0;
    std::array<unsigned char, 32> sha256{};
  };
  using Places = std::map<sweep::AttemptId, Place>;

  files::Lock make_own() const;
  /// Over an empty file, or as a new one.
  void write(const std::string& name, const std::vector<std::uint8_t>& bytes, bool is_new) const;
  static std::optional<Places> read_index(const std::filesystem::path& path);
  std::optional<Place> find(const sweep::AttemptId& attempt) const;

  std::filesystem::path folder_;
  std::string instance_;
  std::filesystem::path own_;
  files::Lock lock_;
  mutable std::mutex mutex_;  ///< of what follows
  Places places_;
  std::map<std::string, int> left_;  ///< by file, its results that are not removed
  std::vector<std::string> empty_;   ///< files
  int files_ = 0;
};

}  // namespace medley::worker
