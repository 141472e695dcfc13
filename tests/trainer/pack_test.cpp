// What a pack promises: it learns; the same seed gives the same bits; a trial's bits do not depend on its pack.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/trainer/planted_dataset.h"
#include "trainer/trainer.h"

namespace medley::tests {
namespace {

using sweep::Config;
using sweep::TrialResult;
using sweep::TrialSpec;

Config small_config() {
  Config config;
  config.encoders = {"clear", "faint", "noise"};
  config.top_n = 2;
  config.projection_dim = 12;
  config.gate_dim = 5;
  config.fusion_dim = 10;
  config.batch_size = 20;
  config.epochs = 6;
  config.learning_rate = 3e-3;
  return config;
}

TrialSpec trial(const Config& config, int fold = 0, std::uint64_t seed = 1) {
  return {sweep::trial_id(config, fold, seed, "test"), config, fold, seed};
}

TrialResult alone(const data::Dataset& dataset, const TrialSpec& spec) {
  return trainer::train_pack(dataset, {spec}).front();
}

/// Everything but times and pack size, byte by byte.
std::vector<std::uint8_t> bits(TrialResult result) {
  result.seconds = result.samples_per_second = 0;
  result.peak_memory_bytes = 0;
  result.pack_size = 1;
  result.trial_id = "";
  return sweep::encode_result(result);
}

TEST(Pack, LearnsThePlantedProblem) {
  PlantedOptions options;
  options.clips_per_actor = 144;
  const data::Dataset dataset = planted_dataset(options);
  Config config = small_config();
  config.epochs = 40;
  const TrialResult result = alone(dataset, trial(config));
  ASSERT_EQ(result.outcome, sweep::Outcome::kFinished);
  ASSERT_EQ(result.epochs.size(), 40u);
  // Chance on 36 labels is below .1.
  EXPECT_GT(result.paper.surface.best().accuracy.presence, 0.6);
  EXPECT_LT(result.epochs.back().loss, 0.7 * result.epochs.front().loss);
  EXPECT_EQ(result.clean.epoch, 40);
  EXPECT_EQ(result.clean.test.clips, 10);
}

TEST(Pack, TheLearnedGatePrefersTheEncodersWithSignal) {
  PlantedOptions options;
  options.clips_per_actor = 108;
  options.encoders = {{"noise1", 8, 0}, {"clear", 8, 2}, {"noise2", 8, 0}, {"noise3", 8, 0}};
  const data::Dataset dataset = planted_dataset(options);
  Config config = small_config();
  config.encoders = dataset.encoder_names();
  config.top_n = 2;
  config.epochs = 40;
  const TrialResult result = alone(dataset, trial(config));
  ASSERT_EQ(result.importance.encoders.size(), 4u);
  for (const auto& encoder : result.importance.encoders) {
    if (encoder.encoder != "clear") {
      EXPECT_GT(result.importance.encoders[1].mean, encoder.mean + 0.3);
    }
  }
}

TEST(Pack, TheSameSeedGivesTheSameBitsAndAnotherDoesNot) {
  const data::Dataset dataset = planted_dataset();
  const auto first = bits(alone(dataset, trial(small_config())));
  EXPECT_EQ(first, bits(alone(dataset, trial(small_config()))));
  EXPECT_NE(first, bits(alone(dataset, trial(small_config(), 0, 2))));
}

}  // namespace
}  // namespace medley::tests
