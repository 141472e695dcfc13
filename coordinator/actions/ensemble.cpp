#include "coordinator/actions/ensemble.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "coordinator/error.h"
#include "sweep/report/late_fusion.h"

namespace medley::coordinator {
namespace {

/// What the report knows of the candidates, and of nothing else.
sweep::ReportInput scores_of(storage::Reader& reader, const storage::SweepSummary& sweep,
                             const sweep::Partition& partition, const std::vector<Candidate>& candidates) {
  std::set<std::string> configs;
  std::set<std::string> trials;
  for (const Candidate& candidate : candidates) {
    configs.insert(candidate.config);
    trials.insert(candidate.trials.begin(), candidate.trials.end());
  }
  sweep::ReportInput scores = storage::read_report_input(reader, sweep);
  scores.partitions = {partition};
  const auto forget = [](auto& list, auto&& unwanted) {
    list.erase(std::remove_if(list.begin(), list.end(), unwanted), list.end());
  };
  forget(scores.configs, [&](const sweep::ReportConfig& config) { return configs.count(config.id) == 0; });
  forget(scores.trials, [&](const sweep::TrialScores& trial) { return trials.count(trial.trial_id) == 0; });
  return scores;
}

sweep::Shortlist best_of_subsets(const sweep::ReportInput& scores, const std::vector<Candidate>& candidates) {
  std::map<std::string, int> candidate_of;
  for (std::size_t m = 0; m < candidates.size(); ++m) candidate_of[candidates[m].config] = static_cast<int>(m);
  return [&scores, candidate_of](const std::vector<int>& folds) {
    std::vector<int> listed;
    for (const std::string& config : sweep::best_of_subsets(scores, folds)) listed.push_back(candidate_of.at(config));
    return listed;
  };
}

/// Candidates with weight in the ensemble or in one of its fits without a fold.
std::vector<bool> weighted(const sweep::Ensemble& ensemble) {
  std::vector<bool> any;
  for (const double weight : ensemble.fitted.weights) any.push_back(weight > 0);
  for (const auto& fold : ensemble.folds) {
    for (std::size_t m = 0; m < any.size(); ++m) any[m] = any[m] || fold.fitted.weights[m] > 0;
  }
  return any;
}

/// By the mean gate weight of the candidate's trials where they recorded one, else evenly; [encoder].
sweep::EncoderParts parts_of(storage::Reader& reader, const std::vector<std::string>& trials,
                             const std::vector<std::string>& own, const std::vector<sweep::EncoderOfEnsemble>& all) {
  std::map<std::string, double> part;
  for (const auto& [trial, importance] : reader.importance(trials)) {
    for (const sweep::EncoderImportance& encoder : importance.encoders) part[encoder.encoder] += encoder.mean;
  }
  if (part.empty()) {
    for (const std::string& encoder : own) part[encoder] = 1;
  }
  const double total =
      std::accumulate(part.begin(), part.end(), 0.0, [](double sum, const auto& p) { return sum + p.second; });
  sweep::EncoderParts parts;
  for (const auto& encoder : all) parts.push_back(part.count(encoder.name) ? part.at(encoder.name) / total : 0);
  return parts;
}

sweep::WeightShares shares_of(storage::Reader& reader, const storage::SweepSummary& sweep, const FittedEnsemble& fitted,
                              const std::map<std::string, const sweep::Config*>& configs) {
  std::set<std::string> present;
  for (const Candidate& candidate : fitted.predictions.candidates) {
    const auto& own = configs.at(candidate.config)->encoders;
    present.insert(own.begin(), own.end());
  }
  std::vector<sweep::EncoderOfEnsemble> encoders;
  for (const storage::EncoderRecord& encoder : dataset_of(reader, sweep.dataset).encoders) {
    if (present.count(encoder.name)) encoders.push_back({encoder.name, encoder.labels});
  }
  const auto counts = weighted(fitted.ensemble);
  std::vector<sweep::EncoderParts> parts;
  for (std::size_t m = 0; m < counts.size(); ++m) {
    const Candidate& candidate = fitted.predictions.candidates[m];
    // What the gate of a candidate without weight says does not matter, and is not read.
    parts.push_back(parts_of(reader, counts[m] ? candidate.trials : std::vector<std::string>(),
                             configs.at(candidate.config)->encoders, encoders));
  }
  return sweep::weight_shares(fitted.ensemble, parts, encoders);
}

std::vector<storage::CandidateWeight> weights_of(const std::vector<Candidate>& candidates,
                                                 const std::vector<double>& weights) {
  std::vector<storage::CandidateWeight> rows;
  for (std::size_t m = 0; m < weights.size(); ++m) {
    if (weights[m] != 0) rows.push_back({candidates[m].config, candidates[m].seeds, weights[m]});
  }
  return rows;
}

}  // namespace

FittedEnsemble fit_ensemble(storage::Reader& reader, const storage::SweepSummary& sweep,
                            const sweep::EnsembleRequest& request) {
  const storage::Reader::Snapshot snapshot(reader);
  FittedEnsemble fitted;
  fitted.partition = partition_at(sweep, request.repeat);
  fitted.predictions = pool_predictions(reader, sweep, fitted.partition, request.protocol);
  if (fitted.predictions.candidates.empty()) {
    throw storage::Error(fmt::format(
        "sweep {} has no config with {} predictions in every fold ({} partial){}", sweep.name,
        name_of(request.protocol), fitted.predictions.left_out,
        request.protocol == sweep::Protocol::kHeldOut ? "; --protocol paper takes the optimistic epoch" : ""));
  }
  sweep::ReportInput scores;
  sweep::Shortlist shortlist;
  if (request.per_subset) {
    fitted.predictions = average_seeds(fitted.predictions, request.options.mix);
    scores = scores_of(reader, sweep, fitted.partition, fitted.predictions.candidates);
    shortlist = best_of_subsets(scores, fitted.predictions.candidates);
  }
  fitted.ensemble = sweep::fit_ensemble(fitted.predictions.rows, request.options, shortlist);
  sweep::EnsembleOptions single = request.options;
  single.method = sweep::EnsembleMethod::kMean;
  single.k = 1;
  fitted.single = sweep::fit_ensemble(fitted.predictions.rows, single, shortlist);

  const auto rows = reader.sweep_configs(sweep.id);
  std::map<std::string, const sweep::Config*> configs;
  for (const storage::SweepConfigRow& row : rows) configs[row.id] = &row.config;
  fitted.shares = shares_of(reader, sweep, fitted, configs);
  const auto counts = weighted(fitted.ensemble);
  for (std::size_t m = 0; m < counts.size(); ++m) {
    const Candidate& candidate = fitted.predictions.candidates[m];
    fitted.transductive = fitted.transductive || (counts[m] && candidate.transductive);
    fitted.read_test_clips = fitted.read_test_clips || (fitted.ensemble.fitted.weights[m] > 0 &&
                                                        sweep::reads_test_clips(*configs.at(candidate.config)));
  }
  // `sweep` may be older than the snapshot.
  const auto now = reader.find_sweep(sweep.id);
  fitted.trials = now ? now->trials : sweep.trials;
  fitted.results = now ? now->finished : sweep.finished;
  return fitted;
}

storage::EnsembleRecord ensemble_record(const FittedEnsemble& fitted, const storage::SweepSummary& sweep,
                                        const sweep::EnsembleRequest& request, storage::TimeMs now) {
  const sweep::Ensemble& ensemble = fitted.ensemble;
  const SweepPredictions& pooled = fitted.predictions;
  storage::EnsembleRecord record;
  record.dataset = sweep.dataset;
  record.sweep = sweep.id;
  record.created = now;
  record.request = request;
  record.partition = fitted.partition;
  if (record.request.name.empty()) {
    record.request.name = sweep.name + "-" + name_of(request.options.method) +
                          (request.options.mix == sweep::Mix::kGeometric ? "-geometric" : "") +
                          (request.per_subset ? "-per-subset" : "");
  }
  if (record.request.name.find_first_not_of("0123456789") == std::string::npos) {
    throw UsageError("an ensemble cannot be called '" + record.request.name + "': a number is the id of one");
  }

  record.weights = weights_of(pooled.candidates, ensemble.fitted.weights);
  for (std::size_t m = 0; m < pooled.candidates.size(); ++m) {
    const double weight = ensemble.fitted.weights[m];
    if (weight == 0) continue;
    const auto& trials = pooled.candidates[m].trials;
    for (const std::string& trial : trials) {
      record.members.push_back({trial, weight / static_cast<double>(trials.size())});
    }
  }
  record.head_fusion = ensemble.fitted.head_fusion;
  record.thresholds = ensemble.fitted.thresholds;
  record.fold_thresholds = ensemble.fitted.fold_thresholds;
  record.shares = fitted.shares;

  record.optimistic = ensemble.optimistic;
  record.nested = ensemble.nested;
  record.best_single_nested = fitted.single.nested;
  record.nested_interval = ensemble.nested_interval;
  record.clusters = ensemble.clusters;
  for (const auto& fold : ensemble.folds) {
    record.folds.push_back({fold.fold, weights_of(pooled.candidates, fold.fitted.weights), fold.fitted.head_fusion,
                            fold.fitted.thresholds, fold.accuracy});
  }

  record.actors = pooled.rows.actor.empty() ? 0 : static_cast<int>(pooled.actors.size());
  record.candidates = static_cast<int>(pooled.candidates.size());
  record.left_out = pooled.left_out;
  record.transductive = fitted.transductive;
  record.read_test_clips = fitted.read_test_clips;
  record.sweep_trials = fitted.trials;
  record.sweep_results = fitted.results;
  record.synthetic = sweep.synthetic;
  return record;
}

}  // namespace medley::coordinator
