#pragma once

#include <cstdint>
#include <string>

#include "sweep/config.h"
#include "sweep/partition.h"

namespace medley::sweep {

/// Part of every trial id. It rises whenever the trainer's arithmetic changes, so that old results are never mixed with
/// new ones.
inline constexpr const char* kNumericsVersion = "5";

/// The unit of work, of resume and of comparison.
struct TrialSpec {
  std::string id;  ///< 16 hexadecimal digits; trial_id() of the rest
  Config config;
  int fold = 0;
  std::uint64_t seed = 0;
  Partition partition = {};  ///< that `fold` is of
};

/// The fingerprint of the test clips where a trial of this config reads them (reads_test_clips()), else "".
std::string test_read_by(const Config& config, const std::string& test_fingerprint);

/// Hash of the canonical text of config, fold, seed, the fingerprints of what it reads, the partition, and
/// kNumericsVersion. Test clips that the config does not read leave no trace, so that their arrival trains nothing
/// again. The official partition leaves none either.
std::string trial_id(const Config& config, int fold, std::uint64_t seed, const std::string& fingerprint,
                     const std::string& test_fingerprint = "", const Partition& partition = {});

nlohmann::json to_json(const TrialSpec& trial);
/// Throws Error for anything missing or invalid. The id is taken as sent.
TrialSpec trial_from_json(const nlohmann::json& json);

}  // namespace medley::sweep
