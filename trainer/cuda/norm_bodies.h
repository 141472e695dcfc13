#pragma once

#include <cmath>
#include <cstdint>

#include "trainer/cuda/lanes.h"

namespace medley::trainer::cuda {

/// GELU(x) = x Phi(x), with the exact normal distribution (Hendrycks & Gimpel 2016).
template <class T>
MEDLEY_BOTH inline T gelu(T x) {
  return x * T(0.5) * (T(1) + std::erf(x * T(0.70710678118654752440)));
}

/// Its derivative, Phi(x) + x phi(x).
template <class T>
MEDLEY_BOTH inline T gelu_slope(T x) {
  const T distribution = T(0.5) * (T(1) + std::erf(x * T(0.70710678118654752440)));
  return distribution + x * T(0.39894228040143267794) * std::exp(T(-0.5) * x * x);
}

/// The vectors [width] that a trial's norm has; trial k's lie k * stride further on.
template <class T>
struct NormVectors {
  const T *weight, *shift;
  std::int64_t stride;
};

/// y = GELU(norm(z) * weight + shift), one warp a row of z [trial, row, width]; keeps norm(z) and 1/sd for the
/// gradient.
template <class T>
struct NormGeluBody {
  const T* z;
  NormVectors<T> vectors;
  std::int64_t rows, width;
  T epsilon;  ///< added to the variance
  T *normalised, *rstd, *y;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t row, const Lanes& lanes) const {
    const std::int64_t at = k * rows + row;
    const int count = static_cast<int>(width);
    const T* in = z + at * width;
    const T *weight = vectors.weight + k * vectors.stride, *shift = vectors.shift + k * vectors.stride;
    const T mean = lanes.sum<T>(count, [&](int j) { return in[j]; }) / static_cast<T>(width);
    const T variance = lanes.sum<T>(count, [&](int j) {
      const T difference = in[j] - mean;
      return difference * difference;
    }) / static_cast<T>(width);
    const T inverse = T(1) / std::sqrt(variance + epsilon);
    rstd[at] = inverse;
    lanes.each(count, [&](int j) {
      const T x = (in[j] - mean) * inverse;
      normalised[at * width + j] = x;
      y[at * width + j] = gelu(x * weight[j] + shift[j]);
    });
  }
};

/// From d, the gradient of y: that of z, and `daffine`, that of norm(z) * weight + shift. One warp a row.
template <class T>
struct NormGeluBackwardBody {
  const T *d, *normalised, *rstd;
  NormVectors<T> vectors;
  std::int64_t rows, width;
  T *daffine, *dz;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t row, const Lanes& lanes) const {
    const std::int64_t at = k * rows + row;
    const int count = static_cast<int>(width);
    const T *from = d + at * width, *x = normalised + at * width;
    const T *weight = vectors.weight + k * vectors.stride, *shift = vectors.shift + k * vectors.stride;
    T *affine = daffine + at * width, *to = dz + at * width;
    lanes.each(count, [&](int j) { affine[j] = from[j] * gelu_slope(x[j] * weight[j] + shift[j]); });
    const T mean = lanes.sum<T>(count, [&](int j) { return affine[j] * weight[j]; }) / static_cast<T>(width);
    const T slope = lanes.sum<T>(count, [&](int j) { return affine[j] * weight[j] * x[j]; }) / static_cast<T>(width);
    const T inverse = rstd[at];
    lanes.each(count, [&](int j) { to[j] = inverse * (affine[j] * weight[j] - mean - x[j] * slope); });
  }
};

/// The gradients of the norm's weight and shift, [trial, width]: sums over rows, one thread a column.
template <class T>
struct NormVectorsBackwardBody {
  const T *daffine, *normalised;  ///< [trial, row, width]
  std::int64_t rows, width;
  T *dweight, *dshift;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t column) const {
    T weight = 0, shift = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t at = (k * rows + row) * width + column;
      weight += daffine[at] * normalised[at];
      shift += daffine[at];
    }
    dweight[k * width + column] = weight;
    dshift[k * width + column] = shift;
  }
};

}  // namespace medley::trainer::cuda
