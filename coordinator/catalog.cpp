#include "coordinator/catalog.h"

#include <algorithm>

#include "coordinator/error.h"
#include "sweep/search/search.h"

namespace medley::coordinator {

namespace {

SweepStatus status_of(const storage::SweepSummary& summary) {
  return {summary.id,
          summary.name,
          summary.state,
          summary.trials,
          summary.finished,
          summary.diverged,
          summary.failed,
          0,
          summary.best_paper_score,
          summary.rounds,
          summary.searching ? storage::most_trials(summary) : 0,
          summary.searching && summary.search.at("kind") == name_of(sweep::StrategyKind::kExternal)};
}

}  // namespace

SweepSubmitted Catalog::add(storage::Reader& reader, const storage::SweepSummary& summary) {
  sweep_index_[summary.id] = sweeps_.size();
  sweeps_.push_back(status_of(summary));
  return {summary.id, summary.priority, summary.state, read_trials(reader, summary, storage::Reader::Trials::kAsked),
          summary.searching};
}

TrialsAdded Catalog::grow(storage::Reader& reader, const storage::SweepSummary& summary) {
  sweeps_[sweep_index_.at(summary.id)] = status_of(summary);
  return {summary.id, read_trials(reader, summary, storage::Reader::Trials::kAsked),
          read_trials(reader, summary, storage::Reader::Trials::kLikely)};
}

std::vector<SubmittedTrial> Catalog::read_trials(storage::Reader& reader, const storage::SweepSummary& summary,
                                                 storage::Reader::Trials which) {
  const std::size_t index = sweep_index_.at(summary.id);
  const Dataset& dataset = read_dataset(reader, summary.dataset, summary.partitions);
  const auto specs = reader.sweep_trials(summary.id, which);
  const auto histories = reader.trial_histories(summary.id, which);
  if (specs.size() != histories.size()) throw Error("the store is damaged: sweep " + summary.id);
  std::vector<SubmittedTrial> trials;
  trials.reserve(specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto& spec = specs[i];
    const auto& history = histories[i];
    const auto [it, inserted] = trials_.try_emplace(spec.id);
    Trial& trial = it->second;
    if (inserted) {
      trial = {shared(history.config, spec.config),
               spec.fold,
               spec.seed,
               spec.partition,
               &dataset,
               history.test_fingerprint,
               {}};
    }
    const bool counts = which == storage::Reader::Trials::kAsked;
    if (counts && std::find(trial.sweeps.begin(), trial.sweeps.end(), index) == trial.sweeps.end()) {
      trial.sweeps.push_back(index);
    }
    const std::string data = dataset.fingerprint + "\n" + history.test_fingerprint + "\n";
    trials.push_back({spec.id, data + keys_.at(history.config), history.state, history.attempts, history.failures,
                      history.running_worker, history.running_pack, dataset.fingerprint});
  }
  return trials;
}

const Catalog::Dataset& Catalog::read_dataset(storage::Reader& reader, const std::string& fingerprint,
                                              const std::vector<sweep::Partition>& also) {
  const auto found = reader.find_dataset(fingerprint);
  if (!found) throw Error("the store is damaged: no dataset " + fingerprint);
  Dataset& dataset = datasets_[fingerprint];
  dataset.fingerprint = fingerprint;
  dataset.folder = found->folder;
  for (const sweep::Partition& partition : also) dataset.promises[partition];
  for (auto& [partition, promise] : dataset.promises) {
    promise = storage::promise_of(sweep::partitioned(*found, partition));
  }
  return dataset;
}

SweepStatus* Catalog::find_sweep(const std::string& id) {
  const auto it = sweep_index_.find(id);
  return it == sweep_index_.end() ? nullptr : &sweeps_[it->second];
}

const Catalog::Trial* Catalog::find_trial(const std::string& id) const {
  const auto it = trials_.find(id);
  return it == trials_.end() ? nullptr : &it->second;
}

sweep::TrialSpec Catalog::spec_of(const std::string& id, const Trial& trial) {
  return {id, *trial.config, trial.fold, trial.seed, trial.partition};
}

std::vector<SweepStatus*> Catalog::sweeps_of(const std::string& trial) {
  std::vector<SweepStatus*> all;
  for (const std::size_t index : trials_.at(trial).sweeps) all.push_back(&sweeps_[index]);
  return all;
}

std::shared_ptr<const sweep::Config> Catalog::shared(const std::string& id, const sweep::Config& config) {
  auto& shared = configs_[id];
  if (!shared) {
    shared = std::make_shared<sweep::Config>(config);
    keys_[id] = sweep::fusibility_key(config);
  }
  return shared;
}

}  // namespace medley::coordinator
