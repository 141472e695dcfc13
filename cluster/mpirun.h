#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cluster/launch.h"

namespace medley::cluster {

/// A line of a host file.
struct Host {
  std::string name;
  int slots = 1;  ///< ranks that it takes
};

/// Open MPI's form: a host a line, "h1 slots=4", # for comments. Throws Error naming `file` and the line.
std::vector<Host> parse_hosts(const std::string& text, const std::string& file);

/// Where one worker runs.
struct Placement {
  std::vector<std::pair<std::string, int>> hosts;  ///< and the ranks on each; empty: this host
  int first_gpu = 0;                               ///< of its GPUs on each of its hosts
};

/// A placement for each of `workers`, hosts filled in the order of the file. Throws Error saying how many fit.
std::vector<Placement> place_on_hosts(const std::vector<Host>& hosts, const WorkerShape& shape, int workers);
/// On this host; GPUs are dealt out in order.
std::vector<Placement> place_here(const WorkerShape& shape, int workers);

/// The command of one worker: medley-worker itself, or an mpirun of its own for a gang or another host. There is never
/// one MPI world for all, because a rank's death would end it (ARCHITECTURE.md).
std::vector<std::string> worker_argv(const Launch& launch, const Placement& placement, const std::string& coordinator);
/// What is added to the command's environment.
std::vector<std::pair<std::string, std::string>> worker_environment(const Launch& launch, const Placement& placement);

}  // namespace medley::cluster
