#include "coordinator/scheduler/scheduler.h"

#include <algorithm>
#include <cassert>
#include <climits>
#include <iterator>

namespace medley::coordinator {

using sweep::AttemptState;
using sweep::SweepState;
using sweep::TrialState;
using sweep::WorkerState;

namespace {
constexpr int kTried = 3;            // rank of a worker that tried a trial, or came since
constexpr int kBehindAll = INT_MAX;  // the negative priority of trials that are likely to be asked for

using Places = std::vector<std::pair<int, int>>;
bool has_place(const Places& places, int sweep) {
  return std::any_of(places.begin(), places.end(), [sweep](const auto& place) { return place.first == sweep; });
}
void drop_place(Places& places, int sweep) {
  places.erase(
      std::remove_if(places.begin(), places.end(), [sweep](const auto& place) { return place.first == sweep; }),
      places.end());
}
}  // namespace

Scheduler::Scheduler(Limits limits, std::int64_t next_pack) : limits_(limits), next_pack_(next_pack) {
  assert(limits_.lease_ms > 0 && limits_.stall_ms > 0 && limits_.retry_budget > 0 && limits_.largest_pack > 0);
  assert(limits_.longest_step_ms > 0);
}

std::vector<Command> Scheduler::handle(const Event& event, TimePoint now_ms) {
  assert(out_.empty());
  const TimePoint last =
      std::exchange(last_event_ms_, std::max(last_event_ms_.value_or(now_ms), now_ms)).value_or(now_ms);
  const bool paused = *last_event_ms_ - last > limits_.longest_step_ms;
  now_ += paused ? limits_.longest_step_ms / 10 : *last_event_ms_ - last;
  if (paused) assign_from_ = now_ + limits_.catch_up_ms;
  std::visit([this](const auto& e) { on(e); }, event);
  release_delayed();
  if (draining_) {
    wind_down();
  } else if (now_ >= assign_from_) {
    assign_waiting();
  }
  return std::exchange(out_, {});
}

// ---- Events ---------------------------------------------------------------------------------------------------

void Scheduler::on(const SweepSubmitted& e) {
  if (sweep_index_.count(e.sweep)) return;
  const int index = static_cast<int>(sweeps_.size());
  sweep_index_[e.sweep] = index;
  sweeps_.push_back({});
  sweeps_.back().id = e.sweep;
  sweeps_.back().priority = e.priority;
  sweeps_.back().state = e.state;
  sweeps_.back().searching = e.searching;
  add(index, e.trials);
  finish_if_complete(index);
}

void Scheduler::on(const TrialsAdded& e) {
  const auto it = sweep_index_.find(e.sweep);
  if (it == sweep_index_.end() || !sweeps_[it->second].searching) return;
  const int s = it->second;
  add(s, e.trials);
  if (!e.likely) return;
  Sweep& sweep = sweeps_[s];
  const std::vector<int> before = std::exchange(sweep.likely, {});
  for (int t : before) {
    drop_place(trials_[t].likely, s);
  }
  for (const SubmittedTrial& submitted : *e.likely) {
    const int t = admit(submitted);
    Trial& trial = trials_[t];
    if (has_place(trial.places, s) || has_place(trial.likely, s)) continue;
    trial.likely.emplace_back(s, static_cast<int>(sweep.likely.size()));
    sweep.likely.push_back(t);
    requeue(t);
  }
  for (int t : before) {
    requeue(t);
    if (trials_[t].lease && !wanted(trials_[t])) cancel(t, "the search of sweep " + sweep.id + " went another way");
  }
}

void Scheduler::on(const SweepClosed& e) {
  const auto it = sweep_index_.find(e.sweep);
  if (it == sweep_index_.end()) return;
  on(TrialsAdded{e.sweep, {}, std::vector<SubmittedTrial>()});
  sweeps_[it->second].searching = false;
  finish_if_complete(it->second);
}

void Scheduler::on(const WorkerJoined& e) {
  expected_.erase(e.worker);
  Worker& worker = workers_[e.worker];
  worker.capacity = std::clamp(e.capacity, 1, limits_.largest_pack);
  worker.state = WorkerState::kJoined;
  worker.kind = e.kind;
  worker.host = e.host;
  worker.name = e.name;
  worker.memory = e.memory_bytes;
  if (worker.joined == 0) worker.joined = ++joins_;
  worker.heard_ms = now_;
  worker.dismissed = false;
  out_.push_back(RecordWorker{e.worker, WorkerState::kJoined, ""});
  if (worker.quarantined) {
    out_.push_back(RecordWorker{e.worker, WorkerState::kQuarantined, worker.quarantine_reason});
    out_.push_back(Quarantine{e.worker, worker.quarantine_reason});
  }
  withdraw(e.worker);
  reconcile(e.worker, e.held);
  send_again_or_lose(e.worker);
}

void Scheduler::on(const WorkerLost& e) {
  if (e.how != WorkerLost::How::kDisconnected) expected_.erase(e.worker);
  const auto it = workers_.find(e.worker);
  if (it == workers_.end()) return;
  Worker& worker = it->second;
  if (worker.state == WorkerState::kLeft) return;
  const bool gone = e.how != WorkerLost::How::kDisconnected;
  if (!gone && worker.state == WorkerState::kAway) return;
  worker.state = gone ? WorkerState::kLeft : WorkerState::kAway;
  if (gone || !worker.quarantined) out_.push_back(RecordWorker{e.worker, worker.state, e.reason});
  if (!gone) {
    for (int t : worker.leased) trials_[t].lease->back_by_ms = now_ + limits_.reconnect_ms;
    return;
  }
  if (!worker.quarantined) note_departure(worker);
  worker.strays.clear();
  const std::string because = e.reason.empty() ? "" : ": " + e.reason;
  for (int t : std::set<int>(worker.leased)) {
    if (e.how == WorkerLost::How::kLeft) {
      cancel(t, name_of(e.worker) + " left" + because);
    } else {
      lose(t, Loss::kDied, name_of(e.worker) + " ended" + because);
    }
  }
  if (!worker.quarantined) workers_.erase(it);  // thousands come and go in the life of a coordinator
}

void Scheduler::on(const HeartbeatReceived& e) {
  const auto it = workers_.find(e.worker);
  if (it == workers_.end() || it->second.state == WorkerState::kLeft) return;
  hear(e.worker);
  reconcile(e.worker, e.held);
}

void Scheduler::on(const ResultReceived& e) {
  hear(e.worker);
  if (const auto it = workers_.find(e.worker); it != workers_.end()) it->second.strays.erase(e.attempt);
  const int t = index_of(e.attempt.trial);
  if (t < 0 || e.attempt.number < 1 || e.attempt.number > trials_[t].attempts) {
    out_.push_back(Discard{e.worker, e.attempt, "no such attempt"});
    return;
  }
  Trial& trial = trials_[t];
  if (trial.state == TrialState::kFinished) {
    answer_duplicate(e.worker, trial, e.attempt.number);
    return;
  }
  if (!may_send(e.worker, trial, e.attempt)) {
    out_.push_back(Discard{e.worker, e.attempt, "it was given to " + name_of(trial.given.at(e.attempt.number))});
    note_refusal(e.worker);
    return;
  }
  auto how = RecordResult::How::kAdopted;
  if (trial.lease && trial.lease->number == e.attempt.number) {
    if (!trial.lease->written_off) how = RecordResult::How::kLeased;
    drop_lease(t);
  } else if (trial.lease) {
    cancel(t, "attempt " + std::to_string(e.attempt.number) + " delivered after all");
  }
  unqueue(t);
  for (const auto& [s, position] : trial.places) {
    if (trial.state == TrialState::kFailed) --sweeps_[s].failed;
    ++sweeps_[s].finished;
  }
  trial.state = TrialState::kFinished;
  trial.accepted = e.attempt.number;
  trial.given.clear();
  trial.refused.clear();
  out_.push_back(RecordResult{e.worker, e.attempt, how});
  out_.push_back(AcknowledgeResult{e.worker, e.attempt});
  note_result(e.worker, t);
  forgive(t);
  for (const auto& [s, position] : trial.places) finish_if_complete(s);
}

void Scheduler::on(const PackSizeMeasured& e) {
  const auto it = workers_.find(e.worker);
  const int t = index_of(e.trial);
  if (it == workers_.end() || t < 0 || e.size < 1) return;
  best_size_[{it->second.kind, trials_[t].key}] = e.size;
}

void Scheduler::on(const AttemptFailed& e) {
  hear(e.worker);
  if (const auto it = workers_.find(e.worker); it != workers_.end()) it->second.strays.erase(e.attempt);
  const int t = index_of(e.attempt.trial);
  if (t < 0 || !trials_[t].lease) return;
  const Lease& lease = *trials_[t].lease;
  if (lease.number != e.attempt.number || lease.worker != e.worker) return;  // stale
  if (e.blame == sweep::Blame::kMemory) return outgrow(t, e);
  if (e.blame != sweep::Blame::kTrial) return excuse(t, e);
  lose(t, Loss::kFailed, e.reason.empty() ? "the worker gave no reason" : e.reason);
}

void Scheduler::on(const ResultRefused& e) {
  hear(e.worker);
  if (const auto it = workers_.find(e.worker); it != workers_.end()) it->second.strays.erase(e.attempt);
  const int t = index_of(e.attempt.trial);
  const std::string trainer = trainer_of(e.worker, e.attempt);
  if (t >= 0 && trials_[t].lease && trials_[t].lease->number == e.attempt.number &&
      trials_[t].lease->worker == e.worker) {
    end_lease(t, "its result was refused: " + e.reason);
    Trial& trial = trials_[t];
    if (trial.failed_on.empty()) trial.suspected = joins_;
    trial.failed_on.insert(trainer);
    trial.hosts.emplace(host_of(e.worker), "");
    trial.refused_from.insert(trainer);
    const auto from = static_cast<int>(trial.refused_from.size());
    if (from >= limits_.retry_budget) {
      fail(t, "the results of " + std::to_string(from) + " workers were refused; the last: " + e.reason);
    } else {
      requeue(t);
    }
  }
  const bool again = t >= 0 && !trials_[t].refused.insert(e.attempt.number).second;
  if (!again) note_refusal(trainer);
}

void Scheduler::on(const SweepPaused& e) {
  const auto it = sweep_index_.find(e.sweep);
  if (it == sweep_index_.end() || sweeps_[it->second].state != SweepState::kRunning) return;
  set_state(it->second, SweepState::kPaused);
}

void Scheduler::on(const SweepResumed& e) {
  const auto it = sweep_index_.find(e.sweep);
  if (it == sweep_index_.end()) return;
  const Sweep& sweep = sweeps_[it->second];
  if (sweep.state != SweepState::kPaused && sweep.state != SweepState::kStopped) return;
  if (!sweep.trials.empty()) {  // its files may have been put back
    const std::string& dataset = dataset_of(sweep.trials.front());
    for (auto& [id, worker] : workers_) worker.unfit.erase(dataset);
    missed_.erase(dataset);
  }
  set_state(it->second, SweepState::kRunning);
  finish_if_complete(it->second);
}

void Scheduler::on(const SweepStopped& e) {
  const auto it = sweep_index_.find(e.sweep);
  if (it == sweep_index_.end()) return;
  const SweepState state = sweeps_[it->second].state;
  if (state != SweepState::kRunning && state != SweepState::kPaused) return;
  stop(it->second, e.reason);
}

void Scheduler::on(const SweepRemoved& e) {
  const auto it = sweep_index_.find(e.sweep);
  if (it == sweep_index_.end()) return;
  const int s = it->second;
  Sweep& sweep = sweeps_[s];
  if (sweep.state != SweepState::kFinished && sweep.state != SweepState::kStopped) return;
  for (int t : sweep.trials) drop_place(trials_[t].places, s);
  for (int t : sweep.likely) drop_place(trials_[t].likely, s);
  sweep = {};  // the others keep their numbers
  sweep.state = SweepState::kStopped;
  sweep_index_.erase(it);
}

void Scheduler::on(const SweepPrioritised& e) {
  const auto it = sweep_index_.find(e.sweep);
  if (it == sweep_index_.end() || sweeps_[it->second].priority == e.priority) return;
  sweeps_[it->second].priority = e.priority;
  for (int t : sweeps_[it->second].trials) requeue(t);
}

void Scheduler::on(const TrialRetried& e) {
  const int t = index_of(e.trial);
  if (t < 0 || trials_[t].state != TrialState::kFailed) return;
  Trial& trial = trials_[t];
  trial.state = TrialState::kPending;
  trial.failures = 0;
  forgive(t);
  trial.not_before = now_;
  out_.push_back(RecordRetry{trial.id});
  for (const auto& [s, position] : trial.places) {
    --sweeps_[s].failed;
    if (sweeps_[s].state == SweepState::kFinished) set_state(s, SweepState::kRunning);
  }
  requeue(t);
}

void Scheduler::on(const WorkerExpected& e) {
  const auto it = workers_.find(e.worker);  // perhaps known by what it trained
  if (it == workers_.end() || it->second.joined == 0) expected_.emplace(e.worker, now_);
}

void Scheduler::on(const WorkerQuarantined& e) {
  const auto [it, unknown] = workers_.emplace(e.worker, Worker{});
  Worker& worker = it->second;
  if (unknown) worker.state = WorkerState::kAway;
  if (worker.state != WorkerState::kAway) return;
  worker.quarantined = true;
  worker.quarantine_reason = e.reason;
}

void Scheduler::on(const WorkerPaused& e) {
  const auto it = workers_.find(e.worker);
  if (it == workers_.end() || it->second.quarantined || it->second.state == WorkerState::kLeft) return;
  set_aside(e.worker, it->second, "paused by hand");
}

void Scheduler::on(const WorkerReleased& e) {
  const auto it = workers_.find(e.worker);
  if (it == workers_.end() || !it->second.quarantined || it->second.state == WorkerState::kLeft) return;
  Worker& worker = it->second;
  worker.quarantined = false;
  worker.quarantine_reason.clear();
  worker.row = {};
  worker.failed_alone.clear();
  worker.disproved = worker.refused = 0;
  out_.push_back(RecordWorker{e.worker, worker.state, "released from quarantine"});
}

void Scheduler::on(const DrainRequested&) { draining_ = true; }

void Scheduler::on(const Ticked&) {
  for (auto& [id, worker] : workers_) {
    if (worker.state != WorkerState::kJoined || now_ - worker.heard_ms < limits_.lease_ms) continue;
    worker.state = WorkerState::kAway;
    if (!worker.quarantined) out_.push_back(RecordWorker{id, WorkerState::kAway, "no heartbeat"});
  }
  stop_what_nobody_has();
  fail_what_fits_nobody();
  for (int t : std::set<int>(leased_)) {
    const Lease lease = *trials_[t].lease;
    const std::string worker = name_of(lease.worker);
    // If it still trains it, its next heartbeat says so, and it may continue (reconcile), unless it hangs.
    if (lease.back_by_ms && now_ >= *lease.back_by_ms) {
      lose(t, Loss::kDied, worker + " lost its connection and did not come back");
    } else if (now_ - lease.listed_ms >= limits_.lease_ms) {
      lose(t, Loss::kSilent,
           "no heartbeat of " + worker + " listed it for " + std::to_string(limits_.lease_ms) + " ms");
    } else if (waits(lease)) {
      trials_[t].lease->progress_ms = now_;
    } else if (now_ - lease.progress_ms >= limits_.stall_ms) {
      workers_[lease.worker].strays.insert({trials_[t].id, lease.number});
      workers_[lease.worker].stalled.insert({trials_[t].id, lease.number});
      out_.push_back(Cancel{lease.worker, {trials_[t].id, lease.number}});
      lose(t, Loss::kHung, "no progress on " + worker + " for " + std::to_string(limits_.stall_ms) + " ms");
    }
  }
}

bool Scheduler::waits(const Lease& lease) const {
  const auto it = workers_.find(lease.worker);
  if (it == workers_.end()) return false;
  return !it->second.strays.empty() || std::any_of(it->second.leased.begin(), it->second.leased.end(), [&](int t) {
    const Lease& other = *trials_[t].lease;
    return other.pack < lease.pack && !other.spooled;
  });
}

// ---- Workers --------------------------------------------------------------------------------------------------

void Scheduler::hear(const std::string& id) {
  const auto it = workers_.find(id);
  if (it == workers_.end() || it->second.state == WorkerState::kLeft) return;
  Worker& worker = it->second;
  worker.heard_ms = now_;
  if (worker.state != WorkerState::kAway) return;
  worker.state = WorkerState::kJoined;
  if (!worker.quarantined) out_.push_back(RecordWorker{id, WorkerState::kJoined, ""});
}

void Scheduler::reconcile(const std::string& id, const std::vector<HeldAttempt>& held) {
  Worker& worker = workers_[id];
  worker.strays.clear();
  std::set<AttemptId> listed;
  for (const HeldAttempt& h : held) {
    if (!listed.insert(h.attempt).second) continue;
    const int t = index_of(h.attempt.trial);
    const bool known = t >= 0 && h.attempt.number >= 1 && h.attempt.number <= trials_[t].attempts;
    const bool spooled = h.stage == HeldAttempt::Stage::kSpooled;
    if (known && spooled && trials_[t].lease && trials_[t].lease->number == h.attempt.number) hand_over(t, id);
    if (known && trials_[t].lease && trials_[t].lease->worker == id && trials_[t].lease->number == h.attempt.number) {
      renew(*trials_[t].lease, h);
    } else if (spooled) {
      // Its delivery is on the way and decides; only what has an answer already is answered now.
      if (!known) {
        out_.push_back(Discard{id, h.attempt, "no such attempt"});
      } else if (trials_[t].state == TrialState::kFinished) {
        answer_duplicate(id, trials_[t], h.attempt.number);
      }
    } else if (known && !worker.stalled.count(h.attempt) && trials_[t].state == TrialState::kPending &&
               !trials_[t].lease && wanted(trials_[t])) {
      // Written off, but alive, and no other worker has it: let it continue.
      take_lease(t, id, h.attempt.number, 0);
      trials_[t].lease->written_off = true;
      renew(*trials_[t].lease, h);
    } else {
      worker.strays.insert(h.attempt);
      out_.push_back(Cancel{id, h.attempt});
    }
  }
  for (auto it = worker.stalled.begin(); it != worker.stalled.end();) {
    it = listed.count(*it) ? std::next(it) : worker.stalled.erase(it);
  }
  worker.listed = std::move(listed);
}

void Scheduler::renew(Lease& lease, const HeldAttempt& held) {
  lease.listed_ms = now_;
  lease.back_by_ms.reset();
  const bool spooled = held.stage == HeldAttempt::Stage::kSpooled;
  if (held.progress > lease.progress || (spooled && !lease.spooled)) lease.progress_ms = now_;
  lease.progress = std::max(lease.progress, held.progress);
  lease.spooled = lease.spooled || spooled;  // a delayed heartbeat does not untrain it
}

/// A worker came back, and what it lists is all that it holds: other attempts never reached it, or ended unheard.
void Scheduler::send_again_or_lose(const std::string& id) {
  const Worker& worker = workers_[id];
  std::map<std::int64_t, std::vector<AttemptId>> unheard;  // by pack
  for (int t : std::set<int>(worker.leased)) {
    Lease& lease = *trials_[t].lease;
    const AttemptId attempt{trials_[t].id, lease.number};
    if (worker.listed.count(attempt)) continue;
    const bool reached = lease.progress >= 0 || lease.written_off;
    if (reached || !usable(worker) || draining_ || !wanted(trials_[t]) || lease.sent >= limits_.retry_budget) {
      lose(t, Loss::kSilent, name_of(id) + " came back without it");
      continue;
    }
    ++lease.sent;
    lease.listed_ms = lease.progress_ms = now_;
    lease.back_by_ms.reset();
    unheard[lease.pack].push_back(attempt);
  }
  for (auto& [pack, attempts] : unheard) out_.push_back(Assign{id, pack, std::move(attempts)});
}

/// `worker` trained it: it and its host can, and whoever failed it alone was at fault.
void Scheduler::note_result(const std::string& id, int t) {
  hosts_.erase(host_of(id));
  for (const std::string& other : std::set<std::string>(trials_[t].failed_on)) {
    const auto it = workers_.find(other);
    if (it == workers_.end() || other == id || it->second.failed_alone.erase(t) == 0) continue;
    Worker& worker = it->second;
    if (++worker.disproved < limits_.quarantine_after || worker.quarantined) continue;
    const bool last = std::none_of(workers_.begin(), workers_.end(),
                                   [&, &o = other](const auto& w) { return w.first != o && usable(w.second); });
    if (last || worker.state == WorkerState::kLeft) continue;
    quarantine(other, worker,
               "failed " + std::to_string(worker.disproved) + " trials alone that others finished, the last by " +
                   name_of(id));
  }
  const auto it = workers_.find(id);
  if (it == workers_.end()) return;
  it->second.row = {};
  it->second.failed_alone.clear();
  it->second.disproved = 0;
}

void Scheduler::note_refusal(const std::string& id) {
  const auto it = workers_.find(id);
  if (it == workers_.end()) return;
  Worker& worker = it->second;
  if (++worker.refused < limits_.quarantine_after || worker.quarantined || worker.state == WorkerState::kLeft) return;
  quarantine(id, worker, "sent " + std::to_string(worker.refused) + " results that cannot be true");
}

void Scheduler::set_aside(const std::string& id, Worker& worker, const std::string& reason) {
  worker.quarantined = true;
  worker.quarantine_reason = reason;
  out_.push_back(RecordWorker{id, WorkerState::kQuarantined, reason});
}

void Scheduler::quarantine(const std::string& id, Worker& worker, const std::string& reason) {
  set_aside(id, worker, reason);
  out_.push_back(Quarantine{id, reason});
}

/// Its own attempt, or one of a spool that it took over and told us of. What an earlier coordinator assigned is not
/// known, nor is what a worker said that has left or has not joined yet.
bool Scheduler::may_send(const std::string& id, const Trial& trial, const AttemptId& attempt) const {
  const auto given = trial.given.find(attempt.number);
  if (given == trial.given.end() || given->second == id) return true;
  const auto worker = workers_.find(id);
  return worker == workers_.end() || worker->second.joined == 0 || worker->second.listed.count(attempt) != 0;
}

/// Who is to blame for a result: of a spool that was taken over not the sender, but whoever left it.
std::string Scheduler::trainer_of(const std::string& sender, const AttemptId& attempt) const {
  const int t = index_of(attempt.trial);
  if (t < 0 || attempt.number < 1 || attempt.number > trials_[t].attempts) return sender;
  if (!may_send(sender, trials_[t], attempt)) return sender;
  const auto given = trials_[t].given.find(attempt.number);
  return given == trials_[t].given.end() ? "" : given->second;
}

bool Scheduler::usable(const Worker& worker) const {
  return worker.state == WorkerState::kJoined && worker.joined > 0 && !worker.quarantined && !worker.dismissed;
}

bool Scheduler::there(const Worker& worker) const {
  const bool back_soon = now_ - worker.heard_ms < limits_.lease_ms + limits_.reconnect_ms;
  return usable(worker) || (worker.state == WorkerState::kAway && back_soon && !worker.quarantined);
}

bool Scheduler::may_return(const Worker& worker) const {
  return worker.state == WorkerState::kAway && now_ - worker.heard_ms < limits_.stall_ms && !worker.quarantined;
}

bool Scheduler::free(const Worker& worker) const { return worker.strays.empty() && delivers(worker); }

bool Scheduler::delivers(const Worker& worker) const {
  return std::all_of(worker.leased.begin(), worker.leased.end(), [this](int t) { return trials_[t].lease->spooled; });
}

const std::string& Scheduler::host_of(const std::string& id) const {
  const auto it = workers_.find(id);
  return it == workers_.end() || it->second.host.empty() ? id : it->second.host;
}

std::string Scheduler::name_of(const std::string& id) const {
  const auto it = workers_.find(id);
  return "worker " + (it == workers_.end() || it->second.name.empty() ? id : it->second.name);
}

void Scheduler::note(Row& row, std::int64_t pack) {
  if (pack < row.from) return;
  ++row.packs;
  row.from = next_pack_;
  row.until = now_ + retry_delay(row.packs - limits_.quarantine_after + 1);
}

bool Scheduler::suspect(const Worker& worker) const {
  const auto host = hosts_.find(worker.host);
  return suspect(worker.row) || (host != hosts_.end() && suspect(host->second));
}

// ---- Trials ---------------------------------------------------------------------------------------------------

int Scheduler::index_of(const std::string& trial) const {
  const auto it = trial_index_.find(trial);
  return it == trial_index_.end() ? -1 : it->second;
}

int Scheduler::admit(const SubmittedTrial& submitted) {
  const auto [it, inserted] = trial_index_.emplace(submitted.id, static_cast<int>(trials_.size()));
  if (!inserted) return it->second;
  const auto key = key_index_.emplace(submitted.pack_key, static_cast<int>(key_index_.size())).first->second;
  waiting_of_.resize(key_index_.size());
  dataset_of_.resize(key_index_.size(), submitted.dataset);
  trials_.push_back({});
  Trial& trial = trials_.back();
  trial.id = submitted.id;
  trial.key = key;
  trial.state = submitted.state;
  trial.attempts = std::max(submitted.attempts, 0);
  trial.failures = std::max(submitted.failures, 0);
  if (trial.state == TrialState::kPending && !submitted.running_worker.empty() && trial.attempts > 0) {
    // Read back: its worker gets one lease to come back with it.
    const auto [worker, unknown] = workers_.emplace(submitted.running_worker, Worker{});
    if (unknown) worker->second.state = WorkerState::kAway;
    take_lease(it->second, submitted.running_worker, trial.attempts, submitted.running_pack);
  }
  return it->second;
}

bool Scheduler::wanted(const Trial& trial) const {
  const auto open = [this](const auto& place) {
    const SweepState state = sweeps_[place.first].state;
    return state == SweepState::kRunning || state == SweepState::kPaused;
  };
  return std::any_of(trial.places.begin(), trial.places.end(), open) ||
         std::any_of(trial.likely.begin(), trial.likely.end(), open);
}

std::optional<Scheduler::Order> Scheduler::order_of(const Trial& trial) const {
  std::optional<Order> first;
  for (const auto& [s, position] : trial.places) {
    if (sweeps_[s].state != SweepState::kRunning) continue;
    const Order order{-sweeps_[s].priority, s, position};
    if (!first || order < *first) first = order;
  }
  for (const auto& [s, position] : trial.likely) {
    if (!first && sweeps_[s].state == SweepState::kRunning) first = Order{kBehindAll, s, position};
  }
  return first;
}

void Scheduler::unqueue(int t) {
  Trial& trial = trials_[t];
  if (trial.queued) {
    waiting_.erase(*trial.queued);
    waiting_of_[trial.key].erase(*trial.queued);
    trial.queued.reset();
  }
  if (trial.delayed) {
    delayed_.erase({trial.not_before, t});
    trial.delayed = false;
  }
}

void Scheduler::requeue(int t) {
  unqueue(t);
  Trial& trial = trials_[t];
  if (trial.state != TrialState::kPending || trial.lease) return;
  const auto order = order_of(trial);
  if (!order) return;
  if (trial.not_before > now_) {
    delayed_.insert({trial.not_before, t});
    trial.delayed = true;
    return;
  }
  trial.queued = order;
  waiting_[*order] = t;
  waiting_of_[trial.key][*order] = t;
}

void Scheduler::release_delayed() {
  while (!delayed_.empty() && delayed_.begin()->first <= now_) requeue(delayed_.begin()->second);
}

void Scheduler::take_lease(int t, const std::string& worker, int number, std::int64_t pack) {
  Trial& trial = trials_[t];
  assert(!trial.lease && trial.state == TrialState::kPending);
  unqueue(t);
  Lease lease;
  lease.worker = worker;
  lease.number = number;
  lease.pack = pack;
  lease.listed_ms = lease.progress_ms = now_;
  trial.lease = lease;
  trial.given[number] = worker;
  leased_.insert(t);
  workers_[worker].leased.insert(t);
  for (const auto& [s, position] : trial.places) ++sweeps_[s].running;
}

void Scheduler::drop_lease(int t) {
  Trial& trial = trials_[t];
  assert(trial.lease);
  leased_.erase(t);
  workers_[trial.lease->worker].leased.erase(t);
  for (const auto& [s, position] : trial.places) --sweeps_[s].running;
  trial.lease.reset();
}

/// Its attempt is cancelled, which costs no retry.
void Scheduler::end_lease(int t, const std::string& reason) {
  const Lease lease = *trials_[t].lease;
  drop_lease(t);
  if (!lease.written_off) out_.push_back(EndAttempt{{trials_[t].id, lease.number}, AttemptState::kCancelled, reason});
}

/// The spool of a dead worker was taken over by another process.
void Scheduler::hand_over(int t, const std::string& worker) {
  Lease& lease = *trials_[t].lease;
  workers_[lease.worker].leased.erase(t);
  workers_[worker].leased.insert(t);
  lease.worker = worker;
}

void Scheduler::lose(int t, Loss how, const std::string& reason) {
  Trial& trial = trials_[t];
  const Lease lease = *trial.lease;
  drop_lease(t);
  if (lease.written_off) return requeue(t);
  const bool silent = how == Loss::kSilent || lease.spooled;
  const bool counts = (!silent || ++trial.silent > limits_.retry_budget) && accuse(t, lease, how);
  const AttemptState state = how == Loss::kFailed ? AttemptState::kFailed : AttemptState::kLost;
  out_.push_back(EndAttempt{{trial.id, lease.number}, state, reason, counts});
  if (counts) {
    if (how == Loss::kDied) workers_[lease.worker].mourned[t] = lease.number;
    ++trial.failures;
    int hosts = 0;
    std::string where;
    for (const auto& [host, worker] : trial.hosts) {
      if (!worker.empty()) where += (hosts++ ? ", " : " on ") + worker;
    }
    if (trial.failures >= limits_.retry_budget && (hosts > 1 || !untried(trial, false))) {
      return fail(t, std::to_string(trial.failures) + " attempts failed," + where + "; the last: " + reason);
    }
  }
  trial.not_before = now_ + retry_delay(counts ? trial.failures : how == Loss::kFailed ? 1 : 0);
  requeue(t);
}

/// An attempt of it failed. True when that counts against the trial.
bool Scheduler::accuse(int t, const Lease& lease, Loss how) {
  Trial& trial = trials_[t];
  const std::string& host = host_of(lease.worker);
  const bool alone = lease.size == 1;
  if (trial.failed_on.empty()) trial.suspected = joins_;
  trial.failed_on.insert(lease.worker);
  const bool first = trial.hosts.emplace(host, "").second;
  split(t, lease);
  Worker& worker = workers_[lease.worker];
  if (how == Loss::kFailed || how == Loss::kHung) {
    note(worker.row, lease.pack);
    if (alone) worker.failed_alone.insert(t);
  } else {
    note(hosts_[host], lease.pack);
  }
  // Where all else fails too it says nothing, while a worker of good record may yet return and try it.
  const bool awaited = std::any_of(workers_.begin(), workers_.end(), [&](const auto& w) {
    return may_return(w.second) && !suspect(w.second) && fits(w.second, trial);
  });
  if (!alone || (suspect(worker) && (awaited || (first && untried(trial, true))))) return false;
  trial.hosts[host] = name_of(lease.worker);
  return true;
}

/// It lives: what it was said to have died of is no evidence against trials.
void Scheduler::withdraw(const std::string& id) {
  Worker& worker = workers_[id];
  for (const auto& [t, number] : std::exchange(worker.mourned, {})) {
    Trial& trial = trials_[t];
    const auto evidence = trial.hosts.find(host_of(id));
    if (trial.state != TrialState::kPending || evidence == trial.hosts.end() || evidence->second != name_of(id))
      continue;
    trial.hosts.erase(evidence);
    --trial.failures;
    out_.push_back(ExcuseAttempt{{trial.id, number}});
  }
}

/// Its pack failed: the culprit is in it, so who was suspected with it before, and is not in this pack, is cleared.
void Scheduler::split(int t, const Lease& lease) {
  Trial& trial = trials_[t];
  for (int mate : crashed_.count(trial.crashed) ? std::set<int>(crashed_[trial.crashed]) : std::set<int>()) {
    const auto& other = trials_[mate].lease;
    if (mate == t || !(other && other->pack == lease.pack)) clear(trials_[mate]);
  }
  clear(trial);
  if (lease.size == 1) return;
  trial.crashed = lease.pack;
  trial.largest = std::max(1, lease.size / 2);
  crashed_[lease.pack].insert(t);
}

void Scheduler::clear(Trial& trial) {
  const auto it = crashed_.find(trial.crashed);
  if (it != crashed_.end() && it->second.erase(trial_index_.at(trial.id)) && it->second.empty()) crashed_.erase(it);
  trial.crashed = trial.largest = 0;
}

/// Nothing is held against it any more.
void Scheduler::forgive(int t) {
  Trial& trial = trials_[t];
  clear(trial);
  trial.failed_on.clear();
  trial.hosts.clear();
  trial.refused_from.clear();
  trial.silent = 0;
  trial.outgrown = -1;
  outgrown_.erase(t);
}

/// Somebody is there who should try it before it is judged. With `trusted` only workers of good record.
bool Scheduler::untried(const Trial& trial, bool trusted) const {
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& w) {
    return there(w.second) && fits(w.second, trial) && rank(w.first, trial) < kTried && !(trusted && suspect(w.second));
  });
}

void Scheduler::excuse(int t, const AttemptFailed& failed) {
  end_lease(t, failed.reason);
  requeue(t);
  if (failed.blame != sweep::Blame::kDataset) return;
  if (const auto it = workers_.find(failed.worker); it != workers_.end()) it->second.unfit.insert(dataset_of(t));
  missed_[dataset_of(t)] = failed.reason;
  stop_what_nobody_has();
}

void Scheduler::outgrow(int t, const AttemptFailed& failed) {
  Trial& trial = trials_[t];
  const Worker& worker = workers_[failed.worker];
  const int size = trial.lease->size;
  end_lease(t, failed.reason);
  if (size > 1) {
    int& most = fits_.emplace(std::make_pair(worker.kind, trial.key), size).first->second;
    most = std::min(most, size / 2);
  } else if (size == 1) {
    trial.outgrown = std::max(trial.outgrown, worker.memory);
    outgrown_.insert(t);
  }
  requeue(t);
  fail_what_fits_nobody();
}

template <class Can>
bool Scheduler::nobody_can(Can can) const {
  bool somebody = false;
  for (const auto& [id, worker] : workers_) {
    if (can(worker) && (there(worker) || may_return(worker))) return false;
    somebody = somebody || there(worker);
  }
  return somebody;
}

void Scheduler::note_departure(const Worker& worker) {
  for (auto it = departed_.begin(); it != departed_.end();) {
    it = now_ - it->second.at_ms < limits_.stall_ms ? std::next(it) : departed_.erase(it);
  }
  Departure& last = departed_[worker.host];
  if (worker.memory >= last.memory) last = {worker.memory, now_};
}

bool Scheduler::follows_larger(const Trial& trial) const {
  const auto lately = [&](TimePoint at) { return now_ - at < limits_.stall_ms; };
  return std::any_of(
             departed_.begin(), departed_.end(),
             [&](const auto& host) { return host.second.memory > trial.outgrown && lately(host.second.at_ms); }) ||
         std::any_of(expected_.begin(), expected_.end(), [&](const auto& worker) { return lately(worker.second); });
}

void Scheduler::fail_what_fits_nobody() {
  for (int t : std::set<int>(outgrown_)) {
    const Trial& trial = trials_[t];
    if (trial.state != TrialState::kPending || trial.lease) continue;
    if (follows_larger(trial) || !nobody_can([&](const Worker& worker) { return fits(worker, trial); })) continue;
    outgrown_.erase(t);
    unqueue(t);
    fail(t, trial.outgrown == 0
                ? "does not fit in the memory of any worker"  // none says how much it has
                : "does not fit in " + std::to_string(trial.outgrown) + " bytes, the most that a worker has");
  }
}

void Scheduler::stop_what_nobody_has() {
  for (auto missed = missed_.begin(); missed != missed_.end();) {
    const auto& [dataset, reason] = *missed;
    if (!nobody_can([&, &d = dataset](const Worker& worker) { return worker.unfit.count(d) == 0; })) {
      ++missed;
      continue;
    }
    for (int s = 0; s < static_cast<int>(sweeps_.size()); ++s) {
      if (sweeps_[s].state != SweepState::kRunning || sweeps_[s].trials.empty()) continue;
      if (dataset_of(sweeps_[s].trials.front()) == dataset) stop(s, reason);
    }
    missed = missed_.erase(missed);
  }
}

void Scheduler::cancel(int t, const std::string& reason) {
  Trial& trial = trials_[t];
  const Lease lease = *trial.lease;
  const AttemptId attempt{trial.id, lease.number};
  end_lease(t, reason);
  Worker& worker = workers_[lease.worker];
  if (worker.state == WorkerState::kJoined) {
    worker.strays.insert(attempt);
    out_.push_back(Cancel{lease.worker, attempt});
  }
  requeue(t);
}

void Scheduler::fail(int t, const std::string& reason) {
  Trial& trial = trials_[t];
  trial.state = TrialState::kFailed;
  out_.push_back(FailTrial{trial.id, reason});
  forgive(t);
  for (const auto& [s, position] : trial.places) ++sweeps_[s].failed;
  for (const auto& [s, position] : trial.places) finish_if_complete(s);
}

std::int64_t Scheduler::retry_delay(int failures) const {
  if (failures < 1) return 0;
  std::int64_t delay = limits_.retry_delay_ms;
  for (int i = 1; i < failures && delay < limits_.largest_retry_delay_ms; ++i) delay *= 2;
  return std::min(delay, limits_.largest_retry_delay_ms);
}

void Scheduler::answer_duplicate(const std::string& worker, const Trial& trial, int number) {
  const AttemptId attempt{trial.id, number};
  if (trial.accepted == number) {
    out_.push_back(AcknowledgeResult{worker, attempt});
  } else {
    out_.push_back(Discard{worker, attempt, "the trial has a result already"});
  }
}

// ---- Sweeps ---------------------------------------------------------------------------------------------------

void Scheduler::set_state(int s, SweepState state, const std::string& reason) {
  sweeps_[s].state = state;
  out_.push_back(RecordSweepState{sweeps_[s].id, state, reason});
  for (int t : sweeps_[s].trials) requeue(t);
  for (int t : sweeps_[s].likely) requeue(t);
}

void Scheduler::stop(int s, const std::string& reason) {
  set_state(s, SweepState::kStopped, reason);
  for (const auto* trials : {&sweeps_[s].trials, &sweeps_[s].likely}) {
    for (int t : *trials) {
      if (trials_[t].lease && !wanted(trials_[t])) cancel(t, "sweep " + sweeps_[s].id + " was stopped");
    }
  }
}

void Scheduler::add(int s, const std::vector<SubmittedTrial>& trials) {
  for (const SubmittedTrial& submitted : trials) {
    const int t = admit(submitted);
    Sweep& sweep = sweeps_[s];
    Trial& trial = trials_[t];
    if (has_place(trial.places, s)) continue;  // listed twice: trained once
    trial.places.emplace_back(s, static_cast<int>(sweep.trials.size()));
    sweep.trials.push_back(t);
    if (trial.state == TrialState::kFinished) ++sweep.finished;
    if (trial.state == TrialState::kFailed) ++sweep.failed;
    if (trial.lease) ++sweep.running;
    requeue(t);
  }
}

void Scheduler::finish_if_complete(int s) {
  Sweep& sweep = sweeps_[s];
  if (sweep.state == SweepState::kFinished || sweep.searching || !sweep.ended()) return;
  sweep.state = SweepState::kFinished;
  out_.push_back(FinishSweep{sweep.id, sweep.finished, sweep.failed});
}

// ---- Assignment -----------------------------------------------------------------------------------------------

bool Scheduler::fits(const Worker& worker, const Trial& trial) const {
  const std::string& dataset = dataset_of_[static_cast<std::size_t>(trial.key)];
  return !worker.unfit.count(dataset) && (trial.outgrown < 0 || worker.memory > trial.outgrown);
}

/// Who should try it first: another host, then one where it failed in packs only, then a worker that was there before
/// it failed. A process that came since may be the next of one that dies of everything.
int Scheduler::rank(const std::string& id, const Trial& trial) const {
  const auto host = trial.hosts.find(host_of(id));
  if (host == trial.hosts.end()) return 0;
  if (host->second.empty()) return 1;
  return !trial.failed_on.count(id) && workers_.at(id).joined <= trial.suspected ? 2 : kTried;
}

bool Scheduler::may_train(const std::string& worker, const Trial& trial) const {
  if (!fits(workers_.at(worker), trial)) return false;
  const int own = rank(worker, trial);
  return own == 0 || std::none_of(workers_.begin(), workers_.end(), [&](const auto& w) {
           return usable(w.second) && fits(w.second, trial) && rank(w.first, trial) < own;
         });
}

/// One at a time for a host, and later each time if there are others.
bool Scheduler::may_have_canary(const std::string& id) const {
  const std::string& host = host_of(id);
  const Row& row = workers_.at(id).row;
  const auto of_host = hosts_.find(host);
  const bool dies = of_host != hosts_.end() && suspect(of_host->second);
  const TimePoint until = std::max(suspect(row) ? row.until : 0, dies ? of_host->second.until : 0);
  return std::none_of(workers_.begin(), workers_.end(), [&](const auto& w) {
    // Also one that has lost its connection: it may have died of its canary.
    const bool trains = usable(w.second) ? !free(w.second) : !delivers(w.second);
    if (dies && w.first != id && host_of(w.first) == host && trains) return true;
    return usable(w.second) && now_ < until && !suspect(w.second);
  });
}

/// Of the sweeps of the highest priority the one with the fewest running trials, then the one whose turn was longest
/// ago. A canary that never failed goes before all others.
std::map<Scheduler::Order, int>::const_iterator Scheduler::choose_head(const std::string& worker, bool canary) const {
  const auto blamed = [&](auto it) { return canary && !trials_[it->second].failed_on.empty(); };
  const auto claim = [&](auto it) {
    const Sweep& sweep = sweeps_[it->first.sweep];
    return std::make_tuple(blamed(it), it->first.negative_priority, sweep.running, sweep.turn);
  };
  auto head = waiting_.end();
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const Order& order = it->first;
    const auto next_sweep = waiting_.lower_bound({order.negative_priority, order.sweep + 1, 0});
    if (workers_.at(worker).unfit.count(dataset_of(it->second))) {  // of the whole sweep, which may be large
      it = next_sweep;
      continue;
    }
    auto own = next_sweep;
    for (; it != next_sweep; ++it) {
      if (!may_train(worker, trials_[it->second])) continue;
      if (own == next_sweep || !blamed(it)) own = it;
      if (!blamed(it)) break;
    }
    if (own != next_sweep && (head == waiting_.end() || claim(own) < claim(head))) head = own;
    it = next_sweep;
    if (head != waiting_.end() && !blamed(head) && it != waiting_.end() &&
        it->first.negative_priority > head->first.negative_priority) {
      break;
    }
  }
  return head;
}

std::vector<int> Scheduler::choose_pack(const std::string& worker, int limit) const {
  const bool canary = suspect(workers_.at(worker));
  const auto head = choose_head(worker, canary);
  if (head == waiting_.end()) return {};
  std::vector<int> pack{head->second};
  const Trial& first = trials_[head->second];
  if (canary || first.failures > 0) return pack;
  for (const auto* sizes : {&best_size_, &fits_}) {
    const auto size = sizes->find({workers_.at(worker).kind, first.key});
    if (size != sizes->end()) limit = std::min(limit, size->second);
  }
  if (first.crashed) limit = std::min(limit, first.largest);
  const auto& fusible = waiting_of_[first.key];
  for (auto it = fusible.upper_bound(head->first); it != fusible.end(); ++it) {
    if (static_cast<int>(pack.size()) >= limit) break;
    const Trial& trial = trials_[it->second];
    if ((it->first.negative_priority == kBehindAll) != (head->first.negative_priority == kBehindAll)) break;
    const bool mate = trial.failures == 0 && trial.crashed == first.crashed;
    if (mate && may_train(worker, trial)) pack.push_back(it->second);
  }
  return pack;
}

void Scheduler::assign_waiting() {
  if (waiting_.empty()) return;
  std::int64_t capacity = 0;
  int sharers = 0;
  std::set<std::pair<int, std::string>> idle;  // small workers first, so that the large ones share what is left
  for (const auto& [id, worker] : workers_) {
    if (!usable(worker)) continue;
    capacity += worker.capacity;
    ++sharers;
    if (free(worker)) idle.insert({worker.capacity, id});
  }
  for (const auto& [worker_capacity, id] : idle) {
    if (waiting_.empty()) return;
    const auto behind = waiting_.lower_bound({kBehindAll, 0, 0});
    auto left = std::distance(behind, waiting_.end());
    if (behind != waiting_.begin()) left = static_cast<std::ptrdiff_t>(waiting_.size()) - left;
    int limit = worker_capacity;
    if (left < capacity) {  // the tail: everybody gets a share, also those who will be idle soon
      limit = std::min(limit, static_cast<int>((left + sharers - 1) / sharers));
    }
    if (suspect(workers_[id]) && !may_have_canary(id)) continue;
    const std::vector<int> pack = choose_pack(id, limit);
    if (pack.empty()) continue;
    assign(id, pack);
    capacity -= worker_capacity;
    --sharers;
  }
}

void Scheduler::assign(const std::string& worker, const std::vector<int>& pack) {
  std::vector<AttemptId> attempts;
  const std::int64_t number = next_pack_++;
  sweeps_[trials_[pack.front()].queued->sweep].turn = number;
  for (int t : pack) {
    ++trials_[t].attempts;
    take_lease(t, worker, trials_[t].attempts, number);
    trials_[t].lease->size = static_cast<int>(pack.size());
    attempts.push_back({trials_[t].id, trials_[t].attempts});
  }
  out_.push_back(RecordAssignment{worker, number, attempts});
  out_.push_back(Assign{worker, number, attempts});
}

void Scheduler::wind_down() {
  for (auto& [id, worker] : workers_) {
    if (worker.state != WorkerState::kJoined || worker.dismissed) continue;
    if (!worker.leased.empty() || !worker.strays.empty()) continue;
    worker.dismissed = true;
    out_.push_back(Dismiss{id, "the coordinator is ending"});
  }
  if (leased_.empty() && !shut_down_) {
    shut_down_ = true;
    out_.push_back(Shutdown{});
  }
}

// ---- Views ----------------------------------------------------------------------------------------------------

std::optional<Scheduler::Progress> Scheduler::progress(const std::string& id) const {
  const auto it = sweep_index_.find(id);
  if (it == sweep_index_.end()) return std::nullopt;
  const Sweep& sweep = sweeps_[it->second];
  return Progress{sweep.state, static_cast<int>(sweep.trials.size()), sweep.finished, sweep.failed, sweep.running};
}

std::vector<Scheduler::WorkerView> Scheduler::workers() const {
  std::vector<WorkerView> views;
  for (const auto& [id, worker] : workers_) {
    WorkerView view{id, worker.state, worker.quarantined, worker.capacity, {}};
    if (worker.quarantined && worker.state == WorkerState::kJoined) view.state = WorkerState::kQuarantined;
    for (int t : worker.leased) view.leased.push_back({trials_[t].id, trials_[t].lease->number});
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<std::string> Scheduler::searching() const {
  std::vector<std::string> ids;
  for (const Sweep& sweep : sweeps_) {
    if (sweep.searching && sweep.state == SweepState::kRunning && sweep.ended()) ids.push_back(sweep.id);
  }
  return ids;
}

bool Scheduler::idle() const { return leased_.empty(); }

bool Scheduler::done() const {
  return std::all_of(sweeps_.begin(), sweeps_.end(), [](const Sweep& sweep) {
    return sweep.state == SweepState::kFinished || sweep.state == SweepState::kStopped;
  });
}

void Scheduler::sanity_check() const {
  std::size_t waiting = 0, delayed = 0, leased = 0;
  for (int t = 0; t < static_cast<int>(trials_.size()); ++t) {
    const Trial& trial = trials_[t];
    const bool pending = trial.state == TrialState::kPending;
    assert(pending || !trial.lease);
    assert(trial.crashed == 0 || (pending && trial.largest > 0 && crashed_.at(trial.crashed).count(t)));
    const bool due = pending && !trial.lease && order_of(trial).has_value();
    assert(due == (trial.queued.has_value() || trial.delayed));
    assert(!(trial.queued && trial.delayed));
    if (trial.queued) {
      assert(!(*trial.queued < *order_of(trial)) && !(*order_of(trial) < *trial.queued));
      assert(waiting_.at(*trial.queued) == t && waiting_of_[trial.key].at(*trial.queued) == t);
      ++waiting;
    }
    if (trial.delayed) {
      assert(delayed_.count({trial.not_before, t}));
      ++delayed;
    }
    if (trial.lease) {
      assert(trial.lease->number >= 1 && trial.lease->number <= trial.attempts);
      assert(leased_.count(t) && workers_.at(trial.lease->worker).leased.count(t));
      ++leased;
    }
  }
  assert(waiting == waiting_.size() && delayed == delayed_.size() && leased == leased_.size());
  std::size_t keyed = 0, held = 0;
  for (const auto& of_key : waiting_of_) keyed += of_key.size();
  assert(keyed == waiting_.size());
  for (const auto& [id, worker] : workers_) {
    held += worker.leased.size();
    assert(worker.state != WorkerState::kLeft || worker.leased.empty());
    for (int t : worker.leased) assert(trials_[t].lease->worker == id);
  }
  assert(held == leased_.size());
  for (const Sweep& sweep : sweeps_) {
    int finished = 0, failed = 0, running = 0;
    for (int t : sweep.trials) {
      finished += trials_[t].state == TrialState::kFinished;
      failed += trials_[t].state == TrialState::kFailed;
      running += trials_[t].lease.has_value();
    }
    assert(finished == sweep.finished && failed == sweep.failed && running == sweep.running);
    // One that is introduced by slices is as it was stored, and counts as searching until the last of them.
    assert(sweep.state != SweepState::kFinished || sweep.searching || sweep.ended());
    for (int t : sweep.likely) assert(has_place(trials_[t].likely, static_cast<int>(&sweep - sweeps_.data())));
  }
}

}  // namespace medley::coordinator
