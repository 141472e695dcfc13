// One id, one function: over all example sweeps no two configs with different ids train the same model.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "sweep/digest.h"
#include "sweep/spec/expand.h"
#include "tests/support/amount.h"
#include "tests/support/examples.h"
#include "tests/support/folder.h"
#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"

namespace medley::tests {
namespace {

data::Dataset dataset() {
  PlantedOptions options;
  options.encoders = {{"clear", 6, 2.0}, {"faint", 5, .5}, {"noise", 4, 0}, {"other", 4, 1.0}};
  return planted_dataset(options);
}

sweep::DatasetShape shape_of(const data::Dataset& dataset) {
  sweep::DatasetShape shape;
  shape.fingerprint = "test";
  for (const auto& encoder : dataset.encoders) {
    shape.encoders.push_back(encoder->name());
    shape.modalities.push_back(shape.encoders.size() % 2 == 0 ? "audio" : "video");
  }
  shape.folds = dataset.folds;
  shape.has_test = true;
  return shape;
}

/// Widths and epochs that train in a moment; no two values of an example become the same.
sweep::Config small(sweep::Config config) {
  for (int sweep::Config::*width :
       {&sweep::Config::projection_dim, &sweep::Config::fusion_dim, &sweep::Config::hidden, &sweep::Config::gate_dim}) {
    config.*width = config.*width / 8;
  }
  config.gate_dim = std::max(2, config.gate_dim);
  config.epochs = std::min(config.epochs, 5);
  config.learning_rate = std::max(config.learning_rate, 1e-4);
  return sweep::canonical(config);
}

/// SHA-256 of what the config predicts for the validation clips of one fold, and for the test clips, with the loss of
/// the validation clips by epoch: probabilities are rounded to halves, which hides small differences of functions.
std::string function_of(const data::Dataset& dataset, const sweep::Config& config) {
  const sweep::TrialResult result = alone(dataset, trial(config));
  if (result.outcome != sweep::Outcome::kFinished) return "";
  std::vector<std::uint8_t> bytes;
  for (const auto* part : {&result.paper.validation.fused, &result.held_out.validation.fused, &result.paper.test.fused,
                           &result.held_out.test.fused}) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(part->data());
    bytes.insert(bytes.end(), begin, begin + part->size() * sizeof(float));
  }
  for (const sweep::EpochMetrics& epoch : result.epochs) {
    const auto* begin = reinterpret_cast<const std::uint8_t*>(&epoch.validation_loss);
    bytes.insert(bytes.end(), begin, begin + sizeof epoch.validation_loss);
  }
  return sweep::sha256_hex(std::string(bytes.begin(), bytes.end()));
}

TEST(Identity, NoTwoIdsOfTheExamplesTrainOneFunction) {
  const data::Dataset data = dataset();
  const sweep::DatasetShape shape = shape_of(data);
  std::map<std::string, std::string> id_of_function, what;
  const auto most = static_cast<std::size_t>(test::amount("MEDLEY_IDENTITY_CONFIGS", 30));
  for (const auto& file : test::example_sweeps(MEDLEY_SOURCE_DIR)) {
    const std::string name = file.filename().string();
    const auto made = sweep::expand(sweep::parse_sweep(test::read_file(file), name), shape);
    // Of a long list some from all over it.
    const std::size_t step = std::max<std::size_t>(1, made.configs.size() / most);
    for (std::size_t i = 0; i < made.configs.size(); i += step) {
      const sweep::Config config = small(made.configs[i].config);
      // Moments of actors that are normalised already are matched already: one function, but for rounding.
      if (config.normalize == sweep::Normalize::kActor && config.adaptation == sweep::Adaptation::kMoments) continue;
      const std::string id = sweep::config_id(config);
      if (!what.emplace(id, name).second) continue;
      std::string function = function_of(data, config);
      if (function.empty()) continue;
      // What is selected of one list of encoders may be selected of another, too.
      for (const std::string& encoder : config.encoders) function += " " + encoder;
      const auto [known, is_new] = id_of_function.emplace(function, id);
      EXPECT_TRUE(is_new) << name << ": " << sweep::canonical_text(config) << "predicts the same as " << known->second
                          << " of " << what[known->second];
    }
  }
  EXPECT_GT(what.size(), 100u);
}

/// What canonical() takes for one function is one, to the bit.
TEST(Identity, WhatHasOneIdTrainsOneFunction) {
  const data::Dataset data = dataset();
  sweep::Config base = small_config();
  base.epochs = 2;
  const auto same = [&](const sweep::Config& a, const sweep::Config& b) {
    EXPECT_EQ(sweep::config_id(a), sweep::config_id(b));
    EXPECT_EQ(function_of(data, a), function_of(data, b)) << sweep::canonical_text(a);
  };
  for (const auto selection : {sweep::Selection::kLearned, sweep::Selection::kRandom, sweep::Selection::kFixed}) {
    sweep::Config config = base;
    config.selection = selection;
    config.top_n = 3;
    same(config, sweep::canonical(config));
    config.top_n = 1;
    same(config, sweep::canonical(config));
    config.weights = sweep::Weights::kEntmax15;
    same(config, sweep::canonical(config));
    config.weights = sweep::Weights::kUniform;
    config.renormalise = false;
    same(config, sweep::canonical(config));
  }
}

}  // namespace
}  // namespace medley::tests
