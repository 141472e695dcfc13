#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "storage/records.h"

namespace medley::storage {

/// One attempt on its worker's line of time.
struct AttemptSpan {
  std::string trial;
  int number = 0;
  std::string worker;  ///< id
  std::string worker_name;
  std::int64_t pack = 0;
  sweep::AttemptState state = sweep::AttemptState::kRunning;
  TimeMs started = 0;
  TimeMs ended = 0;  ///< 0 while it runs
};

/// The newest attempts of a sweep's trials, oldest of them first, at most `limit`. Opens the store for itself. Throws
/// Error when it cannot be read.
std::vector<AttemptSpan> newest_attempts(const std::filesystem::path& store, const std::string& sweep, int limit);

/// Tells whether the store has changed since it was asked last, without reading any of it. Not thread-safe.
class ChangeCounter {
 public:
  /// Throws Error when there is no store.
  explicit ChangeCounter(const std::filesystem::path& store);
  ~ChangeCounter();
  ChangeCounter(const ChangeCounter&) = delete;
  ChangeCounter& operator=(const ChangeCounter&) = delete;

  /// Differs from what it was before when another connection has committed meanwhile; means nothing by itself.
  std::int64_t count();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Results accepted in [since, now] of each worker that delivered any: {worker id, count}. Of the newest 50,000
/// attempts.
std::vector<std::pair<std::string, int>> recent_results(const std::filesystem::path& store, TimeMs since);

}  // namespace medley::storage
