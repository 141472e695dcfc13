// medley cluster up, status, down.
#include <atomic>
#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "cluster/process_launcher.h"
#include "cluster/slurm.h"
#include "coordinator/commands/command.h"
#include "coordinator/commands/worker_program.h"
#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "coordinator/launches/cluster_keeper.h"
#include "coordinator/launches/cluster_profile.h"
#include "coordinator/launches/cluster_record.h"
#include "storage/reader.h"
#include "sweep/digest.h"
#include "sweep/report/table.h"
#include "worker/protocol/handshake.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kProcessLook{500};  ///< between a keeper's looks at processes of this host
constexpr milliseconds kSlurmLook{5'000};  ///< ... at Slurm's queue, which has others to serve

std::atomic<int> asked_to_stop{0};

struct UpOptions {
  std::string launcher;
  int workers = 1;
  int min_workers = -1;  ///< -1: not said
  int max_workers = -1;
  cluster::WorkerShape shape;
  int capacity = 0;
  std::string partition, account, qos, time;
  fs::path hosts, profile;
  std::string coordinator;
  int linger_s = 600;
  bool print = false;
  bool foreground = false;
  int keep = 0;  ///< the record whose workers this process keeps; 0: it is the user's call
};

std::string workers_text(std::size_t count) { return fmt::format("{} worker{}", count, count == 1 ? "" : "s"); }

/// "1 worker", "2 to 8 workers".
std::string size_text(const ClusterRecord& record) {
  const std::string most = workers_text(static_cast<std::size_t>(record.max_workers));
  return record.min_workers == record.max_workers ? most : fmt::format("{} to {}", record.min_workers, most);
}

std::string launch_name(const fs::path& store, int id) {
  const std::string path = fs::weakly_canonical(fs::absolute(store)).string();
  return "medley-" + sweep::sha256_hex(path).substr(0, 8) + "-" + std::to_string(id);
}

/// By user and store: workers of one store deliver what others of it left there, those of another must not.
std::string default_spool(const std::string& name) {
  return "/tmp/" + name.substr(0, name.rfind('-')) + "-" + std::to_string(getuid());
}

std::string read_text(const fs::path& file) {
  auto text = cluster::contents(file);
  if (!text) throw Error("cannot read " + file.string());
  return std::move(*text);
}

cluster::Launch make_launch(const UpOptions& options, const fs::path& store, int id) {
  const ClusterProfile profile = options.profile.empty() ? ClusterProfile{} : load_profile(options.profile);
  const storage::StoreLayout layout(fs::absolute(store).string());
  cluster::Launch launch;
  launch.name = launch_name(store, id);
  launch.shape = options.shape;
  launch.site = profile.site;
  if (!options.partition.empty()) launch.site.partition = options.partition;
  if (!options.account.empty()) launch.site.account = options.account;
  if (!options.qos.empty()) launch.site.qos = options.qos;
  launch.time = options.time;
  launch.program = profile.worker.empty() ? worker_program().string() : profile.worker;
  launch.arguments = {"--token-file", layout.folder + "/token", "--device", options.shape.gpus > 0 ? "cuda" : "cpu"};
  if (options.capacity > 0) {
    launch.arguments.insert(launch.arguments.end(), {"--capacity", std::to_string(options.capacity)});
  }
  launch.coordinator = options.coordinator;
  launch.endpoint_file = endpoint_file(store).string();
  launch.spool = profile.spool.empty() ? default_spool(launch.name) : profile.spool;
  launch.log = layout.logs() + "/cluster-" + std::to_string(id);
  return launch;
}

void check(const UpOptions& options) {
  const cluster::WorkerShape& shape = options.shape;
  if (shape.ranks % shape.nodes != 0 || shape.gpus % shape.nodes != 0) {
    throw UsageError(fmt::format("{} ranks and {} GPUs of a worker cannot be spread evenly over {} nodes", shape.ranks,
                                 shape.gpus, shape.nodes));
  }
  if (options.launcher == "local" && shape.nodes > 1) throw UsageError("local workers are on one node");
  if (options.launcher == "mpirun" && options.hosts.empty()) throw UsageError("--launcher mpirun needs --hosts FILE");
  if (options.launcher != "mpirun" && !options.hosts.empty()) throw UsageError("--hosts goes with --launcher mpirun");
  if (options.launcher != "slurm" && !(options.partition + options.account + options.qos + options.time).empty()) {
    throw UsageError("--partition, --account, --qos and --time go with --launcher slurm");
  }
  if (options.min_workers > options.max_workers && options.max_workers >= 0) {
    throw UsageError("--min-workers is larger than --max-workers");
  }
}

std::unique_ptr<cluster::Launcher> make_launcher(const UpOptions& options, const cluster::Launch& launch,
                                                 const fs::path& store, int id, int largest) {
  if (options.launcher == "slurm") {
    const fs::path script = cluster_folder(store) / (std::to_string(id) + ".sh");
    return std::make_unique<cluster::SlurmLauncher>(launch, script.string());
  }
  auto placements =
      options.launcher == "local"
          ? cluster::place_here(launch.shape, largest)
          : cluster::place_on_hosts(cluster::parse_hosts(read_text(options.hosts), options.hosts.string()),
                                    launch.shape, largest);
  return std::make_unique<cluster::ProcessLauncher>(launch, std::move(placements));
}

/// A launcher that finds and ends what a record's launch started.
std::unique_ptr<cluster::Launcher> launcher_of(const ClusterRecord& record) {
  cluster::Launch launch;
  launch.name = record.name;
  if (record.launcher == "slurm") return std::make_unique<cluster::SlurmLauncher>(launch, "");
  return std::make_unique<cluster::ProcessLauncher>(launch, std::vector<cluster::Placement>{});
}

void keep(cluster::Launcher& launcher, ClusterRecord record, const UpOptions& options, const fs::path& store) {
  record.keeper = getpid();
  write_record(store, record);
  struct sigaction action = {};
  action.sa_handler = [](int) { ++asked_to_stop; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  KeeperOptions keeping;
  keeping.store = store;
  keeping.min_workers = record.min_workers;
  keeping.max_workers = record.max_workers;
  keeping.interval = record.launcher == "slurm" ? kSlurmLook : kProcessLook;
  keeping.linger = seconds(options.linger_s);
  keep_workers(launcher, keeping, asked_to_stop, [&](const std::vector<std::string>& ids) {
    if (record.launcher != "slurm") return;  // processes are found by their place
    record.jobs.insert(record.jobs.end(), ids.begin(), ids.end());
    write_record(store, record);
  });
  if (asked_to_stop == 0) remove_record(store, record.id);  // it ended by itself: nothing of it runs any more
}

/// This very command again, as a process that outlives the terminal and keeps the workers of the record. Returns when
/// it is at work; throws Error when it ended instead.
pid_t start_keeper(const ClusterRecord& record, const fs::path& store, const std::string& log) {
  cluster::ProcessSpec spec;
  std::istringstream words(read_text("/proc/self/cmdline"));
  for (std::string word; std::getline(words, word, '\0');) spec.argv.push_back(word);
  spec.argv[0] = fs::read_symlink("/proc/self/exe").string();
  spec.argv.insert(spec.argv.end(), {"--keep", std::to_string(record.id)});
  spec.log = log;
  cluster::Process keeper = cluster::Process::start(spec);
  const auto at_work = [&] {
    for (const ClusterRecord& r : read_records(store)) {
      if (r.id == record.id) return r.keeper == keeper.pid();
    }
    return false;
  };
  while (!at_work()) {
    if (const auto exit = keeper.poll()) throw Error("the keeper ended with " + exit->text() + "; see " + log);
    std::this_thread::sleep_for(milliseconds(10));
  }
  return keeper.pid();
}

void warn_of_loopback(const std::string& endpoint, const std::string& launcher) {
  if (launcher == "local" || endpoint.rfind("127.", 0) != 0) return;
  std::cerr << "warning: the coordinator listens on loopback only (" << endpoint
            << "): workers of other hosts need `medley run` or `serve` with --listen 0.0.0.0\n";
}

void up(const UpOptions& options, const Globals& globals) {
  check(options);
  const bool elastic = options.min_workers >= 0 || options.max_workers >= 0;
  const int largest = elastic ? std::max({options.max_workers, options.min_workers, 1}) : options.workers;
  const int smallest = elastic ? std::max(options.min_workers, 1) : options.workers;
  if (options.print) {
    const auto launch = make_launch(options, globals.store, 1);
    std::cout << make_launcher(options, launch, globals.store, 1, largest)->preview(largest);
    return;
  }
  if (options.keep > 0) {
    spdlog::set_default_logger(spdlog::stderr_color_mt("medley cluster"));
    for (const ClusterRecord& record : read_records(globals.store)) {
      if (record.id != options.keep) continue;
      const auto launch = make_launch(options, globals.store, record.id);
      return keep(*make_launcher(options, launch, globals.store, record.id, largest), record, options, globals.store);
    }
    throw Error("there is no launch " + std::to_string(options.keep));
  }

  fs::create_directories(globals.store / "logs");
  protocol::read_or_create_token(fs::absolute(globals.store) / "token");
  warn_of_loopback(options.coordinator.empty() ? living_endpoint(globals.store) : options.coordinator,
                   options.launcher);
  ClusterRecord record;
  record.id = claim_record(globals.store);
  try {
    record.launcher = options.launcher;
    record.name = launch_name(globals.store, record.id);
    record.min_workers = smallest;
    record.max_workers = largest;
    record.host = cluster::this_host();
    record.started_ms = storage::now_ms();
    const auto launch = make_launch(options, globals.store, record.id);
    const auto launcher = make_launcher(options, launch, globals.store, record.id, largest);
    if (options.launcher == "slurm" && !elastic) {
      record.jobs = launcher->start(options.workers);
      write_record(globals.store, record);
      std::cout << fmt::format("launch {}: {} as job array {}; logs in {}-*.log\n", record.id, size_text(record),
                               record.jobs.at(0), launch.log);
      return;
    }
    if (options.foreground) {
      spdlog::set_default_logger(spdlog::stderr_color_mt("medley cluster"));
      return keep(*launcher, record, options, globals.store);
    }
    write_record(globals.store, record);
    record.keeper = start_keeper(record, globals.store, launch.log + ".log");
    std::cout << fmt::format("launch {}: {} kept by process {}; logs in {}*.log\n", record.id, size_text(record),
                             record.keeper, launch.log);
  } catch (...) {
    remove_record(globals.store, record.id);
    throw;
  }
}

// ---- status ---------------------------------------------------------------------------------------------------------

const char* name_of(cluster::Place::State state) {
  return state == cluster::Place::State::kWaiting ? "waiting" : "running";
}

struct LaunchStatus {
  ClusterRecord record;
  bool kept = false;
  std::vector<cluster::Place> places;
  std::string problem;  ///< why the places are not known
};

std::vector<LaunchStatus> look(const fs::path& store) {
  std::vector<LaunchStatus> all;
  for (const ClusterRecord& record : read_records(store)) {
    LaunchStatus status{record, keeper_lives(record), {}, ""};
    try {
      if (record.launcher != "slurm" && record.host != cluster::this_host()) {
        status.problem = "its processes are known on host " + record.host + " only";
      } else {
        status.places = launcher_of(record)->places();
      }
    } catch (const cluster::Error& e) {
      status.problem = e.what();
    }
    all.push_back(std::move(status));
  }
  return all;
}

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
      table.rows.push_back({id, launch.record.launcher, place.id, name_of(place.state), place.where, place.note});
    }
    if (!launch.problem.empty()) table.notes.push_back(fmt::format("launch {}: {}", id, launch.problem));
    const std::string kept =
        launch.kept ? fmt::format("process {} keeps {}", launch.record.keeper, size_text(launch.record)) : "";
    const std::string none = launch.problem.empty() && launch.places.empty() ? "no worker waits or runs" : "";
    if (kept.empty() && none.empty()) continue;
    table.notes.push_back(fmt::format("launch {} ({}): {}{}{}; logs in {}/cluster-{}*.log", id, launch.record.launcher,
                                      none, kept.empty() || none.empty() ? "" : ", ", kept,
                                      storage::StoreLayout(store.string()).logs(), id));
  }
  const std::string endpoint = living_endpoint(store);
  table.notes.push_back(
      fmt::format("coordinator {}; {} joined it, {} trials left", endpoint.empty() ? "none" : endpoint,
                  workers_text(static_cast<std::size_t>(joined_workers(store))), read_demand(store).trials));
  return table;
}

void status(bool as_json, const Globals& globals) {
  const auto launches = look(globals.store);
  if (as_json) {
    std::cout << status_json(launches, globals.store).dump(2) << "\n";
  } else {
    std::cout << sweep::text_table(status_table(launches, globals.store));
  }
}

// ---- down -----------------------------------------------------------------------------------------------------------

std::vector<std::string> ids_of(cluster::Launcher& launcher) {
  std::vector<std::string> ids;
  for (const auto& place : launcher.places()) ids.push_back(place.id);
  return ids;
}

/// Ends the keeper first, so that it starts nothing again.
void end_keeper(const ClusterRecord& record) {
  if (!keeper_lives(record)) return;
  ::kill(record.keeper, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + seconds(90);  // it may wait for Slurm
  while (keeper_lives(record)) {
    if (std::chrono::steady_clock::now() > deadline) ::kill(record.keeper, SIGKILL);
    std::this_thread::sleep_for(milliseconds(20));
  }
}

struct DownOptions {
  int launch = 0;  ///< 0: all
  int grace_s = 60;
};

void down(const DownOptions& options, const Globals& globals) {
  bool found = false;
  for (const ClusterRecord& record : read_records(globals.store)) {
    if (options.launch != 0 && record.id != options.launch) continue;
    found = true;
    if (record.launcher != "slurm" && record.host != cluster::this_host()) {
      throw Error(fmt::format("launch {} was made on host {}: end it there", record.id, record.host));
    }
    end_keeper(record);
    const auto launcher = launcher_of(record);
    const auto ids = ids_of(*launcher);
    launcher->stop(ids);
    const auto deadline = std::chrono::steady_clock::now() + seconds(options.grace_s);
    std::size_t killed = 0;
    for (auto left = ids; !(left = ids_of(*launcher)).empty();) {
      if (std::chrono::steady_clock::now() > deadline) {
        launcher->kill(left);
        killed = left.size();
      }
      std::this_thread::sleep_for(milliseconds(100));
    }
    remove_record(globals.store, record.id);
    std::cout << fmt::format("launch {} is down: {} told to leave{}\n", record.id, workers_text(ids.size()),
                             killed > 0 ? fmt::format(", {} had to be killed", killed) : "");
  }
  if (!found && options.launch != 0) throw Error(fmt::format("there is no launch {}", options.launch));
  if (!found) std::cout << "nothing was launched\n";
}

}  // namespace

void add_cluster_commands(CLI::App& app, Globals& globals) {
  auto* cluster = app.add_subcommand("cluster", "Workers on a cluster that join this store's coordinator");
  cluster->require_subcommand(1);

  auto o = std::make_shared<UpOptions>();
  auto* up_command = cluster->add_subcommand("up", "Start workers: on this host, by mpirun, or as a Slurm job array");
  up_command->add_option("--launcher", o->launcher, "local, mpirun or slurm")
      ->required()
      ->check(CLI::IsMember({"local", "mpirun", "slurm"}));
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
  up_command->add_option("--partition", o->partition, "Slurm's partition");
  up_command->add_option("--account", o->account, "Slurm's account");
  up_command->add_option("--qos", o->qos, "Slurm's quality of service");
  up_command->add_option("--time", o->time, "Slurm's time limit of a worker, such as 8:00:00; it then queues again");
  up_command->add_option("--hosts", o->hosts, "mpirun: host file, lines such as 'h1 slots=4'");
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
  up_command->callback([o, &globals] { up(*o, globals); });

  auto as_json = std::make_shared<bool>(false);
  auto* status_command = cluster->add_subcommand("status", "What was launched, and where it waits or runs");
  status_command->add_flag("--json", *as_json, "as JSON");
  status_command->footer("Examples:\n  medley cluster status\n  medley cluster status --json");
  status_command->callback([as_json, &globals] { status(*as_json, globals); });

  auto d = std::make_shared<DownOptions>();
  auto* down_command =
      cluster->add_subcommand("down", "Tell launched workers to leave; what they hold is kept or given back");
  down_command->add_option("LAUNCH", d->launch, "one launch; else all")->check(CLI::PositiveNumber);
  down_command->add_option("--grace", d->grace_s, "seconds after which those that are left are killed")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  down_command->footer("Examples:\n  medley cluster down\n  medley cluster down 2");
  down_command->callback([d, &globals] { down(*d, globals); });
}

}  // namespace medley::coordinator
