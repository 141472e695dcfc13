#include "trainer/kernels/gemm.h"

#include <algorithm>
#include <cstddef>

#include "trainer/kernels/vector_clones.h"

namespace medley::trainer {
namespace {

#define MEDLEY_INLINE inline __attribute__((always_inline))

/// One AVX-512 register; on older machines the compiler splits it.
template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(64), aligned(alignof(T)), may_alias));
  static constexpr int kSize = 64 / sizeof(T);
};

/// Columns of a tile, in vectors; with four rows the tile fills half of the 32 registers.
constexpr int kVectors = 4;
constexpr int kRows = 4;
/// Terms added before a tile goes back to memory: 32 rows of a tile of w stay in the first-level cache.
constexpr int kDepth = 32;

/// a [Rows, kVectors] += sum over t < terms of x[t * x_term + r * x_row] * d[t * d_term ...].
template <int Rows, class T>
MEDLEY_INLINE void add_tile(typename Vector<T>::type (&a)[Rows][kVectors], const T* x, std::ptrdiff_t x_term,
                            std::ptrdiff_t x_row, const T* d, std::ptrdiff_t d_term, int terms) {
  using V = typename Vector<T>::type;
  constexpr int kSize = Vector<T>::kSize;
  for (int t = 0; t < terms; ++t, x += x_term, d += d_term) {
    const V d0 = *reinterpret_cast<const V*>(d), d1 = *reinterpret_cast<const V*>(d + kSize),
            d2 = *reinterpret_cast<const V*>(d + 2 * kSize), d3 = *reinterpret_cast<const V*>(d + 3 * kSize);
    for (int r = 0; r < Rows; ++r) {
      const T s = x[r * x_row];
      a[r][0] += s * d0;
      a[r][1] += s * d1;
      a[r][2] += s * d2;
      a[r][3] += s * d3;
    }
  }
}

/// out [Rows, kVectors vectors] (+)= the tile's sum.
template <int Rows, class T>
MEDLEY_INLINE void tile(const T* x, std::ptrdiff_t x_term, std::ptrdiff_t x_row, const T* d, std::ptrdiff_t d_term,
                        int terms, bool from_zero, T* out, std::ptrdiff_t out_row) {
  using V = typename Vector<T>::type;
  constexpr int kSize = Vector<T>::kSize;
  V a[Rows][kVectors] = {};
  if (!from_zero) {
    for (int r = 0; r < Rows; ++r) {
      for (int c = 0; c < kVectors; ++c) a[r][c] = *reinterpret_cast<const V*>(out + r * out_row + c * kSize);
    }
  }
  add_tile<Rows, T>(a, x, x_term, x_row, d, d_term, terms);
  for (int r = 0; r < Rows; ++r) {
    for (int c = 0; c < kVectors; ++c) *reinterpret_cast<V*>(out + r * out_row + c * kSize) = a[r][c];
  }
}

/// The same for one row and `columns` < kVectors vectors of them.
template <class T>
MEDLEY_INLINE void edge(const T* x, std::ptrdiff_t x_term, const T* d, std::ptrdiff_t d_term, int terms, bool from_zero,
                        int columns, T* out) {
  if (from_zero) std::fill(out, out + columns, T(0));
  for (int t = 0; t < terms; ++t, x += x_term, d += d_term) {
    const T s = *x;
    for (int c = 0; c < columns; ++c) out[c] += s * d[c];
  }
}

/// out [rows, width] = sum over `terms` terms, tile by tile.
template <class T>
MEDLEY_INLINE void product(const T* x, std::ptrdiff_t x_term, std::ptrdiff_t x_row, const T* d, int rows, int terms,
                           int width, T* out) {
  constexpr int kColumns = kVectors * Vector<T>::kSize;
  for (int first = 0; first < terms; first += kDepth) {
    const int depth = std::min(kDepth, terms - first);
    const bool from_zero = first == 0;
    const T* xs = x + first * x_term;
    const T* ds = d + static_cast<std::ptrdiff_t>(first) * width;
    for (int j = 0; j < width; j += kColumns) {
      int i = 0;
      if (j + kColumns <= width) {
        for (; i + kRows <= rows; i += kRows) {
          tile<kRows, T>(xs + i * x_row, x_term, x_row, ds + j, width, depth, from_zero,
                         out + static_cast<std::ptrdiff_t>(i) * width + j, width);
        }
        for (; i < rows; ++i) {
          tile<1, T>(xs + i * x_row, x_term, x_row, ds + j, width, depth, from_zero,
                     out + static_cast<std::ptrdiff_t>(i) * width + j, width);
        }
      } else {
        for (; i < rows; ++i) {
          edge<T>(xs + i * x_row, x_term, ds + j, width, depth, from_zero, width - j,
                  out + static_cast<std::ptrdiff_t>(i) * width + j);
        }
      }
    }
  }
}

}  // namespace

#define MEDLEY_GEMM(T)                                                                                              \
  MEDLEY_VECTOR_CLONES static void product_##T(const T* x, std::ptrdiff_t x_term, std::ptrdiff_t x_row, const T* d, \
                                               int rows, int terms, int width, T* out) {                            \
    product<T>(x, x_term, x_row, d, rows, terms, width, out);                                                       \
  }                                                                                                                 \
  template <>                                                                                                       \
  void multiply<T>(const T* x, const T* w, int rows, int dim, int width, T* z) {                                    \
    product_##T(x, 1, dim, w, rows, dim, width, z);                                                                 \
  }                                                                                                                 \
  template <>                                                                                                       \
  void multiply_transposed<T>(const T* x, const T* d, int rows, int dim, int width, int first, int count, T* out) { \
    product_##T(x + first, dim, 1, d, count, rows, width, out);                                                     \
  }

MEDLEY_GEMM(float)
MEDLEY_GEMM(double)

}  // namespace medley::trainer
