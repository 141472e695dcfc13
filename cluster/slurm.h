#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/launcher.h"

namespace medley::cluster {

/// The batch script of every worker of the launch: one task of a job array is one worker. It starts the worker (a gang
/// as a step of its own), starts it again when it crashes, passes a notice on and puts itself back into the queue while
/// a coordinator is there.
std::string slurm_script(const Launch& launch);
/// Submits `workers` tasks of Launch::script; prints the job id (and ";cluster").
std::vector<std::string> sbatch_argv(const Launch& launch, int workers);
/// Lists the user's tasks that wait or run, one a line: id|state|nodes|reason|name.
std::vector<std::string> squeue_argv(unsigned user);
/// Of what squeue printed, the tasks with this name and those of these jobs, whose names a site may have changed.
/// Throws Error on a line of another form.
std::vector<Place> parse_squeue(const std::string& text, const std::string& name, const std::set<std::string>& jobs);

class SlurmLauncher final : public Launcher {
 public:
  /// Writes Launch::script when workers are started. More than an array may have are several arrays.
  explicit SlurmLauncher(Launch launch) : launch_(std::move(launch)) {}
  std::string preview(int workers) const override;
  void check(int workers) override;
  std::vector<std::string> start(int workers) override;
  void know(const std::vector<std::string>& jobs) override { jobs_.insert(jobs.begin(), jobs.end()); }
  std::vector<Place> places() override;
  void stop(const std::vector<std::string>& ids) override;
  void kill(const std::vector<std::string>& ids) override;

 private:
  void write_script() const;
  Launch launch_;
  std::set<std::string> jobs_;  ///< ids that sbatch said
};

/// Workers as tasks of job arrays.
LauncherKind slurm_launcher();

}  // namespace medley::cluster
