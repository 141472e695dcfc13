#include "coordinator/requests.h"

#include <algorithm>

#include "sweep/report/report_text.h"

namespace medley::coordinator {
using sweep::SweepState;

Coordinator::Answer Requests::change_sweep(const std::string& id, const std::vector<SweepState>& from, Event event,
                                           const std::string& done) {
  const SweepStatus* sweep = catalog_.find_sweep(id);
  if (!sweep) return {false, "this coordinator knows no unfinished sweep '" + id + "'"};
  const std::string name = "sweep " + sweep->name;
  const auto state = scheduler_.progress(id)->state;
  if (std::find(from.begin(), from.end(), state) == from.end()) {
    return {false, name + " is " + name_of(state)};
  }
  process_({std::move(event)});
  return {true, name + " " + done};
}

Coordinator::Answer Requests::pause(const std::string& sweep) {
  return change_sweep(sweep, {SweepState::kRunning}, SweepPaused{sweep}, "is paused: running packs end first");
}

Coordinator::Answer Requests::resume(const std::string& sweep) {
  return change_sweep(sweep, {SweepState::kPaused, SweepState::kStopped}, SweepResumed{sweep}, "resumes");
}

Coordinator::Answer Requests::stop(const std::string& sweep) {
  return change_sweep(sweep, {SweepState::kRunning, SweepState::kPaused}, SweepStopped{sweep},
                      "is stopped: its running trials are cancelled");
}

Coordinator::Answer Requests::may_remove(const std::string& id) const {
  const auto progress = scheduler_.progress(id);
  if (!progress || progress->state == SweepState::kFinished || progress->state == SweepState::kStopped)
    return {true, ""};
  return {false, "sweep " + catalog_.find_sweep(id)->name + " is " + name_of(progress->state) + ": stop it first"};
}

void Requests::removed(const std::string& sweep) {
  process_({SweepRemoved{sweep}});
  catalog_.forget(sweep);
}

Coordinator::Answer Requests::retry(const std::string& trial) {
  if (!catalog_.find_trial(trial)) return {false, "this coordinator knows no unfinished trial '" + trial + "'"};
  const std::vector<SweepStatus*> sweeps = catalog_.sweeps_of(trial);
  if (sweeps.empty()) return {false, "the sweep of trial " + trial + " was removed"};
  const SweepStatus& sweep = *sweeps.front();
  const int before = sweep.failed;
  process_({TrialRetried{trial}});
  const bool retried = sweep.failed < before;
  if (!retried) return {false, "trial " + trial + " has not failed"};
  return {true, "trial " + trial + " will be trained again"};
}

Coordinator::Answer Requests::may_retry(const std::string& id) const {
  const SweepStatus* sweep = catalog_.find_sweep(id);
  if (!sweep) return {false, "this coordinator knows no unfinished sweep '" + id + "'"};
  if (sweep->failed == 0) return {false, "sweep " + sweep->name + " has no failed trial"};
  return {true, ""};
}

int Requests::retry(const std::string& id, const std::vector<std::string>& trials) {
  const SweepStatus& sweep = *catalog_.find_sweep(id);
  const int before = sweep.failed;
  std::vector<Event> events;
  for (const std::string& trial : trials) events.push_back(TrialRetried{trial});
  process_(std::move(events));
  return before - sweep.failed;
}

Coordinator::Answer Requests::retried(const std::string& id, int trials) const {
  const SweepStatus& sweep = *catalog_.find_sweep(id);
  return {true, sweep::counted(trials, "trial") + " of sweep " + sweep.name + " will be trained again" +
                    (sweep.state == SweepState::kRunning ? "" : " when it is resumed")};
}

bool Requests::quarantined(const std::string& worker) const {
  const auto workers = scheduler_.workers();
  return std::any_of(workers.begin(), workers.end(),
                     [&](const auto& view) { return view.id == worker && view.quarantined; });
}

Coordinator::Answer Requests::pause_worker(const std::string& worker) {
  const std::string name = "worker " + roster_.name_of(worker);
  if (quarantined(worker)) return {false, name + " gets no trials already"};
  process_({WorkerPaused{worker}});
  if (!quarantined(worker)) return {false, name + " has left"};
  return {true, name + " gets no more trials: what it trains ends first"};
}

Coordinator::Answer Requests::release(const std::string& worker) {
  const std::string name = roster_.name_of(worker);
  if (!quarantined(worker)) return {false, "worker " + name + " is not quarantined"};
  process_({WorkerReleased{worker}});
  if (quarantined(worker)) return {false, "worker " + name + " has left"};
  return {true, "worker " + name + " gets trials again"};
}

}  // namespace medley::coordinator
