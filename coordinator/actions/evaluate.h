#pragma once

#include <filesystem>
#include <optional>

#include "sweep/score/statistics.h"
#include "trainer/data/dataset.h"

namespace medley::coordinator {

/// The official numbers of a file of predictions.
struct Evaluation {
  sweep::Tally tally;
  std::optional<sweep::Thresholds> thresholds;  ///< none for predictions that are decoded already
  bool searched = false;     ///< thresholds were tuned on these clips by the official grid search: optimistic
  double presence_only = 0;  ///< with `searched`: best ACC_presence anywhere on the grid
  double salience_only = 0;
};

/// Scores `file` on the clips that it names, which are labelled ones of `dataset`, matched by stem. The file is `.json`
/// in the challenge's format, or `.npz` with P [clips, classes] and filenames. Probabilities are decoded with `fixed`
/// or by the official grid search. Throws UsageError for another kind of file and data::Error naming row, clip and
/// value.
Evaluation evaluate_file(const std::filesystem::path& file, const data::Dataset& dataset,
                         std::optional<sweep::Thresholds> fixed);

}  // namespace medley::coordinator
