#pragma once

#include <vector>

#include <torch/types.h>

#include "trainer/kernels/optimizer.h"
#include "trainer/kernels/random.h"

namespace medley::trainer {

/// What one trial drops.
struct TrialDrop {
  Stream stream;
  double rate = 0;
};

/// A range of a trial's flat parameters that is trained.
struct TrainedRange {
  std::int64_t offset, size;  ///< the offset a multiple of Layout::kAlignment
  bool decays;
};

/// One trial's features of one encoder.
struct TrialFeatures {
  torch::Tensor features;     ///< float [clip, dim]; undefined where the trial does not use the encoder
  torch::Tensor mean, scale;  ///< [dim], of the model's type
};

/// One trial's optimiser step.
struct TrialStep {
  AdamStep step;      ///< with the decay of what decays; gradient_scale is not read: clipping happens on the GPU
  double clip = 0;    ///< largest norm of the gradient; 0: any
  bool moves = true;  ///< false: the trial is left as it is
};

/// Our kernels on LibTorch's tensors, in LibTorch's current stream; with gradients where the arguments have some. All
/// tensors lie on one device, and their first dimension is the trial.
class GpuKernels {
 public:
  virtual ~GpuKernels() = default;

  /// Memory of `device` that nobody uses yet.
  virtual std::int64_t free_bytes(torch::Device device) const = 0;

  /// [trial, row, width] of `type`: (features of the clip - mean) * scale. `clips` int32 [trial, row]; -1 gives zeros.
  virtual torch::Tensor gather(const std::vector<TrialFeatures>& trials, const torch::Tensor& clips, std::int64_t width,
                               torch::ScalarType type) const = 0;

  /// x [trial, row, width] with every element times 1 / (1 - rate), or 0 where the trial's stream drops it. It drops
  /// the elements that drop() drops on the CPU. `places` [row]: the rows' places in a batch that a gang splits; empty:
  /// all are here.
  virtual torch::Tensor drop(const torch::Tensor& x, const std::vector<TrialDrop>& trials,
                             const std::vector<std::int64_t>& places) const = 0;

  /// GELU(norm(z) * weight + shift), the norm over the last dimension of z [trial, row, width]. `weight` and `shift`
  /// [trial, width] are views of flat parameters: their rows are as far apart.
  virtual torch::Tensor norm_gelu(const torch::Tensor& z, const torch::Tensor& weight,
                                  const torch::Tensor& shift) const = 0;

  /// bool [trial, encoder, row], the top_n best of `scores` among the encoders in `mask` (bool [trial, encoder, 1]).
  /// Ties go to the lower encoder. `top_n` [trial, 1, 1], of the scores' type.
  virtual torch::Tensor keep_top(const torch::Tensor& scores, const torch::Tensor& mask,
                                 const torch::Tensor& top_n) const = 0;

  /// softmax(scores / temperature) over the encoders kept, 0 elsewhere. `temperature` [trial, 1, 1].
  virtual torch::Tensor kept_softmax(const torch::Tensor& scores, const torch::Tensor& kept,
                                     const torch::Tensor& temperature) const = 0;

  /// sum_e a_e h_e over the encoders kept: [trial, row, width] of weights [trial, encoder, row] and h [.., width].
  virtual torch::Tensor pool(const torch::Tensor& weights, const torch::Tensor& kept, const torch::Tensor& h) const = 0;

  /// What adam() wants to know of the parameters, on `device`: `ranges` [trial] of flat parameters of `size` numbers.
  virtual torch::Tensor mark_use(const std::vector<std::vector<TrainedRange>>& ranges, std::int64_t size,
                                 torch::Device device) const = 0;

  /// One step of all trials in three launches. Returns [trial], 0 where a parameter is no longer finite. All buffers
  /// [trial, size].
  virtual std::vector<int> adam(const torch::Tensor& parameters, const torch::Tensor& gradients,
                                const torch::Tensor& first_moment, const torch::Tensor& second_moment,
                                const torch::Tensor& use, const std::vector<TrialStep>& trials) const = 0;
};

/// Those of this build, for the life of the process; null where it was built without (MEDLEY_CUDA).
const GpuKernels* find_gpu_kernels();

}  // namespace medley::trainer
