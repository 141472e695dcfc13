// medley submit, pause, resume, stop, retry, release, cluster pause | resume | leave: what a running coordinator is
// asked to do.
#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>

#include <fmt/format.h>

#include "coordinator/actions/sweep_file.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/control_file.h"
#include "coordinator/error.h"
#include "sweep/nearest.h"
#include "web/client.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Errors or warnings that the coordinator found in the text of `file`.
std::vector<sweep::Diagnostic> diagnostics_of(const json& rows, const SweepText& file) {
  const std::string name = file.path.string();
  sweep::Diagnostics all(name, file.yaml);
  for (const json& row : rows) {
    all.add({row.value("line", 0), row.value("column", 0), row.value("text", ""), row.value("part", 0)},
            row.value("message", ""));
  }
  return all.take();
}

/// What the coordinator answered to a change that it made. Throws web::Error with its words when it did not.
void show(const web::Answered& answered, bool as_json) {
  if (as_json) std::cout << answered.body.dump(2) << std::endl;
  const json& body = web::done(answered);
  if (!as_json) say("{}\n", body.value("message", "done"));
}

void submit(const fs::path& path, const fs::path& data, const std::vector<std::string>& set, bool as_json,
            const Globals& globals) {
  const ControlPoint point = living_control(globals.store);
  const SweepText file = read_sweep_file(path, data, set);
  const auto answered = web::ask(point.url, point.token, "sweeps",
                                 {{"yaml", file.yaml},
                                  {"file", fs::absolute(path).string()},
                                  {"folder", fs::weakly_canonical(fs::absolute(file.dataset_folder)).string()}});
  for (const auto& warning : diagnostics_of(answered.body.value("warnings", json::array()), file)) {
    remark("warning: {}\n", warning.str());
  }
  if (answered.body.contains("errors")) {
    if (as_json) std::cout << answered.body.dump(2) << std::endl;
    throw sweep::SpecError(diagnostics_of(answered.body["errors"], file));
  }
  show(answered, as_json);
}

/// Those of `reader` that `id` may mean. Throws UsageError with the nearest names.
std::string choose_worker(storage::Reader& reader, const std::string& id) {
  std::vector<std::string> names;
  std::vector<std::string> meant;
  for (const storage::WorkerRow& row : reader.workers()) {
    if (row.worker.id == id) return id;
    names.push_back(row.worker.name);
    const bool by_name = row.worker.name == id && row.state != sweep::WorkerState::kLeft;
    if (by_name || row.worker.id.rfind(id, 0) == 0) meant.push_back(row.worker.id);
  }
  if (meant.size() == 1) return meant.front();
  if (meant.empty()) throw UsageError("no worker '" + id + "'" + sweep::suggestion(id, names));
  throw UsageError(fmt::format("worker '{}' could be {} or {}: give more of its id", id, meant[0], meant[1]));
}

/// "sweeps/ID/retry" or "trials/ID/retry". Throws UsageError.
std::string retry_path(storage::Reader& reader, const std::string& id) {
  if (const auto sweep = reader.find_sweep(id)) return "sweeps/" + sweep->id + "/retry";
  if (const auto trial = choose_trial(reader, id)) return "trials/" + trial->spec.id + "/retry";
  std::vector<std::string> names;
  for (const auto& sweep : reader.sweeps()) names.push_back(sweep.name);
  throw UsageError("no sweep or trial '" + id + "'" + sweep::suggestion(id, names));
}

/// The address below /api/v1 to which a change of what the user calls `id` is posted.
using PathOf = std::function<std::string(storage::Reader&, const std::string& id)>;

constexpr const char* kWorkerHelp = "its name (host:process), its id, or a unique start of it";
PathOf of_worker(const std::string& verb) {
  return [verb](storage::Reader& reader, const std::string& id) {
    return "workers/" + choose_worker(reader, id) + "/" + verb;
  };
}

CLI::App* add_change(CLI::App& app, Globals& globals, const std::string& name, const std::string& what,
                     const std::string& subject, const std::string& subject_help, const PathOf& path_of) {
  auto id = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  auto* command = app.add_subcommand(name, what);
  command->add_option(subject, *id, subject_help)->required();
  command->add_flag("--json", *as_json, "print the coordinator's answer as JSON");
  command->callback([id, as_json, path_of, &globals] {
    const ControlPoint point = living_control(globals.store);
    storage::Reader reader(globals.store);
    show(web::ask(point.url, point.token, path_of(reader, *id), json::object()), *as_json);
  });
  return command;
}

}  // namespace

void add_control_commands(CLI::App& app, Globals& globals) {
  auto path = std::make_shared<fs::path>();
  auto data = std::make_shared<fs::path>();
  auto set = std::make_shared<std::vector<std::string>>();
  auto as_json = std::make_shared<bool>(false);
  auto* submit_command =
      app.add_subcommand("submit", "Hand a sweep to the coordinator that runs on this store (medley serve)");
  submit_command->add_option("SWEEP", *path, "sweep file")->required();
  submit_command->add_option("--data", *data, "dataset folder, instead of the sweep file's");
  submit_command->add_option("--set", *set, "settings laid over the file's base, such as epochs=5")->take_all();
  submit_command->add_flag("--json", *as_json, "print the coordinator's answer as JSON");
  submit_command->footer(
      "A sweep that was submitted before resumes. Trials with a result are not trained again.\n"
      "Examples:\n  medley submit sweep.yaml\n  medley submit examples/topn.yaml --data my-data --json");
  submit_command->callback([path, data, set, as_json, &globals] {
    globals.look_beside(*path);
    submit(*path, *data, *set, *as_json, globals);
  });

  const std::string sweep_help = "name, id, or unique start of an id";
  const auto of_sweep = [](const std::string& verb) -> PathOf {
    return [verb](storage::Reader& reader, const std::string& id) {
      return "sweeps/" + choose_sweep(reader, id).id + "/" + verb;
    };
  };
  add_change(app, globals, "pause", "Assign no more trials of a sweep (running packs end)", "SWEEP", sweep_help,
             of_sweep("pause"))
      ->footer("Examples:\n  medley pause top-n\n  medley pause 3f2a --json");
  add_change(app, globals, "resume", "Resume a paused or stopped sweep", "SWEEP", sweep_help, of_sweep("resume"))
      ->footer("Examples:\n  medley resume top-n");
  add_change(app, globals, "stop", "Stop a sweep and cancel its running trials (undone by resume)", "SWEEP", sweep_help,
             of_sweep("stop"))
      ->footer("Examples:\n  medley stop top-n");
  add_change(app, globals, "retry", "Retry a failed trial, or all failed trials of a sweep", "ID",
             "a sweep's name or id, or a trial's id", retry_path)
      ->footer("Examples:\n  medley retry top-n\n  medley retry 518ad3af0a64edc9");
  add_change(app, globals, "release", "Release a worker from quarantine", "WORKER", kWorkerHelp, of_worker("release"))
      ->footer("Examples:\n  medley release node07:4212");
}

void add_worker_commands(CLI::App& cluster, Globals& globals) {
  add_change(cluster, globals, "pause", "Assign no more trials to a worker (its running pack ends)", "WORKER",
             kWorkerHelp, of_worker("pause"))
      ->footer("Examples:\n  medley cluster pause node07:4212");
  add_change(cluster, globals, "resume", "Assign trials to a paused worker again", "WORKER", kWorkerHelp,
             of_worker("release"))
      ->footer("Examples:\n  medley cluster resume node07:4212");
  add_change(cluster, globals, "leave", "Tell one worker to save what it trains, and to leave", "WORKER", kWorkerHelp,
             of_worker("leave"))
      ->footer(
          "A keeper starts another in its place while trials are left: see `medley cluster resize`.\n"
          "Examples:\n  medley cluster leave node07:4212");
}

}  // namespace medley::coordinator
