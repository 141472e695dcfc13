// What is found in synthetic datasets whose truth is known (`truth.json`, docs/data.md). No expected number comes from
// the trainer: which encoders carry signal on which clip, the near-copies, the shift and the test labels were planted.
#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sweep/half.h"
#include "sweep/score/statistics.h"
#include "tests/support/folder.h"
#include "trainer/data/synthetic.h"
#include "trainer/trainer.h"

namespace medley::tests {
namespace {

using sweep::Adaptation;
using sweep::Config;
using sweep::Selection;
using sweep::TrialResult;

/// 25 actors; three encoders with signal on two fifths of the clips each, marked so, and two of noise.
data::SyntheticOptions marked_options() {
  data::SyntheticOptions options;
  options.train_actors = 25;
  options.test_actors = 2;
  options.encoders = 5;
  options.near_copies = 0;
  options.noise_encoders = 2;
  options.dim = 16;
  options.relevance = 0.4;
  options.falloff = 1;
  options.signal = 6;
  options.marker = 6;
  options.identity = 1;
  return options;
}

Config small_config() {
  Config config;
  config.projection_dim = 16;
  config.gate_dim = 16;
  config.fusion_dim = 32;
  config.epochs = 15;
  config.learning_rate = 5e-3;
  return config;
}

/// One encoder a clip, by a gate that learns: a single weight that is renormalised is 1 whatever the gate says.
Config best_one() {
  Config config = small_config();
  config.gate = sweep::Gate::kQuery;
  config.top_n = 1;
  config.renormalise = false;
  config.gate_noise = 1;
  return config;
}

struct Planted {
  explicit Planted(const data::SyntheticOptions& options) {
    data::make_synthetic(folder.path(), options, data::Existing::kOverwrite);
    dataset = data::load_dataset(folder.path());
    std::ifstream file(folder / "truth.json");
    truth = nlohmann::json::parse(file);
  }

  test::Folder folder;
  data::Dataset dataset;
  nlohmann::json truth;
};

/// One result a (fold, seed), in this order.
std::vector<TrialResult> train(const Planted& planted, Config config, const std::vector<int>& folds,
                               const std::vector<std::uint64_t>& seeds) {
  config.encoders = planted.dataset.encoder_names();
  std::vector<sweep::TrialSpec> trials;
  for (const int fold : folds) {
    for (const std::uint64_t seed : seeds) {
      trials.push_back({sweep::trial_id(config, fold, seed, "planted"), config, fold, seed});
    }
  }
  return trainer::train_pack(planted.dataset, trials);
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
  Config all = small_config();
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

/// Score on the test clips, whose labels only truth.json knows; thresholds from the reported fold.
double test_score(const Planted& planted, const TrialResult& result) {
  const sweep::Classes& classes = planted.dataset.classes;
  const auto class_of = [&](const nlohmann::json& said) {
    const auto& names = classes.names;
    return static_cast<int>(std::find(names.begin(), names.end(), said["emotion"].get<std::string>()) - names.begin());
  };
  const std::vector<double> fused(result.held_out.test.fused.begin(), result.held_out.test.fused.end());
  const sweep::Thresholds thresholds = result.held_out.surface.best().thresholds;
  std::vector<sweep::Label> predicted, truth;
  for (const int clip : planted.dataset.clips_of_fold(-1)) {
    const auto& said = planted.truth["test_labels"][planted.dataset.clips[static_cast<std::size_t>(clip)].filename];
    truth.push_back(said.size() == 1
                        ? sweep::Label{class_of(said[0])}
                        : sweep::make_blend(class_of(said[0]), class_of(said[1]), said[0]["salience"].get<int>()));
    predicted.push_back(sweep::decode(fused.data() + predicted.size() * static_cast<std::size_t>(classes.count()),
                                      classes, thresholds));
  }
  return sweep::accuracy(predicted, truth).score();
}

class Shift : public testing::Test {
 protected:
  static data::SyntheticOptions options(double shift) {
    data::SyntheticOptions options = marked_options();
    options.test_actors = 25;
    options.encoders = 3;
    options.noise_encoders = 0;
    options.relevance = 1;
    options.marker = 0;
    options.falloff = 0.9;
    options.signal = 5;
    options.identity = 0.5;
    options.shift = shift;
    return options;
  }

  static double score(const Planted& planted, Adaptation adaptation, double weight) {
    Config config = small_config();
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

TEST_F(Shift, AdaptationRecoversHalfOfWhatAShiftCostsAndHarmsNothingWithoutOne) {
  const Planted still(options(0)), shifted(options(2.5));
  const double whole = score(still, Adaptation::kNone, 1), left = score(shifted, Adaptation::kNone, 1);
  ASSERT_GT(whole - left, 0.05) << "the planted shift costs something";
  const std::pair<Adaptation, double> weighted[] = {{Adaptation::kCoral, 20},
                                                    {Adaptation::kMmd, 0.8},
                                                    {Adaptation::kDann, 0.3},
                                                    {Adaptation::kCdan, 0.3},
                                                    {Adaptation::kCmd, 0.3}};
  for (const auto& [kind, weight] : weighted) {
    SCOPED_TRACE(static_cast<int>(kind));
    EXPECT_GE(score(shifted, kind, weight), left + 0.5 * (whole - left));
    EXPECT_GE(score(still, kind, weight), whole - 0.01);
  }
}

}  // namespace
}  // namespace medley::tests
