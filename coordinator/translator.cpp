#include "coordinator/translator.h"

#include <variant>
#include <vector>

#include <spdlog/spdlog.h>

#include "sweep/error.h"
#include "sweep/score/admission.h"
#include "sweep/version.h"

namespace medley::coordinator {
namespace {

std::vector<HeldAttempt> held_of(const std::vector<protocol::Held>& list) {
  std::vector<HeldAttempt> all;
  for (const auto& held : list) {
    const bool spooled = held.stage == protocol::Held::Stage::kSpooled;
    all.push_back({held.attempt, spooled ? HeldAttempt::Stage::kSpooled : HeldAttempt::Stage::kRunning, held.epoch});
  }
  return all;
}

/// Why a worker that knows the token is of no use here; "" for one that is.
std::string why_refused(const protocol::Hello& hello) {
  const auto differs = [](const std::string& its, const std::string& ours) {
    return its + ", this coordinator " + ours + ": use the same release of Medley on both sides";
  };
  if (sweep::release_line(hello.version) != sweep::release_line(sweep::version())) {
    return differs("the worker is of Medley " + hello.version, std::string("of ") + sweep::version());
  }
  if (hello.numerics != sweep::kNumericsVersion) {
    return differs("its trainer has numerics version " + hello.numerics,
                   std::string("needs ") + sweep::kNumericsVersion);
  }
  return "";
}

}  // namespace

// ---- From workers ---------------------------------------------------------------------------------------------

void Translator::on_joined(const protocol::Hello& hello) {
  const std::string name = name_of(hello);
  if (const std::string reason = why_refused(hello); !reason.empty()) {
    spdlog::warn("refused worker {}: {}", name, reason);
    parts_.roster.forget(hello.instance);
    parts_.send(hello.instance, protocol::Dismiss{reason});
    return;
  }
  parts_.roster.join(hello);
  parts_.host_workers.joined(hello.instance, hello.host, static_cast<pid_t>(hello.pid));
  const CoordinatorOptions& options = parts_.options;
  const bool ours = hello.host == parts_.host_workers.host() && options.local_workers > 0;
  protocol::Welcome welcome;
  welcome.lease = ++leases_;
  welcome.heartbeat_ms = static_cast<int>(options.heartbeat.count());
  welcome.fencing_ms = static_cast<int>((ours ? options.local_fencing : options.fencing).count());
  welcome.checkpoint_folder = checkpoints_;
  parts_.send(hello.instance, welcome);
  spdlog::info("worker {} joined: {}, arithmetic {}, packs of up to {}", name, hello.device, hello.arithmetic,
               hello.capacity);
  push_(WorkerJoined{hello.instance, hello.capacity, hello.device, held_of(hello.held),
                     hello.boot_id.empty() ? hello.host : hello.boot_id, name, hello.memory_bytes},
        nullptr);
}

void Translator::on_message(const std::string& worker, const protocol::Message& message) {
  if (!parts_.roster.find(worker)) return;  // it was refused
  if (const auto* beat = std::get_if<protocol::Heartbeat>(&message)) {
    parts_.roster.hear(worker, *beat);
    parts_.live.hear(worker, *beat, parts_.catalog, LiveTrials::TimePoint::clock::now());
    parts_.send(worker, protocol::Alive{});
    push_(HeartbeatReceived{worker, held_of(beat->held)}, nullptr);
  } else if (const auto* result = std::get_if<protocol::Result>(&message)) {
    on_result(worker, *result);
  } else if (const auto* failed = std::get_if<protocol::AttemptFailed>(&message)) {
    spdlog::warn("attempt {}#{} failed on {}: {}", failed->attempt.trial, failed->attempt.number,
                 parts_.roster.name_of(worker), failed->reason);
    push_(AttemptFailed{worker, failed->attempt, failed->reason, failed->blame}, nullptr);
  } else if (const auto* measured = std::get_if<protocol::PackSize>(&message)) {
    push_(PackSizeMeasured{worker, measured->attempt.trial, measured->trials}, nullptr);
  } else if (const auto* leave = std::get_if<protocol::Leave>(&message)) {
    spdlog::info("worker {} leaves: {}", parts_.roster.name_of(worker), leave->reason);
    push_(WorkerLost{worker, WorkerLost::How::kLeft, leave->reason}, nullptr);
    parts_.hang_up(worker);
  }
}

void Translator::on_lost(const std::string& worker, const std::string& why) {
  spdlog::info("lost worker {}: {}", parts_.roster.name_of(worker), why);
  push_(WorkerLost{worker, WorkerLost::How::kDisconnected, why}, nullptr);
  parts_.host_workers.disconnected(worker);
}

void Translator::on_result(const std::string& worker, const protocol::Result& message) {
  std::string problem;
  try {
    auto record = std::make_shared<sweep::ResultRecord>(message.bytes);
    problem = parts_.writer.result_problem(message.attempt, record->result);
    if (const Catalog::Trial* trial = parts_.catalog.find_trial(message.attempt.trial); problem.empty() && trial) {
      problem = sweep::admission_problem(record->result, Catalog::spec_of(message.attempt.trial, *trial),
                                         trial->dataset->promises.at(trial->partition));
    }
    if (problem.empty()) return push_(ResultReceived{worker, message.attempt}, std::move(record));
  } catch (const sweep::Error& e) {
    problem = e.what();
  }
  // Resending cannot mend it: the worker may delete it, and the attempt has ended.
  spdlog::error("refused the result of {}#{} from {}: {}", message.attempt.trial, message.attempt.number,
                parts_.roster.name_of(worker), problem);
  push_(ResultRefused{worker, message.attempt, problem}, nullptr);
  parts_.send(worker, protocol::ResultReceived{message.attempt});
}

// ---- To workers -----------------------------------------------------------------------------------------------

std::optional<Outgoing> Translator::message_of(const Send& command) {
  return std::visit([this](const auto& c) { return on(c); }, command);
}

std::optional<Outgoing> Translator::on(const Assign& c) {
  protocol::Assign message;
  for (const sweep::AttemptId& attempt : c.attempts) {
    const Catalog::Trial& trial = *parts_.catalog.find_trial(attempt.trial);
    message.dataset_folder = trial.dataset->folder;
    message.dataset_fingerprint = trial.dataset->fingerprint;
    message.test_fingerprint = trial.test_fingerprint;
    message.trials.push_back({attempt.number, Catalog::spec_of(attempt.trial, trial)});
  }
  return Outgoing{c.worker, std::move(message)};
}

std::optional<Outgoing> Translator::on(const AcknowledgeResult& c) {
  return Outgoing{c.worker, protocol::ResultReceived{c.attempt}};
}

std::optional<Outgoing> Translator::on(const Discard& c) {
  spdlog::info("result of {}#{} is not needed: {}", c.attempt.trial, c.attempt.number, c.reason);
  return Outgoing{c.worker, protocol::ResultReceived{c.attempt}};
}

std::optional<Outgoing> Translator::on(const Cancel& c) { return Outgoing{c.worker, protocol::Cancel{{c.attempt}}}; }

std::optional<Outgoing> Translator::on(const Quarantine& c) {
  spdlog::error("worker {} is quarantined: {}", parts_.roster.name_of(c.worker), c.reason);
  // A fresh process takes the place of one that we keep running. Any other stays, idle, until it is released: if it
  // ended, its cluster would start the next one on the same bad host.
  if (!parts_.host_workers.keeps(c.worker)) return std::nullopt;
  return Outgoing{c.worker, protocol::Dismiss{"quarantined: " + c.reason}};
}

std::optional<Outgoing> Translator::on(const Dismiss& c) { return Outgoing{c.worker, protocol::Dismiss{c.reason}}; }

std::optional<Outgoing> Translator::on(const Shutdown&) {
  parts_.ending.note_idle();
  return std::nullopt;
}

}  // namespace medley::coordinator
