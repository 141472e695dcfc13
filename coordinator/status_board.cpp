#include "coordinator/status_board.h"

#include <algorithm>
#include <utility>

namespace medley::coordinator {
namespace {

constexpr std::size_t kThroughputWindow = 256;  // results

WorkerStatus status_of(const Scheduler::WorkerView& worker, const Roster& roster) {
  WorkerStatus status;
  status.id = worker.id;
  status.name = roster.name_of(worker.id);
  status.state = worker.state;
  status.running = static_cast<int>(worker.leased.size());
  if (!worker.leased.empty()) status.first_trial = worker.leased.front().trial;
  if (const Roster::Heard* heard = roster.heard(worker.id)) {
    status.progress = heard->progress;
    if (worker.state != sweep::WorkerState::kAway) status.usage = heard->usage;
  }
  return status;
}

}  // namespace

void StatusBoard::note_result(TimePoint now) {
  ++results_;
  finished_at_.push_back(now);
  if (finished_at_.size() > kThroughputWindow) {
    since_ = finished_at_.front();
    finished_at_.pop_front();
  }
}

std::optional<double> StatusBoard::eta_seconds(int remaining, TimePoint now) const {
  if (!since_ || finished_at_.empty() || remaining <= 0) return std::nullopt;
  using Seconds = std::chrono::duration<double>;
  TimePoint before = *since_;
  Seconds longest(0);
  for (const TimePoint at : finished_at_) longest = std::max(longest, Seconds(at - std::exchange(before, at)));
  const Seconds waited = now - before;
  const bool late = waited > longest;
  const double window = Seconds((late ? now : before) - *since_).count();
  const double left = remaining * window / static_cast<double>(finished_at_.size());
  return late ? left : std::max(0.0, left - waited.count());
}

void StatusBoard::publish(const Scheduler& scheduler, Catalog& catalog, const Roster& roster, const Ending& ending,
                          TimePoint now) {
  Status status;
  status.results = results_;
  status.draining = !ending.is_serving();
  status.stopping_because = ending.end().reason;
  int remaining = 0, running = 0;
  for (SweepStatus& sweep : catalog.sweeps()) {
    if (sweep.id.empty()) continue;
    if (const auto p = scheduler.progress(sweep.id)) {
      sweep.state = p->state;
      sweep.finished = p->finished;
      sweep.failed = p->failed;
      sweep.running = p->running;
      if (p->state == sweep::SweepState::kRunning) remaining += p->waiting() + p->running;
      running += p->running;
    }
    status.sweeps.push_back(sweep);
  }
  for (const auto& worker : scheduler.workers()) {
    if (worker.state != sweep::WorkerState::kLeft) status.workers.push_back(status_of(worker, roster));
  }
  if (running > 0 && !since_) since_ = now;
  if (remaining == 0) {
    since_.reset();
    finished_at_.clear();
  }
  status.eta_seconds = eta_seconds(remaining, now);
  const std::lock_guard lock(mutex_);
  status_ = std::move(status);
}

Status StatusBoard::read() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace medley::coordinator
