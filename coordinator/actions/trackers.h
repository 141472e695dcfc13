#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "coordinator/actions/tracked_sweep.h"
#include "storage/reader.h"

namespace medley::coordinator {

/// A tracker of experiments, and how its own format is written.
struct Tracker {
  const char* name;
  const char* form;     ///< what is written, for help
  const char* ending;   ///< of its default name, behind that of the sweep
  const char* reading;  ///< the command that reads it; "{}" is its path
  /// Writes all of `sweep` as `out`. False where `out` exists by now. Throws files::Error and storage::Error, and
  /// leaves nothing then.
  bool (*write)(const TrackedSweep& sweep, const std::filesystem::path& out);
  bool ended_only;  ///< it has no runs that have not ended
};
const std::vector<Tracker>& trackers();

/// Folders of the file store of MLflow: an experiment, a run a trial.
bool write_mlflow(const TrackedSweep& sweep, const std::filesystem::path& out);
/// A log folder of TensorBoard: a folder with an event file a trial, grouped by config.
bool write_tensorboard(const TrackedSweep& sweep, const std::filesystem::path& out);
/// The database of Optuna's RDB storage on SQLite, as Optuna 3.0 and 3.1 make it: a study that maximises held-out
/// Scores of runs.
bool write_optuna(const TrackedSweep& sweep, const std::filesystem::path& out);

/// Offline runs of Weights & Biases: a folder a trial that has ended. Its server would call all others failed.
bool write_wandb(const TrackedSweep& sweep, const std::filesystem::path& out);

/// What export_to() wrote.
struct ExportedRuns {
  std::filesystem::path out;
  std::string sweep;  ///< name
  int runs = 0;
  int left_out = 0;     ///< runs that have not ended
  std::string reading;  ///< the command that reads it
};

/// Writes a sweep (by name, id or unique start; "": the newest) for a tracker. `out` is named after the sweep where it
/// is empty, and must not exist. Throws UsageError, Error where `out` exists, files::Error and storage::Error.
ExportedRuns export_to(storage::Reader& reader, const Tracker& tracker, const std::string& sweep,
                       std::filesystem::path out);

}  // namespace medley::coordinator
