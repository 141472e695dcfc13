#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "sweep/result.h"
#include "sweep/trial.h"
#include "trainer/trainer.h"

namespace medley::tests {

/// A model of planted_dataset()'s encoders that trains in a moment.
inline sweep::Config small_config() {
  sweep::Config config;
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

inline sweep::TrialSpec trial(const sweep::Config& config, int fold = 0, std::uint64_t seed = 1) {
  return {sweep::trial_id(config, fold, seed, "test"), config, fold, seed};
}

inline sweep::TrialResult alone(const data::Dataset& dataset, const sweep::TrialSpec& spec) {
  return trainer::train_pack(dataset, {spec}).front();
}

/// The epoch's loss term of this name; NaN where it has none.
inline double term(const sweep::EpochMetrics& epoch, const std::string& name) {
  for (const auto& one : epoch.terms) {
    if (one.name == name) return one.value;
  }
  return std::nan("");
}

/// Everything but times, pack size and id, byte by byte.
inline std::vector<std::uint8_t> bits(sweep::TrialResult result) {
  result.seconds = result.samples_per_second = 0;
  result.peak_memory_bytes = 0;
  result.pack_size = 1;
  result.trial_id = "";
  return sweep::encode_result(result);
}

}  // namespace medley::tests
