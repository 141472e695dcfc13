#include "coordinator/commands/show_config.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>

#include <fmt/format.h>

#include "coordinator/actions/sweep_results.h"
#include "coordinator/commands/terminal.h"
#include "coordinator/error.h"
#include "sweep/report/report.h"
#include "sweep/report/report_json.h"
#include "sweep/report/table.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;
using sweep::share_text;
using sweep::Table;

const sweep::ConfigReport* report_of(const sweep::Report& report, const std::string& config) {
  const auto found = std::find_if(report.configs.begin(), report.configs.end(),
                                  [&](const sweep::ConfigReport& one) { return one.id == config; });
  return found == report.configs.end() ? nullptr : &*found;
}

storage::SweepConfigRow row_of(storage::Reader& reader, const ChosenConfig& config) {
  for (storage::SweepConfigRow& row : reader.sweep_configs(config.sweep.id)) {
    if (row.id == config.id) return std::move(row);
  }
  throw storage::Error("the store is damaged: sweep " + config.sweep.id);
}

std::vector<storage::TrialRow> trials_of(storage::Reader& reader, const ChosenConfig& config) {
  storage::TrialFilter filter;
  filter.config = config.id;
  return reader.trials(config.sweep.id, filter, {0, storage::kMaxPage});
}

/// A run in a few characters: its held-out Score, or why there is none.
std::string text_of(const storage::TrialRow& trial, const std::map<std::string, double>& scores) {
  if (trial.running) return "running";
  if (trial.state == sweep::TrialState::kPending) return "-";
  if (trial.state == sweep::TrialState::kFailed) return "failed";
  if (trial.changed) return "changed";
  if (trial.outcome == sweep::Outcome::kDiverged) return "diverged";
  const auto score = scores.find(trial.trial);
  return score == scores.end() ? "done" : share_text(score->second);
}

}  // namespace

void print_config(storage::Reader& reader, const ChosenConfig& config) {
  const sweep::Report report = read_report(reader, config.sweep);
  const storage::SweepConfigRow row = row_of(reader, config);
  const sweep::ConfigReport* measured = report_of(report, config.id);
  say("config   {} of sweep {}\n", config.id, config.sweep.name);
  std::string values;
  for (const auto& [axis, value] : row.axis_values.items()) {
    values += (values.empty() ? "" : ", ") + axis + " " + sweep::value_text(value);
  }
  if (!values.empty()) say("varies   {}\n", values);
  std::map<std::string, double> scores;
  if (measured) {
    say("runs     {} of {} done{}\n", measured->done, measured->expected,
        measured->diverged > 0 ? fmt::format(", {} diverged", measured->diverged) : "");
    if (measured->held_out_seeds > 0) {
      const sweep::Interval& interval = measured->held_out_interval;
      say("held-out Score {}{} (ACC_P {}, ACC_S {})\n", share_text(measured->held_out.score()),
          std::isfinite(interval.low) ? fmt::format(" [{}, {}]", share_text(interval.low), share_text(interval.high))
                                      : "",
          share_text(measured->held_out.presence), share_text(measured->held_out.salience));
    } else if (!measured->no_held_out.empty()) {
      say("held-out -: {}\n", measured->no_held_out);
    }
    if (measured->paper_score.count > 0) {
      say("paper    Score {} ± {} over runs (optimistic)\n", share_text(measured->paper_score.mean),
          share_text(measured->paper_score.sd));
    }
    for (const sweep::RunScore& run : measured->runs) {
      if (std::isfinite(run.held_out)) scores[run.trial] = run.held_out;
    }
  }
  std::map<std::pair<std::string, std::uint64_t>, std::map<int, std::string>> runs;
  std::map<int, int> folds;
  for (const storage::TrialRow& trial : trials_of(reader, config)) {
    runs[{trial.partition, trial.seed}][trial.fold] = text_of(trial, scores);
    folds[trial.fold];
  }
  Table table;
  table.title = "held-out Score of each run";
  const bool official = config.sweep.partitions.front().official();
  if (!official) table.columns.push_back({"partition"});
  table.columns.push_back({"seed", Table::Align::kRight});
  for (const auto& [fold, unused] : folds)
    table.columns.push_back({"fold " + std::to_string(fold), Table::Align::kRight});
  for (const auto& [key, texts] : runs) {
    std::vector<std::string> cells;
    if (!official) cells.push_back(key.first);
    cells.push_back(std::to_string(key.second));
    for (const auto& [fold, unused] : folds) cells.push_back(texts.count(fold) ? texts.at(fold) : "");
    table.rows.push_back(std::move(cells));
  }
  table.notes.push_back("thresholds and fusion of the heads are chosen on the config's other folds of the same seed");
  table.notes.push_back("medley show " + config.id + "/FOLD/SEED shows one of them");
  say("\n");
  std::cout << sweep::text_table(table, text_width());
  say("\nsettings\n");
  const json settings = sweep::to_json(row.config);
  for (const sweep::Setting& setting : sweep::settings()) {
    if (!settings.contains(setting.name)) continue;
    say("  {:<18} {}\n", setting.name, sweep::value_text(settings[setting.name]));
  }
}

json config_json(storage::Reader& reader, const ChosenConfig& config) {
  const sweep::Report report = read_report(reader, config.sweep);
  const storage::SweepConfigRow row = row_of(reader, config);
  const sweep::ConfigReport* measured = report_of(report, config.id);
  std::map<std::string, const sweep::RunScore*> scores;
  if (measured) {
    for (const sweep::RunScore& run : measured->runs) scores[run.trial] = &run;
  }
  const auto number = [](double x) { return std::isfinite(x) ? json(x) : json(nullptr); };
  json runs = json::array();
  for (const storage::TrialRow& trial : trials_of(reader, config)) {
    const auto score = scores.find(trial.trial);
    runs.push_back({{"trial", trial.trial},
                    {"partition", trial.partition},
                    {"fold", trial.fold},
                    {"seed", trial.seed},
                    {"state", name_of(trial.state)},
                    {"held_out_score", score == scores.end() ? json(nullptr) : number(score->second->held_out)},
                    {"paper_score", score == scores.end() ? json(nullptr) : number(score->second->paper)}});
  }
  const bool held_out = measured && measured->held_out_seeds > 0;
  return {{"config", config.id},
          {"sweep", config.sweep.id},
          {"axis_values", row.axis_values},
          {"settings", sweep::to_json(row.config)},
          {"held_out_score", held_out ? number(measured->held_out.score()) : json(nullptr)},
          {"held_out_low", held_out ? number(measured->held_out_interval.low) : json(nullptr)},
          {"held_out_high", held_out ? number(measured->held_out_interval.high) : json(nullptr)},
          {"runs", std::move(runs)}};
}

}  // namespace medley::coordinator
