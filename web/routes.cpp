#include "web/routes.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "storage/reader.h"
#include "sweep/digest.h"
#include "web/assets.h"
#include "web/json.h"

namespace medley::web {
namespace {

using nlohmann::json;
using storage::Reader;

constexpr int kPageRows = 100;
constexpr int kMaxPageRows = 1000;
constexpr int kMaxLogRows = 500;

/// The request cannot be answered as it was asked: caught in Routes::handle.
struct Refused {
  int status;
  std::string message;
};

std::string text_of(const json& body) { return body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

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

/// A full id, or at least 4 hexadecimal digits of one.
const std::string& checked_id(const std::string& id) {
  const bool hexadecimal =
      std::all_of(id.begin(), id.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!hexadecimal || id.size() < 4 || id.size() > 64) {
    throw Refused{404, "An id is 4 to 64 hexadecimal digits in lower case."};
  }
  return id;
}

std::optional<long long> number_parameter(const Request& request, const std::string& name, long long low,
                                          long long high) {
  const std::string text = request.parameter(name);
  if (text.empty()) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (errno != 0 || *end != '\0' || value < low || value > high) {
    throw Refused{400, fmt::format("{} must be a whole number from {} to {}.", name, low, high)};
  }
  return value;
}

storage::Page page_of(const Request& request) {
  storage::Page page;
  page.offset = static_cast<int>(number_parameter(request, "offset", 0, 100'000'000).value_or(0));
  page.limit = static_cast<int>(number_parameter(request, "limit", 1, kMaxPageRows).value_or(kPageRows));
  return page;
}

json next_offset(const storage::Page& page, int total) {
  const int next = page.offset + page.limit;
  return next < total ? json(next) : json(nullptr);
}

storage::SweepSummary sweep_of(Reader& reader, const std::string& id) {
  auto sweep = reader.find_sweep(checked_id(id));
  if (!sweep) throw Refused{404, "There is no sweep with this id in the store."};
  return *std::move(sweep);
}

/// Workers that train, or could: what an ETA divides by.
int joined_workers(Reader& reader) {
  const auto workers = reader.workers();
  return static_cast<int>(std::count_if(workers.begin(), workers.end(), [](const storage::WorkerRow& row) {
    return row.state == sweep::WorkerState::kJoined;
  }));
}

json sweeps_json(Reader& reader) {
  const Reader::Snapshot snapshot(reader);
  const int workers = joined_workers(reader);
  json rows = json::array();
  for (const auto& sweep : reader.sweeps()) rows.push_back(sweep_json(sweep, workers));
  return {{"sweeps", rows}, {"workers", workers}};
}

storage::TrialFilter filter_of(const Request& request) {
  storage::TrialFilter filter;
  if (const std::string config = request.parameter("config"); !config.empty()) filter.config = checked_id(config);
  if (const auto fold = number_parameter(request, "fold", 0, 1'000'000)) filter.fold = static_cast<int>(*fold);
  if (const auto seed = number_parameter(request, "seed", 0, INT64_MAX))
    filter.seed = static_cast<std::uint64_t>(*seed);
  if (const std::string state = request.parameter("state"); !state.empty()) {
    for (const auto known : {sweep::TrialState::kPending, sweep::TrialState::kFinished, sweep::TrialState::kFailed}) {
      if (state == name_of(known)) filter.state = known;
    }
    if (!filter.state) throw Refused{400, "state must be pending, finished or failed."};
  }
  return filter;
}

json trials_json(Reader& reader, const std::string& id, const Request& request) {
  const storage::TrialFilter filter = filter_of(request);
  const storage::Page page = page_of(request);
  const Reader::Snapshot snapshot(reader);
  const auto sweep = sweep_of(reader, id);
  json rows = json::array();
  for (const auto& row : reader.trials(sweep.id, filter, page)) rows.push_back(trial_row_json(row));
  const int total = reader.count_trials(sweep.id, filter);
  return {{"sweep", sweep.id},
          {"trials", rows},
          {"total", total},
          {"offset", page.offset},
          {"next_offset", next_offset(page, total)}};
}

json trial_of(Reader& reader, const std::string& id) {
  const Reader::Snapshot snapshot(reader);
  const auto trial = reader.find_trial(checked_id(id));
  if (!trial) throw Refused{404, "There is no trial with this id in the store."};
  const auto dataset = reader.find_dataset(trial->dataset);
  return trial_json(*trial, dataset ? &*dataset : nullptr);
}

BoardOrder order_of(const Request& request) {
  static const std::map<std::string, BoardOrder> orders{{"ranked", BoardOrder::kRanked},
                                                        {"paper_score", BoardOrder::kPaperScore},
                                                        {"paper_presence", BoardOrder::kPaperPresence},
                                                        {"paper_salience", BoardOrder::kPaperSalience},
                                                        {"clean_score", BoardOrder::kCleanScore}};
  const auto found = orders.find(request.parameter("order", "ranked"));
  if (found != orders.end()) return found->second;
  throw Refused{400, "order must be ranked, paper_score, paper_presence, paper_salience or clean_score."};
}

json log_of(Reader& reader, const Request& request) {
  const auto after = number_parameter(request, "after", 0, INT64_MAX).value_or(0);
  const auto limit = number_parameter(request, "limit", 1, kMaxLogRows).value_or(kPageRows);
  json rows = json::array();
  json last = after;
  for (const auto& row : reader.log(after, static_cast<int>(limit))) {
    last = row.id;
    rows.push_back(log_json(row));
  }
  return {{"log", rows}, {"after", last}};
}

/// `body`, or 304 when the client has it already. Everything may change at any moment: always ask again.
Response cached(const Request& request, Response response, const std::string& etag) {
  response.headers.emplace_back("ETag", etag);
  response.headers.emplace_back("Cache-Control", "no-cache");
  if (request.header("if-none-match") == etag) {
    response.status = 304;
    response.body.clear();
    response.type.clear();
  }
  return response;
}

Response json_response(const Request& request, const json& body) {
  Response response;
  response.body = text_of(body);
  const std::string etag = "\"" + sweep::sha256_hex(response.body).substr(0, 16) + "\"";
  return cached(request, std::move(response), etag);
}

Response page_file(const Request& request) {
  const std::string path = request.path == "/" ? "/index.html" : request.path;
  for (const Asset& asset : assets()) {
    if (asset.path != path) continue;
    Response response;
    response.type = asset.type;
    response.body = asset.bytes;
    if (asset.gzip) response.headers.emplace_back("Content-Encoding", "gzip");
    return cached(request, std::move(response), std::string(asset.etag));
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

}  // namespace

Routes::Routes(std::filesystem::path store, Control* control, bool changeable)
    : store_(std::move(store)), control_(control), changeable_(changeable) {}

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

Response Routes::read(const Request& request) const {
  const std::vector<std::string> parts = segments(request.path);
  if (parts[0] != "api") return page_file(request);
  if (parts.size() < 3 || parts[1] != "v1") throw Refused{404, "The API is at /api/v1."};
  const std::string& what = parts[2];
  const std::size_t count = parts.size();
  if (what == "healthz" && count == 3) {
    return json_response(request, {{"status", "ok"},
                                   {"version", MEDLEY_VERSION},
                                   {"page", !assets().empty()},
                                   {"store", storage::store_exists(store_)},
                                   {"control", control_ != nullptr && changeable_}});
  }
  if (!storage::store_exists(store_)) {
    throw Refused{503, fmt::format("There is no store in {} yet.", store_.string())};
  }
  Reader reader(store_);
  if (what == "sweeps" && count == 3) return json_response(request, sweeps_json(reader));
  if (what == "sweeps" && count == 4) {
    const Reader::Snapshot snapshot(reader);
    json body = sweep_json(sweep_of(reader, parts[3]), joined_workers(reader));
    body["yaml"] = reader.sweep_yaml(body["id"]);
    return json_response(request, body);
  }
  if (what == "sweeps" && count == 5 && parts[4] == "trials") {
    return json_response(request, trials_json(reader, parts[3], request));
  }
  if (what == "sweeps" && count == 5 &&
      (parts[4] == "leaderboard" || parts[4] == "axes" || parts[4] == "leaderboard.csv")) {
    const BoardOrder order = order_of(request);
    const storage::Page page = page_of(request);
    const auto board = boards_.board(reader, sweep_of(reader, parts[3]));
    if (parts[4] == "leaderboard") return json_response(request, leaderboard_json(*board, order, page));
    if (parts[4] == "axes") return json_response(request, axes_json(*board));
    Response response;
    response.type = "text/csv; charset=utf-8";
    response.body = sweep::render(board->report, sweep::ReportFormat::kCsv);
    response.headers.emplace_back("Content-Disposition",
                                  "attachment; filename=\"" + board->sweep + "-leaderboard.csv\"");
    response.headers.emplace_back("Cache-Control", "no-cache");
    return response;
  }
  if (what == "trials" && count == 4) return json_response(request, trial_of(reader, parts[3]));
  if (what == "workers" && count == 3) {
    json rows = json::array();
    for (const auto& row : reader.workers()) rows.push_back(worker_json(row));
    return json_response(request, {{"workers", rows}});
  }
  if (what == "log" && count == 3) return json_response(request, log_of(reader, request));
  throw Refused{404, "The API has no such address; see docs/api.md."};
}

Response Routes::change(const Request& request) const {
  const std::vector<std::string> parts = segments(request.path);
  if (parts.size() != 5 || parts[0] != "api" || parts[1] != "v1")
    throw Refused{404, "There is nothing to change here."};
  if (control_ == nullptr) throw Refused{409, "No coordinator is running on this store: nothing can be changed."};
  Reader reader(store_);
  Control::Answer answer;
  if (parts[2] == "sweeps" && (parts[4] == "pause" || parts[4] == "resume" || parts[4] == "stop")) {
    const std::string id = sweep_of(reader, parts[3]).id;
    answer = parts[4] == "pause"    ? control_->pause(id)
             : parts[4] == "resume" ? control_->resume(id)
                                    : control_->stop(id);
  } else if (parts[2] == "trials" && parts[4] == "retry") {
    const auto trial = reader.find_trial(checked_id(parts[3]));
    if (!trial) throw Refused{404, "There is no trial with this id in the store."};
    answer = control_->retry(trial->spec.id);
  } else {
    throw Refused{404, "There is nothing to change here."};
  }
  if (!answer.done) throw Refused{409, answer.message};
  Response response;
  response.body = text_of({{"done", true}, {"message", answer.message}});
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace medley::web
