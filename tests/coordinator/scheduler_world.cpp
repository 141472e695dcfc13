#include "tests/coordinator/scheduler_world.h"

#include <algorithm>

#include "tests/coordinator/commands.h"

namespace medley::coordinator::simulation {

using sweep::AttemptState;
using sweep::SweepState;
using sweep::TrialState;
using sweep::WorkerState;

namespace {

constexpr std::int64_t kStepMs = 50;
constexpr std::int64_t kHeartbeatMs = 200;
constexpr std::int64_t kResendMs = 500;
constexpr std::int64_t kQuietMs = 200'000;  ///< after the faults stop, everything must have ended by then
constexpr std::size_t kHistoryLines = 60;

std::string trial_of(const AttemptId& a) { return a.trial + "#" + std::to_string(a.number); }

}  // namespace

Weights::Weights(Dice& dice) {
  auto weight = [&](double largest) {
    return dice.chance(0.4) ? 0.0 : largest * static_cast<double>(dice.between(1, 100)) / 100;
  };
  drop = weight(0.2);
  duplicate = weight(0.2);
  disconnect = weight(0.02);
  worker_death = weight(0.01);
  coordinator_death = weight(0.01);
  hang = weight(0.1);
  slow = weight(0.2);
  attempt_failure = weight(0.2);
  lie = weight(0.1);
  disk_failure = weight(0.02);
  user = weight(0.02);
  poison = weight(0.15);
  stale = weight(0.1);
  longest_delay_ms = dice.chance(0.3) ? 1 : dice.between(2, 2500);
}

Journal::Sweep* Journal::find_sweep(const std::string& id) {
  for (Sweep& sweep : sweeps) {
    if (sweep.id == id) return &sweep;
  }
  return nullptr;
}

SweepSubmitted Journal::history(const Sweep& sweep) const {
  SweepSubmitted event{sweep.id, sweep.priority, sweep.state, {}};
  for (const std::string& id : sweep.trials) {
    const Trial& trial = trials.at(id);
    SubmittedTrial submitted{id, trial.key, trial.state, static_cast<int>(trial.attempts.size()), trial.failures,
                             "", 0};
    if (trial.running()) {
      submitted.running_worker = trial.attempts.back().worker;
      submitted.running_pack = trial.attempts.back().pack;
    }
    event.trials.push_back(submitted);
  }
  return event;
}

World::World(std::uint64_t seed, Bug bug, Counters& counters, Mirror* mirror)
    : dice_(seed), bug_(bug), counters_(counters), mirror_(mirror), weights_(dice_) {
  limits_.lease_ms = 1000;
  limits_.stall_ms = 6000;
  limits_.retry_budget = static_cast<int>(dice_.between(2, 5));
  limits_.retry_delay_ms = 100;
  limits_.largest_retry_delay_ms = 1000;
  limits_.quarantine_after = static_cast<int>(dice_.between(2, 4));
  limits_.largest_pack = 6;
  quiet_from_ms_ = dice_.between(5'000, 30'000);
  workers_.resize(static_cast<std::size_t>(dice_.between(1, 5)));
}

void World::run() {
  start_coordinator();
  const int trials = static_cast<int>(dice_.between(1, 25));
  const int keys = static_cast<int>(dice_.between(1, 3));
  std::vector<std::string> first, second;
  for (int i = 0; i < trials; ++i) {
    const std::string id = "t" + std::to_string(i);
    journal_.trials[id].key = "k" + std::to_string(dice_.between(1, keys));
    if (dice_.chance(weights_.poison)) poisoned_.insert(id);
    const bool early = dice_.chance(0.7);
    if (early) first.push_back(id);
    if (!early || dice_.chance(0.3)) second.push_back(id);
  }
  submit("s1", 0, first);
  const std::int64_t second_ms = dice_.between(0, quiet_from_ms_);
  bool submitted = false;
  for (;; now_ += kStepMs) {
    if (!scheduler_ && now_ >= restart_ms_) start_coordinator();
    if (!submitted && scheduler_ && now_ >= second_ms) {
      submitted = true;
      submit("s2", static_cast<int>(dice_.between(-1, 1)), second);
    }
    while (!network_.empty() && network_.begin()->first <= now_) {
      const Message message = network_.begin()->second;
      network_.erase(network_.begin());
      deliver(message);
    }
    for (int slot = 0; slot < static_cast<int>(workers_.size()); ++slot) step_worker(slot);
    step_user();
    if (now_ % 250 == 0) feed(Ticked{});
    if (faulty() && dice_.chance(weights_.coordinator_death) && scheduler_) stop_coordinator("killed");
    if (now_ > quiet_from_ms_ && submitted && scheduler_) {
      const bool ended = std::all_of(journal_.sweeps.begin(), journal_.sweeps.end(),
                                     [](const Journal::Sweep& s) { return s.state == SweepState::kFinished; });
      const bool delivered =
          std::all_of(workers_.begin(), workers_.end(), [](const Worker& w) { return w.held.empty(); });
      if (ended && delivered) break;
      if (now_ > quiet_from_ms_ + kQuietMs) violated(ended ? "every result is answered" : "every sweep ends");
    }
  }
  check_end();
}

/// By its failures, or because the results of retry_budget workers were refused that the fault is no worker's.
bool World::budget_is_spent(const std::string& trial) const {
  const auto refused = refused_from_.find(trial);
  return journal_.trials.at(trial).failures == limits_.retry_budget ||
         (refused != refused_from_.end() && static_cast<int>(refused->second.size()) >= limits_.retry_budget);
}

void World::check_end() {
  for (const auto& [id, trial] : journal_.trials) {
    if (trial.state == TrialState::kFinished) {
      if (trial.results != 1) violated("a finished trial has exactly one result: " + id);
    } else if (trial.state == TrialState::kFailed) {
      if (!budget_is_spent(id)) violated("a failed trial spent its budget: " + id);
      if (trial.results != 0) violated("a failed trial has no result: " + id);
    } else {
      violated("no trial is left pending: " + id);
    }
    if (trial.running()) violated("no attempt is left running: " + id);
  }
  if (!scheduler_->done() || !scheduler_->idle()) violated("the scheduler knows that all is done");
  feed(DrainRequested{});
}

// ---- The coordinator's shell ----------------------------------------------------------------------------------

void World::submit(const std::string& sweep, int priority, const std::vector<std::string>& trials) {
  journal_.sweeps.push_back({sweep, priority, SweepState::kRunning, trials});
  for (const std::string& trial : trials) {
    const Journal::Trial& t = journal_.trials.at(trial);
    if (t.running()) ++counters_["second sweep shares a running trial"];
    if (t.state == TrialState::kFinished) ++counters_["second sweep shares a finished trial"];
  }
  if (mirror_) mirror_->submit(journal_.sweeps.back(), journal_);
  if (scheduler_) feed(journal_.history(*journal_.find_sweep(sweep)));
}

void World::start_coordinator() {
  scheduler_.emplace(limits_, journal_.next_pack);
  note("coordinator starts");
  recalled_.clear();
  for (const auto& [worker, state] : std::map<std::string, WorkerState>(journal_.workers)) {
    if (!scheduler_ || state != WorkerState::kQuarantined || bug_ == Bug::kForgetQuarantine) continue;
    recalled_.insert(worker);
    feed(WorkerQuarantined{worker, journal_.worker_reasons[worker]});
  }
  for (const auto& [id, trial] : journal_.trials) {
    if (trial.running()) {
      ++counters_["recovered a running attempt"];
      listed_ms_[{{id, static_cast<int>(trial.attempts.size())}, trial.attempts.back().worker}] = now_;
      progress_[{id, static_cast<int>(trial.attempts.size())}] = {-1, now_};
    }
  }
  for (const Journal::Sweep& sweep : std::vector<Journal::Sweep>(journal_.sweeps)) {
    if (scheduler_) feed(journal_.history(sweep));
  }
}

void World::stop_coordinator(const char* why) {
  note(std::string("coordinator ends: ") + why);
  ++counters_[std::string("coordinator ended: ") + why];
  scheduler_.reset();
  restart_ms_ = now_ + dice_.between(100, 4000);
  for (Worker& worker : workers_) worker.connection = 0;
}

void World::feed(Event event) {
  if (!scheduler_) return;
  plant(event);
  note("> " + to_string(event));
  std::vector<Command> commands;
  if (!(bug_ == Bug::kForgetLeases && std::holds_alternative<Ticked>(event))) {
    commands = scheduler_->handle(event, now_);
  }
  if (const auto* refused = std::get_if<ResultRefused>(&event)) {
    refused_from_[refused->attempt.trial].insert(refused->worker);
  }
  scheduler_->sanity_check();
  plant(commands, event);
  for (const Command& command : commands) note("    " + to_string(command));
  // Death and a full disk strike before, between and after store and network.
  const bool records = std::any_of(commands.begin(), commands.end(),
                                   [](const Command& command) { return std::holds_alternative<Record>(command); });
  if (faulty() && records && dice_.chance(weights_.disk_failure)) return stop_coordinator("the disk is full");
  if (faulty() && dice_.chance(weights_.coordinator_death / 4)) return stop_coordinator("killed before the commit");
  check_order_and_store(commands, event);
  if (mirror_ && records) mirror_->record(commands, journal_);
  check_views();
  for (const Command& command : commands) {
    const auto* sent = std::get_if<Send>(&command);
    if (!sent) continue;
    if (faulty() && dice_.chance(weights_.coordinator_death / 4)) return stop_coordinator("killed between sends");
    send(*sent);
  }
}

void World::check_order_and_store(const std::vector<Command>& commands, const Event& event) {
  auto trial_at = [&](const std::string& id) -> Journal::Trial& {
    const auto it = journal_.trials.find(id);
    if (it == journal_.trials.end()) violated("a command names a known trial: " + id);
    return it->second;
  };
  auto attempt_at = [&](const AttemptId& a) -> Journal::Attempt& {
    Journal::Trial& trial = trial_at(a.trial);
    if (a.number < 1 || a.number > static_cast<int>(trial.attempts.size())) {
      violated("a command names a recorded attempt: " + trial_of(a));
    }
    return trial.attempts[static_cast<std::size_t>(a.number - 1)];
  };
  const auto* joined = std::get_if<WorkerJoined>(&event);
  const auto* beat = std::get_if<HeartbeatReceived>(&event);
  const auto* result = std::get_if<ResultReceived>(&event);
  if (joined || beat) {
    for (const HeldAttempt& h : joined ? joined->held : beat->held) {
      const std::string& who = joined ? joined->worker : beat->worker;
      listed_ms_[{h.attempt, who}] = now_;
      const bool spooled = h.stage == HeldAttempt::Stage::kSpooled;
      if (spooled) holders_[h.attempt].insert(who);
      auto& [largest, rose_ms] = progress_.emplace(h.attempt, std::make_pair(-1, now_)).first->second;
      if (h.progress > largest || (spooled && spooled_.insert(h.attempt).second)) rose_ms = now_;
      largest = std::max(largest, h.progress);
    }
  }
  bool stale_failure = std::holds_alternative<AttemptFailed>(event);

  for (const Command& command : commands) {
    if (const auto* c = as<RecordAssignment>(command)) {
      if (journal_.workers[c->worker] != WorkerState::kJoined) {
        violated("only a joined worker gets a pack, " + c->worker + " is " + name_of(journal_.workers[c->worker]));
      }
      if (distrusted_.count(c->worker)) violated("a quarantined worker gets nothing until it is released");
      if (static_cast<int>(c->attempts.size()) > capacity_[c->worker] || c->attempts.empty()) {
        violated("a pack fits its worker");
      }
      if (c->pack < journal_.next_pack) violated("pack numbers never repeat");
      journal_.next_pack = c->pack + 1;
      for (const AttemptId& a : c->attempts) {
        Journal::Trial& trial = trial_at(a.trial);
        if (trial.state != TrialState::kPending) violated("only a pending trial is assigned: " + trial_of(a));
        if (trial.running()) violated("a trial is trained once at a time: " + trial_of(a));
        if (a.number != static_cast<int>(trial.attempts.size()) + 1) violated("attempts count up: " + trial_of(a));
        if (trial.key != trial_at(c->attempts.front().trial).key) violated("a pack is fusible");
        if (trial.failures >= limits_.retry_budget) violated("the budget is kept: " + trial_of(a));
        const bool wanted = std::any_of(journal_.sweeps.begin(), journal_.sweeps.end(), [&](const Journal::Sweep& s) {
          return s.state == SweepState::kRunning && std::count(s.trials.begin(), s.trials.end(), a.trial);
        });
        if (!wanted) violated("a running sweep wants it: " + trial_of(a));
        trial.attempts.push_back({c->worker, c->pack, AttemptState::kRunning});
        listed_ms_[{a, c->worker}] = now_;
        progress_[a] = {-1, now_};
      }
      if (c->attempts.size() > 1) ++counters_["pack of several"];
    } else if (const auto* assign = as<Assign>(command)) {
      for (const AttemptId& a : assign->attempts) {
        const Journal::Trial& trial = trial_at(a.trial);
        if (a.number > static_cast<int>(trial.attempts.size())) {
          violated("an assignment is recorded before it is sent: " + trial_of(a));
        }
        const Journal::Attempt& attempt = attempt_at(a);
        if (attempt.worker != assign->worker || attempt.pack != assign->pack ||
            attempt.state != AttemptState::kRunning) {
          violated("what is sent is what was recorded: " + trial_of(a));
        }
        if (!sent_.insert(a).second) violated("an assignment is sent once: " + trial_of(a));
      }
    } else if (const auto* record = as<RecordResult>(command)) {
      if (!result || result->attempt != record->attempt) violated("a result is recorded when it comes");
      Journal::Attempt& attempt = attempt_at(record->attempt);
      Journal::Trial& trial = trial_at(record->attempt.trial);
      if (trial.state == TrialState::kFinished) violated("a trial is accepted once: " + trial_of(record->attempt));
      if (!trained_.count(record->attempt)) violated("only what was trained is recorded: " + trial_of(record->attempt));
      const bool leased = attempt.state == AttemptState::kRunning;
      if (leased != (record->how == RecordResult::How::kLeased))
        violated("adoption is said: " + trial_of(record->attempt));
      if (!leased) ++counters_["late result adopted"];
      if (!leased && trial.state == TrialState::kFailed) ++counters_["failed trial saved by a late result"];
      attempt.state = AttemptState::kFinished;
      trial.state = TrialState::kFinished;
      trial.accepted = record->attempt.number;
      ++trial.results;
      if (trial.running()) violated("no duplicate attempt stays open: " + trial_of(record->attempt));
    } else if (const auto* ack = as<AcknowledgeResult>(command)) {
      const Journal::Trial& trial = trial_at(ack->attempt.trial);
      if (trial.state != TrialState::kFinished || trial.accepted != ack->attempt.number) {
        violated("only a stored result is acknowledged: " + trial_of(ack->attempt));
      }
      if (result && std::none_of(commands.begin(), commands.end(),
                                 [](const Command& other) { return as<RecordResult>(other) != nullptr; })) {
        ++counters_["duplicate result acknowledged"];
      }
    } else if (const auto* discard = as<Discard>(command)) {
      const auto it = journal_.trials.find(discard->attempt.trial);
      if (it != journal_.trials.end() && it->second.state != TrialState::kFinished && discard->attempt.number >= 1 &&
          discard->attempt.number <= static_cast<int>(it->second.attempts.size())) {
        violated("no needed result is thrown away: " + trial_of(discard->attempt));
      }
      ++counters_["result discarded"];
    } else if (const auto* end = as<EndAttempt>(command)) {
      Journal::Attempt& attempt = attempt_at(end->attempt);
      Journal::Trial& trial = trial_at(end->attempt.trial);
      if (attempt.state != AttemptState::kRunning) violated("only a running attempt ends: " + trial_of(end->attempt));
      attempt.state = end->state;
      if (end->state != AttemptState::kCancelled) ++trial.failures;
      if (end->state == AttemptState::kFailed) {
        stale_failure = false;
        if (!said_failed_.count({attempt.worker, end->attempt})) {
          violated("a failure was reported by the worker, of this attempt: " + trial_of(end->attempt));
        }
      } else if (end->state == AttemptState::kLost) {
        const auto* lost = std::get_if<WorkerLost>(&event);
        auto held_it = [&](const std::string& who) {
          return who == attempt.worker || holders_[end->attempt].count(who);
        };
        const bool forgotten = joined && held_it(joined->worker) &&
                               std::none_of(joined->held.begin(), joined->held.end(),
                                            [&](const HeldAttempt& h) { return h.attempt == end->attempt; });
        const bool gone = lost && held_it(lost->worker) && lost->how == WorkerLost::How::kGone;
        const bool ticked = std::holds_alternative<Ticked>(event);
        const bool expired = ticked && std::any_of(listed_ms_.begin(), listed_ms_.end(), [&](const auto& listed) {
                               return listed.first.first == end->attempt && held_it(listed.first.second) &&
                                      now_ - listed.second >= limits_.lease_ms;
                             });
        const bool stalled = ticked && now_ - progress_[end->attempt].second >= limits_.stall_ms;
        if (!forgotten && !gone && !expired && !stalled)
          violated("an attempt is lost for a reason: " + trial_of(end->attempt));
        const int slot = slot_of(attempt.worker);
        if (expired && slot >= 0 && workers_[static_cast<std::size_t>(slot)].alive) {
          ++counters_["lease expired though the worker lives"];
        }
        if (stalled && !expired) ++counters_["hung attempt lost"];
        if (forgotten) ++counters_["worker came back without an attempt"];
      } else {
        const bool stopped = std::holds_alternative<SweepStopped>(event);
        const bool duplicate = result && result->attempt.trial == end->attempt.trial;
        const auto* lost = std::get_if<WorkerLost>(&event);
        const bool left = lost && lost->how == WorkerLost::How::kLeft &&
                          (lost->worker == attempt.worker || holders_[end->attempt].count(lost->worker));
        const auto* refused = std::get_if<ResultRefused>(&event);
        const bool lie = refused && refused->attempt == end->attempt;
        const auto* failed = std::get_if<AttemptFailed>(&event);
        const bool stale = failed && failed->blame == sweep::Blame::kNobody && failed->attempt == end->attempt;
        if (!stopped && !duplicate && !left && !lie && !stale)
          violated("an attempt is cancelled for a reason: " + trial_of(end->attempt));
        ++counters_[stopped ? "attempt cancelled by a stop"
                    : left  ? "attempt cancelled by a worker that left"
                    : lie   ? "refused result, at no cost to its trial"
                    : stale ? "dataset changed, at no cost to anybody"
                            : "duplicate attempt cancelled"];
      }
    } else if (const auto* fail = as<FailTrial>(command)) {
      Journal::Trial& trial = trial_at(fail->trial);
      if (trial.state != TrialState::kPending || trial.running())
        violated("only a pending trial fails: " + fail->trial);
      if (!budget_is_spent(fail->trial)) violated("a trial fails when its budget is spent: " + fail->trial);
      trial.state = TrialState::kFailed;
      ++counters_["trial failed by budget"];
    } else if (const auto* retry = as<RecordRetry>(command)) {
      Journal::Trial& trial = trial_at(retry->trial);
      if (trial.state != TrialState::kFailed) violated("only a failed trial is retried: " + retry->trial);
      trial.state = TrialState::kPending;
      trial.failures = 0;
      refused_from_.erase(retry->trial);
      ++counters_["failed trial retried"];
    } else if (const auto* set = as<RecordSweepState>(command)) {
      journal_.find_sweep(set->sweep)->state = set->state;
    } else if (const auto* finish = as<FinishSweep>(command)) {
      Journal::Sweep& sweep = *journal_.find_sweep(finish->sweep);
      int finished = 0, failed = 0;
      for (const std::string& id : sweep.trials) {
        finished += trial_at(id).state == TrialState::kFinished;
        failed += trial_at(id).state == TrialState::kFailed;
      }
      if (finished != finish->finished || failed != finish->failed)
        violated("the counts of a finished sweep are right");
      if (finished + failed != static_cast<int>(sweep.trials.size())) violated("a finished sweep has no pending trial");
      if (sweep.state == SweepState::kFinished) violated("a sweep finishes once");
      sweep.state = SweepState::kFinished;
    } else if (const auto* worker = as<RecordWorker>(command)) {
      journal_.workers[worker->worker] = worker->state;
      journal_.worker_reasons[worker->worker] = worker->reason;
      if (worker->state == WorkerState::kQuarantined) distrusted_.insert(worker->worker);
      if (std::holds_alternative<WorkerReleased>(event)) {
        if (!distrusted_.erase(worker->worker)) violated("only a quarantined worker is released: " + worker->worker);
        ++counters_[worker->state == WorkerState::kAway ? "worker released while away" : "worker released"];
        if (recalled_.erase(worker->worker)) ++counters_["worker released that an earlier coordinator quarantined"];
      }
    } else if (const auto* quarantine = as<Quarantine>(command)) {
      if (journal_.workers[quarantine->worker] != WorkerState::kQuarantined) violated("a quarantine is recorded");
      if (joined && recalled_.count(joined->worker)) ++counters_["worker came back quarantined to a new coordinator"];
      ++counters_["worker quarantined"];
    }
  }
  if (stale_failure) ++counters_["stale failure ignored"];
}

/// The scheduler's own view must be the store's.
void World::check_views() {
  std::set<AttemptId> leased;
  for (const auto& view : scheduler_->workers()) {
    for (const AttemptId& a : view.leased) {
      if (!leased.insert(a).second) violated("an attempt is leased once: " + trial_of(a));
      const Journal::Trial& trial = journal_.trials.at(a.trial);
      const auto& attempt = trial.attempts.at(static_cast<std::size_t>(a.number - 1));
      if (attempt.state != AttemptState::kRunning) ++counters_["written-off attempt resumed"];
      if (attempt.state != AttemptState::kRunning && trial.running()) violated("a trial has one lease: " + trial_of(a));
    }
  }
  for (const auto& [id, trial] : journal_.trials) {
    const bool known = std::any_of(journal_.sweeps.begin(), journal_.sweeps.end(), [&, &trial_id = id](const auto& s) {
      return scheduler_->progress(s.id) && std::count(s.trials.begin(), s.trials.end(), trial_id);
    });
    if (known && trial.running() && !leased.count({id, static_cast<int>(trial.attempts.size())})) {
      violated("what the store has running the scheduler leases: " + id);
    }
  }
  for (const Journal::Sweep& sweep : journal_.sweeps) {
    const auto progress = scheduler_->progress(sweep.id);
    if (!progress) continue;
    int finished = 0, failed = 0;
    for (const std::string& id : sweep.trials) {
      finished += journal_.trials[id].state == TrialState::kFinished;
      failed += journal_.trials[id].state == TrialState::kFailed;
    }
    if (progress->finished != finished || progress->failed != failed || progress->state != sweep.state) {
      violated("progress is what the store says: " + sweep.id);
    }
  }
}

// ---- The network ----------------------------------------------------------------------------------------------

int World::slot_of(const std::string& worker) const {
  for (int slot = 0; slot < static_cast<int>(workers_.size()); ++slot) {
    if (workers_[static_cast<std::size_t>(slot)].id == worker) return slot;
  }
  return -1;
}

void World::send(const Send& command) {
  std::string to;
  if (const auto* c = std::get_if<Assign>(&command)) to = c->worker;
  if (const auto* c = std::get_if<AcknowledgeResult>(&command)) to = c->worker;
  if (const auto* c = std::get_if<Discard>(&command)) to = c->worker;
  if (const auto* c = std::get_if<Cancel>(&command)) to = c->worker;
  if (const auto* c = std::get_if<Dismiss>(&command)) to = c->worker;
  const int slot = slot_of(to);
  if (slot < 0) return;
  Message message;
  message.slot = slot;
  message.worker = to;
  message.connection = workers_[static_cast<std::size_t>(slot)].connection;
  message.command = command;
  post(message);
}

/// Loss, delay, duplication; delays differ, so messages overtake each other.
void World::post(Message message) {
  const bool faults = faulty();
  const int copies = faults && dice_.chance(weights_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    if (faults && dice_.chance(weights_.drop)) {
      ++counters_["message lost"];
      continue;
    }
    network_.emplace(now_ + (faults ? dice_.between(1, weights_.longest_delay_ms) : 1), message);
  }
}

void World::deliver(const Message& message) {
  if (message.to_coordinator) {
    // Also messages of connections that are gone, and of processes that are dead: the scheduler must not mind. But
    // beats of a worker that this coordinator has not seen join do not reach it.
    feed(*message.event);
    const auto* refused = std::get_if<ResultRefused>(&*message.event);
    const int slot = refused ? slot_of(refused->worker) : -1;
    // The shell answers it, whatever the scheduler makes of it: it is not wanted again.
    if (scheduler_ && slot >= 0) workers_[static_cast<std::size_t>(slot)].held.erase(refused->attempt);
    return;
  }
  Worker& worker = workers_[static_cast<std::size_t>(message.slot)];
  if (!worker.alive || worker.id != message.worker) return;
  receive(worker, *message.command);
}

// ---- Workers --------------------------------------------------------------------------------------------------

std::vector<HeldAttempt> World::held_by(const Worker& worker) const {
  std::vector<HeldAttempt> held;
  for (const auto& [attempt, h] : worker.held) {
    held.push_back({attempt, h.spooled ? HeldAttempt::Stage::kSpooled : HeldAttempt::Stage::kRunning, h.progress});
  }
  return held;
}

void World::receive(Worker& worker, const Send& command) {
  if (const auto* c = std::get_if<Assign>(&command)) {
    for (const AttemptId& a : c->attempts) {
      Worker::Held held;
      held.done_ms = now_ + dice_.between(100, 1500);
      if (faulty() && dice_.chance(weights_.slow)) held.done_ms += dice_.between(1000, 9000);
      held.hung = faulty() && dice_.chance(weights_.hang);
      held.will_fail =
          worker.broken || poisoned_.count(a.trial) || (faulty() && dice_.chance(weights_.attempt_failure));
      held.lies = faulty() && dice_.chance(weights_.lie);
      held.stale = faulty() && dice_.chance(weights_.stale);
      worker.held.emplace(a, held);  // a duplicate changes nothing
    }
  } else if (const auto* ack = std::get_if<AcknowledgeResult>(&command)) {
    worker.held.erase(ack->attempt);
  } else if (const auto* discard = std::get_if<Discard>(&command)) {
    worker.held.erase(discard->attempt);
  } else if (const auto* cancel = std::get_if<Cancel>(&command)) {
    const auto it = worker.held.find(cancel->attempt);
    if (it == worker.held.end() || it->second.spooled) return;
    worker.held.erase(it);
    said_failed_.insert({worker.id, cancel->attempt});
    Message message;
    message.to_coordinator = true;
    message.event = AttemptFailed{worker.id, cancel->attempt, "cancelled"};
    post(message);
  } else if (std::holds_alternative<Dismiss>(command)) {
    worker.dismissed = true;
  }
}

void World::connect(int slot) {
  Worker& worker = workers_[static_cast<std::size_t>(slot)];
  worker.connection = ++connections_;
  worker.next_heartbeat_ms = now_ + kHeartbeatMs;
  for (auto& [attempt, held] : worker.held) held.sent_ms = -1;
  if (!worker.held.empty()) ++counters_["worker came back with attempts"];
  capacity_[worker.id] = worker.capacity;
  feed(WorkerJoined{worker.id, worker.capacity, "cpu", held_by(worker)});
}

void World::step_worker(int slot) {
  Worker& worker = workers_[static_cast<std::size_t>(slot)];
  if (!worker.alive) {
    if (now_ < worker.next_try_ms) return;
    worker.alive = true;
    worker.id = "w" + std::to_string(slot) + "." + std::to_string(++worker.incarnation);
    worker.capacity = static_cast<int>(dice_.between(1, 6));
    worker.broken = faulty() && dice_.chance(weights_.attempt_failure);
    worker.connection = 0;
  }
  if (worker.broken && !faulty()) worker.broken = false;
  if (faulty() && dice_.chance(weights_.worker_death)) {
    ++counters_["worker killed"];
    worker.alive = false;
    worker.next_try_ms = now_ + dice_.between(0, 5000);
    // The spool folder outlives the process; what it trained is gone.
    for (auto it = worker.held.begin(); it != worker.held.end();) {
      it = it->second.spooled ? std::next(it) : worker.held.erase(it);
    }
    const bool known = dice_.chance(0.5);
    const bool connected = worker.connection != 0;
    worker.connection = 0;
    if (connected && dice_.chance(0.3)) {
      feed(WorkerLost{worker.id, WorkerLost::How::kLeft, "SIGTERM"});
    } else if (known) {
      feed(WorkerLost{worker.id, WorkerLost::How::kGone, "killed"});
    } else if (connected) {
      feed(WorkerLost{worker.id, WorkerLost::How::kDisconnected, ""});
    }
    return;
  }
  // Training continues whatever the connection does.
  for (auto it = worker.held.begin(); it != worker.held.end();) {
    Worker::Held& held = it->second;
    if (held.spooled || held.hung) {
      if (held.hung && !faulty()) held.hung = false;
      ++it;
      continue;
    }
    ++held.progress;
    if (now_ < held.done_ms) {
      ++it;
      continue;
    }
    if (!held.will_fail && !held.stale) {
      held.spooled = true;
      trained_.insert(it->first);
      ++it;
      continue;
    }
    Message message;
    message.to_coordinator = true;
    message.event = AttemptFailed{worker.id, it->first, held.will_fail ? "out of memory" : "the dataset changed",
                                  held.will_fail ? sweep::Blame::kTrial : sweep::Blame::kNobody};
    said_failed_.insert({worker.id, it->first});
    if (worker.connection) post(message);
    it = worker.held.erase(it);
  }
  if (!scheduler_) return;
  if (!worker.connection) {
    if (now_ >= worker.next_try_ms) connect(slot);
    return;
  }
  if (faulty() && dice_.chance(weights_.disconnect)) {
    ++counters_["connection lost"];
    worker.connection = 0;
    worker.next_try_ms = now_ + dice_.between(0, 4000);
    feed(WorkerLost{worker.id, WorkerLost::How::kDisconnected, "reset by peer"});
    return;
  }
  if (now_ >= worker.next_heartbeat_ms) {
    worker.next_heartbeat_ms = now_ + kHeartbeatMs;
    Message message;
    message.to_coordinator = true;
    message.event = HeartbeatReceived{worker.id, held_by(worker)};
    post(message);
  }
  for (auto& [attempt, held] : worker.held) {
    if (!held.spooled || (held.sent_ms >= 0 && now_ - held.sent_ms < kResendMs)) continue;
    held.sent_ms = now_;
    Message message;
    message.to_coordinator = true;
    message.event = ResultReceived{worker.id, attempt};
    if (held.lies) message.event = ResultRefused{worker.id, attempt, "it cannot be"};
    post(message);
  }
}

void World::step_user() {
  if (!scheduler_ || journal_.sweeps.empty()) return;
  if (!faulty()) {  // resumes what was paused or stopped; replaces quarantined workers
    for (const Journal::Sweep& sweep : std::vector<Journal::Sweep>(journal_.sweeps)) {
      if (sweep.state == SweepState::kPaused || sweep.state == SweepState::kStopped) feed(SweepResumed{sweep.id});
    }
    for (Worker& worker : workers_) {
      const auto it = journal_.workers.find(worker.id);
      if (!worker.alive || it == journal_.workers.end() || it->second != WorkerState::kQuarantined) continue;
      if (std::any_of(worker.held.begin(), worker.held.end(), [](const auto& h) { return !h.second.spooled; }))
        continue;
      worker.alive = false;
      worker.connection = 0;
      worker.next_try_ms = now_;
      feed(WorkerLost{worker.id, WorkerLost::How::kGone, "replaced"});
    }
    return;
  }
  for (const auto& [worker, state] : journal_.workers) {
    if (state == WorkerState::kQuarantined && dice_.chance(weights_.user)) return feed(WorkerReleased{worker});
  }
  if (!dice_.chance(weights_.user)) return;
  const auto& sweep =
      journal_.sweeps[static_cast<std::size_t>(dice_.between(0, static_cast<int>(journal_.sweeps.size()) - 1))];
  const std::string id = sweep.id;
  switch (dice_.between(0, 5)) {
    case 0:
      return feed(SweepPaused{id});
    case 1:
      return feed(SweepStopped{id});
    case 2:
      return feed(SweepResumed{id});
    case 3:
      return feed(SweepPrioritised{id, sweep.priority});
    case 4:
      return feed(WorkerReleased{
          workers_[static_cast<std::size_t>(dice_.between(0, static_cast<int>(workers_.size()) - 1))].id});
    default:
      break;
  }
  if (sweep.trials.empty()) return;
  feed(TrialRetried{
      sweep.trials[static_cast<std::size_t>(dice_.between(0, static_cast<int>(sweep.trials.size()) - 1))]});
}

// ---- Planted bugs ---------------------------------------------------------------------------------------------

void World::plant(Event& event) {
  auto* failed = std::get_if<AttemptFailed>(&event);
  if (bug_ != Bug::kTrustStaleFailure || !failed) return;
  const auto it = journal_.trials.find(failed->attempt.trial);
  if (it == journal_.trials.end() || !it->second.running()) return;
  failed->attempt.number = static_cast<int>(it->second.attempts.size());
  failed->worker = it->second.attempts.back().worker;
}

void World::plant(std::vector<Command>& commands, const Event& event) {
  const auto* result = std::get_if<ResultReceived>(&event);
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (bug_ == Bug::kSendBeforeRecord && i > 0 && as<Assign>(commands[i])) {
      std::swap(commands[i - 1], commands[i]);
    }
    if (bug_ == Bug::kAcceptTwice && result && !as<RecordResult>(commands[i]) && as<Discard>(commands[i])) {
      commands[i] = RecordResult{result->worker, result->attempt, RecordResult::How::kAdopted};
    }
    if (bug_ == Bug::kAcknowledgeUnstored && as<RecordResult>(commands[i])) {
      commands.erase(commands.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (bug_ == Bug::kLoseNeededResult) {
      const auto* record = as<RecordResult>(commands[i]);
      if (record && record->how == RecordResult::How::kAdopted) {
        const Discard discard{record->worker, record->attempt, "too late"};
        commands.erase(commands.begin() + static_cast<std::ptrdiff_t>(i));
        commands[i] = discard;
      }
    }
    if (bug_ == Bug::kAssignQuarantined) {
      for (const auto& [id, state] : journal_.workers) {
        if (state != WorkerState::kQuarantined) continue;
        if (auto* c = as<RecordAssignment>(commands[i])) c->worker = id;
        if (auto* c = as<Assign>(commands[i])) c->worker = id;
        break;
      }
    }
  }
}

void World::note(const std::string& line) {
  history_.push_back(std::to_string(now_) + " " + line);
  if (history_.size() > 2 * kHistoryLines) {
    history_.erase(history_.begin(), history_.end() - static_cast<std::ptrdiff_t>(kHistoryLines));
  }
}

std::string World::tail_of_history() const {
  std::string text;
  const std::size_t from = history_.size() > kHistoryLines ? history_.size() - kHistoryLines : 0;
  for (std::size_t i = from; i < history_.size(); ++i) text += history_[i] + "\n";
  return text;
}

void World::violated(const std::string& rule) const {
  throw Violation("broken at " + std::to_string(now_) + " ms: " + rule);
}

}  // namespace medley::coordinator::simulation
