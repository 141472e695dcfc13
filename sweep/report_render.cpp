#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "sweep/config.h"
#include "sweep/report.h"
#include "sweep/table.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr const char* kIncomplete = "*";
constexpr const char* kDiverged = "†";
constexpr const char* kTransductive = "‡";

std::string spread_text(double mean, double sd) {
  return std::isnan(sd) ? share_text(mean) : share_text(mean) + " ± " + share_text(sd);
}

std::string signed_text(double difference) {
  const std::string text = share_text(difference);
  return text.front() == '-' || std::isnan(difference) ? text : "+" + text;
}

std::string p_text(double p) { return p < 0.001 ? "p<.001" : "p=" + share_text(p); }

std::string comparison_text(const ConfigReport& config) {
  if (!config.against_best) return "-";
  const PairedComparison& c = *config.against_best;
  const char* verdict = c.verdict == PairedComparison::Verdict::kInconclusive ? " inconclusive" : "";
  return signed_text(c.mean) + " " + p_text(c.p) + verdict;
}

std::string cells_text(const ConfigReport& config) {
  std::string text = std::to_string(config.done) + "/" + std::to_string(config.expected);
  if (config.diverged > 0) text += " (" + std::to_string(config.diverged) + " diverged)";
  return text;
}

std::string marks(const ConfigReport& config) {
  std::string text;
  if (config.done < config.expected) text += kIncomplete;
  if (config.diverged > 0) text += kDiverged;
  return text;
}

std::string axis_text(const json& value) { return value.is_null() ? "(not used)" : value_text(value); }

/// Letters for the footnotes that say why a clean number is missing, in order of first appearance.
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
      lines.push_back(std::string("(") + static_cast<char>('a' + i) + ") no clean number: " + reasons_[i]);
    }
    return lines;
  }

 private:
  std::vector<std::string> reasons_;
};

std::string clean_protocol(const Report& report) {
  if (report.decode == CleanDecode::kOptimal) {
    return "clean: epoch fixed or chosen on the inner fold, score-optimal decode fitted on the other folds; hits "
           "pooled "
           "over folds; mean over seeds";
  }
  return "clean: epoch fixed, thresholds chosen on the other folds (epoch and thresholds on the inner fold with "
         "inner_fold); hits pooled over folds; mean over seeds";
}

std::string size_text(const Report& report) {
  const auto count = [](int n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); };
  return count(static_cast<int>(report.configs.size()), "config") + ", " + count(report.folds, "fold") + " x " +
         count(report.seeds, "seed");
}

Table leaderboard(const Report& report, int top) {
  std::set<std::string> axes;
  for (const AxisReport& axis : report.axes) {
    if (axis.values.size() > 1) axes.insert(axis.axis);
  }
  Table table;
  table.title =
      report.sweep + " on " + report.dataset + (report.synthetic ? " (synthetic data)" : "") + ": " + size_text(report);
  table.columns = {{"#", Table::Align::kRight}, {"config", Table::Align::kLeft}};
  for (const std::string& axis : axes) table.columns.push_back({axis, Table::Align::kLeft});
  for (const char* head : {"cells", "Score paper", "ACC_P paper", "ACC_S paper", "pooled", "Score clean", "ACC_P",
                           "ACC_S", "gap", "vs #1"}) {
    table.columns.push_back({head, Table::Align::kRight});
  }
  Reasons reasons;
  bool incomplete = false;
  bool diverged = false;
  bool transductive = false;
  const std::size_t shown =
      top > 0 ? std::min(report.configs.size(), static_cast<std::size_t>(top)) : report.configs.size();
  for (std::size_t i = 0; i < shown; ++i) {
    const ConfigReport& config = report.configs[i];
    std::vector<std::string> row = {std::to_string(i + 1), config.id + (config.transductive ? kTransductive : "")};
    transductive = transductive || config.transductive;
    for (const std::string& axis : axes) row.push_back(axis_text(config.axis_values.value(axis, json())));
    row.push_back(cells_text(config));
    const std::string mark = marks(config);
    incomplete = incomplete || config.done < config.expected;
    diverged = diverged || config.diverged > 0;
    for (const ScoreSpread* value : {&config.paper_score, &config.paper_presence, &config.paper_salience}) {
      row.push_back(value->count == 0 ? "-" : spread_text(value->mean, value->sd) + mark);
    }
    row.push_back(config.pooled_seeds == 0 ? "-" : share_text(config.pooled.score()) + mark);
    if (config.clean_seeds == 0) {
      row.push_back(config.no_clean.empty() ? "-" : "- " + reasons.letter(config.no_clean));
      row.insert(row.end(), {"-", "-"});
    } else {
      row.push_back(spread_text(config.clean.score(), config.clean_score_sd) + mark);
      row.push_back(share_text(config.clean.presence) + mark);
      row.push_back(share_text(config.clean.salience) + mark);
    }
    row.push_back(config.gap() ? signed_text(*config.gap()) + mark : "-");
    row.push_back(i == 0 ? "" : comparison_text(config));
    table.rows.push_back(std::move(row));
  }
  if (shown < report.configs.size()) {
    table.notes.push_back("not listed: " + std::to_string(report.configs.size() - shown) + " more");
  }
  table.notes.push_back(std::string("ranked by ") +
                        (report.ranked_by == RankedBy::kCleanScore ? "clean" : "mean paper-style") +
                        " Score, whole blocks (every fold and seed has a number) first");
  table.notes.push_back(
      "paper: paper-style, epoch and thresholds tuned on the reported fold (optimistic); mean ± SD over folds and "
      "seeds");
  table.notes.push_back(
      "pooled: paper-style epoch, one pair of thresholds tuned over all folds of a seed (optimistic); mean over seeds");
  table.notes.push_back(clean_protocol(report) + "; ± SD over seeds; ACC_P and ACC_S after it are clean too");
  table.notes.push_back("gap: optimism, mean paper-style Score less clean Score");
  if (report.configs.size() > 1) {
    table.notes.push_back(std::string("vs #1: mean difference of ") +
                          (report.compared_clean ? "clean" : "paper-style") +
                          " Scores over shared cells, corrected resampled t-test (Nadeau-Bengio), two-sided");
  }
  if (transductive) {
    table.notes.push_back(std::string(kTransductive) +
                          " transductive: training read unlabelled features of clips that it is scored on");
  }
  if (incomplete) table.notes.push_back(std::string(kIncomplete) + " incomplete: over the cells that are done only");
  if (diverged) table.notes.push_back(std::string(kDiverged) + " over the cells that did not diverge only");
  for (std::string& note : reasons.notes()) table.notes.push_back(std::move(note));
  if (report.synthetic) table.notes.push_back("synthetic data: these numbers say nothing about real clips");
  return table;
}

Table axis_table(const AxisReport& axis) {
  Table table;
  table.title = "by " + axis.axis;
  table.columns = {{axis.axis, Table::Align::kLeft},         {"configs", Table::Align::kRight},
                   {"trials", Table::Align::kRight},         {"Score paper", Table::Align::kRight},
                   {"Score clean", Table::Align::kRight},    {"best config", Table::Align::kLeft},
                   {"its Score paper", Table::Align::kRight}};
  bool partial = false;
  for (const AxisValueReport& value : axis.values) {
    const std::string mark = value.whole ? "" : kIncomplete;
    partial = partial || !value.whole;
    table.rows.push_back(
        {axis_text(value.value), std::to_string(value.configs), std::to_string(value.trials),
         value.paper_score.count == 0 ? "-" : spread_text(value.paper_score.mean, value.paper_score.sd) + mark,
         value.clean_score.count == 0 ? "-" : spread_text(value.clean_score.mean, value.clean_score.sd) + mark,
         value.best_config.empty() ? "-" : value.best_config,
         value.best_config.empty() ? "-" : share_text(value.best_paper_score)});
  }
  table.notes.push_back(
      "marginal means: paper-style Score ± SD over trials (optimistic), clean Score ± SD over configs");
  if (partial) table.notes.push_back(std::string(kIncomplete) + " not every cell of these configs has a number");
  return table;
}

json number(double value) { return std::isfinite(value) ? json(value) : json(); }

json spread_json(const ScoreSpread& value) {
  return {{"count", value.count}, {"mean", number(value.mean)}, {"sd", number(value.sd)}};
}

json accuracy_json(const Accuracy& value) {
  return {{"acc_presence", number(value.presence)},
          {"acc_salience", number(value.salience)},
          {"score", number(value.score())}};
}

json config_json(const ConfigReport& config, int rank) {
  json object = {{"rank", rank},
                 {"config", config.id},
                 {"axis_values", config.axis_values},
                 {"settings", config.settings},
                 {"transductive", config.transductive},
                 {"cells_done", config.done},
                 {"cells_expected", config.expected},
                 {"cells_diverged", config.diverged},
                 {"whole", config.whole()},
                 {"paper",
                  {{"acc_presence", spread_json(config.paper_presence)},
                   {"acc_salience", spread_json(config.paper_salience)},
                   {"score", spread_json(config.paper_score)}}},
                 {"paper_pooled", nullptr},
                 {"clean", nullptr},
                 {"no_clean", config.no_clean},
                 {"gap", config.gap() ? number(*config.gap()) : json()},
                 {"against_best", nullptr}};
  if (config.pooled_seeds > 0) {
    object["paper_pooled"] = accuracy_json(config.pooled);
    object["paper_pooled"]["seeds"] = config.pooled_seeds;
  }
  if (config.clean_seeds > 0) {
    object["clean"] = accuracy_json(config.clean);
    object["clean"]["seeds"] = config.clean_seeds;
    object["clean"]["score_sd"] = number(config.clean_score_sd);
  }
  if (config.against_best) {
    const PairedComparison& c = *config.against_best;
    object["against_best"] = {{"pairs", c.pairs},
                              {"mean", number(c.mean)},
                              {"standard_error", number(c.standard_error)},
                              {"t", number(c.t)},
                              {"p", number(c.p)},
                              {"low", number(c.interval.low)},
                              {"high", number(c.interval.high)},
                              {"verdict", verdict_name(c.verdict)}};
  }
  return object;
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
                        {"whole", value.whole},
                        {"paper_score", spread_json(value.paper_score)},
                        {"clean_score", spread_json(value.clean_score)},
                        {"best_config", value.best_config},
                        {"best_paper_score", number(value.best_paper_score)}});
    }
    axes.push_back({{"axis", axis.axis}, {"values", std::move(values)}});
  }
  const json object = {{"sweep", report.sweep},
                       {"dataset", report.dataset},
                       {"synthetic", report.synthetic},
                       {"folds", report.folds},
                       {"seeds", report.seeds},
                       {"clean_decode", report.decode == CleanDecode::kOptimal ? "optimal" : "thresholds"},
                       {"ranked_by", report.ranked_by == RankedBy::kCleanScore ? "clean" : "paper"},
                       {"compared_by", report.compared_clean ? "clean" : "paper"},
                       {"configs", std::move(configs)},
                       {"axes", std::move(axes)}};
  return object.dump(2) + "\n";
}

/// The configs with full precision; empty where there is no number.
Table full_precision(const Report& report) {
  Table table;
  const auto column = [&](const std::string& name) { table.columns.push_back({name, Table::Align::kLeft}); };
  for (const char* name : {"rank", "config"}) column(name);
  for (const AxisReport& axis : report.axes) column(axis.axis);
  for (const char* name :
       {"transductive", "cells_done", "cells_expected", "cells_diverged", "paper_score_mean", "paper_score_sd",
        "paper_acc_presence_mean", "paper_acc_presence_sd", "paper_acc_salience_mean", "paper_acc_salience_sd",
        "paper_pooled_score", "clean_score", "clean_score_sd", "clean_acc_presence", "clean_acc_salience", "gap",
        "against_best_mean", "against_best_p"}) {
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
    for (const int cells : {config.done, config.expected, config.diverged}) row.push_back(std::to_string(cells));
    for (const ScoreSpread* value : {&config.paper_score, &config.paper_presence, &config.paper_salience}) {
      row.push_back(text(value->mean, value->count > 0));
      row.push_back(text(value->sd, value->count > 0));
    }
    row.push_back(text(config.pooled.score(), config.pooled_seeds > 0));
    const bool clean = config.clean_seeds > 0;
    for (const double value :
         {config.clean.score(), config.clean_score_sd, config.clean.presence, config.clean.salience}) {
      row.push_back(text(value, clean));
    }
    row.push_back(text(config.gap().value_or(0), config.gap().has_value()));
    const auto& comparison = config.against_best;
    row.push_back(text(comparison ? comparison->mean : 0, comparison.has_value()));
    row.push_back(text(comparison ? comparison->p : 0, comparison.has_value()));
    table.rows.push_back(std::move(row));
  }
  return table;
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

std::string render(const Report& report, ReportFormat format, int top) {
  if (format == ReportFormat::kJson) return report_json(report);
  if (format == ReportFormat::kCsv) return csv_table(full_precision(report));
  const auto write = format == ReportFormat::kText       ? text_table
                     : format == ReportFormat::kMarkdown ? markdown_table
                                                         : latex_table;
  std::string text = write(leaderboard(report, top));
  for (const AxisReport& axis : report.axes) {
    if (axis.values.size() > 1) text += "\n" + write(axis_table(axis));
  }
  return text;
}

}  // namespace medley::sweep
