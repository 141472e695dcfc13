#pragma once

#include <cstdint>
#include <string>

#include "sweep/config.h"

namespace medley::sweep {

/// Part of every trial id. It rises whenever the trainer's arithmetic changes, so that old results are never mixed with
/// new ones.
inline constexpr const char* kNumericsVersion = "2";

/// The unit of work, of resume and of comparison.
struct TrialSpec {
  std::string id;  ///< 16 hexadecimal digits; trial_id() of the rest
  Config config;
  int fold = 0;
  std::uint64_t seed = 0;
};

/// Hash of the canonical text of config, fold, seed, dataset fingerprint and kNumericsVersion.
std::string trial_id(const Config& config, int fold, std::uint64_t seed, const std::string& dataset_fingerprint);

nlohmann::json to_json(const TrialSpec& trial);
/// Throws Error for anything missing or invalid. The id is taken as sent.
TrialSpec trial_from_json(const nlohmann::json& json);

}  // namespace medley::sweep
