// medley run, serve, status.
#include <atomic>
#include <csignal>
#include <future>
#include <iostream>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>

#include "coordinator/command.h"
#include "coordinator/coordinator.h"
#include "coordinator/dashboard_control.h"
#include "coordinator/error.h"
#include "coordinator/progress_line.h"
#include "coordinator/sweep_file.h"
#include "coordinator/sweep_results.h"
#include "coordinator/worker_program.h"
#include "sweep/table.h"
#include "web/server.h"
#include "worker/protocol/handshake.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr int kWebPort = 8642;
constexpr milliseconds kProgressInterval{100};

/// How often the user asked us to stop. Set by the signal handler, read by the loop that waits.
std::atomic<int> stop_signals{0};
static_assert(std::atomic<int>::is_always_lock_free);

void count_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { ++stop_signals; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void log_to(const fs::path& file) {
  fs::create_directories(file.parent_path());
  spdlog::set_default_logger(spdlog::basic_logger_mt("medley", file.string()));
  spdlog::flush_on(spdlog::level::info);
}

struct RunOptions {
  fs::path sweep;
  fs::path data;
  int workers = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::string listen = CoordinatorOptions().address;
  std::string advertise;
  int port = 0;
  int web_port = -1;  ///< -1: kWebPort if it is free, else any
  std::uint64_t checkpoint_budget = CoordinatorOptions().checkpoint_budget;
  bool web = true;
  bool as_json = false;
};

/// The dashboard beside a run: at the port that was asked for, or at a free one.
std::unique_ptr<web::Server> start_dashboard(const fs::path& store, int port, web::Control* control) {
  const std::string token = control ? protocol::random_token().secret : "";
  const auto start = [&](int at) {
    auto server = std::make_unique<web::Server>(web::Options{store, "127.0.0.1", at, token}, control);
    server->start();
    return server;
  };
  if (port >= 0) return start(port);
  try {
    return start(kWebPort);
  } catch (const web::Error&) {
    return start(0);
  }
}

/// Other sweeps that an earlier run left unfinished: this run trains only what it was asked for.
void set_others_aside(Coordinator& coordinator, const std::string& sweep) {
  for (const SweepStatus& other : coordinator.status().sweeps) {
    if (other.id == sweep || other.state != sweep::SweepState::kRunning) continue;
    coordinator.stop(other.id);
    std::cerr << fmt::format("sweep {} has {} of {} trials left; `medley run` with its file continues it\n", other.name,
                             other.trials - other.finished, other.trials);
  }
}

SweepStatus status_of(const Status& status, const std::string& sweep) {
  for (const SweepStatus& s : status.sweeps) {
    if (s.id == sweep) return s;
  }
  return {};
}

/// Runs the coordinator on a thread of its own and shows progress on this one until it ends.
Coordinator::End run_with_progress(Coordinator& coordinator, const std::string& sweep) {
  auto ended = std::async(std::launch::async, [&] { return coordinator.run(); });
  ProgressLine line;
  int heard = 0;
  while (ended.wait_for(kProgressInterval) == std::future_status::timeout) {
    for (const int asked = stop_signals; heard < asked; ++heard) {
      if (heard == 0) {
        line.say("stopping: running packs may end; Ctrl-C again stops at once (nothing is lost either way)");
        coordinator.request_stop(Coordinator::Stop::kGraceful, "interrupted");
      } else {
        coordinator.request_stop(Coordinator::Stop::kNow, "interrupted");
      }
    }
    const Status status = coordinator.status();
    line.show(status, status_of(status, sweep));
  }
  const Status status = coordinator.status();
  line.show(status, status_of(status, sweep));
  return ended.get();
}

void print_report(const fs::path& store, const std::string& sweep, sweep::ReportFormat format) {
  storage::Reader reader(store);
  const auto report = read_report(reader, choose_sweep(reader, sweep), sweep::CleanDecode::kThresholds);
  std::cout << sweep::render(report, format);
}

void run(const RunOptions& options, const Globals& globals) {
  const SweepFile file = load_sweep_file(options.sweep, options.data);
  for (const auto& warning : file.expansion.warnings) std::cerr << "warning: " << warning.str() << "\n";
  log_to(globals.store / "logs" / "coordinator.log");

  CoordinatorOptions settings;
  settings.store = globals.store;
  settings.address = options.listen;
  settings.advertise = options.advertise;
  settings.port = static_cast<std::uint16_t>(options.port);
  settings.local_workers = options.workers;
  settings.checkpoint_budget = options.checkpoint_budget;
  settings.worker_command = {worker_program().string(), "serve"};
  Coordinator coordinator(settings);
  const auto submitted = coordinator.submit(file.dataset_record(), file.submission());
  set_others_aside(coordinator, submitted.id);
  const int trials = static_cast<int>(file.expansion.trials.size());
  const int left = trials - submitted.finished;
  std::cerr << fmt::format("sweep {} ({}): {} configs x {} folds x {} seeds = {} trials, {} done, {} to train\n",
                           file.spec.name, submitted.id, file.expansion.configs.size(), file.expansion.folds.size(),
                           file.expansion.seeds.size(), trials, submitted.finished, left);
  Coordinator::End end;
  if (left == 0) {
    std::cerr << "nothing to train: every trial has its result\n";
    end = coordinator.run();
  } else {
    DashboardControl control(coordinator, globals.store);
    std::unique_ptr<web::Server> dashboard;
    if (options.web) {
      dashboard = start_dashboard(globals.store, options.web_port, &control);
      std::cerr << "dashboard: " << dashboard->url() << "\n";
    }
    count_signals();
    const auto begin = std::chrono::steady_clock::now();
    end = run_with_progress(coordinator, submitted.id);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::cerr << fmt::format("trained {} trials in {}\n", coordinator.status().results, duration_text(seconds));
  }
  print_report(globals.store, submitted.id, options.as_json ? sweep::ReportFormat::kJson : sweep::ReportFormat::kText);
  std::cout.flush();
  const SweepStatus last = status_of(coordinator.status(), submitted.id);
  if (end.how == Coordinator::End::How::kStopped) {
    throw Error(fmt::format("stopped ({}): {} of {} trials have their results; the same command continues", end.reason,
                            last.finished, trials));
  }
  if (last.failed > 0) {
    throw Error(fmt::format("{} of {} trials failed; `medley status` names them, the log is {}", last.failed, trials,
                            (globals.store / "logs").string()));
  }
}

struct ServeOptions {
  std::string address = "127.0.0.1";
  int port = -1;
  std::string token;
};

void serve(const ServeOptions& options, const Globals& globals) {
  storage::Reader(globals.store);  // a clear message now rather than on every page
  std::unique_ptr<web::Server> server;
  if (options.address == "127.0.0.1" && options.token.empty()) {
    server = start_dashboard(globals.store, options.port, nullptr);
  } else {
    server = std::make_unique<web::Server>(
        web::Options{globals.store, options.address, options.port < 0 ? kWebPort : options.port, options.token},
        nullptr);
    server->start();
  }
  std::cout << "dashboard: " << server->url() << "\nCtrl-C ends it" << std::endl;
  count_signals();
  while (stop_signals == 0) std::this_thread::sleep_for(kProgressInterval);
  server->stop();
}

json status_json(storage::Reader& reader) {
  json sweeps = json::array();
  for (const storage::SweepSummary& s : reader.sweeps()) {
    sweeps.push_back({{"id", s.id},
                      {"name", s.name},
                      {"state", sweep::name_of(s.state)},
                      {"dataset", s.dataset_name},
                      {"synthetic", s.synthetic},
                      {"configs", s.configs},
                      {"trials", s.trials},
                      {"finished", s.finished},
                      {"diverged", s.diverged},
                      {"failed", s.failed},
                      {"running", s.running},
                      {"best_paper_score", s.best_paper_score}});
  }
  json workers = json::array();
  for (const storage::WorkerRow& w : reader.workers()) {
    workers.push_back({{"id", w.worker.id},
                       {"name", w.worker.name},
                       {"device", w.worker.device},
                       {"state", sweep::name_of(w.state)},
                       {"reason", w.reason},
                       {"running", w.running},
                       {"finished", w.finished},
                       {"failed", w.failed}});
  }
  return {{"sweeps", sweeps}, {"workers", workers}};
}

sweep::Table status_table(storage::Reader& reader) {
  using Align = sweep::Table::Align;
  sweep::Table table;
  table.columns = {{"sweep"},
                   {"id"},
                   {"state"},
                   {"dataset"},
                   {"trials", Align::kRight},
                   {"done", Align::kRight},
                   {"running", Align::kRight},
                   {"failed", Align::kRight},
                   {"diverged", Align::kRight},
                   {"best Score paper", Align::kRight}};
  for (const storage::SweepSummary& s : reader.sweeps()) {
    table.rows.push_back({s.name, s.id, sweep::name_of(s.state), s.dataset_name + (s.synthetic ? " (synthetic)" : ""),
                          std::to_string(s.trials), std::to_string(s.finished), std::to_string(s.running),
                          std::to_string(s.failed), std::to_string(s.diverged),
                          s.finished > 0 ? sweep::share_text(s.best_paper_score) : "-"});
    storage::TrialFilter failed;
    failed.state = sweep::TrialState::kFailed;
    for (const storage::TrialRow& trial : reader.trials(s.id, failed, {0, 5})) {
      table.notes.push_back(fmt::format("failed: trial {} of {}: {}", trial.trial, s.name, trial.reason));
    }
  }
  table.notes.push_back("best Score paper: of a single trial, paper-style (optimistic)");
  return table;
}

void status(bool as_json, const Globals& globals) {
  storage::Reader reader(globals.store);
  if (as_json) {
    std::cout << status_json(reader).dump(2) << "\n";
  } else {
    std::cout << sweep::text_table(status_table(reader));
  }
}

}  // namespace

void add_run_commands(CLI::App& app, Globals& globals) {
  auto options = std::make_shared<RunOptions>();
  auto* run_command =
      app.add_subcommand("run", "Train what is missing of a sweep on local workers, then print its table");
  run_command->add_option("SWEEP", options->sweep, "sweep file")->required();
  run_command->add_option("--data", options->data, "dataset folder, instead of the sweep file's");
  run_command->add_option("--workers", options->workers, "single-threaded workers on this machine; one a core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  run_command->add_option("--listen", options->listen, "IP address for workers; 0.0.0.0: from other hosts too")
      ->capture_default_str();
  run_command->add_option("--advertise", options->advertise, "name by which other hosts reach this one");
  run_command->add_option("--port", options->port, "port for workers; 0: the one used last, or any")
      ->check(CLI::Range(0, 65535));
  run_command
      ->add_option("--web-port", options->web_port, fmt::format("port of the dashboard; {} if it is free", kWebPort))
      ->check(CLI::Range(0, 65535));
  run_command->add_flag("!--no-web", options->web, "no dashboard");
  run_command
      ->add_option("--checkpoint-budget", options->checkpoint_budget,
                   "disk space for checkpoints, such as 500MB; beyond it the worst configs' are deleted")
      ->transform(CLI::AsSizeValue(true))
      ->default_str("10GB");
  run_command->add_flag("--json", options->as_json, "print the report as JSON");
  run_command->footer(
      "Ctrl-C lets running packs end, a second one stops at once. The same command continues: what has a result\n"
      "is not trained again.\n"
      "Examples:\n  medley run sweep.yaml\n  medley run sweep.yaml --workers 8 --store /scratch/store");
  run_command->callback([options, &globals] { run(*options, globals); });

  auto serve_options = std::make_shared<ServeOptions>();
  auto* serve_command = app.add_subcommand("serve", "The dashboard on a store, until Ctrl-C");
  serve_command->add_option("--address", serve_options->address, "beyond loopback a token is required")
      ->capture_default_str();
  serve_command->add_option("--port", serve_options->port, fmt::format("{} if it is free", kWebPort))
      ->check(CLI::Range(0, 65535));
  serve_command->add_option("--token", serve_options->token, "what browsers must present")->envname("MEDLEY_WEB_TOKEN");
  serve_command->footer("Examples:\n  medley serve\n  medley --store results/ serve --port 8080");
  serve_command->callback([serve_options, &globals] { serve(*serve_options, globals); });

  auto as_json = std::make_shared<bool>(false);
  auto* status_command = app.add_subcommand("status", "Sweeps of the store: progress, failures");
  status_command->add_flag("--json", *as_json, "as JSON, with the workers");
  status_command->footer("Examples:\n  medley status\n  medley status --json");
  status_command->callback([as_json, &globals] { status(*as_json, globals); });
}

}  // namespace medley::coordinator
