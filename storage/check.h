#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace medley::storage {

/// What is wrong in a store, and where: "trial 0123456789abcdef", "export 3", "database".
struct Fault {
  std::string where;
  std::string what;
};

struct StoreCheck {
  int results = 0;  ///< that were read
  int exports = 0;
  std::vector<Fault> faults;
};

/// Reads all of a store. Faults are what SQLite's own checks find, configs and trials that are not what their id says,
/// results that are not those of their SHA-256 or that training could not have given (sweep::admission_problem()),
/// numbers of the leaderboard that are not those of the result, and exports whose file is gone or another. Checkpoints
/// of no trial are faults too. Throws Error when there is no store or it cannot be opened.
StoreCheck check_store(const std::filesystem::path& store);

}  // namespace medley::storage
