// A trained trial on disk says what it said in memory; statistics and importance against hand-made numbers.
#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "tests/trainer/planted_dataset.h"
#include "trainer/data/npz.h"
#include "trainer/data/npz_write.h"
#include "trainer/error.h"
#include "trainer/features.h"
#include "trainer/importance.h"
#include "trainer/predict.h"
#include "trainer/saved_headers.h"
#include "trainer/trainer.h"

namespace medley::tests {
namespace {

namespace fs = std::filesystem;
using sweep::Config;

class Checkpoints : public testing::TestWithParam<const char*> {
 protected:
  Config config() const {
    Config config;
    config.encoders = {"clear", "noise"};
    config.top_n = 1;
    config.projection_dim = 8;
    config.gate_dim = 4;
    config.fusion_dim = 6;
    config.hidden = 5;
    config.batch_size = 16;
    config.epochs = 3;
    const std::string what = GetParam();
    if (what == "concat") config.fusion = sweep::Fusion::kConcat;
    if (what == "actor") config.normalize = sweep::Normalize::kActor;
    if (what == "float64") config.precision = sweep::Precision::kFloat64;
    return config;
  }

  sweep::TrialResult train() {
    trainer::TrainOptions options;
    options.checkpoints = folder.path();
    return trainer::train_pack(dataset, {{"0123456789abcdef", config(), 1, 7}}, options).front();
  }

  std::string message(const data::Dataset& other) {
    try {
      trainer::predict(file, other, other.clips_of_fold(-1));
    } catch (const trainer::Error& e) {
      return e.what();
    }
    return "";
  }

  test::Folder folder;
  data::Dataset dataset = planted_dataset();
  fs::path file = folder / "0123456789abcdef.npz";
};

TEST_P(Checkpoints, GiveTheSameBitsAgain) {
  const sweep::TrialResult result = train();
  const sweep::Predictions test = trainer::predict(file, dataset, dataset.clips_of_fold(-1));
  EXPECT_EQ(test.fused, result.held_out.test.fused);
  EXPECT_EQ(test.presence, result.held_out.test.presence);
  EXPECT_EQ(test.salience, result.held_out.test.salience);
  EXPECT_EQ(trainer::predict(file, dataset, dataset.clips_of_fold(1)).fused, result.held_out.validation.fused);
}

TEST_P(Checkpoints, ReadNeitherLabelsNorTheOrderOfEncoders) {
  train();
  const auto expected = trainer::predict(file, dataset, dataset.clips_of_fold(-1)).fused;
  data::Dataset other = dataset;
  for (data::Clip& clip : other.clips) clip.label.reset();
  std::swap(other.encoders[0], other.encoders[2]);
  EXPECT_EQ(trainer::predict(file, other, other.clips_of_fold(-1)).fused, expected);
}

INSTANTIATE_TEST_SUITE_P(Models, Checkpoints, testing::Values("sum", "concat", "actor", "float64"));

using CheckpointErrors = Checkpoints;
TEST_P(CheckpointErrors, NameWhatDoesNotFit) {
  train();
  data::Dataset other = dataset;
  other.encoders.erase(other.encoders.begin());
  EXPECT_NE(message(other).find("needs encoder 'clear', which the dataset lacks"), std::string::npos);
  PlantedOptions wider;
  wider.encoders[0].dim = 9;
  EXPECT_NE(message(planted_dataset(wider)).find("encoder 'clear' was trained with dim 8; the dataset has 9"),
            std::string::npos);
  other = dataset;
  other.classes.names[0] = "joy";
  EXPECT_NE(message(other).find("trained on the classes ang, "), std::string::npos);
  data::write_npz(file, {{"X", {1}, std::vector<float>{1}}});
  EXPECT_NE(message(dataset).find("not a checkpoint"), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(Models, CheckpointErrors, testing::Values("sum"));

TEST(SavedHeaders, NumbersOutOfRangeAreErrors) {
  const test::Folder folder;
  const auto error = [&](const char* array, const std::string& text, const auto& read) {
    data::write_npz(folder / "f.npz",
                    {{array, {1}, std::vector<std::string>{text}}, {"result", {1}, std::vector<std::uint16_t>{0}}});
    return test::error_of<trainer::Error>([&] { read(data::NpzFile::open(folder / "f.npz")); });
  };
  sweep::TrialSpec trial;
  trial.id = "0123456789abcdef";
  trial.config.encoders = {"e"};
  const nlohmann::json sound = {{"format", 1}, {"trial", sweep::to_json(trial)}, {"epoch", 1}, {"classes", {"a"}}};
  for (const char* epoch : {"1e300", "-1", "0.5", "4294967297"}) {
    nlohmann::json about = sound;
    about["epoch"] = nlohmann::json::parse(epoch);
    EXPECT_NE(error("trial", about.dump(), trainer::read_checkpoint_header).find("'epoch' must be a whole number"),
              std::string::npos)
        << epoch;
  }
}

TEST(Standardization, IsOfTheGivenRowsAndConstantColumnsSayNothing) {
  PlantedOptions options;
  options.encoders = {{"e", 3, 1}};
  data::Dataset dataset = planted_dataset(options);
  auto& values = values_of(dataset, "e");
  const float rows[4][3] = {{1, 0.1F, 5}, {3, 0.1F, 5}, {5, 0.1F, 9}, {700, 4, 5}};
  for (int i = 0; i < 4; ++i) std::copy_n(rows[i], 3, values.begin() + 3 * i);
  const trainer::Features features(dataset, trainer::Features::Actors::kIgnore, {});
  const auto z = features.standardization(0, {0, 1, 2}, sweep::Normalize::kEncoder);
  EXPECT_DOUBLE_EQ(z.mean[0], 3);
  EXPECT_DOUBLE_EQ(z.scale[0], 1 / std::sqrt(8.0 / 3));
  EXPECT_EQ(z.scale[1], 0);
  const int clips[] = {0, 3, -1};
  double out[9];
  features.gather(0, clips, 3, sweep::Normalize::kEncoder, z, out);
  EXPECT_DOUBLE_EQ(out[0], -2 / std::sqrt(8.0 / 3));
  EXPECT_EQ(out[1], 0);
  EXPECT_DOUBLE_EQ(out[3], 697 / std::sqrt(8.0 / 3));
  EXPECT_EQ(out[4], 0) << "constant over the training rows, whatever this clip has";
  for (int j = 6; j < 9; ++j) EXPECT_EQ(out[j], 0) << "padding";
}

/// Three clips of two layers of two numbers, not in memory as one matrix.
struct LayeredEncoder : data::Encoder {
  std::string encoder_name = "layered";
  sweep::EncoderLabels no_labels;
  std::vector<float> values = {1, 2, 3, 4, /**/ 5, 6, 7, 8, /**/ 9, 10, 11, 14};
  const std::string& name() const override { return encoder_name; }
  const sweep::EncoderLabels& labels() const override { return no_labels; }
  int dim() const override { return 2; }
  int layers() const override { return 2; }
  void gather(const std::vector<int>& clips, float* out) const override {
    for (const int clip : clips) out = std::copy_n(values.begin() + 4 * clip, 4, out);
  }
  const float* matrix() const override { return values.data(); }
  int rows() const override { return 3; }
  int row_of(int clip) const override { return clip; }
};

TEST(Layers, TheChosenOnesAreAveraged) {
  data::Dataset dataset;
  dataset.clips.resize(3);
  dataset.encoders = {std::make_shared<LayeredEncoder>()};
  const auto row = [&](const sweep::Layers& layers) {
    const trainer::Features features(dataset, trainer::Features::Actors::kIgnore, layers);
    const float* x = features.row(0, 2, sweep::Normalize::kEncoder);
    return std::vector<float>(x, x + 2);
  };
  EXPECT_EQ(row({}), (std::vector<float>{10, 12}));
  EXPECT_EQ(row({0, 0}), (std::vector<float>{9, 10}));
  EXPECT_EQ(row({1, 1}), (std::vector<float>{11, 14}));
  EXPECT_EQ(row({0, 1}), (std::vector<float>{10, 12}));
  EXPECT_THROW(row({1, 2}), trainer::Error);
}

TEST(Standardization, WithinActorsUsesEachActorsClips) {
  data::Dataset dataset = planted_dataset();
  const trainer::Features features(dataset, trainer::Features::Actors::kNormalize, {});
  const std::string actor = dataset.clips.front().actor;
  double sum = 0, squares = 0, count = 0;
  for (std::size_t c = 0; c < dataset.clips.size(); ++c) {
    if (dataset.clips[c].actor != actor) continue;
    const double x = features.row(0, static_cast<int>(c), sweep::Normalize::kActor)[2];
    sum += x;
    squares += x * x;
    ++count;
  }
  EXPECT_NEAR(sum / count, 0, 1e-6);
  EXPECT_NEAR(squares / count, 1, 1e-5);
}

TEST(Importance, IsCountedByHandOnFourClips) {
  const std::vector<float> scores = {2, 1, 0, 3, 1, 1, 2, 3};  // [clip, encoder], two encoders
  const std::vector<float> weights = {0.75F, 0.25F, 0, 1, 1, 0, 0.04F, 0.96F};
  const std::vector<bool> kept = {true, true, false, true, true, false, true, true};
  const sweep::Importance importance = trainer::gate_importance({"a", "b"}, scores, weights, kept, 4);
  const auto& a = importance.encoders[0];
  EXPECT_NEAR(a.mean, (0.75 + 0 + 1 + 0.04) / 4, 1e-7);
  EXPECT_DOUBLE_EQ(a.selection_frequency, 0.75);
  EXPECT_EQ(a.ranks, (std::vector<double>{0.5, 0.5})) << "the tie of the third clip goes to the lower index";
  EXPECT_EQ(a.histogram[0], 2);
  EXPECT_EQ(a.histogram[15], 1);
  EXPECT_EQ(a.histogram[19], 1);
  EXPECT_NEAR(a.quantiles[2], (0.04 + 0.75) / 2, 1e-7) << "median of 0, .04, .75, 1";
  EXPECT_NEAR(a.quantiles[4], 0.75 + 0.25 * 0.85, 1e-7);
  EXPECT_EQ(importance.weights, (std::vector<std::uint16_t>{0x3a00, 0x3400, 0, 0x3c00, 0x3c00, 0, 0x291f, 0x3bae}));
}

}  // namespace
}  // namespace medley::tests
