#pragma once

#include <torch/types.h>

namespace medley::trainer {

/// Rank of every encoder on every row, 0 the best; ties go to the lower index. `scores` [trial, encoder, row].
torch::Tensor ranks(const torch::Tensor& scores);

/// sparsemax (Martins & Astudillo 2016) of `scores` [trial, encoder, row] over the encoders `kept`, 0 elsewhere. It is
/// the point of the simplex nearest to the scores. Exact, by sorting; with its gradient.
torch::Tensor sparsemax(const torch::Tensor& scores, const torch::Tensor& kept);

/// 1.5-entmax (Peters, Niculae & Martins 2019), halfway between softmax and sparsemax, likewise.
torch::Tensor entmax15(const torch::Tensor& scores, const torch::Tensor& kept);

}  // namespace medley::trainer
