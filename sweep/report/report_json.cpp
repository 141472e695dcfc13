#include <cmath>

#include "sweep/config.h"
#include "sweep/report/columns.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

json spread_json(const ScoreSpread& value) {
  return {{"count", value.count}, {"mean", finite(value.mean)}, {"sd", finite(value.sd)}};
}

}  // namespace

json finite(double value) { return std::isfinite(value) ? json(value) : json(); }

json comparison_json(const PairedComparison& c) {
  return {{"pairs", c.pairs},
          {"mean", finite(c.mean)},
          {"standard_error", finite(c.standard_error)},
          {"t", finite(c.t)},
          {"p", finite(c.p)},
          {"low", finite(c.interval.low)},
          {"high", finite(c.interval.high)},
          {"verdict", verdict_name(c.verdict)}};
}

std::string report_json(const Report& report) {
  json rows = json::array();
  for (const ConfigReport& config : report.configs) {
    rows.push_back(row_json({report, config, report.configs.front()}, rows.size() + 1));
  }
  json axes = json::array();
  for (const AxisReport& axis : report.axes) {
    json values = json::array();
    for (const AxisValueReport& value : axis.values) {
      values.push_back({{"value", value.value},
                        {"configs", value.configs},
                        {"trials", value.trials},
                        {"complete", value.complete},
                        {"transductive", value.transductive},
                        {"paper_score", spread_json(value.paper_score)},
                        {"held_out_score", spread_json(value.held_out_score)},
                        {"best_config", value.best_config},
                        {"best_paper_score", finite(value.best_paper_score)}});
    }
    axes.push_back({{"axis", axis.axis}, {"values", std::move(values)}});
  }
  json families = json::array();
  for (const FamilyReport& family : report.families) families.push_back(planned_comparisons_json(family));
  const json object = {{"sweep", report.sweep},
                       {"dataset", report.dataset},
                       {"synthetic", report.synthetic},
                       {"folds", report.folds},
                       {"seeds", report.seeds},
                       {"held_out_decode", report.decode == HeldOutDecode::kOptimal ? "optimal" : "thresholds"},
                       {"ranked_by", report.ranked_by == RankedBy::kHeldOutScore ? "held-out" : "paper"},
                       {"compared_by", report.compared_held_out ? "held-out" : "paper"},
                       {"rows", std::move(rows)},
                       {"axes", std::move(axes)},
                       {"families", std::move(families)}};
  return object.dump(2) + "\n";
}

Table full_precision(const Report& report) {
  Table table;
  const auto column = [&](const std::string& name) { table.columns.push_back({name, Table::Align::kLeft}); };
  for (const char* name : {"rank", "config"}) column(name);
  for (const AxisReport& axis : report.axes) column(axis.axis);
  column("transductive");
  for (const Column& one : columns()) {
    for (const char* name : one.numbers) column(name);
  }
  const auto text = [](const json& value) { return value.is_null() ? std::string() : value_text(value); };
  for (std::size_t i = 0; i < report.configs.size(); ++i) {
    const ConfigReport& config = report.configs[i];
    std::vector<std::string> row = {std::to_string(i + 1), config.id};
    for (const AxisReport& axis : report.axes) row.push_back(text(config.axis_values.value(axis.axis, json())));
    row.push_back(config.transductive ? "true" : "false");
    for (const Column& one : columns()) {
      for (const json& value : one.values({report, config, report.configs.front()})) row.push_back(text(value));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace medley::sweep
