#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "coordinator/catalog.h"
#include "coordinator/scheduler/scheduler.h"
#include "sweep/live_trial.h"
#include "worker/protocol/message.h"

namespace medley::coordinator {

/// Some epochs of a trial, evenly, with the first and the newest.
struct HeardEpochs {
  static constexpr std::size_t kMost = 128;
  std::vector<sweep::EpochMetrics> epochs;

  /// Nothing where it is not newer.
  void add(sweep::EpochMetrics newest);
};

/// The epochs of trials in training, as heartbeats tell them, for people. In memory only, and bounded: of no more
/// than kMostTrials trials.
class LiveTrials {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMostTrials = 1024;

  /// Keeps what a worker tells of trials that the catalog knows and the worker says that it trains.
  void hear(const std::string& worker, const protocol::Heartbeat& beat, const Catalog& catalog, TimePoint now);
  /// Forgets the trials that no worker trains any more, and what one tells of a trial that it was not given.
  void keep_leased(const Scheduler& scheduler);

  /// Any thread. Those of a sweep, or the one of a trial, in order of their ids.
  std::vector<sweep::LiveTrial> of_sweep(const std::string& sweep, TimePoint now) const;
  std::vector<sweep::LiveTrial> of_trial(const std::string& trial, TimePoint now) const;

 private:
  struct Entry {
    sweep::LiveTrial trial;  ///< without `heard` and `eta_seconds`
    HeardEpochs heard;
    std::vector<std::string> sweeps;
    int first_epoch = 0;
    TimePoint first_at, newest_at;
  };
  static sweep::LiveTrial shown(const Entry& entry, TimePoint now);

  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;  ///< by trial
};

}  // namespace medley::coordinator
