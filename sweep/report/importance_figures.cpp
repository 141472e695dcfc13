#include "sweep/report/importance_figures.h"

#include <algorithm>
#include <cmath>

#include "sweep/config.h"
#include "sweep/report/chart.h"
#include "sweep/report/report_json.h"
#include "sweep/report/report_text.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

Table table_of(const std::vector<std::string>& heads) {
  Table table;
  for (const std::string& head : heads) table.columns.push_back({head, Table::Align::kLeft});
  return table;
}

/// One SD to either side, also beyond what a share can be: cut, it would say less than it is.
Interval deviation(const ScoreSpread& share) { return {share.mean - share.sd, share.mean + share.sd}; }

/// What is said under every figure.
std::vector<std::string> notes(const ImportanceReport& report, const std::string& what) {
  std::vector<std::string> lines = {what, "config " + report.config + " of " + report.sweep + " on " + report.dataset +
                                              ", " + std::to_string(report.trials) + " of " +
                                              std::to_string(report.expected) + " trials"};
  if (report.transductive) lines.push_back("transductive: training read unlabelled features of these clips");
  for (const std::string& warning : near_copies_texts(report)) lines.push_back(warning);
  if (const std::string disagree = seeds_disagree_text(report); !disagree.empty()) {
    lines.push_back("seeds disagree: " + disagree);
  }
  if (report.synthetic) lines.push_back("synthetic data");
  return lines;
}

std::vector<std::string> names_of(const ImportanceReport& report) {
  std::vector<std::string> names;
  for (const EncoderSummary& encoder : report.encoders) names.push_back(encoder.encoder);
  return names;
}

Figure effect_of_n(const ImportanceReport& report, double paper_mm) {
  Figure figure{"effect_of_n",
                table_of({"selection", "n", "protocol", "score", "low", "high", "paper_score", "config"}), ""};
  LineChart chart;
  bool held_out = true;
  for (const EffectSeries& series : report.effect_of_n) {
    auto& line = chart.series.emplace_back();
    line.name = series.selection;
    line.level = series.constant;
    for (const EffectPoint& point : series.points) {
      held_out = held_out && point.score.held_out;
      figure.data.rows.push_back({series.selection, std::to_string(point.n),
                                  protocol_name(point.score.held_out.has_value()), full_text(point.score.value()),
                                  full_text(point.score.interval.low), full_text(point.score.interval.high),
                                  full_text(point.score.paper), point.score.config});
      line.x.push_back(point.n);
      line.y.push_back({point.score.value(), point.score.interval});
    }
  }
  chart.text = {
      "Effect of the number of encoders", "encoders kept (n)", held_out ? "held-out Score" : "Score",
      notes(report, std::string(held_out ? "held-out Score" : "Score, paper-style (optimistic) where not held-out") +
                        " with 95 % interval, " + uncertainty_text(held_out, report.actors, report.repeats))};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure group_shares(const ImportanceReport& report, double paper_mm) {
  Figure figure{report.by + "_shares",
                table_of({report.by, "encoders", "mean", "sd_over_trials", "p05", "p25", "p50", "p75", "p95"}), ""};
  DistributionChart chart;
  for (const GroupSummary& group : report.groups) {
    std::vector<std::string> row = {group.group, std::to_string(group.encoders), full_text(group.share.mean),
                                    full_text(group.share.sd)};
    for (std::size_t i = 0; i < 5; ++i) row.push_back(group.quantiles.empty() ? "" : full_text(group.quantiles[i]));
    figure.data.rows.push_back(std::move(row));
    chart.items.push_back(
        {group.group + " (" + std::to_string(group.encoders) + ")", group.quantiles, {}, group.share.mean});
  }
  chart.text = {"Gate weight by " + report.by, report.by + " (encoders)", "gate weight",
                notes(report, "box: quartiles over the clips of all trials, whiskers 5 to 95 %; diamond: mean")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure selection_frequency(const ImportanceReport& report, double paper_mm) {
  Figure figure{"selection_frequency", table_of({"encoder", report.by, "mean", "sd_over_trials", "chance"}), ""};
  CategoryChart chart;
  chart.categories = names_of(report);
  chart.groups.resize(1);
  for (const EncoderSummary& encoder : report.encoders) {
    figure.data.rows.push_back({encoder.encoder, encoder.group, full_text(encoder.selected.mean),
                                full_text(encoder.selected.sd), full_text(report.chance)});
    chart.groups[0].values.push_back({encoder.selected.mean, deviation(encoder.selected)});
  }
  chart.reference = report.chance;
  chart.reference_name = "chance";
  chart.text = {"Selection frequency", "encoder", "selection frequency",
                notes(report, "mean ± SD over trials; chance: a random choice of as many")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure importance_by_fold(const ImportanceReport& report, double paper_mm) {
  Figure figure{"importance_by_fold", table_of({"encoder", "fold", "seeds", "mean", "sd_over_seeds"}), ""};
  CategoryChart chart;
  chart.marks = CategoryChart::Marks::kPoints;
  chart.categories = names_of(report);
  for (std::size_t fold = 0; fold < report.folds.size(); ++fold) {
    auto& group = chart.groups.emplace_back();
    group.name = "fold " + std::to_string(report.folds[fold]);
    for (const EncoderSummary& encoder : report.encoders) {
      const ScoreSpread& here = encoder.by_fold[fold];
      group.values.push_back({here.mean, deviation(here)});
      figure.data.rows.push_back({encoder.encoder, std::to_string(report.folds[fold]), std::to_string(here.count),
                                  full_text(here.mean), full_text(here.sd)});
    }
  }
  std::string agreement = agreement_text(report.agreement);
  if (!agreement.empty()) agreement = "; Kendall's W " + agreement;
  chart.text = {"Mean importance by fold", "encoder", "mean gate weight",
                notes(report, "mean ± SD over seeds" + agreement)};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure weight_distribution(const ImportanceReport& report, double paper_mm) {
  Figure figure{"weight_distribution", table_of({"encoder", "bin_low", "bin_high", "share_of_clips"}), ""};
  DistributionChart chart;
  for (const EncoderSummary& encoder : report.encoders) {
    const auto bins = static_cast<double>(encoder.histogram.size());
    for (std::size_t bin = 0; bin < encoder.histogram.size(); ++bin) {
      figure.data.rows.push_back({encoder.encoder, full_text(static_cast<double>(bin) / bins),
                                  full_text(static_cast<double>(bin + 1) / bins), full_text(encoder.histogram[bin])});
    }
    chart.items.push_back({encoder.encoder, encoder.quantiles, encoder.histogram, encoder.weight.mean});
  }
  chart.text = {"Distribution of gate weights", "encoder", "gate weight of a clip",
                notes(report,
                      "violin: clips a bin; box: quartiles, whiskers 5 to 95 %, mean "
                      "over trials; diamond: mean")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure ranks(const ImportanceReport& report, double paper_mm) {
  Figure figure{"rank_distribution", table_of({"encoder", "rank", "share_of_clips"}), ""};
  HeatMap chart;
  chart.rows = names_of(report);
  for (std::size_t rank = 0; rank < report.encoders.front().ranks.size(); ++rank) {
    chart.columns.push_back(std::to_string(rank + 1));
  }
  chart.high = 0;
  for (const EncoderSummary& encoder : report.encoders) {
    for (std::size_t rank = 0; rank < encoder.ranks.size(); ++rank) {
      figure.data.rows.push_back({encoder.encoder, std::to_string(rank + 1), full_text(encoder.ranks[rank])});
      chart.values.push_back(encoder.ranks[rank]);
      chart.high = std::max(chart.high, encoder.ranks[rank]);
    }
  }
  chart.text = {"Rank of each encoder", "rank by the gate's score (1: highest)", "encoder",
                notes(report, "share of clips that rank an encoder so, mean over trials")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure cka(const ImportanceReport& report, double paper_mm) {
  Figure figure{"cka", table_of({"encoder", "other", "linear_cka"}), ""};
  HeatMap chart;
  chart.rows = chart.columns = names_of(report);
  chart.values = report.cka;
  for (std::size_t a = 0; a < chart.rows.size(); ++a) {
    for (std::size_t b = 0; b < chart.rows.size(); ++b) {
      figure.data.rows.push_back({chart.rows[a], chart.rows[b], full_text(report.cka[a * chart.rows.size() + b])});
    }
  }
  chart.text = {"Linear CKA of projected encoders", "", "",
                notes(report, "0: nothing in common, 1: the same up to rotation and scale; mean over trials")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure gate_and_scores(const ImportanceReport& report, double paper_mm) {
  Figure figure{"gate_and_scores",
                table_of({"encoder", report.by, "gate_weight", "loss_without", "loss_low", "loss_high", "loss_p",
                          "loss_protocol", "score_alone", "alone_low", "alone_high", "alone_protocol"}),
                ""};
  ScatterChart chart;
  bool held_out = true;
  for (const EncoderSummary& encoder : report.encoders) {
    std::vector<std::string> row = {encoder.encoder, encoder.group, full_text(encoder.weight.mean)};
    if (encoder.loss) {
      const PairedComparison& c = encoder.loss->difference;
      held_out = held_out && encoder.loss->held_out;
      row.insert(row.end(), {full_text(c.mean), full_text(c.interval.low), full_text(c.interval.high), full_text(c.p),
                             protocol_name(encoder.loss->held_out)});
      chart.items.push_back({encoder.encoder, encoder.weight.mean, {c.mean, c.interval}});
    } else {
      row.insert(row.end(), 5, "");
    }
    if (encoder.alone) {
      row.insert(row.end(),
                 {full_text(encoder.alone->value()), full_text(encoder.alone->interval.low),
                  full_text(encoder.alone->interval.high), protocol_name(encoder.alone->held_out.has_value())});
    } else {
      row.insert(row.end(), 4, "");
    }
    figure.data.rows.push_back(std::move(row));
  }
  if (chart.items.empty()) {  // Scores of single encoders then, which the caller made sure of
    for (const EncoderSummary& encoder : report.encoders) {
      if (!encoder.alone) continue;
      held_out = held_out && encoder.alone->held_out;
      chart.items.push_back({encoder.encoder, encoder.weight.mean, {encoder.alone->value(), encoder.alone->interval}});
    }
    chart.text.y_label = "Score of the encoder alone";
  } else {
    chart.text.y_label = "Score lost without the encoder";
  }
  const double correlation = std::isfinite(report.gate_and_loss) ? report.gate_and_loss : report.gate_and_alone;
  std::string what = held_out ? "held-out Scores" : "paper-style Scores (optimistic)";
  what += " with 95 % interval, " + uncertainty_text(held_out, report.actors, report.repeats);
  if (std::isfinite(correlation)) what += "; Spearman's correlation with the gate " + share_text(correlation);
  chart.text.title = "The gate's opinion and the Score";
  chart.text.x_label = "mean gate weight";
  chart.text.notes = notes(report, what);
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure leave_one_out(const ImportanceReport& report, double paper_mm) {
  Figure figure{"leave_one_out", table_of({"encoder", report.by, "loss", "low", "high", "p_unadjusted", "protocol"}),
                ""};
  std::vector<const EncoderSummary*> encoders;
  for (const EncoderSummary& encoder : report.encoders) {
    if (encoder.loss) encoders.push_back(&encoder);
  }
  std::stable_sort(encoders.begin(), encoders.end(), [](const EncoderSummary* a, const EncoderSummary* b) {
    return a->loss->difference.mean > b->loss->difference.mean;
  });
  ForestChart chart;
  chart.bars = true;
  bool held_out = true;
  for (const EncoderSummary* encoder : encoders) {
    const PairedComparison& c = encoder->loss->difference;
    held_out = held_out && encoder->loss->held_out;
    figure.data.rows.push_back({encoder->encoder, encoder->group, full_text(c.mean), full_text(c.interval.low),
                                full_text(c.interval.high), full_text(c.p), protocol_name(encoder->loss->held_out)});
    chart.rows.push_back({encoder->encoder, {c.mean, c.interval}});
  }
  chart.text = {
      "Loss without each encoder",
      std::string(held_out ? "held-out" : "paper-style") + " Score lost without the encoder", "",
      notes(report, "95 % interval, " + uncertainty_text(held_out, report.actors, report.repeats) + ", not adjusted")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure shapley(const ImportanceReport& report, double paper_mm) {
  Figure figure{"shapley", table_of({"encoder", report.by, "shapley", "low", "high", "probe"}), ""};
  CategoryChart chart;
  chart.categories = names_of(report);
  chart.groups.resize(1);
  for (std::size_t e = 0; e < report.encoders.size(); ++e) {
    const EncoderSummary& encoder = report.encoders[e];
    const ShapleyNumber& number = report.shapley->values[e];
    figure.data.rows.push_back({encoder.encoder, encoder.group, full_text(number.value), full_text(number.interval.low),
                                full_text(number.interval.high), full_text(number.probe.value_or(kNaN))});
    chart.groups[0].values.push_back({number.value, number.interval});
  }
  chart.text = {"Shapley value of each encoder", "encoder", "contribution to the Score",
                notes(report, shapley_text(*report.shapley) + ", with 95 % interval; nobody scores 0")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure interactions(const ImportanceReport& report, double paper_mm) {
  Figure figure{"shapley_interactions", interactions_csv(report), ""};
  CategoryChart chart;
  chart.groups.resize(1);
  for (const ShapleyInteraction* pair : largest_interactions(*report.shapley)) {
    chart.categories.push_back(report.encoders[pair->first].encoder + ", " + report.encoders[pair->second].encoder);
    chart.groups[0].values.push_back({pair->number.value, pair->number.interval});
  }
  chart.text = {"Interactions of two encoders", "encoders, the strongest interactions", "interaction of the Score",
                notes(report, shapley_text(*report.shapley) + ", with 95 % interval; below 0 they stand in for each "
                                                              "other")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

}  // namespace

Figures make_figures(const ImportanceReport& report, double paper_mm) {
  Figures made;
  std::size_t points = 0;
  for (const EffectSeries& series : report.effect_of_n) points += series.points.size();
  if (points > 1) {
    made.figures.push_back(effect_of_n(report, paper_mm));
  } else {
    made.missing.push_back("effect_of_n: one n only was trained with these settings; make `top_n` an axis");
  }
  if (report.groups.size() > 1) {
    made.figures.push_back(group_shares(report, paper_mm));
  } else {
    made.missing.push_back(report.by + "_shares: all encoders have one " + report.by + ", or dataset.yaml names none");
  }
  if (report.chance < 1) {
    made.figures.push_back(selection_frequency(report, paper_mm));
  } else {
    made.missing.push_back("selection_frequency: this config keeps every encoder of every clip");
  }
  made.figures.push_back(importance_by_fold(report, paper_mm));
  made.figures.push_back(weight_distribution(report, paper_mm));
  made.figures.push_back(ranks(report, paper_mm));
  if (report.cka.empty()) {
    made.missing.push_back("cka: the trials recorded none");
  } else {
    made.figures.push_back(cka(report, paper_mm));
  }
  const bool scores = std::any_of(report.encoders.begin(), report.encoders.end(),
                                  [](const EncoderSummary& e) { return e.loss || e.alone; });
  if (scores) {
    made.figures.push_back(gate_and_scores(report, paper_mm));
  } else {
    made.missing.push_back(
        "gate_and_scores: no Scores without, or of single, encoders; train `encoders: [all, "
        "leave-one-out, singles]` with these settings");
  }
  if (std::any_of(report.encoders.begin(), report.encoders.end(), [](const EncoderSummary& e) { return e.loss; })) {
    made.figures.push_back(leave_one_out(report, paper_mm));
  } else {
    made.missing.push_back("leave_one_out: no Scores without an encoder; train `encoders: [all, leave-one-out]`");
  }
  if (report.shapley) {
    made.figures.push_back(shapley(report, paper_mm));
    made.figures.push_back(interactions(report, paper_mm));
  } else {
    made.missing.push_back(
        "shapley: too few subsets of the encoders have a Score; train `encoders: {shapley: 64}` with these settings");
  }
  return made;
}

}  // namespace medley::sweep
