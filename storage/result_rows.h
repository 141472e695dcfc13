#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "storage/database.h"
#include "sweep/result.h"

namespace medley::storage {

/// What a result's sizes are checked against.
struct ResultSizes {
  int classes = 0;
  int test_clips = 0;
  std::string test_fingerprint;
  std::map<int, int> clips_of_fold;
};
ResultSizes read_result_sizes(Database& database, std::int64_t dataset);

/// Throws Error naming the first part of `result` whose size contradicts `sizes` or itself.
void check_result(const sweep::TrialResult& result, const ResultSizes& sizes, int fold);

/// SHA-256 of sweep::encode_result(), 64 hexadecimal digits.
std::string result_digest(const sweep::TrialResult& result);

/// The numbers that tables read without the surfaces: columns of table `result`. Paper-style ones are none for a
/// diverged trial, and those at thresholds of the inner fold none without one.
struct LeaderboardNumbers {
  std::optional<sweep::ThresholdSurface::Best> paper;
  std::optional<sweep::Accuracy> inner;
};
LeaderboardNumbers leaderboard_numbers(const sweep::TrialResult& result);

/// Writes all rows of a result; `trial` is the key of the trial. The trial must have none yet.
void insert_result(Database& database, std::int64_t trial, int attempt, const sweep::TrialResult& result);

/// The result exactly as it was inserted (any NaN comes back as a quiet one).
sweep::TrialResult read_result(Database& database, std::int64_t trial, const std::string& trial_id);

std::vector<sweep::EpochMetrics> read_epochs(Database& database, std::int64_t trial);
/// Empty without a gate.
sweep::Importance read_importance(Database& database, std::int64_t trial);

}  // namespace medley::storage
