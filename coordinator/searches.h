#pragma once

#include <filesystem>
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
  explicit Searches(std::filesystem::path store) : store_(std::move(store)) {}

  /// Asks for the next round of those of which none is being decided.
  void ask(const std::vector<std::string>& sweeps);

  /// A round, or why there is none.
  struct Decided {
    std::string sweep;
    storage::SearchRound round;
    std::string error;  ///< "" when there is a round
  };
  /// What was decided since.
  std::vector<Decided> decided() { return background_.done(); }

 private:
  std::filesystem::path store_;
  std::map<std::string, storage::GrowingReport> reports_;  ///< by sweep id
  Background<Decided> background_;                         ///< the last, so that it ends before the reports
};

}  // namespace medley::coordinator
