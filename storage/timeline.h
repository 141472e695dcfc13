#pragma once

#include <filesystem>
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

/// Results accepted in [since, now] of each worker that delivered any: {worker id, count}.
std::vector<std::pair<std::string, int>> recent_results(const std::filesystem::path& store, TimeMs since);

}  // namespace medley::storage
