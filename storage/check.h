#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/database.h"
#include "sweep/score/admission.h"

namespace medley::storage {

/// What is wrong in a store, and where: "trial 0123456789abcdef", "export 3", "database".
struct Fault {
  std::string where;
  std::string what;
};

/// As a terminal and JSON can take it, whatever rotten text it repeats: UTF-8 without control characters.
Fault printable(const Fault& fault);

struct StoreCheck {
  int results = 0;  ///< that were read
  int exports = 0;
  std::vector<Fault> faults;
};

/// kDatabase leaves out the files beside the database: exports and checkpoints.
enum class CheckOf { kAll, kDatabase };

/// Reads all of a store. Faults are what SQLite's own checks find, configs and trials that are not what their id says,
/// sweeps, datasets, ensembles and results that are not those of their SHA-256, sums that are not those of trials,
/// results that training could not have given (sweep::admission_problem()), and exports whose file is gone or another.
/// Checkpoints of no trial are faults too. Throws Error when there is no store or it cannot be opened.
StoreCheck check_store(const std::filesystem::path& store, CheckOf of = CheckOf::kAll);

/// A trial as its rows have it, whether or not they are sound.
struct StoredTrial {
  std::int64_t key;
  std::string id, settings, config, dataset, test;  ///< settings as JSON; config is an id, the others fingerprints
  bool finished;
  int fold;
  std::uint64_t seed;
  std::string partition;
};
/// Appends all, in the order in which they came. Those before a damaged page are there also where it throws.
void read_stored_trials(Database& database, std::vector<StoredTrial>& all);
/// Throws when config, partition, fold, seed and dataset are not those of its id.
sweep::TrialSpec checked_spec(const StoredTrial& trial);
/// Throws when the result is not the one that was stored, or cannot have come from training `spec`.
sweep::TrialResult checked_result(Database& database, const StoredTrial& trial, const sweep::TrialSpec& spec,
                                  const sweep::Promise& promise);

}  // namespace medley::storage
