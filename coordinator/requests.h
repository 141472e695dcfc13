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

  Requests(std::string store, Catalog& catalog, const Scheduler& scheduler, const Roster& roster, Process process)
      : store_(std::move(store)),
        catalog_(catalog),
        scheduler_(scheduler),
        roster_(roster),
        process_(std::move(process)) {}

  Answer pause(const std::string& sweep);
  Answer resume(const std::string& sweep);
  Answer stop(const std::string& sweep);
  Answer retry(const std::string& trial);
  /// All failed trials of the sweep. Throws storage::Error.
  Answer retry_sweep(const std::string& sweep);
  Answer release(const std::string& worker);

 private:
  Answer change_sweep(const std::string& id, const std::vector<sweep::SweepState>& from, Event event,
                      const std::string& done);
  bool quarantined(const std::string& worker) const;

  std::string store_;
  Catalog& catalog_;
  const Scheduler& scheduler_;
  const Roster& roster_;
  Process process_;
};

}  // namespace medley::coordinator
