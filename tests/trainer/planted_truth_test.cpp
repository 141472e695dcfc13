// What is found in synthetic datasets whose truth is known (`truth.json`, docs/data.md). No expected number comes from
// the trainer: which encoders carry signal on which clip, the near-copies, the shift and the test labels were planted.
#include "tests/trainer/planted_truth.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "sweep/half.h"
#include "sweep/score/statistics.h"

namespace medley::tests {
namespace {

using sweep::Adaptation;
using sweep::Config;
using sweep::Selection;
using sweep::TrialResult;

/// One encoder a clip, by a gate that learns: a single weight that is renormalised is 1 whatever the gate says.
Config best_one() {
  Config config = planted_config();
  config.gate = sweep::Gate::kQuery;
  config.top_n = 1;
  config.renormalise = false;
  config.gate_noise = 1;
  return config;
}

/// Of a result's clips: does it keep this encoder?
bool kept(const TrialResult& result, std::size_t clip, std::size_t encoder) {
  const std::size_t encoders = result.importance.encoders.size();
  return sweep::half_value(result.importance.weights[clip * encoders + encoder]) > 0;
}

TEST(PlantedTruth, TheGateKeepsTheOneEncoderThatHasSignalAndSeldomNoise) {
  const Planted planted(marked_options());
  const TrialResult result = train(planted, best_one(), {0}, {1}).front();
  const std::vector<int> clips = planted.dataset.clips_of_fold(0);
  int clear = 0, found = 0, noise = 0;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const std::string& stem = planted.dataset.clips[static_cast<std::size_t>(clips[i])].stem;
    const auto relevant = planted.truth["relevant_encoders"][stem].get<std::set<std::string>>();
    for (std::size_t e = 0; e < result.importance.encoders.size(); ++e) {
      if (!kept(result, i, e)) continue;
      const std::string& encoder = result.importance.encoders[e].encoder;
      noise += encoder.rfind("noise", 0) == 0;
      if (relevant.size() != 1) continue;
      ++clear;
      found += static_cast<int>(relevant.count(encoder));
    }
  }
  EXPECT_GT(clear, 80) << "clips on which exactly one encoder has signal";
  EXPECT_GE(found, 0.9 * clear);
  EXPECT_LE(noise, clips.size() * 2 / 5) << "chance: 2 of 5 encoders are noise";
}

TEST(PlantedTruth, ARandomEncoderIsWorseThanTheChosenOne) {
  const Planted planted(marked_options());
  Config random = best_one();
  random.selection = Selection::kRandom;
  const auto chosen = train(planted, best_one(), planted.dataset.folds, {1});
  const auto drawn = train(planted, random, planted.dataset.folds, {1});
  std::vector<double> differences;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    differences.push_back(chosen[i].held_out.surface.best().accuracy.score() -
                          drawn[i].held_out.surface.best().accuracy.score());
  }
  EXPECT_GT(sweep::compare_paired(differences, static_cast<int>(planted.dataset.folds.size())).interval.low, 0);
}

TEST(PlantedTruth, NearCopiesShareTheWeightOfTheirOriginal) {
  data::SyntheticOptions options = marked_options();
  options.encoders = 3;
  options.noise_encoders = 0;
  options.relevance = 1;
  options.marker = 0;
  const Planted without(options);
  options.encoders = 4;
  options.near_copies = 1;
  const Planted with(options);
  Config all = planted_config();
  all.selection = Selection::kAll;
  const auto weight = [&](const Planted& planted, const std::string& encoder) {
    double sum = 0;
    for (const TrialResult& result : train(planted, all, {0}, {1, 2, 3})) {
      for (const auto& importance : result.importance.encoders)
        sum += importance.encoder == encoder ? importance.mean : 0;
    }
    return sum / 3;
  };
  const double alone = weight(without, "video1"), original = weight(with, "video1"), copy = weight(with, "video1-copy");
  EXPECT_LT(original, alone);
  EXPECT_LT(copy, alone);
  EXPECT_LT(std::abs(original - copy), 0.25 * (original + copy));
}

class Shift : public testing::Test {
 protected:
  static double score(const Planted& planted, Adaptation adaptation, double weight) {
    Config config = planted_config();
    config.selection = Selection::kAll;
    config.epochs = 10;
    config.batch_size = 40;  // a distance of two samples wants samples
    config.adaptation = adaptation;
    config.adaptation_weight = weight;
    config.adaptation_target = sweep::AdaptationTarget::kTest;
    double sum = 0;
    for (const TrialResult& result : train(planted, config, {0}, {1, 2, 3})) sum += test_score(planted, result) / 3;
    return sum;
  }
};

TEST_F(Shift, AdaptationRecoversWhatAShiftCostsAndHarmsNothingWithoutOne) {
  const Planted still(shifted_options(0)), shifted(shifted_options(2.5));
  const double whole = score(still, Adaptation::kNone, 1), left = score(shifted, Adaptation::kNone, 1);
  ASSERT_GT(whole - left, 0.05) << "the planted shift costs something";
  struct Case {
    Adaptation adaptation;
    double weight, recovers;
  };
  for (const Case& c :
       {Case{Adaptation::kCoral, 20, 0.5}, Case{Adaptation::kMmd, 0.8, 0.5}, Case{Adaptation::kDann, 0.3, 0.5},
        Case{Adaptation::kCdan, 0.3, 0.5}, Case{Adaptation::kCmd, 0.3, 0.5}, Case{Adaptation::kMoments, 1, 0.9},
        Case{Adaptation::kCoralInput, 1, 0.9}}) {
    SCOPED_TRACE(sweep::name_of(c.adaptation));
    EXPECT_GE(score(shifted, c.adaptation, c.weight), left + c.recovers * (whole - left));
    EXPECT_GE(score(still, c.adaptation, c.weight), whole - 0.01);
  }
}

}  // namespace
}  // namespace medley::tests
