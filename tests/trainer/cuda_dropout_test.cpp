// The dropout kernel in plain loops, against the CPU's stream of random numbers, bit for bit.
#include <vector>

#include <gtest/gtest.h>

#include "tests/trainer/cuda_numbers.h"
#include "trainer/cuda/dropout_bodies.h"
#include "trainer/cuda/on_host.h"
#include "trainer/kernels/layer_norm.h"

namespace medley::tests {
namespace {

using namespace trainer::cuda;
using trainer::Purpose;
using trainer::Stream;

TEST(CudaDraws, AreThoseOfTheStream) {
  const Stream stream{0x0123456789abcdef, Purpose::kProjectionDropout, 77, 0xbeef};
  std::vector<std::uint32_t> expected(1000);
  stream.fill(expected.data(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(draw(DrawKey(stream), static_cast<std::int64_t>(i)), expected[i]) << i;
  }
}

template <class T>
void drops_as_on_the_cpu() {
  constexpr std::int64_t kRows = 7, kWidth = 50, kCount = kRows * kWidth;
  const std::vector<double> rates = {0.3, 0, 0.95};
  const std::vector<T> x = numbers<T>(3 * kCount, 1);
  std::vector<T> expected = x, out(x.size(), T(-1));
  std::vector<DropTrial<T>> trials;
  for (std::size_t k = 0; k < rates.size(); ++k) {
    const Stream stream{100 + k, Purpose::kFusionDropout, static_cast<std::uint32_t>(k), 0};
    const auto scale = static_cast<T>(1 / (1 - rates[k]));
    trials.push_back({DrawKey(stream), trainer::drop_threshold(rates[k]), scale});
    std::vector<std::uint32_t> bits(kCount);
    stream.fill(bits.data(), bits.size());
    trainer::drop(expected.data() + static_cast<std::int64_t>(k) * kCount, bits.data(),
                  trainer::drop_threshold(rates[k]), scale, kCount);
  }
  each_on_host(3, kCount, DropBody<T>{x.data(), out.data(), kRows, kWidth, trials.data(), nullptr});
  EXPECT_EQ(out, expected);
  std::vector<T> in_place = x;
  each_on_host(3, kCount, DropBody<T>{in_place.data(), in_place.data(), kRows, kWidth, trials.data(), nullptr});
  EXPECT_EQ(in_place, expected);

  // Rows 5 and 2 alone, as a rank of a gang has them.
  const std::vector<std::int64_t> places = {5, 2};
  std::vector<T> own, own_expected;
  for (std::int64_t k = 0; k < 3; ++k) {
    for (const std::int64_t place : places) {
      const auto first = k * kCount + place * kWidth;
      own.insert(own.end(), x.begin() + first, x.begin() + first + kWidth);
      own_expected.insert(own_expected.end(), expected.begin() + first, expected.begin() + first + kWidth);
    }
  }
  each_on_host(3, 2 * kWidth, DropBody<T>{own.data(), own.data(), 2, kWidth, trials.data(), places.data()});
  EXPECT_EQ(own, own_expected);
}

TEST(CudaDropout, DropsWhatTheCpuDrops) {
  drops_as_on_the_cpu<float>();
  drops_as_on_the_cpu<double>();
}

}  // namespace
}  // namespace medley::tests
