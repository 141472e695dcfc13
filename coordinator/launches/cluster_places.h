#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "cluster/launchers.h"
#include "coordinator/launches/cluster_record.h"

namespace medley::coordinator {

struct LaunchStatus {
  ClusterRecord record;
  bool kept = false;
  std::vector<cluster::Place> places;
  std::string problem;     ///< why the places are not known
  std::string last_words;  ///< where none waits or runs
};
/// What was launched from the store, and where it waits or runs.
std::vector<LaunchStatus> look(const std::filesystem::path& store, const cluster::Launchers& launchers);

/// Workers of a launch that the coordinator has now, whatever its launcher sees: those that say in their logs as whom
/// they joined. A log that is not there yet counts for none.
int joined_workers(const std::filesystem::path& store, int id);

/// The last lines of the newest log of a launch, on one line: why its workers ended. "" without one.
std::string last_words(const std::filesystem::path& store, int id);

struct TakenDown {
  std::size_t told = 0;    ///< workers that were told to leave
  std::size_t killed = 0;  ///< of those, the number that did not within the grace
};
/// Ends the keeper and every worker of a launch, then removes its record. Throws Error on a host where it cannot be
/// done, and cluster::Error.
TakenDown take_down(const std::filesystem::path& store, const ClusterRecord& record, std::chrono::seconds grace);

}  // namespace medley::coordinator
