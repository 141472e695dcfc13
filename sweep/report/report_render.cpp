#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "sweep/config.h"
#include "sweep/report/columns.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr Table::Align kLeft = Table::Align::kLeft;
constexpr Table::Align kRight = Table::Align::kRight;

constexpr int kIdsInTurn = 4;  // after what is on demand elsewhere, before intervals

std::string marks(const ConfigReport& config) {
  std::string text;
  if (config.done < config.expected) text += kIncompleteMark;
  if (config.diverged > 0) text += kDivergedMark;
  return text;
}

/// Letters for the footnotes that say why a held-out number is missing, in order of first appearance.
class Reasons {
 public:
  std::string letter(const std::string& reason) {
    const auto it = std::find(reasons_.begin(), reasons_.end(), reason);
    const auto index = it - reasons_.begin();
    if (it == reasons_.end()) reasons_.push_back(reason);
    return std::string("(") + static_cast<char>('a' + index) + ")";
  }
  std::vector<std::string> notes() const {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < reasons_.size(); ++i) {
      lines.push_back(std::string("(") + static_cast<char>('a' + i) + ") no held-out number: " + reasons_[i]);
    }
    return lines;
  }

 private:
  std::vector<std::string> reasons_;
};

/// Of a config that does not exist the numbers are never read, only the headings.
const ConfigReport& reference_of(const Report& report) {
  static const ConfigReport kNone;
  return report.configs.empty() ? kNone : *report.reference();
}

std::vector<const Column*> columns_of(const Report& report, Detail detail) {
  std::vector<const Column*> shown;
  for (const Column& column : columns()) {
    if (column.in_text == Shown::kOnDemand && detail != Detail::kWide) continue;
    if (!column.applies_to(report)) continue;
    shown.push_back(&column);
  }
  return shown;
}

void add_notes(Table& table, const Report& report, const std::vector<const Column*>& shown) {
  const auto add = [&](const std::string& note) {
    const bool known = std::find(table.notes.begin(), table.notes.end(), note) != table.notes.end();
    if (!note.empty() && !known) table.notes.push_back(note);
  };
  add(std::string("ranked by ") + (report.ranked_by == RankedBy::kHeldOutScore ? "held-out" : "mean paper-style") +
      " Score, complete configs (every run has a number) first");
  for (const Column* column : shown) {
    if (*column->group != '\0') add(group_note(column->group, report));
  }
  for (const Column* column : shown) add(filled(column->note, report, reference_of(report)));
}

Table::Column head_of(const Column& column, const Report& report) {
  std::vector<std::string> notes = {filled(column.note, report, reference_of(report))};
  if (*column.group != '\0') notes.push_back(group_note(column.group, report));
  return {filled(column.heading, report, reference_of(report)), kRight, column.group, column.expendable, notes};
}

/// What a reader must know before the numbers: what the sweep is for, that it is not done, and what failed.
std::vector<std::string> course_of(const Report& report) {
  constexpr std::size_t kMostReasons = 5;
  std::vector<std::string> lines;
  if (!report.description.empty()) lines.push_back(report.description);
  if (report.standing != SweepStanding::kFinished) {
    int done = 0;
    int expected = 0;
    for (const ConfigReport& config : report.configs) {
      done += config.done;
      expected += config.expected;
    }
    lines.push_back(std::string(name_of(report.standing)) + ": " + std::to_string(done) + " of " +
                    std::to_string(expected) + " runs have a result");
  }
  if (!report.search.empty()) {
    std::map<std::string, int> stopped;
    for (const ConfigReport& config : report.configs) {
      if (config.stopped) ++stopped[name_of(config.stopped->kind)];
    }
    std::string counts;
    for (const auto& [kind, configs] : stopped) counts += ", " + std::to_string(configs) + " " + kind;
    lines.push_back(report.search + ": " + std::to_string(report.rounds) + (report.rounds == 1 ? " round" : " rounds") +
                    counts);
  }
  for (std::size_t i = 0; i < report.failures.size() && i < kMostReasons; ++i) {
    const FailureReason& failure = report.failures[i];
    lines.push_back(std::to_string(failure.trials) + (failure.trials == 1 ? " trial" : " trials") +
                    " failed: " + failure.reason);
  }
  if (report.failures.size() > kMostReasons) {
    lines.push_back("and for " + std::to_string(report.failures.size() - kMostReasons) + " more reasons");
  }
  return lines;
}

/// Configs whose thresholds mostly lie at an end of the grid; "" none.
std::string edge_note(const Report& report, std::size_t shown) {
  constexpr int kMostNamed = 3;
  std::string configs;
  int more = -kMostNamed;
  for (std::size_t i = 0; i < shown; ++i) {
    const ConfigReport& config = report.configs[i];
    if (config.threshold_choices == 0 || 2 * config.edge_choices < config.threshold_choices) continue;
    if (++more > 0) continue;
    const auto rank = rank_at(report, i);
    configs += (configs.empty() ? "" : ", ") + (rank ? "#" + std::to_string(*rank) : config.id) + " (" +
               std::to_string(config.edge_choices) + " of " + std::to_string(config.threshold_choices) + ")";
  }
  if (configs.empty()) return "";
  if (more > 0) configs += " and " + std::to_string(more) + " more";
  return "thresholds chosen at an end of the grid: " + configs + "; beyond it their Scores might be better";
}

Table leaderboard(const Report& report, int top, Detail detail) {
  std::set<std::string> axes;
  for (const AxisReport& axis : report.axes) {
    if (axis.values.size() > 1) axes.insert(axis.axis);
  }
  const AxisText axis_text(report);
  const std::vector<const Column*> shown_columns = columns_of(report, detail);
  Table table;
  table.title = source_text(report) + ": " + std::to_string(report.configs.size()) +
                (report.configs.size() == 1 ? " config, " : " configs, ") + runs_text(report);
  table.columns = {{"#", kRight}, {"config", kLeft, "", kIdsInTurn}};
  for (const std::string& axis : axes) table.columns.push_back({axis, kLeft});
  for (const Column* column : shown_columns) {
    table.columns.push_back(head_of(*column, report));
  }
  table.above = course_of(report);
  Reasons reasons;
  bool incomplete = false;
  bool diverged = false;
  bool transductive = false;
  const std::size_t shown =
      top > 0 ? std::min(report.configs.size(), static_cast<std::size_t>(top)) : report.configs.size();
  for (std::size_t i = 0; i < shown; ++i) {
    const ConfigReport& config = report.configs[i];
    transductive = transductive || config.transductive;
    incomplete = incomplete || config.done < config.expected;
    diverged = diverged || config.diverged > 0;
    const auto rank = rank_at(report, i);
    std::vector<std::string> row = {rank ? std::to_string(*rank) : "-",
                                    config.id + (config.transductive ? kTransductiveMark : "")};
    for (const std::string& axis : axes) row.push_back(axis_text.of(config, axis));
    bool reason_said = config.no_held_out.empty();
    for (const Column* column : shown_columns) {
      std::string cell = column->text({report, config, reference_of(report)}, detail);
      if (cell != "-") {
        if (column->marked) cell += marks(config);
      } else if (!reason_said && column->group == std::string("held-out")) {
        reason_said = true;
        cell += " " + reasons.letter(config.no_held_out);
      }
      row.push_back(std::move(cell));
    }
    table.rows.push_back(std::move(row));
  }
  if (detail != Detail::kWide) {
    axes.insert("runs");
    lift_constants(table, axes);
  }
  if (shown < report.configs.size()) {
    table.notes.push_back("not listed: " + std::to_string(report.configs.size() - shown) + " more");
  }
  add_notes(table, report, shown_columns);
  if (report.partitions.size() > 1) {
    table.notes.push_back("means are over the " + std::to_string(report.partitions.size()) +
                          " repeats of one partition, which is made again with other actors in each fold");
  }
  if (transductive) table.notes.push_back(std::string(kTransductiveMark) + " " + kTransductiveNote);
  if (incomplete) table.notes.push_back(std::string(kIncompleteMark) + " incomplete: over the runs that are done only");
  if (diverged) table.notes.push_back(std::string(kDivergedMark) + " over the runs that did not diverge only");
  for (std::string& note : reasons.notes()) table.notes.push_back(std::move(note));
  if (const std::string edge = edge_note(report, shown); !edge.empty()) table.notes.push_back(edge);
  if (std::string mixed = arithmetics_note(report.arithmetics); !mixed.empty()) table.notes.push_back(std::move(mixed));
  if (report.synthetic) table.notes.push_back(kSyntheticNote);
  return table;
}

Table axis_table(const Report& report, const AxisReport& axis) {
  const AxisText axis_text(report);
  Table table;
  table.title = "by " + axis.axis;
  table.columns = {{axis.axis, kLeft},
                   {"configs", kRight, "", 3},
                   {"trials", kRight, "", 2},
                   {"Score held-out", kRight},
                   {"Score paper", kRight},
                   {"best config", kLeft, "", 1},
                   {"its Score paper", kRight, "", 1}};
  bool partial = false;
  bool transductive = false;
  for (const AxisValueReport& value : axis.values) {
    std::string mark = value.complete ? "" : kIncompleteMark;
    if (value.transductive) mark += kTransductiveMark;
    partial = partial || !value.complete;
    transductive = transductive || value.transductive;
    const auto spread = [&](const ScoreSpread& scores) {
      return scores.count == 0 ? "-" : spread_text(scores.mean, scores.sd) + mark;
    };
    table.rows.push_back({axis_text(axis.axis, value.value), std::to_string(value.configs),
                          std::to_string(value.trials), spread(value.held_out_score), spread(value.paper_score),
                          value.best_config.empty() ? "-" : value.best_config,
                          value.best_config.empty() ? "-" : share_text(value.best_paper_score)});
  }
  table.notes.push_back(
      "marginal means: held-out Score ± SD over configs, paper-style Score ± SD over trials (optimistic)");
  if (partial) table.notes.push_back(std::string(kIncompleteMark) + " not every run of these configs has a number");
  if (transductive) table.notes.push_back(std::string(kTransductiveMark) + " some of them " + kTransductiveNote);
  return table;
}

Table axes_csv(const Report& report) {
  Table table;
  for (const char* name : {"axis", "value", "configs", "trials", "complete", "transductive", "held_out_score",
                           "held_out_score_sd", "paper_score", "paper_score_sd", "best_config", "best_paper_score"}) {
    table.columns.push_back({name, kLeft});
  }
  const auto number = [](double value, bool known) { return known ? full_text(value) : ""; };
  for (const AxisReport& axis : report.axes) {
    for (const AxisValueReport& value : axis.values) {
      const ScoreSpread& held_out = value.held_out_score;
      const ScoreSpread& paper = value.paper_score;
      table.rows.push_back({axis.axis, value.value.is_null() ? "" : value_text(value.value),
                            std::to_string(value.configs), std::to_string(value.trials),
                            value.complete ? "true" : "false", value.transductive ? "true" : "false",
                            number(held_out.mean, held_out.count > 0), number(held_out.sd, held_out.count > 0),
                            number(paper.mean, paper.count > 0), number(paper.sd, paper.count > 0), value.best_config,
                            number(value.best_paper_score, !value.best_config.empty())});
    }
  }
  return table;
}

std::string write(const Table& table, ReportFormat format, std::size_t width) {
  return format == ReportFormat::kText       ? text_table(table, width)
         : format == ReportFormat::kMarkdown ? markdown_table(table)
         : format == ReportFormat::kLatex    ? latex_table(table)
                                             : csv_table(table);
}

}  // namespace

std::string share_text(double share) {
  if (!std::isfinite(share)) return "-";
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, std::fabs(share), std::chars_format::fixed, 3);
  std::string digits(text, end.ptr);
  const bool negative = share < 0 && digits != "0.000";
  if (digits.rfind("0.", 0) == 0) digits.erase(0, 1);
  return (negative ? "-" : "") + digits;
}

Table full_precision(const Report& report) {
  Table table;
  const auto column = [&](const std::string& name) { table.columns.push_back({name, Table::Align::kLeft}); };
  for (const char* name : {"rank", "config"}) column(name);
  for (const AxisReport& axis : report.axes) column(axis.axis);
  for (const char* name : {"partition", "transductive"}) column(name);
  for (const Column& one : columns()) {
    for (const char* name : one.numbers) column(name);
  }
  const auto text = [](const json& value) { return value.is_null() ? std::string() : value_text(value); };
  for (std::size_t i = 0; i < report.configs.size(); ++i) {
    const ConfigReport& config = report.configs[i];
    const auto rank = rank_at(report, i);
    std::vector<std::string> row = {rank ? std::to_string(*rank) : "", config.id};
    for (const AxisReport& axis : report.axes) row.push_back(text(config.axis_values.value(axis.axis, json())));
    row.push_back(partitions_text(report.partitions));
    row.push_back(config.transductive ? "true" : "false");
    for (const Column& one : columns()) {
      for (const json& value : one.values({report, config, *report.reference()})) row.push_back(text(value));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string render(const Report& report, ReportFormat format, int top, Detail detail, std::size_t width) {
  if (format == ReportFormat::kCsv) return csv_table(full_precision(report));
  Table board = leaderboard(report, top, detail);
  std::string text = write(board, format, detail == Detail::kWide ? 0 : width);
  if (const std::string axes = render_axes(report, format, width); !axes.empty()) text += "\n" + axes;
  const std::string planned = render_planned_comparisons(report, format, detail, width);
  return planned.empty() ? text : text + "\n" + planned;
}

std::string render_axes(const Report& report, ReportFormat format, std::size_t width) {
  if (format == ReportFormat::kCsv) return csv_table(axes_csv(report));
  std::string text;
  for (const AxisReport& axis : report.axes) {
    if (axis.values.size() > 1) text += (text.empty() ? "" : "\n") + write(axis_table(report, axis), format, width);
  }
  return text;
}

std::string render_planned_comparisons(const Report& report, ReportFormat format, Detail detail, std::size_t width) {
  if (format == ReportFormat::kCsv) return csv_table(planned_comparisons_csv(report));
  std::string text;
  for (const FamilyReport& family : report.families) {
    text += (text.empty() ? "" : "\n") +
            write(planned_comparisons_table(report, family, detail), format, detail == Detail::kWide ? 0 : width);
  }
  return text;
}

}  // namespace medley::sweep
