#include "coordinator/actions/trackers.h"

#include "coordinator/actions/sweep_results.h"
#include "coordinator/error.h"

namespace medley::coordinator {

namespace fs = std::filesystem;

const std::vector<Tracker>& trackers() {
  static const std::vector<Tracker> all = {
      {"mlflow", "folder of MLflow's file store", ".mlruns", "mlflow ui --backend-store-uri '{}'", write_mlflow, false},
      {"tensorboard", "log folder of TensorBoard", ".tensorboard", "tensorboard --logdir '{}'", write_tensorboard,
       false},
      {"optuna", "SQLite file of Optuna's storage", ".optuna.db", "optuna studies --storage 'sqlite:///{}'",
       write_optuna, false},
      {"wandb-offline", "folder of W&B's offline runs, of trials that have ended", ".wandb",
       "wandb sync '{}'/offline-run-*", write_wandb, true},
  };
  return all;
}

ExportedRuns export_to(storage::Reader& reader, const Tracker& tracker, const std::string& name, fs::path out) {
  const auto sweep = choose_sweep(reader, name);
  if (out.empty()) out = file_name_of(sweep.name) + tracker.ending;
  if (!out.has_filename()) out = out.parent_path();
  const auto refuse = [&] { throw Error(out.string() + " exists: name another file or folder by --out"); };
  if (fs::exists(fs::symlink_status(out))) refuse();
  const TrackedSweep tracked(reader, sweep);
  if (!tracker.write(tracked, out)) refuse();
  std::string reading = tracker.reading;
  reading.replace(reading.find("{}"), 2, out.string());
  const int left_out = tracker.ended_only ? tracked.unended() : 0;
  return {out, sweep.name, tracked.runs() - left_out, left_out, std::move(reading)};
}

}  // namespace medley::coordinator
