#include "sweep/report/report_json.h"

#include <cmath>

#include "sweep/protocol.h"

namespace medley::sweep {
namespace {

using nlohmann::json;

json score_json(const MeasuredScore& score) {
  json object = {{"config", score.config},
                 {"held_out", score.held_out ? json(*score.held_out) : json()},
                 {"paper", finite(score.paper)},
                 {"interval_of", protocol_name(score.held_out.has_value())}};
  add_interval(object, score.interval);
  return object;
}

}  // namespace

json finite(double value) { return std::isfinite(value) ? json(value) : json(); }

json accuracy_json(const Accuracy& accuracy) {
  return {{"acc_presence", finite(accuracy.presence)},
          {"acc_salience", finite(accuracy.salience)},
          {"score", finite(accuracy.score())}};
}

json spread_json(const ScoreSpread& spread) {
  const bool known = spread.count > 0;
  return {{"count", spread.count},
          {"mean", known ? finite(spread.mean) : json()},
          {"sd", known ? finite(spread.sd) : json()}};
}

void add_interval(json& object, const Interval& interval) {
  object["low"] = finite(interval.low);
  object["high"] = finite(interval.high);
}

json comparison_json(const PairedComparison& comparison) {
  json object = {{"pairs", comparison.pairs},
                 {"mean", finite(comparison.mean)},
                 {"standard_error", finite(comparison.standard_error)},
                 {"t", finite(comparison.t)},
                 {"p_unadjusted", finite(comparison.p)}};
  add_interval(object, comparison.interval);
  return object;
}

json comparison_json(const Comparison& comparison, const PairedComparison& nadeau_bengio) {
  json object = comparison_json(comparison.result());
  object["degrees_of_freedom"] = finite(comparison.degrees_of_freedom());
  const ActorComparison* actors = comparison.by_actors();
  const BlockedComparison* folds = comparison.by_folds();
  object["by"] = actors ? "actors" : "folds";
  object["actors"] = actors ? json(actors->actors()) : json();
  object["variance_of_actors"] = actors ? finite(actors->of_actors()) : json();
  object["variance_of_training"] = actors ? finite(actors->of_training()) : json();
  object["between_folds"] = folds ? finite(folds->between()) : json();
  object["within_folds"] = folds ? finite(folds->within()) : json();
  object["nadeau_bengio"] = comparison_json(nadeau_bengio);
  return object;
}

json decision_json(const Decision& decision, const std::string& config, const std::string& against) {
  return {{"config", config},
          {"kind", name_of(decision.kind)},
          {"runs", decision.runs},
          {"against", against.empty() ? json() : json(against)},
          {"difference", finite(decision.difference)},
          {"low", finite(decision.interval.low)},
          {"high", finite(decision.interval.high)}};
}

json family_json(const FamilyReport& family) {
  json rows = json::array();
  for (const PlannedComparison& row : family.rows) {
    json object = {{"value", row.value},
                   {"held", row.held},
                   {"config", row.config},
                   {"baseline_config", row.baseline_config},
                   {"transductive", row.transductive},
                   {"runs", row.runs},
                   {"pairs", row.pairs},
                   {"seeds", row.seeds},
                   {"diverged", row.diverged},
                   {"held_out", nullptr},
                   {"paper", nullptr},
                   {"holm_p", row.verdict == Verdict::kNotJudged ? json() : json(row.adjusted_p)},
                   {"verdict", name_of(row.verdict)},
                   {"more_seeds", row.more_seeds ? json(*row.more_seeds) : json()}};
    const auto put = [&](const char* protocol, const std::optional<Comparison>& comparison,
                         const std::optional<PairedComparison>& plain) {
      if (!comparison) return;
      object[protocol] = comparison_json(*comparison, *plain);
    };
    put("held_out", row.held_out, row.plain_held_out);
    put("paper", row.paper, row.plain_paper);
    rows.push_back(std::move(object));
  }
  const bool known = family.family.results_before >= 0;
  const auto said = [known](json value) { return known ? value : json(); };
  return {{"axis", family.family.axis},
          {"baseline", family.family.baseline},
          {"margin", family.family.margin},
          {"declared", said(declaration_text(family.family))},
          {"results_before", said(family.family.results_before)},
          {"declared_ms", said(family.family.declared_ms)},
          {"digest", said(declaration_digest(family.family))},
          {"judged_by", protocol_name(family.judged_held_out)},
          {"comparisons", std::move(rows)}};
}

namespace {

json shapley_json(const ShapleyNumber& number) {
  json object = {{"value", finite(number.value)}, {"probe", number.probe ? finite(*number.probe) : json()}};
  add_interval(object, number.interval);
  return object;
}

json shapley_json(const ImportanceReport& report) {
  if (!report.shapley) return {};
  const ShapleyReport& shapley = *report.shapley;
  json interactions = json::array();
  for (const ShapleyInteraction& pair : shapley.interactions) {
    json object = shapley_json(pair.number);
    object["encoder"] = report.encoders[pair.first].encoder;
    object["with"] = report.encoders[pair.second].encoder;
    interactions.push_back(std::move(object));
  }
  json probe;
  if (shapley.probe) {
    probe = {{"slope", finite(shapley.probe->slope)},
             {"correlation", finite(shapley.probe->correlation)},
             {"residual_sd", finite(shapley.probe->residual_sd)}};
  }
  return {{"exact", shapley.exact},
          {"trained", shapley.trained},
          {"subsets", shapley.subsets},
          {"trainings", shapley.trainings},
          {"text", shapley_text(shapley)},
          {"protocol", protocol_name(shapley.held_out)},
          {"probe", std::move(probe)},
          {"probe_text", probe_text(shapley)},
          {"near_copies", shared_values_text(report)},
          {"interactions", std::move(interactions)}};
}

}  // namespace

json importance_json(const ImportanceReport& report) {
  json encoders = json::array();
  for (const EncoderSummary& encoder : report.encoders) {
    json by_fold = json::array();
    for (std::size_t fold = 0; fold < report.folds.size(); ++fold) {
      by_fold.push_back(spread_json(encoder.by_fold[fold]));
      by_fold.back()["fold"] = report.folds[fold];
    }
    json object = {{"encoder", encoder.encoder},
                   {"group", encoder.group},
                   {"weight", spread_json(encoder.weight)},
                   {"selected", spread_json(encoder.selected)},
                   {"ranks", encoder.ranks},
                   {"mean_rank", encoder.mean_rank},
                   {"quantiles", encoder.quantiles},
                   {"histogram", encoder.histogram},
                   {"by_fold", std::move(by_fold)},
                   {"loss_without", nullptr},
                   {"alone", encoder.alone ? score_json(*encoder.alone) : json()},
                   {"shapley", nullptr}};
    if (report.shapley) object["shapley"] = shapley_json(report.shapley->values[encoders.size()]);
    if (encoder.loss) {
      object["loss_without"] = comparison_json(encoder.loss->difference);
      object["loss_without"]["config"] = encoder.loss->config;
      object["loss_without"]["protocol"] = protocol_name(encoder.loss->held_out);
    }
    encoders.push_back(std::move(object));
  }
  json groups = json::array();
  for (const GroupSummary& group : report.groups) {
    groups.push_back({{"group", group.group},
                      {"encoders", group.encoders},
                      {"share", spread_json(group.share)},
                      {"quantiles", group.quantiles}});
  }
  json copies = json::array();
  for (const NearCopies& pair : report.near_copies) {
    copies.push_back({{"heavier", pair.heavier},
                      {"lighter", pair.lighter},
                      {"cka", pair.cka},
                      {"heavier_weight", pair.heavier_weight},
                      {"lighter_weight", pair.lighter_weight}});
  }
  json kept = json::array();
  for (const KeptBySeeds& one : report.seeds_disagree) {
    kept.push_back({{"encoder", one.encoder}, {"seeds", one.seeds}, {"of", one.of}});
  }
  json effect = json::array();
  for (const EffectSeries& series : report.effect_of_n) {
    json points = json::array();
    for (const EffectPoint& point : series.points) {
      points.push_back(score_json(point.score));
      points.back()["n"] = point.n;
    }
    effect.push_back({{"selection", series.selection}, {"constant", series.constant}, {"points", std::move(points)}});
  }
  return {{"sweep_name", report.sweep},
          {"dataset", report.dataset},
          {"synthetic", report.synthetic},
          {"config", report.config},
          {"settings", report.settings},
          {"transductive", report.transductive},
          {"trials", report.trials},
          {"expected", report.expected},
          {"folds", report.folds},
          {"chance", finite(report.chance)},
          {"kendall_w",
           {{"runs", finite(report.agreement.runs)},
            {"folds", finite(report.agreement.folds)},
            {"seeds", finite(report.agreement.seeds)}}},
          {"near_copies", std::move(copies)},
          {"kept_by_seeds", std::move(kept)},
          {"spearman_gate_and_loss", finite(report.gate_and_loss)},
          {"spearman_gate_and_alone", finite(report.gate_and_alone)},
          {"shapley", shapley_json(report)},
          {"encoders", std::move(encoders)},
          {"by", report.by},
          {"labels", report.labels},
          {"groups", std::move(groups)},
          {"cka", report.cka},
          {"effect_of_n", std::move(effect)}};
}

const char* protocol_name(bool held_out) { return name_of(held_out ? Protocol::kHeldOut : Protocol::kPaper); }

}  // namespace medley::sweep
