#pragma once

#include <filesystem>

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "web/board.h"
#include "web/control.h"
#include "web/http.h"

namespace medley::web {

// Rows of the store as /api/v1 lists them. What takes a request throws Refused (400) for a wrong parameter.

/// `boards` null: `best` is not known.
nlohmann::json sweeps_json(storage::Reader& reader, Boards* boards);
/// One of them, and its file.
nlohmann::json sweep_detail_json(storage::Reader& reader, const storage::SweepSummary& sweep);
nlohmann::json datasets_json(storage::Reader& reader);
/// How the store's disk is doing, and whether a `coordinator` runs on it.
nlohmann::json store_json(const std::filesystem::path& folder, bool coordinator);
/// `control` null: nobody knows what they do.
nlohmann::json workers_json(storage::Reader& reader, const std::filesystem::path& store, Control* control);
/// The sweep's board has the held-out numbers; who does not wait for it gets the trials without.
nlohmann::json trials_json(storage::Reader& reader, const storage::SweepSummary& sweep, Boards& boards,
                           const Request& request);
/// What the search of a sweep decided.
nlohmann::json rounds_json(storage::Reader& reader, const std::string& sweep);
nlohmann::json timeline_json(const std::filesystem::path& store, const std::string& sweep, const Request& request);
nlohmann::json log_json(storage::Reader& reader, const Request& request);

}  // namespace medley::web
