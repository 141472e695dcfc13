#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/reader.h"
#include "web/http.h"

namespace medley::web {

/// What one worker process wrote into a log file of the store.
struct WorkerLog {
  struct Line {
    std::string text;                           ///< at most kMaxLogLineBytes of it
    std::optional<storage::TimeMs> written_ms;  ///< none without a date
  };
  std::string file;  ///< its name in the folder
  std::vector<Line> lines;
};

inline constexpr std::size_t kMaxLogLineBytes = 1000;

/// A worker's log is FILE and, once it is rotated, FILE.1 to FILE.kRotatedLogs before it (worker/error_log.h).
inline constexpr int kRotatedLogs = 3;

/// Looks for the line with which `worker` (an id) joined, in the ends of the newest worker-*.log and cluster-*.log of
/// `folder`. Its log follows that line, up to the next process that wrote to the file. Returns nullopt without such a
/// line. Links are not followed. Reads a bounded part of each file and of them all.
std::optional<WorkerLog> find_worker_log(const std::filesystem::path& folder, const std::string& worker);

/// Where `lines`, read later, has what comes after `shown`. A log that is rotated loses its first lines.
std::size_t first_new_line(const std::vector<WorkerLog::Line>& shown, const std::vector<WorkerLog::Line>& lines);

/// The last lines of a worker's log, as /api/v1 sends it.
nlohmann::json worker_log_json(const std::string& worker, const std::filesystem::path& logs);

/// The last lines of the log of an attempt's worker, up to the end of the attempt where their times tell, as /api/v1
/// sends it. `attempt` = its number (default: the newest). Throws Refused: 404 without such an attempt.
nlohmann::json attempt_log_json(const storage::TrialDetail& trial, const std::filesystem::path& logs,
                                const Request& request);

}  // namespace medley::web
