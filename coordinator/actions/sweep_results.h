#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/report_input.h"
#include "storage/writer.h"
#include "sweep/report/importance_report.h"
#include "sweep/report/report.h"
#include "sweep/score/ensemble.h"

namespace medley::coordinator {

/// The sweep that the user means: by id, name or the unique start of either; the newest for "". Throws UsageError
/// naming those there are.
storage::SweepSummary choose_sweep(storage::Reader& reader, const std::string& id_or_name);

/// A config of a sweep.
struct ChosenConfig {
  storage::SweepSummary sweep;
  std::string id;
};
/// The config whose id begins so, of `sweep` (an id or name), or for "" of all sweeps, the newest first. Throws
/// UsageError.
ChosenConfig choose_config(storage::Reader& reader, const std::string& sweep, const std::string& config);

/// The trial that the user means: by id or its first digits, or as CONFIG/FOLD/SEED, which is of the first partition;
/// nullopt for anything else. Throws UsageError where such a config has no such trial.
std::optional<storage::TrialDetail> choose_trial(storage::Reader& reader, const std::string& id,
                                                 const std::string& sweep = "");

/// Ids of a sweep's configs.
std::set<std::string> config_ids(storage::Reader& reader, const storage::SweepSummary& sweep);

/// What tells two sweeps of one store apart: "epochs 5, not 3; seeds 1, 2, not 1". "" where no setting does.
std::string difference_text(storage::Reader& reader, const storage::SweepSummary& one,
                            const storage::SweepSummary& other);
/// For a sweep that could not have the name of its file: which one has it, and what the difference is. "" otherwise.
std::string renamed_text(storage::Reader& reader, const storage::Writer::Submitted& submitted);

/// The ensemble that the user means: by id, name (the newest of that name) or the unique start of a name; the newest
/// for
/// "". Throws UsageError.
storage::EnsembleRecord choose_ensemble(storage::Reader& reader, const std::string& id_or_name);

/// The dataset of a sweep or ensemble. Throws storage::Error when the store does not know it.
storage::DatasetRecord dataset_of(storage::Reader& reader, const std::string& fingerprint);

/// One (config, seed) of a sweep whose folds all have predictions, or the even mix of several seeds of a config.
struct Candidate {
  std::string config;
  std::vector<std::uint64_t> seeds;
  std::vector<std::string> trials;  ///< [seed][fold], in the order of the sweep's folds, ascending
  bool transductive = false;        ///< sweep::is_transductive() of the config
};

/// The repeat of a sweep's folds with this number. A model of one repeat has trained on clips that another repeat holds
/// out: what is pooled is of one. Throws storage::Error naming those there are.
sweep::Partition partition_at(const storage::SweepSummary& sweep, int repeat);

/// Out-of-fold predictions of a sweep in one partition: one candidate of `rows` each, over the labelled clips of its
/// folds in dataset order.
struct SweepPredictions {
  std::vector<Candidate> candidates;
  sweep::OutOfFold rows;
  std::vector<std::string> actors;  ///< names; rows.actor are indices
  int left_out = 0;  ///< other pairs of config and seed: without a result in every fold, or this protocol's snapshot
};
SweepPredictions pool_predictions(storage::Reader& reader, const storage::SweepSummary& sweep,
                                  const sweep::Partition& partition, sweep::Protocol protocol);

/// One candidate a config: the even mix of its seeds' probabilities. In the order of their first seeds.
SweepPredictions average_seeds(const SweepPredictions& pooled, sweep::Mix mix);

/// The report of everything finished of a sweep, with what its sweep file compares. Held-out numbers decode as the
/// summary's `decode` says.
sweep::Report read_report(storage::Reader& reader, const storage::SweepSummary& sweep);

/// The importance of encoders by the gate of a config. Beside it stand Scores of this sweep and of the store's other
/// sweeps on the same clips and folds. `report` is the sweep's. `config` is an id or its first digits; "" takes
/// sweep::config_for_importance(). `by` is the label by which encoders are grouped. Throws UsageError for a config that
/// is not one of the sweep or recorded no gate, and for a label that no encoder has. Shapley values take the probe of
/// find_probe(), and `probing` is called before that is made.
sweep::ImportanceReport importance_report(storage::Reader& reader, const storage::SweepSummary& sweep,
                                          const sweep::Report& report, const std::string& config, const std::string& by,
                                          const std::function<void(std::size_t subsets)>& probing);

}  // namespace medley::coordinator
