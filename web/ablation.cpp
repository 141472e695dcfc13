#include "web/ablation.h"

#include <algorithm>
#include <map>

#include "storage/importance_input.h"
#include "sweep/report/ablation.h"
#include "sweep/report/importance_figures.h"
#include "sweep/report/importance_report.h"
#include "sweep/report/report_json.h"
#include "sweep/report/report_text.h"
#include "web/query.h"
#include "web/refused.h"

namespace medley::web {
namespace {

using nlohmann::json;
using sweep::finite;

/// The config that the query names, or the one that reports on importance take.
std::string config_of(const sweep::Report& report, const std::string& start) {
  if (start.empty()) {
    const std::string best = sweep::config_for_importance(report);
    if (best.empty()) throw Refused{404, "No config of this sweep has a gate and a result yet."};
    return best;
  }
  std::vector<std::string> found;
  for (const sweep::ConfigReport& config : report.configs) {
    if (config.id.rfind(start, 0) == 0) found.push_back(config.id);
  }
  if (found.size() == 1) return found.front();
  throw Refused{400, found.empty() ? "This sweep has no config '" + start + "'."
                                   : "Several configs begin with '" + start + "': give more digits."};
}

sweep::ImportanceReport importance_of(storage::Reader& reader, const storage::SweepSummary& sweep, const Board& board,
                                      Boards& boards, const Request& request) {
  const std::string config = config_of(board.report, request.parameter("config"));
  std::vector<std::shared_ptr<const Board>> others;
  std::vector<const sweep::ConfigReport*> elsewhere;
  std::size_t room = Boards::kMostConfigs - std::min(Boards::kMostConfigs, board.report.configs.size());
  for (const storage::SweepSummary& other : storage::comparable_sweeps(reader, sweep)) {
    const auto configs = static_cast<std::size_t>(other.configs);
    if (configs > room) continue;  // boards that do not fit beside each other would be made for every request
    room -= configs;
    others.push_back(boards.board(reader, other.id, patience_of(request)));
    for (const sweep::ConfigReport& one : others.back()->report.configs) elsewhere.push_back(&one);
  }
  const storage::Reader::Snapshot snapshot(reader);
  sweep::ImportanceInput input = storage::read_importance_input(reader, sweep, config);
  if (const std::string by = request.parameter("by"); !by.empty()) input.by = by;
  if (input.trials.empty()) throw Refused{404, "Config " + config + " has no gate, or no finished trial yet."};
  if (const std::string fold = request.parameter("fold"); !fold.empty()) {
    auto& trials = input.trials;
    trials.erase(std::remove_if(trials.begin(), trials.end(),
                                [&](const auto& trial) { return std::to_string(trial.fold) != fold; }),
                 trials.end());
    if (trials.empty()) throw Refused{400, "Config " + config + " has no finished trial with a gate on this fold."};
  }
  if (input.probe.empty()) input.no_probe = "`medley report " + sweep.name + " --importance` makes one";
  try {
    return sweep::make_importance_report(input, board.report, elsewhere);
  } catch (const sweep::UnknownLabel& error) {
    throw Refused{400, error.what()};
  }
}

}  // namespace

json planned_comparisons_json(const Board& board) {
  json body = head_json(board);
  body["families"] = json::array();
  for (const sweep::FamilyReport& family : board.report.families) {
    json one = sweep::family_json(family);
    one["baseline_text"] = (*board.text)(family.family.axis, family.family.baseline);
    for (std::size_t i = 0; i < family.rows.size(); ++i) {
      const sweep::PlannedComparison& row = family.rows[i];
      json& comparison = one["comparisons"][i];
      comparison["text"] = (*board.text)(family.family.axis, row.value);
      comparison["held_text"] = json::object();
      for (const auto& [axis, value] : row.held.items()) {
        comparison["held_text"][axis] = value.is_null() ? "-" : (*board.text)(axis, value);
      }
    }
    body["families"].push_back(std::move(one));
  }
  return body;
}

json subsets_json(const Board& board) {
  const sweep::SubsetMatrix matrix = sweep::subset_matrix(board.report);
  std::map<std::string, std::string> names;
  for (const sweep::SubsetRow& row : matrix.rows) names[row.best];
  for (const sweep::ConfigReport& config : board.report.configs) {
    if (const auto best = names.find(config.id); best != names.end()) best->second = board.name_of(config);
  }
  json rows = json::array();
  for (const sweep::SubsetRow& row : matrix.rows) {
    rows.push_back({{"has", row.has},
                    {"configs", row.configs},
                    {"best_config", row.best},
                    {"name", names.at(row.best)},
                    {"score", row.score},
                    {"complete", row.complete}});
    sweep::add_interval(rows.back(), row.interval);
  }
  json effects = json::array();
  for (const sweep::MarginalEffect& effect : matrix.effects) {
    effects.push_back(
        {{"encoder", effect.encoder},
         {"pairs", effect.pairs},
         {"difference", effect.difference ? sweep::comparison_json(effect.difference->result()) : json(nullptr)}});
  }
  json body = head_json(board);
  body["encoders"] = matrix.encoders;
  body["subsets"] = matrix.subsets;
  body["rows"] = std::move(rows);
  body["effects"] = std::move(effects);
  return body;
}

json cross_json(const Board& board, const Request& request) {
  sweep::CrossTable table;
  try {
    table = sweep::cross_axes(board.report, request.parameter("rows"), request.parameter("columns"));
  } catch (const sweep::Error& error) {
    throw Refused{400, error.what()};
  }
  json cells = json::array();
  for (const sweep::CrossCell& cell : table.cells) {
    cells.push_back({{"configs", cell.configs},
                     {"score", finite(cell.score)},
                     {"best", finite(cell.best)},
                     {"complete", cell.complete}});
  }
  json body = head_json(board);
  body["row_axis"] = table.row_axis;
  body["column_axis"] = table.column_axis;
  const auto texts = [&](const std::string& axis, const std::vector<json>& values) {
    json all = json::array();
    for (const json& value : values) all.push_back(value.is_null() ? "-" : (*board.text)(axis, value));
    return all;
  };
  body["rows"] = texts(table.row_axis, table.rows);
  body["columns"] = texts(table.column_axis, table.columns);
  body["cells"] = std::move(cells);
  return body;
}

json importance_json(const sweep::ImportanceReport& report, const Board& board) {
  json body = sweep::importance_json(report);
  body["sweep"] = board.sweep;
  body["configs"] = json::array();
  for (const sweep::ConfigReport& config : board.report.configs) {
    if (!config.settings.contains("gate") || config.paper_score.count == 0) continue;
    if (config.settings["encoders"].size() < 2) continue;  // one encoder always has all the weight
    body["configs"].push_back({{"config", config.id},
                               {"name", board.name_of(config)},
                               {"encoders", config.settings["encoders"].size()},
                               {"complete", config.complete()}});
    if (body["configs"].size() >= 500) break;
  }
  body["all_folds"] = board.folds;
  return body;
}

json importance_json(storage::Reader& reader, const storage::SweepSummary& sweep, Boards& boards,
                     const Request& request) {
  const auto board = boards.board(reader, sweep.id, patience_of(request));
  return importance_json(importance_of(reader, sweep, *board, boards, request), *board);
}

json figures_json(storage::Reader& reader, const storage::SweepSummary& sweep, Boards& boards, const Request& request) {
  const auto board = boards.board(reader, sweep.id, patience_of(request));
  const sweep::ImportanceReport report = importance_of(reader, sweep, *board, boards, request);
  const sweep::Figures made = sweep::make_figures(report);
  json figures = json::array();
  for (const sweep::Figure& figure : made.figures) {
    figures.push_back({{"name", figure.name}, {"csv", sweep::csv_table(figure.data)}, {"svg", figure.svg}});
  }
  return {{"sweep", sweep.id}, {"config", report.config}, {"figures", figures}, {"missing", made.missing}};
}

}  // namespace medley::web
