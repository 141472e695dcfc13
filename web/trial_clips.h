#pragma once

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "web/http.h"

namespace medley::web {

/// What a finished trial said of single clips, and how its thresholds matter, as /api/v1 sends it. Each takes
/// `protocol` = paper (default) or held-out from the query; held-out needs an inner fold, else its thresholds are not
/// the trial's own. Each throws Refused: 404 without a result, 409 where the protocol has no numbers, 400 for a wrong
/// word.

/// Score, ACC_presence and ACC_salience of each cell of the threshold grid.
nlohmann::json surface_json(const storage::TrialDetail& trial, const Request& request);
/// Emotion sets: true against predicted, at the protocol's thresholds.
nlohmann::json confusion_json(const storage::TrialDetail& trial, const storage::DatasetRecord& dataset,
                              const Request& request);
/// Clips of the reported fold: truth, prediction, probabilities, gate weights. `only` = all (default), hits, misses.
nlohmann::json clips_json(const storage::TrialDetail& trial, const storage::DatasetRecord& dataset,
                          const Request& request, storage::Page page);

}  // namespace medley::web
