#pragma once

#include <torch/types.h>

#include "sweep/config.h"

namespace medley::trainer {

/// What the rows of a batch should come out as.
struct Targets {
  torch::Tensor presence;  ///< [trial, row, class] 1 for the classes of the label, smoothed
  torch::Tensor salience;  ///< [trial, row, class] the soft label, sums to 1, smoothed
  torch::Tensor real;      ///< bool [trial, row]; false: padding
};

/// Unweighted terms, each [trial]: means over the trial's real rows. Undefined where the config has no such term.
struct LossTerms {
  torch::Tensor presence, salience, adaptation;
};

/// Mean over real rows and classes of the binary cross-entropy of sigmoid(logits) [trial, row, class].
torch::Tensor presence_loss(const torch::Tensor& logits, const Targets& targets);

/// Mean over real rows of KL(target || softmax(logits)).
torch::Tensor salience_loss(const torch::Tensor& logits, const Targets& targets);

/// CORAL (Sun & Saenko 2016): ||C_s - C_t||_F^2 / (4 d^2) of the covariances (n - 1) of the real rows of `source`
/// and `target` [trial, row, d]. A trial with fewer than two rows on a side gives 0.
torch::Tensor coral_loss(const torch::Tensor& source, const torch::Tensor& source_real, const torch::Tensor& target,
                         const torch::Tensor& target_real);

/// The terms of a head's `logits` (adaptation left undefined). On the CPU in one pass with a gradient by hand.
LossTerms head_losses(const sweep::Config& config, const torch::Tensor& logits, const Targets& targets);
/// The same by the two functions above, on any device.
LossTerms composite_head_losses(const sweep::Config& config, const torch::Tensor& logits, const Targets& targets);

}  // namespace medley::trainer
