#include "web/listings.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>

#include "storage/store_folder.h"
#include "storage/timeline.h"
#include "sweep/report/report_json.h"
#include "web/json.h"
#include "web/leaderboard.h"
#include "web/query.h"

namespace medley::web {
namespace {

using nlohmann::json;
using storage::Reader;

constexpr int kMaxLogRows = 500;
constexpr int kMaxTimelineRows = 5000;
constexpr storage::TimeMs kRecentMs = 600'000;

/// Workers that train, or could: what an ETA divides by.
int joined_workers(Reader& reader) {
  const auto workers = reader.workers();
  return static_cast<int>(std::count_if(workers.begin(), workers.end(), [](const storage::WorkerRow& row) {
    return row.state == sweep::WorkerState::kJoined;
  }));
}

}  // namespace

json sweeps_json(Reader& reader, Boards* boards) {
  const Reader::Snapshot snapshot(reader);
  const int workers = joined_workers(reader);
  json rows = json::array();
  for (const auto& sweep : reader.sweeps()) {
    rows.push_back(sweep_json(sweep, workers));
    const auto board = boards != nullptr ? boards->known(sweep.id) : nullptr;
    rows.back()["best"] = board ? best_json(*board) : json(nullptr);
    rows.back()["best_so_far"] = board ? best_so_far_json(*board) : json::array();
  }
  return {{"sweeps", rows}, {"joined_workers", workers}};
}

json sweep_detail_json(Reader& reader, const storage::SweepSummary& sweep) {
  json body = sweep_json(sweep, joined_workers(reader));
  body["yaml"] = reader.sweep_yaml(sweep.id);
  return body;
}

json store_json(const std::filesystem::path& folder, bool coordinator) {
  namespace fs = std::filesystem;
  const auto files = storage::database_files(folder);
  std::uintmax_t bytes = 0;
  auto newest = fs::file_time_type::min();
  for (const fs::path& file : files) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error) continue;
    bytes += size;
    newest = std::max(newest, fs::last_write_time(file, error));
  }
  const auto free = storage::free_bytes(folder);
  // file_clock has an epoch of its own in C++17.
  const auto age = fs::file_time_type::clock::now() - newest;
  return {{"database_bytes", bytes},
          {"free_bytes", free ? json(*free) : json(nullptr)},
          {"written_ms", storage::now_ms() - std::chrono::duration_cast<std::chrono::milliseconds>(age).count()},
          {"coordinator", coordinator}};
}

namespace {

/// A few of the epochs, the first and the last among them.
json curve_json(const std::vector<double>& scores) {
  constexpr std::size_t kMost = 24;
  const std::size_t count = std::min(scores.size(), kMost);
  json curve = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    curve.push_back(sweep::finite(scores[count == 1 ? 0 : i * (scores.size() - 1) / (count - 1)]));
  }
  return curve;
}

/// The held-out numbers of a trial's fold; null where there are none (yet).
json held_out_json(const sweep::ConfigReport* config, const storage::TrialRow& row) {
  if (!config) return nullptr;
  for (const sweep::RunScore& run : config->runs) {
    if (run.trial != row.trial || !std::isfinite(run.held_out)) continue;
    return {{"accuracy", sweep::accuracy_json(run.held_out_accuracy)},
            {"alpha", run.thresholds.alpha},
            {"beta", run.thresholds.beta},
            {"head_fusion", name_of(run.fusion)}};
  }
  return nullptr;
}

}  // namespace

json trials_json(Reader& reader, const storage::SweepSummary& sweep, Boards& boards, const Request& request) {
  const storage::TrialFilter filter = filter_of(request);
  const storage::Page page = page_of(request);
  storage::TrialSorting sorting = sorting_of(request);
  const bool curves = flag_parameter(request, "curves");
  std::shared_ptr<const Board> board;
  json computing;  // what there is already does not wait for held-out Scores
  try {
    board = boards.board(reader, sweep.id, patience_of(request));
  } catch (const NotYet& not_yet) {
    if (sorting.order == storage::TrialOrder::kHeldOut) throw;
    computing = making_json(not_yet.making);
  }
  const Reader::Snapshot snapshot(reader);
  std::map<std::string, const sweep::ConfigReport*> configs;
  if (board) {
    for (const sweep::ConfigReport& config : board->report.configs) configs[config.id] = &config;
  }
  if (sorting.order == storage::TrialOrder::kHeldOut) {
    for (const auto& [id, config] : configs) {
      for (const sweep::RunScore& run : config->runs) {
        sorting.held_out.emplace_back(storage::trial_number(run.trial), run.held_out);
      }
    }
    std::sort(sorting.held_out.begin(), sorting.held_out.end());
  }
  const std::vector<storage::TrialRow> trials = reader.trials(sweep.id, filter, page, sorting);
  std::vector<std::string> with_curve;
  for (const storage::TrialRow& row : trials) {
    if (curves && row.outcome) with_curve.push_back(row.trial);
  }
  const auto scores = reader.epoch_scores(with_curve);
  json rows = json::array();
  for (const storage::TrialRow& row : trials) {
    const auto config = configs.find(row.config);
    const auto curve = scores.find(row.trial);
    rows.push_back(trial_row_json(row));
    rows.back()["curve"] = curve != scores.end() ? curve_json(curve->second) : json(nullptr);
    rows.back()["held_out"] = held_out_json(config == configs.end() ? nullptr : config->second, row);
  }
  const int total = reader.count_trials(sweep.id, filter);
  const int next = page.offset + page.limit;
  return {{"sweep", sweep.id},      {"trials", rows},
          {"total", total},         {"offset", page.offset},
          {"computing", computing}, {"next_offset", next < total ? json(next) : json(nullptr)}};
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

json rounds_json(Reader& reader, const std::string& sweep) {
  const std::vector<storage::RoundRow> rounds = reader.rounds(sweep);
  if (rounds.empty()) return {{"sweep", sweep}, {"rounds", json::array()}};
  const auto configs = reader.sweep_configs(sweep);
  const auto id_of = [&](int config) { return configs.at(static_cast<std::size_t>(config)).id; };
  json rows = json::array();
  for (const storage::RoundRow& round : rounds) {
    json decisions = json::array();
    for (const sweep::Decision& made : round.step.decisions) {
      decisions.push_back(
          sweep::decision_json(made, id_of(made.config), made.against ? id_of(*made.against) : std::string()));
    }
    rows.push_back({{"number", round.number},
                    {"decided_ms", round.decided},
                    {"trials", round.step.add.size()},
                    {"last", round.step.done},
                    {"decisions", std::move(decisions)}});
  }
  return {{"sweep", sweep}, {"rounds", std::move(rows)}};
}

json workers_json(Reader& reader, const std::filesystem::path& store, Control* control) {
  const auto present = workers_now(control);
  const auto recent = storage::recent_results(store, storage::now_ms() - kRecentMs);
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
  return {{"workers", rows},
          {"recent_seconds", kRecentMs / 1000},
          {"launches", control ? control->launches() : json::array()}};
}

json log_json(Reader& reader, const Request& request) {
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

}  // namespace medley::web
