#include "sweep/report/report_figures.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "sweep/config.h"
#include "sweep/report/ablation.h"
#include "sweep/report/chart.h"
#include "sweep/report/config_names.h"
#include "sweep/report/report_json.h"
#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

constexpr const char* kWeightAxis = "adaptation_weight";
constexpr const char* kAdaptationAxis = "adaptation";

Table data_of(const std::vector<std::string>& heads) {
  Table table;
  for (const std::string& head : heads) table.columns.push_back({head, Table::Align::kLeft});
  return table;
}

std::string score_label(const Report& report) {
  return report.ranks_held_out() ? "held-out Score" : "paper-style Score";
}

std::vector<std::string> notes(const Report& report, const std::string& what) {
  std::vector<std::string> lines = {what, source_text(report) + ", " + runs_text(report)};
  const bool transductive =
      std::any_of(report.configs.begin(), report.configs.end(), [](const ConfigReport& c) { return c.transductive; });
  if (transductive) lines.push_back(std::string("some configs are ") + kTransductiveNote);
  return lines;
}

std::string interval_note(const Report& report) {
  return "95 % interval " + uncertainty_text(report.ranks_held_out(), report.actors, report.partitions.size());
}

/// Planned comparisons by their families, else every config against the reference.
Figure forest(const Report& report, double paper_mm) {
  Figure figure{
      "forest",
      data_of({"config", "baseline_config", "difference", "low", "high", "p_unadjusted", "p_holm", "verdict"}), ""};
  const ConfigNames names(report);
  ForestChart chart;
  const auto add = [&](const std::string& config, const std::string& baseline, const PairedComparison& c,
                       const std::string& holm, const std::string& verdict) {
    figure.data.rows.push_back({config, baseline, full_text(c.mean), full_text(c.interval.low),
                                full_text(c.interval.high), full_text(c.p), holm, verdict});
    chart.rows.push_back({names(config), {c.mean, c.interval}});
  };
  std::string against;
  for (const FamilyReport& family : report.families) {
    for (const PlannedComparison& row : family.rows) {
      const auto& judged = family.judged(row);
      if (!judged) continue;
      const bool known = row.verdict != Verdict::kNotJudged;
      add(row.config, row.baseline_config, judged->result(), known ? full_text(row.adjusted_p) : "",
          name_of(row.verdict));
    }
    chart.margin = std::max(chart.margin, family.family.margin);
    against = AxisText(report)(family.family.axis, family.family.baseline);
  }
  if (report.families.empty()) {
    against = names(report.reference()->id);
    for (const ConfigReport& config : report.configs) {
      if (config.against_reference) add(config.id, report.reference()->id, *config.against_reference, "", "");
    }
  }
  if (report.families.size() > 1) against = "the baseline";
  chart.text = {report.families.empty() ? "Differences to the reference" : "Planned comparisons",
                "difference of " + score_label(report) + " to " + against, "",
                notes(report, interval_note(report) + ", not adjusted" +
                                  (chart.margin > 0 ? "; grey: ±" + share_text(chart.margin) : ""))};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

double as_number(const json& value) { return value.is_number() ? value.get<double>() : kNaN; }

/// One config each; of several with the same weight the first of the ranking.
std::map<std::string, std::map<double, const ConfigReport*>> by_weight(const Report& report) {
  std::map<std::string, std::map<double, const ConfigReport*>> series;
  for (const ConfigReport& config : report.configs) {
    if (!ranked_score(report, config)) continue;
    const double weight = as_number(config.axis_values.value(kWeightAxis, json()));
    const json adaptation = config.axis_values.value(kAdaptationAxis, json());
    if (!(weight > 0)) continue;
    const std::string name = adaptation.is_null() ? kAdaptationAxis : AxisText(report)(kAdaptationAxis, adaptation);
    series[name].try_emplace(weight, &config);
  }
  return series;
}

Figure adaptation_curve(const Report& report, double paper_mm) {
  Figure figure{"adaptation_curve", data_of({"adaptation", "weight", "score", "low", "high", "config"}), ""};
  LineChart chart;
  chart.log_x = true;
  const auto add = [&](LineChart::Series& line, double weight, const ConfigReport& config) {
    const double score = *ranked_score(report, config);
    const Interval interval = ranked_interval(report, config);
    figure.data.rows.push_back(
        {line.name, full_text(weight), full_text(score), full_text(interval.low), full_text(interval.high), config.id});
    line.x.push_back(weight);
    line.y.push_back({score, interval});
  };
  for (const auto& [name, weights] : by_weight(report)) {
    chart.series.push_back({name, {}, {}, false});
    for (const auto& [weight, config] : weights) add(chart.series.back(), weight, *config);
  }
  for (const ConfigReport& config : report.configs) {  // without adaptation: the same at each weight
    if (config.axis_values.value(kAdaptationAxis, json()) != "none" || !ranked_score(report, config)) continue;
    const AxisText text(report);
    chart.series.push_back(
        {text.labelled(kAdaptationAxis, "none") ? text(kAdaptationAxis, "none") : "no adaptation", {}, {}, true});
    add(chart.series.back(), kNaN, config);
    break;
  }
  chart.text = {"Adaptation", AxisText(report).axis(kWeightAxis), score_label(report),
                notes(report, interval_note(report))};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure learning_curves(const Report& report, const std::vector<TrialCurve>& curves, double paper_mm) {
  Figure figure{"learning_curves",
                data_of({"config", "epoch", "trials", "score", "score_sd", "loss", "validation_loss"}), ""};
  const ConfigNames names(report);
  LineChart chart;
  chart.smooth = true;
  for (const std::string& config : configs_with_curves(report)) {
    struct Sums {
      std::vector<double> score, loss, validation_loss;
    };
    std::map<int, Sums> epochs;
    for (const TrialCurve& curve : curves) {
      if (curve.config != config) continue;
      for (const EpochMetrics& epoch : curve.epochs) {
        Sums& sums = epochs[epoch.epoch];
        sums.score.push_back(epoch.validation.score());
        sums.loss.push_back(epoch.loss);
        sums.validation_loss.push_back(epoch.validation_loss);
      }
    }
    if (epochs.empty()) continue;
    chart.series.push_back({names(config), {}, {}, false});
    for (const auto& [epoch, sums] : epochs) {
      figure.data.rows.push_back({config, std::to_string(epoch), std::to_string(sums.score.size()),
                                  full_text(mean(sums.score)), full_text(sample_sd(sums.score)),
                                  full_text(mean(sums.loss)), full_text(mean(sums.validation_loss))});
      chart.series.back().x.push_back(epoch);
      chart.series.back().y.push_back({mean(sums.score), {kNaN, kNaN}});
    }
  }
  chart.text = {"Learning curves", "epoch", "paper-style Score",
                notes(report, "mean over folds and seeds; thresholds tuned on the reported fold (optimistic)")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

Figure draws(const Report& report, const AxisReport& axis, double paper_mm) {
  // Ranges over more than two powers of ten were drawn by their logarithm.
  constexpr double kWide = 100;
  Figure figure{"draws_" + axis.axis, data_of({axis.axis, "score", "low", "high", "config"}), ""};
  ScatterChart chart;
  double low = kNaN;
  double high = kNaN;
  for (const ConfigReport& config : report.configs) {
    const double value = as_number(config.axis_values.value(axis.axis, json()));
    const auto score = ranked_score(report, config);
    if (!score || std::isnan(value)) continue;
    const Interval interval = ranked_interval(report, config);
    figure.data.rows.push_back(
        {full_text(value), full_text(*score), full_text(interval.low), full_text(interval.high), config.id});
    chart.items.push_back({"", value, {*score, {kNaN, kNaN}}});
    low = std::fmin(low, value);
    high = std::fmax(high, value);
  }
  chart.log_x = low > 0 && high / low > kWide;
  chart.text = {"Draws of the search", AxisText(report).axis(axis.axis), score_label(report),
                notes(report, "one point a config, " + std::to_string(chart.items.size()) + " of them")};
  chart.text.paper_mm = paper_mm;
  figure.svg = draw(chart);
  return figure;
}

}  // namespace

std::vector<std::string> configs_with_curves(const Report& report) {
  std::vector<std::string> ids;
  if (report.configs.empty() || report.configs.front().runs.empty()) return ids;
  ids.push_back(report.configs.front().id);
  if (!report.reference()->runs.empty() && report.reference()->id != ids.front()) ids.push_back(report.reference()->id);
  return ids;
}

Figures make_figures(const Report& report, const std::vector<TrialCurve>& curves, double paper_mm) {
  constexpr std::size_t kMostAxes = 3;
  Figures made;
  const bool planned = std::any_of(report.families.begin(), report.families.end(), [](const FamilyReport& family) {
    return std::any_of(family.rows.begin(), family.rows.end(), [&](const auto& row) { return family.judged(row); });
  });
  const bool declared = report.families.empty() && !report.declared_reference.empty() &&
                        std::any_of(report.configs.begin(), report.configs.end(),
                                    [](const ConfigReport& config) { return config.against_reference; });
  if (planned || declared) {
    made.figures.push_back(forest(report, paper_mm));
  } else {
    made.missing.push_back("forest: no comparison with three runs or more; give `compare` or `reference`");
  }
  const auto series = by_weight(report);
  if (std::any_of(series.begin(), series.end(), [](const auto& line) { return line.second.size() > 1; })) {
    made.figures.push_back(adaptation_curve(report, paper_mm));
  } else {
    made.missing.push_back("adaptation_curve: one weight only was trained; make `adaptation_weight` an axis");
  }
  const bool curved =
      std::any_of(curves.begin(), curves.end(), [](const TrialCurve& c) { return c.epochs.size() > 1; });
  if (curved) {
    made.figures.push_back(learning_curves(report, curves, paper_mm));
  } else {
    made.missing.push_back("learning_curves: no trial of more than one epoch");
  }
  std::size_t drawn = 0;
  for (const AxisImportance& one : axis_importance(report)) {
    for (const AxisReport& axis : report.axes) {
      if (axis.axis != one.axis || !is_drawn(axis) || !is_drawn(report) || drawn >= kMostAxes) continue;
      made.figures.push_back(draws(report, axis, paper_mm));
      ++drawn;
    }
  }
  if (drawn == 0) made.missing.push_back("draws: not a random search");
  return made;
}

}  // namespace medley::sweep
