#include <algorithm>
#include <cmath>

#include "sweep/config.h"
#include "sweep/report/report_json.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr const char* kSeedsNote =
    "seeds to settle: if mean and variances stay as they are; the share of the error that comes from the clips does "
    "not shrink with seeds (not expected: more seeds alone will not do); one seed does not tell the share of training";

/// Axes that are held somewhere and are not the same everywhere: the others stand in no column.
std::vector<std::string> held_axes(const FamilyReport& family) {
  std::set<std::string> axes;
  for (const PlannedComparison& row : family.rows) {
    for (const auto& [axis, value] : row.held.items()) axes.insert(axis);
  }
  return {axes.begin(), axes.end()};
}

/// What would settle an inconclusive comparison.
std::string seeds_text(const PlannedComparison& row) {
  if (row.verdict != Verdict::kInconclusive) return "";
  if (row.seeds == 1) return "unknown from 1";
  return row.more_seeds ? std::to_string(*row.more_seeds) + " more" : "not expected";
}

std::string marks(const PlannedComparison& row) {
  std::string text;
  if (!row.complete) text += kIncompleteMark;
  if (row.diverged > 0) text += kDivergedMark;
  return text;
}

void add_notes(Table& table, const Report& report, const FamilyReport& family) {
  const std::string margin = share_text(family.family.margin);
  const std::string repeat = report.partitions.size() > 1 ? "repeat, " : "";
  table.notes.push_back("Δ: mean difference of Scores, value less baseline, paired by " + repeat +
                        "fold and seed; held-out as in the leaderboard");
  table.notes.push_back(
      "interval and p: " + uncertainty_text(family.judged_held_out, report.actors, report.partitions.size()) +
      "; Holm: p adjusted over this family");
  if (family.judged_held_out) {
    constexpr const char* kOptimistic = "paper-style is optimistic";
    for (Table::Column& column : table.columns) {
      if (column.group == "paper-style") column.notes.push_back(kOptimistic);
    }
    table.notes.push_back(kOptimistic);
  }
  table.notes.push_back("equivalent: the entire 95 % interval lies within ±" + margin +
                        "; else helps, hurts: Holm p < .05; else inconclusive");
  bool incomplete = false;
  bool diverged = false;
  bool transductive = false;
  for (const PlannedComparison& row : family.rows) {
    incomplete = incomplete || !row.complete;
    diverged = diverged || row.diverged > 0;
    transductive = transductive || row.transductive;
  }
  if (incomplete) table.notes.push_back(std::string(kIncompleteMark) + " not every run is done: not judged yet");
  if (diverged) table.notes.push_back(std::string(kDivergedMark) + " without the runs in which either diverged");
  if (transductive) table.notes.push_back(std::string(kTransductiveMark) + " " + kTransductiveNote);
  if (report.synthetic) table.notes.push_back(kSyntheticNote);
}

/// `more`: the interval too.
std::vector<std::string> cells_of(const std::optional<Comparison>& comparison, const std::string& mark, bool more) {
  if (!comparison) return more ? std::vector<std::string>{"-", "-", "-"} : std::vector<std::string>{"-", "-"};
  const PairedComparison& c = comparison->result();
  std::vector<std::string> cells = {signed_text(c.mean) + mark};
  if (more) cells.push_back(interval_text(c.interval));
  cells.push_back(p_text(c.p));
  return cells;
}

}  // namespace

Table planned_comparisons_table(const Report& report, const FamilyReport& family, Detail detail, bool seeds) {
  const bool wide = detail == Detail::kWide;
  const AxisText axis_text(report);
  const std::vector<std::string> held = held_axes(family);
  const char* judged = family.judged_held_out ? "held-out" : "paper-style";
  Table table;
  const auto rows = family.rows.size();
  table.name = report.sweep + "-planned-" + family.family.axis;
  table.title = "planned comparisons: " + axis_text.axis(family.family.axis) + " against " +
                axis_text(family.family.axis, family.family.baseline) + " in " + source_text(report);
  table.above.push_back(std::to_string(rows) + (rows == 1 ? " comparison, " : " comparisons, ") + runs_text(report) +
                        ", margin " + share_text(family.family.margin) + ", judged by " + judged + " Scores");
  const std::string declared = declaration_text(family.family);
  if (!declared.empty()) table.above.push_back(declared);
  table.columns = {{axis_text.axis(family.family.axis), kLeft}};
  table.columns.back().shortened = true;
  std::set<std::string> liftable;
  for (const std::string& axis : held) {
    table.columns.push_back({axis_text.axis(axis), kLeft});
    table.columns.back().shortened = true;
    liftable.insert(axis_text.axis(axis));
  }
  if (wide) table.columns.insert(table.columns.end(), {{"config", kLeft}, {"baseline", kLeft}, {"pairs", kRight}});
  const auto group = [&](bool held_out) {
    const std::string name = held_out ? "held-out" : "paper-style";
    const bool judges = held_out == family.judged_held_out;
    table.columns.push_back({"Δ", kRight, name, judges ? 0 : 2});
    if (wide || judges) table.columns.push_back({"95 % interval", kRight, name, judges ? 4 : 2});
    table.columns.push_back({"p", kRight, name, judges ? 3 : 1});
  };
  group(family.judged_held_out);
  table.columns.push_back({"Holm", kRight, judged});
  table.columns.push_back({"verdict", kLeft});
  const bool undecided = seeds && std::any_of(family.rows.begin(), family.rows.end(),
                                              [](const auto& row) { return row.verdict == Verdict::kInconclusive; });
  if (undecided) {
    table.columns.push_back({"seeds to settle", kLeft, "", 2});
    table.columns.back().notes = {kSeedsNote};
  }
  group(!family.judged_held_out);
  for (const PlannedComparison& row : family.rows) {
    std::vector<std::string> cells = {axis_text(family.family.axis, row.value) +
                                      (row.transductive ? kTransductiveMark : "")};
    for (const std::string& axis : held) {
      const json value = row.held.value(axis, json());
      cells.push_back(value.is_null() ? "" : axis_text(axis, value));
    }
    if (wide) {
      cells.insert(cells.end(),
                   {row.config, row.baseline_config, std::to_string(row.pairs) + "/" + std::to_string(row.runs)});
    }
    const auto append = [&](const std::vector<std::string>& more) {
      cells.insert(cells.end(), more.begin(), more.end());
    };
    append(cells_of(family.judged(row), marks(row), true));
    cells.push_back(row.verdict == Verdict::kNotJudged ? "-" : p_text(row.adjusted_p));
    cells.push_back(name_of(row.verdict));
    if (undecided) cells.push_back(seeds_text(row));
    append(cells_of(family.judged_held_out ? row.paper : row.held_out, marks(row), wide));
    table.rows.push_back(std::move(cells));
  }
  if (!wide) lift_constants(table, liftable);
  add_notes(table, report, family);
  if (undecided) table.notes.push_back(kSeedsNote);
  return table;
}

Table planned_comparisons_csv(const Report& report) {
  std::set<std::string> held;
  for (const FamilyReport& family : report.families) {
    for (const std::string& axis : held_axes(family)) held.insert(axis);
  }
  Table table;
  const auto column = [&](const std::string& name) { table.columns.push_back({name, kLeft}); };
  for (const char* name : {"axis", "value", "baseline", "margin"}) column(name);
  for (const std::string& axis : held) column("held_" + axis);
  for (const char* name :
       {"config", "baseline_config", "partition", "transductive", "runs", "pairs", "diverged", "judged_by"}) {
    column(name);
  }
  for (const std::string protocol : {"held_out", "paper"}) {
    for (const char* name : {"difference", "low", "high", "p", "nadeau_bengio_p"}) column(protocol + "_" + name);
  }
  for (const char* name : {"holm_p", "verdict", "more_seeds", "declared_after_results"}) column(name);
  for (const FamilyReport& family : report.families) {
    for (const PlannedComparison& row : family.rows) {
      std::vector<std::string> cells = {family.family.axis, value_text(row.value), family.family.baseline,
                                        value_text(json(family.family.margin))};
      for (const std::string& axis : held) {
        const json value = row.held.value(axis, json());
        cells.push_back(value.is_null() ? "" : value_text(value));
      }
      cells.insert(cells.end(),
                   {row.config, row.baseline_config, partitions_text(report.partitions),
                    row.transductive ? "true" : "false", std::to_string(row.runs), std::to_string(row.pairs),
                    std::to_string(row.diverged), protocol_name(family.judged_held_out)});
      const auto append = [&](const std::optional<Comparison>& comparison,
                              const std::optional<PairedComparison>& plain) {
        if (!comparison) return static_cast<void>(cells.insert(cells.end(), 5, ""));
        const PairedComparison& c = comparison->result();
        for (const double value : {c.mean, c.interval.low, c.interval.high, c.p, plain->p}) {
          cells.push_back(value_text(json(value)));
        }
      };
      append(row.held_out, row.plain_held_out);
      append(row.paper, row.plain_paper);
      const bool judged = row.verdict != Verdict::kNotJudged;
      cells.push_back(judged ? value_text(json(row.adjusted_p)) : "");
      cells.push_back(name_of(row.verdict));
      cells.push_back(row.verdict != Verdict::kInconclusive ? ""
                      : row.more_seeds                      ? std::to_string(*row.more_seeds)
                      : row.seeds == 1                      ? "unknown"
                                                            : "no number");
      const int before = family.family.results_before;
      cells.push_back(before < 0 ? "" : std::to_string(before));
      table.rows.push_back(std::move(cells));
    }
  }
  return table;
}

}  // namespace medley::sweep
