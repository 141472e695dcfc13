#include "coordinator/searches.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "storage/reader.h"
#include "sweep/search/replay.h"
#include "sweep/search/search.h"

namespace medley::coordinator {
namespace {

sweep::SearchSpace space_of(const storage::SweepSummary& sweep, const std::vector<storage::SweepConfigRow>& configs) {
  sweep::SearchSpace space{static_cast<int>(configs.size()), sweep.folds, sweep.seeds, std::nullopt};
  std::sort(space.folds.begin(), space.folds.end());
  for (std::size_t i = 0; i < configs.size(); ++i) {
    if (configs[i].id == sweep.reference) space.reference = static_cast<int>(i);
  }
  return space;
}

/// Runs without a Score have none in the report.
std::vector<sweep::EndedRun> ended_runs(const std::vector<storage::RoundRow>& rounds, const sweep::Report& report,
                                        const std::vector<storage::SweepConfigRow>& configs) {
  std::map<std::string, const sweep::ConfigReport*> measured;
  for (const sweep::ConfigReport& config : report.configs) measured[config.id] = &config;
  std::vector<sweep::EndedRun> runs;
  for (const storage::RoundRow& round : rounds) {
    for (const sweep::SearchRun& run : round.step.add) {
      sweep::EndedRun ended;
      static_cast<sweep::SearchRun&>(ended) = run;
      const auto config = measured.find(configs.at(static_cast<std::size_t>(run.config)).id);
      if (config != measured.end()) {
        for (const sweep::RunScore& score : config->second->runs) {
          if (score.seed != run.seed || score.fold != run.fold) continue;
          ended.score = score.held_out;
          ended.actors = score.actors;
        }
      }
      runs.push_back(std::move(ended));
    }
  }
  std::sort(runs.begin(), runs.end());
  return runs;
}

}  // namespace

storage::SearchRound next_round(storage::Reader& reader, const storage::SweepSummary& sweep,
                                storage::GrowingReport& report) {
  const storage::Reader::Snapshot snapshot(reader);
  const std::vector<storage::SweepConfigRow> configs = reader.sweep_configs(sweep.id);
  const std::vector<storage::RoundRow> rounds = reader.rounds(sweep.id);
  const sweep::SearchSpace space = space_of(sweep, configs);
  sweep::History history;
  for (const storage::RoundRow& round : rounds) history.steps.push_back(round.step);
  if (!rounds.empty()) {
    const sweep::Report measured = report.make(reader, sweep, reader.config_progress(sweep.id), {});
    history.runs = ended_runs(rounds, measured, configs);
  }
  const auto strategy = sweep::make_strategy(sweep::search_settings_from_json(sweep.search));
  const sweep::Step step = strategy->next(space, history);
  sweep::check_step(space, history, step);

  const auto trial_of = [&](const sweep::SearchRun& run) {
    const sweep::Config& config = configs[static_cast<std::size_t>(run.config)].config;
    const std::string test = sweep::test_read_by(config, sweep.test_fingerprint);
    const sweep::Partition& partition = sweep.partitions.front();  // expand() takes no more
    return sweep::TrialSpec{sweep::trial_id(config, run.fold, run.seed, sweep.dataset, test, partition), config,
                            run.fold, run.seed, partition};
  };
  storage::SearchRound round;
  round.number = static_cast<int>(rounds.size()) + 1;
  for (const sweep::SearchRun& run : step.add) round.trials.push_back(trial_of(run));
  for (const sweep::SearchRun& run : step.likely) round.likely.push_back(trial_of(run));
  round.decisions = step.decisions;
  round.done = step.done;
  return round;
}

void Searches::ask(const std::vector<std::string>& sweeps) {
  for (const std::string& id : sweeps) {
    background_.start(id, [store = store_, id, &report = reports_[id]] {
      Decided decided{id, {}, ""};
      try {
        storage::Reader reader(store);
        decided.round = next_round(reader, reader.stored_sweep(id), report);
      } catch (const std::exception& error) {
        decided.error = error.what();
      }
      return decided;
    });
  }
}

}  // namespace medley::coordinator
