#pragma once

#include <vector>

#include "cluster/launcher.h"
#include "cluster/mpirun.h"

namespace medley::cluster {

/// Workers that are processes of this host, or are reached by an mpirun that is. They outlive this program; each
/// carries its place in its environment, by which it is found again.
class ProcessLauncher final : public Launcher {
 public:
  /// At most one worker a placement; what runs already is found also without placements.
  ProcessLauncher(Launch launch, std::vector<Placement> placements)
      : launch_(std::move(launch)), placements_(std::move(placements)) {}
  std::string preview(int workers) const override;
  /// Throws Error also when no coordinator's address is known.
  std::vector<std::string> start(int workers) override;
  std::vector<Place> places() override;
  void stop(const std::vector<std::string>& ids) override;
  void kill(const std::vector<std::string>& ids) override;

 private:
  ProcessSpec spec(std::size_t place, const std::string& coordinator) const;
  /// Place (from 0) -> its process.
  std::vector<std::pair<std::size_t, pid_t>> running() const;
  void signal(const std::vector<std::string>& ids, int number) const;

  Launch launch_;
  std::vector<Placement> placements_;
  std::vector<Process> children_;  ///< those that this program must reap
};

/// Workers on this host.
LauncherKind local_launcher();
/// Workers on the hosts of a host file, each an mpirun of its own.
LauncherKind mpirun_launcher();

}  // namespace medley::cluster
