#include "web/routes.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "storage/files/read.h"
#include "storage/reader.h"
#include "storage/timeline.h"
#include "sweep/digest.h"
#include "sweep/version.h"
#include "web/ablation.h"
#include "web/assets.h"
#include "web/changes.h"
#include "web/ensembles.h"
#include "web/json.h"
#include "web/leaderboard.h"
#include "web/metrics.h"
#include "web/openapi.h"
#include "web/query.h"
#include "web/refused.h"
#include "web/trial_clips.h"
#include "web/worker_log.h"

namespace medley::web {
namespace {

using nlohmann::json;
using storage::Reader;

constexpr int kMaxLogRows = 500;
constexpr int kMaxTimelineRows = 5000;
constexpr std::uintmax_t kMaxArchiveBytes = 64 << 20;
constexpr storage::TimeMs kRecentMs = 600'000;

std::vector<std::string> segments(const std::string& path) {
  std::vector<std::string> parts;
  std::size_t begin = 1;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Workers that train, or could: what an ETA divides by.
int joined_workers(Reader& reader) {
  const auto workers = reader.workers();
  return static_cast<int>(std::count_if(workers.begin(), workers.end(), [](const storage::WorkerRow& row) {
    return row.state == sweep::WorkerState::kJoined;
  }));
}

json sweeps_json(Reader& reader, Boards& boards) {
  const Reader::Snapshot snapshot(reader);
  const int workers = joined_workers(reader);
  json rows = json::array();
  for (const auto& sweep : reader.sweeps()) {
    rows.push_back(sweep_json(sweep, workers));
    const auto board = boards.known(sweep.id);
    rows.back()["best"] = board ? best_json(*board) : json(nullptr);
  }
  return {{"sweeps", rows}, {"workers", workers}};
}

/// How the store's disk is doing.
json store_json(const std::filesystem::path& folder, bool control) {
  namespace fs = std::filesystem;
  const storage::StoreLayout layout(folder.string());
  std::uintmax_t bytes = 0;
  auto newest = fs::file_time_type::min();
  for (const char* part : {"", "-wal"}) {
    std::error_code error;
    const fs::path file = layout.database() + part;
    const auto size = fs::file_size(file, error);
    if (error) continue;
    bytes += size;
    newest = std::max(newest, fs::last_write_time(file, error));
  }
  std::error_code error;
  const auto space = fs::space(folder, error);
  // file_clock has an epoch of its own in C++17.
  const auto age = fs::file_time_type::clock::now() - newest;
  return {{"database_bytes", bytes},
          {"free_bytes", error ? json(nullptr) : json(space.available)},
          {"written_ms", storage::now_ms() - std::chrono::duration_cast<std::chrono::milliseconds>(age).count()},
          {"coordinator", control}};
}

json trials_json(Reader& reader, const storage::SweepSummary& sweep, const Request& request) {
  const storage::TrialFilter filter = filter_of(request);
  const storage::Page page = page_of(request);
  json rows = json::array();
  for (const auto& row : reader.trials(sweep.id, filter, page)) rows.push_back(trial_row_json(row));
  const int total = reader.count_trials(sweep.id, filter);
  const int next = page.offset + page.limit;
  return {{"sweep", sweep.id},
          {"trials", rows},
          {"total", total},
          {"offset", page.offset},
          {"next_offset", next < total ? json(next) : json(nullptr)}};
}

json datasets_json(Reader& reader) {
  json rows = json::array();
  for (const std::string& fingerprint : reader.dataset_fingerprints()) {
    if (const auto dataset = reader.find_dataset(fingerprint)) rows.push_back(dataset_json(*dataset));
  }
  return {{"datasets", rows}};
}

json timeline_json(const std::filesystem::path& store, const std::string& sweep, const Request& request) {
  const auto limit = number_parameter(request, "limit", 1, kMaxTimelineRows).value_or(1000);
  json rows = json::array();
  for (const auto& span : storage::newest_attempts(store, sweep, static_cast<int>(limit))) {
    rows.push_back(span_json(span));
  }
  return {{"sweep", sweep}, {"attempts", rows}};
}

json workers_json(Reader& reader, const std::filesystem::path& store, const std::vector<Control::WorkerNow>& present,
                  storage::TimeMs now) {
  const auto recent = storage::recent_results(store, now - kRecentMs);
  json rows = json::array();
  for (const auto& row : reader.workers()) {
    const auto here = std::find_if(present.begin(), present.end(),
                                   [&](const Control::WorkerNow& one) { return one.id == row.worker.id; });
    json one = worker_json(row, here == present.end() ? nullptr : &*here);
    one["recent_results"] = 0;
    for (const auto& [worker, count] : recent) {
      if (worker == row.worker.id) one["recent_results"] = count;
    }
    rows.push_back(std::move(one));
  }
  return {{"workers", rows}, {"recent_seconds", kRecentMs / 1000}};
}

json log_of(Reader& reader, const Request& request) {
  const auto after = number_parameter(request, "after", 0, INT64_MAX).value_or(0);
  const auto limit = number_parameter(request, "limit", 1, kMaxLogRows).value_or(100);
  json rows = json::array();
  json last = after;
  for (const auto& row : reader.log(after, static_cast<int>(limit))) {
    last = row.id;
    rows.push_back(log_json(row));
  }
  return {{"log", rows}, {"after", last}};
}

/// The answer, or 304 when the client has it already.
Response unless_known(const Request& request, Response response) {
  const std::string known = request.header("if-none-match");
  for (const auto& [name, value] : response.headers) {
    if (name != "ETag" || known.empty() || value != known) continue;
    response.status = 304;
    response.body.clear();
    response.type.clear();
    break;
  }
  return response;
}

/// Everything may change at any moment: always ask again.
Response cached(Response response, const std::string& etag) {
  response.headers.emplace_back("ETag", etag);
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

/// What an answer depends on besides the store. The token is no part of it.
std::string key_of(const Request& request) {
  std::string key = request.path;
  for (const auto& [name, value] : request.query) {
    if (name != "token") key += '\0' + name + '\0' + value;
  }
  return key;
}

Response json_response(const json& body) {
  Response response;
  response.body = text_of(body);
  const std::string etag = "\"" + sweep::sha256_hex(response.body).substr(0, 16) + "\"";
  return cached(std::move(response), etag);
}

/// A file to keep. `name` is made of ids, never of what a user typed.
Response download(std::string type, std::string body, const std::string& name) {
  Response response;
  response.type = std::move(type);
  response.body = std::move(body);
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + name + "\"");
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

Response page_file(const Request& request) {
  const std::string path = request.path == "/" ? "/index.html" : request.path;
  for (const Asset& asset : assets()) {
    if (asset.path != path) continue;
    Response response;
    response.type = asset.type;
    response.body = asset.bytes;
    if (asset.gzip) response.headers.emplace_back("Content-Encoding", "gzip");
    return cached(std::move(response), std::string(asset.etag));
  }
  if (request.path == "/" && assets().empty()) {
    Response response;
    response.type = "text/plain; charset=utf-8";
    response.body =
        "Medley was built without its page (node and npm were missing, or -DMEDLEY_WEB=OFF).\n"
        "Everything it would show is at /api/v1/sweeps.\n";
    return response;
  }
  throw Refused{404, "There is nothing at this address."};
}

/// Below /sweeps/ID/.
Response read_sweep(Reader& reader, const std::filesystem::path& store, Boards& boards, const std::string& id,
                    const std::string& part, const Request& request) {
  const auto sweep = sweep_of(reader, id);
  if (part == "trials") {
    const Reader::Snapshot snapshot(reader);
    return json_response(trials_json(reader, sweep, request));
  }
  if (part == "timeline") return json_response(timeline_json(store, sweep.id, request));
  if (part == "importance") return json_response(importance_json(reader, sweep, boards, request));
  if (part == "figures") return json_response(figures_json(reader, sweep, boards, request));
  const auto board = boards.board(reader, sweep);
  if (part == "axes") return json_response(axes_json(*board));
  if (part == "comparisons") return json_response(planned_comparisons_json(*board));
  if (part == "subsets") return json_response(subsets_json(*board));
  if (part == "cross") return json_response(cross_json(*board, request));
  if (part == "leaderboard") {
    return json_response(leaderboard_json(*board, selection_of(request, *board, reader.marks()), page_of(request)));
  }
  if (part == "leaderboard.csv") {
    return download("text/csv; charset=utf-8", leaderboard_csv(*board, selection_of(request, *board, reader.marks())),
                    sweep.id + "-leaderboard.csv");
  }
  throw Refused{404, "A sweep has no such part; see docs/api.md."};
}

/// Below /trials/ID/.
Response read_trial(Reader& reader, const std::filesystem::path& store, const std::string& id, const std::string& part,
                    const Request& request) {
  const Reader::Snapshot snapshot(reader);
  const auto trial = trial_of(reader, id);
  if (part == "log")
    return json_response(attempt_log_json(trial, storage::StoreLayout(store.string()).logs(), request));
  if (part == "surface") return json_response(surface_json(trial, request));
  if (part != "confusion" && part != "clips") throw Refused{404, "A trial has no such part; see docs/api.md."};
  const auto dataset = dataset_of(reader, trial.dataset);
  if (part == "confusion") return json_response(confusion_json(trial, dataset, request));
  return json_response(clips_json(trial, dataset, request, page_of(request)));
}

/// The archive of an export, as it was written: a file that has changed since is not sent.
Response read_archive(Reader& reader, const std::string& id) {
  for (const storage::ExportRecord& made : reader.exports()) {
    if (std::to_string(made.id) != id) continue;
    std::error_code error;
    const auto size = std::filesystem::file_size(made.file, error);
    const auto bytes = !error && size <= kMaxArchiveBytes ? files::read_if_readable(made.file) : std::nullopt;
    if (!bytes) {
      throw Refused{409, "The archive of this export is not where it was written any more: export it again."};
    }
    if (sweep::sha256_hex(*bytes) != made.sha256) {
      throw Refused{409, "The archive of this export has been changed since: export it again."};
    }
    return download("application/zip", *bytes, "submission-" + id + ".zip");
  }
  throw Refused{404, "There is no export with this id in the store."};
}

Response read_manifest(Reader& reader, const std::string& id) {
  for (const storage::ExportRecord& made : reader.exports()) {
    if (std::to_string(made.id) != id) continue;
    return download("application/json", made.manifest.dump(2) + "\n", "submission-" + id + ".manifest.json");
  }
  throw Refused{404, "There is no export with this id in the store."};
}

}  // namespace

Routes::Routes(std::filesystem::path store, Control* control, bool changeable)
    : store_(std::move(store)), control_(control), changeable_(changeable), boards_(store_) {}

Response Routes::handle(const Request& request) const {
  try {
    if (request.method == "GET" || request.method == "HEAD") return read(request);
    if (request.method == "POST") return change(request);
    return error_response(405, "Only GET, HEAD and POST are served.");
  } catch (const Refused& refused) {
    return error_response(refused.status, refused.message);
  } catch (const storage::Error& error) {
    return error_response(503, error.what());
  } catch (const std::exception& error) {
    return error_response(500, fmt::format("The server could not answer this request: {}", error.what()));
  }
}

Response Routes::health() const {
  return json_response({{"status", "ok"},
                        {"version", sweep::version()},
                        {"page", !assets().empty()},
                        {"store", storage::store_exists(store_)},
                        {"control", control_ != nullptr && changeable_}});
}

Response Routes::read(const Request& request) const {
  const std::vector<std::string> parts = segments(request.path);
  if (request.path == "/healthz" || request.path == "/api/v1/healthz") return unless_known(request, health());
  const bool metrics = request.path == "/metrics";
  if (parts[0] != "api" && !metrics) return unless_known(request, page_file(request));
  if (!metrics && (parts.size() < 3 || parts[1] != "v1")) throw Refused{404, "The API is at /api/v1."};
  if (request.path == "/api/v1/openapi.json")
    return unless_known(request, json_response(json::parse(openapi_document())));
  if (!storage::store_exists(store_)) {
    throw Refused{503, fmt::format("There is no store in {} yet.", store_.string())};
  }
  // These depend on more than the store: the clock, a coordinator, a log file.
  const bool lasting = !metrics && parts[2] != "workers" && parts[2] != "store" &&
                       request.path != "/api/v1/ensembles" && !(parts.size() == 5 && parts[4] == "log");
  if (!lasting) return unless_known(request, read_store(request, parts));
  const std::string key = key_of(request);
  const Memory::Moment moment = memory_.now(store_, boards_.made());
  if (std::optional<Response> known = memory_.find(key, moment)) return unless_known(request, *std::move(known));
  Response made = read_store(request, parts);
  // A board that was made for this very answer is part of it.
  const Memory::Moment after{moment.store, boards_.made()};
  if (made.status == 200) memory_.keep(key, after, made);
  return unless_known(request, std::move(made));
}

Response Routes::read_store(const Request& request, const std::vector<std::string>& parts) const {
  Reader reader(store_);
  const auto present = [&] { return control_ != nullptr ? control_->workers() : std::vector<Control::WorkerNow>(); };
  if (request.path == "/metrics") {
    Response response;
    response.type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = metrics_text(reader, present());
    return response;
  }
  const std::string& what = parts[2];
  const std::size_t count = parts.size();
  if (count == 3) {
    if (what == "sweeps") return json_response(sweeps_json(reader, boards_));
    if (what == "store") return json_response(store_json(store_, control_ != nullptr));
    if (what == "datasets") return json_response(datasets_json(reader));
    if (what == "workers") return json_response(workers_json(reader, store_, present(), storage::now_ms()));
    if (what == "log") return json_response(log_of(reader, request));
    if (what == "ensembles") {
      json body = ensembles_json(reader);
      body["fits"] = control_ != nullptr ? control_->fits() : json::array();
      return json_response(body);
    }
  }
  if (count == 4) {
    if (what == "sweeps") {
      const Reader::Snapshot snapshot(reader);
      json body = sweep_json(sweep_of(reader, parts[3]), joined_workers(reader));
      body["yaml"] = reader.sweep_yaml(body["id"]);
      return json_response(body);
    }
    if (what == "trials") {
      const Reader::Snapshot snapshot(reader);
      const auto trial = trial_of(reader, parts[3]);
      const auto dataset = reader.find_dataset(trial.dataset);
      return json_response(trial_json(trial, dataset ? &*dataset : nullptr));
    }
    if (what == "ensembles") return json_response(ensemble_json(reader, boards_, ensemble_of(reader, parts[3])));
  }
  if (count == 5) {
    if (what == "sweeps") return read_sweep(reader, store_, boards_, parts[3], parts[4], request);
    if (what == "trials") return read_trial(reader, store_, parts[3], parts[4], request);
    if (what == "ensembles" && parts[4] == "confusion") {
      return json_response(ensemble_confusion_json(reader, ensemble_of(reader, parts[3])));
    }
    if (what == "exports" && parts[4] == "archive.zip") return read_archive(reader, parts[3]);
    if (what == "exports" && parts[4] == "manifest.json") return read_manifest(reader, parts[3]);
  }
  throw Refused{404, "The API has no such address; see docs/api.md."};
}

Response Routes::change(const Request& request) const {
  const std::vector<std::string> parts = segments(request.path);
  if (parts.size() < 3 || parts[0] != "api" || parts[1] != "v1") throw Refused{404, "There is nothing to change here."};
  if (control_ == nullptr)
    throw Refused{409, "This server only shows the store: changes go through its coordinator's (medley serve)."};
  Reader reader(store_);
  return web::change(reader, *control_, parts, request);
}

}  // namespace medley::web
