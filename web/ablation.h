#pragma once

#include "sweep/report/importance_report.h"
#include "web/board.h"
#include "web/http.h"

namespace medley::web {

/// Ablation views of a board as /api/v1 sends them; the numbers are sweep/'s (ablation.h, planned_comparisons.h).
nlohmann::json planned_comparisons_json(const Board& board);
nlohmann::json subsets_json(const Board& board);
/// Query: `rows`, `columns`. Throws Refused (400) naming the sweep's axes.
nlohmann::json cross_json(const Board& board, const Request& request);

/// `report` of a config of the board; `configs`: those with a gate, to switch between.
nlohmann::json importance_json(const sweep::ImportanceReport& report, const Board& board);
/// The same. Query: `config` (id or unique start; absent: the same one that the command takes), `fold` (only its
/// trials; Scores stay those of all folds), `by` (label by which encoders are grouped; absent: modality). Throws
/// Refused (400) for what the sweep lacks.
nlohmann::json importance_json(storage::Reader& reader, const storage::SweepSummary& sweep, Boards& boards,
                               const Request& request);
/// The figures of `medley report --figures`: their data, SVG, and what is missing and why.
nlohmann::json figures_json(storage::Reader& reader, const storage::SweepSummary& sweep, Boards& boards,
                            const Request& request);

}  // namespace medley::web
