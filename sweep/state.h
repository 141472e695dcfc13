#pragma once

#include <string>
#include <tuple>

#include "sweep/named_enum.h"

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

#define MEDLEY_SWEEP_STATE(X) \
  X(kRunning, "running") X(kPaused, "paused") X(kStopped, "stopped") X(kFinished, "finished")
MEDLEY_NAMED_ENUM(SweepState, MEDLEY_SWEEP_STATE)

/// What people are told of a sweep. kQueued: nothing has begun. kInterrupted: it has, and no coordinator is at work on
/// it. kFailed: it ended without a single result.
#define MEDLEY_SWEEP_STANDING(X) \
  X(kQueued, "queued")           \
  X(kRunning, "running")         \
  X(kPaused, "paused")           \
  X(kInterrupted, "interrupted") X(kStopped, "stopped") X(kFinished, "finished") X(kFailed, "failed")
MEDLEY_NAMED_ENUM(SweepStanding, MEDLEY_SWEEP_STANDING)

/// kPending until a result is accepted (kFinished) or the retry budget is spent (kFailed). A pending trial whose
/// newest attempt is kRunning is being trained.
#define MEDLEY_TRIAL_STATE(X) X(kPending, "pending") X(kFinished, "finished") X(kFailed, "failed")
MEDLEY_NAMED_ENUM(TrialState, MEDLEY_TRIAL_STATE)

/// kFailed: the worker said so. kLost: the worker died, or its lease or its progress ran out. Both may count against
/// the retry budget; kCancelled does not.
#define MEDLEY_ATTEMPT_STATE(X) \
  X(kRunning, "running") X(kFinished, "finished") X(kFailed, "failed") X(kLost, "lost") X(kCancelled, "cancelled")
MEDLEY_NAMED_ENUM(AttemptState, MEDLEY_ATTEMPT_STATE)

/// Whom an attempt that the worker gave up counts against. kTrial: trial or worker. kNobody: files of the dataset
/// changed while it trained. kDataset: the worker does not have the dataset that the trial promises. kMemory: the pack
/// did not fit in the worker's memory.
#define MEDLEY_BLAME(X) X(kTrial, "trial") X(kNobody, "nobody") X(kDataset, "dataset") X(kMemory, "memory")
MEDLEY_NAMED_ENUM(Blame, MEDLEY_BLAME)

/// kAway: not heard of for a lease. kLeft: it said goodbye or its process is known to be dead.
#define MEDLEY_WORKER_STATE(X) X(kJoined, "joined") X(kAway, "away") X(kQuarantined, "quarantined") X(kLeft, "left")
MEDLEY_NAMED_ENUM(WorkerState, MEDLEY_WORKER_STATE)

}  // namespace medley::sweep
