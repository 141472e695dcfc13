#include "trainer/kernels/layer_norm.h"

#include <algorithm>
#include <cmath>

#include "trainer/kernels/vector_clones.h"

namespace medley::trainer {
namespace {

constexpr int kLanes = 16;

#define MEDLEY_INLINE inline __attribute__((always_inline))

/// Sum over j of term(j), in 16 running sums.
template <class T, class Term>
MEDLEY_INLINE T lane_sum(int width, Term term) {
  T lanes[kLanes] = {};
  int j = 0;
  for (; j + kLanes <= width; j += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += term(j + lane);
  }
  for (int lane = 0; j < width; ++j, ++lane) lanes[lane] += term(j);
  T sum = 0;
  for (const T lane : lanes) sum += lane;
  return sum;
}

template <class T>
MEDLEY_INLINE void forward(T* z, const T* __restrict bias, const T* __restrict weight, const T* __restrict shift,
                           int rows, int width, T* rstd, T* y) {
  for (int i = 0; i < rows; ++i) {
    T* __restrict row = z + static_cast<std::ptrdiff_t>(i) * width;
    T* __restrict out = y + static_cast<std::ptrdiff_t>(i) * width;
    for (int j = 0; j < width; ++j) row[j] += bias[j];
    const T mean = lane_sum<T>(
                       width, [&](int j) __attribute__((always_inline)) { return row[j]; }) /
                   static_cast<T>(width);
    const T variance = lane_sum<T>(
                           width,
                           [&](int j) __attribute__((always_inline)) {
                             const T difference = row[j] - mean;
                             return difference * difference;
                           }) /
                       static_cast<T>(width);
    const T inverse = T(1) / std::sqrt(variance + static_cast<T>(kLayerNormEpsilon));
    rstd[i] = inverse;
    for (int j = 0; j < width; ++j) {
      row[j] = (row[j] - mean) * inverse;
      out[j] = row[j] * weight[j] + shift[j];
    }
  }
}

template <class T>
MEDLEY_INLINE void backward(const T* z, const T* rstd, const T* __restrict weight, int rows, int width, T* dy,
                            T* __restrict dbias, T* __restrict dweight, T* __restrict dshift) {
  std::fill(dbias, dbias + width, T(0));
  std::fill(dweight, dweight + width, T(0));
  std::fill(dshift, dshift + width, T(0));
  for (int i = 0; i < rows; ++i) {
    const T* __restrict row = z + static_cast<std::ptrdiff_t>(i) * width;
    T* __restrict d = dy + static_cast<std::ptrdiff_t>(i) * width;
    for (int j = 0; j < width; ++j) {
      dweight[j] += d[j] * row[j];
      dshift[j] += d[j];
      d[j] *= weight[j];
    }
    const T mean = lane_sum<T>(
                       width, [&](int j) __attribute__((always_inline)) { return d[j]; }) /
                   static_cast<T>(width);
    const T slope = lane_sum<T>(
                        width, [&](int j) __attribute__((always_inline)) { return d[j] * row[j]; }) /
                    static_cast<T>(width);
    const T inverse = rstd[i];
    for (int j = 0; j < width; ++j) {
      d[j] = inverse * (d[j] - mean - row[j] * slope);
      dbias[j] += d[j];
    }
  }
}

template <class T>
MEDLEY_INLINE void drop_all(T* __restrict x, const std::uint32_t* __restrict bits, std::uint32_t threshold, T scale,
                            std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = bits[i] >= threshold ? x[i] * scale : T(0);
}

}  // namespace

// target_clones does not apply to templates: one clone set a type, around the inlined body.
#define MEDLEY_KERNELS(T)                                                                                         \
  MEDLEY_VECTOR_CLONES static void forward_##T(T* z, const T* bias, const T* weight, const T* shift, int rows,    \
                                               int width, T* rstd, T* y) {                                        \
    forward<T>(z, bias, weight, shift, rows, width, rstd, y);                                                     \
  }                                                                                                               \
  MEDLEY_VECTOR_CLONES static void backward_##T(const T* z, const T* rstd, const T* weight, int rows, int width,  \
                                                T* dy, T* dbias, T* dweight, T* dshift) {                         \
    backward<T>(z, rstd, weight, rows, width, dy, dbias, dweight, dshift);                                        \
  }                                                                                                               \
  MEDLEY_VECTOR_CLONES static void drop_##T(T* x, const std::uint32_t* bits, std::uint32_t threshold, T scale,    \
                                            std::int64_t count) {                                                 \
    drop_all<T>(x, bits, threshold, scale, count);                                                                \
  }                                                                                                               \
  template <>                                                                                                     \
  void layer_norm_forward<T>(T * z, const T* bias, const T* weight, const T* shift, int rows, int width, T* rstd, \
                             T* y) {                                                                              \
    forward_##T(z, bias, weight, shift, rows, width, rstd, y);                                                    \
  }                                                                                                               \
  template <>                                                                                                     \
  void layer_norm_backward<T>(const T* z, const T* rstd, const T* weight, int rows, int width, T* dy, T* dbias,   \
                              T* dweight, T* dshift) {                                                            \
    backward_##T(z, rstd, weight, rows, width, dy, dbias, dweight, dshift);                                       \
  }                                                                                                               \
  template <>                                                                                                     \
  void drop<T>(T * x, const std::uint32_t* bits, std::uint32_t threshold, T scale, std::int64_t count) {          \
    drop_##T(x, bits, threshold, scale, count);                                                                   \
  }

MEDLEY_KERNELS(float)
MEDLEY_KERNELS(double)

}  // namespace medley::trainer
