#pragma once

#include <optional>
#include <string>

#include "storage/reader.h"
#include "web/board.h"
#include "web/http.h"

namespace medley::web {

// What requests name, checked. Each throws Refused: 400 for a wrong parameter, 404 for what the store does not hold.

inline constexpr int kMaxPageRows = 1000;

/// A full id, or at least 4 hexadecimal digits of one.
const std::string& checked_id(const std::string& id);
std::optional<long long> number_parameter(const Request& request, const std::string& name, long long low,
                                          long long high);
/// Who prefers an answer at once to a whole one says so (RFC 7240: "Prefer: respond-async").
Boards::Patience patience_of(const Request& request);
/// `offset` and `limit` (default 100).
storage::Page page_of(const Request& request);
/// 0 (default) or 1.
bool flag_parameter(const Request& request, const std::string& name);
storage::TrialFilter filter_of(const Request& request);
/// `order` and `descending`, without the Scores that held_out_score needs.
storage::TrialSorting sorting_of(const Request& request);

storage::SweepSummary sweep_of(storage::Reader& reader, const std::string& id);
storage::TrialDetail trial_of(storage::Reader& reader, const std::string& id);
storage::DatasetRecord dataset_of(storage::Reader& reader, const std::string& fingerprint);
storage::EnsembleRecord ensemble_of(storage::Reader& reader, const std::string& id);
/// By its full id.
storage::WorkerRow worker_of(storage::Reader& reader, const std::string& id);

}  // namespace medley::web
