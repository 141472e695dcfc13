// medley export-to.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "coordinator/actions/trackers.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "sweep/report/report_text.h"

namespace medley::coordinator {
namespace {

struct ExportToOptions {
  std::string tracker, sweep;
  std::filesystem::path out;
};

void export_to(const ExportToOptions& options, const Globals& globals) {
  const auto tracker = std::find_if(trackers().begin(), trackers().end(),
                                    [&](const Tracker& one) { return one.name == options.tracker; });
  storage::Reader reader(globals.store);
  const ExportedRuns exported = export_to(reader, *tracker, options.sweep, options.out);
  say("{}: {} of sweep {}\nread it by: {}\n", exported.out.string(), sweep::counted(exported.runs, "run"),
      exported.sweep, exported.reading);
  if (exported.left_out > 0) {
    remark("{} that have not ended are left out\n", sweep::counted(exported.left_out, "run"));
  }
}

}  // namespace

void add_export_to_command(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<ExportToOptions>();
  auto* command = app.add_subcommand("export-to", "A sweep in the format of MLflow, TensorBoard, Optuna or W&B");
  std::vector<std::string> names;
  std::string forms;
  for (const Tracker& tracker : trackers()) {
    names.emplace_back(tracker.name);
    forms += fmt::format("  {:<15}{}; by default SWEEP{}\n", tracker.name, tracker.form, tracker.ending);
  }
  command->add_option("TRACKER", options->tracker, "what is to read it")->required()->check(CLI::IsMember(names));
  command->add_option("SWEEP", options->sweep, "id or name of the sweep; the newest if not given");
  command->add_option("--out", options->out, "file or folder to make; it must not exist")->type_name("PATH");
  command->footer(
      "Trackers:\n" + forms +
      "\nEvery trial becomes a run with its settings, its numbers as `medley trials` has them, its state, and\n"
      "its curves by epoch.\n\n"
      "Examples:\n"
      "  medley export-to mlflow topn                    then mlflow ui --backend-store-uri topn.mlruns\n"
      "  medley export-to tensorboard topn --out logs    then tensorboard --logdir logs\n"
      "  medley export-to optuna topn                    a study that maximises held-out Scores of runs\n"
      "  medley export-to wandb-offline topn             then wandb sync topn.wandb/offline-run-*");
  command->callback([options, &globals] { export_to(*options, globals); });
}

}  // namespace medley::coordinator
