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

StoredTrials read_trials(storage::Reader& reader, const std::string& sweep, storage::Reader::Trials which) {
  const storage::Reader::Snapshot snapshot(reader);
  StoredTrials stored;
  stored.sweep = reader.stored_sweep(sweep);
  stored.dataset = reader.stored_dataset(stored.sweep.dataset);
  stored.which = which;
  stored.specs = reader.sweep_trials(sweep, which);
  stored.histories = reader.trial_histories(sweep, which);
  if (stored.specs.size() != stored.histories.size()) throw Error("the store is damaged: sweep " + sweep);
  return stored;
}

void Catalog::note(const storage::SweepSummary& summary) {
  const auto [it, inserted] = sweep_index_.emplace(summary.id, sweeps_.size());
  if (inserted) sweeps_.emplace_back();
  sweeps_[it->second] = status_of(summary);
}

std::vector<SubmittedTrial> Catalog::take(const StoredTrials& stored, storage::Slice slice) {
  const std::size_t index = sweep_index_.at(stored.sweep.id);
  const Dataset& dataset = datasets_.at(stored.sweep.dataset);
  std::vector<SubmittedTrial> trials;
  trials.reserve(slice.last - slice.first);
  for (std::size_t i = slice.first; i < slice.last; ++i) {
    const auto& spec = stored.specs[i];
    const auto& history = stored.histories[i];
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
    const bool counts = stored.which == storage::Reader::Trials::kAsked;
    if (counts && std::find(trial.sweeps.begin(), trial.sweeps.end(), index) == trial.sweeps.end()) {
      trial.sweeps.push_back(index);
    }
    const std::string data = dataset.fingerprint + "\n" + history.test_fingerprint + "\n";
    trials.push_back({spec.id, data + keys_.at(history.config), history.state, history.attempts, history.failures,
                      history.running_worker, history.running_pack, dataset.fingerprint});
  }
  return trials;
}

const Catalog::Dataset& Catalog::note(const storage::DatasetRecord& record, const std::vector<sweep::Partition>& also) {
  Dataset& dataset = datasets_[record.fingerprint];
  dataset.fingerprint = record.fingerprint;
  dataset.folder = record.folder;
  for (const sweep::Partition& partition : also) dataset.promises[partition];
  for (auto& [partition, promise] : dataset.promises) {
    promise = storage::promise_of(sweep::partitioned(record, partition));
  }
  return dataset;
}

void Catalog::forget(const std::string& id) {
  const auto it = sweep_index_.find(id);
  if (it == sweep_index_.end()) return;
  sweeps_[it->second] = {};  // the others keep their numbers
  sweep_index_.erase(it);
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
  for (const std::size_t index : trials_.at(trial).sweeps) {
    if (!sweeps_[index].id.empty()) all.push_back(&sweeps_[index]);
  }
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
