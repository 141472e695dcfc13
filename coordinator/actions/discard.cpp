#include "coordinator/actions/discard.h"

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <set>

#include "coordinator/actions/sweep_results.h"
#include "coordinator/error.h"
#include "storage/files/write.h"
#include "storage/writer.h"
#include "sweep/nearest.h"
#include "sweep/result.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

std::set<std::string> workers_called(storage::Reader& reader, const std::string& worker) {
  std::set<std::string> ids;
  std::vector<std::string> names;
  for (const storage::WorkerRow& row : reader.workers()) {
    names.push_back(row.worker.name);
    if (row.worker.id == worker || row.worker.name == worker) ids.insert(row.worker.id);
  }
  if (ids.empty()) throw UsageError("no worker '" + worker + "'" + sweep::suggestion(worker, names));
  return ids;
}

}  // namespace

std::vector<std::string> trials_to_discard(storage::Reader& reader, const DiscardFilter& filter) {
  std::set<std::string> meant, workers;
  for (const std::string& id : filter.trials) {
    const auto trial = choose_trial(reader, id);
    if (!trial) throw UsageError("no trial '" + id + "'; give an id, its first 4 digits or more, or CONFIG/FOLD/SEED");
    meant.insert(trial->spec.id);
  }
  if (!filter.worker.empty()) workers = workers_called(reader, filter.worker);
  std::vector<std::string> chosen;
  std::set<std::string> seen;
  storage::TrialFilter finished;
  finished.state = sweep::TrialState::kFinished;
  for (const storage::SweepSummary& sweep : reader.sweeps()) {
    if (!filter.sweep.empty() && sweep.id != filter.sweep) continue;
    for (int offset = 0; offset < sweep.trials; offset += storage::kMaxPage) {
      for (const storage::TrialRow& row : reader.trials(sweep.id, finished, {offset, storage::kMaxPage})) {
        if (!filter.trials.empty() && meant.count(row.trial) == 0) continue;
        if (!filter.worker.empty() && workers.count(row.worker) == 0) continue;
        if (filter.since && row.ended < *filter.since) continue;
        if (seen.insert(row.trial).second) chosen.push_back(row.trial);
      }
    }
  }
  return chosen;
}

int discard(const std::string& store, const std::vector<std::string>& trials, const std::string& reason) {
  storage::Writer writer(store);
  const fs::path folder = storage::StoreLayout(store).discarded();
  const storage::TimeMs now = storage::now_ms();
  storage::Writer::Group group(writer);
  const std::vector<sweep::TrialResult> results = writer.discard(trials, reason, now);
  fs::create_directories(folder);
  for (const sweep::TrialResult& result : results) {
    const fs::path file = folder / (result.trial_id + "-" + std::to_string(now) + ".cbor");
    const std::vector<std::uint8_t> bytes = sweep::encode_result(result);
    files::write(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()}, files::Durability::kDurable);
  }
  group.commit();
  return static_cast<int>(results.size());
}

storage::TimeMs parse_since(const std::string& text, storage::TimeMs now) {
  char* end = nullptr;
  const double amount = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  const double hour = 3'600'000;
  if (end != text.c_str() && amount >= 0) {
    if (unit == "m") return now - static_cast<storage::TimeMs>(amount * hour / 60);
    if (unit == "h") return now - static_cast<storage::TimeMs>(amount * hour);
    if (unit == "d") return now - static_cast<storage::TimeMs>(amount * hour * 24);
  }
  for (const char* format : {"%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm time{};
    time.tm_isdst = -1;
    const char* rest = strptime(text.c_str(), format, &time);
    if (rest && *rest == 0) return static_cast<storage::TimeMs>(std::mktime(&time)) * 1000;
  }
  throw UsageError("'" + text + "' is no time: give 30m, 2h or 1d ago, or 2026-11-30T12:30");
}

}  // namespace medley::coordinator
