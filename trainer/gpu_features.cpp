#include "trainer/gpu_features.h"

#include <algorithm>

#include <torch/autograd.h>

namespace medley::trainer {

using torch::Tensor;

std::shared_ptr<GpuFeatures> GpuFeatures::make(const Features& features, const std::vector<int>& encoders,
                                               const FusedModel& model) {
  if (!model.gpu()) return nullptr;
  std::int64_t numbers = 0;
  for (const int encoder : encoders) numbers += features.dim(encoder);
  numbers *= static_cast<std::int64_t>(features.dataset().clips.size());
  // Twice: trials may differ in `normalize`.
  const auto bytes = 2 * numbers * static_cast<std::int64_t>(sizeof(float));
  if (bytes > model.gpu()->free_bytes(model.device()) / 4) return nullptr;
  return std::shared_ptr<GpuFeatures>(new GpuFeatures(features));
}

Tensor GpuFeatures::matrix(int encoder, sweep::Normalize normalize, torch::Device device) {
  Tensor& all = matrices_[{encoder, normalize}];
  if (all.defined()) return all;
  const auto& clips = features_.dataset().clips;
  const std::int64_t width = features_.dim(encoder);
  Tensor host = torch::zeros({static_cast<std::int64_t>(clips.size()), width}, torch::kFloat32);
  for (std::size_t c = 0; c < clips.size(); ++c) {
    // Within an actor only clips that have one are normalised, and no trial that wants so asks for others.
    if (normalize == sweep::Normalize::kActor && clips[c].actor.empty()) continue;
    std::copy_n(features_.row(encoder, static_cast<int>(c), normalize), width,
                host.data_ptr<float>() + static_cast<std::int64_t>(c) * width);
  }
  all = host.to(device);
  return all;
}

const GpuFeatures::Moments& GpuFeatures::moments(const std::shared_ptr<const Standardization>& z,
                                                 const FusedModel& model) {
  Moments& found = moments_[z.get()];
  if (found.of) return found;
  found.of = z;
  found.mean = torch::tensor(z->mean, torch::kFloat64).to(model.device(), model.dtype());
  found.scale = torch::tensor(z->scale, torch::kFloat64).to(model.device(), model.dtype());
  return found;
}

std::vector<Tensor> GpuFeatures::gather(const std::vector<int>& encoders, const FusedModel& model,
                                        const std::vector<const Scaling*>& scalings,
                                        const std::vector<std::vector<int>>& clips) {
  const auto rows = static_cast<std::int64_t>(clips.front().size());
  Tensor places =
      torch::empty({model.size(), rows}, torch::dtype(torch::kInt32).pinned_memory(model.device().is_cuda()));
  auto* place = places.data_ptr<std::int32_t>();
  for (const std::vector<int>& of_trial : clips) place = std::copy(of_trial.begin(), of_trial.end(), place);
  places = places.to(model.device(), /*non_blocking=*/true);
  std::vector<Tensor> inputs;
  for (std::size_t e = 0; e < encoders.size(); ++e) {
    std::vector<TrialFeatures> trials(clips.size());
    for (std::size_t k = 0; k < clips.size(); ++k) {
      if (!model.trials()[k].active[e]) continue;
      const Moments& z = moments(scalings[k]->encoders[static_cast<std::size_t>(encoders[e])], model);
      trials[k] = {matrix(encoders[e], scalings[k]->normalize, model.device()), z.mean, z.scale};
    }
    inputs.push_back(model.gpu()->gather(trials, places, features_.dim(encoders[e]), model.dtype()));
  }
  return inputs;
}

}  // namespace medley::trainer
