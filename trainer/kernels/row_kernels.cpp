#include "trainer/kernels/row_kernels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "trainer/kernels/vector_clones.h"

namespace medley::trainer {
namespace {

#define MEDLEY_INLINE inline __attribute__((always_inline))

constexpr int kLanes = 16;

/// In 16 running sums.
template <class T>
MEDLEY_INLINE T dot(const T* __restrict x, const T* __restrict w, int width) {
  T lanes[kLanes] = {};
  int j = 0;
  for (; j + kLanes <= width; j += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += x[j + lane] * w[j + lane];
  }
  for (int lane = 0; j < width; ++j, ++lane) lanes[lane] += x[j] * w[j];
  T sum = 0;
  for (const T lane : lanes) sum += lane;
  return sum;
}

template <class T>
MEDLEY_INLINE void add_bias_to(T* __restrict x, const T* __restrict bias, int rows, int width) {
  for (int i = 0; i < rows; ++i, x += width) {
    for (int j = 0; j < width; ++j) x[j] += bias[j];
  }
}

template <class T>
MEDLEY_INLINE void sum_of_rows(const T* __restrict x, int rows, int width, T* __restrict out) {
  std::fill(out, out + width, T(0));
  for (int i = 0; i < rows; ++i, x += width) {
    for (int j = 0; j < width; ++j) out[j] += x[j];
  }
}

template <class T>
MEDLEY_INLINE void dots(const T* x, const T* w, int rows, int width, T* out) {
  for (int i = 0; i < rows; ++i, x += width) out[i] = dot(x, w, width);
}

template <class T>
MEDLEY_INLINE void scorer(const T* __restrict a, const T* __restrict w, const T* ds, int rows, int width,
                          T* __restrict dz, T* __restrict dw) {
  std::fill(dw, dw + width, T(0));
  for (int i = 0; i < rows; ++i, a += width, dz += width) {
    const T s = ds[i];
    for (int j = 0; j < width; ++j) {
      dw[j] += s * a[j];
      dz[j] = s * w[j] * (T(1) - a[j] * a[j]);
    }
  }
}

template <class T>
MEDLEY_INLINE void add_scaled(T* __restrict out, const T* __restrict x, T scale, int width) {
  for (int j = 0; j < width; ++j) out[j] += scale * x[j];
}

template <class T>
MEDLEY_INLINE void scaled(T* __restrict out, const T* __restrict x, T scale, int width) {
  for (int j = 0; j < width; ++j) out[j] = scale * x[j];
}

template <class T>
MEDLEY_INLINE void pooled_rows(const T* weights, const bool* kept, const T* h, int encoders, int rows, int width,
                               T* pooled) {
  const std::ptrdiff_t stride = width;
  std::fill(pooled, pooled + rows * stride, T(0));
  for (int i = 0; i < encoders * rows; ++i) {
    if (kept[i]) add_scaled(pooled + (i % rows) * stride, h + i * stride, weights[i], width);
  }
}

template <class T>
MEDLEY_INLINE void pooled_backward(const T* weights, const bool* kept, const T* h, const T* d, int encoders, int rows,
                                   int width, T* dh, T* dweights) {
  const std::ptrdiff_t stride = width;
  for (int i = 0; i < encoders * rows; ++i) {
    if (!kept[i]) {
      std::fill(dh + i * stride, dh + (i + 1) * stride, T(0));
      dweights[i] = 0;
      continue;
    }
    const T* row = d + (i % rows) * stride;
    scaled(dh + i * stride, row, weights[i], width);
    dweights[i] = dot(row, h + i * stride, width);
  }
}

}  // namespace

// target_clones does not apply to templates: one clone set a type, around the inlined body.
#define MEDLEY_ROW_KERNELS(T)                                                                                          \
  MEDLEY_VECTOR_CLONES static void add_bias_##T(T* x, const T* bias, int rows, int width) {                            \
    add_bias_to<T>(x, bias, rows, width);                                                                              \
  }                                                                                                                    \
  MEDLEY_VECTOR_CLONES static void sum_rows_##T(const T* x, int rows, int width, T* out) {                             \
    sum_of_rows<T>(x, rows, width, out);                                                                               \
  }                                                                                                                    \
  MEDLEY_VECTOR_CLONES static void row_dots_##T(const T* x, const T* w, int rows, int width, T* out) {                 \
    dots<T>(x, w, rows, width, out);                                                                                   \
  }                                                                                                                    \
  MEDLEY_VECTOR_CLONES static void scorer_##T(const T* a, const T* w, const T* ds, int rows, int width, T* dz,         \
                                              T* dw) {                                                                 \
    scorer<T>(a, w, ds, rows, width, dz, dw);                                                                          \
  }                                                                                                                    \
  MEDLEY_VECTOR_CLONES static void pool_##T(const T* weights, const bool* kept, const T* h, int encoders, int rows,    \
                                            int width, T* pooled) {                                                    \
    pooled_rows<T>(weights, kept, h, encoders, rows, width, pooled);                                                   \
  }                                                                                                                    \
  MEDLEY_VECTOR_CLONES static void pool_backward_##T(const T* weights, const bool* kept, const T* h, const T* d,       \
                                                     int encoders, int rows, int width, T* dh, T* dweights) {          \
    pooled_backward<T>(weights, kept, h, d, encoders, rows, width, dh, dweights);                                      \
  }                                                                                                                    \
  template <>                                                                                                          \
  void add_bias<T>(T * x, const T* bias, int rows, int width) {                                                        \
    add_bias_##T(x, bias, rows, width);                                                                                \
  }                                                                                                                    \
  template <>                                                                                                          \
  void sum_rows<T>(const T* x, int rows, int width, T* out) {                                                          \
    sum_rows_##T(x, rows, width, out);                                                                                 \
  }                                                                                                                    \
  template <>                                                                                                          \
  void row_dots<T>(const T* x, const T* w, int rows, int width, T* out) {                                              \
    row_dots_##T(x, w, rows, width, out);                                                                              \
  }                                                                                                                    \
  template <>                                                                                                          \
  void scorer_backward<T>(const T* a, const T* w, const T* ds, int rows, int width, T* dz, T* dw) {                    \
    scorer_##T(a, w, ds, rows, width, dz, dw);                                                                         \
  }                                                                                                                    \
  template <>                                                                                                          \
  void pool<T>(const T* weights, const bool* kept, const T* h, int encoders, int rows, int width, T* pooled) {         \
    pool_##T(weights, kept, h, encoders, rows, width, pooled);                                                         \
  }                                                                                                                    \
  template <>                                                                                                          \
  void pool_backward<T>(const T* weights, const bool* kept, const T* h, const T* d, int encoders, int rows, int width, \
                        T* dh, T* dweights) {                                                                          \
    pool_backward_##T(weights, kept, h, d, encoders, rows, width, dh, dweights);                                       \
  }

MEDLEY_ROW_KERNELS(float)
MEDLEY_ROW_KERNELS(double)

template <class T>
void keep_best(const T* scores, const bool* active, int top_n, int encoders, int rows, bool* kept) {
  for (int r = 0; r < rows; ++r) {
    for (int e = 0; e < encoders; ++e) {
      const T own = scores[e * rows + r];
      int rank = 0;
      for (int o = 0; o < encoders; ++o) {
        const T other = scores[o * rows + r];
        rank += active[o] && (other > own || (other == own && o < e));
      }
      kept[e * rows + r] = active[e] && rank < top_n;
    }
  }
}
template void keep_best(const float*, const bool*, int, int, int, bool*);
template void keep_best(const double*, const bool*, int, int, int, bool*);

template <class T>
void kept_softmax(const T* scores, const bool* kept, T temperature, int encoders, int rows, T* weights) {
  const int all = encoders * rows;
  for (int r = 0; r < rows; ++r) {
    T top = -std::numeric_limits<T>::infinity(), sum = 0;
    for (int i = r; i < all; i += rows) {
      if (kept[i]) top = std::max(top, scores[i] / temperature);
    }
    for (int i = r; i < all; i += rows) {
      weights[i] = kept[i] ? std::exp(scores[i] / temperature - top) : T(0);
      sum += weights[i];
    }
    for (int i = r; i < all; i += rows) weights[i] = kept[i] ? weights[i] / sum : T(0);
  }
}
template void kept_softmax(const float*, const bool*, float, int, int, float*);
template void kept_softmax(const double*, const bool*, double, int, int, double*);

template <class T>
void kept_softmax_backward(const T* weights, const bool* kept, const T* d, T temperature, int encoders, int rows,
                           T* dscores) {
  const int all = encoders * rows;
  for (int r = 0; r < rows; ++r) {
    T mean = 0;
    for (int i = r; i < all; i += rows) {
      if (kept[i]) mean += weights[i] * d[i];
    }
    for (int i = r; i < all; i += rows) dscores[i] = kept[i] ? weights[i] * (d[i] - mean) / temperature : T(0);
  }
}
template void kept_softmax_backward(const float*, const bool*, const float*, float, int, int, float*);
template void kept_softmax_backward(const double*, const bool*, const double*, double, int, int, double*);

}  // namespace medley::trainer
