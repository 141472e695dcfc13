#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>

#include "coordinator/catalog.h"
#include "coordinator/ending.h"
#include "coordinator/roster.h"
#include "coordinator/scheduler/scheduler.h"
#include "coordinator/status.h"

namespace medley::coordinator {

/// The status that any thread reads. One thread writes it.
class StatusBoard {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// A result was accepted.
  void note_result(TimePoint now);
  /// Brings the counts of `catalog` up to date and shows everything.
  void publish(const Scheduler& scheduler, Catalog& catalog, const Roster& roster, const Ending& ending, TimePoint now);

  /// Any thread; as it was published last.
  Status read() const;

 private:
  /// `remaining` at the rate of the newest results. Those of a pack come together, so that the time up to the newest
  /// counts, and what has passed since then only where that is longer than any wait before.
  std::optional<double> eta_seconds(int remaining, TimePoint now) const;

  int results_ = 0;
  std::deque<TimePoint> finished_at_;  ///< of the newest results
  std::optional<TimePoint> since_;     ///< those are all since then; none while nothing trains
  mutable std::mutex mutex_;
  Status status_;
};

}  // namespace medley::coordinator
