#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "trainer/evaluate.h"

namespace medley::trainer {

/// The raw features of some encoders on a GPU, while a pack trains. A batch is gathered and z-scored there, with the
/// numbers of Features::gather(). Only the clips' places travel.
class GpuFeatures {
 public:
  /// Null where `model` has no GpuKernels, or where the features would take more than a quarter of its device's free
  /// memory. They are then gathered on the host. `features` is borrowed.
  static std::shared_ptr<GpuFeatures> make(const Features& features, const std::vector<int>& encoders,
                                           const FusedModel& model);

  /// As ModelInputs::gather(), of clips that are not adapted.
  std::vector<torch::Tensor> gather(const std::vector<int>& encoders, const FusedModel& model,
                                    const std::vector<const Scaling*>& scalings,
                                    const std::vector<std::vector<int>>& clips);

 private:
  explicit GpuFeatures(const Features& features) : features_(features) {}
  torch::Tensor matrix(int encoder, sweep::Normalize normalize, torch::Device device);

  struct Moments {
    std::shared_ptr<const Standardization> of;  ///< keeps the key valid
    torch::Tensor mean, scale;
  };
  const Moments& moments(const std::shared_ptr<const Standardization>& z, const FusedModel& model);

  const Features& features_;
  std::map<std::pair<int, sweep::Normalize>, torch::Tensor> matrices_;  ///< float [clip, dim]
  std::map<const Standardization*, Moments> moments_;
};

}  // namespace medley::trainer
