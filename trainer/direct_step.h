#pragma once

#include <memory>
#include <vector>

#include "trainer/batch.h"
#include "trainer/objective.h"
#include "trainer/update.h"

namespace medley::trainer {

/// The training step of a trial alone on the CPU, without LibTorch, for the settings that most trials have. Forward and
/// backward pass are written by hand on buffers that are made once. It computes what FusedModel and Objective compute,
/// by the same kernels in the same order. Rows without a gradient, such as those of encoders that a clip does not keep,
/// are left out of the backward pass. Left out are zeros, so the results have the same bits but for the order of a few
/// sums (tests/trainer/direct_step_test.cpp).
class DirectStep {
 public:
  virtual ~DirectStep() = default;

  /// Null for settings that only FusedModel knows, for several trials and for a GPU. The model is of kind kByDevice.
  /// The trial, the features and the layout of the model must outlive the step, which keeps no pointer to the model.
  static std::unique_ptr<DirectStep> make(const std::vector<TrialState*>& trials, const ModelInputs& inputs,
                                          const FusedModel& model, const Objective& objective);
  /// True where the step of these settings is written by hand.
  static bool takes(const sweep::Config& config);

  /// The losses of step `index` of the epoch, by the parameters of `model`: their total, then Objective::terms().
  /// `order` are the places in TrialState::train that the epoch visits.
  virtual std::vector<double> forward(const FusedModel& model, const Batch& batch, const std::vector<int>& order,
                                      long index) = 0;
  /// After forward(): writes model.gradients. With an `update` the projections' weights step at once, by `move`, and
  /// their gradients are not written.
  virtual void backward(FusedModel& model, Update* update, Move& move) = 0;
};

}  // namespace medley::trainer
