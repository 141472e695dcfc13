#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "coordinator/background.h"
#include "storage/reader.h"
#include "storage/report_input.h"

namespace medley::coordinator {

/// When the checkpoints in `folder` (`<trial id>.npz`) take more than `budget` bytes, deletes the least wanted until
/// they take three quarters of it. It never deletes those of ensemble members and of trials that run. The
/// checkpoints of a config go or stay together, ranked as `medley report` ranks configs, in every sweep alike. Configs
/// of a running sweep that still lack trials are wanted first, for their rank is not known yet. Other files are left
/// alone. Returns how many were deleted. No effect when the folder is absent. `reports`, by sweep id, are kept from one
/// call to the next: only what has finished since is read. Throws storage::Error.
int keep_checkpoints_within(std::uintmax_t budget, const std::filesystem::path& folder, storage::Reader& reader,
                            std::map<std::string, storage::GrowingReport>& reports);

/// Deletes from `folder` the save files (`<trial id>.resume`) of trials that are not pending any more, and, when every
/// sweep has finished, those where trials with `stop_after` ended (`.rung`). Throws
/// storage::Error.
void drop_resume_points(const std::filesystem::path& folder, storage::Reader& reader);

/// Does both of the above for the checkpoints of a store, once a minute at most while results come. It does so on a
/// thread of its own. All calls are of one thread.
class CheckpointKeeper {
 public:
  /// `store` and `folder` in full; `budget` in bytes.
  CheckpointKeeper(std::string store, std::filesystem::path folder, std::uintmax_t budget)
      : store_(std::move(store)), folder_(std::move(folder)), budget_(budget) {}

  /// A trial ended: there may be something to delete.
  void note_result() { due_ = true; }
  /// A sweep ended: its configs have their final ranks, so that nothing has to wait.
  void note_sweep_finished();
  /// Begins to delete what should go, if it is time or `at_once`. What fails is a warning, and is tried again later:
  /// nothing depends on it.
  void collect(bool at_once);
  /// Nothing is under way, and what came of it is known.
  bool idle() const { return background_.idle(); }

 private:
  /// How many checkpoints, or why not.
  struct Deleted {
    int checkpoints = 0;
    std::string error;
  };

  std::string store_;
  std::filesystem::path folder_;
  std::uintmax_t budget_;
  bool due_ = false;
  std::chrono::steady_clock::time_point not_before_;
  std::map<std::string, storage::GrowingReport> reports_;  ///< by sweep id: which checkpoints are worth their space
  Background<Deleted> background_;                         ///< the last, so that it ends before the reports
};

}  // namespace medley::coordinator
