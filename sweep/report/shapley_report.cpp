#include "sweep/report/shapley_report.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "sweep/report/report_text.h"

namespace medley::sweep {
namespace {

using Run = std::tuple<int, int, std::uint64_t>;  ///< repeat, fold, seed

/// The runs that all configs have, and in each the Scores and the hits of actors, by config.
class CommonRuns {
 public:
  CommonRuns(const std::vector<const ConfigReport*>& configs, bool held_out) {
    std::map<Run, std::vector<const RunScore*>> all;
    for (const ConfigReport* config : configs) {
      for (const RunScore& run : config->runs) {
        if (held_out && std::isnan(run.held_out)) continue;
        all[{run.repeat, run.fold, run.seed}].push_back(&run);
      }
    }
    for (const auto& [key, of_configs] : all) {
      if (of_configs.size() != configs.size()) continue;
      One& one = runs_.emplace_back();
      std::tie(one.frame.repeat, one.frame.fold, one.frame.seed) = key;
      std::map<int, std::size_t> places;
      bool actors = held_out;
      for (const RunScore* run : of_configs) actors = actors && !run->actors.empty();
      if (actors) {
        for (const ActorHits& hits : of_configs.front()->actors) {
          places[hits.actor] = one.frame.actors.size();
          one.frame.actors.push_back({hits.actor, 0, 0, hits.clips, hits.blends});
        }
      }
      one.presence.resize(places.size() * configs.size());
      one.salience.resize(places.size() * configs.size());
      for (std::size_t c = 0; c < configs.size(); ++c) {
        one.scores.push_back(held_out ? of_configs[c]->held_out : of_configs[c]->paper);
        if (!actors) continue;
        for (const ActorHits& hits : of_configs[c]->actors) {
          const auto place = places.find(hits.actor);
          if (place == places.end()) continue;
          one.presence[place->second * configs.size() + c] = hits.presence;
          one.salience[place->second * configs.size() + c] = hits.salience;
        }
      }
    }
  }

  bool empty() const { return runs_.empty(); }

  /// Of the sum of Scores with these weights, [config], as if it were a difference of configs.
  Comparison comparison(const double* weights, int folds) const {
    std::vector<RunDifference> sums;
    for (const One& one : runs_) {
      RunDifference sum = one.frame;
      const std::size_t configs = one.scores.size();
      for (std::size_t c = 0; c < configs; ++c) sum.value += weights[c] * one.scores[c];
      for (std::size_t a = 0; a < sum.actors.size(); ++a) {
        for (std::size_t c = 0; c < configs; ++c) {
          sum.actors[a].presence += weights[c] * one.presence[a * configs + c];
          sum.actors[a].salience += weights[c] * one.salience[a * configs + c];
        }
      }
      sums.push_back(std::move(sum));
    }
    return {sums, folds};
  }

 private:
  struct One {
    RunDifference frame;                     ///< without hits
    std::vector<double> scores;              ///< [config]
    std::vector<double> presence, salience;  ///< [actor, config]
  };
  std::vector<One> runs_;
};

Interval around(double value, double half_width) { return {value - half_width, value + half_width}; }

/// Weights of every set's worth in each value and each interaction, [value or pair, set but nobody].
std::vector<double> exact_weights(int encoders) {
  const std::size_t sets = std::size_t{1} << encoders;
  const auto n = static_cast<std::size_t>(encoders);
  const std::size_t rows = n * (n + 1) / 2;
  std::vector<double> weights(rows * (sets - 1));
  std::vector<double> one(sets);
  for (std::size_t set = 1; set < sets; ++set) {
    one[set] = 1;
    std::size_t row = 0;
    const auto keep = [&](double weight) { weights[row++ * (sets - 1) + set - 1] = weight; };
    for (const double value : shapley_values(encoders, one)) keep(value);
    const std::vector<double> pairs = n > 1 ? shapley_interactions(encoders, one) : std::vector<double>{0};
    for (std::size_t a = 0; a < n; ++a) {
      for (std::size_t b = a + 1; b < n; ++b) keep(pairs[a * n + b]);
    }
    one[set] = 0;
  }
  return weights;
}

}  // namespace

std::optional<ShapleyReport> make_shapley_report(int encoders, const std::vector<const ConfigReport*>& by_set,
                                                 const std::vector<double>& probe, int folds) {
  ShapleyReport made;
  const auto n = static_cast<std::size_t>(encoders);
  std::vector<const ConfigReport*> configs;
  std::vector<TrainedSet> trained;
  for (std::size_t set = 1; set < by_set.size(); ++set) {
    const ConfigReport* config = by_set[set];
    if (!config) continue;
    configs.push_back(config);
    trained.push_back({static_cast<std::uint32_t>(set), 0});
    made.held_out = made.held_out && config->held_out_seeds > 0;
    made.trainings += config->done;
  }
  for (std::size_t i = 0; i < configs.size(); ++i) {
    trained[i].worth = made.held_out ? configs[i]->held_out.score() : configs[i]->paper_score.mean;
  }
  made.trained = static_cast<int>(trained.size());
  made.subsets = static_cast<int>(by_set.size()) - 1;
  made.exact = made.trained == made.subsets;
  std::optional<ShapleyEstimate> estimate;
  std::vector<double> values, pairs, weights;
  if (made.exact) {
    std::vector<double> worth = {0};
    for (const TrainedSet& one : trained) worth.push_back(one.worth);
    values = shapley_values(encoders, worth);
    pairs = shapley_interactions(encoders, worth);
    if (trained.size() <= kMaxTrainedSets) weights = exact_weights(encoders);
  } else {
    if (trained.size() > kMaxTrainedSets) return std::nullopt;
    estimate = estimate_shapley(encoders, trained, probe);
    if (!estimate) return std::nullopt;
    values = estimate->values;
    pairs = estimate->interactions;
    weights = estimate->weights;
  }

  const CommonRuns runs(configs, made.held_out);
  const auto interval_of = [&](double value, double error, std::size_t row) -> Interval {
    if (weights.empty() || runs.empty()) return {kNaN, kNaN};
    const Comparison comparison = runs.comparison(weights.data() + row * trained.size(), folds);
    const PairedComparison& result = comparison.result();
    if (!estimate) return around(value, (result.interval.high - result.interval.low) / 2);
    if (std::isnan(result.interval.low)) return {kNaN, kNaN};
    // The estimate has the noise of training already.
    double variance = result.standard_error * result.standard_error, freedom = comparison.degrees_of_freedom();
    if (const ActorComparison* actors = comparison.by_actors()) {
      variance = actors->of_actors() * ActorComparison::factor(folds);
      freedom = actors->actor_freedom();
    }
    const double t = student_t_quantile(.975, satterthwaite(error * error, estimate->freedom, variance, freedom));
    return around(value, t * std::sqrt(error * error + variance));
  };
  std::vector<double> probe_values, probe_pairs;
  if (!probe.empty()) {
    made.probe = fit_probe(trained, probe);
    probe_values = shapley_values(encoders, probe);
    probe_pairs = shapley_interactions(encoders, probe);
  }
  std::size_t row = 0;
  for (std::size_t e = 0; e < n; ++e, ++row) {
    ShapleyNumber& number = made.values.emplace_back();
    number.value = values[e];
    number.interval = interval_of(values[e], estimate ? estimate->standard_errors[e] : 0, row);
    if (!probe.empty()) number.probe = probe_values[e];
  }
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = a + 1; b < n; ++b, ++row) {
      const std::size_t at = a * n + b;
      ShapleyInteraction& pair = made.interactions.emplace_back();
      pair.first = a;
      pair.second = b;
      pair.number.value = pairs[at];
      pair.number.interval = interval_of(pairs[at], estimate ? estimate->interaction_errors[at] : 0, row);
      if (!probe.empty()) pair.number.probe = probe_pairs[at];
    }
  }
  return made;
}

std::string shapley_text(const ShapleyReport& report) {
  return report.exact ? "exact, over the Scores of all " + std::to_string(report.subsets) + " subsets"
                      : "estimated from the Scores of " + std::to_string(report.trained) + " of " +
                            std::to_string(report.subsets) + " subsets";
}

std::string probe_text(const ShapleyReport& report) {
  if (!report.probe) return "without a probe" + (report.no_probe.empty() ? "" : ": " + report.no_probe);
  std::string text = "a ridge probe of all subsets";
  if (std::isfinite(report.probe->correlation)) {
    text += " correlates " + share_text(report.probe->correlation) + " with the trained Scores";
  }
  if (std::isfinite(report.probe->residual_sd)) {
    text += ", the SD of what it leaves is " + share_text(report.probe->residual_sd);
  }
  return text;
}

}  // namespace medley::sweep
