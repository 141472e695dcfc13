#include "sweep/report/columns.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "sweep/report/report_json.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;
using Values = std::vector<json>;

constexpr const char* kHeldOut = "held-out";
constexpr const char* kPaper = "paper-style";

bool has_held_out(const ConfigRow& row) { return row.config.held_out_seeds > 0; }

/// A number of the held-out protocol as text and as JSON.
std::string held_out_text(const ConfigRow& row, double value) { return has_held_out(row) ? share_text(value) : "-"; }
json held_out_value(const ConfigRow& row, double value) { return has_held_out(row) ? finite(value) : json(); }

Values spread_values(const ScoreSpread& spread) {
  return spread.count > 0 ? Values{finite(spread.mean), finite(spread.sd)} : Values(2);
}

Values interval_values(const Interval& interval, bool known) {
  return known ? Values{finite(interval.low), finite(interval.high)} : Values(2);
}

std::string with_sd(const ScoreSpread& spread) { return spread.count > 0 ? spread_text(spread.mean, spread.sd) : "-"; }

std::string sd_if_wide(const ScoreSpread& spread, Detail detail) {
  if (detail == Detail::kWide || spread.count == 0) return with_sd(spread);
  return share_text(spread.mean);
}

std::string runs_text_of(const ConfigReport& config) {
  std::string text = std::to_string(config.done) + "/" + std::to_string(config.expected);
  if (config.diverged > 0) text += " (" + std::to_string(config.diverged) + " diverged)";
  return text;
}

std::string difference_text(const ConfigRow& row) {
  if (row.config.id == row.reference.id) return "";
  const auto comparison = difference_of(row);
  if (!comparison) return "-";
  return signed_text(comparison->mean) + " " + interval_text(comparison->interval);
}

Values difference_values(const ConfigRow& row) {
  if (row.config.id == row.reference.id) return {0.0, {}, {}, {}};
  const auto c = difference_of(row);
  return c ? Values{finite(c->mean), finite(c->interval.low), finite(c->interval.high), finite(c->p)} : Values(4);
}

/// The reference is that of the report.
bool has_own_reference(const ConfigRow& row) {
  const std::string& declared = row.report.declared_reference;
  return declared.empty() ? &row.reference == row.report.configs.data() : row.reference.id == declared;
}

double RunScore::*compared_score(const Report& report) {
  return report.ranks_held_out() ? &RunScore::held_out : &RunScore::paper;
}

/// The first of difference_values(), without the interval, which takes twenty times as long.
json mean_of_difference(const ConfigRow& row) {
  if (row.config.id == row.reference.id || !row.report.search.empty() || has_own_reference(row)) {
    return difference_values(row).front();
  }
  const auto differences = run_differences(row.config, row.reference, compared_score(row.report));
  return comparable(differences) ? finite(pooled_difference(differences)) : json();
}

/// "#3", or the id of a config without a rank.
std::string name_of(const Report& report, const ConfigReport& config) {
  std::size_t index = 0;
  while (index < report.configs.size() && report.configs[index].id != config.id) ++index;
  const auto rank = rank_at(report, index);
  return rank ? "#" + std::to_string(*rank) : config.id;
}

/// "behind #1 by .031 [.012, .050]".
std::string stopped_text(const ConfigRow& row) {
  const auto& stopped = row.config.stopped;
  if (!stopped) return "";
  const std::string kind = name_of(stopped->kind);
  if (stopped->against.empty() || !std::isfinite(stopped->difference)) return kind;
  const auto& all = row.report.configs;
  const auto other =
      std::find_if(all.begin(), all.end(), [&](const ConfigReport& c) { return c.id == stopped->against; });
  const std::string whom = other == all.end() ? stopped->against : name_of(row.report, *other);
  if (stopped->kind != DecisionKind::kBehind) {
    return kind + ": " + signed_text(stopped->difference) + " " + interval_text(stopped->interval) + " vs " + whom;
  }
  const Interval behind{-stopped->interval.high, -stopped->interval.low};
  return kind + " " + whom + " by " + share_text(-stopped->difference) + " " + interval_text(behind);
}

/// "12.3 s".
std::string seconds_text(double seconds) {
  if (!std::isfinite(seconds)) return "-";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.1f s", seconds);
  return digits;
}

}  // namespace

std::optional<PairedComparison> difference_of(const ConfigRow& row) {
  if (row.config.id == row.reference.id) return std::nullopt;
  if (!row.report.search.empty()) return std::nullopt;  // it was looked at after every round
  if (has_own_reference(row)) return row.config.against_reference;
  const auto comparison = compare_runs(row.config, row.reference, compared_score(row.report), row.report.folds);
  return comparison ? std::optional<PairedComparison>(comparison->result()) : std::nullopt;
}

const std::vector<Column>& columns() {
  static const std::vector<Column> all{
      Column{"runs",
             "",
             "runs",
             {"runs_done", "runs_expected", "runs_diverged"},
             [](const ConfigRow& row) {
               return Values{row.config.done, row.config.expected, row.config.diverged};
             },
             [](const ConfigRow& row, Detail) { return runs_text_of(row.config); }}
          .dropped_in_turn(7),
      Column{"stopped",
             "",
             "stopped",
             {"stopped_runs", "stopped_difference", "stopped_low", "stopped_high"},
             [](const ConfigRow& row) {
               const auto& stopped = row.config.stopped;
               if (!stopped) return Values(4);
               return Values{stopped->runs, finite(stopped->difference), finite(stopped->interval.low),
                             finite(stopped->interval.high)};
             },
             [](const ConfigRow& row, Detail) { return stopped_text(row); },
             "stopped: why the search asked for no more runs, with the difference of Scores at that time"}
          .where_searched()
          .dropped_in_turn(8),
      Column{"held_out_score",
             kHeldOut,
             "Score",
             {"held_out_score"},
             [](const ConfigRow& row) { return Values{held_out_value(row, row.config.held_out.score())}; },
             [](const ConfigRow& row, Detail) { return held_out_text(row, row.config.held_out.score()); }}
          .with_marks(),
      Column{"held_out_sd",
             kHeldOut,
             "SD",
             {"held_out_score_sd"},
             [](const ConfigRow& row) { return Values{held_out_value(row, row.config.held_out_score_sd)}; },
             [](const ConfigRow& row, Detail) { return held_out_text(row, row.config.held_out_score_sd); },
             "held-out SD: over seeds{and repeats}"}
          .on_demand(),
      Column{"held_out_interval",
             kHeldOut,
             "95 % int.",
             {"held_out_score_low", "held_out_score_high"},
             [](const ConfigRow& row) { return interval_values(row.config.held_out_interval, has_held_out(row)); },
             [](const ConfigRow& row, Detail) {
               return has_held_out(row) ? interval_text(row.config.held_out_interval) : std::string("-");
             },
             "held-out 95 % int.: {held-out uncertainty}"}
          .as_interval()
          .dropped_in_turn(5),
      Column{"held_out_presence",
             kHeldOut,
             "ACC_P",
             {"held_out_acc_presence"},
             [](const ConfigRow& row) { return Values{held_out_value(row, row.config.held_out.presence)}; },
             [](const ConfigRow& row, Detail) { return held_out_text(row, row.config.held_out.presence); }}
          .with_marks()
          .dropped_in_turn(3),
      Column{"held_out_salience",
             kHeldOut,
             "ACC_S",
             {"held_out_acc_salience"},
             [](const ConfigRow& row) { return Values{held_out_value(row, row.config.held_out.salience)}; },
             [](const ConfigRow& row, Detail) { return held_out_text(row, row.config.held_out.salience); }}
          .with_marks()
          .dropped_in_turn(3),
      Column{"paper_score",
             kPaper,
             "Score",
             {"paper_score", "paper_score_sd"},
             [](const ConfigRow& row) { return spread_values(row.config.paper_score); },
             [](const ConfigRow& row, Detail) { return with_sd(row.config.paper_score); }}
          .with_marks()
          .dropped_in_turn(6),
      Column{"paper_interval",
             kPaper,
             "95 % int.",
             {"paper_score_low", "paper_score_high"},
             [](const ConfigRow& row) {
               return interval_values(row.config.paper_interval, row.config.paper_score.count > 0);
             },
             [](const ConfigRow& row, Detail) {
               return row.config.paper_score.count > 0 ? interval_text(row.config.paper_interval) : std::string("-");
             },
             "paper-style 95 % int.: {paper-style uncertainty}"}
          .as_interval()
          .on_demand(),
      Column{"paper_presence",
             kPaper,
             "ACC_P",
             {"paper_acc_presence", "paper_acc_presence_sd"},
             [](const ConfigRow& row) { return spread_values(row.config.paper_presence); },
             [](const ConfigRow& row, Detail detail) { return sd_if_wide(row.config.paper_presence, detail); }}
          .with_marks()
          .dropped_in_turn(1),
      Column{"paper_salience",
             kPaper,
             "ACC_S",
             {"paper_acc_salience", "paper_acc_salience_sd"},
             [](const ConfigRow& row) { return spread_values(row.config.paper_salience); },
             [](const ConfigRow& row, Detail detail) { return sd_if_wide(row.config.paper_salience, detail); }}
          .with_marks()
          .dropped_in_turn(1),
      Column{"paper_pooled",
             kPaper,
             "pooled",
             {"paper_pooled_score"},
             [](const ConfigRow& row) {
               return Values{row.config.pooled_seeds > 0 ? finite(row.config.pooled.score()) : json()};
             },
             [](const ConfigRow& row, Detail) {
               return row.config.pooled_seeds > 0 ? share_text(row.config.pooled.score()) : std::string("-");
             },
             "pooled: paper-style epoch, one pair of thresholds tuned over all folds of a seed "
             "(optimistic); mean over seeds{and repeats}"}
          .with_marks()
          .on_demand(),
      Column{"optimism",
             "",
             "optimism",
             {"optimism"},
             [](const ConfigRow& row) {
               const auto optimism = row.config.optimism();
               return Values{optimism ? finite(*optimism) : json()};
             },
             [](const ConfigRow& row, Detail) {
               const auto optimism = row.config.optimism();
               return optimism ? signed_text(*optimism) : std::string("-");
             },
             "optimism: mean paper-style Score less held-out Score"}
          .with_marks()
          .dropped_in_turn(2)
          .on_demand_on_page(),
      Column{"difference",
             "",
             "vs {reference}",
             {"difference", "difference_low", "difference_high", "difference_p_unadjusted"},
             difference_values,
             [](const ConfigRow& row, Detail) { return difference_text(row); },
             "vs {reference}, {chosen}: mean difference of {compared} Scores over shared runs and its 95 % interval, "
             "unadjusted, {comparisons}; verdicts: planned comparisons"}
          .between_configs()
          .sorted_by(mean_of_difference)
          .dropped_in_turn(8),
      Column{"time",
             "",
             "time",
             {"mean_seconds"},
             [](const ConfigRow& row) { return Values{finite(row.config.mean_seconds)}; },
             [](const ConfigRow& row, Detail) { return seconds_text(row.config.mean_seconds); },
             "time: mean training seconds of a trial"}
          .on_demand(),
  };
  return all;
}

std::optional<ColumnNumber> find_number(const std::string& name) {
  for (const Column& column : columns()) {
    for (std::size_t i = 0; i < column.numbers.size(); ++i) {
      if (name == column.numbers[i]) return ColumnNumber{&column, i};
    }
  }
  return std::nullopt;
}

std::string filled(const std::string& text, const Report& report, const ConfigReport& reference) {
  const std::size_t others = std::max<std::size_t>(1, report.configs.size()) - 1;
  const std::pair<std::string, std::string> names[] = {
      {"{chosen}", reference.id == report.declared_reference ? "the sweep's reference"
                   : &reference == &report.configs.front()   ? "picked as the best of the same runs"
                                                             : "chosen by the reader"},
      {"{comparisons}", std::to_string(others) + (others == 1 ? " comparison" : " comparisons")},
      {"{and repeats}", report.partitions.size() > 1 ? " and repeats" : ""},
      {"{reference}", name_of(report, reference)},
      {"{compared}", report.ranks_held_out() ? kHeldOut : kPaper},
      {"{held-out uncertainty}", uncertainty_text(true, report.actors, report.partitions.size())},
      {"{paper-style uncertainty}", uncertainty_text(false, report.actors, report.partitions.size())},
  };
  std::string made = text;
  for (const auto& [name, value] : names) {
    if (const auto at = made.find(name); at != std::string::npos) made.replace(at, name.size(), value);
  }
  return made;
}

std::string group_note(const std::string& group, const Report& report) {
  if (group == kPaper) {
    return "paper-style: epoch and thresholds tuned on the reported fold (optimistic); mean ± SD over folds and seeds" +
           std::string(report.partitions.size() > 1 ? ", of every repeat" : "");
  }
  const ThresholdGrid& searched = report.decode.grid;
  std::string grid;
  if (!searched.is_official()) {
    grid = ", from " + std::to_string(searched.points) + " points from " + share_text(searched.from) +
           " to .95 (not the official grid)";
  }
  const std::string chosen = report.decode.head_fusion ? "thresholds" : "thresholds and fusion of the heads";
  const std::string fixed =
      report.decode.head_fusion ? ", heads fused as " + head_fusion_text(report.decode.head_fusion) : "";
  return "held-out: epoch fixed, " + chosen + " chosen on the other folds" + grid + fixed +
         " (epoch and thresholds on the inner fold with inner_fold); hits pooled over folds; mean over seeds" +
         (report.partitions.size() > 1 ? " and repeats" : "");
}

json columns_json(const Report& report, const ConfigReport& reference) {
  const std::string ranking = report.ranks_held_out() ? kHeldOut : kPaper;
  json all = json::array();
  for (const Column& column : columns()) {
    if (!column.applies_to(report)) continue;
    const bool of_other_protocol = *column.group != '\0' && column.group != ranking;
    const bool shown = column.on_page == Shown::kDefault && !of_other_protocol;
    all.push_back({{"id", column.id},
                   {"group", column.group},
                   {"heading", filled(column.heading, report, reference)},
                   {"note", filled(column.note, report, reference)},
                   {"shown", shown ? "default" : "optional"},
                   {"interval", column.is_interval},
                   {"numbers", column.numbers}});
  }
  return all;
}

json row_json(const ConfigRow& row, std::size_t index) {
  json values = json::object();
  json texts = json::object();
  for (const Column& column : columns()) {
    std::vector<json> numbers = column.values(row);
    for (std::size_t i = 0; i < numbers.size(); ++i) values[column.numbers[i]] = std::move(numbers[i]);
    if (!column.applies_to(row.report)) continue;
    texts[column.id] = column.text(row, Detail::kFit);
  }
  json fusions = json::object();
  for (const auto& [fusion, times] : row.config.head_fusions) fusions[name_of(fusion)] = times;
  const auto rank = rank_at(row.report, index);
  return {{"rank", rank ? json(*rank) : json()},
          {"config", row.config.id},
          {"axis_values", row.config.axis_values},
          {"settings", row.config.settings},
          {"partition", partitions_text(row.report.partitions)},
          {"transductive", row.config.transductive},
          {"complete", row.config.complete()},
          {"no_held_out", row.config.no_held_out},
          {"threshold_choices", row.config.threshold_choices},
          {"edge_choices", row.config.edge_choices},
          {"head_fusions", std::move(fusions)},
          {"values", std::move(values)},
          {"texts", std::move(texts)}};
}

}  // namespace medley::sweep
