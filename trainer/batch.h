#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "trainer/evaluate.h"
#include "trainer/gang.h"
#include "trainer/model/losses.h"
#include "trainer/model/model.h"
#include "trainer/trial_state.h"

namespace medley::trainer {

/// The blocks of rows that a step reads, `size` rows each: the batch, the target's rows, the batch again for a second
/// dropout. The batch again comes last, so that a trial's draws are the same beside trials with R-Drop and without.
struct Blocks {
  std::int64_t size = 0;
  bool target = false;  ///< with adaptation
  bool again = false;   ///< with R-Drop

  std::int64_t drawn() const { return target ? 2 : 1; }  ///< blocks of clips; the batch again has the batch's clips
  std::int64_t count() const { return drawn() + (again ? 1 : 0); }

  /// Blocks of x, whose rows are dimension `dim`.
  torch::Tensor batch_of(const torch::Tensor& x, std::int64_t dim = 1) const { return x.narrow(dim, 0, size); }
  torch::Tensor drawn_of(const torch::Tensor& x) const { return x.narrow(1, 0, drawn() * size); }
  torch::Tensor again_of(const torch::Tensor& x) const { return x.narrow(1, drawn() * size, size); }
};

/// The order in which an epoch visits the rows.
struct EpochOrder {
  std::vector<std::vector<int>> train, target;  ///< [trial] places in TrialState::train and TrialState::target
};
EpochOrder draw_order(const std::vector<TrialState*>& trials, int epoch);

/// Mixup (Zhang et al. 2018): row i becomes share * row i + (1 - share) * row partner[i]. Without partners: as it is.
struct Mix {
  double share = 1;
  std::vector<int> partner;
};

/// The rows of one step.
struct Batch {
  Blocks blocks;
  std::vector<std::vector<int>> clips;  ///< [trial][row] of the blocks drawn; -1: none
  torch::Tensor target_real;            ///< bool [trial, row] of the target's block; undefined without one
  std::vector<bool> moves;              ///< [trial] has a batch left in this epoch
  std::vector<Mix> mixes;               ///< [trial]
  FusedModel::Draws draws;
};

/// Step `index` of the epoch.
Batch draw_batch(const std::vector<TrialState*>& trials, const Blocks& blocks, const EpochOrder& order, long index);

/// The features of this rank's share of the rows, [encoder] of [trial, row, dim]; sets the places in `batch.draws`.
std::vector<torch::Tensor> own_features(Batch& batch, const ModelInputs& inputs, const FusedModel& model,
                                        const std::vector<const Scaling*>& scalings, const Gang& gang);

/// The targets of the batch of step `index`, mixed as its features, on the model's device.
Targets make_targets(const std::vector<TrialState*>& trials, const EpochOrder& order, const Batch& batch, long index,
                     const FusedModel& model);

}  // namespace medley::trainer
