#include "trainer/gang.h"

#include <cassert>

#include <torch/autograd.h>

#include "trainer/kernels/recorded.h"

namespace medley::trainer {

using torch::Tensor;

std::pair<std::int64_t, std::int64_t> Gang::share(std::int64_t count) const {
  return {count * rank() / size(), count * (rank() + 1) / size()};
}

void Gang::sum(Tensor& x) const {
  if (alone()) return;
  assert(x.is_contiguous() && x.device().type() == device_.type());
  const auto count = static_cast<std::size_t>(x.numel());
  if (x.scalar_type() == torch::kFloat64) {
    collective_->all_reduce_sum(x.data_ptr<double>(), count);
  } else {
    collective_->all_reduce_sum(x.data_ptr<float>(), count);
  }
}

void Gang::take_from_first(Tensor& x) const {
  if (alone()) return;
  assert(x.is_contiguous() && x.device().type() == device_.type());
  collective_->broadcast(x.data_ptr(), x.nbytes(), 0);
}

int Gang::decide(int value) const {
  if (alone()) return value;
  Tensor said = torch::full({1}, value, torch::kFloat64).to(device_);
  take_from_first(said);
  return static_cast<int>(said.item<double>());
}

bool Gang::agree(const std::vector<double>& values) const {
  if (alone()) return true;
  const Tensor own = torch::tensor(values, torch::kFloat64).to(device_);
  Tensor first = own.clone();
  take_from_first(first);
  Tensor dissent = (own != first).any().to(torch::kFloat64).reshape({1});
  sum(dissent);
  return dissent.item<double>() == 0;
}

Tensor Gang::gather(const Tensor& own, std::int64_t dim, const std::vector<std::int64_t>& places,
                    std::int64_t total) const {
  if (alone()) return own;
  assert(own.size(dim) == static_cast<std::int64_t>(places.size()));
  const auto type = own.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  auto shape = own.sizes().vec();
  shape[static_cast<std::size_t>(dim)] = total;
  const Tensor index = torch::tensor(places).to(own.device());
  Tensor all;
  {
    torch::NoGradGuard no_grad;
    // A sum in which every row has one term that is not zero: exact.
    Tensor sums = torch::zeros(shape, torch::dtype(type).device(own.device())).index_copy_(dim, index, own.to(type));
    sums = sums.to(device_);
    sum(sums);
    all = sums.to(own.device(), own.scalar_type());
  }
  if (own.requires_grad()) {
    record({own}, {all},
           [dim, index, own_shape = own.sizes().vec(),
            options = own.options()](const std::vector<Tensor>& gradients) -> std::vector<Tensor> {
             if (!gradients.front().defined()) return {torch::zeros(own_shape, options)};
             return {gradients.front().index_select(dim, index)};
           });
  }
  return all;
}

}  // namespace medley::trainer
