#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cluster/launchers.h"
#include "coordinator/launches/cluster_profile.h"
#include "coordinator/launches/cluster_record.h"

namespace medley::coordinator {

/// What `medley cluster up` is asked to start.
struct LaunchRequest {
  const cluster::LauncherKind* launcher = nullptr;
  std::map<std::string, std::string> options;  ///< of launchers, by name, as typed: "--partition" -> "gpu"
  cluster::WorkerShape shape;
  int min_workers = 1;
  int max_workers = 1;
  /// The number follows the trials that are left, between the two.
  bool elastic = false;
  int capacity = 0;                  ///< trials of a worker's largest pack; 0: it chooses
  ClusterProfile profile;            ///< names a worker program
  std::string coordinator;           ///< HOST:PORT; "": what the store says when a worker starts
  std::chrono::seconds linger{600};  ///< a keeper ends after this time without a coordinator
};

/// Throws UsageError when its launcher cannot start it or does not take one of its options.
void check(const LaunchRequest& request, const cluster::Launchers& launchers);
/// What would be run for a first launch from this store, for people. Throws cluster::Error.
std::string preview(const LaunchRequest& request, const std::filesystem::path& store);

/// "1 worker", "8 workers".
std::string workers_text(std::size_t count);
/// "1 worker", "2 to 8 workers".
std::string size_text(const ClusterRecord& record);
/// Its log files, less what tells workers apart.
std::string log_prefix(const std::filesystem::path& store, int id);

/// Has a keeper hold the number of the record's workers; `launcher` has started none of them yet.
using Hold = std::function<void(ClusterRecord& record, cluster::Launcher& launcher)>;
/// Records a launch. Starts its workers where the system holds their number, else calls `hold`. Leaves no record when
/// it throws: cluster::Error, Error, or what `hold` throws.
ClusterRecord bring_up(const LaunchRequest& request, const std::filesystem::path& store, const Hold& hold);

/// A Hold in this process: as keep_workers(), with the record kept up to date and removed when it ends by itself.
void keep(const LaunchRequest& request, const std::filesystem::path& store, ClusterRecord record,
          cluster::Launcher& launcher, const std::atomic<int>& stop);
/// A Hold in a process that outlives the terminal: `argv` with "--keep ID" behind it, which calls keep_recorded().
/// Returns when it is at work. Throws Error when it ended instead.
void start_keeper(const std::vector<std::string>& argv, const std::filesystem::path& store,
                  const cluster::Launchers& launchers, ClusterRecord& record);
/// keep() for a record that is there already. Throws Error when it is not.
void keep_recorded(const LaunchRequest& request, const std::filesystem::path& store,
                   const cluster::Launchers& launchers, int id, const std::atomic<int>& stop);

}  // namespace medley::coordinator
