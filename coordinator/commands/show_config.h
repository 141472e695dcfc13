#pragma once

#include <nlohmann/json.hpp>

#include "coordinator/actions/sweep_results.h"

namespace medley::coordinator {

/// Its Scores, a table of folds by seeds, and its settings.
void print_config(storage::Reader& reader, const ChosenConfig& config);
nlohmann::json config_json(storage::Reader& reader, const ChosenConfig& config);

}  // namespace medley::coordinator
