#include "trainer/kernels/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "trainer/kernels/adam_element.h"
#include "trainer/kernels/gemm.h"
#include "trainer/kernels/vector_clones.h"

namespace medley::trainer {
namespace {

template <class T>
inline __attribute__((always_inline)) bool update(T* __restrict p, const T* __restrict g, T* __restrict m,
                                                  T* __restrict v, std::size_t count, const AdamFactors<T> f) {
  T poison = 0;  // stays 0 while everything is finite: x * 0 is NaN for NaN and infinity
  constexpr std::size_t kLanes = 32;
  T lanes[kLanes] = {};
  const auto one = [&](std::size_t i) __attribute__((always_inline)) {
    T parameter = p[i], first = m[i], second = v[i];
    adam_element(parameter, g[i], first, second, f);
    m[i] = first;
    v[i] = second;
    p[i] = parameter;
    return parameter * T(0);
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
bool update_float(float* p, const float* g, float* m, float* v, std::size_t count, const AdamFactors<float>& f) {
  return update(p, g, m, v, count, f);
}

MEDLEY_VECTOR_CLONES
bool update_double(double* p, const double* g, double* m, double* v, std::size_t count, const AdamFactors<double>& f) {
  return update(p, g, m, v, count, f);
}

}  // namespace

bool adam_update(float* p, const float* g, float* m, float* v, std::size_t count, const AdamStep& step) {
  return update_float(p, g, m, v, count, AdamFactors<float>(step));
}

bool adam_update(double* p, const double* g, double* m, double* v, std::size_t count, const AdamStep& step) {
  return update_double(p, g, m, v, count, AdamFactors<double>(step));
}

template <class T>
bool adam_update_product(T* p, T* m, T* v, const T* x, const T* d, int rows, int dim, int width, const AdamStep& step) {
  constexpr int kStrip = 8, kLine = 64;
  std::vector<T> gradient(static_cast<std::size_t>(kStrip) * static_cast<std::size_t>(width));
  const AdamFactors<T> factors(step);
  bool finite = true;
  for (int first = 0; first < dim; first += kStrip) {
    const int count = std::min(kStrip, dim - first);
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(first) * width;
    const auto numbers = static_cast<std::size_t>(count) * static_cast<std::size_t>(width);
    // They come from memory while the gradient is made.
    for (std::size_t i = 0; i < numbers; i += kLine / sizeof(T)) {
      for (const T* from : {p, m, v}) __builtin_prefetch(from + at + i, 1);
    }
    multiply_transposed(x, d, rows, dim, width, first, count, gradient.data());
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
