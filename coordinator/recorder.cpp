#include "coordinator/recorder.h"

#include <algorithm>
#include <string>
#include <variant>

#include <spdlog/spdlog.h>

namespace medley::coordinator {

void Recorder::record(const Record& command, const Cause& cause) {
  std::visit([&](const auto& c) { on(c, cause); }, command);
}

void Recorder::on(const RecordAssignment& c, const Cause&) {
  writer_.begin_attempts(c.worker, c.pack, c.attempts, storage::now_ms());
}

void Recorder::on(const RecordResult& c, const Cause& cause) {
  if (writer_.accept_result(c.attempt, c.worker, *cause.result, storage::now_ms()) ==
      storage::Writer::Accepted::kAlreadyFinished) {
    return;
  }
  board_.note_result(std::chrono::steady_clock::now());
  const sweep::TrialResult& result = cause.result->result;
  const bool diverged = result.outcome == sweep::Outcome::kDiverged;
  for (SweepStatus* sweep : catalog_.sweeps_of(c.attempt.trial)) {
    if (diverged) {
      ++sweep->diverged;
      continue;
    }
    const double score = result.paper.surface.best().accuracy.score();
    sweep->best_paper_score = std::max(sweep->best_paper_score.value_or(score), score);
  }
  if (diverged) spdlog::warn("trial {} diverged: {}", c.attempt.trial, result.reason);
  if (c.how == RecordResult::How::kAdopted) {
    spdlog::info("adopted the late result of {}#{}", c.attempt.trial, c.attempt.number);
  }
  host_workers_.note_healthy(c.worker);
  checkpoints_.note_result();
}

void Recorder::on(const EndAttempt& c, const Cause& cause) {
  writer_.end_attempt(c.attempt, c.state, c.reason, storage::now_ms(), c.counts);
  if (const auto* refused = std::get_if<ResultRefused>(&cause.event)) {
    writer_.log_event("result refused", c.attempt.trial,
                      "from " + roster_.name_of(refused->worker) + ": " + refused->reason, storage::now_ms());
  }
  if (c.state != sweep::AttemptState::kCancelled) {
    spdlog::warn("attempt {}#{} {}: {}", c.attempt.trial, c.attempt.number, name_of(c.state), c.reason);
  }
}

void Recorder::on(const ExcuseAttempt& c, const Cause&) {
  writer_.excuse_attempt(c.attempt);
  spdlog::info("{}#{} counts as no failure: its worker came back", c.attempt.trial, c.attempt.number);
}

void Recorder::on(const FailTrial& c, const Cause&) {
  writer_.fail_trial(c.trial, c.reason, storage::now_ms());
  writer_.log_event("trial failed", c.trial, c.reason, storage::now_ms());
  spdlog::error("trial {} failed: {}", c.trial, c.reason);
}

void Recorder::on(const RecordRetry& c, const Cause&) {
  writer_.retry_trial(c.trial, storage::now_ms());
  writer_.log_event("trial retried", c.trial, "", storage::now_ms());
}

void Recorder::on(const RecordSweepState& c, const Cause&) {
  writer_.set_sweep_state(c.sweep, c.state, storage::now_ms());
  writer_.log_event("sweep " + std::string(name_of(c.state)), c.sweep, c.reason, storage::now_ms());
  if (!c.reason.empty()) spdlog::error("sweep {} is {}: {}", c.sweep, name_of(c.state), c.reason);
}

void Recorder::on(const FinishSweep& c, const Cause&) {
  writer_.set_sweep_state(c.sweep, sweep::SweepState::kFinished, storage::now_ms());
  const std::string text = std::to_string(c.finished) + " trials finished, " + std::to_string(c.failed) + " failed";
  writer_.log_event("sweep finished", c.sweep, text, storage::now_ms());
  spdlog::info("sweep {} is finished: {}", c.sweep, text);
  checkpoints_.note_sweep_finished();
}

void Recorder::on(const RecordWorker& c, const Cause& cause) {
  const storage::WorkerRecord* known = roster_.find(c.worker);
  if (c.state == sweep::WorkerState::kJoined && known) {
    writer_.worker_joined(*known, storage::now_ms());
  } else {
    writer_.set_worker_state(c.worker, c.state, c.reason, storage::now_ms());
    if (c.state == sweep::WorkerState::kLeft) roster_.forget(c.worker);
  }
  if (c.state == sweep::WorkerState::kQuarantined) {
    writer_.log_event("worker quarantined", c.worker, c.reason, storage::now_ms());
  } else if (std::holds_alternative<WorkerReleased>(cause.event)) {
    writer_.log_event("worker released", c.worker, c.reason, storage::now_ms());
    spdlog::info("worker {} is {}", roster_.name_of(c.worker), c.reason);
  }
}

}  // namespace medley::coordinator
