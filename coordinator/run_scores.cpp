#include "coordinator/run_scores.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "storage/report_input.h"

namespace medley::coordinator {
namespace {

/// More results of a running sweep than at the last time, that make it due: a page that asks for it after a restart
/// reads surfaces of no more than these. A sweep of fewer is quick to read.
int worthwhile(int results) { return std::max(2000, results / 4); }

RunScores::Scores scores_of(const std::filesystem::path& store, const std::string& id) {
  storage::Reader reader(store);
  const storage::Reader::Snapshot snapshot(reader);
  const storage::SweepSummary sweep = reader.stored_sweep(id);
  RunScores::Scores scores;
  scores.decode = sweep.decode;
  scores.finished = sweep.state == sweep::SweepState::kFinished;
  std::vector<storage::ConfigProgress> progress = reader.config_progress(id);
  if (!scores.finished) {
    progress.erase(std::remove_if(progress.begin(), progress.end(), [](const auto& config) { return !config.over(); }),
                   progress.end());
  }
  storage::GrowingReport growing(storage::GrowingReport::From::kMeasured);
  const sweep::Report report = growing.make(reader, sweep, progress, {});
  scores.configs = storage::measured_configs(growing, report, progress);
  if (!scores.finished) return scores;
  scores.runs.results = sweep.finished;
  for (const sweep::ConfigReport& config : report.configs) {
    for (const sweep::RunScore& run : config.runs) {
      if (!std::isfinite(run.held_out)) continue;
      scores.runs.runs.push_back({run.trial, run.held_out_accuracy, run.thresholds, run.fusion});
    }
  }
  return scores;
}

}  // namespace

void RunScores::note_results(const std::string& sweep, int results) {
  const auto [next, is_new] = next_.try_emplace(sweep, worthwhile(0));
  if (results < next->second) return;
  next->second = results + worthwhile(results);
  due_.insert(sweep);
}

std::vector<RunScores::Measured> RunScores::measured() {
  for (auto due = due_.begin(); due != due_.end();) {
    const std::string id = *due;
    const bool begun = background_.start(id, [store = store_, keep = keep_, id] {
      Measured measured{id, ""};
      try {
        keep(id, scores_of(store, id));
      } catch (const std::exception& error) {
        measured.error = error.what();
      }
      return measured;
    });
    due = begun ? due_.erase(due) : std::next(due);
  }
  return background_.done();
}

}  // namespace medley::coordinator
