#pragma once

#include <functional>
#include <vector>

#include <torch/types.h>

namespace medley::trainer {

/// Gradients of the inputs from those of the outputs, in the order that record() was given them. Called without
/// recording; an output that nothing depends on has an undefined gradient.
using Backward = std::function<std::vector<torch::Tensor>(const std::vector<torch::Tensor>& output_gradients)>;

/// Makes `outputs`, which were computed without recording, one step of autograd's graph with a gradient written by
/// hand. One such step stands for a dozen dispatched operations, which is what small models spend their time on.
void record(const std::vector<torch::Tensor>& inputs, std::vector<torch::Tensor> outputs, Backward backward);

}  // namespace medley::trainer
