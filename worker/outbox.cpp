#include "worker/outbox.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

#include "worker/protocol/codec.h"

namespace medley::worker {

using protocol::Held;
using protocol::Message;
using sweep::AttemptId;

namespace {
constexpr std::size_t kBytesInFlight = std::size_t{1} << 22;  // sent, not yet confirmed: bounds what lies in memory
constexpr std::size_t kMaxQueuedPacks = 8;
}  // namespace

Outbox::Outbox(Spool& spool) : spool_(spool) {
  for (const AttemptId& attempt : spool_.list()) spooled_.insert(attempt);
}

PackPtr Outbox::assign(const protocol::Assign& assignment, const std::string& checkpoint_folder) {
  auto pack = std::make_shared<RunningPack>();
  pack->assign = assignment;
  pack->checkpoint_folder = checkpoint_folder;
  for (const auto& trial : assignment.trials) pack->attempts.push_back({trial.spec.id, trial.attempt});
  for (const Held& known : held()) {
    if (known.attempt == pack->attempts.front()) return nullptr;  // on its way when this connection was opened
  }
  if (packs_.size() >= kMaxQueuedPacks) {
    for (const AttemptId& attempt : pack->attempts) failures_.push_back({attempt, "the worker has packs enough"});
    return nullptr;
  }
  packs_.push_back(pack);
  return pack;
}

void Outbox::cancel(const protocol::Cancel& cancelled) {
  for (const AttemptId& attempt : cancelled.attempts) {
    for (const PackPtr& pack : packs_) {
      if (std::find(pack->attempts.begin(), pack->attempts.end(), attempt) == pack->attempts.end()) continue;
      cancelled_.insert(attempt);
      const bool wanted = std::any_of(pack->attempts.begin(), pack->attempts.end(),
                                      [this](const AttemptId& a) { return !cancelled_.count(a); });
      if (!wanted) {
        pack->stop = Stop::kAbandon;
      } else if (pack->done.insert(attempt).second) {
        failures_.push_back({attempt, "cancelled"});
      }
    }
  }
}

void Outbox::answered(const AttemptId& attempt) {
  spool_.remove(attempt);
  spooled_.erase(attempt);
  in_flight_.erase(attempt);
}

void Outbox::stop(Stop how) {
  for (const PackPtr& pack : packs_) {
    if (pack->stop != Stop::kAbandon) pack->stop = how;
  }
}

void Outbox::ended(const PackPtr& pack, const Trained& trained) {
  spooled_.insert(trained.kept.begin(), trained.kept.end());
  for (const AttemptId& attempt : trained.failed) {
    failures_.push_back({attempt, protocol::sendable_text(trained.reason), trained.blame});
  }
  for (const AttemptId& attempt : pack->attempts) {
    if (cancelled_.erase(attempt) && !pack->done.count(attempt)) failures_.push_back({attempt, "cancelled"});
  }
  packs_.erase(std::remove(packs_.begin(), packs_.end(), pack), packs_.end());
}

std::vector<AttemptId> Outbox::take_over_abandoned() {
  std::vector<AttemptId> taken = spool_.take_over_abandoned();
  for (const AttemptId& attempt : taken) {
    spdlog::info("delivers the result of attempt {}#{}, left by another worker", attempt.trial, attempt.number);
    spooled_.insert(attempt);
  }
  return taken;
}

std::vector<Held> Outbox::held() const {
  std::vector<Held> all;
  const auto add = [&all](const AttemptId& attempt, Held::Stage stage, int epoch, int epochs) {
    if (all.size() < protocol::kMaxHeld) all.push_back({attempt, stage, epoch, epochs});
  };
  std::set<AttemptId> listed = spooled_;
  for (const PackPtr& pack : packs_) {
    for (const AttemptId& attempt : pack->attempts) {
      if (pack->done.count(attempt) || !listed.insert(attempt).second) continue;
      add(attempt, Held::Stage::kRunning, pack->epoch, pack->epochs);
    }
  }
  for (const auto& failure : failures_) {
    if (listed.insert(failure.attempt).second) add(failure.attempt, Held::Stage::kRunning, 0, 0);
  }
  for (const AttemptId& attempt : spooled_) add(attempt, Held::Stage::kSpooled, 0, 0);
  return all;
}

std::vector<protocol::NewEpoch> Outbox::new_epochs() {
  std::vector<protocol::NewEpoch> epochs;
  for (const PackPtr& pack : packs_) {
    const std::lock_guard lock(pack->untold_mutex);
    auto& untold = pack->untold;
    while (!untold.empty() && epochs.size() < protocol::kMaxNewEpochs) {
      const auto first = untold.begin();
      const AttemptId& attempt = pack->attempts[first->first];
      const bool wanted = !pack->done.count(attempt) && protocol::is_sendable(first->second);
      if (wanted) epochs.push_back({attempt, std::move(first->second)});
      untold.erase(first);
    }
  }
  return epochs;
}

std::vector<Message> Outbox::due() {
  std::vector<Message> messages;
  std::size_t in_flight = 0;
  for (const auto& [attempt, size] : in_flight_) in_flight += size;
  for (auto it = spooled_.begin(); it != spooled_.end() && in_flight < kBytesInFlight;) {
    const AttemptId attempt = *it;
    if (in_flight_.count(attempt)) {
      ++it;
      continue;
    }
    auto bytes = spool_.read(attempt);
    if (!bytes) {
      spdlog::error("the spooled result of {}#{} is damaged and was set aside", attempt.trial, attempt.number);
      it = spooled_.erase(it);
      failures_.push_back({attempt, "its result was damaged on the worker's disk"});
      continue;
    }
    in_flight += in_flight_[attempt] = bytes->size();
    ++it;
    messages.push_back(protocol::Result{attempt, std::move(*bytes)});
  }
  for (auto& failure : failures_) messages.push_back(std::move(failure));
  failures_.clear();
  return messages;
}

}  // namespace medley::worker
