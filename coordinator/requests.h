#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/catalog.h"
#include "coordinator/coordinator.h"
#include "coordinator/roster.h"
#include "coordinator/scheduler/scheduler.h"

namespace medley::coordinator {

/// Changes that users ask for: checks what the scheduler would ignore, has it decide, says what came of it. All that it
/// refers to must outlive it. One thread.
class Requests {
 public:
  using Answer = Coordinator::Answer;
  /// Has the scheduler handle the events, and does its commands, before it returns.
  using Process = std::function<void(std::vector<Event> events)>;

  Requests(Catalog& catalog, const Scheduler& scheduler, const Roster& roster, Process process)
      : catalog_(catalog), scheduler_(scheduler), roster_(roster), process_(std::move(process)) {}

  Answer pause(const std::string& sweep);
  Answer resume(const std::string& sweep);
  Answer stop(const std::string& sweep);
  /// Whether a sweep may be removed: it is not unfinished.
  Answer may_remove(const std::string& sweep) const;
  /// It was removed from the store.
  void removed(const std::string& sweep);
  Answer retry(const std::string& trial);
  /// Whether the sweep has failed trials.
  Answer may_retry(const std::string& sweep) const;
  /// Some of them; how many had failed.
  int retry(const std::string& sweep, const std::vector<std::string>& trials);
  /// What is said of all of them.
  Answer retried(const std::string& sweep, int trials) const;
  Answer release(const std::string& worker);
  Answer pause_worker(const std::string& worker);

 private:
  Answer change_sweep(const std::string& id, const std::vector<sweep::SweepState>& from, Event event,
                      const std::string& done);
  bool quarantined(const std::string& worker) const;

  Catalog& catalog_;
  const Scheduler& scheduler_;
  const Roster& roster_;
  Process process_;
};

}  // namespace medley::coordinator
