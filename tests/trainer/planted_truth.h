#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/score/metric.h"
#include "tests/support/folder.h"
#include "trainer/data/synthetic.h"
#include "trainer/trainer.h"

namespace medley::tests {

/// 25 actors; three encoders with signal on two fifths of the clips each, marked so, and two of noise.
inline data::SyntheticOptions marked_options() {
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

/// 25 actors and 25 of a domain that is shifted by `shift`; three encoders with signal on all clips.
inline data::SyntheticOptions shifted_options(double shift) {
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

/// A model that learns such a dataset in a moment.
inline sweep::Config planted_config() {
  sweep::Config config;
  config.projection_dim = 16;
  config.gate_dim = 16;
  config.fusion_dim = 32;
  config.epochs = 15;
  config.learning_rate = 5e-3;
  return config;
}

/// A dataset that was made, and what was planted in it.
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
inline std::vector<sweep::TrialResult> train(const Planted& planted, sweep::Config config,
                                             const std::vector<int>& folds, const std::vector<std::uint64_t>& seeds) {
  config.encoders = planted.dataset.encoder_names();
  std::vector<sweep::TrialSpec> trials;
  for (const int fold : folds) {
    for (const std::uint64_t seed : seeds) {
      trials.push_back({sweep::trial_id(config, fold, seed, "planted"), config, fold, seed});
    }
  }
  return trainer::train_pack(planted.dataset, trials);
}

/// Of a test clip, whose label only truth.json knows.
inline sweep::Label test_label(const Planted& planted, int clip) {
  const auto& names = planted.dataset.classes.names;
  const auto class_of = [&](const nlohmann::json& said) {
    return static_cast<int>(std::find(names.begin(), names.end(), said["emotion"].get<std::string>()) - names.begin());
  };
  const auto& said = planted.truth["test_labels"][planted.dataset.clips[static_cast<std::size_t>(clip)].filename];
  if (said.size() == 1) return {class_of(said[0])};
  return sweep::make_blend(class_of(said[0]), class_of(said[1]), said[0]["salience"].get<int>());
}

/// Of probabilities of the test clips.
inline double test_score(const Planted& planted, const std::vector<float>& fused, sweep::Thresholds thresholds) {
  const sweep::Classes& classes = planted.dataset.classes;
  const std::vector<double> p(fused.begin(), fused.end());
  std::vector<sweep::Label> predicted, truth;
  for (const int clip : planted.dataset.clips_of_fold(-1)) {
    truth.push_back(test_label(planted, clip));
    predicted.push_back(
        sweep::decode(p.data() + predicted.size() * static_cast<std::size_t>(classes.count()), classes, thresholds));
  }
  return sweep::accuracy(predicted, truth).score();
}

/// Score on the test clips; thresholds from the reported fold.
inline double test_score(const Planted& planted, const sweep::TrialResult& result) {
  return test_score(planted, result.held_out.test.fused, result.held_out.surface.best().thresholds);
}

}  // namespace medley::tests
