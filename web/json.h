#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "storage/timeline.h"
#include "web/control.h"

namespace medley::web {

/// Records of the store as /api/v1 sends them (docs/api.md). Numbers that are not finite become null.
nlohmann::json sweep_json(const storage::SweepSummary& sweep, int workers);
/// Columns, so that a curve is one array; of many epochs some, always with the last one.
nlohmann::json curves_json(const std::vector<sweep::EpochMetrics>& epochs);
nlohmann::json trial_row_json(const storage::TrialRow& row);
nlohmann::json trial_json(const storage::TrialDetail& trial, const storage::DatasetRecord* dataset);
nlohmann::json dataset_json(const storage::DatasetRecord& dataset);
nlohmann::json span_json(const storage::AttemptSpan& span);
/// `now` = nullptr: nobody knows what it does.
nlohmann::json worker_json(const storage::WorkerRow& row, const Control::WorkerNow* now);
nlohmann::json log_json(const storage::LogRow& row);

/// A body as it is sent, or as commands print it with an `indent`; text that is not UTF-8 is replaced where it is not.
std::string text_of(const nlohmann::json& body, int indent = -1);

/// Seconds until the sweep is done if `workers` keep the mean speed so far; null while there is no estimate.
nlohmann::json eta_seconds(const storage::SweepSummary& sweep, int workers);

}  // namespace medley::web
