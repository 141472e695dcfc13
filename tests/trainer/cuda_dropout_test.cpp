// The dropout kernel in plain loops, against the CPU's stream of random numbers, bit for bit.
#include <vector>

#include <gtest/gtest.h>

#include "tests/trainer/cuda_numbers.h"
#include "trainer/cuda/dropout_bodies.h"
#include "trainer/cuda/on_host.h"
#include "trainer/layer_norm.h"

namespace medley::tests {
namespace {

using namespace trainer::cuda;
using trainer::Purpose;
using trainer::Stream;

TEST(CudaDraws, AreThoseOfTheStream) {
  const Stream stream{0x0123456789abcdef, Purpose::kProjectionDropout, 77, 0xbeef};
  for (const std::int64_t count : {1, 63, 64, 65, 1000}) {
    std::vector<std::uint32_t> expected(static_cast<std::size_t>(count));
    stream.fill(expected.data(), expected.size());
    std::vector<int> drawn(expected.size());
    for (std::int64_t block = 0; block < draw_blocks(count); ++block) {
      const Draws4 four = draw_block(DrawKey(stream), static_cast<std::uint32_t>(block));
      for (int word = 0; word < 4; ++word) {
        const std::int64_t i = draw_element(block, word);
        if (i >= count) continue;
        ++drawn[static_cast<std::size_t>(i)];
        EXPECT_EQ(four.word[word], expected[static_cast<std::size_t>(i)]) << i;
      }
    }
    EXPECT_EQ(drawn, std::vector<int>(expected.size(), 1)) << "every element once";
  }
}

template <class T>
void drops_as_on_the_cpu() {
  constexpr std::int64_t kCount = 5 * 64 + 29;
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
  each_on_host(3, draw_blocks(kCount), DropBody<T>{x.data(), out.data(), kCount, trials.data()});
  EXPECT_EQ(out, expected);
  std::vector<T> in_place = x;
  each_on_host(3, draw_blocks(kCount), DropBody<T>{in_place.data(), in_place.data(), kCount, trials.data()});
  EXPECT_EQ(in_place, expected);
}

TEST(CudaDropout, DropsWhatTheCpuDrops) {
  drops_as_on_the_cpu<float>();
  drops_as_on_the_cpu<double>();
}

}  // namespace
}  // namespace medley::tests
