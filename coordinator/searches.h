#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "coordinator/background.h"
#include "storage/records.h"
#include "storage/report_input.h"

namespace medley::coordinator {

/// The next round of a sweep's search, from what the store holds. Every trial of the rounds before must have ended.
/// `report` is kept from one call to the next, for the same sweep. Throws storage::Error, sweep::Error.
storage::SearchRound next_round(storage::Reader& reader, const storage::SweepSummary& sweep,
                                storage::GrowingReport& report);

/// A round of configs that somebody else chose, for a sweep with `search: external`: those that it has not yet, in
/// every fold with every seed. `ids` gets those of all. Throws storage::Error, and sweep::Error with the number of the
/// config that cannot be trained.
storage::SearchRound posted_round(storage::Reader& reader, const storage::SweepSummary& sweep,
                                  const nlohmann::json& configs, bool done, std::vector<std::string>& ids);

/// Decides rounds on threads of its own, one a sweep at a time. All calls are of one thread.
class Searches {
 public:
  /// Does what was decided, on the thread that decided it. What it throws ends the search.
  using Add = std::function<void(const std::string& sweep, const storage::SearchRound& round)>;
  Searches(std::filesystem::path store, Add add) : store_(std::move(store)), add_(std::move(add)) {}

  /// Asks for the next round of those of which none is being decided.
  void ask(const std::vector<std::string>& sweeps);

  /// What was asked for, and why there is no round.
  struct Decided {
    std::string sweep;
    std::string error;  ///< "" when there is one
  };
  /// What was decided and done since.
  std::vector<Decided> decided() { return background_.done(); }

 private:
  std::filesystem::path store_;
  Add add_;
  std::map<std::string, storage::GrowingReport> reports_;  ///< by sweep id
  Background<Decided> background_;                         ///< the last, so that it ends before the reports
};

}  // namespace medley::coordinator
