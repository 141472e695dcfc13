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

/// A fold for each clip, from 0. Clips of one actor share a fold, and each class has about the same share of its clips
/// in every fold. Actors are placed one after another, those with the most uneven classes first, each in the fold that
/// keeps the shares of the classes nearest to each other (the rule of scikit-learn's StratifiedGroupKFold). `seed`
/// decides between equals. `actors` and `classes` are [clip].
std::vector<int> assign_folds(const std::vector<std::string>& actors, const std::vector<std::string>& classes,
                              int folds, std::uint32_t seed);

/// What add_folds() wrote.
struct AddedFolds {
  std::filesystem::path written, kept;  ///< `kept`: the file as it was; empty where it still stands
  std::vector<int> clips, actors;       ///< [fold]
};

/// Writes the metadata file `source`, or the train_metadata.csv in the folder `source`, with a column `fold`. Without
/// `out` it takes the place of `source`, which stays beside it as <name>.before-folds. Throws Error for a file without
/// actors, for fewer actors than folds, and, with kRefuse, for one that has folds or an `out` that is there.
AddedFolds add_folds(const std::filesystem::path& source, const std::filesystem::path& out, const FoldOptions& options);

}  // namespace medley::data
