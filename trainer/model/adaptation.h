#pragma once

#include <vector>

#include <torch/types.h>

#include "trainer/model/model.h"

namespace medley::trainer {

/// Labelled and unlabelled rows of a step, equally many: the labelled ones first.
struct Domains {
  torch::Tensor features;                  ///< [trial, row, d] what adaptation aligns
  torch::Tensor class_logits;              ///< [trial, row, class or label set]
  torch::Tensor source_real, target_real;  ///< bool [trial, row of that half]; false: padding
  std::vector<double> progress;            ///< [trial] share of the training that is done
};

/// The adaptation loss of the model's config, [trial]; undefined where it has none.
torch::Tensor adaptation_loss(const FusedModel& model, const Domains& domains);

/// Distances between the features of labelled rows and those of unlabelled ones. All take `source` and `target`
/// [trial, row, d], bool `_real` [trial, row] (false: padding) and give [trial]. None can see a label.

/// CORAL (Sun & Saenko 2016): ||C_s - C_t||_F^2 / (4 d^2) of the covariances (n - 1). A trial with fewer than two rows
/// on a side gives 0.
torch::Tensor coral_loss(const torch::Tensor& source, const torch::Tensor& source_real, const torch::Tensor& target,
                         const torch::Tensor& target_real);

/// Multi-kernel MMD (Long et al. 2015): mean k(s, s') + mean k(t, t') - 2 mean k(s, t) over all pairs. The kernel k is
/// the mean of five Gaussian kernels exp(-|x - y|^2 / b). The widths b are {1/4, 1/2, 1, 2, 4} times the mean squared
/// distance of two different rows of both sides, which counts as a constant.
torch::Tensor mmd_loss(const torch::Tensor& source, const torch::Tensor& source_real, const torch::Tensor& target,
                       const torch::Tensor& target_real);

/// Central moment discrepancy (Zellinger et al. 2017) up to order `moments`:
/// ||E x - E y|| / |b - a| + sum_{j=2..} ||c_j(x) - c_j(y)|| / |b - a|^j, c_j the j-th central moments of the columns.
/// x and y are the tanh of the features, so that they lie in [a, b] = [-1, 1]. A trial without a row on a side gives 0.
torch::Tensor cmd_loss(const torch::Tensor& source, const torch::Tensor& source_real, const torch::Tensor& target,
                       const torch::Tensor& target_real, int moments);

/// x as it is; its gradient times -factor [trial] (Ganin & Lempitsky 2015).
torch::Tensor reverse_gradient(const torch::Tensor& x, const torch::Tensor& factor);

/// 2 / (1 + exp(-10 p)) - 1 of the share p of training that is done: how strongly the gradient is reversed.
double reversal_ramp(double progress);

/// Half the sum of the mean cross-entropies of sigmoid(logits) [trial, row] against 1 on the real source rows and
/// against 0 on the real target rows.
torch::Tensor domain_loss(const torch::Tensor& source_logits, const torch::Tensor& source_real,
                          const torch::Tensor& target_logits, const torch::Tensor& target_real);

/// Input of CDAN's discriminator (Long et al. 2018): features [trial, row, d] times probabilities [trial, row, c], each
/// with each, [trial, row, d * c]. No gradient reaches the probabilities.
torch::Tensor conditioned(const torch::Tensor& features, const torch::Tensor& probabilities);

}  // namespace medley::trainer
