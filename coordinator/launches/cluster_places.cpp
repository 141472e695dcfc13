#include "coordinator/launches/cluster_places.h"

#include <memory>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include "cluster/process.h"
#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "coordinator/launches/cluster_launch.h"
#include "storage/files/read.h"
#include "storage/reader.h"

namespace medley::coordinator {
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds kKeeperGrace{90};  ///< it may wait for Slurm

void end_keeper(const ClusterRecord& record) {
  if (!keeper_lives(record)) return;
  ::kill(record.keeper, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + kKeeperGrace;
  while (keeper_lives(record)) {
    if (std::chrono::steady_clock::now() > deadline) ::kill(record.keeper, SIGKILL);
    std::this_thread::sleep_for(milliseconds(20));
  }
}

std::unique_ptr<cluster::Launcher> find_launcher(const ClusterRecord& record) {
  auto launcher = record.launcher->find(record.name);
  launcher->know(record.jobs);
  return launcher;
}

/// When the coordinator that runs now came up, since 1970.
storage::TimeMs up_since(const fs::path& store) {
  struct stat endpoint = {};
  if (::stat(endpoint_file(store).c_str(), &endpoint) != 0) return INT64_MAX;
  return endpoint.st_mtim.tv_sec * 1000 + endpoint.st_mtim.tv_nsec / 1'000'000;
}

/// The id that the last process of a log joined as (worker/link.cpp): "info: joined HOST:PORT as ID".
std::string joined_as(const fs::path& log) {
  std::string id;
  std::istringstream lines(files::read_if_readable(log).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const auto as = line.rfind(" as ");
    if (line.find("info: joined ") != std::string::npos && as != std::string::npos) id = line.substr(as + 4);
  }
  return id;
}

/// What the workers of a launch wrote.
std::vector<fs::path> logs_of(const fs::path& store, int id) {
  const fs::path prefix = log_prefix(store, id);
  std::vector<fs::path> logs;
  std::error_code error;
  for (fs::directory_iterator it(prefix.parent_path(), error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    const bool ours = name.rfind(prefix.filename().string() + "-", 0) == 0;
    if (ours && it->path().extension() == ".log") logs.push_back(it->path());
  }
  return logs;
}

}  // namespace

int joined_workers(const fs::path& store, int id) {
  std::set<std::string> here;
  storage::Reader reader(store);
  const storage::TimeMs since = up_since(store);  // of others nobody knows whether they are there
  for (const storage::WorkerRow& row : reader.workers()) {
    const bool joined = row.state == sweep::WorkerState::kJoined || row.state == sweep::WorkerState::kQuarantined;
    if (joined && row.changed >= since) here.insert(row.worker.id);
  }
  int count = 0;
  for (const fs::path& log : logs_of(store, id)) count += here.count(joined_as(log)) != 0;
  return count;
}

std::string last_words(const fs::path& store, int id) {
  constexpr std::size_t kMost = 300;
  fs::path newest;
  fs::file_time_type written;
  for (const fs::path& log : logs_of(store, id)) {
    std::error_code gone;
    const auto time = fs::last_write_time(log, gone);
    if (!gone && (newest.empty() || time > written)) newest = log, written = time;
  }
  std::string last, before;
  std::istringstream lines(newest.empty() ? "" : files::read_if_readable(newest).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) before = std::exchange(last, line);
  }
  const std::string words = before.empty() ? last : before + "; " + last;
  return words.size() > kMost ? "..." + words.substr(words.size() - kMost) : words;
}

std::vector<LaunchStatus> look(const fs::path& store, const cluster::Launchers& launchers) {
  std::vector<LaunchStatus> all;
  for (const ClusterRecord& record : read_records(store, launchers)) {
    LaunchStatus status{record, keeper_lives(record), {}, "", ""};
    try {
      if (is_reachable(record)) {
        status.places = find_launcher(record)->places();
        if (status.places.empty()) status.last_words = last_words(store, record.id);
      } else {
        status.problem = "its processes are known on host " + record.host + " only";
      }
    } catch (const cluster::Error& e) {
      status.problem = e.what();
    }
    all.push_back(std::move(status));
  }
  return all;
}

TakenDown take_down(const fs::path& store, const ClusterRecord& record, seconds grace) {
  if (!is_reachable(record)) {
    throw Error(fmt::format("launch {} was made on host {}: end it there", record.id, record.host));
  }
  end_keeper(record);  // first: it would replace what is ended
  const auto launcher = find_launcher(record);
  const auto ids = ids_of(launcher->places());
  launcher->stop(ids);
  TakenDown taken{ids.size(), 0};
  const auto deadline = std::chrono::steady_clock::now() + grace;
  while (true) {
    const auto left = ids_of(launcher->places());
    if (left.empty()) break;
    if (std::chrono::steady_clock::now() > deadline) {
      launcher->kill(left);
      taken.killed = left.size();
    }
    std::this_thread::sleep_for(milliseconds(100));
  }
  remove_record(store, record.id);
  return taken;
}

}  // namespace medley::coordinator
