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
constexpr std::int64_t kTickMs = 250;
constexpr std::int64_t kHeartbeatMs = 200;
constexpr std::int64_t kResendMs = 500;
constexpr std::int64_t kQuietMs = 200'000;  ///< after the faults stop, everything must have ended by then
constexpr std::size_t kHistoryLines = 60;

/// What training it gives.
std::int64_t value_of(const std::string& trial) {
  std::int64_t value = 7;
  for (const char c : trial) value = value * 31 + c;
  return value;
}

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
  lie = weight(0.3);
  disk_failure = weight(0.02);
  user = weight(0.03);
  poison = weight(0.15);
  stale = weight(0.1);
  longest_delay_ms = dice.chance(0.3) ? 1 : dice.between(2, 2500);
  pause = weight(0.01);
  slow_disk = weight(0.05);
  worker_pause = weight(0.005);
  cut = weight(0.003);
  large = weight(0.5);
  broken = weight(0.6);
  crash_loop = dice.chance(0.4);
  calm = dice.chance(0.4);
  no_descriptors = weight(0.01);
  spool_failure = weight(0.2);
  if (!calm) return;
  drop = disconnect = worker_death = hang = attempt_failure = broken = 0;
  longest_delay_ms = 1 + longest_delay_ms / 10;
}

Journal::Sweep* Journal::find_sweep(const std::string& id) {
  for (Sweep& sweep : sweeps) {
    if (sweep.id == id) return &sweep;
  }
  return nullptr;
}

SubmittedTrial Journal::history(const std::string& id) const {
  const Trial& trial = trials.at(id);
  SubmittedTrial submitted{id, trial.key, trial.state, static_cast<int>(trial.attempts.size()), trial.failures,
                           "", 0,         ""};
  if (trial.running()) {
    submitted.running_worker = trial.attempts.back().worker;
    submitted.running_pack = trial.attempts.back().pack;
  }
  return submitted;
}

SweepSubmitted Journal::history(const Sweep& sweep) const {
  SweepSubmitted event{sweep.id, sweep.priority, sweep.state, {}, sweep.searching};
  for (const std::string& id : sweep.trials) event.trials.push_back(history(id));
  return event;
}

TrialsAdded Journal::grown(const Sweep& sweep) const {
  TrialsAdded event{sweep.id, history(sweep).trials, std::vector<SubmittedTrial>()};
  for (const std::string& id : sweep.likely) event.likely->push_back(history(id));
  return event;
}

bool Journal::wants(const Sweep& sweep, const std::string& trial) const {
  return std::count(sweep.trials.begin(), sweep.trials.end(), trial) ||
         std::count(sweep.likely.begin(), sweep.likely.end(), trial);
}

void Journal::end_unwanted() {
  for (auto& [id, trial] : trials) {
    const bool wanted =
        std::any_of(sweeps.begin(), sweeps.end(), [&, &id = id](const Sweep& sweep) { return wants(sweep, id); });
    if (!wanted && trial.running()) trial.attempts.back().state = AttemptState::kCancelled;
  }
}

World::World(std::uint64_t seed, Bug bug, Counters& counters, Mirror* mirror, bool keeps_history)
    : dice_(seed), bug_(bug), counters_(counters), mirror_(mirror), keeps_history_(keeps_history), weights_(dice_) {
  limits_.lease_ms = 1000;
  limits_.longest_step_ms = bug == Bug::kBlameForPauses ? 1'000'000 : kTickMs + kStepMs;
  limits_.reconnect_ms = 600;
  limits_.stall_ms = 6000;
  limits_.retry_budget = static_cast<int>(dice_.between(2, 5));
  limits_.retry_delay_ms = 100;
  limits_.largest_retry_delay_ms = 1000;
  limits_.quarantine_after = static_cast<int>(dice_.between(1, 3));
  limits_.largest_pack = 6;
  quiet_from_ms_ = dice_.between(5'000, 30'000);
  workers_.resize(static_cast<std::size_t>(dice_.between(1, 5)));
  const auto slots = static_cast<int>(workers_.size());
  for (Worker& worker : workers_) {
    worker.host = "h" + std::to_string(dice_.between(0, slots - 1));
    worker.memory = dice_.chance(0.5) ? 100 : 200;
  }
  for (int slot = 0; weights_.crash_loop && slot + 1 < slots; ++slot) {  // the last is always good
    Worker& worker = workers_[static_cast<std::size_t>(slot)];
    worker.crashes = slot == 0 || (worker.host == workers_[0].host && dice_.chance(0.5));
  }
}

void World::run() {
  start_coordinator();
  const int trials = static_cast<int>(dice_.between(1, 25));
  const int keys = static_cast<int>(dice_.between(1, 3));
  std::vector<std::string> first, second;
  for (int key = 1; key <= keys; ++key) {
    const std::int64_t sizes[] = {60, 150, 500};
    needs_["k" + std::to_string(key)] = dice_.chance(weights_.large) ? sizes[dice_.between(0, 2)] : 1;
  }
  for (int i = 0; i < trials; ++i) {
    const std::string id = "t" + std::to_string(i);
    journal_.trials[id].key = "k" + std::to_string(dice_.between(1, keys));
    if (dice_.chance(weights_.poison)) (dice_.chance(0.5) ? poisoned_ : killers_).insert(id);
    const bool early = dice_.chance(0.7);
    if (early) first.push_back(id);
    if (!early || dice_.chance(0.3)) second.push_back(id);
  }
  submit({"s1", 0, SweepState::kRunning, first});
  Journal::Sweep search{"s3", static_cast<int>(dice_.between(-1, 1)), SweepState::kRunning, {}};
  search.searching = true;
  for (int i = 0; i < 15; ++i) {
    search.space.push_back("u" + std::to_string(i));
    journal_.trials[search.space.back()].key = "k" + std::to_string(dice_.between(1, keys));
  }
  if (dice_.chance(0.3)) search.space.push_back("t0");  // another sweep has it, too
  const std::int64_t search_ms = dice_.between(0, quiet_from_ms_);
  const std::int64_t second_ms = dice_.between(0, quiet_from_ms_);
  bool submitted = false;
  bool searches = false;
  for (;; now_ += kStepMs) {
    if (!scheduler_ && now_ >= restart_ms_) start_coordinator();
    if (scheduler_ && !paused()) {
      awake_ms_ += kStepMs;
      if (faulty() && dice_.chance(weights_.pause))
        pause("coordinator stands still");
      else
        wake();
    }
    if (!submitted && scheduler_ && !paused() && now_ >= second_ms) {
      submitted = true;
      submit({"s2", static_cast<int>(dice_.between(-1, 1)), SweepState::kRunning, second});
    }
    if (!searches && scheduler_ && !paused() && now_ >= search_ms) {
      searches = true;
      submit(search);
    }
    if (!removed_.empty() && scheduler_ && !paused() && (!faulty() || dice_.chance(0.01))) {
      ++counters_["removed sweep submitted again"];
      submit(std::exchange(removed_, {}).front());
    }
    if (!paused()) step_searches();
    while (!network_.empty() && network_.begin()->first <= now_) {
      const Message message = network_.begin()->second;
      network_.erase(network_.begin());
      deliver(message);
    }
    for (int slot = 0; slot < static_cast<int>(workers_.size()); ++slot) step_worker(slot);
    if (faulty() && dice_.chance(weights_.cut)) {
      ++counters_["network cut"];
      const std::int64_t until = now_ + dice_.between(500, 3000);
      for (Worker& worker : workers_) {
        if (dice_.chance(0.6)) worker.cut_until_ms = until;
      }
    }
    if (faulty() && dice_.chance(weights_.no_descriptors)) {
      ++counters_["no descriptor for a connection"];
      deaf_until_ms_ = now_ + dice_.between(500, 20'000);
    }
    if (!faulty()) deaf_until_ms_ = 0;
    if (!paused()) step_user();
    if (now_ % kTickMs == 0 && !paused()) feed(Ticked{});
    if (faulty() && dice_.chance(weights_.coordinator_death) && scheduler_) stop_coordinator("killed");
    if (now_ > quiet_from_ms_ && submitted && searches && removed_.empty() && scheduler_) {
      const bool ended = std::all_of(journal_.sweeps.begin(), journal_.sweeps.end(),
                                     [](const Journal::Sweep& s) { return s.state == SweepState::kFinished; });
      const bool delivered =
          std::all_of(workers_.begin(), workers_.end(), [](const Worker& w) { return w.held.empty(); });
      if (ended && delivered && !paused()) break;
      if (now_ > quiet_from_ms_ + kQuietMs) violated(ended ? "every result is answered" : "every sweep ends");
    }
  }
  check_end();
}

/// By its failures, because it fits nowhere, or because the results of retry_budget workers were refused that the fault
/// is no worker's.
bool World::budget_is_spent(const std::string& trial) const {
  const auto refused = refused_from_.find(trial);
  return journal_.trials.at(trial).failures >= limits_.retry_budget || outgrown_.count(trial) ||
         (refused != refused_from_.end() && static_cast<int>(refused->second.size()) >= limits_.retry_budget);
}

void World::check_end() {
  const Journal::Sweep& search = *journal_.find_sweep("s3");
  Journal::Sweep again{search.id, 0, SweepState::kRunning, {}, search.space};
  for (auto round = next_round(again); !round.empty(); round = next_round(again)) {
    again.trials.insert(again.trials.end(), round.begin(), round.end());
    ++again.rounds;
  }
  const bool failed = std::any_of(search.trials.begin(), search.trials.end(),
                                  [&](const std::string& id) { return ever_failed_.count(id) > 0; });
  if (!failed && again.trials != search.trials) violated("a search decides by complete rounds alone");
  if (!failed) ++counters_["search decided as if undisturbed"];
  for (const auto& [id, trial] : journal_.trials) {
    const bool asked = std::any_of(journal_.sweeps.begin(), journal_.sweeps.end(), [&, &id = id](const auto& sweep) {
      return std::count(sweep.trials.begin(), sweep.trials.end(), id) > 0;
    });
    if (!asked && trial.state == TrialState::kFinished) ++counters_["trained ahead, and never asked for"];
    if (!asked && trial.running()) violated("no attempt is left running: " + id);
    if (!asked) continue;
    if (trial.state == TrialState::kFinished) {
      if (trial.results != 1) violated("a finished trial has exactly one result: " + id);
      if (trial.value != value_of(id)) violated("what is recorded is what the trial gives: " + id);
      if (crash_lost_.count(id)) ++counters_["finished, though a host that kills had it"];
    } else if (trial.state == TrialState::kFailed) {
      if (!trial.too_large && !budget_is_spent(id)) violated("a failed trial spent its budget: " + id);
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

/// Three trials a round, chosen by what those of the round before gave.
std::vector<std::string> World::next_round(const Journal::Sweep& sweep) const {
  std::int64_t sum = 0;
  for (const std::string& id : sweep.trials) {
    if (journal_.trials.at(id).state == TrialState::kFinished) sum += value_of(id);
  }
  const auto from = static_cast<std::size_t>(3 * sweep.rounds + (sum % 2 == 0 ? 0 : 3));
  std::vector<std::string> round;
  for (std::size_t i = from; i < sweep.space.size() && i < from + 3; ++i) {
    if (!std::count(sweep.trials.begin(), sweep.trials.end(), sweep.space[i])) round.push_back(sweep.space[i]);
  }
  return round;
}

/// Decides rounds after a while, and may die between the store and the scheduler.
void World::step_searches() {
  if (!scheduler_) return;
  std::vector<std::string> searching = scheduler_->searching();
  if (bug_ == Bug::kDecideEarly && journal_.find_sweep("s3") && journal_.find_sweep("s3")->searching) {
    searching = {"s3"};
  }
  if (searching.empty() || !dice_.chance(0.3)) return;
  Journal::Sweep& sweep = *journal_.find_sweep(searching.front());
  for (const std::string& id : sweep.trials) {
    const TrialState state = journal_.trials.at(id).state;
    if (state == TrialState::kPending) violated("a search is asked when its round has ended: " + id);
  }
  const std::vector<std::string> round = next_round(sweep);
  ++counters_["round decided"];
  for (const std::string& id : round) {
    const Journal::Trial& trial = journal_.trials.at(id);
    if (trial.running()) ++counters_["asked for while it trained ahead"];
    if (trial.state == TrialState::kFinished) ++counters_["asked for when it was trained ahead"];
  }
  for (const std::string& id : sweep.likely) {
    if (!std::count(round.begin(), round.end(), id) && journal_.trials.at(id).running()) {
      ++counters_["withdrawn while it trained ahead"];
    }
  }
  sweep.trials.insert(sweep.trials.end(), round.begin(), round.end());
  ++sweep.rounds;
  sweep.searching = !round.empty();
  sweep.likely.clear();
  const auto next = static_cast<std::size_t>(3 * sweep.rounds);
  for (std::size_t i = next; sweep.searching && i < sweep.space.size() && i < next + 3; ++i) {
    if (!std::count(sweep.trials.begin(), sweep.trials.end(), sweep.space[i])) sweep.likely.push_back(sweep.space[i]);
  }
  if (mirror_) mirror_->add_round(sweep, round);
  if (faulty() && dice_.chance(4 * weights_.coordinator_death)) {
    return stop_coordinator("killed between a round and its trials");
  }
  const std::string id = sweep.id;
  const bool closed = !sweep.searching;
  feed(journal_.grown(sweep));
  if (closed) feed(SweepClosed{id});
}

void World::submit(Journal::Sweep submitted) {
  const std::string sweep = submitted.id;
  journal_.sweeps.push_back(std::move(submitted));
  for (const std::string& trial : journal_.sweeps.back().trials) {
    const Journal::Trial& t = journal_.trials.at(trial);
    if (t.running()) ++counters_["second sweep shares a running trial"];
    if (t.state == TrialState::kFinished) ++counters_["second sweep shares a finished trial"];
  }
  if (mirror_) mirror_->submit(journal_.sweeps.back(), journal_);
  if (scheduler_) feed(journal_.history(*journal_.find_sweep(sweep)));
}

void World::remove(const std::string& id) {
  ++counters_["sweep removed"];
  const auto sweep = std::find_if(journal_.sweeps.begin(), journal_.sweeps.end(),
                                  [&](const Journal::Sweep& one) { return one.id == id; });
  removed_.push_back(*sweep);
  removed_.back().state = SweepState::kRunning;
  journal_.sweeps.erase(sweep);
  if (mirror_) mirror_->remove(id);
  feed(SweepRemoved{id});
}

void World::start_coordinator() {
  Limits limits = limits_;
  if (bug_ == Bug::kTrustKillers) limits.quarantine_after = 1000;
  scheduler_.emplace(limits, journal_.next_pack);
  note("coordinator starts");
  failed_on_.clear();  // it remembers none of this
  joined_.clear();
  beside_.clear();
  outgrown_.clear();
  crashed_in_.clear();
  row_.clear();
  fits_.clear();
  assigned_.clear();
  recalled_.clear();
  for (const auto& [worker, state] : std::map<std::string, WorkerState>(journal_.workers)) {
    if (scheduler_ && state != WorkerState::kLeft) feed(WorkerExpected{worker});
    if (!scheduler_ || state != WorkerState::kQuarantined || bug_ == Bug::kForgetQuarantine) continue;
    recalled_.insert(worker);
    feed(WorkerQuarantined{worker, journal_.worker_reasons[worker]});
  }
  journal_.end_unwanted();
  if (mirror_) mirror_->end_unwanted();
  for (const auto& [id, trial] : journal_.trials) {
    if (trial.running()) {
      ++counters_["recovered a running attempt"];
      listed_[{{id, static_cast<int>(trial.attempts.size())}, trial.attempts.back().worker}] = moment();
      progress_[{id, static_cast<int>(trial.attempts.size())}] = {-1, now_};
    }
  }
  for (const Journal::Sweep& sweep : std::vector<Journal::Sweep>(journal_.sweeps)) {
    if (scheduler_) feed(journal_.history(sweep));
    if (scheduler_ && sweep.searching) feed(journal_.grown(sweep));
  }
}

void World::stop_coordinator(const char* why) {
  note(std::string("coordinator ends: ") + why);
  ++counters_[std::string("coordinator ended: ") + why];
  scheduler_.reset();
  inbox_.clear();
  unsent_.clear();
  paused_until_ms_ = 0;
  restart_ms_ = now_ + dice_.between(100, 4000);
  for (Worker& worker : workers_) worker.connection = 0;
}

/// It reads nothing, answers nothing and ticks not, while the world continues.
void World::pause(const char* what) {
  note(what);
  ++counters_[what];
  ++pauses_;
  paused_until_ms_ = now_ + dice_.between(500, 4000);
}

/// What came meanwhile is read, before or after the late tick.
void World::wake() {
  if (unsent_.empty() && inbox_.empty()) return;
  for (const Send& command : std::exchange(unsent_, {})) send(command);
  if (dice_.chance(0.5)) feed(Ticked{});
  for (Event& event : std::exchange(inbox_, {})) feed(std::move(event));
}

void World::feed(Event event) {
  if (!scheduler_) return;
  if (paused()) return inbox_.push_back(std::move(event));
  plant(event);
  if (keeps_history_) note("> " + to_string(event));
  std::vector<Command> commands;
  if (!(bug_ == Bug::kForgetLeases && std::holds_alternative<Ticked>(event))) {
    commands = scheduler_->handle(event, now_);
  }
  if (const auto* refused = std::get_if<ResultRefused>(&event)) {
    refused_from_[refused->attempt.trial].insert(refused->worker);
  }
  scheduler_->sanity_check();
  plant(commands, event);
  for (const Command& command : commands) {
    if (keeps_history_) note("    " + to_string(command));
  }
  // Death and a full disk strike before, between and after store and network.
  const bool records = std::any_of(commands.begin(), commands.end(),
                                   [](const Command& command) { return std::holds_alternative<Record>(command); });
  if (faulty() && records && dice_.chance(weights_.disk_failure)) return stop_coordinator("the disk is full");
  if (faulty() && dice_.chance(weights_.coordinator_death / 4)) return stop_coordinator("killed before the commit");
  check_order_and_store(commands, event);
  if (mirror_ && records) mirror_->record(commands, journal_);
  check_views();
  check_shares(commands);
  if (faulty() && records && dice_.chance(weights_.slow_disk)) {
    pause("slow commit");
    for (const Command& command : commands) {
      if (const auto* sent = std::get_if<Send>(&command)) unsent_.push_back(*sent);
    }
    return;
  }
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
      listed_[{h.attempt, who}] = moment();
      const bool spooled = h.stage == HeldAttempt::Stage::kSpooled;
      const bool trained = spooled && spooled_.insert(h.attempt).second;
      if (spooled) holders_[h.attempt].insert(who);
      auto& [largest, rose_ms] = progress_.emplace(h.attempt, std::make_pair(-1, now_)).first->second;
      if (h.progress > largest || trained) rose_ms = now_;
      largest = std::max(largest, h.progress);
    }
  }
  if (joined) joined_.insert(joined->worker);
  if (const auto* lost = std::get_if<WorkerLost>(&event)) closed_[lost->worker] = moment();
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
      check_pack(*c);
      if (c->pack < journal_.next_pack) violated("pack numbers never repeat");
      journal_.next_pack = c->pack + 1;
      for (const AttemptId& a : c->attempts) {
        Journal::Trial& trial = trial_at(a.trial);
        if (trial.state != TrialState::kPending) violated("only a pending trial is assigned: " + trial_of(a));
        if (trial.running()) violated("a trial is trained once at a time: " + trial_of(a));
        if (a.number != static_cast<int>(trial.attempts.size()) + 1) violated("attempts count up: " + trial_of(a));
        if (trial.key != trial_at(c->attempts.front().trial).key) violated("a pack is fusible");
        if (trial.failures >= limits_.retry_budget) {
          if (failed_on_[a.trial].size() > 1) violated("the budget is kept: " + trial_of(a));
          ++counters_["trained again though its budget is spent"];
        }
        if (outgrown_.count(a.trial) && memory_[c->worker] <= outgrown_[a.trial]) {
          violated("what did not fit is not tried in as little memory: " + trial_of(a));
        }
        if (outgrown_.count(a.trial)) ++counters_["a larger worker gets what did not fit"];
        if (const auto crashed = crashed_in_.find(a.trial); crashed != crashed_in_.end()) {
          const bool halved = 2 * c->attempts.size() <= static_cast<std::size_t>(crashed->second);
          ++counters_[!halved ? "cleared trial back in a pack" : "failed pack halved"];
        }
        const bool wanted = std::any_of(journal_.sweeps.begin(), journal_.sweeps.end(), [&](const Journal::Sweep& s) {
          return s.state == SweepState::kRunning && journal_.wants(s, a.trial);
        });
        if (!wanted) violated("a running sweep wants it: " + trial_of(a));
        const auto asked = [&](const std::string& id) {
          return std::any_of(journal_.sweeps.begin(), journal_.sweeps.end(), [&](const Journal::Sweep& s) {
            return s.state == SweepState::kRunning && std::count(s.trials.begin(), s.trials.end(), id);
          });
        };
        if (!asked(a.trial)) {
          ++counters_["trained ahead"];
          for (const auto& [id, other] : journal_.trials) {
            if (other.state == TrialState::kPending && other.attempts.empty() && asked(id)) {
              violated("what is asked for goes before what is likely: " + id);
            }
          }
        }
        trial.attempts.push_back({c->worker, c->pack, AttemptState::kRunning});
        listed_[{a, c->worker}] = moment();
        assigned_.insert(a);
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
        const bool again = !sent_.insert(a).second;
        const bool returned = joined && joined->worker == assign->worker && progress_[a].first < 0;
        if (again && !returned) violated("an assignment is sent again only where it has not come: " + trial_of(a));
        if (again) ++counters_["assignment sent again"], ++sent_again_[a];
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
      trial.value = value_;
      row_.erase(record->worker);
      row_.erase(host_of_[record->worker]);
      failed_on_.erase(record->attempt.trial);
      outgrown_.erase(record->attempt.trial);
      crashed_in_.erase(record->attempt.trial);
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
      const bool needed =
          it != journal_.trials.end() && std::any_of(journal_.sweeps.begin(), journal_.sweeps.end(),
                                                     [&](const auto& s) { return journal_.wants(s, it->first); });
      if (needed && it->second.state != TrialState::kFinished && discard->attempt.number >= 1 &&
          discard->attempt.number <= static_cast<int>(it->second.attempts.size())) {
        violated("no needed result is thrown away: " + trial_of(discard->attempt));
      }
      ++counters_["result discarded"];
    } else if (const auto* excuse = as<ExcuseAttempt>(command)) {
      Journal::Trial& trial = trial_at(excuse->attempt.trial);
      const std::string& worker = attempt_at(excuse->attempt).worker;
      if (!joined || joined->worker != worker) violated("only who comes back is excused: " + trial_of(excuse->attempt));
      if (trial.failures-- < 1) violated("what did not count is not excused: " + trial_of(excuse->attempt));
      failed_on_[excuse->attempt.trial].erase(host_of_[worker]);
      ++counters_["death taken back"];
    } else if (const auto* end = as<EndAttempt>(command)) {
      Journal::Attempt& attempt = attempt_at(end->attempt);
      Journal::Trial& trial = trial_at(end->attempt.trial);
      if (attempt.state != AttemptState::kRunning) violated("only a running attempt ends: " + trial_of(end->attempt));
      attempt.state = end->state;
      if (end->state != AttemptState::kCancelled) beside_.emplace(end->attempt.trial, joined_);
      if (end->counts && end->state == AttemptState::kCancelled) violated("what is cancelled costs nothing");
      const auto mates = std::count_if(journal_.trials.begin(), journal_.trials.end(), [&](const auto& t) {
        return std::any_of(t.second.attempts.begin(), t.second.attempts.end(),
                           [&](const Journal::Attempt& other) { return other.pack == attempt.pack; });
      });
      if (end->counts) {
        if (mates > 1) violated("what failed in a pack counts against nobody: " + trial_of(end->attempt));
        ++trial.failures;
        failed_on_[end->attempt.trial].insert(host_of_[attempt.worker]);
        crashed_in_.erase(end->attempt.trial);
      } else if (end->state != AttemptState::kCancelled) {
        ++counters_[mates > 1 ? "failure in a pack, not counted" : "failure alone, not counted"];
        if (mates > 1) crashed_in_[end->attempt.trial] = static_cast<int>(mates);
      }
      const auto says = [&](const char* words) { return end->reason.find(words) != std::string::npos; };
      const bool died = says(" ended") || says(" lost its connection");
      if (end->state == AttemptState::kLost && died && !spooled_.count(end->attempt) && joined_.count(attempt.worker)) {
        note_failure(host_of_[attempt.worker], attempt.pack);
      }
      if (end->state == AttemptState::kFailed) note_failure(attempt.worker, attempt.pack);
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
        const bool heard = progress_[end->attempt].first >= 0 || sent_again_[end->attempt] + 1 >= limits_.retry_budget;
        if (forgotten && !heard && !distrusted_.count(joined->worker)) {
          violated("an assignment that has not come is sent again: " + trial_of(end->attempt));
        }
        // Each pause passes for a tick.
        const auto own_time = [&](const Moment& from) {
          return awake_ms_ - from.awake_ms + (pauses_ - from.pauses) * (kTickMs + kStepMs) / 10;
        };
        const bool cut_off = ticked && std::any_of(closed_.begin(), closed_.end(), [&](const auto& closed) {
                               return held_it(closed.first) && own_time(closed.second) >= limits_.reconnect_ms &&
                                      listed_[{end->attempt, closed.first}].ms <= closed.second.ms;
                             });
        const bool expired = ticked && std::any_of(listed_.begin(), listed_.end(), [&](const auto& listed) {
                               return listed.first.first == end->attempt && held_it(listed.first.second) &&
                                      now_ - listed.second.ms >= limits_.lease_ms;
                             });
        const bool in_time = std::all_of(listed_.begin(), listed_.end(), [&](const auto& listed) {
          return listed.first.first != end->attempt || !held_it(listed.first.second) ||
                 own_time(listed.second) < limits_.lease_ms;
        });
        const bool stalled = ticked && now_ - progress_[end->attempt].second >= limits_.stall_ms;
        if (!forgotten && !gone && !expired && !stalled && !cut_off)
          violated("an attempt is lost for a reason: " + trial_of(end->attempt));
        if (!forgotten && !gone && !stalled && !cut_off && in_time)
          violated("no lease ends while the coordinator stands still: " + trial_of(end->attempt));
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
        const bool of_it = failed && failed->attempt == end->attempt;
        const bool stale = of_it && failed->blame == sweep::Blame::kNobody;
        const bool large = of_it && failed->blame == sweep::Blame::kMemory;
        if (large && mates == 1 && assigned_.count(end->attempt)) {
          outgrown_[end->attempt.trial] = std::max(outgrown_[end->attempt.trial], memory_[attempt.worker]);
        }
        if (large && mates > 1 && assigned_.count(end->attempt)) {
          auto& most = fits_.emplace(std::make_pair(memory_[attempt.worker], trial.key), mates).first->second;
          most = std::min(most, static_cast<std::size_t>(mates / 2));
        }
        const bool withdrawn = std::holds_alternative<TrialsAdded>(event) &&
                               std::none_of(journal_.sweeps.begin(), journal_.sweeps.end(), [&](const auto& sweep) {
                                 return journal_.wants(sweep, end->attempt.trial);
                               });
        if (!stopped && !duplicate && !left && !lie && !stale && !large && !withdrawn)
          violated("an attempt is cancelled for a reason: " + trial_of(end->attempt));
        ++counters_[stopped ? "attempt cancelled by a stop"
                    : left  ? "attempt cancelled by a worker that left"
                    : lie   ? "refused result, at no cost to its trial"
                    : stale ? "dataset changed, at no cost to anybody"
                    : large ? (mates > 1 ? "pack did not fit" : "trial did not fit")
                            : "duplicate attempt cancelled"];
      }
    } else if (const auto* fail = as<FailTrial>(command)) {
      ever_failed_.insert(fail->trial);
      Journal::Trial& trial = trial_at(fail->trial);
      if (trial.state != TrialState::kPending || trial.running())
        violated("only a pending trial fails: " + fail->trial);
      if (!budget_is_spent(fail->trial)) violated("a trial fails when its budget is spent: " + fail->trial);
      check_failure(fail->trial);
      trial.too_large = outgrown_.count(fail->trial) != 0;
      trial.state = TrialState::kFailed;
      ++counters_["trial failed by budget"];
    } else if (const auto* retry = as<RecordRetry>(command)) {
      Journal::Trial& trial = trial_at(retry->trial);
      if (trial.state != TrialState::kFailed) violated("only a failed trial is retried: " + retry->trial);
      trial.state = TrialState::kPending;
      trial.failures = 0;
      refused_from_.erase(retry->trial);
      failed_on_.erase(retry->trial);
      beside_.erase(retry->trial);
      outgrown_.erase(retry->trial);
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
        row_.erase(worker->worker);
        if (!distrusted_.erase(worker->worker)) violated("only a quarantined worker is released: " + worker->worker);
        ++counters_[worker->state == WorkerState::kAway ? "worker released while away" : "worker released"];
        if (recalled_.erase(worker->worker)) ++counters_["worker released that an earlier coordinator quarantined"];
      }
    } else if (const auto* quarantine = as<Quarantine>(command)) {
      if (journal_.workers[quarantine->worker] != WorkerState::kQuarantined) violated("a quarantine is recorded");
      if (!bad_.count(quarantine->worker)) violated("a good worker is never quarantined: " + quarantine->worker);
      if (!joined) {
        const bool lied = quarantine->reason.rfind("sent ", 0) == 0;
        const bool last = std::none_of(journal_.workers.begin(), journal_.workers.end(), [&](const auto& w) {
          return w.second == WorkerState::kJoined && !distrusted_.count(w.first);
        });
        if (!lied && last) violated("the last worker is not quarantined: " + quarantine->worker);
        ++counters_[lied ? "worker quarantined for its results" : "worker quarantined by what others finished"];
      }
      if (joined && recalled_.count(joined->worker)) ++counters_["worker came back quarantined to a new coordinator"];
      ++counters_["worker quarantined"];
    }
  }
  if (stale_failure) ++counters_["stale failure ignored"];
}

/// Packs that ran already when the last one failed say nothing new.
void World::note_failure(const std::string& of, std::int64_t pack) {
  auto& [packs, from] = row_[of];
  if (pack < from) return;
  ++packs;
  from = journal_.next_pack;
}

/// Where packs fail in a row, lone trials find out whether that is over: on a host one at a time. What did not fit is
/// halved.
void World::check_pack(const RecordAssignment& pack) {
  const std::string& host = host_of_[pack.worker];
  const auto suspect = [&](const std::string& who) {
    const auto row = row_.find(who);
    return row != row_.end() && row->second.first >= limits_.quarantine_after;
  };
  if ((suspect(host) || suspect(pack.worker)) && pack.attempts.size() > 1) {
    violated("where packs fail in a row canaries are sent: " + pack.worker);
  }
  if (suspect(host)) {
    ++counters_["canary to a host that kills"];
    for (const auto& [id, trial] : journal_.trials) {
      if (!trial.running() || spooled_.count({id, static_cast<int>(trial.attempts.size())})) continue;
      const std::string& other = trial.attempts.back().worker;
      if (joined_.count(other) && host_of_[other] == host) violated("a host that kills gets one canary: " + host);
    }
  } else if (suspect(pack.worker)) {
    ++counters_["canary to a worker that fails"];
  }
  const auto fits = fits_.find({memory_[pack.worker], journal_.trials.at(pack.attempts.front().trial).key});
  if (fits != fits_.end() && pack.attempts.size() > std::max<std::size_t>(1, fits->second)) {
    violated("a pack that did not fit is halved: " + pack.worker);
  }
}

/// A trial fails on the evidence of two hosts, or of all that are there. Where nothing looks like a failure of a trial
/// that is none, no innocent one fails while a good worker is there.
void World::check_failure(const std::string& id) {
  const std::int64_t needs = needs_.at(journal_.trials.at(id).key);
  const auto refused = refused_from_.find(id);
  if (refused != refused_from_.end() && static_cast<int>(refused->second.size()) >= limits_.retry_budget) return;
  const bool outgrown = outgrown_.count(id) && journal_.trials.at(id).failures < limits_.retry_budget;
  const bool innocent = !poisoned_.count(id) && !killers_.count(id);
  const auto there = [&](const Worker& w, bool good) {
    const auto state = journal_.workers.find(w.id);
    return w.alive && w.connection && state != journal_.workers.end() && state->second == WorkerState::kJoined &&
           !distrusted_.count(w.id) && !w.dismissed && w.memory >= needs && !(good && w.crashes);
  };
  for (const Worker& worker : workers_) {
    if (outgrown && there(worker, false)) violated("what fits a worker that is there does not fail: " + id);
    if (outgrown || failed_on_[id].size() > 1) continue;
    if (there(worker, false) && !failed_on_[id].count(worker.host)) {
      violated("a trial fails by the evidence of two hosts, or of all: " + id);
    }
  }
  if (!weights_.calm || !innocent) return;
  for (const Worker& worker : workers_) {
    // Of two places of a host nobody can tell which is good, when both processes came back, or this one joined only
    // when the trial had failed.
    const bool beside = worker.incarnation == 1 && beside_[id].count(worker.id);
    const bool known = beside || worker.host != workers_[0].host;
    const bool lied = refused != refused_from_.end() && refused->second.count(worker.id);
    if (known && !lied && there(worker, true)) violated("an innocent trial is finished: " + id);
  }
}

/// A sweep gets no pack while another of its priority has fewer running, and a trial that waits for its first attempt.
void World::check_shares(const std::vector<Command>& commands) {
  const RecordAssignment* pack = nullptr;
  for (const Command& command : commands) {
    const auto* c = as<RecordAssignment>(command);
    if (c && pack) return;  // each changes the shares of the next
    if (c) pack = c;
  }
  if (!pack) return;
  const std::string& head = pack->attempts.front().trial;
  const auto has = [](const Journal::Sweep& s, const std::string& trial) {
    return std::count(s.trials.begin(), s.trials.end(), trial) != 0;
  };
  const auto running_before = [&](const Journal::Sweep& s) {
    return scheduler_->progress(s.id)->running - std::count_if(pack->attempts.begin(), pack->attempts.end(),
                                                               [&](const AttemptId& a) { return has(s, a.trial); });
  };
  // Where a trial waits: of the running sweeps that have it, under the first in order.
  const auto place_of = [&](const std::string& trial) {
    const Journal::Sweep* place = nullptr;
    for (const Journal::Sweep& sweep : journal_.sweeps) {
      if (!has(sweep, trial) || sweep.state != SweepState::kRunning) continue;
      if (!place || sweep.priority > place->priority) place = &sweep;
    }
    return place;
  };
  const Journal::Sweep* own = place_of(head);
  if (!own) return;
  for (const Journal::Sweep& other : journal_.sweeps) {
    if (other.state != SweepState::kRunning || other.priority != own->priority || has(other, head)) continue;
    const bool waits = std::any_of(other.trials.begin(), other.trials.end(), [&](const std::string& id) {
      const Journal::Trial& trial = journal_.trials.at(id);
      return trial.state == TrialState::kPending && trial.attempts.empty() && place_of(id) == &other;
    });
    if (!waits) continue;
    ++counters_["two sweeps of one priority wait"];
    if (running_before(other) < running_before(*own)) violated("sweeps of one priority share the workers: " + other.id);
  }
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
  for (const Journal::Sweep& sweep : journal_.sweeps) {
    const auto progress = scheduler_->progress(sweep.id);
    if (!progress) continue;
    int finished = 0, failed = 0;
    for (const std::string& id : sweep.trials) {
      const Journal::Trial& trial = journal_.trials.at(id);
      finished += trial.state == TrialState::kFinished;
      failed += trial.state == TrialState::kFailed;
      if (trial.running() && !leased.count({id, static_cast<int>(trial.attempts.size())})) {
        violated("what the store has running the scheduler leases: " + id);
      }
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
  if (now_ < workers_[static_cast<std::size_t>(message.slot)].cut_until_ms) return;
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
  Worker& worker = workers_[static_cast<std::size_t>(message.slot)];
  if (now_ < worker.cut_until_ms) return;
  if (message.to_coordinator) {
    if (paused()) {  // it lies in the socket
      network_.emplace(paused_until_ms_, message);
      return;
    }
    // Also messages of connections that are gone, and of processes that are dead: the scheduler must not mind. But
    // beats of a worker that this coordinator has not seen join do not reach it.
    value_ = message.value;
    const auto* result = std::get_if<ResultReceived>(&*message.event);
    if (!result || value_ == value_of(result->attempt.trial) || bug_ == Bug::kStoreLies) return feed(*message.event);
    // The shell answers it, whatever the scheduler makes of it: it is not wanted again.
    feed(ResultRefused{result->worker, result->attempt, "it cannot be"});
    if (scheduler_ && worker.id == result->worker) worker.held.erase(result->attempt);
    return;
  }
  if (!worker.alive || worker.id != message.worker) return;
  if (now_ < worker.stopped_until_ms) {
    network_.emplace(worker.stopped_until_ms, message);
    return;
  }
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
  const int slot = slot_of(worker.id);
  if (const auto* c = std::get_if<Assign>(&command)) {
    std::int64_t needs = 0;
    for (const AttemptId& a : c->attempts) needs += needs_.at(journal_.trials.at(a.trial).key);
    if (worker.crashes && faulty() && worker.dies_ms == 0) worker.dies_ms = now_ + dice_.between(50, 300);
    for (const AttemptId& a : c->attempts) {
      Worker::Held held;
      held.done_ms = now_ + dice_.between(100, 1500);
      if (faulty() && dice_.chance(weights_.slow)) held.done_ms += dice_.between(1000, 9000);
      held.hung = faulty() && dice_.chance(weights_.hang);
      const bool fails = worker.broken || (faulty() && dice_.chance(weights_.attempt_failure));
      held.will_fail = fails || poisoned_.count(a.trial);
      held.kills = killers_.count(a.trial) != 0;
      held.no_room = needs > worker.memory;
      held.lies = faulty() && dice_.chance(weights_.lie);
      if (held.hung || fails || held.lies) bad_.insert(worker.id);
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
    message.slot = slot;
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
  host_of_[worker.id] = worker.host;
  memory_[worker.id] = worker.memory;
  const std::string kind = "with " + std::to_string(worker.memory);
  const std::string host = bug_ == Bug::kBlameInstances ? "" : worker.host;
  feed(WorkerJoined{worker.id, worker.capacity, kind, held_by(worker), host, worker.host + ":" + worker.id,
                    worker.memory});
}

/// Its process dies, and whoever started it may notice.
void World::die(Worker& worker) {
  worker.alive = false;
  worker.dies_ms = worker.stopped_until_ms = 0;
  worker.next_try_ms = now_ + dice_.between(0, worker.crashes || !faulty() ? 500 : 5000);
  // The spool folder outlives the process; what it trained is gone.
  for (auto it = worker.held.begin(); it != worker.held.end();) {
    if (worker.crashes && !it->second.spooled) crash_lost_.insert(it->first.trial);
    it = it->second.spooled ? std::next(it) : worker.held.erase(it);
  }
  const bool known = dice_.chance(0.5);
  const bool connected = std::exchange(worker.connection, 0) != 0;
  if (known) {
    feed(WorkerLost{worker.id, WorkerLost::How::kGone, "killed"});
  } else if (connected) {
    feed(WorkerLost{worker.id, WorkerLost::How::kDisconnected, ""});
  }
}

void World::step_worker(int slot) {
  Worker& worker = workers_[static_cast<std::size_t>(slot)];
  if (!worker.alive) {
    if (now_ < worker.next_try_ms) return;
    worker.alive = true;
    worker.id = "w" + std::to_string(slot) + "." + std::to_string(++worker.incarnation);
    worker.capacity = static_cast<int>(dice_.between(1, 6));
    worker.broken = faulty() && dice_.chance(weights_.broken);
    worker.connection = 0;
  }
  if (now_ < worker.stopped_until_ms) return;
  if (faulty() && dice_.chance(weights_.worker_pause)) {
    ++counters_["worker stands still"];
    const std::int64_t pause_ms = dice_.between(500, 3000);
    worker.stopped_until_ms = now_ + pause_ms;
    for (auto& [attempt, held] : worker.held) held.done_ms += pause_ms;
    return;
  }
  if (worker.broken && !faulty()) worker.broken = false;
  if (worker.dies_ms > 0 && now_ >= worker.dies_ms) {
    ++counters_["worker of a host that kills died"];
    bad_.insert(worker.id);
    return die(worker);
  }
  if (faulty() && dice_.chance(weights_.worker_death)) {
    ++counters_["worker killed"];
    if (worker.connection && dice_.chance(0.3)) {
      feed(WorkerLost{worker.id, WorkerLost::How::kLeft, "SIGTERM"});
      worker.connection = 0;
    }
    bad_.insert(worker.id);
    return die(worker);
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
    if (held.kills && !held.no_room) {
      ++counters_["trial killed its worker"];
      return die(worker);
    }
    if (!held.will_fail && !held.stale && !held.no_room) {
      if (faulty() && dice_.chance(weights_.spool_failure)) {
        ++counters_["spool cannot be written"];
        if (worker.connection) feed(WorkerLost{worker.id, WorkerLost::How::kLeft, "the spool cannot be written"});
        worker.connection = 0;
        return die(worker);
      }
      held.spooled = true;
      trained_.insert(it->first);
      ++it;
      continue;
    }
    Message message;
    message.to_coordinator = true;
    message.slot = slot;
    const sweep::Blame blame = held.no_room     ? sweep::Blame::kMemory
                               : held.will_fail ? sweep::Blame::kTrial
                                                : sweep::Blame::kNobody;
    message.event = AttemptFailed{worker.id, it->first, "it failed", blame};
    said_failed_.insert({worker.id, it->first});
    if (worker.connection) post(message);
    it = worker.held.erase(it);
  }
  if (!scheduler_) return;
  if (!worker.connection) {
    if (now_ >= worker.next_try_ms && now_ >= worker.cut_until_ms && now_ >= deaf_until_ms_) connect(slot);
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
    message.slot = slot;
    message.event = HeartbeatReceived{worker.id, held_by(worker)};
    post(message);
  }
  for (auto& [attempt, held] : worker.held) {
    if (!held.spooled || (held.sent_ms >= 0 && now_ - held.sent_ms < kResendMs)) continue;
    held.sent_ms = now_;
    Message message;
    message.to_coordinator = true;
    message.slot = slot;
    message.event = ResultReceived{worker.id, attempt};
    message.value = value_of(attempt.trial) + held.lies;
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
      if (!worker.held.empty()) continue;
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
  const bool over = sweep.state == SweepState::kFinished || sweep.state == SweepState::kStopped;
  switch (dice_.between(0, 6)) {
    case 6:
      if (over && sweep.space.empty() && removed_.empty()) return remove(id);
      break;
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
  if (auto* submitted = std::get_if<SweepSubmitted>(&event); submitted && bug_ == Bug::kStarveLaterSweeps) {
    submitted->priority = 2 * submitted->priority + (submitted->sweep == "s1");
  } else if (auto* added = std::get_if<TrialsAdded>(&event); added && bug_ == Bug::kLikelyFirst) {
    added->trials.insert(added->trials.begin(), added->likely->begin(), added->likely->end());
  }
  if (auto* joined = std::get_if<WorkerJoined>(&event); joined && bug_ == Bug::kForgetSizes) {
    joined->kind += joined->worker;
  }
  if (bug_ == Bug::kRetryWhatIsTooLarge && failed && failed->blame == sweep::Blame::kMemory) {
    failed->blame = sweep::Blame::kTrial;
  }
  if (bug_ != Bug::kTrustStaleFailure || !failed || failed->blame != sweep::Blame::kTrial) return;
  const auto it = journal_.trials.find(failed->attempt.trial);
  if (it == journal_.trials.end() || !it->second.running()) return;
  failed->attempt.number = static_cast<int>(it->second.attempts.size());
  failed->worker = it->second.attempts.back().worker;
}

void World::plant(std::vector<Command>& commands, const Event& event) {
  const auto* result = std::get_if<ResultReceived>(&event);
  const auto* failed = std::get_if<AttemptFailed>(&event);
  const bool assigns =
      std::any_of(commands.begin(), commands.end(), [](const Command& c) { return as<Assign>(c) != nullptr; });
  if (bug_ == Bug::kQuarantineAtOnce && failed && !commands.empty() && !assigns) {
    commands.insert(commands.begin(), {RecordWorker{failed->worker, WorkerState::kQuarantined, "failed 1"},
                                       Quarantine{failed->worker, "failed 1"}});
  }
  if (const auto* joined = std::get_if<WorkerJoined>(&event); joined && bug_ == Bug::kSendTwice) {
    for (const HeldAttempt& held : joined->held) {
      const auto& attempts = journal_.trials.at(held.attempt.trial).attempts;
      const Journal::Attempt& attempt = attempts.at(static_cast<std::size_t>(held.attempt.number - 1));
      if (attempt.state != AttemptState::kRunning || attempt.worker != joined->worker) continue;
      commands.push_back(Assign{joined->worker, attempt.pack, {held.attempt}});
    }
  }
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
  if (!keeps_history_) return;
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
