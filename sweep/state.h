#pragma once

#include <string>
#include <tuple>

namespace medley::sweep {

/// One execution of a trial. Numbers count from 1 for each trial and never repeat: a message that carries an older
/// number is stale.
struct AttemptId {
  std::string trial;
  int number = 0;
  friend bool operator==(const AttemptId& a, const AttemptId& b) { return a.number == b.number && a.trial == b.trial; }
  friend bool operator!=(const AttemptId& a, const AttemptId& b) { return !(a == b); }
  friend bool operator<(const AttemptId& a, const AttemptId& b) {
    return std::tie(a.trial, a.number) < std::tie(b.trial, b.number);
  }
};

enum class SweepState { kRunning, kPaused, kStopped, kFinished };
inline constexpr const char* kSweepStateNames[] = {"running", "paused", "stopped", "finished"};
inline const char* name_of(SweepState state) { return kSweepStateNames[static_cast<int>(state)]; }

/// kPending until a result is accepted (kFinished) or the retry budget is spent (kFailed). A pending trial whose
/// newest attempt is kRunning is being trained.
enum class TrialState { kPending, kFinished, kFailed };
inline constexpr const char* kTrialStateNames[] = {"pending", "finished", "failed"};
inline const char* name_of(TrialState state) { return kTrialStateNames[static_cast<int>(state)]; }

/// kFailed: the worker said so. kLost: the worker died, or its lease or its progress ran out. Both count against the
/// retry budget; kCancelled does not.
enum class AttemptState { kRunning, kFinished, kFailed, kLost, kCancelled };
inline constexpr const char* kAttemptStateNames[] = {"running", "finished", "failed", "lost", "cancelled"};
inline const char* name_of(AttemptState state) { return kAttemptStateNames[static_cast<int>(state)]; }

/// kAway: not heard of for a lease. kLeft: it said goodbye or its process is known to be dead.
enum class WorkerState { kJoined, kAway, kQuarantined, kLeft };
inline constexpr const char* kWorkerStateNames[] = {"joined", "away", "quarantined", "left"};
inline const char* name_of(WorkerState state) { return kWorkerStateNames[static_cast<int>(state)]; }

}  // namespace medley::sweep
