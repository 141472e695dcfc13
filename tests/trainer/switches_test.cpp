// Promises of every switch: a trial's bits depend on nothing else in its pack, and a masked encoder is an absent one. A
// checkpoint repeats the trial's predictions, and no label but the training rows' is read.
#include "tests/trainer/switches.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "trainer/predict.h"
#include "trainer/trainer.h"

namespace medley::tests {
namespace {

using sweep::Config;
using sweep::TrialResult;
using sweep::TrialSpec;

class Switches : public testing::TestWithParam<Switch> {
 protected:
  static Config config() {
    Config config = small_config();
    config.epochs = 3;
    return with(config, GetParam().settings);
  }
};

TEST_P(Switches, TrainDifferentlyFromTheDefaultOrAreTheDefault) {
  const data::Dataset dataset = planted_dataset();
  const TrialResult result = alone(dataset, trial(config()));
  ASSERT_EQ(result.outcome, sweep::Outcome::kFinished) << result.reason;
  Config plain = Switches::config();
  for (const sweep::Setting& setting : sweep::settings()) {
    const auto changed = nlohmann::json::parse(GetParam().settings);
    const sweep::Config defaults;
    if (changed.contains(setting.name)) setting.set(plain, setting.get(defaults));
  }
  const bool is_default = sweep::config_id(plain) == sweep::config_id(config());
  EXPECT_EQ(bits(result) == bits(alone(dataset, trial(plain))), is_default);
}

TEST_P(Switches, ATrialHasTheSameBitsInAnyPackAndBesideOneThatDiverges) {
  data::Dataset dataset = planted_dataset();
  Config few = config();
  few.encoders = {"clear", "noise"};
  few.learning_rate = 1e-2;
  Config single = config();
  single.encoders = {"clear"};
  single.top_n = 1;
  const std::vector<TrialSpec> trials = {trial(few, 1, 2), trial(single, 2, 3), trial(few, 0, 4)};
  std::vector<std::vector<std::uint8_t>> expected;
  for (const TrialSpec& spec : trials) expected.push_back(bits(alone(dataset, spec)));
  values_of(dataset, "faint")[3] = std::nanf("");
  Config every = config();
  every.top_n = 3;  // what no clip keeps has no gradient, whatever its features
  const auto results = trainer::train_pack(dataset, {trials[2], trial(every, 1), trials[0], trials[1]});
  EXPECT_EQ(results[1].outcome, sweep::Outcome::kDiverged);
  EXPECT_EQ(bits(results[0]), expected[2]);
  EXPECT_EQ(bits(results[2]), expected[0]);
  EXPECT_EQ(bits(results[3]), expected[1]);
}

TEST_P(Switches, AMaskedEncoderIsAsIfItDidNotExist) {
  const data::Dataset all = planted_dataset();
  data::Dataset subset = all;
  subset.encoders.erase(subset.encoders.begin() + 1);  // "faint", the only one of its modality
  Config masked = config();
  masked.encoders = {"clear", "noise"};
  EXPECT_EQ(bits(trainer::train_pack(all, {trial(config()), trial(masked)})[1]), bits(alone(subset, trial(masked))));
}

TEST_P(Switches, CheckpointsSayWhatTheTrialSaid) {
  const test::Folder scratch;
  const std::filesystem::path folder = scratch.path();
  data::Dataset dataset = planted_dataset();
  trainer::TrainOptions options;
  options.checkpoints = folder;
  const TrialSpec spec = trial(config(), 1, 7);
  const TrialResult result = trainer::train_pack(dataset, {spec}, options).front();
  const auto file = folder / (spec.id + ".npz");
  for (data::Clip& clip : dataset.clips) clip.label.reset();
  std::swap(dataset.encoders[0], dataset.encoders[2]);
  EXPECT_EQ(trainer::predict(file, dataset, dataset.clips_of_fold(-1)).fused, result.held_out.test.fused);
  EXPECT_EQ(trainer::predict(file, dataset, dataset.clips_of_fold(1)).fused, result.held_out.validation.fused);
  // The prediction of a clip depends on the clip, not on the other clips of the request nor on their order.
  std::vector<int> clips = dataset.clips_of_fold(1);
  const std::vector<float> last(result.held_out.validation.fused.end() - 6, result.held_out.validation.fused.end());
  EXPECT_EQ(trainer::predict(file, dataset, {clips.back()}).fused, last);
  std::reverse(clips.begin(), clips.end());
  const std::vector<float> backwards = trainer::predict(file, dataset, clips).fused;
  EXPECT_EQ(std::vector<float>(backwards.begin(), backwards.begin() + 6), last);
}

TEST_P(Switches, LabelsOfHeldOutAndTargetClipsAreNotRead) {
  data::Dataset dataset = planted_dataset();
  const TrialResult before = alone(dataset, trial(config(), 1));
  for (data::Clip& clip : dataset.clips) {
    if (clip.fold == 1) clip.label = sweep::Label{5, -1, 100};
    if (clip.fold == -1) clip.label = sweep::Label{0, -1, 100};
  }
  const TrialResult after = alone(dataset, trial(config(), 1));
  EXPECT_EQ(after.held_out.validation.fused, before.held_out.validation.fused);
  EXPECT_EQ(after.held_out.test.fused, before.held_out.test.fused);
  EXPECT_EQ(after.importance.weights, before.importance.weights);
  for (std::size_t e = 0; e < before.epochs.size(); ++e) EXPECT_EQ(after.epochs[e].loss, before.epochs[e].loss);
  EXPECT_NE(after.held_out.surface.presence_hits, before.held_out.surface.presence_hits) << "the labels did change";
}

INSTANTIATE_TEST_SUITE_P(Every, Switches, testing::ValuesIn(kSwitches), switch_name);
INSTANTIATE_TEST_SUITE_P(Fits, Switches, testing::ValuesIn(kFits), switch_name);

/// A trained trial of small shape with these settings.
TrialResult trained(const data::Dataset& dataset, const char* settings) {
  Config config;
  config.encoders = dataset.encoder_names();
  config.top_n = 2;
  config.projection_dim = 12;
  config.fusion_dim = 10;
  config.epochs = 4;
  config = with(config, settings);
  return trainer::train_pack(dataset, {{"t", config, 0, 1}}).front();
}

TEST(Selection, RandomKeepsEachEncoderEquallyOften) {
  PlantedOptions options;
  options.clips_per_actor = 400;
  const auto importance = trained(planted_dataset(options), R"({"selection": "random"})").importance;
  // 800 clips of the reported fold, 2 of 3 encoders: the sd of a frequency is .017.
  for (const auto& encoder : importance.encoders) EXPECT_NEAR(encoder.selection_frequency, 2.0 / 3, 0.07);
}

TEST(Selection, FixedKeepsTheSameBestEncodersOnEveryClip) {
  const auto importance = trained(planted_dataset(), R"({"selection": "fixed"})").importance;
  EXPECT_EQ(importance.encoders[0].selection_frequency, 1) << "clear, signal 2";
  EXPECT_EQ(importance.encoders[1].selection_frequency, 1) << "faint, signal 0.5";
  EXPECT_EQ(importance.encoders[2].selection_frequency, 0) << "noise";
}

TEST(Selection, ThresholdKeepsTheFewestThatReachTheMass) {
  const data::Dataset dataset = planted_dataset();
  for (const double mass : {0.4, 0.7, 1.0}) {
    const std::string settings =
        R"({"selection": "threshold", "renormalise": false, "mass": )" + std::to_string(mass) + "}";
    const auto result = trained(dataset, settings.c_str());
    const auto clips = dataset.clips_of_fold(0).size();
    // Weights are cut, not renormalised: what is kept reaches the mass, and no longer does without its least.
    for (std::size_t i = 0; i < clips; ++i) {
      double sum = 0, least = 1;
      for (std::size_t e = 0; e < 3; ++e) {
        const std::uint16_t half = result.importance.weights[3 * i + e];
        if (half == 0) continue;
        const double weight = std::ldexp(1 + (half & 0x3ff) / 1024.0, (half >> 10) - 15);
        sum += weight;
        least = std::min(least, weight);
      }
      EXPECT_GT(sum, mass - 2e-3);
      EXPECT_LT(sum - least, mass + 2e-3);
    }
  }
}

TEST(Errors, ModalityConcatNeedsModalities) {
  data::Dataset dataset = planted_dataset();
  dataset.encoders.push_back(
      std::make_shared<MemoryEncoder>("bare", 2, std::vector<float>(2 * dataset.clips.size(), 1.0F)));
  try {
    trained(dataset, R"({"fusion": "modality-concat"})");
    FAIL() << "no error";
  } catch (const trainer::Error& e) {
    EXPECT_NE(std::string(e.what()).find("dataset.yaml gives encoder 'bare' no modality"), std::string::npos);
  }
}

}  // namespace
}  // namespace medley::tests
