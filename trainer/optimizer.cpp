#include "trainer/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "trainer/gemm.h"
#include "trainer/vector_clones.h"

namespace medley::trainer {
namespace {

template <class T>
struct Factors {
  T keep, l2, scale, beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, inverse_root2, epsilon;

  explicit Factors(const AdamStep& s) {
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

template <class T>
inline __attribute__((always_inline)) bool update(T* __restrict p, const T* __restrict g, T* __restrict m,
                                                  T* __restrict v, std::size_t count, const Factors<T> f) {
  T poison = 0;  // stays 0 while everything is finite: x * 0 is NaN for NaN and infinity
  constexpr std::size_t kLanes = 32;
  T lanes[kLanes] = {};
  const auto one = [&](std::size_t i) __attribute__((always_inline)) {
    const T gradient = g[i] * f.scale + f.l2 * p[i];
    const T first = f.beta1 * m[i] + f.one_minus_beta1 * gradient;
    const T second = f.beta2 * v[i] + f.one_minus_beta2 * gradient * gradient;
    m[i] = first;
    v[i] = second;
    const T next = f.keep * p[i] - f.step_size * first / (std::sqrt(second) * f.inverse_root2 + f.epsilon);
    p[i] = next;
    return next * T(0);
  };
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += one(i + lane);
  }
  for (; i < count; ++i) poison += one(i);
  for (const T lane : lanes) poison += lane;
  return poison == T(0);
}

/// 32 running sums, then one: the same order whatever the vector unit.
template <class T>
inline __attribute__((always_inline)) double squares(const T* g, std::size_t count) {
  constexpr std::size_t kLanes = 32;
  double lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const auto x = static_cast<double>(g[i + lane]);
      lanes[lane] += x * x;
    }
  }
  for (; i < count; ++i) lanes[i % kLanes] += static_cast<double>(g[i]) * static_cast<double>(g[i]);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

MEDLEY_VECTOR_CLONES
bool update_float(float* p, const float* g, float* m, float* v, std::size_t count, const Factors<float>& f) {
  return update(p, g, m, v, count, f);
}

MEDLEY_VECTOR_CLONES
bool update_double(double* p, const double* g, double* m, double* v, std::size_t count, const Factors<double>& f) {
  return update(p, g, m, v, count, f);
}

}  // namespace

bool adam_update(float* p, const float* g, float* m, float* v, std::size_t count, const AdamStep& step) {
  return update_float(p, g, m, v, count, Factors<float>(step));
}

bool adam_update(double* p, const double* g, double* m, double* v, std::size_t count, const AdamStep& step) {
  return update_double(p, g, m, v, count, Factors<double>(step));
}

template <class T>
bool adam_update_product(T* p, T* m, T* v, const T* x, const T* d, int rows, int dim, int width, const AdamStep& step) {
  constexpr int kStrip = 8;
  std::vector<T> gradient(static_cast<std::size_t>(kStrip) * static_cast<std::size_t>(width));
  const Factors<T> factors(step);
  bool finite = true;
  for (int first = 0; first < dim; first += kStrip) {
    const int count = std::min(kStrip, dim - first);
    multiply_transposed(x, d, rows, dim, width, first, count, gradient.data());
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(first) * width;
    const auto numbers = static_cast<std::size_t>(count) * static_cast<std::size_t>(width);
    if constexpr (sizeof(T) == sizeof(float)) {
      finite &= update_float(p + at, gradient.data(), m + at, v + at, numbers, factors);
    } else {
      finite &= update_double(p + at, gradient.data(), m + at, v + at, numbers, factors);
    }
  }
  return finite;
}
template bool adam_update_product(float*, float*, float*, const float*, const float*, int, int, int, const AdamStep&);
template bool adam_update_product(double*, double*, double*, const double*, const double*, int, int, int,
                                  const AdamStep&);

MEDLEY_VECTOR_CLONES
double sum_of_squares(const float* g, std::size_t count) { return squares(g, count); }

MEDLEY_VECTOR_CLONES
double sum_of_squares(const double* g, std::size_t count) { return squares(g, count); }

double scheduled_rate(double peak, Decay decay, long step, long warmup, long total) {
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (decay == Decay::kConstant) return peak;
  const double progress = static_cast<double>(step - warmup) / static_cast<double>(total - warmup);
  return peak * 0.5 * (1 + std::cos(M_PI * progress));
}

}  // namespace medley::trainer
