#include <algorithm>
#include <charconv>
#include <cmath>

#include "sweep/config.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr Table::Align kLeft = Table::Align::kLeft;
constexpr Table::Align kRight = Table::Align::kRight;

std::string comparison_text(const ConfigReport& config) {
  if (!config.against_best) return "-";
  const PairedComparison& c = *config.against_best;
  const bool clear = c.verdict != PairedComparison::Verdict::kInconclusive;
  return signed_text(c.mean) + (clear ? "  " : " ~") + p_text(c.p);
}

std::string runs_of(const ConfigReport& config) {
  std::string text = std::to_string(config.done) + "/" + std::to_string(config.expected);
  if (config.diverged > 0) text += " (" + std::to_string(config.diverged) + " diverged)";
  return text;
}

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

std::string held_out_protocol(const Report& report) {
  if (report.decode == HeldOutDecode::kOptimal) {
    return "held-out: epoch fixed or chosen on the inner fold, score-optimal decode fitted on the other folds; hits "
           "pooled over folds; mean over seeds";
  }
  return "held-out: epoch fixed, thresholds chosen on the other folds (epoch and thresholds on the inner fold with "
         "inner_fold); hits pooled over folds; mean over seeds";
}

void add_notes(Table& table, const Report& report, Detail detail) {
  table.notes.push_back(std::string("ranked by ") +
                        (report.ranked_by == RankedBy::kHeldOutScore ? "held-out" : "mean paper-style") +
                        " Score, complete configs (every run has a number) first");
  table.notes.push_back(held_out_protocol(report));
  table.notes.push_back(
      "paper-style: epoch and thresholds tuned on the reported fold (optimistic); mean ± SD over folds and seeds");
  if (detail == Detail::kWide) {
    table.notes.push_back(
        "pooled: paper-style epoch, one pair of thresholds tuned over all folds of a seed (optimistic); mean over "
        "seeds");
    table.notes.push_back("held-out SD: over seeds");
  }
  table.notes.push_back(
      "95 % int.: of the mean Score over folds and seeds, corrected resampled t (Nadeau-Bengio, folds as blocks)");
  table.notes.push_back("optimism: mean paper-style Score less held-out Score");
  if (report.configs.size() > 1) {
    table.notes.push_back(std::string("vs #1: mean difference of ") +
                          (report.compared_held_out ? "held-out" : "paper-style") +
                          " Scores over shared runs and p of the same test, two-sided; ~ inconclusive (p >= .05)");
  }
}

std::vector<std::string> held_out_columns(const ConfigReport& config, Reasons& reasons, Detail detail) {
  const std::string mark = marks(config);
  std::vector<std::string> row;
  if (config.held_out_seeds == 0) {
    row.push_back(config.no_held_out.empty() ? "-" : "- " + reasons.letter(config.no_held_out));
    row.insert(row.end(), detail == Detail::kWide ? 4u : 3u, "-");
    return row;
  }
  row.push_back(share_text(config.held_out.score()) + mark);
  if (detail == Detail::kWide) row.push_back(share_text(config.held_out_score_sd));
  row.push_back(interval_text(config.held_out_interval));
  row.push_back(share_text(config.held_out.presence) + mark);
  row.push_back(share_text(config.held_out.salience) + mark);
  return row;
}

std::vector<std::string> paper_columns(const ConfigReport& config, Detail detail) {
  const std::string mark = marks(config);
  std::vector<std::string> row;
  const auto with_sd = [&](const ScoreSpread& value) {
    row.push_back(value.count == 0 ? "-" : spread_text(value.mean, value.sd) + mark);
  };
  const auto plain = [&](const ScoreSpread& value) {
    row.push_back(value.count == 0 ? "-" : share_text(value.mean) + mark);
  };
  with_sd(config.paper_score);
  if (detail == Detail::kFit) {
    plain(config.paper_presence);
    plain(config.paper_salience);
  } else {
    row.push_back(interval_text(config.paper_interval));
    with_sd(config.paper_presence);
    with_sd(config.paper_salience);
    row.push_back(config.pooled_seeds == 0 ? "-" : share_text(config.pooled.score()) + mark);
  }
  return row;
}

Table leaderboard(const Report& report, int top, Detail detail) {
  std::set<std::string> axes;
  for (const AxisReport& axis : report.axes) {
    if (axis.values.size() > 1) axes.insert(axis.axis);
  }
  const AxisText axis_text(report);
  const bool wide = detail == Detail::kWide;
  Table table;
  table.title = source_text(report) + ": " + std::to_string(report.configs.size()) +
                (report.configs.size() == 1 ? " config, " : " configs, ") + runs_text(report);
  table.columns = {{"#", kRight}, {"config", kLeft}};
  for (const std::string& axis : axes) table.columns.push_back({axis, kLeft});
  table.columns.push_back({"runs", kRight});
  for (const char* head : {"Score", "SD", "95 % int.", "ACC_P", "ACC_S"}) {
    if (wide || head != std::string("SD")) table.columns.push_back({head, kRight, "held-out"});
  }
  for (const char* head : {"Score", "95 % int.", "ACC_P", "ACC_S", "pooled"}) {
    const bool standard = head != std::string("95 % int.") && head != std::string("pooled");
    if (wide || standard) table.columns.push_back({head, kRight, "paper-style"});
  }
  table.columns.push_back({"optimism", kRight});
  if (report.configs.size() > 1) table.columns.push_back({"vs #1", kRight});
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
    std::vector<std::string> row = {std::to_string(i + 1), config.id + (config.transductive ? kTransductiveMark : "")};
    for (const std::string& axis : axes) row.push_back(axis_text(axis, config.axis_values.value(axis, json())));
    row.push_back(runs_of(config));
    for (std::string& cell : held_out_columns(config, reasons, detail)) row.push_back(std::move(cell));
    for (std::string& cell : paper_columns(config, detail)) row.push_back(std::move(cell));
    row.push_back(config.optimism() ? signed_text(*config.optimism()) + marks(config) : "-");
    if (report.configs.size() > 1) row.push_back(i == 0 ? "" : comparison_text(config));
    table.rows.push_back(std::move(row));
  }
  if (!wide) {
    axes.insert("runs");
    lift_constants(table, axes);
  }
  if (shown < report.configs.size()) {
    table.notes.push_back("not listed: " + std::to_string(report.configs.size() - shown) + " more");
  }
  add_notes(table, report, detail);
  if (transductive) table.notes.push_back(std::string(kTransductiveMark) + " " + kTransductiveNote);
  if (incomplete) table.notes.push_back(std::string(kIncompleteMark) + " incomplete: over the runs that are done only");
  if (diverged) table.notes.push_back(std::string(kDivergedMark) + " over the runs that did not diverge only");
  for (std::string& note : reasons.notes()) table.notes.push_back(std::move(note));
  if (report.synthetic) table.notes.push_back(kSyntheticNote);
  return table;
}

Table axis_table(const Report& report, const AxisReport& axis) {
  const AxisText axis_text(report);
  Table table;
  table.title = "by " + axis.axis;
  table.columns = {{axis.axis, kLeft},         {"configs", kRight},     {"trials", kRight},
                   {"Score held-out", kRight}, {"Score paper", kRight}, {"best config", kLeft},
                   {"its Score paper", kRight}};
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

std::string write(const Table& table, ReportFormat format) {
  return format == ReportFormat::kText       ? text_table(table)
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

std::string render(const Report& report, ReportFormat format, int top, Detail detail) {
  if (format == ReportFormat::kJson) return report_json(report);
  if (format == ReportFormat::kCsv) return csv_table(full_precision(report));
  Table board = leaderboard(report, top, detail);
  if (format == ReportFormat::kText && detail == Detail::kFit) {
    fit(board, {{"paper-style ACC_P", "paper-style ACC_S"},
                {"optimism"},
                {"held-out ACC_P", "held-out ACC_S"},
                {"held-out 95 % int."}});
  }
  std::string text = write(board, format);
  for (const AxisReport& axis : report.axes) {
    if (axis.values.size() > 1) text += "\n" + write(axis_table(report, axis), format);
  }
  for (const FamilyReport& family : report.families)
    text += "\n" + write(planned_comparisons_table(report, family, detail), format);
  return text;
}

std::string render_planned_comparisons(const Report& report, ReportFormat format, Detail detail) {
  if (format == ReportFormat::kCsv) return csv_table(planned_comparisons_csv(report));
  if (format == ReportFormat::kJson) {
    json families = json::array();
    for (const FamilyReport& family : report.families) families.push_back(planned_comparisons_json(family));
    return json{{"sweep", report.sweep}, {"dataset", report.dataset}, {"synthetic", report.synthetic},
                {"folds", report.folds}, {"seeds", report.seeds},     {"families", std::move(families)}}
               .dump(2) +
           "\n";
  }
  std::string text;
  for (const FamilyReport& family : report.families) {
    text += (text.empty() ? "" : "\n") + write(planned_comparisons_table(report, family, detail), format);
  }
  return text;
}

}  // namespace medley::sweep
