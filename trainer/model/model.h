#pragma once

#include <functional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "trainer/kernels/gpu_kernels.h"
#include "trainer/kernels/random.h"
#include "trainer/model/layout.h"

namespace medley::trainer {

/// What one trial's row of a fused model is: its settings, its seed and the encoders that it uses.
struct ModelTrial {
  sweep::Config config;
  std::uint64_t seed = 0;
  std::vector<bool> active;           ///< [encoder] of the layout
  std::vector<double> strength = {};  ///< [encoder] what `selection: fixed` ranks by; empty for others
};

/// K trials of one fusibility key as one model. Every tensor has a leading trial dimension, and every trial's
/// parameters lie together in one flat buffer. Trials do not mix in any operation.
class FusedModel {
 public:
  /// How the encoders' part, where the work is, is computed.
  enum class Kernels {
    kByDevice,   ///< as kPairs on the CPU, where a trial alone steps by DirectStep if it can; else as kGpu
    kPairs,      ///< on the CPU by one GEMM and hand-written kernels for each trial and encoder, in autograd's graph
    kComposite,  ///< by LibTorch's own batched operations, on any device
    kGpu,        ///< by LibTorch's batched products and our GPU kernels, where the build has them; else as kComposite
  };
  FusedModel(Layout layout, std::vector<ModelTrial> trials, torch::Device device, Kernels kernels = Kernels::kByDevice);

  const Layout& layout() const { return layout_; }
  const std::vector<ModelTrial>& trials() const { return trials_; }
  int size() const { return static_cast<int>(trials_.size()); }
  torch::Device device() const { return device_; }
  torch::ScalarType dtype() const { return dtype_; }
  /// bool [trial, encoder] the trial uses it.
  torch::Tensor mask() const { return mask_.select(2, 0); }

  torch::Tensor parameters;  ///< [trial, layout.size]
  torch::Tensor gradients;   ///< [trial, layout.size]; padding and masked encoders stay 0

  /// Randomness of one training step of every trial.
  struct Draws {
    std::vector<std::uint32_t> steps;  ///< [trial] each trial's own step number
    /// Where a gang splits the batch: [row] its place in the whole batch, and the whole batch's rows. Empty: all are
    /// here.
    std::vector<std::int64_t> places = {};
    std::int64_t total = 0;

    /// `width` numbers for each of the `rows` rows here, as they are drawn for the whole batch.
    void fill(const Stream& stream, std::int64_t rows, std::int64_t width, std::vector<std::uint32_t>& bits) const;
  };

  /// [trial][row] name_key() of each clip's name. A draw for a clip outside of training depends on it alone.
  using ClipKeys = std::vector<std::vector<std::uint32_t>>;

  struct Output {
    torch::Tensor scores;     ///< [trial, encoder, row] before the temperature; undefined without a gate
    torch::Tensor weights;    ///< [trial, encoder, row], 0 for what is not kept; undefined where fusion is concat
    torch::Tensor kept;       ///< bool, as weights
    torch::Tensor projected;  ///< [trial, encoder, row, projection_dim]; undefined without a gate
    torch::Tensor fused;      ///< [trial, row, width], what adaptation aligns
    torch::Tensor logits;     ///< [trial, row, column of the head]
  };

  /// `inputs` [encoder] of [trial, row, dim], z-scored. With `draws`: as in training, recorded for backward().
  /// `selection: random` without draws needs `clips`.
  Output forward(const std::vector<torch::Tensor>& inputs, const Draws* draws, const ClipKeys& clips = {});

  /// Logits of the domain discriminator (DANN, CDAN), [trial, row], of features [trial, row, width].
  torch::Tensor domain_logits(const torch::Tensor& features) const;

  /// Takes over the gradient of one projection's weight, which is inputs' outputs. `inputs` is [row, dim], and
  /// `outputs` [row, width] is the gradient of the projection's result. The projection's other gradients are written by
  /// then.
  using ProjectionSink =
      std::function<void(int trial, int encoder, const torch::Tensor& inputs, const torch::Tensor& outputs)>;

  /// Writes `gradients` for the sum over trials of `losses` [trial], made from the last forward() with draws. With a
  /// `sink` (by_pairs() only) those of the projections' weights are not written but handed over.
  void backward(const torch::Tensor& losses, const ProjectionSink& sink = {});
  /// True where the encoders' part goes (trial, encoder) by (trial, encoder), outside of autograd.
  bool by_pairs() const { return by_pairs_; }
  /// Our kernels where this model uses them, else null.
  const GpuKernels* gpu() const { return gpu_; }

  /// The trials at `rows`, with their parameters: what is left when the others are finished.
  FusedModel select(const std::vector<int>& rows) const;

  /// Ranges of the flat buffer that trial `trial` trains.
  struct Range {
    std::int64_t offset, size;
    bool decays;
    int encoder;  ///< whose projection it is; -1: what all encoders share, and the gate's embeddings
  };
  std::vector<Range> ranges(int trial) const;

 private:
  torch::Tensor view(const std::string& name) const;
  torch::Tensor project(const std::vector<torch::Tensor>& inputs, const Draws* draws);
  void project_backward(const ProjectionSink& sink);
  void weight_gradient(std::size_t pair, const torch::Tensor& outputs, const ProjectionSink& sink);
  torch::Tensor project_composite(const std::vector<torch::Tensor>& inputs, const Draws* draws);
  torch::Tensor concatenate(const std::vector<torch::Tensor>& inputs, bool record);
  torch::Tensor gate_scores(const torch::Tensor& projected);
  torch::Tensor scorer_scores(const torch::Tensor& projected);
  torch::Tensor gate(Output& out, const Draws* draws, const ClipKeys& clips);
  torch::Tensor given_ranking(std::int64_t rows, const Draws* draws, const ClipKeys& clips) const;
  torch::Tensor add_noise(const torch::Tensor& scores, const Draws& draws) const;
  torch::Tensor keep_top(const torch::Tensor& scores) const;
  torch::Tensor keep_mass(const torch::Tensor& scores) const;
  torch::Tensor map_scores(const torch::Tensor& scores, const torch::Tensor& over, sweep::Weights weights) const;
  torch::Tensor kept_softmax(const torch::Tensor& scores, const torch::Tensor& kept) const;
  torch::Tensor weighted_sum(const torch::Tensor& weights, const torch::Tensor& kept,
                             const torch::Tensor& projected) const;
  torch::Tensor mean_projection(const torch::Tensor& projected) const;
  torch::Tensor in_rank_order(const Output& out, const torch::Tensor& ranking) const;
  torch::Tensor fuse(Output& out, const torch::Tensor& ranking);
  /// x [trial, row, in] W + b, by the parameters of these names.
  torch::Tensor dense(const torch::Tensor& x, const std::string& weight, const std::string& bias);
  /// The fused features of z: Dropout(GELU(z)), or Dropout(ReLU(z)) of the baseline.
  torch::Tensor activate(const torch::Tensor& z, const Draws* draws) const;
  /// a [trial, n, m] times b [trial, m, o]; of rounded factors where the precision is bfloat16.
  torch::Tensor product(const torch::Tensor& a, const torch::Tensor& b) const;
  /// x [trial, row, in] w [trial, in, out] + b [trial, out], by product().
  torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b) const;
  /// What the dropout of this purpose and name drops in the step of `draws`, trial by trial.
  std::vector<TrialDrop> trial_drops(Purpose purpose, std::uint32_t name, const Draws& draws) const;
  torch::Tensor drop_fused(const torch::Tensor& x, const Draws* draws) const;
  torch::Tensor per_trial(double (*get)(const sweep::Config&)) const;
  void make_views();

  Layout layout_;
  std::vector<ModelTrial> trials_;
  torch::Device device_;
  torch::ScalarType dtype_;
  bool rounds_products_;  ///< precision bfloat16: weights, sums and all else stay in float32
  bool by_pairs_;
  const GpuKernels* gpu_;
  std::vector<torch::Tensor> views_;          ///< [parameter] leaves whose .grad() lies in `gradients`
  torch::Tensor mask_;                        ///< bool [trial, encoder, 1]
  torch::Tensor top_n_, temperature_, mass_;  ///< [trial, 1, 1]

  /// What the hand-written backward of the encoders' part needs from the last forward with draws.
  struct Recorded {
    std::vector<torch::Tensor> inputs;
    torch::Tensor leaf;                ///< what the encoders' part gave; its .grad() comes back
    torch::Tensor normalised, affine;  ///< [trial, encoder, row, width]
    torch::Tensor rstd;                ///< [trial, encoder, row]
  } recorded_;

  /// One trial's projection by one encoder: its place in the flat buffers.
  struct Pair {
    bool active = false;
    torch::Tensor weight, weight_gradient;                  ///< [dim, width]
    std::int64_t bias = 0, norm_weight = 0, norm_bias = 0;  ///< offsets; 0 without a norm
    std::vector<std::uint32_t> draws;                       ///< of the last dropout
  };
  std::vector<Pair> pairs_;  ///< [trial, encoder]
  bool all_active_ = true;
};

/// The device of this name. Throws Error where LibTorch does not know or see it.
torch::Device find_device(const std::string& name);

/// Sets the process's LibTorch and BLAS threads to one: sums then have one order. Also tells the allocator to keep
/// the memory of a step for the next.
void use_one_thread();

}  // namespace medley::trainer
