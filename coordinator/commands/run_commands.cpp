// medley run, status.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "coordinator/actions/forecast.h"
#include "coordinator/actions/sweep_file.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/actions/traps.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/full_screen.h"
#include "coordinator/commands/progress_line.h"
#include "coordinator/commands/session.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/error.h"
#include "storage/reader.h"
#include "storage/timeline.h"
#include "sweep/report/report_text.h"
#include "sweep/report/table.h"
#include "web/json.h"
#include "web/leaderboard.h"
#include "web/listings.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct RunOptions {
  fs::path sweep;
  fs::path data;
  CoordinatorOptions coordinator;
  int web_port = kAnyPort;
  bool web = true;
  std::vector<std::string> set;
  std::vector<std::string> notify;
  bool smoke = false;
  bool as_json = false;
};

/// Other sweeps that an earlier run left unfinished: this run trains only what it was asked for.
void set_others_aside(Coordinator& coordinator, const std::string& sweep) {
  for (const SweepStatus& other : coordinator.status().sweeps) {
    if (other.id == sweep || other.state != sweep::SweepState::kRunning) continue;
    coordinator.stop(other.id);
    remark("sweep {} has {} of {} trials left; `medley run` with its file continues it\n", other.name,
           other.trials - other.finished, other.trials);
  }
}

SweepStatus status_of(const Status& status, const std::string& sweep) {
  for (const SweepStatus& s : status.sweeps) {
    if (s.id == sweep) return s;
  }
  return {};
}

Coordinator::End run_with_progress(Coordinator& coordinator, const std::string& sweep, Notifier* notifier = nullptr) {
  ProgressLine line;
  const auto look = [&] {
    const Status status = coordinator.status();
    line.show(status, status_of(status, sweep));
    if (notifier) notifier->look(status);
  };
  return run_until_stopped(coordinator, look, [&](const std::string& text) { line.say(text); });
}

void print_report(const fs::path& store, const std::string& id, bool as_json) {
  storage::Reader reader(store);
  const auto sweep = choose_sweep(reader, id);
  const auto report = read_report(reader, sweep);
  if (as_json) {
    std::cout << web::text_of(web::ranking_json(reader, web::board_of(sweep, report, reader.config_progress(sweep.id))),
                              2);
  } else {
    std::cout << sweep::render(report, {sweep::ReportFormat::kText, std::nullopt,
                                        text_width() == 0 ? sweep::Detail::kWide : sweep::Detail::kFit, text_width()});
  }
}

/// Whoever coordinates the store already takes the sweep, too.
void refuse_second_run(const fs::path& store, const fs::path& sweep) {
  std::optional<ControlPoint> point;
  try {
    point = control_if_held(store);
  } catch (const Error&) {
    return;  // the lock says who holds it
  }
  if (!point) return;
  throw Error(fmt::format("a run is going on in this store (process {} on {}): add this sweep with `medley submit {}`",
                          point->pid, point->host, sweep.string()));
}

/// "sweep demo (0123): 2 configs x 5 folds x 1 seed = 10 trials, 4 done, 6 to train".
std::string begin_text(const SweepFile& file, const storage::SweepSummary& sweep) {
  const std::size_t repeats = file.expansion.partitions.size();
  const std::string runs = fmt::format("{}{} folds x {}", repeats > 1 ? fmt::format("{} repeats x ", repeats) : "",
                                       sweep.folds.size(), sweep::counted(sweep.seeds.size(), "seed"));
  if (sweep.search.is_null()) {
    return fmt::format("sweep {} ({}): {} configs x {} = {} trials, {} done, {} to train", sweep.name, sweep.id,
                       sweep.configs, runs, sweep.trials, sweep.finished, sweep.trials - sweep.finished);
  }
  const auto kind = sweep.search.at("kind").get<std::string>();
  const std::string so_far =
      fmt::format("{} asked for in {} rounds, {} done", sweep.trials, sweep.rounds, sweep.finished);
  if (!sweep.searching) return fmt::format("sweep {} ({}): {} is done: {}", sweep.name, sweep.id, kind, so_far);
  const int most = storage::most_trials(sweep);
  return fmt::format("sweep {} ({}): {} over at most {} configs x {} = {} trials: {}", sweep.name, sweep.id, kind,
                     most / static_cast<int>(repeats * sweep.folds.size() * sweep.seeds.size()), runs, most, so_far);
}

/// Where a sweep gets its configs from that others send; "" one that needs none.
std::string waiting_text(const Coordinator& coordinator, const std::string& sweep) {
  if (!status_of(coordinator.status(), sweep).external) return "";
  return fmt::format("it trains what is sent to POST /api/v1/sweeps/{}/configs, until \"done\": true", sweep);
}

/// A folder that is gone when the program ends.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (fs::temp_directory_path() / "medley-smoke-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw Error("cannot make a folder in " + fs::temp_directory_path().string());
    path = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  fs::path path;
};

/// One epoch of one fold of each config in a store of its own: says which do not train, and how long the others take.
void smoke(const RunOptions& options) {
  const SweepFile file = smoke_of(load_sweep_file(options.sweep, options.data, options.set));
  for (const auto& warning : file.expansion.warnings) remark("warning: {}\n", warning.str());
  const ScratchFolder scratch;
  CoordinatorOptions alone = options.coordinator;
  alone.limits.retry_budget = 1;
  const auto opened = open_coordinator(scratch.path, alone);
  const auto submitted = opened->submit(record_of(file.dataset), file.submission());
  count_stop_signals();
  const Coordinator::End end = run_with_progress(*opened, submitted.id);
  storage::Reader reader(scratch.path);
  const storage::SweepSummary sweep = reader.stored_sweep(submitted.id);
  double seconds = 0, longest = 0;
  int trained = 0;
  std::string slowest;
  std::vector<std::string> wrong;
  for (const storage::TrialRow& row : reader.trials(sweep.id, {}, {0, storage::kMaxPage})) {
    if (row.state == sweep::TrialState::kPending) continue;
    if (row.state == sweep::TrialState::kFailed || row.outcome == sweep::Outcome::kDiverged) {
      wrong.push_back(fmt::format("config {} {}: {}", row.config,
                                  row.state == sweep::TrialState::kFailed ? "fails" : "diverges", row.reason));
      continue;
    }
    ++trained;
    seconds += row.seconds;
    if (row.seconds > longest) slowest = row.config;
    longest = std::max(longest, row.seconds);
  }
  say("{} of {} configs train: an epoch of fold {} takes {:.2f} s on average{}; nothing of it is kept\n", trained,
      sweep.trials, sweep.folds.front(), trained > 0 ? seconds / trained : 0.0,
      trained > 1 ? fmt::format(", {:.2f} s at most ({})", longest, slowest) : "");
  for (const std::string& line : wrong) say("{}\n", line);
  if (end.how == Coordinator::End::How::kStopped) throw Error("stopped (" + end.reason + ")");
  if (!wrong.empty()) throw Error(fmt::format("{} of {} configs do not train", wrong.size(), sweep.trials));
}

void run(const RunOptions& options, const Globals& globals) {
  if (options.smoke) return smoke(options);
  const SweepFile file = load_sweep_file(options.sweep, options.data, options.set);
  for (const auto& warning : file.expansion.warnings) remark("warning: {}\n", warning.str());
  refuse_second_run(globals.store, options.sweep);
  const bool is_new = !fs::exists(storage::StoreLayout(globals.store.string()).database());
  // What they are about does not depend on which trials are left.
  const Forecast forecast = make_forecast(file, {}, globals.store, std::nullopt);
  for (const std::string& trap : find_traps(file, forecast)) remark("note: {}\n", trap);
  auto opened = open_coordinator(globals.store, options.coordinator);
  // A store that the user did not name, and does not see in the current folder, is told of.
  if (is_new || (!globals.names_store && globals.store.has_parent_path())) {
    remark("{}: {}\n", is_new ? "new store" : "store", fs::absolute(globals.store).lexically_normal().string());
  }
  Coordinator& coordinator = *opened;
  const auto submitted = coordinator.submit(record_of(file.dataset), file.submission());
  set_others_aside(coordinator, submitted.id);
  for (const auto& [trial, fault] : submitted.set_aside) {
    remark("warning: trial {} is trained again: {}\n", trial, fault);
  }
  const storage::SweepSummary sweep = storage::Reader(globals.store).stored_sweep(submitted.id);
  remark("{}\n", begin_text(file, sweep));
  if (!submitted.namesake.empty()) {
    storage::Reader reader(globals.store);
    remark("note: {}\n", renamed_text(reader, submitted));
  }
  Coordinator::End end;
  if (!sweep.searching && sweep.finished == sweep.trials) {
    remark("nothing to train: {}every trial has its result\n",
           sweep.search.is_null() ? "" : "its search is done, and ");
    end = coordinator.run();
  } else {
    std::optional<Dashboard> dashboard;
    if (options.web) {
      DashboardOptions page;
      page.port = options.web_port;
      dashboard.emplace(coordinator, globals.store, page);
      std::cerr << "dashboard: " << dashboard->url() << "\n";
    }
    if (const std::string hint = waiting_text(coordinator, submitted.id); !hint.empty()) remark("{}\n", hint);
    count_stop_signals();
    const auto notifier = make_notifier(globals.store, options.notify, [&](const std::string& id) {
      return id == submitted.id ? file.spec.on : decltype(file.spec.on)();
    });
    const auto begin = std::chrono::steady_clock::now();
    end = run_with_progress(coordinator, submitted.id, notifier.get());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    remark("trained {} in {}\n", sweep::counted(coordinator.status().results, "trial"), duration_text(seconds));
  }
  const SweepStatus last = status_of(coordinator.status(), submitted.id);
  opened.reset();  // the report says that nobody trains now
  print_report(globals.store, submitted.id, options.as_json);
  std::cout.flush();
  if (end.how == Coordinator::End::How::kStopped) {
    throw Error(fmt::format("stopped ({}): {} of {} trials have their results; the same command continues", end.reason,
                            last.finished, last.trials));
  }
  if (last.state == sweep::SweepState::kStopped) {
    const std::string why = storage::Reader(globals.store).why_stopped(submitted.id);
    throw Error(fmt::format("the sweep was stopped{}\n{} of {} trials have their results; the same command continues",
                            why.empty() ? "" : ": " + why, last.finished, last.trials));
  }
  if (last.failed > 0) {
    throw Error(fmt::format("{} of {} trials failed; `medley status` names them, the log is {}", last.failed,
                            last.trials, (globals.store / "logs").string()));
  }
}

sweep::Table status_table(storage::Reader& reader, bool all) {
  using Align = sweep::Table::Align;
  sweep::Table table;
  table.columns = {{"sweep"},
                   {"id", Align::kLeft, "", 2},
                   {"state"},
                   {"dataset", Align::kLeft, "", 3},
                   {"trials", Align::kRight},
                   {"done", Align::kRight},
                   {"running", Align::kRight, "", 4},
                   {"failed", Align::kRight},
                   {"diverged", Align::kRight, "", 1},
                   {"best Score paper", Align::kRight}};
  const std::vector<storage::SweepSummary> sweeps = reader.sweeps();
  const bool tagged = std::any_of(sweeps.begin(), sweeps.end(), [](const auto& s) { return !s.tags.empty(); });
  const bool noted = std::any_of(sweeps.begin(), sweeps.end(), [](const auto& s) { return !s.note.empty(); });
  if (tagged) table.columns.push_back({"tags", Align::kLeft, "", 6});
  if (noted) {
    table.columns.push_back({"note"});
    table.columns.back().shortened = true;
  }
  int archived = 0;
  for (const storage::SweepSummary& s : sweeps) {
    archived += s.archived;
    if (s.archived && !all) continue;
    table.rows.push_back(
        {s.name, s.id, sweep::name_of(s.standing), s.dataset_name + (s.synthetic ? " (synthetic)" : ""),
         std::to_string(s.trials), std::to_string(s.finished), std::to_string(s.running), std::to_string(s.failed),
         std::to_string(s.diverged), s.best_paper_score ? sweep::share_text(*s.best_paper_score) : "-"});
    if (tagged) table.rows.back().push_back(fmt::format("{}", fmt::join(s.tags, ", ")));
    if (noted) table.rows.back().push_back(s.note);
    storage::TrialFilter failed;
    failed.state = sweep::TrialState::kFailed;
    for (const storage::TrialRow& trial : reader.trials(s.id, failed, {0, 5})) {
      table.notes.push_back(fmt::format("failed: trial {} of {}: {}", trial.trial, s.name, trial.reason));
    }
    const std::string mixed = sweep::arithmetics_note(reader.arithmetics(s.id));
    if (!mixed.empty()) table.notes.push_back(s.name + ": " + mixed);
  }
  if (archived > 0 && !all) {
    table.notes.push_back(
        fmt::format("{} archived sweep{} not shown: --all", archived, archived == 1 ? " is" : "s are"));
  }
  for (const storage::WorkerRow& row : reader.workers()) {
    if (row.state != sweep::WorkerState::kQuarantined) continue;
    table.notes.push_back(fmt::format("quarantined: worker {}: {}; `medley release {}` when its host is mended",
                                      row.worker.name, row.reason, row.worker.name));
  }
  table.notes.push_back("best Score paper: of a single trial, paper-style (optimistic)");
  return table;
}

void status(bool as_json, bool all, const Globals& globals) {
  storage::Reader reader(globals.store);
  if (as_json) {
    json body = web::sweeps_json(reader, nullptr);
    body.update(web::workers_json(reader, globals.store, nullptr));
    std::cout << web::text_of(body, 2);
  } else {
    std::cout << sweep::text_table(status_table(reader, all), text_width());
  }
}

sweep::Table workers_table(storage::Reader& reader, const fs::path& store) {
  using Align = sweep::Table::Align;
  constexpr storage::TimeMs kMinute = 60'000;
  std::map<std::string, int> recent;
  for (const auto& [worker, results] : storage::recent_results(store, storage::now_ms() - kMinute)) {
    recent[worker] = results;
  }
  sweep::Table table;
  table.columns = {{"worker"},
                   {"state"},
                   {"device"},
                   {"running", Align::kRight},
                   {"done", Align::kRight},
                   {"failed", Align::kRight},
                   {"last minute", Align::kRight}};
  for (const storage::WorkerRow& row : reader.workers()) {
    if (row.state == sweep::WorkerState::kLeft) continue;
    table.rows.push_back({row.worker.name, name_of(row.state), row.worker.device, std::to_string(row.running),
                          std::to_string(row.finished), std::to_string(row.failed),
                          std::to_string(recent.count(row.worker.id) ? recent[row.worker.id] : 0)});
  }
  return table;
}

/// Time until the running sweeps are done, from the results of the last minute; "" where there were none.
std::string left_text(storage::Reader& reader, const fs::path& store) {
  constexpr storage::TimeMs kMinute = 60'000;
  int results = 0, left = 0;
  for (const auto& [worker, count] : storage::recent_results(store, storage::now_ms() - kMinute)) results += count;
  for (const storage::SweepSummary& sweep : reader.sweeps()) {
    if (sweep.standing == sweep::SweepStanding::kRunning) left += sweep.trials - sweep.finished - sweep.failed;
  }
  if (results == 0 || left == 0) return "";
  return fmt::format("{} results in the last minute, {} left: about {}", results, left,
                     duration_text(60.0 * left / results));
}

void watch(bool all, const Globals& globals) {
  storage::Reader reader(globals.store);
  status_table(reader, all);  // what cannot be read is an error on the first screen
  count_stop_signals();
  const FullScreen screen;
  for (char key = 0; key != 'q' && stop_signals() == 0; key = screen.key(1000)) {
    const std::time_t now = std::time(nullptr);
    char clock[16] = {};
    std::strftime(clock, sizeof clock, "%H:%M:%S", std::localtime(&now));
    std::string text = fmt::format("{}  {}  {}  (q: quit)\n\n", clock, fs::absolute(globals.store).string(),
                                   left_text(reader, globals.store));
    text += sweep::text_table(status_table(reader, all), text_width()) + "\n";
    text += sweep::text_table(workers_table(reader, globals.store), text_width());
    screen.show(text);
  }
}

}  // namespace

void add_run_commands(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<RunOptions>();
  auto* run_command =
      app.add_subcommand("run", "Train the missing trials of a sweep on local workers, then print its table");
  run_command->add_option("SWEEP", options->sweep, "sweep file")->required();
  run_command->add_option("--data", options->data, "dataset folder, instead of the sweep file's");
  options->coordinator.local_workers = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  add_coordinator_options(*run_command, options->coordinator, "--port");
  run_command
      ->add_option("--web-port", options->web_port, fmt::format("port of the dashboard; {} if it is free", kWebPort))
      ->check(CLI::Range(0, 65535));
  add_notify_option(*run_command, options->notify);
  run_command->add_option("--set", options->set, "settings laid over the file's base, such as epochs=5")->take_all();
  run_command->add_flag("--smoke", options->smoke,
                        "only one epoch of one fold of each config, kept out of the store: do they train?");
  run_command->add_flag("!--no-web", options->web, "no dashboard");
  run_command->add_flag("--json", options->as_json, "print the report as JSON");
  run_command->footer(
      "Ctrl-C lets running packs end, a second one stops at once. The same command continues the sweep.\n"
      "Trials with a result are not trained again.\n"
      "Examples:\n  medley run sweep.yaml\n  medley run sweep.yaml --smoke\n  medley run sweep.yaml --set epochs=5\n"
      "  medley run sweep.yaml --workers 8 --store /scratch/store");
  run_command->callback([options, &globals] {
    globals.look_beside(options->sweep);
    run(*options, globals);
  });

  auto as_json = std::make_shared<bool>(false);
  auto* status_command = app.add_subcommand("status", "Sweeps of the store: progress, failures");
  status_command->add_flag("--json", *as_json, "as JSON, with the workers");
  auto all = std::make_shared<bool>(false);
  status_command->add_flag("--all", *all, "archived sweeps, too");
  auto watching = std::make_shared<bool>(false);
  status_command->add_flag("--watch", *watching, "full screen, with the workers, every second until q or Ctrl-C");
  status_command->footer("Examples:\n  medley status\n  medley status --watch\n  medley status --json");
  status_command->callback([as_json, all, watching, &globals] {
    if (*watching) return watch(*all, globals);
    status(*as_json, *all, globals);
  });
}

}  // namespace medley::coordinator
