// The kernels that this CPU runs against the same files compiled for AVX2 with FMA: the same bits. On a CPU with
// AVX-512 they are other clones (trainer/kernels/vector_clones.h).
#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "trainer/kernels/activations.h"
#include "trainer/kernels/gemm.h"
#include "trainer/kernels/layer_norm.h"
#include "trainer/kernels/optimizer.h"
#include "trainer/kernels/row_kernels.h"

/// The files of the kernels with this name in place of `medley`, for x86-64-v3 alone.
namespace medley_v3::trainer {
template <class T>
void multiply(const T* x, const T* w, int rows, int dim, int width, T* z);
template <class T>
void multiply_by_transpose(const T* d, const T* w, int rows, int dim, int width, T* x);
template <class T>
void gelu(const T* x, std::int64_t count, T* y);
template <class T>
void gelu_backward(const T* x, std::int64_t count, T* d);
template <class T>
void hyperbolic_tangent(T* x, std::int64_t count);
template <class T>
void multiply_transposed(const T* x, const T* d, int rows, int dim, int width, int first, int count, T* out);
template <class T>
void layer_norm_forward(T* z, const T* bias, const T* weight, const T* shift, int rows, int width, T* rstd, T* y);
template <class T>
void layer_norm_backward(const T* z, const T* rstd, const T* weight, int rows, int width, T* dy, T* dbias, T* dweight,
                         T* dshift);
template <class T>
void row_dots(const T* x, const T* w, int rows, int width, T* out);
double sum_of_squares(const float* g, std::size_t count);
double sum_of_squares(const double* g, std::size_t count);
}  // namespace medley_v3::trainer

namespace medley::tests {
namespace {

/// With all digits that T has, so that no product is exact.
template <class T>
std::vector<T> numbers(std::size_t count, std::uint32_t seed) {
  std::mt19937_64 random(seed);
  std::vector<T> values(count);
  for (T& x : values) x = static_cast<T>(static_cast<double>(random() >> 11) * 0x1p-52 - 1);
  return values;
}

struct Shape {
  int rows, dim, width;
};

/// What the kernels of namespace `SPACE` give, one after the other: NAME<T>(shape).
#define MEDLEY_RESULTS(NAME, SPACE)                                                                           \
  template <class T>                                                                                          \
  std::vector<T> NAME(const Shape& s) {                                                                       \
    const auto size = [](int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }; \
    const auto x = numbers<T>(size(s.rows, s.dim), 1), w = numbers<T>(size(s.dim, s.width), 2);               \
    const auto bias = numbers<T>(size(1, s.width), 3), scale = numbers<T>(size(1, s.width), 4);               \
    std::vector<T> z(size(s.rows, s.width)), y(z), rstd(size(1, s.rows)), g(size(s.dim, s.width));            \
    SPACE::multiply(x.data(), w.data(), s.rows, s.dim, s.width, z.data());                                    \
    std::vector<T> all = z;                                                                                   \
    SPACE::layer_norm_forward(z.data(), bias.data(), scale.data(), bias.data(), s.rows, s.width, rstd.data(), \
                              y.data());                                                                      \
    SPACE::multiply_transposed(x.data(), y.data(), s.rows, s.dim, s.width, 0, s.dim, g.data());               \
    std::vector<T> dbias(bias.size()), dweight(bias.size()), dshift(bias.size()), dots(rstd.size()), dy = y;  \
    SPACE::layer_norm_backward(z.data(), rstd.data(), scale.data(), s.rows, s.width, dy.data(), dbias.data(), \
                               dweight.data(), dshift.data());                                                \
    SPACE::row_dots(y.data(), bias.data(), s.rows, s.width, dots.data());                                     \
    std::vector<T> dx(x.size()), h(y), t(y);                                                                  \
    SPACE::multiply_by_transpose(y.data(), w.data(), s.rows, s.dim, s.width, dx.data());                      \
    const auto count = static_cast<std::int64_t>(y.size());                                                   \
    SPACE::gelu(y.data(), count, h.data());                                                                   \
    SPACE::gelu_backward(y.data(), count, dy.data());                                                         \
    SPACE::hyperbolic_tangent(t.data(), count);                                                               \
    for (const auto* part : {&y, &rstd, &g, &dy, &dbias, &dweight, &dshift, &dots, &dx, &h, &t}) {            \
      all.insert(all.end(), part->begin(), part->end());                                                      \
    }                                                                                                         \
    all.push_back(static_cast<T>(SPACE::sum_of_squares(g.data(), g.size())));                                 \
    return all;                                                                                               \
  }
MEDLEY_RESULTS(dispatched, medley::trainer)
MEDLEY_RESULTS(for_avx2, medley_v3::trainer)

class Clones : public testing::TestWithParam<Shape> {};

TEST_P(Clones, OfCpusWithFmaGiveTheSameBits) {
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  if (!v3) GTEST_SKIP() << "this CPU has no AVX2 with FMA";
  EXPECT_EQ(dispatched<float>(GetParam()), for_avx2<float>(GetParam()));
  EXPECT_EQ(dispatched<double>(GetParam()), for_avx2<double>(GetParam()));
}

// Widths that fill the tiles of 64 floats and 32 doubles, that end in parts of a vector, and that fill none.
INSTANTIATE_TEST_SUITE_P(Shapes, Clones,
                         testing::Values(Shape{32, 96, 256}, Shape{5, 33, 72}, Shape{32, 65, 200}, Shape{3, 40, 63},
                                         Shape{7, 5, 11}, Shape{1, 100, 1}, Shape{33, 1, 300}));

}  // namespace
}  // namespace medley::tests
