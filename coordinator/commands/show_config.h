#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "storage/reader.h"

namespace medley::coordinator {

/// What the user means by "CONFIG" or "CONFIG/FOLD/SEED": the config of `sweep` whose id begins so. Throws UsageError.
struct ChosenConfig {
  storage::SweepSummary sweep;
  std::string id;
};
/// Looks in `sweep`, an id or name, or in all sweeps, the newest first, for "".
ChosenConfig choose_config(storage::Reader& reader, const std::string& sweep, const std::string& config);

/// Id of the trial of a config in a fold with a seed, of the first partition. Throws UsageError when there is none.
std::string trial_at(storage::Reader& reader, const ChosenConfig& config, const std::string& fold,
                     const std::string& seed);

/// Its Scores, a table of folds by seeds, and its settings.
void print_config(storage::Reader& reader, const ChosenConfig& config);
nlohmann::json config_json(storage::Reader& reader, const ChosenConfig& config);

}  // namespace medley::coordinator
