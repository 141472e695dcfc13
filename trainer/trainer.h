#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "sweep/result.h"
#include "sweep/trial.h"
#include "trainer/collective.h"
#include "trainer/data/dataset.h"
#include "trainer/error.h"

namespace medley::trainer {

/// How far a pack is.
struct Progress {
  int epoch = 0;   ///< epochs that every trial still training has finished
  int epochs = 0;  ///< the largest number that any of the pack was asked for
  int active = 0;  ///< trials still training
};

struct TrainOptions {
  std::string device = "cpu";                     ///< as LibTorch names it: cpu, cuda, cuda:1
  std::filesystem::path checkpoints;              ///< folder for <trial id>.npz; empty: none are written
  std::function<bool()> stop;                     ///< polled before every step; true: throw Interrupted
  std::function<void(const Progress&)> progress;  ///< called after every epoch of the pack, on this thread
  Collective* collective = nullptr;               ///< borrowed, of one rank; nullptr: this process alone
};

/// Trains all `trials` together and gives one result a spec, in the same order. A single trial is a pack of one.
/// On a CPU a trial's numbers do not depend on its pack, to the bit; on a GPU not on its neighbours in a pack of
/// the same shape. Uses one thread; sets the process's LibTorch and BLAS threads to one.
/// Throws Error for specs that cannot share a pack, that name an encoder, fold or device that does not exist, or
/// that need clips which the dataset lacks; Interrupted when told to stop.
std::vector<sweep::TrialResult> train_pack(const data::Dataset& dataset, const std::vector<sweep::TrialSpec>& trials,
                                           const TrainOptions& options = {});

}  // namespace medley::trainer
