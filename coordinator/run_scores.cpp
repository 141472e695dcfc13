#include "coordinator/run_scores.h"

#include <cmath>
#include <exception>

#include "storage/report_input.h"

namespace medley::coordinator {
namespace {

storage::SweepScores scores_of(const std::filesystem::path& store, const std::string& id) {
  storage::Reader reader(store);
  const storage::Reader::Snapshot snapshot(reader);
  const storage::SweepSummary sweep = reader.stored_sweep(id);
  storage::SweepScores scores;
  scores.results = sweep.finished;
  const sweep::Report report = storage::GrowingReport().make(reader, sweep, reader.config_progress(id), {});
  for (const sweep::ConfigReport& config : report.configs) {
    for (const sweep::RunScore& run : config.runs) {
      if (!std::isfinite(run.held_out)) continue;
      scores.runs.push_back({run.trial, run.held_out_accuracy, run.thresholds, run.fusion});
    }
  }
  return scores;
}

}  // namespace

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
