#include <algorithm>
#include <cmath>
#include <map>

#include "sweep/config.h"
#include "sweep/report/config_names.h"
#include "sweep/report/importance_report.h"
#include "sweep/report/report_json.h"
#include "sweep/report/report_text.h"
#include "sweep/report/table.h"
#include "sweep/score/importance_statistics.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

std::string spread_of(const ScoreSpread& spread) {
  return spread.count == 0 ? "-" : spread_text(spread.mean, spread.sd);
}

std::string one_decimal(double value) {
  const std::string text = value_text(json(std::round(value * 10) / 10));
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

/// Ranks of `values`, 1 the largest; "-" where there is none.
std::vector<std::string> rank_texts(const std::vector<double>& values) {
  std::vector<double> known;
  for (const double value : values) {
    if (std::isfinite(value)) known.push_back(value);
  }
  const auto ranks = average_ranks(known);
  std::vector<std::string> texts;
  std::size_t next = 0;
  for (const double value : values) texts.push_back(std::isfinite(value) ? value_text(json(ranks[next++])) : "-");
  return texts;
}

/// Of subsets of the encoders.
bool has_scores(const ImportanceReport& report) {
  return std::any_of(report.encoders.begin(), report.encoders.end(),
                     [](const EncoderSummary& e) { return e.loss || e.alone; });
}

/// Cut where a name is too long.
Table::Column encoder_column() {
  Table::Column column{"encoder", kLeft};
  column.shortened = true;
  return column;
}

/// Of five the outer ones go first where there is no room, then all.
void add_quantiles(Table& table, const std::string& group) {
  table.columns.push_back({"5 %", kRight, group, 1});
  table.columns.push_back({"25 %", kRight, group, 2});
  table.columns.push_back({"50 %", kRight, group, 2});
  table.columns.push_back({"75 %", kRight, group, 2});
  table.columns.push_back({"95 %", kRight, group, 1});
}

/// The last ones go first.
int expendable_of(std::size_t index, std::size_t count) { return static_cast<int>(count - index); }

Table gate_table(const ImportanceReport& report) {
  Table table;
  table.title = "importance of encoders by the gate of " + report.config + ", in " + report.sweep + " on " +
                report.dataset + (report.synthetic ? " (synthetic data)" : "");
  table.above = near_copies_texts(report);
  if (!report.near_copies.empty()) table.above.push_back(kNearCopiesAdvice);
  table.above.push_back(std::to_string(report.trials) + " of " + std::to_string(report.expected) + " trials, " +
                        std::to_string(report.folds.size()) + " folds");
  if (const std::string disagree = seeds_disagree_text(report); !disagree.empty()) {
    table.above.push_back("seeds disagree: " + disagree);
  }
  table.columns = {encoder_column(), {report.by, kLeft, "", 5}, {"weight", kRight}};
  const bool scores = has_scores(report);
  if (scores) table.columns.insert(table.columns.end(), {{"lost without", kRight}, {"Score alone", kRight}});
  table.columns.insert(table.columns.end(),
                       {{"kept", kRight}, {"ranked 1st", kRight, "", 3}, {"mean rank", kRight, "", 4}});
  add_quantiles(table, "weight of a clip, quantiles");
  for (const EncoderSummary& encoder : report.encoders) {
    std::vector<std::string> row = {encoder.encoder, encoder.group, spread_of(encoder.weight)};
    if (scores) {
      row.push_back(encoder.loss ? signed_text(encoder.loss->difference.mean) : "-");
      row.push_back(encoder.alone ? share_text(encoder.alone->value()) : "-");
    }
    row.insert(row.end(), {spread_of(encoder.selected), encoder.ranks.empty() ? "-" : share_text(encoder.ranks.front()),
                           one_decimal(encoder.mean_rank)});
    for (std::size_t i = 0; i < 5; ++i) {
      row.push_back(i < encoder.quantiles.size() ? share_text(encoder.quantiles[i]) : "-");
    }
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back(
      "weight: mean over the validation clips of a trial, ± SD over trials; kept: share of clips that "
      "keep the encoder, " +
      share_text(report.chance) + " by chance");
  if (report.transductive) table.notes.push_back(kTransductiveNote);
  if (report.trials < report.expected) table.notes.push_back("incomplete: over the trials that are done only");
  if (report.synthetic) table.notes.push_back(kSyntheticNote);
  return table;
}

Table fold_table(const ImportanceReport& report) {
  Table table;
  table.title = "mean importance by fold";
  table.columns = {encoder_column()};
  for (std::size_t f = 0; f < report.folds.size(); ++f) {
    table.columns.push_back({std::to_string(report.folds[f]), kRight, "fold", expendable_of(f, report.folds.size())});
  }
  for (const EncoderSummary& encoder : report.encoders) {
    std::vector<std::string> row = {encoder.encoder};
    for (const ScoreSpread& fold : encoder.by_fold) row.push_back(share_text(fold.mean));
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back("mean gate weight over seeds");
  if (report.repeats > 1) {
    table.notes.push_back("the folds of the " + std::to_string(report.repeats) + " repeats are numbered on");
  }
  if (const std::string agreement = agreement_text(report.agreement); !agreement.empty()) {
    table.notes.push_back("Kendall's W of the encoders' ranks: " + agreement + " (1: all alike)");
  }
  return table;
}

Table group_table(const ImportanceReport& report) {
  Table table;
  table.title = "importance by " + report.by;
  table.columns = {{report.by, kLeft}, {"encoders", kRight}, {"share", kRight}};
  add_quantiles(table, "share of a clip, quantiles");
  for (const GroupSummary& group : report.groups) {
    std::vector<std::string> row = {group.group, std::to_string(group.encoders), spread_of(group.share)};
    for (std::size_t i = 0; i < 5; ++i) {
      row.push_back(group.quantiles.empty() ? "-" : share_text(group.quantiles[i]));
    }
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back("share of the gate weight, ± SD over trials; quantiles over the clips of all trials");
  return table;
}

Table score_table(const ImportanceReport& report) {
  Table table;
  table.title = "the gate's opinion beside Scores";
  table.columns = {encoder_column(),
                   {"weight", kRight, "gate"},
                   {"rank", kRight, "gate", 2},
                   {"Δ Score", kRight, "lost without it"},
                   {"95 % interval", kRight, "lost without it"},
                   {"unadjusted p", kRight, "lost without it", 1},
                   {"rank", kRight, "lost without it", 2},
                   {"Score", kRight, "alone"},
                   {"95 % interval", kRight, "alone", 3},
                   {"rank", kRight, "alone", 2}};
  std::vector<double> gate, loss, alone;
  bool held_out = true;
  for (const EncoderSummary& encoder : report.encoders) {
    gate.push_back(encoder.weight.mean);
    loss.push_back(encoder.loss ? encoder.loss->difference.mean : NAN);
    alone.push_back(encoder.alone ? encoder.alone->value() : NAN);
    held_out = held_out && (!encoder.loss || encoder.loss->held_out) && (!encoder.alone || encoder.alone->held_out);
  }
  const auto gate_rank = rank_texts(gate);
  const auto loss_rank = rank_texts(loss);
  const auto alone_rank = rank_texts(alone);
  for (std::size_t e = 0; e < report.encoders.size(); ++e) {
    const EncoderSummary& encoder = report.encoders[e];
    std::vector<std::string> row = {encoder.encoder, share_text(encoder.weight.mean), gate_rank[e]};
    if (encoder.loss) {
      const PairedComparison& c = encoder.loss->difference;
      row.insert(row.end(), {signed_text(c.mean), interval_text(c.interval), p_text(c.p)});
    } else {
      row.insert(row.end(), 3, "-");
    }
    row.push_back(loss_rank[e]);
    row.push_back(encoder.alone ? share_text(encoder.alone->value()) : "-");
    row.push_back(encoder.alone ? interval_text(encoder.alone->interval) : "-");
    row.push_back(alone_rank[e]);
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back(held_out ? "held-out Scores"
                                 : "held-out Scores where there are any, else paper-style (optimistic)");
  table.notes.push_back(
      "lost without it: Score of all encoders less Score of all but this one, paired by fold and seed; interval " +
      uncertainty_text(held_out, report.actors, report.repeats) + ", not adjusted");
  const auto correlation = [&](const char* what, double rho) {
    if (std::isfinite(rho)) {
      table.notes.push_back(std::string("Spearman's correlation of the gate's weight and ") + what + ": " +
                            share_text(rho));
    }
  };
  correlation("what is lost without the encoder", report.gate_and_loss);
  correlation("the Score of the encoder alone", report.gate_and_alone);
  return table;
}

Table effect_table(const ImportanceReport& report) {
  Table table;
  table.title = "effect of n";
  table.columns = {{"selection", kLeft},          {"n", kRight},
                   {"Score", kRight, "held-out"}, {"95 % interval", kRight, "held-out"},
                   {"Score paper", kRight},       {"config", kLeft, "", 1}};
  for (const EffectSeries& series : report.effect_of_n) {
    for (const EffectPoint& point : series.points) {
      table.rows.push_back({series.selection, series.constant ? "all" : std::to_string(point.n),
                            point.score.held_out ? share_text(*point.score.held_out) : "-",
                            point.score.held_out ? interval_text(point.score.interval) : "-",
                            share_text(point.score.paper), point.score.config});
    }
  }
  table.notes.push_back("95 % interval: " + uncertainty_text(true, report.actors, report.repeats) +
                        "; Score paper is paper-style (optimistic), mean over folds and seeds");
  return table;
}

Table cka_table(const ImportanceReport& report) {
  Table table;
  table.title = "linear CKA of projected encoders";
  table.columns = {{"", kRight}, encoder_column()};
  const std::size_t count = report.encoders.size();
  // The matrix is symmetric: what the last columns say stands below the diagonal, too.
  for (std::size_t e = 0; e < count; ++e) {
    table.columns.push_back({std::to_string(e + 1), kRight, "", expendable_of(e, count)});
  }
  for (std::size_t a = 0; a < count; ++a) {
    std::vector<std::string> row = {std::to_string(a + 1), report.encoders[a].encoder};
    for (std::size_t b = 0; b < count; ++b) row.push_back(share_text(report.cka[a * count + b]));
    table.rows.push_back(std::move(row));
  }
  table.notes.push_back("mean over trials; 0: nothing in common, 1: the same up to rotation and scale");
  return table;
}

Table importance_csv(const ImportanceReport& report) {
  Table table;
  for (const std::string& head :
       std::vector<std::string>{"encoder", report.by, "weight_mean", "weight_sd", "selected_mean", "selected_sd",
                                "chance", "mean_rank", "loss_without", "loss_p", "loss_protocol", "score_alone",
                                "alone_protocol", "shapley", "shapley_low", "shapley_high", "shapley_probe"}) {
    table.columns.push_back({head, kLeft});
  }
  for (std::size_t e = 0; e < report.encoders.size(); ++e) {
    const EncoderSummary& encoder = report.encoders[e];
    std::vector<std::string> row = {encoder.encoder,
                                    encoder.group,
                                    full_text(encoder.weight.mean),
                                    full_text(encoder.weight.sd),
                                    full_text(encoder.selected.mean),
                                    full_text(encoder.selected.sd),
                                    full_text(report.chance),
                                    full_text(encoder.mean_rank),
                                    encoder.loss ? full_text(encoder.loss->difference.mean) : "",
                                    encoder.loss ? full_text(encoder.loss->difference.p) : "",
                                    encoder.loss ? protocol_name(encoder.loss->held_out) : "",
                                    encoder.alone ? full_text(encoder.alone->value()) : "",
                                    encoder.alone ? protocol_name(encoder.alone->held_out.has_value()) : ""};
    if (report.shapley) {
      const ShapleyNumber& number = report.shapley->values[e];
      row.insert(row.end(), {full_text(number.value), full_text(number.interval.low), full_text(number.interval.high),
                             full_text(number.probe.value_or(kNaN))});
    } else {
      row.insert(row.end(), 4, "");
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace

std::string agreement_text(const Agreement& agreement) {
  std::string text;
  const auto add = [&](double w, const char* what) {
    if (std::isfinite(w)) text += (text.empty() ? "" : ", ") + share_text(w) + " " + what;
  };
  add(agreement.runs, "over runs");
  add(agreement.folds, "between folds");
  add(agreement.seeds, "between seeds");
  return text;
}

std::string seeds_disagree_text(const ImportanceReport& report) {
  std::string text;
  for (const KeptBySeeds& one : report.seeds_disagree) {
    text += (text.empty() ? "" : ", ") + one.encoder + " kept by " + std::to_string(one.seeds) + " of " +
            std::to_string(one.of) + " seeds";
  }
  return text;
}

std::vector<std::string> near_copies_texts(const ImportanceReport& report) {
  std::vector<std::string> texts;
  const NearCopies* before = nullptr;
  for (const NearCopies& pair : report.near_copies) {
    if (before && before->heavier == pair.heavier) {
      texts.back() += ", ";
    } else {
      texts.push_back("near-copies of " + pair.heavier + " (weight " + share_text(pair.heavier_weight) +
                      ") have less weight: ");
    }
    texts.back() += pair.lighter + " (" + share_text(pair.lighter_weight) + ", CKA " + share_text(pair.cka) + ")";
    before = &pair;
  }
  return texts;
}

ImportanceReport in_words(ImportanceReport report, const Report& of) {
  const ConfigNames names(of);
  const auto rename = [&](std::string& name) {
    const auto label = of.labels.find(name);
    if (label != of.labels.end()) name = label->second;
  };
  report.config = names(report.config);
  for (EffectSeries& series : report.effect_of_n) {
    rename(series.selection);
    for (EffectPoint& point : series.points) point.score.config = names(point.score.config);
  }
  for (EncoderSummary& encoder : report.encoders) rename(encoder.encoder);
  for (NearCopies& pair : report.near_copies) {
    rename(pair.heavier);
    rename(pair.lighter);
  }
  for (KeptBySeeds& one : report.seeds_disagree) rename(one.encoder);
  return report;
}

std::string render(const ImportanceReport& report, ReportFormat format, std::size_t width) {
  if (format == ReportFormat::kCsv) return csv_table(importance_csv(report));
  std::vector<Table> tables = {gate_table(report), fold_table(report), group_table(report)};
  if (has_scores(report)) tables.push_back(score_table(report));
  if (report.shapley) {
    for (Table& table : shapley_tables(report)) tables.push_back(std::move(table));
  }
  if (!report.effect_of_n.empty()) tables.push_back(effect_table(report));
  if (!report.cka.empty()) tables.push_back(cka_table(report));
  std::string text;
  for (const Table& table : tables) {
    text += (text.empty() ? "" : "\n") + (format == ReportFormat::kText       ? text_table(table, width)
                                          : format == ReportFormat::kMarkdown ? markdown_table(table)
                                                                              : latex_table(table));
  }
  return text;
}

}  // namespace medley::sweep
