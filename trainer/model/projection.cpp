#include <torch/autograd.h>

#include "trainer/kernels/activations.h"
#include "trainer/kernels/gemm.h"
#include "trainer/kernels/layer_norm.h"
#include "trainer/model/model.h"

namespace medley::trainer {

using sweep::Config;
using torch::Tensor;

/// The encoders' part on the CPU: one GEMM for each trial and encoder in use, whatever the pack, written in place.
Tensor FusedModel::project(const std::vector<Tensor>& inputs, const Draws* draws) {
  if (!by_pairs_) return project_composite(inputs, draws);
  torch::NoGradGuard no_grad;
  const auto encoders = inputs.size();
  const auto rows = inputs.front().size(1);
  const auto width = static_cast<std::int64_t>(trials_.front().config.projection_dim);
  const auto options = torch::dtype(dtype_);
  const std::vector<std::int64_t> shape = {size(), static_cast<std::int64_t>(encoders), rows, width};
  Tensor z = all_active_ ? torch::empty(shape, options) : torch::zeros(shape, options);
  Tensor affine = all_active_ ? torch::empty(shape, options) : torch::zeros(shape, options);
  Tensor rstd = torch::empty({size(), shape[1], rows}, options);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "project", [&] {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const Pair& pair = pairs_[i];
      if (!pair.active) continue;
      const auto k = static_cast<std::int64_t>(i / encoders), e = static_cast<std::int64_t>(i % encoders);
      const auto* flat = parameters.data_ptr<scalar_t>() + k * layout_.size;
      const std::int64_t at = static_cast<std::int64_t>(i) * rows;
      const Tensor x = inputs[static_cast<std::size_t>(e)][k];
      multiply(x.data_ptr<scalar_t>(), pair.weight.data_ptr<scalar_t>(), static_cast<int>(rows),
               static_cast<int>(x.size(1)), static_cast<int>(width), z.data_ptr<scalar_t>() + at * width);
      layer_norm_forward(z.data_ptr<scalar_t>() + at * width, flat + pair.bias, flat + pair.norm_weight,
                         flat + pair.norm_bias, static_cast<int>(rows), static_cast<int>(width),
                         rstd.data_ptr<scalar_t>() + at, affine.data_ptr<scalar_t>() + at * width);
    }
  });
  Tensor h = torch::empty(shape, options);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "gelu",
                             [&] { gelu(affine.data_ptr<scalar_t>(), h.numel(), h.data_ptr<scalar_t>()); });
  if (!draws) return h;
  AT_DISPATCH_FLOATING_TYPES(dtype_, "drop", [&] {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      Pair& pair = pairs_[i];
      const std::size_t k = i / encoders;
      const ModelTrial& trial = trials_[k];
      const double rate = trial.config.dropout;
      if (rate <= 0 || !pair.active) continue;
      draws->fill(
          {trial.seed, Purpose::kProjectionDropout, draws->steps[k], name_key(layout_.encoders[i % encoders].name)},
          rows, width, pair.draws);
      drop(h.data_ptr<scalar_t>() + static_cast<std::int64_t>(i) * rows * width, pair.draws.data(),
           drop_threshold(rate), static_cast<scalar_t>(1 / (1 - rate)), rows * width);
    }
  });
  recorded_.inputs = inputs;
  recorded_.normalised = z;
  recorded_.affine = affine;
  recorded_.rstd = rstd;
  recorded_.leaf = h.set_requires_grad(true);
  return h;
}

void FusedModel::weight_gradient(std::size_t i, const Tensor& outputs, const ProjectionSink& sink) {
  const std::size_t encoders = recorded_.inputs.size();
  const int k = static_cast<int>(i / encoders), e = static_cast<int>(i % encoders);
  const Tensor inputs = recorded_.inputs[i % encoders][k];
  if (sink) {
    sink(k, e, inputs, outputs);
    return;
  }
  const auto dim = static_cast<int>(inputs.size(1));
  AT_DISPATCH_FLOATING_TYPES(dtype_, "weight_gradient", [&] {
    multiply_transposed(inputs.data_ptr<scalar_t>(), outputs.data_ptr<scalar_t>(), static_cast<int>(inputs.size(0)),
                        dim, static_cast<int>(outputs.size(1)), 0, dim, pairs_[i].weight_gradient.data_ptr<scalar_t>());
  });
}

void FusedModel::project_backward(const ProjectionSink& sink) {
  torch::NoGradGuard no_grad;
  Tensor dy = recorded_.leaf.grad().contiguous();
  const auto encoders = static_cast<std::size_t>(dy.size(1));
  const auto rows = dy.size(2), width = dy.size(3);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "project_backward", [&] {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const Pair& pair = pairs_[i];
      const double rate = trials_[i / encoders].config.dropout;
      if (rate <= 0 || !pair.active) continue;
      drop(dy.data_ptr<scalar_t>() + static_cast<std::int64_t>(i) * rows * width, pair.draws.data(),
           drop_threshold(rate), static_cast<scalar_t>(1 / (1 - rate)), rows * width);
    }
    gelu_backward(recorded_.affine.data_ptr<scalar_t>(), dy.numel(), dy.data_ptr<scalar_t>());
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      Pair& pair = pairs_[i];
      if (!pair.active) continue;
      const auto k = static_cast<std::int64_t>(i / encoders), e = static_cast<std::int64_t>(i % encoders);
      const auto* flat = parameters.data_ptr<scalar_t>() + k * layout_.size;
      auto* gradient = gradients.data_ptr<scalar_t>() + k * layout_.size;
      const std::int64_t at = static_cast<std::int64_t>(i) * rows;
      layer_norm_backward(recorded_.normalised.data_ptr<scalar_t>() + at * width,
                          recorded_.rstd.data_ptr<scalar_t>() + at, flat + pair.norm_weight, static_cast<int>(rows),
                          static_cast<int>(width), dy.data_ptr<scalar_t>() + at * width, gradient + pair.bias,
                          gradient + pair.norm_weight, gradient + pair.norm_bias);
      weight_gradient(i, dy[k][e], sink);
    }
  });
}

/// The same in LibTorch's own operations and, on a GPU, our kernels: the path of devices other than the CPU.
Tensor FusedModel::project_composite(const std::vector<Tensor>& inputs, const Draws* draws) {
  std::vector<Tensor> projected;
  for (std::size_t e = 0; e < inputs.size(); ++e) {
    const std::string& name = layout_.encoders[e].name;
    const std::string prefix = "projection." + name + ".";
    const Tensor z = linear(inputs[e], view(prefix + "weight"), view(prefix + "bias"));
    if (gpu_) {
      const Tensor y = gpu_->norm_gelu(z, view(prefix + "norm.weight"), view(prefix + "norm.bias"));
      const auto drops = [&] { return trial_drops(Purpose::kProjectionDropout, name_key(name), *draws); };
      projected.push_back(draws ? gpu_->drop(y, drops(), draws->places) : y);
      continue;
    }
    const Tensor centred = z - z.mean(2, true);
    const Tensor variance = centred.square().mean(2, true);
    const Tensor normalised = centred * (variance + kLayerNormEpsilon).rsqrt();
    Tensor h =
        torch::gelu(normalised * view(prefix + "norm.weight").unsqueeze(1) + view(prefix + "norm.bias").unsqueeze(1));
    if (draws) {
      Tensor keep = torch::ones(h.sizes(), torch::kBool);
      std::vector<std::uint32_t> bits;
      for (int k = 0; k < size(); ++k) {
        const ModelTrial& trial = trials_[static_cast<std::size_t>(k)];
        if (trial.config.dropout <= 0) continue;
        draws->fill(
            {trial.seed, Purpose::kProjectionDropout, draws->steps[static_cast<std::size_t>(k)], name_key(name)},
            h.size(1), h.size(2), bits);
        bool* out = keep[k].data_ptr<bool>();
        for (std::size_t i = 0; i < bits.size(); ++i) out[i] = bits[i] >= drop_threshold(trial.config.dropout);
      }
      const Tensor scale = 1 / (1 - per_trial([](const Config& c) { return c.dropout; }));
      h = torch::where(keep.to(device_), h * scale, torch::zeros({}, h.options()));
    }
    projected.push_back(h);
  }
  return torch::stack(projected, 1);
}

/// Sum over encoders of x_e W_e, [trial, row, width], without the bias.
Tensor FusedModel::concatenate(const std::vector<Tensor>& inputs, bool record) {
  const auto width = layout_.parameters.front().shape[1];
  if (!by_pairs_) {
    Tensor sum = torch::zeros({size(), inputs.front().size(1), width}, inputs.front().options());
    for (std::size_t e = 0; e < inputs.size(); ++e) {
      const Tensor part = product(inputs[e], view("projection." + layout_.encoders[e].name + ".weight"));
      const Tensor active = mask_.select(1, static_cast<std::int64_t>(e)).unsqueeze(2);
      sum = sum + torch::where(active, part, torch::zeros({}, part.options()));
    }
    return sum;
  }
  torch::NoGradGuard no_grad;
  const auto rows = inputs.front().size(1);
  Tensor sum = torch::zeros({size(), rows, width}, torch::dtype(dtype_));
  AT_DISPATCH_FLOATING_TYPES(dtype_, "concatenate", [&] {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto k = static_cast<std::int64_t>(i / inputs.size());
      if (!pairs_[i].active) continue;
      const Tensor x = inputs[i % inputs.size()][k];
      multiply_add(x.data_ptr<scalar_t>(), pairs_[i].weight.data_ptr<scalar_t>(), static_cast<int>(rows),
                   static_cast<int>(x.size(1)), static_cast<int>(width), sum[k].data_ptr<scalar_t>());
    }
  });
  if (record) {
    recorded_.inputs = inputs;
    recorded_.leaf = sum.set_requires_grad(true);
  }
  return sum;
}

}  // namespace medley::trainer
