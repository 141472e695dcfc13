#include <sstream>

#include "coordinator/scheduler/scheduler.h"

namespace medley::coordinator {
namespace {

std::string text_of(const AttemptId& attempt) { return attempt.trial + "#" + std::to_string(attempt.number); }

std::string text_of(const std::vector<AttemptId>& attempts) {
  std::string text;
  for (const AttemptId& attempt : attempts) text += " " + text_of(attempt);
  return text;
}

std::string text_of(const std::vector<HeldAttempt>& held) {
  std::string text;
  for (const HeldAttempt& h : held) {
    text += " " + text_of(h.attempt);
    text += h.stage == HeldAttempt::Stage::kSpooled ? "(spooled)" : "@" + std::to_string(h.progress);
  }
  return text;
}

std::string because(const std::string& reason) { return reason.empty() ? "" : ": " + reason; }

struct Text {
  // Commands
  std::string operator()(const RecordAssignment& c) const {
    return "RecordAssignment " + c.worker + " pack " + std::to_string(c.pack) + ":" + text_of(c.attempts);
  }
  std::string operator()(const Assign& c) const {
    return "Assign " + c.worker + " pack " + std::to_string(c.pack) + ":" + text_of(c.attempts);
  }
  std::string operator()(const RecordResult& c) const {
    return "RecordResult " + c.worker + " " + text_of(c.attempt) +
           (c.how == RecordResult::How::kAdopted ? " adopted" : "");
  }
  std::string operator()(const AcknowledgeResult& c) const {
    return "AcknowledgeResult " + c.worker + " " + text_of(c.attempt);
  }
  std::string operator()(const Discard& c) const {
    return "Discard " + c.worker + " " + text_of(c.attempt) + because(c.reason);
  }
  std::string operator()(const Cancel& c) const { return "Cancel " + c.worker + " " + text_of(c.attempt); }
  std::string operator()(const EndAttempt& c) const {
    return "EndAttempt " + text_of(c.attempt) + " " + name_of(c.state) +
           (c.counts || c.state == sweep::AttemptState::kCancelled ? "" : " uncounted") + because(c.reason);
  }
  std::string operator()(const ExcuseAttempt& c) const { return "ExcuseAttempt " + text_of(c.attempt); }
  std::string operator()(const FailTrial& c) const { return "FailTrial " + c.trial + because(c.reason); }
  std::string operator()(const RecordRetry& c) const { return "RecordRetry " + c.trial; }
  std::string operator()(const RecordSweepState& c) const {
    return "RecordSweepState " + c.sweep + " " + name_of(c.state) + because(c.reason);
  }
  std::string operator()(const FinishSweep& c) const {
    return "FinishSweep " + c.sweep + " finished " + std::to_string(c.finished) + " failed " + std::to_string(c.failed);
  }
  std::string operator()(const RecordWorker& c) const {
    return "RecordWorker " + c.worker + " " + name_of(c.state) + because(c.reason);
  }
  std::string operator()(const Quarantine& c) const { return "Quarantine " + c.worker + because(c.reason); }
  std::string operator()(const Dismiss& c) const { return "Dismiss " + c.worker + because(c.reason); }
  std::string operator()(const Shutdown&) const { return "Shutdown"; }

  // Events
  std::string operator()(const SweepSubmitted& e) const {
    return "SweepSubmitted " + e.sweep + " priority " + std::to_string(e.priority) + " " + name_of(e.state) + " " +
           std::to_string(e.trials.size()) + " trials" + (e.searching ? ", searching" : "");
  }
  std::string operator()(const TrialsAdded& e) const {
    return "TrialsAdded " + e.sweep + " " + std::to_string(e.trials.size()) + " trials, " +
           (e.likely ? std::to_string(e.likely->size()) + " likely" : "likely as before");
  }
  std::string operator()(const SweepClosed& e) const { return "SweepClosed " + e.sweep; }
  std::string operator()(const WorkerJoined& e) const {
    return "WorkerJoined " + e.worker + " capacity " + std::to_string(e.capacity) + text_of(e.held);
  }
  std::string operator()(const WorkerLost& e) const {
    const char* how = e.how == WorkerLost::How::kGone   ? " gone"
                      : e.how == WorkerLost::How::kLeft ? " left"
                                                        : " disconnected";
    return "WorkerLost " + e.worker + how + because(e.reason);
  }
  std::string operator()(const HeartbeatReceived& e) const { return "HeartbeatReceived " + e.worker + text_of(e.held); }
  std::string operator()(const ResultReceived& e) const {
    return "ResultReceived " + e.worker + " " + text_of(e.attempt);
  }
  std::string operator()(const PackSizeMeasured& e) const {
    return "PackSizeMeasured " + e.worker + " " + e.trial + " " + std::to_string(e.size);
  }
  std::string operator()(const AttemptFailed& e) const {
    const std::string blame = e.blame == sweep::Blame::kTrial ? "" : std::string(" blame ") + name_of(e.blame);
    return "AttemptFailed " + e.worker + " " + text_of(e.attempt) + blame + because(e.reason);
  }
  std::string operator()(const ResultRefused& e) const {
    return "ResultRefused " + e.worker + " " + text_of(e.attempt) + because(e.reason);
  }
  std::string operator()(const SweepPaused& e) const { return "SweepPaused " + e.sweep; }
  std::string operator()(const SweepResumed& e) const { return "SweepResumed " + e.sweep; }
  std::string operator()(const SweepStopped& e) const { return "SweepStopped " + e.sweep; }
  std::string operator()(const SweepRemoved& e) const { return "SweepRemoved " + e.sweep; }
  std::string operator()(const SweepPrioritised& e) const {
    return "SweepPrioritised " + e.sweep + " " + std::to_string(e.priority);
  }
  std::string operator()(const TrialRetried& e) const { return "TrialRetried " + e.trial; }
  std::string operator()(const WorkerExpected& e) const { return "WorkerExpected " + e.worker; }
  std::string operator()(const WorkerQuarantined& e) const {
    return "WorkerQuarantined " + e.worker + because(e.reason);
  }
  std::string operator()(const WorkerPaused& e) const { return "WorkerPaused " + e.worker; }
  std::string operator()(const WorkerReleased& e) const { return "WorkerReleased " + e.worker; }
  std::string operator()(const DrainRequested&) const { return "DrainRequested"; }
  std::string operator()(const Ticked&) const { return "Ticked"; }
};

}  // namespace

std::string to_string(const Command& command) {
  return std::visit([](const auto& kind) { return std::visit(Text{}, kind); }, command);
}
std::string to_string(const Event& event) { return std::visit(Text{}, event); }

}  // namespace medley::coordinator
