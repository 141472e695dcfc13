#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "sweep/result.h"
#include "sweep/trial.h"
#include "trainer/evaluate.h"

namespace medley::trainer {

/// One trial of a pack while it trains.
struct TrialState {
  sweep::TrialSpec spec;
  std::size_t position = 0;  ///< in the pack as it was asked for

  /// Clips, disjoint but for test; labels of `train` are the only ones that training reads.
  std::vector<int> train, validation, inner, test, target;
  std::vector<sweep::Label> validation_truth, inner_truth;
  /// [train row] the group of training folds that it is left out with, from 0 on, where `tune_decay` is read. Empty
  /// elsewhere.
  std::vector<int> tuning_folds;
  HeadShape head;
  std::vector<double> presence_targets, salience_targets;  ///< [train row, column of the head's term], smoothed
  Scaling scaling;
  std::vector<int> encoders;  ///< dataset indices of the trial's own encoders, ascending
  Layout layout;              ///< of the trial alone
  /// [own encoder] what `selection: fixed` ranks by: the share of the training rows' variance that lies between their
  /// label sets. Empty for other selections.
  std::vector<double> strength;
  /// [own encoder] of the z-scored training rows, where adaptation is coral-input. Empty elsewhere.
  std::vector<std::shared_ptr<const std::vector<double>>> covariances;

  int epoch = 1;   ///< of the next step
  long index = 0;  ///< of the next step, within its epoch
  long step = 0;   ///< optimiser steps done
  long steps_per_epoch = 0;
  sweep::EpochMetrics running;  ///< sums of this epoch's loss terms
  std::string divergence;       ///< not empty: frozen, and why

  sweep::TrialResult result;
  double best_score = -1;  ///< on the reported fold
  double best_inner_score = -1;
  int best_epoch = 0, best_inner_epoch = 0;
  torch::Tensor paper_parameters, held_out_parameters;  ///< [layout.size] on the CPU
  sweep::ThresholdSurface inner_surface;                ///< at best_inner_epoch

  /// What a resumed trial begins with: parameters and optimiser moments, [layout.size] on the CPU. Undefined otherwise.
  struct Weights {
    torch::Tensor parameters, first_moment, second_moment;
  } resumed;

  bool done() const;
  /// Share of the training that is done.
  double progress() const;

  /// Clears the sums of the epoch's losses, unless the trial stands within the epoch.
  void begin_epoch();
  /// Adds one step's losses, and counts it. False where one is not finite: the trial has diverged.
  bool record_step(double learning_rate, double total, const std::vector<sweep::LossTerm>& terms);
  /// Freezes the trial, because `quantity` is not finite in the step that `index` has passed.
  void diverge(const std::string& quantity);
  /// Records the epoch by what the model says of the validation and inner clips, and keeps `parameters()` where they
  /// are the best so far.
  void end_epoch(const Evaluation& outer, const Evaluation& inner_fold, const sweep::Classes& classes,
                 const std::function<torch::Tensor()>& parameters);
};

/// What decides the training rows of a trial.
struct Split {
  sweep::Partition partition;
  int fold = 0;    ///< reported
  int inner = -1;  ///< inner fold; -1: none

  auto tied() const { return std::tie(partition, fold, inner); }
  bool operator<(const Split& other) const { return tied() < other.tied(); }
};

/// Folds, targets and statistics of a trial, or Error naming what the dataset lacks. `statistics` are shared between
/// the trials of a pack that have the same training rows.
class StatisticsCache {
 public:
  explicit StatisticsCache(const Features& features) : features_(features) {}
  /// The dataset of the features, with the folds of `partition`.
  const data::Dataset& dataset(const sweep::Partition& partition);
  std::shared_ptr<const Standardization> get(int encoder, const std::vector<int>& rows, const Split& split,
                                             sweep::Normalize normalize);
  /// Share of the variance of the z-scored features of `rows` that lies between the label sets of `labels` (one a row).
  /// It is trace(S_between) / trace(S_total), the mean over columns of the squared correlation ratio.
  double separation(int encoder, const std::vector<int>& rows, const std::vector<sweep::Label>& labels,
                    const Split& split, sweep::Normalize normalize);
  /// covariance() of `rows`.
  std::shared_ptr<const std::vector<double>> covariance(int encoder, const std::vector<int>& rows, const Split& split,
                                                        sweep::Normalize normalize);
  /// adapted_features() of the clips `target` of a trial whose training rows are `rows`.
  std::shared_ptr<const std::vector<float>> adapted(int encoder, const std::vector<int>& rows,
                                                    const std::vector<int>& target, const Split& split,
                                                    const sweep::Config& config);

 private:
  using Key = std::tuple<int, Split, sweep::Normalize>;  ///< of an encoder
  const Features& features_;
  std::map<sweep::Partition, data::Dataset> made_;
  std::map<Key, std::shared_ptr<const Standardization>> entries_;
  std::map<Key, double> separations_;
  std::map<Key, std::shared_ptr<const std::vector<double>>> covariances_;
  std::map<std::tuple<Key, sweep::Adaptation, sweep::AdaptationTarget>, std::shared_ptr<const std::vector<float>>>
      adapted_;
};

TrialState make_trial_state(const sweep::TrialSpec& spec, StatisticsCache& statistics);

}  // namespace medley::trainer
