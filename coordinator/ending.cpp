#include "coordinator/ending.h"

#include <cassert>
#include <utility>

namespace medley::coordinator {
namespace {

bool may_follow(Phase phase, Phase next) {
  switch (phase) {
    case Phase::kServing:
      return next == Phase::kDraining;
    case Phase::kDraining:
      return next == Phase::kDrained || next == Phase::kCancelled;
    case Phase::kDrained:  // a stop at once may find that nothing runs
      return next == Phase::kLeaving || next == Phase::kCancelled;
    case Phase::kLeaving:
    case Phase::kCancelled:
      return next == Phase::kStopped;
    case Phase::kStopped:
      return false;
  }
  return false;
}

}  // namespace

void Ending::go(Phase next) {
  assert(may_follow(phase_, next));
  phase_ = next;
}

bool Ending::drain(End end) {
  if (!is_serving()) return false;
  end_ = std::move(end);
  go(Phase::kDraining);
  return true;
}

bool Ending::is_overdue(TimePoint now) const {
  return phase_ == Phase::kDraining && drain_until_ && now > *drain_until_;
}

void Ending::note_idle() {
  if (phase_ != Phase::kCancelled) go(Phase::kDrained);
}

void Ending::leave(TimePoint now) { let_go(Phase::kLeaving, now); }

bool Ending::stop_now(const std::string& reason) {
  if (phase_ > Phase::kDraining) return false;
  end_ = {End::How::kStopped, reason};
  if (is_serving()) go(Phase::kDraining);
  return true;
}

void Ending::cancelled(TimePoint now) { let_go(Phase::kCancelled, now); }

void Ending::let_go(Phase next, TimePoint now) {
  go(next);
  terminate_at_ = now + kTerminateAfter;
  kill_at_ = now + kKillAfter;
}

Ending::Step Ending::advance(bool workers_left, TimePoint now) {
  if (!workers_left || now > kill_at_) {
    go(Phase::kStopped);
    return Step::kKill;
  }
  if (terminate_at_ && now > *terminate_at_) {
    terminate_at_.reset();
    return Step::kTerminate;
  }
  return Step::kWait;
}

}  // namespace medley::coordinator
