#pragma once

#include <string>
#include <vector>

#include "storage/reader.h"
#include "sweep/report/importance_report.h"

namespace medley::storage {

/// The gate of the finished trials of one config (full id) of a sweep. `trials` is empty where the config has no gate
/// or nothing has finished. Several reads: hold a Reader::Snapshot. Throws Error when the store does not know the
/// sweep's dataset.
sweep::ImportanceInput read_importance_input(Reader& reader, const SweepSummary& sweep, const std::string& config);

/// The other sweeps of the store whose runs are measured as this one's are: same clips, same partitions and folds.
/// Their configs are the `others` of sweep::make_importance_report().
/// Summaries are without results.
std::vector<SweepSummary> comparable_sweeps(Reader& reader, const SweepSummary& sweep);

}  // namespace medley::storage
