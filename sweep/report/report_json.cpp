#include <cmath>

#include "sweep/config.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

json spread_json(const ScoreSpread& value) {
  return {{"count", value.count}, {"mean", finite(value.mean)}, {"sd", finite(value.sd)}};
}

json accuracy_json(const Accuracy& value) {
  return {{"acc_presence", finite(value.presence)},
          {"acc_salience", finite(value.salience)},
          {"score", finite(value.score())}};
}

json config_json(const ConfigReport& config, int rank) {
  json object = {{"rank", rank},
                 {"config", config.id},
                 {"axis_values", config.axis_values},
                 {"settings", config.settings},
                 {"transductive", config.transductive},
                 {"runs_done", config.done},
                 {"runs_expected", config.expected},
                 {"runs_diverged", config.diverged},
                 {"complete", config.complete()},
                 {"paper",
                  {{"acc_presence", spread_json(config.paper_presence)},
                   {"acc_salience", spread_json(config.paper_salience)},
                   {"score", spread_json(config.paper_score)},
                   {"low", finite(config.paper_interval.low)},
                   {"high", finite(config.paper_interval.high)}}},
                 {"paper_pooled", nullptr},
                 {"held_out", nullptr},
                 {"no_held_out", config.no_held_out},
                 {"optimism", config.optimism() ? finite(*config.optimism()) : json()},
                 {"against_best", nullptr}};
  if (config.pooled_seeds > 0) {
    object["paper_pooled"] = accuracy_json(config.pooled);
    object["paper_pooled"]["seeds"] = config.pooled_seeds;
  }
  if (config.held_out_seeds > 0) {
    object["held_out"] = accuracy_json(config.held_out);
    object["held_out"]["seeds"] = config.held_out_seeds;
    object["held_out"]["score_sd"] = finite(config.held_out_score_sd);
    object["held_out"]["low"] = finite(config.held_out_interval.low);
    object["held_out"]["high"] = finite(config.held_out_interval.high);
  }
  if (config.against_best) object["against_best"] = comparison_json(*config.against_best);
  return object;
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
  json configs = json::array();
  for (std::size_t i = 0; i < report.configs.size(); ++i) {
    configs.push_back(config_json(report.configs[i], static_cast<int>(i + 1)));
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
                       {"configs", std::move(configs)},
                       {"axes", std::move(axes)},
                       {"families", std::move(families)}};
  return object.dump(2) + "\n";
}

Table full_precision(const Report& report) {
  Table table;
  const auto column = [&](const std::string& name) { table.columns.push_back({name, Table::Align::kLeft}); };
  for (const char* name : {"rank", "config"}) column(name);
  for (const AxisReport& axis : report.axes) column(axis.axis);
  for (const char* name : {"transductive",
                           "runs_done",
                           "runs_expected",
                           "runs_diverged",
                           "paper_score_mean",
                           "paper_score_sd",
                           "paper_acc_presence_mean",
                           "paper_acc_presence_sd",
                           "paper_acc_salience_mean",
                           "paper_acc_salience_sd",
                           "paper_pooled_score",
                           "held_out_score",
                           "held_out_score_sd",
                           "held_out_score_low",
                           "held_out_score_high",
                           "held_out_acc_presence",
                           "held_out_acc_salience",
                           "optimism",
                           "against_best_mean",
                           "against_best_p"}) {
    column(name);
  }
  const auto text = [](double value, bool known) {
    return known && std::isfinite(value) ? value_text(json(value)) : std::string();
  };
  for (std::size_t i = 0; i < report.configs.size(); ++i) {
    const ConfigReport& config = report.configs[i];
    std::vector<std::string> row = {std::to_string(i + 1), config.id};
    for (const AxisReport& axis : report.axes) {
      const json value = config.axis_values.value(axis.axis, json());
      row.push_back(value.is_null() ? "" : value_text(value));
    }
    row.push_back(config.transductive ? "true" : "false");
    for (const int runs : {config.done, config.expected, config.diverged}) row.push_back(std::to_string(runs));
    for (const ScoreSpread* value : {&config.paper_score, &config.paper_presence, &config.paper_salience}) {
      row.push_back(text(value->mean, value->count > 0));
      row.push_back(text(value->sd, value->count > 0));
    }
    row.push_back(text(config.pooled.score(), config.pooled_seeds > 0));
    const bool held_out = config.held_out_seeds > 0;
    for (const double value : {config.held_out.score(), config.held_out_score_sd, config.held_out_interval.low,
                               config.held_out_interval.high, config.held_out.presence, config.held_out.salience}) {
      row.push_back(text(value, held_out));
    }
    row.push_back(text(config.optimism().value_or(0), config.optimism().has_value()));
    const auto& comparison = config.against_best;
    row.push_back(text(comparison ? comparison->mean : 0, comparison.has_value()));
    row.push_back(text(comparison ? comparison->p : 0, comparison.has_value()));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace medley::sweep
