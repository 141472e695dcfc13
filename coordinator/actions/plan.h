#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "coordinator/actions/forecast.h"
#include "coordinator/actions/sweep_file.h"

namespace medley::coordinator {

/// What a sweep would train, and what the store has of it already.
struct Plan {
  std::vector<sweep::AxisCount> axes;
  std::size_t done = 0;  ///< trials with a result
  Forecast forecast;
  std::vector<std::string> traps;  ///< find_traps()
  std::string shapley;             ///< what `encoders: {shapley: ...}` trains; "" where the sweep has none
};

/// Throws storage::Error when the store cannot be read; a store that does not exist has nothing done. `wished` is that
/// of make_forecast().
Plan make_plan(const SweepFile& file, const std::filesystem::path& store, std::optional<double> wished = std::nullopt);

/// What `medley plan --json` prints, and the dashboard shows before a sweep is submitted.
nlohmann::json plan_json(const SweepFile& file, const Plan& plan);

}  // namespace medley::coordinator
