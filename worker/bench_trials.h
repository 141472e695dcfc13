#pragma once

#include <vector>

#include "sweep/device.h"
#include "sweep/trial.h"
#include "trainer/data/random_dataset.h"

namespace medley::worker {

/// The size of a made-up problem.
struct BenchShape : data::RandomShape {
  int batch = 32;
};

/// `count` trials of it that share a pack: fold 0, seeds 0, 1, ...
std::vector<sweep::TrialSpec> bench_trials(const data::Dataset& dataset, const BenchShape& shape, int count,
                                           int epochs);

/// What an epoch of one trial takes, by the clock and of the processor. They differ where others use the machine too.
struct Cost {
  double wall_seconds = 0, cpu_seconds = 0;
};

/// The cost of one epoch of these trials, trained together on `device`. It is the difference between training for all
/// their epochs and for one, after a first pack that is not timed, so that the cost of a start drops out.
Cost cost_of_epoch(const data::Dataset& dataset, const std::vector<sweep::TrialSpec>& trials,
                   const sweep::Device& device);

}  // namespace medley::worker
