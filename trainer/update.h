#pragma once

#include <vector>

#include <torch/types.h>

#include "trainer/model/model.h"

namespace medley::trainer {

/// One trial's part in a step of its group.
struct Move {
  bool moves = false;  ///< false: its parameters stay as they are
  double rate = 0;
  long step = 0;       ///< from 1
  bool finite = true;  ///< after the step: all parameters that the trial trains
};

/// Adam or AdamW, with a clipped gradient norm, of every trial of a model.
class Update {
 public:
  explicit Update(const FusedModel& model);

  torch::Tensor first_moment, second_moment;  ///< as FusedModel::parameters

  /// Called when `model` has become its trials at `rows`.
  void select(const FusedModel& model, const torch::Tensor& rows);

  /// True where the projections' weights can step while their gradients are made, which saves writing them. A norm to
  /// clip by and the other ranks' share are only known at the end.
  bool at_once(const FusedModel& model, bool alone) const;
  /// Steps a projection's weight whose gradient is inputs' outputs, for inputs [rows, dim] and outputs [rows, width].
  /// `move` is the trial's. T is the model's type.
  template <class T>
  void step_projection(FusedModel& model, int trial, int encoder, const T* inputs, const T* outputs, int rows,
                       Move& move);

  enum class Which { kAll, kButProjectionWeights };
  /// Steps the trials' other parameters by model.gradients. `moves` [trial].
  void step(FusedModel& model, Which which, std::vector<Move>& moves);

 private:
  void read_ranges(const FusedModel& model);
  void step_on_gpu(FusedModel& model, std::vector<Move>& moves);
  bool step_composite(FusedModel& model, std::size_t trial, const Move& move);
  bool step_on_cpu(FusedModel& model, std::size_t trial, Which which, const Move& move);

  std::vector<std::vector<FusedModel::Range>> ranges_;  ///< [trial]
  torch::Tensor use_;  ///< GpuKernels::mark_use() of ranges_; undefined without such kernels
};

}  // namespace medley::trainer
