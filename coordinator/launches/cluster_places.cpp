#include "coordinator/launches/cluster_places.h"

#include <thread>

#include <fmt/format.h>
#include <signal.h>

#include "cluster/process.h"
#include "coordinator/error.h"

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

}  // namespace

std::vector<LaunchStatus> look(const fs::path& store, const cluster::Launchers& launchers) {
  std::vector<LaunchStatus> all;
  for (const ClusterRecord& record : read_records(store, launchers)) {
    LaunchStatus status{record, keeper_lives(record), {}, ""};
    try {
      if (is_reachable(record)) {
        status.places = record.launcher->find(record.name)->places();
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
  const auto launcher = record.launcher->find(record.name);
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
