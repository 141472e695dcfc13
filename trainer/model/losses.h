#pragma once

#include <torch/types.h>

#include "sweep/config.h"
#include "trainer/model/layout.h"

namespace medley::trainer {

/// What the rows of a batch should come out as. A set-ratio head reads `presence` as [trial, row, set], one of them 1,
/// and `salience` as [trial, row, pair, ratio], all 0 for a clip that is no blend. A label head reads `salience` as
/// [trial, row, label], which sums to 1.
struct Targets {
  torch::Tensor presence;  ///< [trial, row, class] 1 for the classes of the label, smoothed; no column without the term
  torch::Tensor salience;  ///< [trial, row, class] the soft label, sums to 1, smoothed
  torch::Tensor real;      ///< bool [trial, row]; false: padding
};

/// Unweighted terms, each [trial]: means over the trial's real rows. Undefined where the config has no such term.
struct LossTerms {
  torch::Tensor presence;
  torch::Tensor salience;  ///< of a label head: of its labels
  torch::Tensor alignment;
};

/// Mean over real rows and classes of the binary cross-entropy of sigmoid(logits) [trial, row, class].
torch::Tensor presence_loss(const torch::Tensor& logits, const Targets& targets);

/// (1 - exp(-KL))^gamma KL, for KL [trial, row] and gamma [trial], undefined: 0. For a label of one class exp(-KL) is
/// its probability and this is the focal loss of Lin et al. (2017); a soft label that is met exactly still costs
/// nothing.
torch::Tensor focal(const torch::Tensor& divergence, const torch::Tensor& gamma);

/// Mean over real rows of focal(KL(target || softmax(logits))).
torch::Tensor salience_loss(const torch::Tensor& logits, const Targets& targets, const torch::Tensor& focal_gamma = {});

/// Mean over the real blends of KL(target || softmax(logits of their pair)); 0 where a batch has none.
torch::Tensor ratio_loss(const torch::Tensor& logits, const Targets& targets);

/// Mean over real rows of KL(p || q), p = softmax(salience) and q = sigmoid(presence), normalised.
torch::Tensor alignment_loss(const torch::Tensor& presence, const torch::Tensor& salience, const torch::Tensor& real);

/// The columns of `logits` [trial, row, column of the head] whose softmax is the clip's distribution: over classes,
/// over label sets of a set-ratio head, or over labels of a label head.
torch::Tensor class_logits(const sweep::Config& config, const HeadShape& head, const torch::Tensor& logits);

/// R-Drop (Liang et al. 2021): mean over real rows of (KL(p||q) + KL(q||p)) / 2 between two dropouts of a clip, of the
/// softmax of class_logits(), plus the mean over classes of the presence's Bernoullis.
torch::Tensor rdrop_loss(const sweep::Config& config, const HeadShape& head, const torch::Tensor& first,
                         const torch::Tensor& second, const torch::Tensor& real);

/// Squared coefficient of variation (population) over a trial's encoders of the mean gate weight of the real rows
/// (Shazeer et al. 2017). `weights` [trial, encoder, row], `active` bool [trial, encoder].
torch::Tensor balance_loss(const torch::Tensor& weights, const torch::Tensor& active, const torch::Tensor& real);

/// The terms of a head's `logits`. `focal_gamma` [trial]; undefined: none. On the CPU the plain ones are made in one
/// pass with a gradient by hand.
LossTerms head_losses(const sweep::Config& config, const torch::Tensor& logits, const Targets& targets,
                      const torch::Tensor& focal_gamma = {});

/// The same by the functions above, on any device.
LossTerms composite_head_losses(const sweep::Config& config, const torch::Tensor& logits, const Targets& targets,
                                const torch::Tensor& focal_gamma = {});

}  // namespace medley::trainer
