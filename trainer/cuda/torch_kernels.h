#pragma once

#include <vector>

#include <torch/types.h>

#include "trainer/optimizer.h"
#include "trainer/random.h"

/// The kernels on LibTorch's tensors, in LibTorch's current stream; with their gradients where the arguments have some.
/// Every tensor lies on one GPU, its first dimension is the trial, and unless said otherwise it is contiguous.
namespace medley::trainer::cuda {

/// Whether this build has the functions below. Where it has not, call them in discarded branches only
/// (`if constexpr`): then the calls are compiled, and not linked.
inline constexpr bool kBuilt = MEDLEY_CUDA;

/// What one trial drops.
struct TrialDrop {
  Stream stream;
  double rate = 0;
};
/// x [trial, row, width] with every element as it was times 1 / (1 - rate), or 0 where the trial's stream says so: the
/// elements that drop() drops on the CPU. `places` [row]: the rows' places in a batch that a gang splits; empty: all
/// are here.
torch::Tensor drop_trials(const torch::Tensor& x, const std::vector<TrialDrop>& trials,
                          const std::vector<std::int64_t>& places);

/// GELU(norm(z) * weight + shift), the norm over the last dimension of z [trial, row, width]. `weight` and `shift`
/// [trial, width] are views of flat parameters: their rows are as far apart.
torch::Tensor norm_gelu(const torch::Tensor& z, const torch::Tensor& weight, const torch::Tensor& shift);

/// bool [trial, encoder, row]: the top_n best of `scores`, of the encoders in `mask` (bool [trial, encoder, 1]); ties
/// go to the lower encoder. `top_n` [trial, 1, 1], of the scores' type.
torch::Tensor keep_top(const torch::Tensor& scores, const torch::Tensor& mask, const torch::Tensor& top_n);

/// softmax(scores / temperature) over the encoders kept, 0 elsewhere. `temperature` [trial, 1, 1].
torch::Tensor kept_softmax(const torch::Tensor& scores, const torch::Tensor& kept, const torch::Tensor& temperature);

/// sum_e a_e h_e over the encoders kept: [trial, row, width] of weights [trial, encoder, row] and h [.., width].
torch::Tensor pool(const torch::Tensor& weights, const torch::Tensor& kept, const torch::Tensor& h);

/// A range of a trial's flat parameters that is trained.
struct TrainedRange {
  std::int64_t offset, size;  ///< the offset a multiple of Layout::kAlignment
  bool decays;
};
/// What adam_step() wants to know of the parameters, on the GPU: `ranges` [trial] of flat parameters of `size` numbers.
torch::Tensor mark_use(const std::vector<std::vector<TrainedRange>>& ranges, std::int64_t size, torch::Device device);

/// One trial's step: gradient_scale is not read, since clipping happens on the GPU.
struct TrialStep {
  AdamStep step;      ///< with the decay of what decays
  double clip = 0;    ///< largest norm of the gradient; 0: any
  bool moves = true;  ///< false: the trial is left as it is
};
/// One step of all trials in three launches and one answer: [trial] 0 where a parameter is no longer finite. All
/// buffers [trial, size].
std::vector<int> adam_step(const torch::Tensor& parameters, const torch::Tensor& gradients,
                           const torch::Tensor& first_moment, const torch::Tensor& second_moment,
                           const torch::Tensor& use, const std::vector<TrialStep>& trials);

}  // namespace medley::trainer::cuda
