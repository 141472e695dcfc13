// medley cluster up, status, down.
#include <atomic>
#include <csignal>
#include <iostream>
#include <memory>
#include <sstream>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "coordinator/commands/command.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/commands/worker_program.h"
#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "coordinator/launches/cluster_keeper.h"
#include "coordinator/launches/cluster_launch.h"
#include "coordinator/launches/cluster_places.h"
#include "coordinator/launches/cluster_profile.h"
#include "storage/files/read.h"
#include "storage/reader.h"
#include "storage/store_folder.h"
#include "sweep/report/table.h"
#include "worker/protocol/handshake.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::seconds;

std::atomic<int> asked_to_stop{0};
static_assert(std::atomic<int>::is_always_lock_free);

struct UpOptions {
  std::string launcher;
  int workers = 1;
  int min_workers = -1;  ///< -1: not said
  int max_workers = -1;
  cluster::WorkerShape shape;
  int capacity = 0;
  std::map<std::string, std::string> of_launchers;  ///< values of their own options; "" not said
  fs::path profile;
  std::string coordinator;
  int linger_s = 600;
  bool print = false;
  bool foreground = false;
  int keep = 0;  ///< the record whose workers this process keeps; 0: it is the user's call
};

LaunchRequest request_of(const UpOptions& options, const cluster::Launchers& launchers) {
  LaunchRequest request;
  request.launcher = cluster::find_launcher(launchers, options.launcher);
  for (const auto& [name, value] : options.of_launchers) {
    if (!value.empty()) request.options.emplace(name, value);
  }
  request.shape = options.shape;
  if (options.min_workers > options.max_workers && options.max_workers >= 0) {
    throw UsageError("--min-workers is larger than --max-workers");
  }
  request.elastic = options.min_workers >= 0 || options.max_workers >= 0;
  request.min_workers = request.elastic ? std::max(options.min_workers, 1) : options.workers;
  request.max_workers = request.elastic ? std::max(options.max_workers, request.min_workers) : options.workers;
  request.capacity = options.capacity;
  request.coordinator = options.coordinator;
  request.linger = seconds(options.linger_s);
  check(request, launchers);
  if (!options.profile.empty()) request.profile = load_profile(options.profile);
  if (request.profile.worker.empty()) request.profile.worker = worker_program().string();
  return request;
}

/// From now on Ctrl-C asks a keeper to end.
const std::atomic<int>& watch_signals() {
  spdlog::set_default_logger(spdlog::stderr_color_mt("medley cluster"));
  struct sigaction action = {};
  action.sa_handler = [](int) { ++asked_to_stop; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return asked_to_stop;
}

/// The command that runs now, with the path of its program.
std::vector<std::string> this_command() {
  std::vector<std::string> argv;
  std::istringstream words(files::read("/proc/self/cmdline"));
  for (std::string word; std::getline(words, word, '\0');) argv.push_back(word);
  argv[0] = fs::read_symlink("/proc/self/exe").string();
  return argv;
}

void warn_of_loopback(const LaunchRequest& request, const fs::path& store) {
  const std::string endpoint = request.coordinator.empty() ? living_endpoint(store) : request.coordinator;
  if (!request.launcher->reaches_hosts || endpoint.rfind("127.", 0) != 0) return;
  remark(
      "warning: the coordinator listens on loopback only ({}): workers of other hosts need `medley run` or `serve` "
      "with --listen 0.0.0.0\n",
      endpoint);
}

void up(const UpOptions& options, const Globals& globals, const cluster::Launchers& launchers) {
  const fs::path& store = globals.store;
  const LaunchRequest request = request_of(options, launchers);
  if (options.print) {
    std::cout << preview(request, store);
    return;
  }
  if (options.keep > 0) return keep_recorded(request, store, launchers, options.keep, watch_signals());

  storage::make_store(store);
  protocol::read_or_create_token(fs::absolute(store) / "token");
  warn_of_loopback(request, store);
  const ClusterRecord record = bring_up(request, store, [&](ClusterRecord& claimed, cluster::Launcher& launcher) {
    if (options.foreground) return keep(request, store, claimed, launcher, watch_signals());
    start_keeper(this_command(), store, launchers, claimed);
  });
  if (record.keeper == 0 && record.jobs.empty()) return;  // it was kept here, and that has ended
  say("launch {}: {} {}; logs in {}*.log\n", record.id, size_text(record),
      record.keeper > 0 ? fmt::format("kept by process {}", record.keeper)
                        : fmt::format("as {} {}", record.launcher->job, fmt::join(record.jobs, ", ")),
      log_prefix(store, record.id));
}

// ---- status ---------------------------------------------------------------------------------------------------------

int joined_workers(const fs::path& store) {
  if (!storage::store_exists(store)) return 0;
  int joined = 0;
  storage::Reader reader(store);
  for (const auto& worker : reader.workers()) joined += worker.state == sweep::WorkerState::kJoined;
  return joined;
}

json status_json(const std::vector<LaunchStatus>& launches, const fs::path& store) {
  json all = json::array();
  for (const LaunchStatus& launch : launches) {
    json places = json::array();
    for (const cluster::Place& place : launch.places) {
      places.push_back(
          {{"id", place.id}, {"state", name_of(place.state)}, {"where", place.where}, {"note", place.note}});
    }
    json one = to_json(launch.record);
    one["kept"] = launch.kept;
    one["workers"] = places;
    one["problem"] = launch.problem;
    all.push_back(std::move(one));
  }
  return {{"coordinator", living_endpoint(store)},
          {"trials_left", read_demand(store).trials},
          {"workers_joined", joined_workers(store)},
          {"launches", all}};
}

sweep::Table status_table(const std::vector<LaunchStatus>& launches, const fs::path& store) {
  sweep::Table table;
  table.columns = {{"launch"}, {"launcher"}, {"worker"}, {"state"}, {"where"}, {"note"}};
  for (const LaunchStatus& launch : launches) {
    const std::string id = std::to_string(launch.record.id);
    for (const cluster::Place& place : launch.places) {
      table.rows.push_back({id, launch.record.launcher->name, place.id, name_of(place.state), place.where, place.note});
    }
    if (!launch.problem.empty()) table.notes.push_back(fmt::format("launch {}: {}", id, launch.problem));
    const ClusterRecord& record = launch.record;
    const auto wait_ms = record.next_start_ms - storage::now_ms();
    const std::string next = wait_ms > 0 ? fmt::format("; the next start is in {} s", wait_ms / 1000 + 1) : "";
    if (!record.error.empty()) table.notes.push_back(fmt::format("launch {}: {}{}", id, record.error, next));
    if (record.error.empty() && !launch.last_words.empty()) {
      table.notes.push_back(fmt::format("launch {}: the newest log ends: {}", id, launch.last_words));
    }
    const std::string kept =
        launch.kept ? fmt::format("process {} keeps {}", launch.record.keeper, size_text(launch.record)) : "";
    const std::string none = launch.problem.empty() && launch.places.empty() ? "no worker waits or runs" : "";
    if (kept.empty() && none.empty()) continue;
    table.notes.push_back(fmt::format("launch {} ({}): {}{}{}; logs in {}/cluster-{}*.log", id,
                                      launch.record.launcher->name, none, kept.empty() || none.empty() ? "" : ", ",
                                      kept, storage::StoreLayout(store.string()).logs(), id));
  }
  const std::string endpoint = living_endpoint(store);
  table.notes.push_back(
      fmt::format("coordinator {}; {} joined it, {} trials left", endpoint.empty() ? "none" : endpoint,
                  workers_text(static_cast<std::size_t>(joined_workers(store))), read_demand(store).trials));
  return table;
}

struct ResizeOptions {
  int launch = 0;
  int min_workers = -1;  ///< -1: as it is
  int max_workers = -1;
};

void resize(const ResizeOptions& options, const Globals& globals, const cluster::Launchers& launchers) {
  const auto found = find_record(globals.store, options.launch, launchers);
  if (!found)
    throw UsageError(fmt::format("there is no launch {}; `medley cluster status` lists them", options.launch));
  ClusterRecord record = *found;
  if (options.min_workers < 0 && options.max_workers < 0) throw UsageError("say --min-workers, --max-workers or both");
  if (record.keeper == 0) {
    throw UsageError(fmt::format("launch {} is one {}: start it with --max-workers to change their number later",
                                 record.id, record.launcher->job));
  }
  if (record.host == cluster::this_host() && !keeper_lives(record)) {
    throw Error(
        fmt::format("the keeper of launch {} is gone: end it with `medley cluster down {}`", record.id, record.id));
  }
  if (options.max_workers >= 0) record.max_workers = options.max_workers;
  record.min_workers =
      options.min_workers >= 0 ? options.min_workers : std::min(record.min_workers, record.max_workers);
  if (record.min_workers > record.max_workers) throw UsageError("--min-workers is larger than --max-workers");
  if (record.launcher->needs_keeper() && record.max_workers > record.room) {
    throw UsageError(fmt::format("launch {} has room for {}: more of them are another launch", record.id,
                                 workers_text(static_cast<std::size_t>(record.room))));
  }
  resize_record(globals.store, record.id, record.min_workers, record.max_workers);
  say("launch {}: {}\n", record.id, size_text(record));
}

void status(bool as_json, const Globals& globals, const cluster::Launchers& launchers) {
  const auto launches = look(globals.store, launchers);
  if (as_json) {
    std::cout << status_json(launches, globals.store).dump(2) << "\n";
  } else {
    std::cout << sweep::text_table(status_table(launches, globals.store), text_width());
  }
}

// ---- down -----------------------------------------------------------------------------------------------------------

struct DownOptions {
  int launch = 0;  ///< 0: all
  int grace_s = 60;
};

void down(const DownOptions& options, const Globals& globals, const cluster::Launchers& launchers) {
  bool found = false;
  for (const ClusterRecord& record : read_records(globals.store, launchers)) {
    if (options.launch != 0 && record.id != options.launch) continue;
    found = true;
    const TakenDown taken = take_down(globals.store, record, seconds(options.grace_s));
    say("launch {} is down: {} told to leave{}\n", record.id, workers_text(taken.told),
        taken.killed > 0 ? fmt::format(", {} had to be killed", taken.killed) : "");
  }
  if (!found && options.launch != 0) throw Error(fmt::format("there is no launch {}", options.launch));
  if (!found) std::cout << "nothing was launched\n";
}

}  // namespace

void add_cluster_commands(CLI::App& app, Globals& globals, const cluster::Launchers& launchers) {
  auto* cluster = app.add_subcommand("cluster", "Workers on a cluster that join this store's coordinator");
  cluster->require_subcommand(1);

  auto o = std::make_shared<UpOptions>();
  auto* up_command = cluster->add_subcommand("up", "Start workers");
  std::vector<std::string> names, meanings;
  for (const cluster::LauncherKind& kind : launchers) {
    names.push_back(kind.name);
    meanings.push_back(kind.name + ": " + kind.help);
  }
  up_command->add_option("--launcher", o->launcher, fmt::format("{}", fmt::join(meanings, "; ")))
      ->required()
      ->check(CLI::IsMember(names));
  auto* workers = up_command->add_option("--workers", o->workers, "how many")->check(CLI::Range(1, 10'000));
  workers->capture_default_str();
  up_command->add_option("--min-workers", o->min_workers, "elastic: smallest number of workers while trials are left")
      ->check(CLI::Range(0, 10'000))
      ->excludes(workers);
  up_command
      ->add_option("--max-workers", o->max_workers, "elastic: largest number of workers; none when no trial is left")
      ->check(CLI::Range(1, 10'000))
      ->excludes(workers);
  up_command->add_option("--ranks-per-worker", o->shape.ranks, "MPI ranks of one worker; more than one train together")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  up_command->add_option("--nodes-per-worker", o->shape.nodes, "hosts that the ranks of a worker are spread over")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  up_command->add_option("--gpus-per-worker", o->shape.gpus, "0: it trains on the CPU")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  up_command->add_option("--cores-per-rank", o->shape.cores_per_rank, "CPU cores, and threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  up_command->add_option("--capacity", o->capacity, "trials of a worker's largest pack; else it chooses")
      ->check(CLI::Range(1, 1024));
  for (const cluster::LauncherKind& kind : launchers) {
    for (const cluster::LauncherOption& option : kind.options) {
      const auto [value, is_new] = o->of_launchers.emplace(option.name, "");
      if (is_new) up_command->add_option(option.name, value->second, option.help);
    }
  }
  up_command->add_option("--profile", o->profile, "YAML file of what this site wants (docs/cluster.md)");
  up_command->add_option("--coordinator", o->coordinator, "HOST:PORT; else what the store says when a worker starts");
  up_command->add_option("--linger", o->linger_s, "seconds without a coordinator after which nothing is kept any more")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  up_command->add_flag("--print", o->print, "print what would be run, start nothing");
  up_command->add_flag("--foreground", o->foreground, "keep the workers in this process, until Ctrl-C (they stay)");
  up_command->add_option("--keep", o->keep)->group("");
  up_command->footer(
      "Run it where the coordinator runs (medley serve --listen 0.0.0.0, or medley run SWEEP.yaml with it).\n"
      "Examples:\n"
      "  medley cluster up --launcher slurm --workers 8 --gpus-per-worker 1 --partition gpu --time 8:00:00\n"
      "  medley cluster up --launcher slurm --max-workers 32 --gpus-per-worker 1 --profile site.yaml\n"
      "  medley cluster up --launcher mpirun --workers 4 --ranks-per-worker 2 --hosts hosts.txt");
  up_command->callback([o, &globals, &launchers] { up(*o, globals, launchers); });

  auto as_json = std::make_shared<bool>(false);
  auto* status_command = cluster->add_subcommand("status", "What was launched, and where it waits or runs");
  status_command->add_flag("--json", *as_json, "as JSON");
  status_command->footer("Examples:\n  medley cluster status\n  medley cluster status --json");
  status_command->callback([as_json, &globals, &launchers] { status(*as_json, globals, launchers); });

  auto r = std::make_shared<ResizeOptions>();
  auto* resize_command = cluster->add_subcommand("resize", "Change the number of workers of a launch that is kept");
  resize_command->add_option("LAUNCH", r->launch, "its number, as `cluster status` says")->required();
  resize_command->add_option("--min-workers", r->min_workers, "as of `cluster up`")->check(CLI::Range(0, 10'000));
  resize_command->add_option("--max-workers", r->max_workers, "as of `cluster up`")->check(CLI::Range(1, 10'000));
  resize_command->footer("Examples:\n  medley cluster resize 1 --max-workers 16");
  resize_command->callback([r, &globals, &launchers] { resize(*r, globals, launchers); });

  add_worker_commands(*cluster, globals);

  auto d = std::make_shared<DownOptions>();
  auto* down_command =
      cluster->add_subcommand("down", "Tell launched workers to leave; what they hold is kept or given back");
  down_command->add_option("LAUNCH", d->launch, "one launch; else all")->check(CLI::PositiveNumber);
  down_command->add_option("--grace", d->grace_s, "seconds after which those that are left are killed")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  down_command->footer("Examples:\n  medley cluster down\n  medley cluster down 2");
  down_command->callback([d, &globals, &launchers] { down(*d, globals, launchers); });
}

}  // namespace medley::coordinator
