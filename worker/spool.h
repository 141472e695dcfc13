#pragma once

#include <cstdint>
#include <filesystem>
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

/// Results on local disk until the coordinator has them. Each worker process has its own subfolder `w-<instance>`,
/// which it holds by a file lock as long as it lives; what a dead one left is taken over by any other. A result is one
/// file, `<trial>-<attempt>`: a checksum, then sweep::encode_result(). It is written by files::write(), so that a file
/// by such a name is complete, whatever dies when.
///
/// put() may be called on another thread than the rest.
class Spool {
 public:
  /// Throws Error when the folder cannot be made or written, or others may write it.
  Spool(const std::filesystem::path& folder, const std::string& instance);
  /// Removes the own subfolder when it is empty.
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  /// On disk when it returns. Throws Error when it cannot be written (disk full).
  void put(const sweep::AttemptId& attempt, const std::vector<std::uint8_t>& bytes);
  /// What is in the own subfolder, in order.
  std::vector<sweep::AttemptId> list() const;
  /// nullopt when the file is absent or damaged; a damaged one is set aside as `bad-...`. Throws Error when it cannot
  /// be read.
  std::optional<std::vector<std::uint8_t>> read(const sweep::AttemptId& attempt);
  /// No effect when it is absent.
  void remove(const sweep::AttemptId& attempt);
  /// Moves the results of dead workers into the own subfolder; returns them.
  std::vector<sweep::AttemptId> take_over_abandoned();

 private:
  std::filesystem::path file_of(const sweep::AttemptId& attempt) const;
  files::Lock make_own() const;

  std::filesystem::path folder_;
  std::filesystem::path own_;
  files::Lock lock_;
};

}  // namespace medley::worker
