#include "coordinator/launches/cluster_launch.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "cluster/process.h"
#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "coordinator/launches/cluster_keeper.h"
#include "coordinator/launches/cluster_places.h"
#include "storage/reader.h"
#include "sweep/device.h"
#include "sweep/digest.h"

namespace medley::coordinator {
namespace fs = std::filesystem;
using std::chrono::milliseconds;

namespace {

/// "a, b and c".
std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  }
  return text;
}

std::string launch_name(const fs::path& store, int id) {
  const std::string path = fs::weakly_canonical(fs::absolute(store)).string();
  return "medley-" + sweep::sha256_hex(path).substr(0, 8) + "-" + std::to_string(id);
}

/// By user and store: workers of one store deliver what others of it left there, those of another must not.
std::string default_spool(const std::string& name) {
  return "/tmp/" + name.substr(0, name.rfind('-')) + "-" + std::to_string(getuid());
}

/// The part of a launch that depends on no store.
cluster::Launch launch_of(const LaunchRequest& request) {
  cluster::Launch launch;
  launch.shape = request.shape;
  launch.site = request.profile.site;
  for (const cluster::LauncherOption& option : request.launcher->options) {
    const auto said = request.options.find(option.name);
    if (said != request.options.end()) option.set(launch, said->second);
  }
  launch.program = request.profile.worker;
  launch.coordinator = request.coordinator;
  return launch;
}

cluster::Launch make_launch(const LaunchRequest& request, const fs::path& store, int id) {
  cluster::Launch launch = launch_of(request);
  launch.name = launch_name(store, id);
  const storage::StoreLayout layout(fs::absolute(store).string());
  sweep::Device device;
  if (request.shape.gpus > 0) device.kind = sweep::Device::Kind::kCuda;
  launch.arguments = {"--token-file", layout.folder + "/token",           "--device", sweep::to_string(device),
                      "--ranks",      std::to_string(request.shape.ranks)};
  if (request.capacity > 0) {
    launch.arguments.insert(launch.arguments.end(), {"--capacity", std::to_string(request.capacity)});
  }
  launch.endpoint_file = endpoint_file(store).string();
  launch.spool = request.profile.spool.empty() ? default_spool(launch.name) : request.profile.spool;
  launch.log = log_prefix(store, id);
  launch.script = script_file(store, id).string();
  return launch;
}

/// Throws UsageError when an option is said that only other launchers take. Names all that those take.
void check_options(const LaunchRequest& request, const cluster::Launchers& launchers) {
  const auto takes = [](const cluster::LauncherKind& kind, const std::string& name) {
    return std::any_of(kind.options.begin(), kind.options.end(), [&](const auto& o) { return o.name == name; });
  };
  for (const auto& [name, value] : request.options) {
    if (takes(*request.launcher, name)) continue;
    for (const cluster::LauncherKind& kind : launchers) {
      if (!takes(kind, name)) continue;
      std::vector<std::string> names;
      for (const cluster::LauncherOption& option : kind.options) names.push_back(option.name);
      throw UsageError(
          fmt::format("{} {} with --launcher {}", joined(names), names.size() == 1 ? "goes" : "go", kind.name));
    }
  }
}

}  // namespace

void check(const LaunchRequest& request, const cluster::Launchers& launchers) {
  const cluster::WorkerShape& shape = request.shape;
  if (shape.ranks % shape.nodes != 0 || shape.gpus % shape.nodes != 0) {
    throw UsageError(fmt::format("{} ranks and {} GPUs of a worker cannot be spread evenly over {} nodes", shape.ranks,
                                 shape.gpus, shape.nodes));
  }
  check_options(request, launchers);
  const std::string problem = request.launcher->problem(launch_of(request));
  if (!problem.empty()) throw UsageError(problem);
}

std::string preview(const LaunchRequest& request, const fs::path& store) {
  const int workers = request.max_workers;
  return request.launcher->make(make_launch(request, store, 1), workers)->preview(workers);
}

std::string workers_text(std::size_t count) { return fmt::format("{} worker{}", count, count == 1 ? "" : "s"); }

std::string size_text(const ClusterRecord& record) {
  const std::string most = workers_text(static_cast<std::size_t>(record.max_workers));
  return record.min_workers == record.max_workers ? most : fmt::format("{} to {}", record.min_workers, most);
}

std::string log_prefix(const fs::path& store, int id) {
  return storage::StoreLayout(fs::absolute(store).string()).logs() + "/cluster-" + std::to_string(id);
}

ClusterRecord bring_up(const LaunchRequest& request, const fs::path& store, const Hold& hold) {
  ClusterRecord record;
  record.id = claim_record(store);
  try {
    record.launcher = request.launcher;
    const cluster::Launch launch = make_launch(request, store, record.id);
    record.name = launch.name;
    record.min_workers = request.min_workers;
    record.max_workers = record.room = request.max_workers;
    record.host = cluster::this_host();
    record.started_ms = storage::now_ms();
    const auto launcher = request.launcher->make(launch, record.max_workers);
    if (request.launcher->needs_keeper() || request.elastic) {
      launcher->check(record.max_workers);  // now, rather than in the log of a keeper
      hold(record, *launcher);
    } else {
      record.jobs = launcher->start(record.max_workers);
      write_record(store, record);
    }
    return record;
  } catch (...) {
    remove_record(store, record.id);
    throw;
  }
}

void keep(const LaunchRequest& request, const fs::path& store, ClusterRecord record, cluster::Launcher& launcher,
          const std::atomic<int>& stop) {
  record.keeper = getpid();
  write_record(store, record);
  KeeperOptions keeping;
  keeping.store = store;
  keeping.min_workers = record.min_workers;
  keeping.max_workers = record.max_workers;
  keeping.interval = record.launcher->look;
  keeping.linger = request.linger;
  const int id = record.id;
  keeping.joined = [&store, id] { return joined_workers(store, id); };
  const cluster::Launchers launchers = {*record.launcher};
  keeping.resized = [&store, id, launchers]() -> std::optional<std::pair<int, int>> {
    const auto now = find_record(store, id, launchers);
    if (!now) return std::nullopt;
    return std::pair(now->min_workers, now->max_workers);
  };
  keep_workers(launcher, keeping, stop, [&](const KeeperNews& news) {
    record.jobs.insert(record.jobs.end(), news.jobs.begin(), news.jobs.end());
    record.fruitless = news.fruitless;
    record.error = news.error;
    if (news.fruitless > 1) {
      if (record.error.empty()) {
        record.error = fmt::format("{} starts in a row of which no worker joined", news.fruitless);
      }
      const std::string words = last_words(store, id);
      if (!words.empty()) record.error += "; the newest log ends: " + words;
    }
    record.next_start_ms = news.next_start_ms;
    write_record(store, record);
  });
  if (stop == 0) remove_record(store, record.id);  // it ended by itself: nothing of it runs any more
}

void start_keeper(const std::vector<std::string>& argv, const fs::path& store, const cluster::Launchers& launchers,
                  ClusterRecord& record) {
  write_record(store, record);
  cluster::ProcessSpec spec;
  spec.argv = argv;
  spec.argv.insert(spec.argv.end(), {"--keep", std::to_string(record.id)});
  spec.log = log_prefix(store, record.id) + ".log";
  cluster::Process keeper = cluster::Process::start(spec);
  const auto at_work = [&] {
    const auto written = find_record(store, record.id, launchers);
    return written && written->keeper == keeper.pid();
  };
  while (!at_work()) {
    if (const auto exit = keeper.poll()) {
      throw Error("the keeper ended with " + exit->text() + "; see " + spec.log.string());
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  record.keeper = keeper.pid();
}

void keep_recorded(const LaunchRequest& request, const fs::path& store, const cluster::Launchers& launchers, int id,
                   const std::atomic<int>& stop) {
  const auto record = find_record(store, id, launchers);
  if (!record) throw Error("there is no launch " + std::to_string(id));
  const auto launcher = request.launcher->make(make_launch(request, store, id), record->max_workers);
  launcher->know(record->jobs);
  keep(request, store, *record, *launcher, stop);
}

}  // namespace medley::coordinator
