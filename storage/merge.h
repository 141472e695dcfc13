#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/check.h"
#include "storage/records.h"
#include "sweep/result.h"

namespace medley::storage {

/// What a merge added, and what it did not.
struct Merged {
  int datasets = 0;
  int sweeps = 0;
  int trials = 0;
  int results = 0;
  int checkpoints = 0;
  int marks = 0;
  int ensembles = 0;
  int equal = 0;                   ///< results that both stores had
  std::vector<Fault> differing;    ///< trials whose two results are not equal, and in what; left as they were
  std::vector<Fault> left_out;     ///< what of the other store is not sound, or rests on such a thing
  std::vector<std::string> notes;  ///< sweeps that have another name here, exports that stay
};

/// Adds to `store` (made where it is absent) what `other` has and it lacks: datasets, sweeps with their configs and
/// trials, results that pass the checks of check_store(), their checkpoints, marks of configs without one, ensembles.
/// An unfinished sweep comes stopped. Of a trial's attempts comes the one that delivered. Exports, events, and what the
/// two stores have in common stay as they are. The second of two merges changes nothing. One that is killed leaves a
/// sound store, and the next completes it. Throws Error when a store cannot be opened, or `store` has a writer.
Merged merge_store(const std::filesystem::path& store, const std::filesystem::path& other, TimeMs now);

/// What training decides differently in two results of a trial: "epochs, paper"; "" when they are equal. Not compared
/// are measurements (seconds, memory, pack), the arithmetic, and predictions of test clips that are not the same.
std::string difference(const sweep::TrialResult& a, const sweep::TrialResult& b);

}  // namespace medley::storage
