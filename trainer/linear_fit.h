#pragma once

#include <functional>
#include <vector>

#include <torch/types.h>

#include "trainer/objective.h"
#include "trainer/trial_state.h"

namespace medley::trainer {

/// Some training rows of a trial, in chunks, with their targets.
struct FitRows {
  struct Chunk {
    std::vector<int> clips;
    Targets targets;  ///< of one trial, float64
    double blends = 0;
  };
  std::vector<Chunk> chunks;
  double count = 0, blends = 0;
};

/// What a linear trial with `optimizer: lbfgs` minimises. It is the mean of the head's losses over rows, plus decay / 2
/// times the sum of squared weights (not biases), which is strictly convex in the weights. In float64 on the CPU.
class LinearObjective {
 public:
  /// `trial` and `features` are borrowed.
  LinearObjective(TrialState& trial, const Features& features);

  /// The training rows at `places` of TrialState::train.
  FitRows rows_at(const std::vector<int>& places) const;

  struct Value {
    double loss = 0;                     ///< weighted, without the penalty
    std::vector<sweep::LossTerm> terms;  ///< unweighted
  };
  /// At `parameters` [layout.size]. `gradient`, of the same size, is overwritten where it is given, and so is `squares`
  /// [logit]: the mean over rows of the squared derivative by a logit.
  Value losses(const FitRows& rows, const std::vector<double>& parameters, std::vector<double>* gradient = nullptr,
               torch::Tensor* squares = nullptr) const;
  /// With the penalty.
  double value(const FitRows& rows, double decay, const std::vector<double>& parameters,
               std::vector<double>& gradient) const;

  /// Of value(), as if logits were independent and each had the same second derivative in all rows. The Hessian of the
  /// weights of logit k is then c_k X'X / n + decay, and that of its bias c_k. c_k is the mean squared derivative at
  /// zero (the empirical Fisher information), as of a maximum likelihood.
  struct Curvature {
    torch::Tensor vectors, values;  ///< of X'X / n; not defined beyond kMostRotated columns, where X'X / n counts as 1
    torch::Tensor logits;           ///< c [logit]
  };
  static constexpr std::int64_t kMostRotated = 1024;
  Curvature curvature(const FitRows& rows) const;
  /// Multiplies by the inverse of that Hessian.
  void divide(std::vector<double>& gradient, const Curvature& curvature, double decay) const;

 private:
  /// z-scored, [row, column] of each encoder.
  std::vector<torch::Tensor> inputs_of(const FitRows::Chunk& chunk) const;

  TrialState& trial_;
  const Features& features_;
  FusedModel model_;  ///< for the shapes of its trial
  Objective objective_;
};

/// Trains a trial with `optimizer: lbfgs` to its end, which is one epoch. Starts at zero, or at the mean of the fits
/// that tuned the decay, so that the seed decides nothing. `poll` is called before every evaluation of the objective,
/// and may throw.
void fit_linear(TrialState& trial, const Features& features, torch::Device device, const std::function<void()>& poll);

}  // namespace medley::trainer
