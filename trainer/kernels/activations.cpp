#include "trainer/kernels/activations.h"

#include <cmath>
#include <cstring>

#include "trainer/kernels/vector_clones.h"

namespace medley::trainer {
namespace {

#define MEDLEY_INLINE inline __attribute__((always_inline))

MEDLEY_INLINE std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

MEDLEY_INLINE float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// e^x for x <= 88, by the polynomial of Cephes' expf; 1e-38 for all x below -87. NaN stays NaN.
MEDLEY_INLINE float exponential(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: a sum with it has no digits after the point
  x = x < -87.0F ? -87.0F : x;
  const float shifted = x * 1.44269504088896341F + kRound, n = shifted - kRound;
  x = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * x + 1.3981999507e-3F;
  p = p * x + 8.3334519073e-3F;
  p = p * x + 4.1665795894e-2F;
  p = p * x + 1.6666665459e-1F;
  p = p * x + 5.0000001201e-1F;
  return (p * x * x + x + 1.0F) * float_of((bits_of(shifted) - bits_of(kRound) + 127) << 23);
}

/// The error function, by two minimax polynomials: of x, and of the logarithm of 1 - erf beyond .928.
MEDLEY_INLINE float error_function(float x) {
  const float t = std::fabs(x), s = x * x;
  float far = 3.83197126e-4F - 1.72853470e-5F * t;
  far = far * s + (2.42546219e-2F - 3.88396438e-3F * t);
  far = far * t - 1.06777877e-1F;
  far = far * t - 6.34846687e-1F;
  far = far * t - 1.28717512e-1F;
  far = far * t - t;
  far = std::copysign(1.0F - exponential(far), x);
  float near = -5.96761703e-4F;
  near = near * s + 4.99119423e-3F;
  near = near * s - 2.67681349e-2F;
  near = near * s + 1.12819925e-1F;
  near = near * s - 3.76125336e-1F;
  near = near * s + 1.28379166e-1F;
  near = near * x + x;
  return t > 0.927734375F ? far : near;
}

/// By the polynomial of Cephes' tanhf below .625.
MEDLEY_INLINE float tangent(float x) {
  const float t = std::fabs(x), s = x * x;
  const float far = std::copysign(1.0F - 2.0F / (exponential(t < 20.0F ? 2.0F * t : 40.0F) + 1.0F), x);
  float near = -5.70498872745e-3F;
  near = near * s + 2.06390887954e-2F;
  near = near * s - 5.37397155531e-2F;
  near = near * s + 1.33314422036e-1F;
  near = near * s - 3.33332819422e-1F;
  near = near * s * x + x;
  return t > 0.625F ? far : near;
}

template <class T>
constexpr T kRootHalf = static_cast<T>(0.70710678118654752440);
template <class T>
constexpr T kDensityAtZero = static_cast<T>(0.39894228040143267794);  ///< of N(0, 1)

MEDLEY_VECTOR_CLONES
void gelu_float(const float* x, std::int64_t count, float* y) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] * (0.5F * (1.0F + error_function(x[i] * kRootHalf<float>)));
}

MEDLEY_VECTOR_CLONES
void gelu_backward_float(const float* x, std::int64_t count, float* d) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float below = 0.5F * (1.0F + error_function(x[i] * kRootHalf<float>));
    d[i] *= below + x[i] * (kDensityAtZero<float> * exponential(-0.5F * x[i] * x[i]));
  }
}

MEDLEY_VECTOR_CLONES
void hyperbolic_tangent_float(float* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = tangent(x[i]);
}

}  // namespace

template <>
void gelu<float>(const float* x, std::int64_t count, float* y) {
  gelu_float(x, count, y);
}

template <>
void gelu_backward<float>(const float* x, std::int64_t count, float* d) {
  gelu_backward_float(x, count, d);
}

template <>
void hyperbolic_tangent<float>(float* x, std::int64_t count) {
  hyperbolic_tangent_float(x, count);
}

template <>
void gelu<double>(const double* x, std::int64_t count, double* y) {
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] * (0.5 * (1 + std::erf(x[i] * kRootHalf<double>)));
}

template <>
void gelu_backward<double>(const double* x, std::int64_t count, double* d) {
  for (std::int64_t i = 0; i < count; ++i) {
    const double below = 0.5 * (1 + std::erf(x[i] * kRootHalf<double>));
    d[i] *= below + x[i] * (kDensityAtZero<double> * std::exp(-0.5 * x[i] * x[i]));
  }
}

template <>
void hyperbolic_tangent<double>(double* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = std::tanh(x[i]);
}

}  // namespace medley::trainer
