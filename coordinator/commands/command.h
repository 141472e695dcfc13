#pragma once

#include <filesystem>

#include <CLI/CLI.hpp>

#include "cluster/launchers.h"
#include "coordinator/commands/store_place.h"
#include "coordinator/error.h"

namespace medley::coordinator {

/// Each adds one subcommand (or family of them) to `app`, with examples in its footer. The callback does the work and
/// throws when it cannot. The store folder comes from the global `--store` / MEDLEY_STORE.
struct Globals {
  std::filesystem::path store;
  bool names_store = true;  ///< the user does; else it is find_store()

  /// For a command that reads `file`: the store may lie beside it, or above.
  void look_beside(const std::filesystem::path& file) {
    if (!names_store) store = find_store(file);
  }
};
void add_data_commands(CLI::App& app, Globals& globals);        // data make | check | import | folds; init
void add_plan_command(CLI::App& app, Globals& globals);         // plan; settings
void add_run_commands(CLI::App& app, Globals& globals);         // run; status
void add_serve_command(CLI::App& app, Globals& globals);        // serve
void add_control_commands(CLI::App& app, Globals& globals);     // submit, pause, resume, stop, retry, release
void add_worker_commands(CLI::App& cluster, Globals& globals);  // cluster pause | resume | leave
/// cluster up | status | resize | down, and the above. `launchers` must outlive `app`.
void add_cluster_commands(CLI::App& app, Globals& globals, const cluster::Launchers& launchers = cluster::launchers());
void add_report_commands(CLI::App& app, Globals& globals);  // report, show
void add_keep_commands(CLI::App& app, Globals& globals);    // rename, note, tag, archive, priority, rm, discard
void add_look_commands(CLI::App& app, Globals& globals);    // diff, ensembles, logs
void add_trials_command(CLI::App& app, Globals& globals);
void add_predictions_command(CLI::App& app, Globals& globals);
void add_export_to_command(CLI::App& app, Globals& globals);
void add_replay_command(CLI::App& app, Globals& globals);
void add_evaluate_command(CLI::App& app, Globals& globals);  // evaluate
void add_check_submission_command(CLI::App& app, Globals& globals);
void add_store_command(CLI::App& app, Globals& globals);      // store check | backup | restore | merge | gc | compact
void add_ensemble_commands(CLI::App& app, Globals& globals);  // ensemble, export, predict

}  // namespace medley::coordinator
