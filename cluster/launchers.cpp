#include "cluster/launchers.h"

#include "cluster/pbs.h"
#include "cluster/process_launcher.h"
#include "cluster/slurm.h"

namespace medley::cluster {

const Launchers& launchers() {
  static const Launchers all = {local_launcher(), mpirun_launcher(), slurm_launcher(), pbs_launcher()};
  return all;
}

const LauncherKind* find_launcher(const Launchers& launchers, const std::string& name) {
  for (const LauncherKind& kind : launchers) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

}  // namespace medley::cluster
