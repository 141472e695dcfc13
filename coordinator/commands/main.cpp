#include <spdlog/spdlog.h>
#include <unistd.h>

#include "coordinator/commands/command.h"
#include "coordinator/commands/command_line.h"
#include "coordinator/commands/completion.h"
#include "coordinator/commands/manual.h"
#include "coordinator/commands/terminal.h"
#include "sweep/version.h"

#ifdef MEDLEY_STATIC
#include <nss.h>
#endif

int main(int argc, char** argv) {
  using namespace medley::coordinator;
#ifdef MEDLEY_STATIC
  // Other services of names are libraries of the system, which abort in a program of another glibc.
  __nss_configure_lookup("hosts", "files dns");
  __nss_configure_lookup("passwd", "files");
#endif
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l: %v", spdlog::pattern_time_type::utc);  // as workers log

  CLI::App app{"Ablation sweeps of multi-encoder fusion models for blended emotion recognition.", "medley"};
  app.require_subcommand(1);
  app.set_version_flag("--version", medley::sweep::version());
  app.get_formatter()->column_width(36);

  Globals globals;
  const auto* store = app.add_option("--store", globals.store,
                                     "store folder: database, logs, checkpoints, exports. Else medley-store: here, or "
                                     "beside the sweep file, or the nearest one above")
                          ->envname("MEDLEY_STORE");
  app.parse_complete_callback([&globals, store] {
    globals.names_store = store->count() > 0;
    globals.look_beside("");
  });
  app.add_flag_callback("--wide", show_every_column,
                        "tables with every column (else they fit the terminal, or 120 characters)");
  app.fallthrough();

  add_data_commands(app, globals);
  add_plan_command(app, globals);
  add_run_commands(app, globals);
  add_serve_command(app, globals);
  add_control_commands(app, globals);
  add_cluster_commands(app, globals);
  add_report_commands(app, globals);
  add_look_commands(app, globals);
  add_keep_commands(app, globals);
  add_trials_command(app, globals);
  add_predictions_command(app, globals);
  add_export_to_command(app, globals);
  add_replay_command(app, globals);
  add_evaluate_command(app, globals);
  add_check_submission_command(app, globals);
  add_ensemble_commands(app, globals);
  add_store_command(app, globals);
  add_completion_command(app, globals);
  add_manual_command(app);

  // Commands that are there already do not inherit it.
  app.footer(
      "A first sweep:\n"
      "  medley data make demo-data\n"
      "  medley init . && medley run sweep.yaml\n"
      "  medley report\n"
      "Exit codes: 0 done, 1 failed, 2 usage.");

  return run_command_line(app, argc, argv);
}
