#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/data/out_folder.h"

namespace medley::data {

struct FoldOptions {
  int folds = 5;
  std::uint32_t seed = 0;
  std::string actor_column;  ///< "": found by its name
  Existing existing = Existing::kRefuse;
};

/// What add_folds() wrote.
struct AddedFolds {
  std::filesystem::path written, kept;  ///< `kept`: the file as it was; empty where it still stands
  std::vector<int> clips, actors;       ///< [fold]
};

/// Writes the metadata file `source`, or the train_metadata.csv in the folder `source`, with a column `fold`. Folds are
/// disjoint in actors and alike in emotion sets (sweep::deal_folds()). Without `out` it takes the place of `source`,
/// which stays beside it as <name>.before-folds. Throws Error for a file without actors, for fewer actors than folds,
/// and, with kRefuse, for one that has folds or an `out` that is there.
AddedFolds add_folds(const std::filesystem::path& source, const std::filesystem::path& out, const FoldOptions& options);

}  // namespace medley::data
