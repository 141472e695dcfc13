#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "web/board.h"
#include "web/control.h"
#include "web/http.h"

namespace medley::web {

/// Ensembles as /api/v1 sends them: how one was made, what it can be expected to score, whom its weight goes to.
/// `control` null: nothing is being fitted.
nlohmann::json ensembles_json(storage::Reader& reader, Control* control);
nlohmann::json ensemble_json(storage::Reader& reader, Boards& boards, Boards::Patience patience,
                             const storage::EnsembleRecord& ensemble);

/// Emotion sets of all clips, true against predicted: of each clip the members that did not train on it, at the
/// ensemble's thresholds. Weights and thresholds were fitted on these clips, so it is optimistic. Throws Refused (409)
/// when a member's predictions are gone.
nlohmann::json ensemble_confusion_json(storage::Reader& reader, const storage::EnsembleRecord& ensemble);

/// The archive of an export, as it was written. Throws Refused: 404 for an unknown id, 409 where the file has changed
/// since.
Response export_archive(storage::Reader& reader, const std::string& id);
Response export_manifest(storage::Reader& reader, const std::string& id);

}  // namespace medley::web
