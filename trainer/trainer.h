#pragma once

#include <chrono>
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

/// What the trainer is asked between two steps.
enum class Stop {
  kNo,
  kAbandon,  ///< throw Interrupted, and write nothing more
  kSave,     ///< write where every trial of the pack stands, then throw Interrupted
};

struct TrainOptions {
  std::string device = "cpu";         ///< as LibTorch names it: cpu, cuda, cuda:1
  std::filesystem::path checkpoints;  ///< folder for <trial id>.npz; empty: none are written
  /// Folder for `<trial id>.resume`, from which a trial resumes. Read at the start, written every `save_every` and when
  /// asked to. The keeper of the results deletes them. Empty: none are read or written.
  std::filesystem::path resume;
  std::chrono::milliseconds save_every{60'000};
  /// What is worth a line in a log: resumed, or why not; what could not be saved. Without it the latter is thrown.
  std::function<void(const std::string&)> note;
  std::function<Stop()> stop;                     ///< polled before every step
  std::function<void(const Progress&)> progress;  ///< called after every epoch of the pack, on this thread
  /// Called after every epoch of a trial, which stands at `place` of the pack, on this thread.
  std::function<void(std::size_t place, const sweep::EpochMetrics&)> epoch_ended;
  Collective* collective = nullptr;  ///< borrowed; nullptr: this process alone
  /// Of this process on `device`, or of its gang (trainer/arithmetic.h). Goes into results and resume points, and
  /// resume points of another one are not resumed. Empty: it is not known.
  std::string arithmetic;
};

/// Trains all `trials` together and gives one result a spec, in the same order. A single trial is a pack of one. On a
/// CPU, in processes of one arithmetic, a trial's bits do not depend on its pack nor on the point where it was
/// interrupted and resumed. On a GPU they do not depend on its neighbours in a pack of the same shape. Uses one thread;
/// sets the process's LibTorch and BLAS threads to one. Throws Error for specs that cannot share a pack, for an
/// encoder, fold or device that does not exist, and for clips that the dataset lacks. Throws Interrupted when told to
/// stop.
std::vector<sweep::TrialResult> train_pack(const data::Dataset& dataset, const std::vector<sweep::TrialSpec>& trials,
                                           const TrainOptions& options = {});

}  // namespace medley::trainer
