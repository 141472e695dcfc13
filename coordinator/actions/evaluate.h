#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

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
  int labelled = 0;     ///< labelled clips of the dataset; `tally.clips` of them have a prediction
  int unlabelled = 0;   ///< predicted clips without a label, which are not scored
  int in_sample = 0;    ///< scored clips whose prediction comes from models that trained on them, as the file says
  int out_of_fold = 0;  ///< scored clips whose prediction comes from models that did not, as the file says
  std::vector<std::string>
      notes;  ///< what the reader took from the file otherwise than it stands, and what costs Score
};

/// Scores `file` on its labelled clips, matched by stem without folders. The file is what `predict` and `export` write,
/// or anybody's. It is a submission (`.json`, or `.zip` with `member`), a table with the metadata's label columns
/// (`.csv`), or `.npz` with P [clips, classes] and filenames, and optionally classes in any order. Decoded predictions
/// count as the organisers' scorer counts them. Probabilities are decoded with `fixed` or by the official grid search.
/// Throws UsageError for another kind of file. Throws data::Error naming clip and value for clips that are no clips of
/// the dataset, for what the scorer stops at, and for values that are no probabilities.
Evaluation evaluate_file(const std::filesystem::path& file, const data::Dataset& dataset,
                         std::optional<sweep::Thresholds> fixed, const std::string& member = "submission.json");

}  // namespace medley::coordinator
