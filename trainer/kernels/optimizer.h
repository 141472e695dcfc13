#pragma once

#include <cstddef>

namespace medley::trainer {

/// One trial's step of Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019), bias-corrected.
struct AdamStep {
  double learning_rate = 0;
  double decoupled_decay = 0;  ///< AdamW: p -= learning_rate * decay * p, before the step
  double l2_decay = 0;         ///< Adam: decay * p is added to the gradient
  double gradient_scale = 1;   ///< below 1 where the gradient's norm was clipped
  long step = 1;               ///< from 1
  static constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
};

/// Updates `count` parameters in one pass; `m` and `v` are their moments. Buffers must not overlap.
/// Returns false when a parameter is no longer finite.
bool adam_update(float* p, const float* g, float* m, float* v, std::size_t count, const AdamStep& step);
bool adam_update(double* p, const double* g, double* m, double* v, std::size_t count, const AdamStep& step);

/// The same for a weight [dim, width] whose gradient is x' d, x [rows, dim] and d [rows, width]. The gradient is
/// computed strip by strip in the first-level cache and never written out.
template <class T>
bool adam_update_product(T* p, T* m, T* v, const T* x, const T* d, int rows, int dim, int width, const AdamStep& step);

/// Sum of squares, accumulated in double in a fixed order.
double sum_of_squares(const float* g, std::size_t count);
double sum_of_squares(const double* g, std::size_t count);

/// Learning rate of optimiser step `step` (from 0) of `total`. It rises linearly over the first `warmup` steps (the
/// first step already moves). It then stays constant, or follows half a cosine that would reach zero at step `total`.
enum class Decay { kConstant, kCosine };
double scheduled_rate(double peak, Decay decay, long step, long warmup, long total);

}  // namespace medley::trainer
