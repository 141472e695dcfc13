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

/// out [Rows, Count vectors] (+)= sum over t < terms of x[t * x_term + r * x_row] * d[t * d_term ...].
template <int Rows, int Count, int Bytes, class T>
MEDLEY_INLINE void tile(const T* x, std::ptrdiff_t x_term, std::ptrdiff_t x_row, const T* d, std::ptrdiff_t d_term,
                        int terms, bool from_zero, T* out, std::ptrdiff_t out_row) {
  using V = typename Vector<T, Bytes>::type;
  constexpr int kSize = Vector<T, Bytes>::kSize;
  V a[Rows][Count] = {};
  if (!from_zero) {
    for (int r = 0; r < Rows; ++r) {
      for (int c = 0; c < Count; ++c) a[r][c] = *reinterpret_cast<const V*>(out + r * out_row + c * kSize);
    }
  }
  for (int t = 0; t < terms; ++t, x += x_term, d += d_term) {
    V row[Count];
    for (int c = 0; c < Count; ++c) row[c] = *reinterpret_cast<const V*>(d + c * kSize);
    for (int r = 0; r < Rows; ++r) {
      const T s = x[r * x_row];
      for (int c = 0; c < Count; ++c) a[r][c] += s * row[c];
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int c = 0; c < Count; ++c) *reinterpret_cast<V*>(out + r * out_row + c * kSize) = a[r][c];
  }
}

/// Matrices of a product: out [rows, width] (+)= sum over t < terms of x[t * x_term + i * x_row] * d[t * d_term + j].
template <class T>
struct Operands {
  const T* x;
  std::ptrdiff_t x_term, x_row;
  const T* d;
  std::ptrdiff_t d_term;
  T* out;
  std::ptrdiff_t out_row;
  int rows, terms, width;
  bool from_zero;
  const T* next = nullptr;  ///< in `d`: `next_terms` terms of a tile's columns, to be fetched from memory meanwhile
  int next_terms = 0;
};

/// `Count` vectors of columns, of `width` numbers.
template <int Count, int Bytes, class T>
MEDLEY_INLINE void strip(const Operands<T>& o) {
  constexpr int kLine = 64;
  const int fetched_at_once = (o.next_terms * kRows + o.rows - 1) / o.rows;
  int i = 0, fetched = 0;
  for (; i + kRows <= o.rows; i += kRows) {
    for (const int end = std::min(fetched + fetched_at_once, o.next_terms); fetched < end; ++fetched) {
      const char* line = reinterpret_cast<const char*>(o.next + fetched * o.d_term);
      for (int at = 0; at < Count * Bytes; at += kLine) __builtin_prefetch(line + at);
    }
    tile<kRows, Count, Bytes>(o.x + i * o.x_row, o.x_term, o.x_row, o.d, o.d_term, o.terms, o.from_zero,
                              o.out + i * o.out_row, o.out_row);
  }
  for (; i < o.rows; ++i) {
    tile<1, Count, Bytes>(o.x + i * o.x_row, o.x_term, o.x_row, o.d, o.d_term, o.terms, o.from_zero,
                          o.out + i * o.out_row, o.out_row);
  }
}

/// Fewer columns than a tile has: the last vector is filled up, outside of the matrices.
template <int Count, int Bytes, class T>
MEDLEY_INLINE void edge(const Operands<T>& o) {
  constexpr int kColumns = Count * Vector<T, Bytes>::kSize;
  T d[kDepth * kColumns] = {}, out[kRows * kColumns];
  for (int t = 0; t < o.terms; ++t) std::copy_n(o.d + t * o.d_term, o.width, d + t * kColumns);
  for (int i = 0; i < o.rows; i += kRows) {
    Operands<T> part = o;
    part.x += i * o.x_row;
    part.d = d;
    part.next_terms = 0;
    part.d_term = kColumns;
    part.out = out;
    part.out_row = kColumns;
    part.rows = std::min(kRows, o.rows - i);
    for (int r = 0; r < part.rows && !o.from_zero; ++r) {
      std::fill(std::copy_n(o.out + (i + r) * o.out_row, o.width, out + r * kColumns), out + (r + 1) * kColumns, T(0));
    }
    strip<Count, Bytes>(part);
    for (int r = 0; r < part.rows; ++r) std::copy_n(out + r * kColumns, o.width, o.out + (i + r) * o.out_row);
  }
}

/// At most as many columns as a tile has.
template <int Bytes, class T>
MEDLEY_INLINE void columns(const Operands<T>& o) {
  constexpr int kCount = Vector<T, Bytes>::kCount, kSize = Vector<T, Bytes>::kSize;
  if (o.width == kCount * kSize) {
    strip<kCount, Bytes>(o);
  } else if (o.width > kCount / 2 * kSize) {
    edge<kCount, Bytes>(o);
  } else if (o.width > kSize) {
    edge<kCount / 2, Bytes>(o);
  } else {
    edge<1, Bytes>(o);
  }
}

/// The whole product, tile by tile. An element's terms come in one order whatever the tiles. `d` is fetched a tile
/// ahead where it is a matrix of weights, which memory holds and no cache (x_term 1). Columns of tiles are no stream to
/// a CPU.
template <int Bytes, class T>
MEDLEY_INLINE void product(Operands<T> o) {
  constexpr int kColumns = Vector<T, Bytes>::kCount * Vector<T, Bytes>::kSize;
  const int terms = o.terms, width = o.width;
  for (int first = 0; first < terms; first += kDepth) {
    o.terms = std::min(kDepth, terms - first);
    for (int j = 0; j < width; j += kColumns) {
      Operands<T> part = o;
      part.width = std::min(kColumns, width - j);
      part.d += j;
      part.out += j;
      if (o.x_term == 1) {
        const bool goes_on = j + kColumns < width;
        part.next = goes_on ? part.d + kColumns : o.d + kDepth * o.d_term;
        part.next_terms = goes_on ? o.terms : std::min(kDepth, std::max(terms - first - kDepth, 0));
      }
      columns<Bytes>(part);
    }
    o.x += kDepth * o.x_term;
    o.d += kDepth * o.d_term;
    o.from_zero = false;
  }
}

/// to[t * to_row + c] = from[c * from_row + t], in blocks of four by four.
template <class T>
MEDLEY_INLINE void turn(const T* from, std::ptrdiff_t from_row, int columns, int terms, T* to, std::ptrdiff_t to_row) {
  typedef T Four __attribute__((vector_size(4 * sizeof(T)), aligned(alignof(T)), may_alias));
  int c = 0;
  for (; c + 4 <= columns; c += 4, from += 4 * from_row) {
    int t = 0;
    for (; t + 4 <= terms; t += 4) {
      Four row[4];
      for (int i = 0; i < 4; ++i) row[i] = *reinterpret_cast<const Four*>(from + i * from_row + t);
      const Four low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5),
                 high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7),
                 low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5),
                 high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
      T* out = to + t * to_row + c;
      *reinterpret_cast<Four*>(out) = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
      *reinterpret_cast<Four*>(out + to_row) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
      *reinterpret_cast<Four*>(out + 2 * to_row) = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
      *reinterpret_cast<Four*>(out + 3 * to_row) = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
    }
    for (; t < terms; ++t) {
      for (int i = 0; i < 4; ++i) to[t * to_row + c + i] = from[i * from_row + t];
    }
  }
  for (; c < columns; ++c, from += from_row) {
    for (int t = 0; t < terms; ++t) to[t * to_row + c] = from[t];
  }
}

/// The same with the transpose of `d` [width, terms], of which a tile's columns are turned before they are read.
template <int Bytes, class T>
MEDLEY_INLINE void product_by_transpose(Operands<T> o) {
  constexpr int kColumns = Vector<T, Bytes>::kCount * Vector<T, Bytes>::kSize;
  T turned[kDepth * kColumns];
  const T* d = o.d;
  const std::ptrdiff_t d_row = o.d_term;
  const int terms = o.terms, width = o.width;
  T* out = o.out;
  o.d = turned;
  o.d_term = kColumns;
  for (int first = 0; first < terms; first += kDepth) {
    o.terms = std::min(kDepth, terms - first);
    for (int j = 0; j < width; j += kColumns) {
      o.width = std::min(kColumns, width - j);
      turn(d + j * d_row + first, d_row, o.width, o.terms, turned, kColumns);
      o.out = out + j;
      columns<Bytes>(o);
    }
    o.x += kDepth * o.x_term;
    o.from_zero = false;
  }
}

}  // namespace

// A tile is of the registers that its CPU has: a compiler that must split vectors leaves them in memory.
#define MEDLEY_PRODUCT(NAME, T, BYTES) \
  static void NAME##_##T(const Operands<T>& o) { NAME<BYTES>(o); }
#if defined(MEDLEY_FOR_AVX512)
#define MEDLEY_PRODUCTS(NAME, T)                                                                                  \
  __attribute__((target(MEDLEY_FOR_AVX512))) MEDLEY_PRODUCT(NAME, T, 64) __attribute__((target(MEDLEY_FOR_AVX2))) \
  MEDLEY_PRODUCT(NAME, T, 32) __attribute__((target("default"))) MEDLEY_PRODUCT(NAME, T, 16)
#elif defined(__AVX2__)
#define MEDLEY_PRODUCTS(NAME, T) MEDLEY_PRODUCT(NAME, T, 32)
#else
#define MEDLEY_PRODUCTS(NAME, T) MEDLEY_PRODUCT(NAME, T, 16)
#endif

#define MEDLEY_GEMM(T)                                                                                              \
  MEDLEY_PRODUCTS(product, T)                                                                                       \
  MEDLEY_PRODUCTS(product_by_transpose, T)                                                                          \
  template <>                                                                                                       \
  void multiply<T>(const T* x, const T* w, int rows, int dim, int width, T* z) {                                    \
    product_##T({x, 1, dim, w, width, z, width, rows, dim, width, true});                                           \
  }                                                                                                                 \
  template <>                                                                                                       \
  void multiply_add<T>(const T* x, const T* w, int rows, int dim, int width, T* z) {                                \
    product_##T({x, 1, dim, w, width, z, width, rows, dim, width, false});                                          \
  }                                                                                                                 \
  template <>                                                                                                       \
  void multiply_by_transpose<T>(const T* d, const T* w, int rows, int dim, int width, T* x) {                       \
    product_by_transpose_##T({d, 1, width, w, width, x, dim, rows, width, dim, true});                              \
  }                                                                                                                 \
  template <>                                                                                                       \
  void multiply_transposed<T>(const T* x, const T* d, int rows, int dim, int width, int first, int count, T* out) { \
    if (rows == 0) std::fill(out, out + static_cast<std::ptrdiff_t>(count) * width, T(0));                          \
    product_##T({x + first, dim, 1, d, width, out, width, count, rows, width, true});                               \
  }

MEDLEY_GEMM(float)
MEDLEY_GEMM(double)

}  // namespace medley::trainer
