#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "sweep/config.h"
#include "sweep/error.h"
#include "sweep/nearest.h"
#include "sweep/report/ablation.h"
#include "sweep/report/columns.h"
#include "sweep/report/config_names.h"
#include "sweep/report/finding.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr int kIdsInTurn = 4;   // after what is on demand elsewhere, before intervals
constexpr int kAxesInTurn = 9;  // after all numbers but the Score, the least important axis first
constexpr int kListedDraws = 10;

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

constexpr const char* kIdColumn = "id";

/// The columns that people ask for by these names: ids of columns, names of their numbers, axes, or the id of configs.
struct Selected {
  const Column* column = nullptr;
  std::string axis = {};  ///< where there is no column; "" neither: the id
};

std::vector<Selected> selected(const Report& report, const std::vector<std::string>& names) {
  std::vector<std::string> known = {kIdColumn};
  for (const AxisReport& axis : report.axes) known.push_back(axis.axis);
  for (const Column& column : columns()) known.push_back(column.id);
  std::vector<Selected> chosen;
  const auto choose = [&](const Column* column) {  // once: the ends of an interval are one column
    const auto same = [&](const Selected& one) { return one.column == column; };
    if (std::none_of(chosen.begin(), chosen.end(), same)) chosen.push_back({column});
  };
  for (const std::string& name : names) {
    const auto column = std::find_if(columns().begin(), columns().end(), [&](const Column& c) { return name == c.id; });
    const bool axis =
        std::any_of(report.axes.begin(), report.axes.end(), [&](const AxisReport& a) { return a.axis == name; });
    if (column != columns().end() && column->applies_to(report)) {
      choose(&*column);
    } else if (const auto number = find_number(name); number && number->column->applies_to(report)) {
      choose(number->column);
    } else if (axis || name == kIdColumn) {
      chosen.push_back({nullptr, axis ? name : ""});
    } else {
      throw Error("no column '" + name + "'" + suggestion(name, known));
    }
  }
  return chosen;
}

/// What stands beside rank and name of a config.
std::vector<Selected> columns_of(const Report& report, const RenderOptions& options) {
  if (!options.select.empty()) return selected(report, options.select);
  std::vector<Selected> shown;
  if (options.ids) shown.push_back({});
  if (options.detail == Detail::kWide || is_drawn(report)) {
    for (const AxisReport& axis : report.axes) {
      if (axis.values.size() > 1) shown.push_back({nullptr, axis.axis});
    }
  }
  for (const Column& column : columns()) {
    if (column.in_text == Shown::kOnDemand && options.detail != Detail::kWide) continue;
    if (column.applies_to(report)) shown.push_back({&column});
  }
  return shown;
}

void add_notes(Table& table, const Report& report, const std::vector<Selected>& chosen) {
  std::vector<const Column*> shown;
  for (const Selected& one : chosen) {
    if (one.column) shown.push_back(one.column);
  }
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

/// What a reader must know before the numbers: that the sweep is not done, what failed, what seeds disagree on, and
/// what the sweep is for.
std::vector<std::string> course_of(const Report& report) {
  constexpr std::size_t kMostReasons = 5;
  std::vector<std::string> lines;
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
  if (std::string disagree = best_by_seeds_text(report); !disagree.empty()) lines.push_back(std::move(disagree));
  if (std::string mixed = arithmetics_note(report.arithmetics); !mixed.empty()) lines.push_back(std::move(mixed));
  if (!report.description.empty()) lines.push_back(report.description);
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

/// "" where no adaptation hurts.
std::string harm_note(const Report& report, const ConfigNames& names) {
  constexpr std::size_t kMostNamed = 3;
  std::string configs;
  for (std::size_t i = 0; i < std::min(kMostNamed, report.harmful_adaptations.size()); ++i) {
    const HarmfulAdaptation& harm = report.harmful_adaptations[i];
    configs += (i == 0 ? "" : ", ") + names(harm.config) + " by " + share_text(-harm.difference.mean) + " " +
               interval_text({-harm.difference.interval.high, -harm.difference.interval.low});
  }
  if (configs.empty()) return "";
  if (report.harmful_adaptations.size() > kMostNamed) {
    configs += " and " + std::to_string(report.harmful_adaptations.size() - kMostNamed) + " more";
  }
  return "adaptation hurts, beside the same config without: " + configs;
}

Table leaderboard(const Report& report, const RenderOptions& options) {
  const AxisText axis_text(report);
  const ConfigNames names(report);
  const std::vector<Selected> chosen = columns_of(report, options);
  const bool drawn = is_drawn(report);
  Table table;
  table.name = report.sweep;
  table.title = source_text(report) + ": " + std::to_string(report.configs.size()) +
                (report.configs.size() == 1 ? " config, " : " configs, ") + runs_text(report);
  table.columns = {{"#", kRight}, {"config", kLeft}};
  table.columns.back().shortened = true;
  std::set<std::string> liftable = {"runs"};
  const std::vector<AxisImportance> important = drawn ? axis_importance(report) : std::vector<AxisImportance>();
  const auto turn_of = [&](const std::string& axis) {
    const auto at =
        std::find_if(important.rbegin(), important.rend(), [&](const auto& one) { return one.axis == axis; });
    return at == important.rend() ? 0 : kAxesInTurn + static_cast<int>(at - important.rbegin());
  };
  for (const Selected& one : chosen) {
    if (one.column) {
      table.columns.push_back(head_of(*one.column, report));
    } else if (one.axis.empty()) {
      table.columns.push_back({kIdColumn, kLeft, "", kIdsInTurn});
    } else {
      table.columns.push_back({axis_text.axis(one.axis), kLeft, "", turn_of(one.axis)});
      liftable.insert(axis_text.axis(one.axis));
    }
    if (!options.select.empty()) table.columns.back().expendable = 0;
  }
  table.above = course_of(report);
  Reasons reasons;
  bool incomplete = false;
  bool diverged = false;
  bool transductive = false;
  const auto all = static_cast<int>(report.configs.size());
  const int top = options.top.value_or(drawn ? kListedDraws : 0);
  const auto shown = static_cast<std::size_t>(top > 0 ? std::min(all, top) : all);
  for (std::size_t i = 0; i < shown; ++i) {
    const ConfigReport& config = report.configs[i];
    transductive = transductive || config.transductive;
    incomplete = incomplete || config.done < config.expected;
    diverged = diverged || config.diverged > 0;
    const auto rank = rank_at(report, i);
    std::vector<std::string> row = {rank ? std::to_string(*rank) : "-",
                                    names(config.id) + (config.transductive ? kTransductiveMark : "")};
    bool reason_said = config.no_held_out.empty();
    for (const Selected& one : chosen) {
      if (!one.column) {
        row.push_back(one.axis.empty() ? config.id : axis_text.of(config, one.axis));
        continue;
      }
      std::string cell = one.column->text({report, config, reference_of(report)}, options.detail);
      if (cell != "-") {
        if (one.column->marked) cell += marks(config);
      } else if (!reason_said && one.column->group == std::string("held-out")) {
        reason_said = true;
        cell += " " + reasons.letter(config.no_held_out);
      }
      row.push_back(std::move(cell));
    }
    table.rows.push_back(std::move(row));
  }
  if (options.detail != Detail::kWide && options.select.empty()) lift_constants(table, liftable);
  if (shown < report.configs.size()) {
    table.above.push_back("not listed: " + std::to_string(report.configs.size() - shown) + " more; --top 0 lists all");
  }
  add_notes(table, report, chosen);
  if (report.partitions.size() > 1) {
    table.notes.push_back("means are over the " + std::to_string(report.partitions.size()) +
                          " repeats of one partition, which is made again with other actors in each fold");
  }
  if (transductive) table.notes.push_back(std::string(kTransductiveMark) + " " + kTransductiveNote);
  if (incomplete) table.notes.push_back(std::string(kIncompleteMark) + " incomplete: over the runs that are done only");
  if (diverged) table.notes.push_back(std::string(kDivergedMark) + " over the runs that did not diverge only");
  if (std::string harm = harm_note(report, names); !harm.empty()) table.above.push_back(std::move(harm));
  for (std::string& note : reasons.notes()) table.above.push_back(std::move(note));
  if (const std::string edge = edge_note(report, shown); !edge.empty()) table.notes.push_back(edge);
  if (report.synthetic) table.notes.push_back(kSyntheticNote);
  return table;
}

/// Configs whose difference was found by a comparison that the sweep file declares, and how.
std::set<std::string> significant(const Report& report, std::string& how) {
  std::set<std::string> found;
  std::size_t comparisons = 0;
  std::string kind = " planned comparison";
  for (const FamilyReport& family : report.families) {
    for (const PlannedComparison& row : family.rows) {
      comparisons += row.verdict != Verdict::kNotJudged;
      const bool told = row.verdict == Verdict::kHelps || row.verdict == Verdict::kHurts;
      if (told && row.baseline_config == report.declared_reference) found.insert(row.config);
    }
  }
  if (comparisons == 0) {
    kind = " comparison";
    for (const auto& [config, p] : adjusted_against_reference(report)) {
      ++comparisons;
      if (p < kLevel) found.insert(config);
    }
  }
  how = "p < .05 by Holm over " + std::to_string(comparisons) + kind + (comparisons == 1 ? "" : "s");
  return found;
}

/// The leaderboard as a paper has it: name, Score with its interval, and the difference to the reference of the sweep.
Table paper_leaderboard(const Report& report, RenderOptions options) {
  const bool chosen = !options.select.empty();
  const bool held_out = report.ranks_held_out();
  if (!chosen) {
    options.select =
        held_out
            ? std::vector<std::string>{"held_out_score", "held_out_interval", "held_out_presence", "held_out_salience"}
            : std::vector<std::string>{"paper_score", "paper_interval", "paper_presence", "paper_salience"};
    const bool compares = !report.declared_reference.empty() && report.configs.size() > 1 && report.search.empty();
    if (compares) options.select.insert(options.select.begin() + 2, "difference");
  }
  const std::vector<Selected> columns = selected(report, options.select);
  Table table = leaderboard(report, options);
  std::string how;
  const std::set<std::string> marked = significant(report, how);
  const ConfigNames names(report);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    Table::Column& column = table.columns[i + 2];  // after rank and name
    if (!columns[i].column) continue;
    const std::string id = columns[i].column->id;
    if (!chosen) column.group.clear();  // the note below says the one protocol
    const bool accuracy = id.find("presence") != std::string::npos || id.find("salience") != std::string::npos;
    column.best = accuracy || id == "held_out_score" || id == "paper_score";
    if (!chosen) column.expendable = accuracy ? 1 : columns[i].column->is_interval ? 2 : 0;
    if (id != "difference") continue;
    column.head = "Δ";
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      if (marked.count(report.configs[r].id) > 0) table.rows[r][i + 2] += "⋆";
    }
  }
  table.columns.erase(table.columns.begin());
  for (auto& row : table.rows) row.erase(row.begin());
  const std::string source = source_text(report) + ", " + runs_text(report);
  table.title = report.description.empty() ? source : report.description + " (" + source + ")";
  table.above.clear();
  table.notes = {group_note(held_out ? "held-out" : "paper-style", report),
                 "95 % intervals " + uncertainty_text(held_out, report.actors, report.partitions.size())};
  const auto has = [&](const char* mark) {
    return std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) {
      return std::any_of(row.begin(), row.end(),
                         [&](const std::string& cell) { return cell.find(mark) != std::string::npos; });
    });
  };
  if (!report.declared_reference.empty()) {
    table.notes.push_back("Δ: less " + names(report.declared_reference) + ", paired by fold and seed" +
                          (has("⋆") ? "; ⋆ " + how : ""));
  }
  if (has(kIncompleteMark)) table.notes.push_back("* over the runs that are done only");
  if (has(kDivergedMark)) table.notes.push_back("† over the runs that did not diverge only");
  if (has(kTransductiveMark)) table.notes.push_back(std::string(kTransductiveMark) + " " + kTransductiveNote);
  return table;
}

Table axis_table(const Report& report, const AxisReport& axis) {
  const AxisText axis_text(report);
  const ConfigNames names(report);
  Table table;
  table.name = report.sweep + "-" + axis.axis;
  table.title = "by " + axis_text.axis(axis.axis);
  table.columns = {{axis_text.axis(axis.axis), kLeft}, {"configs", kRight, "", 3}, {"trials", kRight, "", 2},
                   {"Score held-out", kRight},         {"Score paper", kRight},    {"best config", kLeft, "", 1},
                   {"its Score paper", kRight, "", 1}};
  table.columns.front().shortened = true;
  bool partial = false;
  bool transductive = false;
  for (const AxisGroup& group : axis_groups(report, axis)) {
    AxisValueReport value = marginal_of(group.members);
    value.value = group.value;
    std::string mark = value.complete ? "" : kIncompleteMark;
    if (value.transductive) mark += kTransductiveMark;
    partial = partial || !value.complete;
    transductive = transductive || value.transductive;
    const auto spread = [&](const ScoreSpread& scores) {
      return scores.count == 0 ? "-" : spread_text(scores.mean, scores.sd) + mark;
    };
    table.rows.push_back({axis_text(axis.axis, value.value), std::to_string(value.configs),
                          std::to_string(value.trials), spread(value.held_out_score), spread(value.paper_score),
                          value.best_config.empty() ? "-" : names(value.best_config),
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

/// How much of the spread of Scores each axis explains: the summary of draws that share no other setting.
Table importance_of_axes(const Report& report) {
  const AxisText axis_text(report);
  Table table;
  table.name = report.sweep + "-axes";
  table.title = "what the axes explain of the spread of Scores";
  table.columns = {{"axis", kLeft},
                   {"groups", kRight},
                   {"configs", kRight, "", 2},
                   {"residual df", kRight},
                   {"explained", kRight},
                   {"by chance", kRight, "", 3},
                   {"lowest mean", kRight, "", 1},
                   {"highest mean", kRight, "", 1}};
  table.columns.front().shortened = true;
  for (const AxisImportance& one : axis_importance(report)) {
    if (one.values < 2) continue;
    const double chance = static_cast<double>(one.values - 1) / static_cast<double>(std::max(1, one.configs - 1));
    table.rows.push_back({axis_text.axis(one.axis), std::to_string(one.values), std::to_string(one.configs),
                          std::to_string(one.residual_df), share_text(one.share), share_text(chance),
                          share_text(one.lowest), share_text(one.highest)});
  }
  table.notes.push_back(
      "explained: sum of squares between the groups of an axis over the total (eta squared), each axis by itself; by "
      "chance: its mean for an axis without effect, (groups - 1)/(configs - 1); residual df: configs less groups");
  return table;
}

/// The one line below all tables: what the least is that one must know to read them, and where the rest is.
std::string legend_of(const Report& report, const std::string& text, std::size_t left_out) {
  const auto has = [&](const char* what) { return text.find(what) != std::string::npos; };
  std::string line = has("held-out") ? "held-out: thresholds from the other folds" : "";
  if (has("held-out") && !report.decode.grid.is_official()) line += ", not of the official grid";
  if (has("held-out") && report.decode.head_fusion) {
    line += ", heads fused as " + head_fusion_text(report.decode.head_fusion);
  }
  const auto add = [&](const std::string& more) { line += (line.empty() ? "" : "; ") + more; };
  if (has("paper")) add("paper: optimistic");
  if (has("[")) add("[ ]: 95 % interval");
  if (has(kTransductiveMark)) add(std::string(kTransductiveMark) + " transductive");
  if (std::any_of(report.configs.begin(), report.configs.end(), [](const auto& c) { return c.done < c.expected; })) {
    add(std::string(kIncompleteMark) + " incomplete");
  }
  if (has(kDivergedMark)) add(std::string(kDivergedMark) + " without diverged runs");
  if (left_out > 0) add(std::to_string(left_out) + (left_out == 1 ? " column" : " columns") + " left out (--wide)");
  add("--explain has the rest");
  return line;
}

/// Tables one after the other. Text and Markdown have the notes below each table with `explain`, else one line below
/// all.
class Writing {
 public:
  Writing(const Report& report, const RenderOptions& options) : report_(report), options_(options) {}

  void add(Table table) {
    if (!text_.empty()) text_ += "\n";
    const bool text = options_.format == ReportFormat::kText;
    const std::size_t width = options_.detail == Detail::kWide ? 0 : options_.width;
    if (!options_.explain && options_.format != ReportFormat::kLatex) {
      if (text) {
        table = fitted(std::move(table), width);
        left_out_ += table.left_out.size();
        table.left_out.clear();
      }
      table.notes.clear();
    }
    text_ += text                                         ? text_table(table, width)
             : options_.format == ReportFormat::kMarkdown ? markdown_table(table)
             : options_.paper_mm > 0                      ? paper_table(table, options_.paper_mm)
                                                          : latex_table(table);
  }

  /// With a first line, and the legend as the last one.
  std::string take(const std::string& first = "") {
    const bool text = options_.format == ReportFormat::kText;
    const std::size_t width = options_.detail == Detail::kWide ? 0 : options_.width;
    if (!options_.explain && !text_.empty() && options_.format != ReportFormat::kLatex) {
      const std::string legend = legend_of(report_, text_, left_out_);
      text_ += text ? "\n" + wrapped_text(legend, width) : "\n" + legend + "\n";
    }
    if (first.empty()) return text_;
    if (text) return wrapped_text(first, width) + "\n" + text_;
    return (options_.format == ReportFormat::kLatex ? "% " + first : first) + "\n\n" + text_;
  }

 private:
  const Report& report_;
  const RenderOptions& options_;
  std::string text_;
  std::size_t left_out_ = 0;
};

void add_axes(Writing& writing, const Report& report) {
  if (is_drawn(report)) writing.add(importance_of_axes(report));
  for (const AxisReport& axis : report.axes) {
    if (axis.values.size() > 1) writing.add(axis_table(report, axis));
  }
}

void add_planned(Writing& writing, const Report& report, const RenderOptions& options) {
  for (const FamilyReport& family : report.families) {
    writing.add(planned_comparisons_table(report, family, options.detail, options.paper_mm == 0));
  }
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

Table full_precision(const Report& report, const std::vector<std::string>& select, int top) {
  Table table;
  std::vector<const Column*> shown;
  std::vector<std::string> axes;
  if (select.empty()) {
    for (const Column& one : columns()) shown.push_back(&one);
    for (const AxisReport& axis : report.axes) axes.push_back(axis.axis);
  }
  for (const Selected& one : selected(report, select)) {
    if (one.column) shown.push_back(one.column);
    if (!one.axis.empty()) axes.push_back(one.axis);
  }
  const auto column = [&](const std::string& name) { table.columns.push_back({name, Table::Align::kLeft}); };
  for (const char* name : {"rank", "config"}) column(name);
  for (const std::string& axis : axes) column(axis);
  for (const char* name : {"partition", "transductive"}) column(name);
  for (const Column* one : shown) {
    for (const char* name : one->numbers) column(name);
  }
  const auto text = [](const json& value) { return value.is_null() ? std::string() : value_text(value); };
  const std::size_t all = report.configs.size();
  const std::size_t listed = top > 0 ? std::min(all, static_cast<std::size_t>(top)) : all;
  for (std::size_t i = 0; i < listed; ++i) {
    const ConfigReport& config = report.configs[i];
    const auto rank = rank_at(report, i);
    std::vector<std::string> row = {rank ? std::to_string(*rank) : "", config.id};
    for (const std::string& axis : axes) row.push_back(text(config.axis_values.value(axis, json())));
    row.push_back(partitions_text(report.partitions));
    row.push_back(config.transductive ? "true" : "false");
    for (const Column* one : shown) {
      for (const json& value : one->values({report, config, *report.reference()})) row.push_back(text(value));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string render(const Report& report, const RenderOptions& options) {
  if (options.format == ReportFormat::kCsv)
    return csv_table(full_precision(report, options.select, options.top.value_or(0)));
  Writing writing(report, options);
  const bool paper = options.format == ReportFormat::kLatex && options.paper_mm > 0;
  writing.add(paper ? paper_leaderboard(report, options) : leaderboard(report, options));
  if (options.select.empty()) {
    if (!paper) add_axes(writing, report);
    add_planned(writing, report, options);
  }
  return writing.take(finding(report).text);
}

std::string render_axes(const Report& report, const RenderOptions& options) {
  if (options.format == ReportFormat::kCsv) return csv_table(axes_csv(report));
  Writing writing(report, options);
  add_axes(writing, report);
  return writing.take();
}

std::string render_planned_comparisons(const Report& report, const RenderOptions& options) {
  if (options.format == ReportFormat::kCsv) return csv_table(planned_comparisons_csv(report));
  Writing writing(report, options);
  add_planned(writing, report, options);
  return writing.take();
}

std::string render_pivot(const Report& report, const std::string& row_axis, const std::string& column_axis,
                         const RenderOptions& options) {
  const CrossTable cross = cross_axes(report, row_axis, column_axis);
  const AxisText axis_text(report);
  const bool csv = options.format == ReportFormat::kCsv;
  const auto axis_name = [&](const std::string& axis) { return csv ? axis : axis_text.axis(axis); };
  const auto value_name = [&](const std::string& axis, const json& value) {
    return csv && !value.is_null() ? value_text(value) : axis_text(axis, value);
  };
  Table table;
  table.name = report.sweep + "-" + row_axis + "-" + column_axis;
  table.columns = {{axis_name(row_axis), kLeft}};
  table.columns.back().shortened = true;
  for (const json& value : cross.columns) {
    table.columns.push_back({value_name(column_axis, value), kRight, axis_name(column_axis)});
  }
  int fewest = 0;
  int most = 0;
  bool incomplete = false;
  for (std::size_t r = 0; r < cross.rows.size(); ++r) {
    std::vector<std::string> row = {value_name(row_axis, cross.rows[r])};
    for (std::size_t c = 0; c < cross.columns.size(); ++c) {
      const CrossCell& cell = cross.cells[r * cross.columns.size() + c];
      const double half = (cell.interval.high - cell.interval.low) / 2;
      row.push_back(csv                 ? full_text(cell.score)
                    : cell.configs == 0 ? "-"
                                        : spread_text(cell.score, half) + (cell.complete ? "" : kIncompleteMark));
      if (cell.configs == 0) continue;
      fewest = fewest == 0 ? cell.configs : std::min(fewest, cell.configs);
      most = std::max(most, cell.configs);
      incomplete = incomplete || !cell.complete;
    }
    table.rows.push_back(std::move(row));
  }
  if (csv) return csv_table(table);
  std::string others;
  for (const AxisReport& axis : report.axes) {
    const bool other = axis.axis != row_axis && axis.axis != column_axis && axis.values.size() > 1;
    if (other) others += (others.empty() ? "" : ", ") + axis_text.axis(axis.axis);
  }
  const std::string of = fewest == most ? std::to_string(most) : std::to_string(fewest) + " to " + std::to_string(most);
  table.title =
      std::string(report.ranks_held_out() ? "held-out" : "paper-style") + " Score by " + axis_name(row_axis) + " and " +
      axis_name(column_axis) + " in " + source_text(report) +
      (others.empty() ? "" : ": mean over " + others + ", " + of + (most == 1 ? " config" : " configs") + " a value");
  table.above.push_back("± half of the 95 % interval");
  table.notes.push_back("95 % interval: " +
                        uncertainty_text(report.ranks_held_out(), report.actors, report.partitions.size()));
  if (incomplete) table.notes.push_back(std::string(kIncompleteMark) + " incomplete: over the runs that are done only");
  Writing writing(report, options);
  writing.add(std::move(table));
  return writing.take();
}

}  // namespace medley::sweep
