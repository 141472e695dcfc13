#include "coordinator/searches.h"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include "storage/error.h"
#include "storage/reader.h"
#include "sweep/search/replay.h"
#include "sweep/search/search.h"
#include "sweep/spec/expand.h"

namespace medley::coordinator {
namespace {

/// Why a config cannot take part in a search; "" it can.
std::string why_not(const sweep::MadeConfig& made) {
  if (made.conflict) return made.conflict->message;
  const bool held_out = made.config.patience == 0 || made.config.inner_fold;
  return held_out ? "" : "a search decides by held-out Scores, and `patience` without `inner_fold` leaves none";
}

sweep::SearchSpace space_of(const storage::SweepSummary& sweep, const std::vector<storage::SweepConfigRow>& configs) {
  sweep::SearchSpace space;
  space.configs = static_cast<int>(configs.size());
  space.folds = sweep.folds;
  space.seeds = sweep.seeds;
  std::sort(space.folds.begin(), space.folds.end());
  for (std::size_t i = 0; i < configs.size(); ++i) {
    if (configs[i].id == sweep.reference) space.reference = static_cast<int>(i);
  }
  return space;
}

/// What a search that makes its configs draws from.
sweep::Drawing drawing_of(const sweep::SearchSettings& settings, const sweep::DatasetShape& shape,
                          const std::vector<storage::SweepConfigRow>& configs) {
  sweep::Drawing drawing;
  drawing.parameters = settings.space;
  for (const storage::SweepConfigRow& config : configs) {
    drawing.points.push_back(sweep::point_of(settings.space, config.axis_values));
    drawing.ids.insert(config.id);
  }
  drawing.id_of = [&settings, &shape](const sweep::SpacePoint& point) {
    const sweep::MadeConfig made = sweep::make_config(settings.space, point, shape);
    return why_not(made).empty() ? sweep::config_id(made.config) : std::string();
  };
  return drawing;
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

/// A trial of the sweep.
sweep::TrialSpec trial_of(const storage::SweepSummary& sweep, const sweep::Config& config, int fold,
                          std::uint64_t seed) {
  const std::string test = sweep::test_read_by(config, sweep.test_fingerprint);
  const sweep::Partition& partition = sweep.partitions.front();  // expand() takes no more
  return {sweep::trial_id(config, fold, seed, sweep.dataset, test, partition), config, fold, seed, partition};
}

}  // namespace

storage::SearchRound next_round(storage::Reader& reader, const storage::SweepSummary& sweep,
                                storage::GrowingReport& report) {
  const storage::Reader::Snapshot snapshot(reader);
  const std::vector<storage::SweepConfigRow> configs = reader.sweep_configs(sweep.id);
  const std::vector<storage::RoundRow> rounds = reader.rounds(sweep.id);
  const sweep::SearchSettings settings = sweep::search_settings_from_json(sweep.search);
  sweep::SearchSpace space = space_of(sweep, configs);
  sweep::DatasetShape shape;  // what makes no configs does without it, and without reading every clip
  if (sweep::makes_configs(settings.kind)) {
    shape = storage::shape_of(reader.stored_dataset(sweep.dataset));
    space.drawing = drawing_of(settings, shape, configs);
  }
  sweep::History history;
  for (const storage::RoundRow& round : rounds) history.steps.push_back(round.step);
  if (!rounds.empty()) {
    const sweep::Report measured = report.make(reader, sweep, reader.config_progress(sweep.id), {});
    history.runs = ended_runs(rounds, measured, configs);
  }
  const sweep::Step step = sweep::make_strategy(settings)->next(space, history);
  sweep::check_step(space, history, step);

  storage::SearchRound round;
  round.number = static_cast<int>(rounds.size()) + 1;
  for (const sweep::SpacePoint& point : step.drawn) {
    sweep::MadeConfig made = sweep::make_config(settings.space, point, shape);
    round.configs.push_back({std::move(made.config), std::move(made.axis_values)});
  }
  const auto config_of = [&](int position) -> const sweep::Config& {
    const auto at = static_cast<std::size_t>(position);
    return at < configs.size() ? configs[at].config : round.configs[at - configs.size()].config;
  };
  const auto trials_of = [&](const std::vector<sweep::SearchRun>& runs) {
    std::vector<sweep::TrialSpec> trials;
    for (const sweep::SearchRun& run : runs)
      trials.push_back(trial_of(sweep, config_of(run.config), run.fold, run.seed));
    return trials;
  };
  round.trials = trials_of(step.add);
  round.likely = trials_of(step.likely);
  round.decisions = step.decisions;
  round.done = step.done;
  return round;
}

storage::SearchRound posted_round(storage::Reader& reader, const storage::SweepSummary& sweep,
                                  const nlohmann::json& configs, bool done, std::vector<std::string>& ids) {
  const sweep::SearchSettings settings = sweep::search_settings_from_json(sweep.search);
  const sweep::DatasetShape shape = storage::shape_of(reader.stored_dataset(sweep.dataset));
  std::set<std::string> known;
  for (const storage::SweepConfigRow& config : reader.sweep_configs(sweep.id)) known.insert(config.id);
  storage::SearchRound round;
  round.number = sweep.rounds + 1;
  round.done = done;
  for (std::size_t i = 0; i < configs.size(); ++i) {
    const std::string which = "config " + std::to_string(i + 1) + ": ";
    sweep::MadeConfig made;
    try {
      made = sweep::posted_config(settings.space, configs[i], shape);
    } catch (const sweep::Error& error) {
      throw sweep::Error(which + error.what());
    }
    if (const std::string wrong = why_not(made); !wrong.empty()) throw sweep::Error(which + wrong);
    ids.push_back(sweep::config_id(made.config));
    if (!known.insert(ids.back()).second) continue;
    if (static_cast<int>(known.size()) > settings.configs) {
      throw sweep::Error(which + "the sweep file allows " + std::to_string(settings.configs) + " configs");
    }
    for (const std::uint64_t seed : sweep.seeds) {
      for (const int fold : sweep.folds) round.trials.push_back(trial_of(sweep, made.config, fold, seed));
    }
    round.configs.push_back({std::move(made.config), std::move(made.axis_values)});
  }
  return round;
}

void Searches::ask(const std::vector<std::string>& sweeps) {
  for (const std::string& id : sweeps) {
    background_.start(id, [store = store_, add = add_, id, &report = reports_[id]] {
      Decided decided{id, ""};
      try {
        storage::Reader reader(store);
        add(id, next_round(reader, reader.stored_sweep(id), report));
      } catch (const std::exception& error) {
        decided.error = error.what();
      }
      return decided;
    });
  }
}

}  // namespace medley::coordinator
