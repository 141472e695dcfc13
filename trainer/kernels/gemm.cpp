#include "trainer/kernels/gemm.h"

#include <algorithm>
#include <cstddef>

#include "trainer/kernels/vector_clones.h"

namespace medley::trainer {
namespace {

#define MEDLEY_INLINE inline __attribute__((always_inline))

/// A register of `Bytes` bytes.
template <class T, int Bytes>
struct Vector {
  typedef T type __attribute__((vector_size(Bytes), aligned(alignof(T)), may_alias));
  static constexpr int kSize = Bytes / sizeof(T);
  /// Columns of a tile, in vectors; with four rows the tile fills half of the registers.
  static constexpr int kCount = Bytes == 64 ? 4 : 2;
};

constexpr int kRows = 4;
/// Terms added before a tile goes back to memory: 32 rows of a tile of w stay in the first-level cache.
constexpr int kDepth = 32;

/// out [Rows, kCount vectors] (+)= sum over t < terms of x[t * x_term + r * x_row] * d[t * d_term ...].
template <int Rows, int Bytes, class T>
MEDLEY_INLINE void tile(const T* x, std::ptrdiff_t x_term, std::ptrdiff_t x_row, const T* d, std::ptrdiff_t d_term,
                        int terms, bool from_zero, T* out, std::ptrdiff_t out_row) {
  using V = typename Vector<T, Bytes>::type;
  constexpr int kSize = Vector<T, Bytes>::kSize, kCount = Vector<T, Bytes>::kCount;
  V a[Rows][kCount] = {};
  if (!from_zero) {
    for (int r = 0; r < Rows; ++r) {
      for (int c = 0; c < kCount; ++c) a[r][c] = *reinterpret_cast<const V*>(out + r * out_row + c * kSize);
    }
  }
  for (int t = 0; t < terms; ++t, x += x_term, d += d_term) {
    V row[kCount];
    for (int c = 0; c < kCount; ++c) row[c] = *reinterpret_cast<const V*>(d + c * kSize);
    for (int r = 0; r < Rows; ++r) {
      const T s = x[r * x_row];
      for (int c = 0; c < kCount; ++c) a[r][c] += s * row[c];
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int c = 0; c < kCount; ++c) *reinterpret_cast<V*>(out + r * out_row + c * kSize) = a[r][c];
  }
}

/// The same for one row and fewer columns than a tile has.
template <class T>
MEDLEY_INLINE void edge(const T* x, std::ptrdiff_t x_term, const T* d, std::ptrdiff_t d_term, int terms, bool from_zero,
                        int columns, T* out) {
  if (from_zero) std::fill(out, out + columns, T(0));
  for (int t = 0; t < terms; ++t, x += x_term, d += d_term) {
    const T s = *x;
    for (int c = 0; c < columns; ++c) out[c] += s * d[c];
  }
}

/// out [rows, width] = sum over `terms` terms, tile by tile. An element's terms come in one order whatever the tiles.
template <int Bytes, class T>
MEDLEY_INLINE void product(const T* x, std::ptrdiff_t x_term, std::ptrdiff_t x_row, const T* d, int rows, int terms,
                           int width, T* out) {
  constexpr int kColumns = Vector<T, Bytes>::kCount * Vector<T, Bytes>::kSize;
  for (int first = 0; first < terms; first += kDepth) {
    const int depth = std::min(kDepth, terms - first);
    const bool from_zero = first == 0;
    const T* xs = x + first * x_term;
    const T* ds = d + static_cast<std::ptrdiff_t>(first) * width;
    for (int j = 0; j < width; j += kColumns) {
      int i = 0;
      if (j + kColumns <= width) {
        for (; i + kRows <= rows; i += kRows) {
          tile<kRows, Bytes>(xs + i * x_row, x_term, x_row, ds + j, width, depth, from_zero,
                             out + static_cast<std::ptrdiff_t>(i) * width + j, width);
        }
        for (; i < rows; ++i) {
          tile<1, Bytes>(xs + i * x_row, x_term, x_row, ds + j, width, depth, from_zero,
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

// A tile is of the registers that its CPU has: a compiler that must split vectors leaves them in memory.
#define MEDLEY_PRODUCT(T, BYTES)                                                                                    \
  static void product_##T(const T* x, std::ptrdiff_t x_term, std::ptrdiff_t x_row, const T* d, int rows, int terms, \
                          int width, T* out) {                                                                      \
    product<BYTES>(x, x_term, x_row, d, rows, terms, width, out);                                                   \
  }
#if defined(MEDLEY_FOR_AVX512)
#define MEDLEY_PRODUCTS(T)                                                                                  \
  __attribute__((target(MEDLEY_FOR_AVX512))) MEDLEY_PRODUCT(T, 64) __attribute__((target(MEDLEY_FOR_AVX2))) \
  MEDLEY_PRODUCT(T, 32) __attribute__((target("default"))) MEDLEY_PRODUCT(T, 16)
#elif defined(__AVX2__)
#define MEDLEY_PRODUCTS(T) MEDLEY_PRODUCT(T, 32)
#else
#define MEDLEY_PRODUCTS(T) MEDLEY_PRODUCT(T, 16)
#endif

#define MEDLEY_GEMM(T)                                                                                              \
  MEDLEY_PRODUCTS(T)                                                                                                \
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
