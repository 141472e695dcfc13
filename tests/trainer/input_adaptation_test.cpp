// Adaptation of the target's inputs: the formulas against NumPy, and what training and other clips keep.
#include "trainer/input_adaptation.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "tests/trainer/switches.h"
#include "trainer/error.h"
#include "trainer/predict.h"

namespace medley::tests {
namespace {

using sweep::Adaptation;
using sweep::AdaptationTarget;
using sweep::Config;
using sweep::TrialResult;

void expect_near(const std::vector<float>& values, const std::vector<double>& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(double{values[i]}, expected[i], 1e-6) << "number " << i;
}

// numpy, z [clip, dim] of actors a, a, b, a and one unknown:
//   m = 5/21 * z.mean(0); s = sqrt(5/21 * z.var(0) + 16/21)
//   an actor of n clips: (z[his] - (n/(n+16) * z[his].mean(0) + 16/(n+16) * m)) / s; unknown: (z - m) / s
const trainer::TargetFeatures kTarget{
    {1, -2, .5, 2, 0, 1.5, 4, 1, -1, 0, 3, 2, 1.5, -.5, 0}, 3, {"a", "a", "b", "a", ""}};

TEST(MatchMoments, IsNumpys) {
  expect_near(trainer::match_moments(kTarget),
              {0.46125480881545533, -1.7736020997628414, 0.1664219696068302, 1.3814581524022884, -0.0946762686706143,
               1.1501607232827598, 3.1137412858624494, 0.7336482623260151, -1.0581391636178066, -0.45894853477137787,
               2.423712477967726, 1.6420301001207245, 1.0078417572617697, -0.4796930945977791, -0.14053410766798993});
}

// numpy, scipy: c = the numerators above; f = lambda C: .9*C + .1*eye(3); w = 5 / (5 + 3 + 16); T = cov(z.T, bias=True)
//   c @ inv(sqrtm(f(w*T + (1-w)*S))) @ sqrtm(f(S))
TEST(MatchCovariance, IsScipys) {
  expect_near(trainer::match_covariance(kTarget, {1, .5, 0, .5, 1, -.25, 0, -.25, 1}),
              {0.2799462969119022, -1.714725858870655, 0.4337619992794535, 1.495097399809136, -0.039762133444896736,
               1.355399647498865, 3.078013682102996, 1.1686334048239064, -0.7476660965572429, -0.007429806709502364,
               2.1972385800988055, 1.3209783453272448, 0.9378127069077093, -0.3479880047628181, 0.04521409878546007});
}

TEST(MatchMoments, ManyClipsOfAnotherGainAndOffsetLookLikeTrainingRows) {
  trainer::TargetFeatures target{{}, 1, std::vector<std::string>(100000)};
  for (int i = 0; i < 100000; ++i) target.z.push_back(7 + (i % 2 ? 3 : -3));
  const std::vector<float> matched = trainer::match_moments(target);
  EXPECT_NEAR(matched[0], -1, 2e-3);
  EXPECT_NEAR(matched[1], 1, 2e-3);
}

TEST(MatchMoments, AConstantColumnOfTheTrainingRowsStaysZero) {
  const trainer::TargetFeatures target{{0, 1, 0, 3}, 2, {"", ""}};
  for (const float value : {trainer::match_moments(target)[0], trainer::match_covariance(target, {0, 0, 0, 1})[2]}) {
    EXPECT_EQ(value, 0);
  }
}

TEST(MatchCovariance, WhatIsNotFiniteIsNotANumber) {
  const std::vector<float> matched = trainer::match_covariance({{NAN, 1, 0, 3}, 2, {"", ""}}, {1, 0, 0, 1});
  for (const float value : matched) EXPECT_TRUE(std::isnan(value));
}

class InputAdaptation : public testing::TestWithParam<Adaptation> {
 protected:
  static Config config(AdaptationTarget target) {
    Config config = small_config();
    config.epochs = 3;
    config.adaptation = GetParam();
    config.adaptation_target = target;
    return config;
  }

  /// As a recording with another gain and offset would be.
  static data::Dataset shifted(int fold) {
    data::Dataset dataset = planted_dataset();
    for (const char* encoder : {"clear", "faint", "noise"}) {
      auto& values = values_of(dataset, encoder);
      const std::size_t dim = values.size() / dataset.clips.size();
      for (const int clip : dataset.clips_of_fold(fold)) {
        for (std::size_t j = 0; j < dim; ++j) {
          float& value = values[static_cast<std::size_t>(clip) * dim + j];
          value = 2 * value - 5;
        }
      }
    }
    return dataset;
  }
};

TEST_P(InputAdaptation, OnlyPredictionsOfTheTargetDifferFromThoseOfNone) {
  const data::Dataset dataset = shifted(-1);
  Config none = config(AdaptationTarget::kTest);
  none.adaptation = Adaptation::kNone;
  const TrialResult plain = alone(dataset, trial(none, 1));
  const TrialResult to_test = alone(dataset, trial(config(AdaptationTarget::kTest), 1));
  EXPECT_EQ(to_test.held_out.validation.fused, plain.held_out.validation.fused);
  EXPECT_NE(to_test.held_out.test.fused, plain.held_out.test.fused);
  const TrialResult to_fold = alone(dataset, trial(config(AdaptationTarget::kValidation), 1));
  EXPECT_NE(to_fold.held_out.validation.fused, plain.held_out.validation.fused);
  EXPECT_EQ(to_fold.held_out.test.fused, plain.held_out.test.fused);
  for (std::size_t e = 0; e < plain.epochs.size(); ++e) {
    EXPECT_EQ(to_test.epochs[e].loss, plain.epochs[e].loss);
    EXPECT_EQ(to_fold.epochs[e].loss, plain.epochs[e].loss);
  }
}

TEST_P(InputAdaptation, TheWeightOfALossIsNotRead) {
  Config light = config(AdaptationTarget::kTest), heavy = light;
  heavy.adaptation_weight = 50;
  EXPECT_EQ(sweep::config_id(heavy), sweep::config_id(light));
  const data::Dataset dataset = planted_dataset();
  EXPECT_EQ(bits(alone(dataset, trial(heavy, 1))), bits(alone(dataset, trial(light, 1))));
}

TEST_P(InputAdaptation, APredictionReadsTheTargetOfItsOwnDataset) {
  const test::Folder folder;
  trainer::TrainOptions options;
  options.checkpoints = folder.path();
  const auto spec = trial(config(AdaptationTarget::kTest), 1);
  const TrialResult result = trainer::train_pack(planted_dataset(), {spec}, options).front();
  const auto predict = [&](const data::Dataset& dataset) {
    return trainer::predict(folder / (spec.id + ".npz"), dataset, dataset.clips_of_fold(-1)).fused;
  };
  EXPECT_EQ(predict(planted_dataset()), result.held_out.test.fused);
  // New clips alone: the training rows are not at hand, and no clip has a fold.
  data::Dataset clips = planted_dataset();
  const std::vector<int> test = clips.clips_of_fold(-1);
  data::Dataset few = clips;
  few.clips.clear();
  few.encoders.clear();
  for (const int clip : test) few.clips.push_back(clips.clips[static_cast<std::size_t>(clip)]);
  for (const auto& encoder : clips.encoders) {
    std::vector<float> values(test.size() * static_cast<std::size_t>(encoder->dim()));
    encoder->gather(test, values.data());
    few.encoders.push_back(std::make_shared<MemoryEncoder>(encoder->name(), encoder->dim(), values));
  }
  EXPECT_EQ(predict(few), result.held_out.test.fused);
  EXPECT_NE(predict(shifted(-1)), result.held_out.test.fused);
}

INSTANTIATE_TEST_SUITE_P(Both, InputAdaptation, testing::Values(Adaptation::kMoments, Adaptation::kCoralInput),
                         [](const auto& kind) {
                           return kind.param == Adaptation::kMoments ? "Moments" : "CoralInput";
                         });

TEST(InputAdaptationErrors, CoralInputNamesAnEncoderThatIsTooWide) {
  PlantedOptions options;
  options.encoders = {{"wide", 1025, 1}};
  Config config = small_config();
  config.encoders = {"wide"};
  config.top_n = 1;
  config.adaptation = Adaptation::kCoralInput;
  const data::Dataset dataset = planted_dataset(options);
  EXPECT_NE(test::error_of<trainer::Error>([&] {
              alone(dataset, trial(config));
            }).find("encoder 'wide' has 1025 columns; valid: at most 1024, or adaptation moments"),
            std::string::npos);
}

}  // namespace
}  // namespace medley::tests
