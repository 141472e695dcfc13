#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/reader.h"
#include "sweep/protocol.h"

namespace medley::coordinator {

/// What write_predictions() wrote.
struct WrittenPredictions {
  std::string of;      ///< "sweep topn", "config 0123 of sweep topn", "ensemble best"
  int candidates = 0;  ///< (config, seed) pairs, or 1 for an ensemble
  int clips = 0;       ///< labelled
  int test_clips = 0;
  int left_out = 0;  ///< of a sweep: (config, seed) pairs without predictions in every fold
  int untested = 0;  ///< of an ensemble: members trained before the test clips came, so that none are predicted
  std::vector<std::string> arrays;
};

/// Writes the predictions of a sweep, of one config, or of an ensemble as an NPZ file (docs/columns.md lists its
/// arrays). Out-of-fold ones are of models that did not train on the clip, in this repeat of the sweep's folds. `what`
/// is the name, the id or the unique start of either; "": the newest sweep. Throws UsageError for what is nothing of
/// these or has no predictions, data::Error when the file cannot be written.
WrittenPredictions write_predictions(storage::Reader& reader, const std::string& what, sweep::Protocol protocol,
                                     int repeat, const std::filesystem::path& out);

}  // namespace medley::coordinator
