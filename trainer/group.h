#pragma once

#include <memory>
#include <vector>

#include "trainer/gang.h"
#include "trainer/model/losses.h"
#include "trainer/trial_state.h"

namespace medley::trainer {

/// Trials that step together as one fused model, with their optimiser state. On the CPU the pack is groups of one
/// trial each, so that a trial's arithmetic has the same shapes whatever the pack; on a GPU it is one group.
class Group {
 public:
  /// `trials` are borrowed and must outlive the group. Every rank of `gang` has a group of the same trials.
  Group(std::vector<TrialState*> trials, const Features& features, torch::Device device, const Gang& gang,
        FusedModel::Kernels kernels = FusedModel::Kernels::kByDevice);

  const std::vector<TrialState*>& trials() const { return trials_; }
  bool empty() const { return trials_.empty(); }

  /// The next step: its epoch, and its place within that. The same for all trials of the group.
  int epoch() const { return trials_.front()->epoch; }
  long index() const { return trials_.front()->index; }
  /// Steps of this epoch: of the trial with the most training rows.
  long steps() const;
  /// Draws the epoch's batch orders.
  void begin_epoch();
  /// One optimiser step of every trial that has a batch left in this epoch. A trial that turns non-finite gets its
  /// `divergence`, and no more steps.
  void step();
  /// Evaluates the held-out folds; records the epoch, and parameters where they are the best so far.
  void end_epoch();
  /// Drops trials that are done.
  void compact();
  /// What a trial trains on with, between two steps.
  TrialState::Weights weights(std::size_t trial) const;

 private:
  /// The trial's part of `flat` [trial, layout.size], in the layout of the trial alone, on the CPU.
  torch::Tensor own_part(const torch::Tensor& flat, std::size_t trial) const;
  std::vector<const Scaling*> scalings() const;  ///< [trial]
  void restore(std::size_t trial);
  /// Steps the ranges of `trial` that `which` names; false: a parameter is no longer finite.
  enum class Which { kAll, kButProjectionWeights };
  bool update(std::size_t trial, double learning_rate, Which which);
  /// update() of all trials that move, in one go, by our kernels on the GPU.
  void update_on_gpu(const std::vector<bool>& moves, const std::vector<double>& rates, std::vector<bool>& finite);
  /// Steps one projection's weight, whose gradient is inputs' outputs.
  bool update_projection(std::size_t trial, int encoder, double learning_rate, const torch::Tensor& inputs,
                         const torch::Tensor& outputs);
  /// What stays the same from step to step.
  void cache();

  /// Mixup: row i becomes share * row i + (1 - share) * row partner[i]. Without partners: as it is.
  struct Mix {
    double share = 1;
    std::vector<int> partner;
  };
  /// What one step is made of.
  struct Batch {
    std::vector<std::vector<int>>
        clips;                  ///< [trial][row] the batch, then the target's rows where there is one; -1: none
    torch::Tensor target_real;  ///< bool [trial, row]; undefined without adaptation
    std::vector<bool> moves;    ///< [trial] has a batch left
    std::vector<Mix> mixes;     ///< [trial]
    FusedModel::Draws draws;
  };
  Batch draw_batch(long index) const;
  void mix(const Batch& batch, torch::Tensor& x) const;
  /// The features of this rank's rows; tells `batch.draws` which they are.
  std::vector<torch::Tensor> own_features(Batch& batch) const;
  /// What the whole gang's rows came out as.
  FusedModel::Output gather(FusedModel::Output own, const Batch& batch) const;
  void sum_gradients();
  /// What the model says about `clips` [trial], logits only, each rank's share gathered.
  std::vector<Evaluation> evaluate_together(const std::vector<std::vector<int>>& clips);
  Targets make_targets(const Batch& drawn, long index) const;
  torch::Tensor adaptation_loss(const FusedModel::Output& out, const torch::Tensor& source_real,
                                const torch::Tensor& target_real) const;

  std::vector<TrialState*> trials_;
  ModelInputs inputs_;
  FusedModel model_;
  torch::Tensor first_moment_, second_moment_;  ///< as model_.parameters
  Gang gang_;
  torch::Tensor use_;  ///< GpuKernels::mark_use() of ranges_; undefined without such kernels
  std::vector<std::vector<FusedModel::Range>> ranges_;                                          ///< [trial]
  torch::Tensor presence_weights_, salience_weights_, adaptation_weights_, alignment_weights_;  ///< [trial]
  torch::Tensor focal_gammas_, rdrop_weights_, balance_weights_;  ///< [trial]; undefined where all are 0
  std::vector<std::vector<int>> order_, target_order_;            ///< [trial] of this epoch
};

/// The groups that trials not yet done step in: on the CPU each its own, on a GPU one for all that stand at the same
/// step. They borrow `states`.
std::vector<Group> form_groups(const std::vector<std::unique_ptr<TrialState>>& states, const Features& features,
                               torch::Device device, const Gang& gang);

}  // namespace medley::trainer
