#include "coordinator/actions/replay.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "coordinator/actions/sweep_results.h"
#include "coordinator/error.h"
#include "sweep/philox.h"
#include "sweep/report/planned_comparisons.h"
#include "sweep/report/report_json.h"
#include "sweep/search/replay.h"

namespace medley::coordinator {
namespace {

using sweep::ConfigReport;

constexpr double kLevel = .05;

/// Order number `order` of `values`; 0 as they are.
template <class T>
void shuffle(std::vector<T>& values, int order, std::uint32_t purpose) {
  if (order == 0) return;
  std::vector<std::pair<std::uint32_t, T>> keyed;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto random =
        sweep::philox({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(order), purpose, 0}, {});
    keyed.emplace_back(random[0], values[i]);
  }
  std::sort(keyed.begin(), keyed.end());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = keyed[i].second;
}

/// A finished sweep as a table.
struct Table {
  std::vector<const ConfigReport*> configs;
  sweep::SearchSpace space;
  std::vector<sweep::EndedRun> runs;
  std::size_t best = 0;
  std::vector<bool> tied;  ///< with the best
};

Table table_of(const sweep::Report& report, const storage::SweepSummary& sweep) {
  Table table;
  const std::size_t runs = sweep.folds.size() * sweep.seeds.size();
  for (const ConfigReport& config : report.configs) {
    const auto scored = std::count_if(config.runs.begin(), config.runs.end(),
                                      [](const sweep::RunScore& run) { return std::isfinite(run.held_out); });
    if (static_cast<std::size_t>(scored) == runs) table.configs.push_back(&config);
  }
  if (table.configs.size() < 2) {
    throw UsageError("sweep '" + sweep.name +
                     "' has fewer than two configs with a held-out Score in every fold and "
                     "seed: there is nothing to replay");
  }
  table.space.configs = static_cast<int>(table.configs.size());
  table.space.folds = sweep.folds;
  table.space.seeds = sweep.seeds;
  std::sort(table.space.folds.begin(), table.space.folds.end());
  for (std::size_t c = 0; c < table.configs.size(); ++c) {
    if (table.configs[c]->id == sweep.reference) table.space.reference = static_cast<int>(c);
    if (table.configs[c]->held_out.score() > table.configs[table.best]->held_out.score()) table.best = c;
    for (const sweep::RunScore& run : table.configs[c]->runs) {
      sweep::EndedRun& ended = table.runs.emplace_back();
      ended.config = static_cast<int>(c);
      ended.seed = run.seed;
      ended.fold = run.fold;
      ended.score = run.held_out;
      ended.actors = run.actors;
    }
  }
  for (const ConfigReport* config : table.configs) {
    const auto difference = sweep::compare_runs(*config, *table.configs[table.best], &sweep::RunScore::held_out,
                                                static_cast<int>(sweep.folds.size()));
    table.tied.push_back(config == table.configs[table.best] || !difference || difference->result().p >= kLevel);
  }
  return table;
}

/// Where the configs lie among each other: axes with the values that they have.
sweep::Drawing drawing_of(storage::Reader& reader, const storage::SweepSummary& sweep, const Table& table) {
  std::map<std::string, sweep::Config> configs;
  for (auto& row : reader.sweep_configs(sweep.id)) configs.emplace(row.id, std::move(row.config));
  std::set<std::string> variants;
  std::map<std::string, std::set<nlohmann::json>> values;
  for (const ConfigReport* config : table.configs) {
    variants.insert(config->axis_values.value(sweep::kVariantAxis, std::string()));
    for (const auto& [axis, text] : config->axis_values.items()) {
      if (axis == sweep::kVariantAxis) continue;
      values[axis].insert(sweep::find_setting(axis)->get(configs.at(config->id)));
    }
  }
  sweep::Drawing drawing;
  const std::vector<std::string>& inferred = sweep::inferred_settings();
  const std::set<std::string> said(inferred.begin(), inferred.end());
  for (const std::string& variant : variants) drawing.parameters.starts.push_back({variant, {}, said});
  for (const auto& [axis, present] : values) {
    drawing.parameters.parameters.push_back({axis, {present.begin(), present.end()}, 0, 0, false, {}});
  }
  for (const ConfigReport* config : table.configs) {
    nlohmann::json texts = nlohmann::json::object();
    for (const auto& [axis, value] : config->axis_values.items()) texts[axis] = sweep::value_text(value);
    drawing.points.push_back(sweep::point_of(drawing.parameters, texts));
  }
  return drawing;
}

/// The config that a search would hand in: of those that it did not find behind, and with the most runs, the best mean.
std::size_t winner_of(const sweep::History& history, std::size_t configs, const std::vector<bool>& behind) {
  std::vector<int> runs(configs);
  std::vector<double> sum(configs);
  for (const sweep::EndedRun& run : history.runs) {
    ++runs[static_cast<std::size_t>(run.config)];
    sum[static_cast<std::size_t>(run.config)] += run.score;
  }
  std::optional<std::size_t> winner;
  const auto before = [&](std::size_t a, std::size_t b) {
    if (runs[a] != runs[b]) return runs[a] > runs[b];
    return sum[a] / runs[a] > sum[b] / runs[b];
  };
  for (std::size_t c = 0; c < configs; ++c) {
    if (!behind[c] && runs[c] > 0 && (!winner || before(c, *winner))) winner = c;
  }
  return winner.value_or(0);
}

}  // namespace

ReplayedSearch replay_search(storage::Reader& reader, const storage::SweepSummary& sweep,
                             sweep::SearchSettings settings, int orders) {
  if (!sweep.search.is_null()) {
    throw UsageError("sweep '" + sweep.name + "' was a search itself: what it did not train cannot be replayed");
  }
  if (sweep.partitions.size() > 1) {
    throw UsageError("sweep '" + sweep.name + "' has " + std::to_string(sweep.partitions.size()) +
                     " repeats of its folds, and a search takes one");
  }
  const sweep::Report report = read_report(reader, sweep);
  const Table table = table_of(report, sweep);
  const bool chooses = sweep::makes_configs(settings.kind);
  const int most = static_cast<int>(table.configs.size());
  if (chooses) settings.configs = settings.configs == 0 ? std::max(1, most / 4) : std::min(settings.configs, most);
  ReplayedSearch replayed;
  replayed.settings = settings;
  replayed.orders = orders;
  replayed.trials = static_cast<int>(table.runs.size());
  replayed.least_asked = replayed.trials;
  replayed.tied = static_cast<int>(std::count(table.tied.begin(), table.tied.end(), true));
  for (int order = 0; order < orders; ++order) {
    sweep::SearchSpace space = table.space;
    shuffle(space.folds, order, 0);
    shuffle(space.seeds, order, 1);
    if (chooses) space.drawing = drawing_of(reader, sweep, table);
    settings.seed = static_cast<std::uint64_t>(order);
    const sweep::History history = sweep::replay(*sweep::make_strategy(settings), space, table.runs);
    std::vector<bool> behind(table.configs.size());
    for (const sweep::Step& step : history.steps) {
      for (const sweep::Decision& made : step.decisions) {
        if (made.kind == sweep::DecisionKind::kBehind) behind[static_cast<std::size_t>(made.config)] = true;
        if (order > 0) continue;
        const std::string against = made.against ? table.configs[static_cast<std::size_t>(*made.against)]->id : "";
        replayed.decisions.push_back({table.configs[static_cast<std::size_t>(made.config)]->id, made, against});
      }
    }
    const int asked = static_cast<int>(history.runs.size());
    replayed.least_asked = std::min(replayed.least_asked, asked);
    replayed.most_asked = std::max(replayed.most_asked, asked);
    const std::size_t winner = winner_of(history, table.configs.size(), behind);
    const double regret = table.configs[table.best]->held_out.score() - table.configs[winner]->held_out.score();
    int lost = 0;
    for (std::size_t c = 0; c < behind.size(); ++c) lost += behind[c] && table.tied[c];
    replayed.asked += asked;
    replayed.same_winner += winner == table.best;
    replayed.regret += regret;
    replayed.largest_regret = std::max(replayed.largest_regret, regret);
    replayed.tied_lost += static_cast<double>(lost) / replayed.tied;
  }
  for (double* sum : {&replayed.asked, &replayed.same_winner, &replayed.regret, &replayed.tied_lost}) *sum /= orders;
  return replayed;
}

nlohmann::json to_json(const ReplayedSearch& replayed) {
  nlohmann::json decisions = nlohmann::json::array();
  for (const auto& [config, made, against] : replayed.decisions) {
    decisions.push_back(sweep::decision_json(made, config, against));
  }
  return {{"search", sweep::to_json(replayed.settings)},
          {"orders", replayed.orders},
          {"trials", replayed.trials},
          {"asked", replayed.asked},
          {"least_asked", replayed.least_asked},
          {"most_asked", replayed.most_asked},
          {"same_winner", replayed.same_winner},
          {"regret", replayed.regret},
          {"largest_regret", replayed.largest_regret},
          {"tied", replayed.tied},
          {"tied_lost", replayed.tied_lost},
          {"decisions", std::move(decisions)}};
}

}  // namespace medley::coordinator
