#include "trainer/cuda/torch_kernels.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include <torch/autograd.h>

#include "trainer/cuda/kernels.h"
#include "trainer/cuda/runtime.h"
#include "trainer/cuda/torch_stream.h"
#include "trainer/kernels/layer_norm.h"
#include "trainer/kernels/recorded.h"

namespace medley::trainer::cuda {
namespace {

using torch::Tensor;

/// Where a kernel is launched: in LibTorch's stream of the tensors' device, which is the current one meanwhile.
struct OnDevice {
  explicit OnDevice(torch::Device device) : guard(device), stream(torch_stream(device)) {}
  c10::DeviceGuard guard;
  cudaStream_t stream;
};

const std::uint8_t* flags(const Tensor& x) {
  static_assert(sizeof(bool) == sizeof(std::uint8_t));
  return reinterpret_cast<const std::uint8_t*>(x.data_ptr<bool>());
}

/// The bytes of `values` on the GPU, copied in LibTorch's stream without waiting for it.
template <class Value>
Tensor upload(const std::vector<Value>& values, torch::Device device) {
  const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(Value));
  const Tensor host = torch::empty({bytes}, torch::dtype(torch::kUInt8).pinned_memory(device.is_cuda()));
  std::memcpy(host.data_ptr(), values.data(), values.size() * sizeof(Value));
  return host.to(device, /*non_blocking=*/true);
}
template <class Value>
const Value* as(const Tensor& bytes) {
  return static_cast<const Value*>(bytes.data_ptr());
}

class Kernels final : public GpuKernels {
 public:
  std::int64_t free_bytes(torch::Device device) const override;
  Tensor gather(const std::vector<TrialFeatures>& trials, const Tensor& clips, std::int64_t width,
                torch::ScalarType type) const override;
  Tensor drop(const Tensor& x, const std::vector<TrialDrop>& trials,
              const std::vector<std::int64_t>& places) const override;
  Tensor norm_gelu(const Tensor& z, const Tensor& weight, const Tensor& shift) const override;
  Tensor keep_top(const Tensor& scores, const Tensor& mask, const Tensor& top_n) const override;
  Tensor kept_softmax(const Tensor& scores, const Tensor& kept, const Tensor& temperature) const override;
  Tensor pool(const Tensor& weights, const Tensor& kept, const Tensor& h) const override;
  Tensor mark_use(const std::vector<std::vector<TrainedRange>>& ranges, std::int64_t size,
                  torch::Device device) const override;
  std::vector<int> adam(const Tensor& parameters, const Tensor& gradients, const Tensor& first_moment,
                        const Tensor& second_moment, const Tensor& use,
                        const std::vector<TrialStep>& trials) const override;
};

std::int64_t Kernels::free_bytes(torch::Device device) const {
  const OnDevice on(device);
  return free_device_bytes();
}

Tensor Kernels::gather(const std::vector<TrialFeatures>& trials, const Tensor& clips, std::int64_t width,
                       torch::ScalarType type) const {
  const std::int64_t rows = clips.size(1);
  Tensor out = torch::empty({clips.size(0), rows, width}, clips.options().dtype(type));
  AT_DISPATCH_FLOATING_TYPES(type, "gather", [&] {
    std::vector<GatherTrial<scalar_t>> all;
    for (const TrialFeatures& t : trials) {
      all.emplace_back();
      if (!t.features.defined()) continue;
      all.back() = {t.features.data_ptr<float>(), t.mean.data_ptr<scalar_t>(), t.scale.data_ptr<scalar_t>()};
    }
    const Tensor settings = upload(all, clips.device());
    launch_gather(OnDevice(clips.device()).stream, clips.size(0),
                  GatherBody<scalar_t>{as<GatherTrial<scalar_t>>(settings), clips.data_ptr<std::int32_t>(), rows, width,
                                       out.data_ptr<scalar_t>()});
  });
  return out;
}

Tensor Kernels::drop(const Tensor& x, const std::vector<TrialDrop>& drops,
                     const std::vector<std::int64_t>& places) const {
  torch::NoGradGuard no_grad;
  const std::int64_t trials = x.size(0), rows = x.size(1), width = x.size(2);
  const Tensor at = places.empty() ? Tensor() : upload(places, x.device());
  Tensor settings;
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "trial_drops", [&] {
    std::vector<DropTrial<scalar_t>> all;
    for (const TrialDrop& drop : drops) {
      all.push_back({DrawKey(drop.stream), drop_threshold(drop.rate), static_cast<scalar_t>(1 / (1 - drop.rate))});
    }
    settings = upload(all, x.device());
  });
  const auto dropped = [=](const Tensor& from) {
    const Tensor input = from.contiguous();
    Tensor y = torch::empty_like(input);
    AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "drop_trials", [&] {
      launch_drop(OnDevice(input.device()).stream, trials,
                  DropBody<scalar_t>{input.data_ptr<scalar_t>(), y.data_ptr<scalar_t>(), rows, width,
                                     as<DropTrial<scalar_t>>(settings), at.defined() ? as<std::int64_t>(at) : nullptr});
    });
    return y;
  };
  const Tensor y = dropped(x);
  if (x.requires_grad()) {
    record({x}, {y},
           [=](const std::vector<Tensor>& gradients) { return std::vector<Tensor>{dropped(gradients.front())}; });
  }
  return y;
}

Tensor Kernels::norm_gelu(const Tensor& z, const Tensor& weight, const Tensor& shift) const {
  torch::NoGradGuard no_grad;
  const Tensor input = z.contiguous();
  const std::int64_t trials = z.size(0), rows = z.size(1), width = z.size(2);
  assert(weight.stride(0) == shift.stride(0) && weight.stride(1) == 1 && shift.stride(1) == 1);
  Tensor normalised = torch::empty_like(input), y = torch::empty_like(input);
  Tensor rstd = torch::empty({trials, rows}, z.options());
  AT_DISPATCH_FLOATING_TYPES(z.scalar_type(), "norm_gelu", [&] {
    const NormVectors<scalar_t> vectors{weight.data_ptr<scalar_t>(), shift.data_ptr<scalar_t>(), weight.stride(0)};
    launch_norm_gelu(OnDevice(z.device()).stream, trials,
                     NormGeluBody<scalar_t>{input.data_ptr<scalar_t>(), vectors, rows, width,
                                            static_cast<scalar_t>(kLayerNormEpsilon), normalised.data_ptr<scalar_t>(),
                                            rstd.data_ptr<scalar_t>(), y.data_ptr<scalar_t>()});
  });
  if (!z.requires_grad()) return y;
  record({z, weight, shift}, {y},
         [=, weight = weight.detach(), shift = shift.detach()](const std::vector<Tensor>& output_gradients) {
           const Tensor d = output_gradients.front().contiguous();
           Tensor daffine = torch::empty_like(d), dz = torch::empty_like(d);
           Tensor dweight = torch::empty({trials, width}, d.options()), dshift = torch::empty_like(dweight);
           AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "norm_gelu_backward", [&] {
             const NormVectors<scalar_t> vectors{weight.data_ptr<scalar_t>(), shift.data_ptr<scalar_t>(),
                                                 weight.stride(0)};
             launch_norm_gelu_backward(
                 OnDevice(d.device()).stream, trials,
                 NormGeluBackwardBody<scalar_t>{d.data_ptr<scalar_t>(), normalised.data_ptr<scalar_t>(),
                                                rstd.data_ptr<scalar_t>(), vectors, rows, width,
                                                daffine.data_ptr<scalar_t>(), dz.data_ptr<scalar_t>()},
                 NormVectorsBackwardBody<scalar_t>{daffine.data_ptr<scalar_t>(), normalised.data_ptr<scalar_t>(), rows,
                                                   width, dweight.data_ptr<scalar_t>(), dshift.data_ptr<scalar_t>()});
           });
           return std::vector<Tensor>{dz, dweight, dshift};
         });
  return y;
}

Tensor Kernels::keep_top(const Tensor& scores, const Tensor& mask, const Tensor& top_n) const {
  torch::NoGradGuard no_grad;
  const Tensor s = scores.contiguous();
  Tensor kept = torch::empty(s.sizes(), s.options().dtype(torch::kBool));
  AT_DISPATCH_FLOATING_TYPES(s.scalar_type(), "keep_top", [&] {
    launch_keep_top(OnDevice(s.device()).stream, s.size(0),
                    KeepTopBody<scalar_t>{s.data_ptr<scalar_t>(), flags(mask), top_n.data_ptr<scalar_t>(), s.size(1),
                                          s.size(2), reinterpret_cast<std::uint8_t*>(kept.data_ptr<bool>())});
  });
  return kept;
}

Tensor Kernels::kept_softmax(const Tensor& scores, const Tensor& kept, const Tensor& temperature) const {
  torch::NoGradGuard no_grad;
  const Tensor s = scores.contiguous(), keep = kept.contiguous();
  const std::int64_t trials = s.size(0), encoders = s.size(1), rows = s.size(2);
  Tensor weights = torch::empty_like(s);
  AT_DISPATCH_FLOATING_TYPES(s.scalar_type(), "kept_softmax", [&] {
    launch_kept_softmax(OnDevice(s.device()).stream, trials,
                        KeptSoftmaxBody<scalar_t>{s.data_ptr<scalar_t>(), flags(keep), temperature.data_ptr<scalar_t>(),
                                                  encoders, rows, weights.data_ptr<scalar_t>()});
  });
  if (!scores.requires_grad()) return weights;
  // Not the output itself: a step that holds its own output is never freed.
  record({scores}, {weights}, [=, saved = weights.detach()](const std::vector<Tensor>& output_gradients) {
    const Tensor d = output_gradients.front().contiguous();
    Tensor dscores = torch::empty_like(d);
    AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "kept_softmax_backward", [&] {
      launch_kept_softmax_backward(OnDevice(d.device()).stream, trials,
                                   KeptSoftmaxBackwardBody<scalar_t>{saved.data_ptr<scalar_t>(), d.data_ptr<scalar_t>(),
                                                                     flags(keep), temperature.data_ptr<scalar_t>(),
                                                                     encoders, rows, dscores.data_ptr<scalar_t>()});
    });
    return std::vector<Tensor>{dscores};
  });
  return weights;
}

Tensor Kernels::pool(const Tensor& weights, const Tensor& kept, const Tensor& h) const {
  torch::NoGradGuard no_grad;
  const Tensor a = weights.detach().contiguous(), x = h.detach().contiguous(), keep = kept.contiguous();
  const std::int64_t trials = x.size(0), encoders = x.size(1), rows = x.size(2), width = x.size(3);
  Tensor pooled = torch::empty({trials, rows, width}, x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "pool", [&] {
    launch_pool(OnDevice(x.device()).stream, trials,
                PoolBody<scalar_t>{a.data_ptr<scalar_t>(), flags(keep), x.data_ptr<scalar_t>(), encoders, rows, width,
                                   pooled.data_ptr<scalar_t>()});
  });
  if (!h.requires_grad()) return pooled;
  record({weights, h}, {pooled}, [=](const std::vector<Tensor>& output_gradients) {
    const Tensor d = output_gradients.front().contiguous();
    Tensor dweights = torch::empty_like(a), dh = torch::empty_like(x);
    AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "pool_backward", [&] {
      launch_pool_backward(OnDevice(d.device()).stream, trials,
                           PoolBackwardBody<scalar_t>{a.data_ptr<scalar_t>(), flags(keep), x.data_ptr<scalar_t>(),
                                                      d.data_ptr<scalar_t>(), encoders, rows, width,
                                                      dh.data_ptr<scalar_t>(), dweights.data_ptr<scalar_t>()});
    });
    return std::vector<Tensor>{dweights, dh};
  });
  return pooled;
}

Tensor Kernels::mark_use(const std::vector<std::vector<TrainedRange>>& ranges, std::int64_t size,
                         torch::Device device) const {
  assert(size % kUseBlock == 0);
  Tensor use = torch::zeros({static_cast<std::int64_t>(ranges.size()), size / kUseBlock}, torch::kUInt8);
  for (std::size_t k = 0; k < ranges.size(); ++k) {
    auto* of_trial = use[static_cast<std::int64_t>(k)].data_ptr<std::uint8_t>();
    for (const TrainedRange& range : ranges[k]) {
      assert(range.offset % kUseBlock == 0);
      // What is left of the last block is padding: parameter and gradient are 0 and stay so.
      std::fill(of_trial + range.offset / kUseBlock, of_trial + (range.offset + range.size + kUseBlock - 1) / kUseBlock,
                static_cast<std::uint8_t>(range.decays ? Use::kDecays : Use::kPlain));
    }
  }
  return use.to(device);
}

std::vector<int> Kernels::adam(const Tensor& parameters, const Tensor& gradients, const Tensor& first_moment,
                               const Tensor& second_moment, const Tensor& use,
                               const std::vector<TrialStep>& trials) const {
  const torch::Device device = parameters.device();
  const OnDevice on(device);
  const auto count = static_cast<std::int64_t>(trials.size());
  const std::int64_t size = parameters.size(1);
  const auto numbers = torch::dtype(torch::kFloat64).device(device);
  Tensor partial = torch::empty({count, kSegments}, numbers), scales = torch::empty({count}, numbers);
  Tensor finite = torch::ones({count}, torch::dtype(torch::kInt32).device(device));
  AT_DISPATCH_FLOATING_TYPES(parameters.scalar_type(), "adam_step", [&] {
    std::vector<AdamTrial<scalar_t>> all;
    for (const TrialStep& trial : trials) {
      all.push_back({AdamFactors<scalar_t>(trial.step), trial.clip, trial.moves ? 1 : 0});
    }
    const Tensor settings = upload(all, device);
    launch_scales(on.stream, count, size, gradients.data_ptr<scalar_t>(), use.data_ptr<std::uint8_t>(),
                  as<AdamTrial<scalar_t>>(settings), partial.data_ptr<double>(), scales.data_ptr<double>());
    launch_adam(on.stream, count,
                AdamBody<scalar_t>{parameters.data_ptr<scalar_t>(), gradients.data_ptr<scalar_t>(),
                                   first_moment.data_ptr<scalar_t>(), second_moment.data_ptr<scalar_t>(),
                                   use.data_ptr<std::uint8_t>(), size, as<AdamTrial<scalar_t>>(settings),
                                   scales.data_ptr<double>(), finite.data_ptr<std::int32_t>()});
  });
  const Tensor said = finite.to(torch::kCPU);
  return {said.data_ptr<std::int32_t>(), said.data_ptr<std::int32_t>() + count};
}

}  // namespace

const GpuKernels& torch_kernels() {
  static const Kernels kernels;
  return kernels;
}

}  // namespace medley::trainer::cuda
