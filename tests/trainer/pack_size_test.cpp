#include "trainer/pack_size.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"

namespace medley::tests {
namespace {

using trainer::best_pack_size;

TEST(PackSize, GrowsAsLongAsADoublingGainsATwentieth) {
  // A device that trains packs of up to 24 in the time of one: trials a second rise to there and then stand.
  const auto wide = [](int size) { return std::optional(std::min(size, 24) / 1.0); };
  EXPECT_EQ(best_pack_size(1024, wide), 32);  // 32 gains half over 16, 64 nothing over 32
  EXPECT_EQ(best_pack_size(16, wide), 16);
  EXPECT_EQ(best_pack_size(23, wide), 16);
  EXPECT_EQ(best_pack_size(1, wide), 1);
  const auto flat = [](int size) { return std::optional(1 + 0.001 * size); };
  EXPECT_EQ(best_pack_size(64, flat), 1);
}

TEST(PackSize, EndsWhereMemoryDoes) {
  int asked = 0;
  const auto narrow = [&](int size) {
    asked = size;
    return size <= 8 ? std::optional<double>(size) : std::nullopt;
  };
  EXPECT_EQ(best_pack_size(1024, narrow), 8);
  EXPECT_EQ(asked, 16) << "nothing beyond what does not fit is tried";
  EXPECT_EQ(best_pack_size(1024, [](int) { return std::optional<double>(); }), 1);
}

TEST(PackSize, AMeasuredPackTrainsAndLeavesNoTrace) {
  const data::Dataset dataset = planted_dataset();
  const auto spec = trial(small_config());
  const auto before = bits(alone(dataset, spec));
  for (const int size : {1, 3}) {
    const auto speed = trainer::measure_pack(dataset, spec, "cpu", size);
    ASSERT_TRUE(speed);
    EXPECT_TRUE(std::isfinite(*speed));
    EXPECT_GT(*speed, 0);
  }
  EXPECT_EQ(bits(alone(dataset, spec)), before);
  EXPECT_THROW(trainer::measure_pack(dataset, spec, "gpu", 1), trainer::Error);
}

}  // namespace
}  // namespace medley::tests
