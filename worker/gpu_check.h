#pragma once

#include <string>
#include <vector>

#include "sweep/device.h"

namespace medley::worker {

/// One thing that was checked, and what was found.
struct Finding {
  std::string what;
  bool right = false;
  std::string found;  ///< e.g. "largest error 3.1e-07, at most 2e-06"
};
using Findings = std::vector<Finding>;

/// Compares every kernel on the current GPU with its body in a plain loop. Also compares a captured graph of the
/// optimiser's kernels with the same kernels launched one by one.
Findings check_kernels();

/// Checks NCCL at 1, 2, 4, ... ranks, as many as there are GPUs (`devices`), a thread each. Also checks that a gang
/// whose other rank never comes ends in time.
Findings check_nccl(int devices);

/// Compares a trial on `device` with the same trial on the CPU, in every precision. Also checks that it does not depend
/// on its pack.
Findings check_trials(const sweep::Device& device);

/// Trial epochs a second of packs of these sizes in every precision, as lines of a table.
std::string throughput_table(const sweep::Device& device, const std::vector<int>& packs);

}  // namespace medley::worker
