#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "sweep/protocol.h"
#include "sweep/score/ensemble.h"

namespace medley::sweep {

/// Which ensemble of a sweep to fit.
struct EnsembleRequest {
  std::string name;  ///< "": of the sweep, the method and the mix
  Protocol protocol = Protocol::kHeldOut;
  /// Candidates are configs, their seeds averaged, and of each encoder subset only the best config (best_of_subsets())
  /// may be a member: late fusion. Otherwise every (config, seed).
  bool per_subset = false;
  int repeat = 1;  ///< of made folds: all members are of this partition
  EnsembleOptions options;
};

/// One row of the table of what an EnsembleRequest holds: from it follow the command's options, the API's keys and
/// their checks.
struct EnsembleSetting {
  enum class Kind { kText, kChoice, kCount, kFlag };

  const char* name;  ///< key in JSON; the command's option has '-' for '_'
  Kind kind;
  std::vector<std::string> choices;  ///< kChoice only
  int most;                          ///< kCount: from 1 to this; kText: bytes
  const char* meaning;
  nlohmann::json (*get)(const EnsembleRequest&);
  void (*set)(EnsembleRequest&, const nlohmann::json&);  ///< the value must have passed check_value()
};
const std::vector<EnsembleSetting>& ensemble_settings();

/// "" if `value` is valid for `setting`, else what would be.
std::string check_value(const EnsembleSetting& setting, const nlohmann::json& value);

nlohmann::json to_json(const EnsembleRequest& request);
/// Keys that are absent keep their defaults. Throws Error naming the key and what would be valid.
EnsembleRequest ensemble_request_from_json(const nlohmann::json& object);

}  // namespace medley::sweep
