#pragma once

#include <string>
#include <vector>

#include "sweep/trial.h"
#include "trainer/data/dataset.h"

namespace medley::worker {

/// The size of a made-up problem.
struct BenchShape {
  int encoders = 12, dim = 1024, clips = 2456, batch = 32;
};

/// Random features, in memory; five equal folds, labels in turn.
data::Dataset random_dataset(const BenchShape& shape);

/// `count` trials of it that share a pack: fold 0, seeds 0, 1, ...
std::vector<sweep::TrialSpec> bench_trials(const data::Dataset& dataset, const BenchShape& shape, int count,
                                           int epochs);

/// What an epoch of one trial takes, by the clock and of the processor. They differ where others use the machine too.
struct Cost {
  double wall_seconds = 0, cpu_seconds = 0;
};

/// Of these trials, trained together on `device` for so many epochs and for one: the difference, so that what happens
/// once a trial drops out.
Cost cost_of_epoch(const data::Dataset& dataset, const std::vector<sweep::TrialSpec>& trials,
                   const std::string& device);

}  // namespace medley::worker
