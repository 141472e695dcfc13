#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/records.h"
#include "sweep/score/ensemble_request.h"
#include "sweep/score/weight_share.h"

namespace medley::storage {

/// A trial of an ensemble: on a test clip a candidate is the even mix of its trials' models.
struct MemberRecord {
  std::string trial;
  double weight = 0;
};

/// A candidate with weight in a fit: a config with one seed, or the even mix of several.
struct CandidateWeight {
  std::string config;
  std::vector<std::uint64_t> seeds;
  double weight = 0;
};

/// The fit without one fold, measured on that fold.
struct EnsembleFoldRecord {
  int fold = 0;
  std::vector<CandidateWeight> weights;
  sweep::HeadFusion head_fusion = sweep::HeadFusion::kOwn;
  sweep::Thresholds thresholds;
  sweep::Accuracy accuracy;
};

/// A mix of trials' fused probabilities: how it was fitted, and the Score to expect of it.
struct EnsembleRecord {
  std::int64_t id = 0;  ///< given by the store
  std::string dataset;  ///< fingerprint
  std::string sweep;    ///< id of the sweep that it was fitted on
  TimeMs created = 0;
  sweep::EnsembleRequest request;  ///< with the name that it is stored by, never ""
  sweep::Partition partition;      ///< of all members

  // The fit on all folds.
  std::vector<CandidateWeight> weights;
  std::vector<MemberRecord> members;
  sweep::HeadFusion head_fusion = sweep::HeadFusion::kOwn;  ///< of all members
  sweep::Thresholds thresholds;
  std::vector<std::pair<int, sweep::Thresholds>> fold_thresholds;  ///< the folds of `folds`; empty if thresholds pooled
  sweep::WeightShares shares;

  // Its estimates. The best single candidate is chosen and measured in the nested way.
  sweep::Accuracy optimistic;
  sweep::Accuracy nested;
  sweep::Accuracy best_single_nested;
  sweep::AccuracyInterval nested_interval;              ///< at request.options.level
  sweep::Clusters clusters = sweep::Clusters::kActors;  ///< of the interval
  std::vector<EnsembleFoldRecord> folds;                ///< ascending

  int actors = 0;      ///< 0: unknown
  int candidates = 0;  ///< to choose from
  int left_out = 0;    ///< (config, seed) pairs without predictions in every fold
  bool transductive = false;
  bool read_test_clips = false;  ///< training of a member did: sweep::reads_test_clips()
  bool synthetic = false;
  int sweep_trials = 0;   ///< of the sweep
  int sweep_results = 0;  ///< of them that had a result when it was fitted
};

/// "by 47 actors", or "by 5 folds, as fewer than two actors are known": the clusters of the nested interval.
std::string clusters_text(const EnsembleRecord& ensemble);

/// "57 of 90 trials of the sweep had a result when it was fitted"; "" where all had.
std::string unfinished_text(const EnsembleRecord& ensemble);

/// The two JSON columns of an ensemble, which answers and manifests repeat: how it was fitted, and all that came of it.
nlohmann::json settings_json(const EnsembleRecord& ensemble);
nlohmann::json scores_json(const EnsembleRecord& ensemble);
nlohmann::json to_json(const CandidateWeight& candidate);

/// SHA-256 of the columns of an ensemble and its members, 64 hexadecimal digits.
std::string ensemble_digest(const std::string& name, const std::string& method, const std::string& settings,
                            const std::string& scores, const std::vector<MemberRecord>& members);

/// Reads what settings_json() and scores_json() write, and the name of the method, into `ensemble`, which has its id
/// and name. Throws Error naming the ensemble and the value that is missing or wrong.
void read_ensemble_json(const std::string& method, const std::string& settings, const std::string& scores,
                        EnsembleRecord& ensemble);

}  // namespace medley::storage
