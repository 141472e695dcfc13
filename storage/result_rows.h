#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "storage/database.h"
#include "storage/records.h"
#include "sweep/protocol.h"
#include "sweep/result_parts.h"

namespace medley::storage {

/// What a result's sizes are checked against.
struct ResultSizes {
  int classes = 0;
  int test_clips = 0;
  std::string test_fingerprint;
  std::map<int, int> clips_of_fold;
};
ResultSizes read_result_sizes(Database& database, std::int64_t dataset, const sweep::Partition& partition);

/// The clips of a dataset (its key), in dataset order.
std::vector<ClipRecord> read_clips(Database& database, std::int64_t dataset);

/// Throws Error naming the first part of `result` whose size contradicts `sizes` or itself.
void check_result(const sweep::TrialResult& result, const ResultSizes& sizes, int fold);

/// SHA-256 of sweep::encode_result(), 64 hexadecimal digits.
std::string result_digest(const sweep::TrialResult& result);
/// SHA-256 of all that the record says, 64 hexadecimal digits.
std::string dataset_digest(const DatasetRecord& dataset);

/// Writes all rows of a result; `trial` is the key of the trial. The trial must have none yet. `delivered_by`: id of
/// the worker that sent it.
void insert_result(Database& database, std::int64_t trial, int attempt, const std::string& delivered_by,
                   const sweep::ResultRecord& record);
/// Removes them.
void delete_result(Database& database, std::int64_t trial);

/// What follows throws ChangedResult for a row that is not as it was inserted.

/// A row of table `result`.
struct ResultRow {
  /// What a statement selects of the table, named r, for read_result_row(): kCount columns.
  static const char* columns();
  static constexpr int kCount = 27;

  int attempt = 0;
  std::string delivered_by;
  sweep::Outcome outcome = sweep::Outcome::kFinished;
  std::string reason;
  double seconds = 0, samples_per_second = 0;
  std::int64_t peak_memory_bytes = 0;
  int pack_size = 0;
  int epochs = 0;
  struct Snapshot {
    int epoch = 0, validation_clips = 0, test_clips = 0;
    const int& clips_of(Split split) const { return split == Split::kValidation ? validation_clips : test_clips; }
  };
  Snapshot paper, held_out;
  std::string test_fingerprint;
  std::string arithmetic;
  std::string sha256;
  std::optional<sweep::Accuracy> paper_accuracy;  ///< none when diverged
};
/// `first`: the column of `row` where those of the result begin.
ResultRow read_result_row(const Statement& row, int first, const std::string& trial_id);

/// The surfaces of a row that selects `paper`, `held_out`, `inner` and `row_sha256` from column `first` on.
struct Surfaces {
  sweep::ThresholdSurface paper, held_out, inner;
};
Surfaces read_surfaces(const Statement& row, int first, const std::string& trial_id);

/// The result exactly as it was inserted (any NaN comes back as a quiet one).
sweep::TrialResult read_result(Database& database, std::int64_t trial, const std::string& trial_id);
/// In what it is not as it was inserted; "" nothing. Throws SystemError: it may well be sound then.
std::string fault_of_result(Database& database, std::int64_t trial, const std::string& trial_id);
/// Probabilities [clip, class]; empty where the trial has none.
sweep::Predictions read_predictions(Database& database, std::int64_t trial, const std::string& trial_id,
                                    sweep::Protocol protocol, Split split);
/// Empty without a gate.
sweep::Importance read_importance(Database& database, std::int64_t trial, const std::string& trial_id);

/// Epochs carry no digest of their own: read_result() notices where they changed.
std::vector<sweep::EpochMetrics> read_epochs(Database& database, std::int64_t trial);

}  // namespace medley::storage
