#include "trainer/model/model.h"

#include <algorithm>
#include <cassert>

#include <malloc.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "trainer/error.h"
#include "trainer/kernels/activations.h"
#include "trainer/kernels/gemm.h"
#include "trainer/kernels/huge_pages.h"
#include "trainer/kernels/layer_norm.h"
#include "trainer/kernels/recorded.h"
#include "trainer/kernels/row_kernels.h"

extern "C" void openblas_set_num_threads(int) __attribute__((weak));

namespace medley::trainer {
namespace {

using sweep::Config;
using torch::Tensor;

}  // namespace

torch::Device find_device(const std::string& name) {
  try {
    const torch::Device device(name);
    if (device.is_cuda() && !torch::cuda::is_available()) {
      throw Error("device '" + name + "': this LibTorch sees no CUDA device; valid: cpu");
    }
    return device;
  } catch (const c10::Error&) {
    throw Error("device '" + name + "' is not one that LibTorch knows; valid: cpu, cuda, cuda:0, ...");
  }
}

void use_one_thread() {
  use_huge_pages();
  at::set_num_threads(1);
  if (openblas_set_num_threads) openblas_set_num_threads(1);
#ifdef __GLIBC__
  // Every step allocates and frees the same few megabytes: without this their pages are zeroed by the kernel each time.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

void FusedModel::Draws::fill(const Stream& stream, std::int64_t rows, std::int64_t width,
                             std::vector<std::uint32_t>& bits) const {
  bits.resize(static_cast<std::size_t>(rows * width));
  if (places.empty()) return stream.fill(bits.data(), bits.size());
  assert(rows == static_cast<std::int64_t>(places.size()));
  std::vector<std::uint32_t> whole(static_cast<std::size_t>(total * width));
  stream.fill(whole.data(), whole.size());
  for (std::int64_t i = 0; i < rows; ++i) {
    std::copy_n(whole.data() + places[static_cast<std::size_t>(i)] * width, width, bits.data() + i * width);
  }
}

FusedModel::FusedModel(Layout layout, std::vector<ModelTrial> trials, torch::Device device, Kernels kernels)
    : layout_(std::move(layout)),
      trials_(std::move(trials)),
      device_(device),
      rounds_products_(trials_.front().config.precision == sweep::Precision::kBfloat16),
      by_pairs_(device.is_cpu() && (kernels == Kernels::kByDevice || kernels == Kernels::kPairs) && !rounds_products_),
      gpu_(kernels == Kernels::kGpu || (device.is_cuda() && kernels == Kernels::kByDevice) ? find_gpu_kernels()
                                                                                           : nullptr) {
  const auto precision = trials_.front().config.precision;
  const bool wide = precision == sweep::Precision::kFloat64;
  // One switch for the process, which trains one pack at a time.
  at::globalContext().setAllowTF32CuBLAS(precision == sweep::Precision::kTf32);
  dtype_ = wide ? torch::kFloat64 : torch::kFloat32;
  parameters = torch::zeros({size(), layout_.size}, dtype_);
  for (int k = 0; k < size(); ++k) {
    const ModelTrial& trial = trials_[static_cast<std::size_t>(k)];
    if (wide) {
      initialise(layout_, trial.active, trial.seed, parameters[k].data_ptr<double>());
    } else {
      initialise(layout_, trial.active, trial.seed, parameters[k].data_ptr<float>());
    }
  }
  parameters = parameters.to(device_);
  make_views();
}

void FusedModel::make_views() {
  gradients = torch::zeros_like(parameters);
  views_.clear();
  for (const Parameter& p : layout_.parameters) {
    std::vector<std::int64_t> shape = {size()};
    shape.insert(shape.end(), p.shape.begin(), p.shape.end());
    const auto part = [&](const Tensor& flat) { return flat.narrow(1, p.offset, p.size).view(shape).detach(); };
    Tensor leaf = part(parameters);
    if (p.offset >= layout_.shared_offset || !by_pairs_) {
      leaf.set_requires_grad(true);
      leaf.mutable_grad() = part(gradients);
    }
    views_.push_back(leaf);
  }
  const auto encoders = static_cast<std::int64_t>(layout_.encoders.size());
  mask_ = torch::zeros({size(), encoders, 1}, torch::kBool);
  for (int k = 0; k < size(); ++k) {
    for (std::int64_t e = 0; e < encoders; ++e) {
      mask_[k][e][0] = static_cast<bool>(trials_[static_cast<std::size_t>(k)].active[static_cast<std::size_t>(e)]);
    }
  }
  mask_ = mask_.to(device_);
  pairs_.clear();
  all_active_ = true;
  if (by_pairs_) {
    const bool gated = sweep::is_projecting(trials_.front().config);
    for (int k = 0; k < size(); ++k) {
      for (std::size_t e = 0; e < layout_.encoders.size(); ++e) {
        const std::string prefix = "projection." + layout_.encoders[e].name + ".";
        const Parameter& weight = layout_.at(prefix + "weight");
        Pair pair;
        pair.active = trials_[static_cast<std::size_t>(k)].active[e];
        all_active_ = all_active_ && pair.active;
        const auto matrix = [&](const Tensor& flat) {
          return flat[k].narrow(0, weight.offset, weight.size).view({weight.shape[0], weight.shape[1]});
        };
        pair.weight = matrix(parameters);
        pair.weight_gradient = matrix(gradients);
        if (gated) {
          pair.bias = layout_.at(prefix + "bias").offset;
          pair.norm_weight = layout_.at(prefix + "norm.weight").offset;
          pair.norm_bias = layout_.at(prefix + "norm.bias").offset;
        }
        pairs_.push_back(std::move(pair));
      }
    }
  }
  top_n_ = per_trial([](const Config& c) { return static_cast<double>(c.top_n); });
  temperature_ = per_trial([](const Config& c) { return c.temperature; });
  mass_ = per_trial([](const Config& c) { return c.mass; });
}

Tensor FusedModel::per_trial(double (*get)(const Config&)) const {
  std::vector<double> values;
  for (const ModelTrial& trial : trials_) values.push_back(get(trial.config));
  return torch::tensor(values, torch::kFloat64).to(device_, dtype_).view({size(), 1, 1});
}

Tensor FusedModel::view(const std::string& name) const {
  const Parameter& p = layout_.at(name);
  return views_[static_cast<std::size_t>(&p - layout_.parameters.data())];
}

Tensor FusedModel::dense(const Tensor& x, const std::string& weight_name, const std::string& bias_name) {
  if (!by_pairs_) return linear(x, view(weight_name), view(bias_name));
  torch::NoGradGuard no_grad;
  const Parameter &weight = layout_.at(weight_name), &bias = layout_.at(bias_name);
  const auto rows = static_cast<int>(x.size(1)), in = static_cast<int>(weight.shape[0]),
             out = static_cast<int>(weight.shape[1]);
  const Tensor input = x.contiguous();
  Tensor y = torch::empty({size(), rows, out}, x.options());
  AT_DISPATCH_FLOATING_TYPES(dtype_, "dense", [&] {
    for (std::int64_t k = 0; k < size(); ++k) {
      const auto* flat = parameters.data_ptr<scalar_t>() + k * layout_.size;
      auto* to = y.data_ptr<scalar_t>() + k * rows * out;
      multiply(input.data_ptr<scalar_t>() + k * rows * in, flat + weight.offset, rows, in, out, to);
      add_bias(to, flat + bias.offset, rows, out);
    }
  });
  if (!x.requires_grad()) return y;
  record({x}, {y}, [=, model = this](const std::vector<Tensor>& output_gradients) {
    const Tensor d = output_gradients.front().contiguous();
    Tensor dx = torch::empty_like(input);
    AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "dense_backward", [&] {
      for (std::int64_t k = 0; k < model->size(); ++k) {
        auto* gradient = model->gradients.data_ptr<scalar_t>() + k * model->layout_.size;
        const auto* from = d.data_ptr<scalar_t>() + k * rows * out;
        multiply_transposed(input.data_ptr<scalar_t>() + k * rows * in, from, rows, in, out, 0, in,
                            gradient + weight.offset);
        sum_rows(from, rows, out, gradient + bias.offset);
        multiply_by_transpose(from, model->parameters.data_ptr<scalar_t>() + k * model->layout_.size + weight.offset,
                              rows, in, out, dx.data_ptr<scalar_t>() + k * rows * in);
      }
    });
    return std::vector<Tensor>{dx};
  });
  return y;
}

Tensor FusedModel::product(const Tensor& a, const Tensor& b) const {
  if (!rounds_products_) return torch::bmm(a, b);
  const auto rounded = [this](const Tensor& x) { return x.to(torch::kBFloat16).to(dtype_); };
  // A CPU may multiply numbers in bfloat16 itself, with other bits than the next one: there float32 does it.
  if (device_.is_cpu()) return rounded(torch::bmm(rounded(a), rounded(b)));
  return torch::bmm(a.to(torch::kBFloat16), b.to(torch::kBFloat16)).to(dtype_);
}

Tensor FusedModel::linear(const Tensor& x, const Tensor& w, const Tensor& b) const {
  if (!rounds_products_) return torch::baddbmm(b.unsqueeze(1), x, w);
  return product(x, w) + b.unsqueeze(1);
}

std::vector<TrialDrop> FusedModel::trial_drops(Purpose purpose, std::uint32_t name, const Draws& draws) const {
  std::vector<TrialDrop> drops;
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    drops.push_back({{trials_[k].seed, purpose, draws.steps[k], name}, trials_[k].config.dropout});
  }
  return drops;
}

Tensor FusedModel::drop_fused(const Tensor& x, const Draws* draws) const {
  if (!draws) return x;
  if (gpu_) return gpu_->drop(x, trial_drops(Purpose::kFusionDropout, 0, *draws), draws->places);
  bool any = false;
  Tensor factors = torch::ones(x.sizes(), torch::dtype(dtype_));
  std::vector<std::uint32_t> bits;
  AT_DISPATCH_FLOATING_TYPES(dtype_, "drop_fused", [&] {
    for (int k = 0; k < size(); ++k) {
      const ModelTrial& trial = trials_[static_cast<std::size_t>(k)];
      const double rate = trial.config.dropout;
      if (rate <= 0) continue;
      any = true;
      draws->fill({trial.seed, Purpose::kFusionDropout, draws->steps[static_cast<std::size_t>(k)], 0}, x.size(1),
                  x.size(2), bits);
      drop(factors[k].data_ptr<scalar_t>(), bits.data(), drop_threshold(rate), static_cast<scalar_t>(1 / (1 - rate)),
           static_cast<std::int64_t>(bits.size()));
    }
  });
  if (!any) return x;
  factors = factors.to(device_);
  return torch::where(factors > 0, x * factors, torch::zeros({}, x.options()));
}

Tensor FusedModel::activate(const Tensor& z, const Draws* draws) const {
  const bool is_gelu = trials_.front().config.fusion != sweep::Fusion::kConcat;
  if (!by_pairs_) return drop_fused(is_gelu ? torch::gelu(z) : torch::relu(z), draws);
  torch::NoGradGuard no_grad;
  const Tensor input = z.contiguous();
  Tensor y = is_gelu ? torch::empty_like(input) : torch::relu(input);
  if (is_gelu) {
    AT_DISPATCH_FLOATING_TYPES(dtype_, "gelu",
                               [&] { gelu(input.data_ptr<scalar_t>(), input.numel(), y.data_ptr<scalar_t>()); });
  }
  if (!draws) return y;
  const auto numbers = z.size(1) * z.size(2);
  std::vector<std::vector<std::uint32_t>> bits(trials_.size());
  const auto drop_rows = [=](Tensor& x, const std::vector<std::vector<std::uint32_t>>& drawn) {
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "drop_rows", [&] {
      for (std::size_t k = 0; k < drawn.size(); ++k) {
        const double rate = trials_[k].config.dropout;
        if (rate <= 0) continue;
        drop(x.data_ptr<scalar_t>() + static_cast<std::int64_t>(k) * numbers, drawn[k].data(), drop_threshold(rate),
             static_cast<scalar_t>(1 / (1 - rate)), numbers);
      }
    });
  };
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    if (trials_[k].config.dropout <= 0) continue;
    draws->fill({trials_[k].seed, Purpose::kFusionDropout, draws->steps[k], 0}, z.size(1), z.size(2), bits[k]);
  }
  drop_rows(y, bits);
  record({z}, {y}, [=, bits = std::move(bits)](const std::vector<Tensor>& output_gradients) {
    Tensor d = output_gradients.front().clone(at::MemoryFormat::Contiguous);
    drop_rows(d, bits);
    if (!is_gelu) return std::vector<Tensor>{torch::where(input > 0, d, torch::zeros({}, d.options()))};
    AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "gelu_backward",
                               [&] { gelu_backward(input.data_ptr<scalar_t>(), d.numel(), d.data_ptr<scalar_t>()); });
    return std::vector<Tensor>{d};
  });
  return y;
}

FusedModel::Output FusedModel::forward(const std::vector<Tensor>& inputs, const Draws* draws, const ClipKeys& clips) {
  torch::AutoGradMode with_grad(draws != nullptr);
  const Config& config = trials_.front().config;
  Output out;
  if (!sweep::is_projecting(config)) {
    const Tensor sum = concatenate(inputs, draws != nullptr);
    const Tensor hidden = sum + view("hidden.bias").unsqueeze(1);
    if (config.hidden == 0) {
      out.fused = out.logits = hidden;
      return out;
    }
    out.fused = activate(hidden, draws);
    out.logits = dense(out.fused, "head.weight", "head.bias");
    return out;
  }
  out.projected = project(inputs, draws);
  Tensor ranking;
  if (sweep::is_gated(config)) {
    ranking = gate(out, draws, clips);
  } else {
    const auto shape = out.projected.sizes();
    out.kept = mask_.expand({shape[0], shape[1], shape[2]}).contiguous();
    out.weights = map_scores({}, out.kept, sweep::Weights::kUniform);
  }
  out.fused = activate(fuse(out, ranking), draws);
  out.logits = dense(out.fused, "head.weight", "head.bias");
  return out;
}

void FusedModel::backward(const Tensor& losses, const ProjectionSink& sink) {
  // What the pairs write themselves needs no zeros first.
  const std::int64_t first = by_pairs_ ? layout_.shared_offset : 0;
  gradients.narrow(1, first, layout_.size - first).zero_();
  losses.sum().backward();
  if (by_pairs_ && sweep::is_projecting(trials_.front().config)) {
    project_backward(sink);
  } else if (by_pairs_) {
    torch::NoGradGuard no_grad;
    const Tensor d = recorded_.leaf.grad().contiguous();
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      if (pairs_[i].active) {
        weight_gradient(i, d[static_cast<std::int64_t>(i / recorded_.inputs.size())], sink);
      }
    }
  }
  recorded_ = {};
}

FusedModel FusedModel::select(const std::vector<int>& rows) const {
  FusedModel kept = *this;
  std::vector<std::int64_t> index;
  kept.trials_.clear();
  for (const int row : rows) {
    index.push_back(row);
    kept.trials_.push_back(trials_[static_cast<std::size_t>(row)]);
  }
  kept.parameters = parameters.index_select(0, torch::tensor(index).to(device_));
  kept.make_views();
  return kept;
}

std::vector<FusedModel::Range> FusedModel::ranges(int trial) const {
  std::vector<Range> ranges;
  for (const Parameter& p : layout_.parameters) {
    if (p.encoder >= 0 && !trials_[static_cast<std::size_t>(trial)].active[static_cast<std::size_t>(p.encoder)]) {
      continue;
    }
    const int encoder = p.offset < layout_.shared_offset ? p.encoder : -1;
    // Neighbours that are treated alike are one range; the padding between them is zero and stays so.
    const bool joins = !ranges.empty() && ranges.back().decays == p.decays && ranges.back().encoder == encoder &&
                       p.offset - (ranges.back().offset + ranges.back().size) < Layout::kAlignment;
    if (joins) {
      ranges.back().size = p.offset + p.size - ranges.back().offset;
    } else {
      ranges.push_back({p.offset, p.size, p.decays, encoder});
    }
  }
  return ranges;
}

}  // namespace medley::trainer
