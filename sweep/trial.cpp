#include "sweep/trial.h"

#include <cstdint>

#include "sweep/digest.h"
#include "sweep/error.h"
#include "sweep/whole_number.h"

namespace medley::sweep {

std::string test_read_by(const Config& config, const std::string& test_fingerprint) {
  return reads_test_clips(config) ? test_fingerprint : "";
}

std::string trial_id(const Config& config, int fold, std::uint64_t seed, const std::string& fingerprint,
                     const std::string& test_fingerprint, const Partition& partition) {
  const std::string test = test_read_by(config, test_fingerprint);
  return sha256_hex("trial\n" + canonical_text(config) + "@fold=" + std::to_string(fold) + "\n@seed=" +
                    std::to_string(seed) + "\n@dataset=" + fingerprint + (test.empty() ? "" : "\n@test=" + test) +
                    (partition.official() ? "" : "\n@partition=" + partition_text(partition)) +
                    "\n@numerics=" + kNumericsVersion + "\n")
      .substr(0, 16);
}

nlohmann::json to_json(const TrialSpec& trial) {
  nlohmann::json json = {
      {"id", trial.id}, {"config", to_json(trial.config)}, {"fold", trial.fold}, {"seed", trial.seed}};
  if (!trial.partition.official()) json["partition"] = partition_text(trial.partition);
  return json;
}

TrialSpec trial_from_json(const nlohmann::json& json) {
  try {
    TrialSpec trial;
    trial.id = json.at("id").get<std::string>();
    trial.config = config_from_json(json.at("config"));
    trial.fold = whole_int(json, "fold", 0);
    const nlohmann::json& seed = json.at("seed");  // of 64 bits
    trial.seed = seed.is_number_unsigned() ? seed.get<std::uint64_t>()
                                           : static_cast<std::uint64_t>(whole_number(json, "seed", 0, INT64_MAX));
    if (json.contains("partition")) trial.partition = partition_of(json["partition"].get<std::string>());
    return trial;
  } catch (const nlohmann::json::exception& e) {
    throw Error(std::string("malformed trial: ") + e.what());
  }
}

}  // namespace medley::sweep
