#pragma once

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "web/board.h"

namespace medley::web {

/// Ensembles as /api/v1 sends them: how one was made, what it can be expected to score, whom its weight goes to.
nlohmann::json ensembles_json(storage::Reader& reader);
nlohmann::json ensemble_json(storage::Reader& reader, Boards& boards, const storage::EnsembleRecord& ensemble);

/// Emotion sets of all clips, true against predicted: of each clip the members that did not train on it, at the
/// ensemble's thresholds. Weights and thresholds were fitted on these clips, so it is optimistic. Throws Refused (409)
/// when a member's predictions are gone.
nlohmann::json ensemble_confusion_json(storage::Reader& reader, const storage::EnsembleRecord& ensemble);

}  // namespace medley::web
