#pragma once

#include <map>
#include <string>
#include <vector>

#include "sweep/label.h"
#include "sweep/result.h"
#include "sweep/trial.h"

namespace medley::sweep {

/// What a dataset promises of every result of its trials.
struct Promise {
  Classes classes;
  std::map<int, std::vector<Label>> labels;  ///< by fold, its clips in the dataset's order
  std::vector<std::string> encoders;         ///< dataset order
  int test_clips = 0;
  std::string test_fingerprint;  ///< of these
};

/// Why `result` cannot have come from training `trial`, or "". A worker may be broken, of another build, or lie, and
/// one result of it would lead every table. Checked: epochs and the protocols' epochs against the config; predictions
/// of exactly the fold's clips, finite, within [0, 1], fused rows with the sum 1; surfaces, which are computed again
/// from predictions and labels (two of 400 cells, under 2 ms); the inner surface and the importance against the config.
/// Test predictions are checked against the promise where they are of the same test clips.
std::string admission_problem(const TrialResult& result, const TrialSpec& trial, const Promise& promise);

/// The fold that an inner_fold config chooses its epoch and its thresholds on, when `fold` is reported: the next of
/// `folds` (ascending), after the last the first.
int inner_fold_of(const std::vector<int>& folds, int fold);

}  // namespace medley::sweep
