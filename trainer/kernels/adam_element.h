#pragma once

#include <cmath>

#include "sweep/both.h"
#include "trainer/kernels/optimizer.h"

namespace medley::trainer {

/// What an AdamStep multiplies by, in the arithmetic of T.
template <class T>
struct AdamFactors {
  T keep, l2, scale, beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, inverse_root2, epsilon;

  explicit AdamFactors(const AdamStep& s) {
    const double correction1 = 1 - std::pow(AdamStep::kBeta1, static_cast<double>(s.step));
    const double correction2 = 1 - std::pow(AdamStep::kBeta2, static_cast<double>(s.step));
    keep = static_cast<T>(1 - s.learning_rate * s.decoupled_decay);
    l2 = static_cast<T>(s.l2_decay);
    scale = static_cast<T>(s.gradient_scale);
    beta1 = static_cast<T>(AdamStep::kBeta1);
    one_minus_beta1 = static_cast<T>(1 - AdamStep::kBeta1);
    beta2 = static_cast<T>(AdamStep::kBeta2);
    one_minus_beta2 = static_cast<T>(1 - AdamStep::kBeta2);
    step_size = static_cast<T>(s.learning_rate / correction1);
    inverse_root2 = static_cast<T>(1 / std::sqrt(correction2));
    epsilon = static_cast<T>(AdamStep::kEpsilon);
  }
};

/// One parameter's step: updates p and its moments m and v by the gradient g. The CPU's loop and the GPU's kernel both
/// call it, and neither fuses a product with a sum, so that they give the same bits.
template <class T>
MEDLEY_BOTH inline __attribute__((always_inline)) void adam_element(T& p, T g, T& m, T& v, const AdamFactors<T>& f) {
  const T gradient = g * f.scale + f.l2 * p;
  m = f.beta1 * m + f.one_minus_beta1 * gradient;
  v = f.beta2 * v + f.one_minus_beta2 * gradient * gradient;
  p = f.keep * p - f.step_size * m / (std::sqrt(v) * f.inverse_root2 + f.epsilon);
}

/// Factor that brings a gradient whose squares sum to `squares` to a norm of at most `clip`; 1 where clipping is off.
MEDLEY_BOTH inline double clip_factor(double squares, double clip) {
  const double norm = std::sqrt(squares);
  return clip > 0 && norm > clip ? clip / norm : 1;
}

}  // namespace medley::trainer
