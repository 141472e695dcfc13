#pragma once

#include <memory>
#include <vector>

#include "trainer/batch.h"
#include "trainer/direct_step.h"
#include "trainer/gang.h"
#include "trainer/objective.h"
#include "trainer/trial_state.h"
#include "trainer/update.h"

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
  /// The outputs of the whole gang's rows.
  FusedModel::Output gather(FusedModel::Output own, const Batch& batch) const;
  std::vector<Move> step_in_graph(Batch& batch, long index);
  std::vector<Move> step_directly(const Batch& batch, long index);
  /// Records the step's losses, [total, then objective_.terms()][trial]; which trials step by its gradients, and how.
  std::vector<Move> record(const std::vector<std::vector<double>>& losses, const Batch& batch);
  void sum_gradients();
  /// What the model says about `clips` [trial], logits only, each rank's share gathered.
  std::vector<Evaluation> evaluate_together(const std::vector<std::vector<int>>& clips);

  std::vector<TrialState*> trials_;
  ModelInputs inputs_;
  FusedModel model_;
  Objective objective_;
  std::unique_ptr<DirectStep> direct_;  ///< null where the group steps by autograd's graph
  Update update_;
  Gang gang_;
  EpochOrder order_;
};

/// The groups that trials not yet done step in: on the CPU each its own, on a GPU one for all that stand at the same
/// step. They borrow `states`.
std::vector<Group> form_groups(const std::vector<std::unique_ptr<TrialState>>& states, const Features& features,
                               torch::Device device, const Gang& gang);

}  // namespace medley::trainer
