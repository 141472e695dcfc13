#pragma once

#include <string>
#include <vector>

#include "cluster/launcher.h"

namespace medley::cluster {

/// The batch script of every worker of the launch, as slurm_script(). It asks for its notice itself, and for its place
/// in the queue by submitting itself once more: PBS does neither for a job of a user.
std::string pbs_script(const Launch& launch);
/// Submits `workers` jobs of Launch::script, more than one as a job array. Prints the id.
std::vector<std::string> qsub_argv(const Launch& launch, int workers);
/// Lists the jobs and arrays of this launch that have not ended, one id a line.
std::vector<std::string> qselect_argv(const Launch& launch, const std::string& user);
/// Tells of these jobs and of each job of these arrays, one a line.
std::vector<std::string> qstat_argv(const std::vector<std::string>& ids);
/// What qstat printed of jobs that wait or run. Throws Error on a line of another form.
std::vector<Place> parse_qstat(const std::string& text);

/// Of OpenPBS and PBS Professional.
class PbsLauncher final : public Launcher {
 public:
  /// Writes Launch::script when workers are started. More than an array may have are several arrays.
  explicit PbsLauncher(Launch launch) : launch_(std::move(launch)) {}
  std::string preview(int workers) const override;
  void check(int workers) override;
  std::vector<std::string> start(int workers) override;
  std::vector<Place> places() override;
  void stop(const std::vector<std::string>& ids) override;
  void kill(const std::vector<std::string>& ids) override;

 private:
  Launch launch_;
};

/// Workers as jobs of PBS job arrays.
LauncherKind pbs_launcher();

}  // namespace medley::cluster
