#include <limits>

#include <torch/autograd.h>

#include "trainer/kernels/recorded.h"
#include "trainer/kernels/row_kernels.h"
#include "trainer/model/gate.h"
#include "trainer/model/model.h"

namespace medley::trainer {

using torch::Tensor;

/// sum_e a_e h_e over the encoders kept, [trial, row, width].
Tensor FusedModel::weighted_sum(const Tensor& weights, const Tensor& kept, const Tensor& projected) const {
  if (gpu_) return gpu_->pool(weights, kept, projected);
  if (!by_pairs_) return (weights.unsqueeze(3) * projected).sum(1);
  torch::NoGradGuard no_grad;
  const auto encoders = static_cast<int>(projected.size(1)), rows = static_cast<int>(projected.size(2)),
             width = static_cast<int>(projected.size(3));
  const std::int64_t all = projected.size(1) * projected.size(2);
  Tensor pooled = torch::empty({size(), rows, width}, projected.options());
  AT_DISPATCH_FLOATING_TYPES(dtype_, "pool", [&] {
    for (std::int64_t k = 0; k < size(); ++k) {
      pool(weights.data_ptr<scalar_t>() + k * all, kept.data_ptr<bool>() + k * all,
           projected.data_ptr<scalar_t>() + k * all * width, encoders, rows, width,
           pooled.data_ptr<scalar_t>() + k * rows * width);
    }
  });
  if (!projected.requires_grad()) return pooled;
  record({weights, projected}, {pooled}, [=](const std::vector<Tensor>& output_gradients) {
    const Tensor d = output_gradients.front().contiguous();
    Tensor dh = torch::empty_like(projected), dweights = torch::empty_like(weights);
    AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "pool_backward", [&] {
      for (std::int64_t k = 0; k < d.size(0); ++k) {
        pool_backward(weights.data_ptr<scalar_t>() + k * all, kept.data_ptr<bool>() + k * all,
                      projected.data_ptr<scalar_t>() + k * all * width, d.data_ptr<scalar_t>() + k * rows * width,
                      encoders, rows, width, dh.data_ptr<scalar_t>() + k * all * width,
                      dweights.data_ptr<scalar_t>() + k * all);
      }
    });
    return std::vector<Tensor>{dweights, dh};
  });
  return pooled;
}

/// Mean of the projections of the trial's encoders, [trial, row, width].
Tensor FusedModel::mean_projection(const Tensor& projected) const {
  const Tensor mask = mask_.unsqueeze(3);
  return torch::where(mask, projected, torch::zeros({}, projected.options())).sum(1) /
         mask_.sum(1, true).to(dtype_).view({size(), 1, 1});
}

/// Kept a_e h_e side by side, the best first, empty places zero: [trial, row, encoder * width].
Tensor FusedModel::in_rank_order(const Output& out, const Tensor& ranking) const {
  const auto encoders = out.projected.size(1), rows = out.projected.size(2), width = out.projected.size(3);
  const Tensor nowhere = torch::full({}, -std::numeric_limits<double>::infinity(), ranking.options());
  const Tensor place = ranks(torch::where(out.kept, ranking, nowhere));
  const Tensor index = torch::arange(encoders, place.options()).view({1, -1, 1}).expand_as(place);
  const Tensor encoder_at = torch::zeros_like(place).scatter(1, place, index);
  const Tensor weighted = torch::where(out.kept.unsqueeze(3), out.weights.unsqueeze(3) * out.projected,
                                       torch::zeros({}, out.projected.options()));
  const Tensor ordered = weighted.gather(1, encoder_at.unsqueeze(3).expand_as(weighted));
  return ordered.permute({0, 2, 1, 3}).reshape({size(), rows, encoders * width});
}

/// What GELU and dropout make the fused features of: [trial, row, fusion_dim].
Tensor FusedModel::fuse(Output& out, const Tensor& ranking) {
  switch (trials_.front().config.fusion) {
    case sweep::Fusion::kRankConcat:
      return dense(in_rank_order(out, ranking), "fusion.weight", "fusion.bias");
    case sweep::Fusion::kModalityConcat: {
      Tensor sum = view("fusion.bias").unsqueeze(1);
      for (const std::string& modality : layout_.modalities()) {
        std::vector<std::uint8_t> member;
        for (const EncoderShape& encoder : layout_.encoders) member.push_back(encoder.modality == modality);
        const Tensor of = torch::tensor(member).to(device_, torch::kBool).view({1, -1, 1});
        const Tensor weights = torch::where(of, out.weights, torch::zeros({}, out.weights.options()));
        const Tensor part = weighted_sum(weights, (out.kept & of).contiguous(), out.projected);
        sum = sum + product(part, view("fusion.weight." + modality));
      }
      return sum;
    }
    default:
      return dense(weighted_sum(out.weights, out.kept, out.projected), "fusion.weight", "fusion.bias");
  }
}

/// Logits of "comes from the source" of features [trial, row, width].
Tensor FusedModel::domain_logits(const Tensor& features) const {
  const Tensor hidden = torch::relu(linear(features, view("domain.hidden.weight"), view("domain.hidden.bias")));
  return linear(hidden, view("domain.out.weight"), view("domain.out.bias")).squeeze(2);
}

}  // namespace medley::trainer
