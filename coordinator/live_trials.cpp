#include "coordinator/live_trials.h"

#include <algorithm>
#include <set>
#include <utility>

namespace medley::coordinator {
namespace {

using Seconds = std::chrono::duration<double>;

}  // namespace

void HeardEpochs::add(sweep::EpochMetrics newest) {
  if (!epochs.empty() && epochs.back().epoch >= newest.epoch) return;
  epochs.push_back(std::move(newest));
  if (epochs.size() <= kMost) return;
  // The first of each span. Spans of a power of two nest, so that what is left stays even.
  const int first = epochs.front().epoch, last = epochs.back().epoch;
  int span = 1, kept = -1;
  while ((last - first) / span >= static_cast<int>(kMost / 2)) span *= 2;
  epochs.erase(std::remove_if(epochs.begin(), epochs.end(),
                              [&](const sweep::EpochMetrics& one) {
                                return one.epoch != last &&
                                       std::exchange(kept, (one.epoch - first) / span) == (one.epoch - first) / span;
                              }),
               epochs.end());
}

void LiveTrials::hear(const std::string& worker, const protocol::Heartbeat& beat, const Catalog& catalog,
                      TimePoint now) {
  if (beat.epochs.empty()) return;
  std::set<sweep::AttemptId> trains;
  for (const protocol::Held& held : beat.held) {
    if (held.stage == protocol::Held::Stage::kRunning) trains.insert(held.attempt);
  }
  const std::lock_guard lock(mutex_);
  for (const protocol::NewEpoch& told : beat.epochs) {
    const Catalog::Trial* known = catalog.find_trial(told.attempt.trial);
    if (known == nullptr || trains.count(told.attempt) == 0) continue;
    if (told.metrics.epoch > sweep::last_epoch(*known->config)) continue;
    auto found = entries_.find(told.attempt.trial);
    if (found == entries_.end() && entries_.size() >= kMostTrials) continue;
    Entry& entry = found == entries_.end() ? entries_[told.attempt.trial] : found->second;
    if (!(entry.trial.attempt == told.attempt) || entry.trial.worker != worker) {
      entry = {};
      entry.trial.attempt = told.attempt;
      entry.trial.worker = worker;
      entry.trial.config = sweep::config_id(*known->config);
      entry.trial.partition = sweep::partition_text(known->partition);
      entry.trial.fold = known->fold;
      entry.trial.seed = known->seed;
      entry.trial.epochs = sweep::last_epoch(*known->config);
      for (const std::size_t i : known->sweeps) entry.sweeps.push_back(catalog.sweeps()[i].id);
      entry.first_epoch = told.metrics.epoch;
      entry.first_at = now;
    }
    const auto& epochs = entry.heard.epochs;
    if (epochs.empty() || epochs.back().epoch < told.metrics.epoch) entry.newest_at = now;
    entry.heard.add(told.metrics);
  }
}

void LiveTrials::keep_leased(const Scheduler& scheduler) {
  const std::lock_guard lock(mutex_);
  if (entries_.empty()) return;
  std::set<std::pair<std::string, sweep::AttemptId>> leased;
  for (const Scheduler::WorkerView& worker : scheduler.workers()) {
    for (const sweep::AttemptId& attempt : worker.leased) leased.emplace(worker.id, attempt);
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    const bool is = leased.count({it->second.trial.worker, it->second.trial.attempt}) > 0;
    it = is ? std::next(it) : entries_.erase(it);
  }
}

sweep::LiveTrial LiveTrials::shown(const Entry& entry, TimePoint now) {
  sweep::LiveTrial trial = entry.trial;
  trial.heard = entry.heard.epochs;
  const int newest = trial.heard.back().epoch;
  if (newest > entry.first_epoch) {
    const double an_epoch = Seconds(entry.newest_at - entry.first_at).count() / (newest - entry.first_epoch);
    trial.eta_seconds = std::max(0.0, (trial.epochs - newest) * an_epoch - Seconds(now - entry.newest_at).count());
  }
  return trial;
}

std::vector<sweep::LiveTrial> LiveTrials::of_sweep(const std::string& sweep, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  std::vector<sweep::LiveTrial> all;
  for (const auto& [id, entry] : entries_) {
    if (std::count(entry.sweeps.begin(), entry.sweeps.end(), sweep) > 0) all.push_back(shown(entry, now));
  }
  return all;
}

std::vector<sweep::LiveTrial> LiveTrials::of_trial(const std::string& trial, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(trial);
  if (found == entries_.end()) return {};
  return {shown(found->second, now)};
}

}  // namespace medley::coordinator
