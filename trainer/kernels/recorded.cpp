#include "trainer/kernels/recorded.h"

#include <torch/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>

namespace medley::trainer {
namespace {

struct HandWritten final : torch::autograd::Node {
  explicit HandWritten(Backward given) : backward(std::move(given)) {}
  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    torch::NoGradGuard no_grad;
    return backward(gradients);
  }
  void release_variables() override { backward = nullptr; }
  Backward backward;
};

}  // namespace

void record(const std::vector<torch::Tensor>& inputs, std::vector<torch::Tensor> outputs, Backward backward) {
  const std::shared_ptr<HandWritten> node(new HandWritten(std::move(backward)), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (torch::Tensor& output : outputs) torch::autograd::set_history(output, node);
}

}  // namespace medley::trainer
