#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "sweep/state.h"

namespace medley::coordinator {

using sweep::AttemptId;

/// Milliseconds of any steady clock; only differences matter. Never decreases between calls of handle(). The scheduler
/// has its own time, which does not run while the coordinator itself stands still (Limits::longest_step_ms).
using TimePoint = std::int64_t;

/// Every limit of the scheduler. The defaults are the product's; tests shorten them.
struct Limits {
  /// An attempt that no heartbeat of its worker lists for this time is lost. A worker not heard of for this time is
  /// away. With 12 s the scheduler notices a host that is cut off within 15 s (lease, a heartbeat of 1 s, a tick). A
  /// worker on a bad line still has time to find its connection silent (5 s, worker/link.cpp), open another one and be
  /// heard on it.
  std::int64_t lease_ms = 12'000;
  /// Time for a worker whose connection was closed to come back with its attempts. Most are dead, since a host that is
  /// cut off closes nothing. The others try again every 3 s at least.
  std::int64_t reconnect_ms = 5'000;
  /// An attempt whose progress does not rise for this time is lost, though its worker's heartbeat is alive. What fits
  /// no worker that is there waits so long for one that was there before.
  std::int64_t stall_ms = 15 * 60'000;
  /// More time than this between two events is a pause of the coordinator, and passes for a tenth of this, the time
  /// between two ticks. A worker is thus never judged by a time in which it could not be heard.
  std::int64_t longest_step_ms = 1'000;
  /// After such a pause nothing is assigned for this time: who has died or delivered meanwhile is heard first.
  std::int64_t catch_up_ms = 500;
  /// Counted failures after which a trial is failed, if the evidence says so too (Scheduler).
  int retry_budget = 5;
  /// A trial that failed alone waits so long, twice as long after each further failure, up to the largest. A host or
  /// worker that gets canaries waits likewise, if there are others.
  std::int64_t retry_delay_ms = 1'000;
  std::int64_t largest_retry_delay_ms = 60'000;
  /// Packs in a row that died on a host, or failed on a worker, after which it gets canaries only. Trials that it
  /// failed alone, and others finished, after which a worker is quarantined. Also results that cannot be.
  int quarantine_after = 3;
  /// Largest pack, whatever a worker says.
  int largest_pack = 1024;
};

// ---- Events: what happened ------------------------------------------------------------------------------------

/// What the store knows of a trial; all defaults for a new one. Recovery is nothing but SweepSubmitted with histories.
struct SubmittedTrial {
  std::string id;
  std::string pack_key;  ///< fingerprints of what it reads + sweep::fusibility_key(config): equal keys may share a pack
  sweep::TrialState state = sweep::TrialState::kPending;
  int attempts = 0;            ///< number of the newest attempt
  int failures = 0;            ///< that count
  std::string running_worker;  ///< the newest attempt was assigned to it and has not ended; "" none
  std::int64_t running_pack = 0;
  std::string dataset;  ///< what Blame::kDataset is about
};

/// A sweep was submitted, or is read back from the store. Trials in the order in which they should train. A sweep that
/// is known already is ignored (send SweepResumed to run a stopped one again). Of a trial that another sweep brought
/// already, what the scheduler knows holds.
struct SweepSubmitted {
  std::string sweep;
  int priority = 0;  ///< higher first; equal ones share the workers
  sweep::SweepState state = sweep::SweepState::kRunning;
  std::vector<SubmittedTrial> trials;
  bool searching = false;  ///< more will be added: it is not finished when all of them have ended
};

/// More trials of a sweep whose search asks for a round, or that is submitted by and by. Those that it has already are
/// ignored.
struct TrialsAdded {
  std::string sweep;
  std::vector<SubmittedTrial> trials;
  /// What it will probably ask for next, in place of what was likely before: trained when nothing else waits anywhere.
  /// What was likely, and is in neither list, is withdrawn. nullopt: as it was.
  std::optional<std::vector<SubmittedTrial>> likely;
};
/// The search of a sweep asks for nothing more.
struct SweepClosed {
  std::string sweep;
};

/// An attempt that a worker holds.
struct HeldAttempt {
  /// kSpooled: trained; its result waits for delivery.
  enum class Stage { kRunning, kSpooled };
  AttemptId attempt;
  Stage stage = Stage::kRunning;
  std::int64_t progress = 0;  ///< any number that rises while it trains (steps)
};

/// A worker connected and was authenticated: for the first time, or again with what it still holds. An assignment that
/// it never listed has not reached it, and is sent again.
struct WorkerJoined {
  std::string worker;  ///< one id a process, kept over reconnections
  int capacity = 1;    ///< largest pack it holds
  std::string kind;    ///< what measures on one worker of it hold for all of it: the device
  std::vector<HeldAttempt> held;
  std::string host;               ///< what dies with it: the machine, until it starts again; "": nothing else
  std::string name;               ///< for people; "": its id
  std::int64_t memory_bytes = 0;  ///< what a pack must fit in
};

/// kDisconnected: it may come back, and its attempts keep their leases for Limits::reconnect_ms. kGone: its process is
/// known to be dead, and its attempts are lost now. kLeft: it said goodbye, and its attempts are cancelled, which costs
/// them no retry.
struct WorkerLost {
  enum class How { kDisconnected, kGone, kLeft };
  std::string worker;
  How how = How::kDisconnected;
  std::string reason;
};

struct HeartbeatReceived {
  std::string worker;
  std::vector<HeldAttempt> held;  ///< everything that it holds
};

/// A valid result came. The shell keeps its bytes until handle() has returned and its commands are done: RecordResult
/// refers to them. The sender may be another worker than the one that it was assigned to (a spool taken over), if it
/// said before that it holds the attempt.
struct ResultReceived {
  std::string worker;
  AttemptId attempt;
};

/// A worker measured the fastest pack size for trials like this one. No pack of such trials for a worker of its kind is
/// larger from now on.
struct PackSizeMeasured {
  std::string worker;
  std::string trial;
  int size = 1;
};

/// The worker could not train it (not: it diverged, which is a result), or confirms a Cancel. With another blame than
/// kTrial it costs no retry and no trust. After kDataset the worker gets no more trials of that dataset until a sweep
/// of it is resumed, and when no worker is left that may have it, its sweeps stop. After kMemory packs of its kind are
/// half as large on workers of this kind. A trial that trained alone needs a worker with more memory, and fails when
/// there is none.
struct AttemptFailed {
  std::string worker;
  AttemptId attempt;
  std::string reason;
  sweep::Blame blame = sweep::Blame::kTrial;
};

/// A result came that cannot be one of its trial. The attempt has ended. It counts against the worker that trained it,
/// where another one took over its spool, and not against the trial, which trains again, elsewhere if it can. Only when
/// the results of Limits::retry_budget workers were refused, so that the fault is no worker's, has the trial failed.
struct ResultRefused {
  std::string worker;
  AttemptId attempt;
  std::string reason;
};

struct SweepPaused {
  std::string sweep;
};
struct SweepResumed {
  std::string sweep;
};  ///< of a paused or a stopped one
struct SweepStopped {
  std::string sweep;
  std::string reason = {};  ///< "": somebody asked for it
};
/// A finished or stopped sweep was removed from the store; ignored for others. Its trials stay known: another sweep may
/// have them, and a worker may still hold one.
struct SweepRemoved {
  std::string sweep;
};
/// The shell stores the priority itself (Writer::set_sweep_priority) before it says so.
struct SweepPrioritised {
  std::string sweep;
  int priority = 0;
};
/// A failed trial gets a fresh budget. Ignored for others.
struct TrialRetried {
  std::string trial;
};
/// Read back from the store: this worker had not left an earlier coordinator, and may return. Ignored for a worker that
/// has joined this one.
struct WorkerExpected {
  std::string worker;
};
/// Read back from the store: an earlier coordinator quarantined this worker, and nobody has released it since. Ignored
/// for a worker that has joined this one.
struct WorkerQuarantined {
  std::string worker;
  std::string reason;
};
/// Somebody wants a worker to get no more packs until it is released. What it trains ends. Ignored for a worker that is
/// unknown or quarantined.
struct WorkerPaused {
  std::string worker;
};
/// Ends a worker's quarantine: it gets packs again, as one that just joined. Ignored for other workers.
struct WorkerReleased {
  std::string worker;
};
/// No new assignments; Shutdown follows when nothing runs any more.
struct DrainRequested {};
/// Time has passed. Send at least every second.
struct Ticked {};

using Event = std::variant<SweepSubmitted, TrialsAdded, SweepClosed, PackSizeMeasured, WorkerJoined, WorkerLost,
                           HeartbeatReceived, ResultReceived, AttemptFailed, ResultRefused, SweepPaused, SweepResumed,
                           SweepStopped, SweepRemoved, SweepPrioritised, TrialRetried, WorkerExpected,
                           WorkerQuarantined, WorkerPaused, WorkerReleased, DrainRequested, Ticked>;

// ---- Commands: what the shell does, in order -----------------------------------------------------------------
// A Record changes the database. The shell runs a call's records in one Group and commits before it sends anything.
// When the store fails it stops and sends nothing of this call.

struct RecordAssignment {  ///< store: Writer::begin_attempts
  std::string worker;
  std::int64_t pack = 0;
  std::vector<AttemptId> attempts;
};
struct Assign {  ///< send: train these as one pack
  std::string worker;
  std::int64_t pack = 0;
  std::vector<AttemptId> attempts;
};
struct RecordResult {  ///< store: Writer::accept_result with the bytes of this ResultReceived
  std::string worker;
  AttemptId attempt;
  enum class How { kLeased, kAdopted } how = How::kLeased;  ///< kAdopted: the attempt had been written off
};
struct AcknowledgeResult {  ///< send: it is stored; delete it from the spool. Also in answer to a duplicate
  std::string worker;
  AttemptId attempt;
};
struct Discard {  ///< send: this result is not needed; delete it from the spool
  std::string worker;
  AttemptId attempt;
  std::string reason;
};
struct Cancel {  ///< send: stop training it; answered by AttemptFailed, or by a heartbeat that does not list it
  std::string worker;
  AttemptId attempt;
};
struct EndAttempt {  ///< store: Writer::end_attempt; kFailed, kLost or kCancelled
  AttemptId attempt;
  sweep::AttemptState state = sweep::AttemptState::kLost;
  std::string reason;
  bool counts = false;  ///< as a failure of the trial
};
struct ExcuseAttempt {  ///< store: Writer::excuse_attempt: its failure counted, and counts no more
  AttemptId attempt;
};
struct FailTrial {  ///< store: Writer::fail_trial
  std::string trial;
  std::string reason;
};
struct RecordRetry {  ///< store: Writer::retry_trial
  std::string trial;
};
struct RecordSweepState {  ///< store: Writer::set_sweep_state; also for a finished sweep that a retry resumes
  std::string sweep;
  sweep::SweepState state = sweep::SweepState::kRunning;
  std::string reason;  ///< "": somebody asked for it
};
/// Store: set_sweep_state(kFinished). Every trial of it is finished or failed.
struct FinishSweep {
  std::string sweep;
  int finished = 0;
  int failed = 0;
};
/// Store: Writer::set_worker_state (kJoined: Writer::worker_joined, from what the worker said of itself). With a reason
/// when it was released from quarantine. A quarantined worker stays so in the store while it is away, because a
/// coordinator that starts then must know it.
struct RecordWorker {
  std::string worker;
  sweep::WorkerState state = sweep::WorkerState::kJoined;
  std::string reason;
};
struct Quarantine {  ///< send, show: it gets nothing more until it is released. A RecordWorker went before it
  std::string worker;
  std::string reason;
};
struct Dismiss {  ///< send: leave, after delivering what is spooled
  std::string worker;
  std::string reason;
};
struct Shutdown {};  ///< drained: nothing runs; the shell may end

using Record = std::variant<RecordAssignment, RecordResult, EndAttempt, ExcuseAttempt, FailTrial, RecordRetry,
                            RecordSweepState, FinishSweep, RecordWorker>;
using Send = std::variant<Assign, AcknowledgeResult, Discard, Cancel, Quarantine, Dismiss, Shutdown>;
using Command = std::variant<Record, Send>;

/// One line of text of each, for logs and tests: "Assign w1 pack 3: a#1 b#1".
std::string to_string(const Command& command);
std::string to_string(const Event& event);

/// Decides which worker trains what, and what becomes of it when things go wrong (ARCHITECTURE.md). Pure: handle() is
/// total (any event in any state) and deterministic. It owns no thread, socket, clock or random number. One thread.
///
/// A worker gets a pack when it trains nothing and has confirmed every Cancel. Results that only wait for delivery do
/// not count. When fewer trials wait than the workers hold together, each gets an even share (the tail). Sweeps of one
/// priority share the workers: the one with the fewest running trials is next, then the one that waited longest.
///
/// Blame follows cross evidence:
/// - A failure counts against a trial when it trained alone. What failed in a pack trains again in packs of half the
///   size. When one half fails again, the mates in the other half are as before. Silence of a worker is no failure of
///   the trial, unless it comes again and again.
/// - A trial that failed goes to another host first, then to a worker that was there before. It is failed when its
///   budget is spent, and it failed alone on two hosts or nobody else is there to try it.
/// - A host on which packs die in a row, or a worker that fails packs in a row, gets canaries until one succeeds: lone
///   trials, one at a time. Their failures do not count while another can try them.
/// - A worker is quarantined when others finished what it failed alone, and somebody else is left.
///
/// A sweep with a search has rounds. When all of its trials have ended it is searching(), until TrialsAdded or
/// SweepClosed says what comes next. Trials that are likely to come train behind all others, and are cancelled when
/// they do not.
///
/// Invariants (sanity_check): a trial has at most one leased attempt, a finished or failed one none. A trial waits
/// exactly when it is pending, unleased, and in a running sweep. Counts add up.
class Scheduler {
 public:
  /// `next_pack`: Writer::next_pack().
  explicit Scheduler(Limits limits = {}, std::int64_t next_pack = 1);

  /// The commands that `event` calls for, to be done in order.
  std::vector<Command> handle(const Event& event, TimePoint now_ms);

  struct Progress {
    sweep::SweepState state = sweep::SweepState::kRunning;
    int trials = 0;
    int finished = 0;
    int failed = 0;
    int running = 0;  ///< leased, also those assigned for another sweep
    int waiting() const { return trials - finished - failed - running; }
  };
  /// nullopt for an unknown sweep. Costs nothing: counts are kept.
  std::optional<Progress> progress(const std::string& sweep) const;

  struct WorkerView {
    std::string id;
    sweep::WorkerState state = sweep::WorkerState::kJoined;
    bool quarantined = false;  ///< also while it is away
    int capacity = 1;
    std::vector<AttemptId> leased;
  };
  std::vector<WorkerView> workers() const;
  /// Running sweeps whose search is to say what comes next, because every trial of theirs has ended. In order of
  /// submission.
  std::vector<std::string> searching() const;
  /// True when no attempt is leased.
  bool idle() const;
  /// True when every known sweep is finished or stopped.
  bool done() const;

  /// Asserts every invariant; for tests and debug builds (linear in everything).
  void sanity_check() const;

 private:
  // Order of training: priority descending, then order of submission, then position in the sweep.
  struct Order {
    int negative_priority = 0;
    int sweep = 0;
    int position = 0;
    friend bool operator<(const Order& a, const Order& b) {
      return std::tie(a.negative_priority, a.sweep, a.position) < std::tie(b.negative_priority, b.sweep, b.position);
    }
  };
  /// A lease: the newest attempt of a trial, or one that was written off and turned out to be alive.
  struct Lease {
    std::string worker;
    int number = 0;
    std::int64_t pack = 0;
    int size = 0;                         ///< of the pack, when it was assigned; 0 forgotten
    TimePoint listed_ms = 0;              ///< assigned, or last listed by a heartbeat
    std::optional<TimePoint> back_by_ms;  ///< its worker's connection is closed
    TimePoint progress_ms = 0;            ///< when progress last rose
    std::int64_t progress = -1;           ///< -1: its worker has never listed it
    int sent = 1;                         ///< times
    bool written_off = false;             ///< ended in the store already: losing it again costs nothing
    bool spooled = false;                 ///< trained; only delivery is awaited
  };
  struct Trial {
    std::string id;
    int key = 0;  ///< index of its pack key
    sweep::TrialState state = sweep::TrialState::kPending;
    int attempts = 0;
    int accepted = 0;  ///< number of the attempt whose result was accepted by this scheduler; 0 unknown
    int failures = 0;
    TimePoint not_before = 0;
    std::optional<Lease> lease;
    std::set<std::string> failed_on;           ///< workers
    std::map<std::string, std::string> hosts;  ///< on which it failed -> the worker, if alone and counted
    int suspected = 0;                         ///< workers that had joined when it first failed
    int silent = 0;                            ///< attempts whose worker fell silent
    std::int64_t crashed = 0;                  ///< pack that it failed in, whose culprit is not known yet; 0 none
    int largest = 0;                           ///< pack that it may train in meanwhile
    std::int64_t outgrown = -1;                ///< memory in which it did not fit, alone
    std::set<std::string> refused_from;        ///< workers whose results of it could not be
    std::set<int> refused;                     ///< attempts of these, which may be sent again; while pending
    std::map<int, std::string> given;         ///< attempts that this scheduler assigned, to which worker; while pending
    std::vector<std::pair<int, int>> places;  ///< (sweep index, position)
    std::vector<std::pair<int, int>> likely;  ///< the same, of sweeps that will probably ask for it
    std::optional<Order> queued;              ///< its place among the waiting
    bool delayed = false;                     ///< waits for not_before
  };
  struct Sweep {
    std::string id;
    int priority = 0;
    sweep::SweepState state = sweep::SweepState::kRunning;
    std::vector<int> trials;
    std::vector<int> likely;  ///< no number below counts them
    bool searching = false;
    int finished = 0;
    int failed = 0;
    int running = 0;
    std::int64_t turn = 0;  ///< its newest pack

    bool ended() const { return finished + failed == static_cast<int>(trials.size()); }
  };
  /// Packs in a row that failed. From Limits::quarantine_after on there are canaries only.
  struct Row {
    int packs = 0;
    std::int64_t from = 0;  ///< packs from here on count: those that ran at the last failure say nothing new
    TimePoint until = 0;    ///< no canary before
  };
  struct Worker {
    sweep::WorkerState state = sweep::WorkerState::kJoined;
    bool quarantined = false;
    std::string quarantine_reason;
    int capacity = 1;
    std::string kind;
    std::string host;
    std::string name;
    std::int64_t memory = 0;
    int joined = 0;  ///< its number among all that joined; 0 not yet, known from the store
    TimePoint heard_ms = 0;
    std::set<int> leased;         ///< trials
    std::set<AttemptId> strays;   ///< it trains them, nobody wants them: cancelled, not yet confirmed
    std::set<AttemptId> stalled;  ///< cancelled because they hung: never continued
    std::map<int, int> mourned;   ///< trial that it was said to have died of -> number of the attempt
    Row row;                      ///< reported failures and hangs since its last result
    std::set<int> failed_alone;   ///< trials, since its last result
    int disproved = 0;            ///< of those, finished by others
    std::set<AttemptId> listed;   ///< what it said last that it holds
    int refused = 0;              ///< results that cannot be
    std::set<std::string> unfit;  ///< datasets that it does not have
    bool dismissed = false;
  };

  void on(const SweepSubmitted&);
  void on(const TrialsAdded&);
  void on(const SweepClosed&);
  void on(const WorkerJoined&);
  void on(const WorkerLost&);
  void on(const HeartbeatReceived&);
  void on(const ResultReceived&);
  void on(const PackSizeMeasured&);
  void on(const AttemptFailed&);
  void on(const ResultRefused&);
  void on(const SweepPaused&);
  void on(const SweepResumed&);
  void on(const SweepStopped&);
  void on(const SweepRemoved&);
  void on(const SweepPrioritised&);
  void on(const TrialRetried&);
  void on(const WorkerExpected&);
  void on(const WorkerQuarantined&);
  void on(const WorkerPaused&);
  void on(const WorkerReleased&);
  void on(const DrainRequested&);
  void on(const Ticked&);

  // Workers.
  void hear(const std::string& worker);
  /// Compares a worker's report of its attempts with its leases: renews, cancels, or resumes a written-off attempt.
  void reconcile(const std::string& worker, const std::vector<HeldAttempt>& held);
  void renew(Lease& lease, const HeldAttempt& held);
  void send_again_or_lose(const std::string& worker);
  void note_result(const std::string& worker, int trial);
  void note_refusal(const std::string& worker);
  void set_aside(const std::string& id, Worker& worker, const std::string& reason);
  void quarantine(const std::string& id, Worker& worker, const std::string& reason);
  bool may_send(const std::string& worker, const Trial& trial, const AttemptId& attempt) const;
  std::string trainer_of(const std::string& sender, const AttemptId& attempt) const;  ///< "" not known
  bool usable(const Worker& worker) const;
  bool there(const Worker& worker) const;       ///< usable, or back soon
  bool may_return(const Worker& worker) const;  ///< its network is cut, perhaps
  bool free(const Worker& worker) const;
  bool delivers(const Worker& worker) const;  ///< all that it holds is trained
  const std::string& host_of(const std::string& worker) const;
  std::string name_of(const std::string& worker) const;  ///< "worker node7:4212"
  void note(Row& row, std::int64_t pack);
  bool suspect(const Row& row) const { return row.packs >= limits_.quarantine_after; }
  bool suspect(const Worker& worker) const;

  // Trials, by index.
  int index_of(const std::string& trial) const;  ///< -1: unknown
  int admit(const SubmittedTrial& submitted);
  bool wanted(const Trial& trial) const;  ///< by a running or paused sweep
  std::optional<Order> order_of(const Trial& trial) const;
  void unqueue(int trial);
  void requeue(int trial);
  void release_delayed();
  void take_lease(int trial, const std::string& worker, int number, std::int64_t pack);
  void drop_lease(int trial);
  void end_lease(int trial, const std::string& reason);
  void hand_over(int trial, const std::string& worker);
  /// kSilent: the worker may be well, and did not get or keep it.
  enum class Loss { kFailed, kHung, kDied, kSilent };
  void lose(int trial, Loss how, const std::string& reason);
  bool accuse(int trial, const Lease& lease, Loss how);
  void withdraw(const std::string& worker);
  void split(int trial, const Lease& lease);
  void clear(Trial& trial);
  void forgive(int trial);
  bool untried(const Trial& trial, bool trusted) const;
  const std::string& dataset_of(int trial) const { return dataset_of_[static_cast<std::size_t>(trials_[trial].key)]; }
  /// Its worker trains another pack first, and cannot be blamed for its progress.
  bool waits(const Lease& lease) const;
  void outgrow(int trial, const AttemptFailed& failed);
  /// Workers are there, and none of them `can`, nor one that may return. With no worker at all the next one may.
  template <class Can>
  bool nobody_can(Can can) const;
  void note_departure(const Worker& worker);
  /// A worker with more memory than the trial has outgrown left within Limits::stall_ms: another may start in its
  /// place. Or one of an earlier coordinator may return, whose memory nobody knows.
  bool follows_larger(const Trial& trial) const;
  void fail_what_fits_nobody();
  void excuse(int trial, const AttemptFailed& failed);
  void stop_what_nobody_has();
  void stop(int sweep, const std::string& reason);
  void cancel(int trial, const std::string& reason);
  void fail(int trial, const std::string& reason);
  std::int64_t retry_delay(int failures) const;
  void answer_duplicate(const std::string& worker, const Trial& trial, int number);

  // Sweeps, by index.
  void add(int sweep, const std::vector<SubmittedTrial>& trials);
  void set_state(int sweep, sweep::SweepState state, const std::string& reason = "");
  void finish_if_complete(int sweep);

  // Assignment.
  bool fits(const Worker& worker, const Trial& trial) const;
  int rank(const std::string& worker, const Trial& trial) const;
  bool may_train(const std::string& worker, const Trial& trial) const;
  bool may_have_canary(const std::string& worker) const;
  std::map<Order, int>::const_iterator choose_head(const std::string& worker, bool canary) const;
  std::vector<int> choose_pack(const std::string& worker, int limit) const;
  void assign_waiting();
  void assign(const std::string& worker, const std::vector<int>& pack);
  void wind_down();

  Limits limits_;
  std::int64_t next_pack_;
  TimePoint now_ = 0;  ///< own time
  TimePoint assign_from_ = 0;
  std::optional<TimePoint> last_event_ms_;
  bool draining_ = false;
  bool shut_down_ = false;
  std::vector<Command> out_;

  std::vector<Sweep> sweeps_;
  std::map<std::string, int> sweep_index_;
  std::deque<Trial> trials_;  ///< grows without moving what is there
  std::map<std::string, int> trial_index_;
  std::map<std::string, int> key_index_;
  std::vector<std::string> dataset_of_;        ///< by key index
  std::map<std::string, std::string> missed_;  ///< datasets that a worker does not have, and how it says so
  std::map<std::string, Worker> workers_;
  struct Departure {
    std::int64_t memory = 0;
    TimePoint at_ms = 0;
  };
  std::map<std::string, TimePoint> expected_;  ///< workers of an earlier coordinator that have not returned
  std::map<std::string, Departure> departed_;  ///< host -> the largest worker that left it within Limits::stall_ms
  int joins_ = 0;
  std::map<std::string, Row> hosts_;                 ///< deaths since the host's last result
  std::map<std::int64_t, std::set<int>> crashed_;    ///< packs whose culprit is not known -> trials
  std::map<std::pair<std::string, int>, int> fits_;  ///< (kind of worker, pack key) -> trials that may fit in memory
  std::set<int> outgrown_;                           ///< trials that need more memory than some worker has
  std::map<std::pair<std::string, int>, int> best_size_;  ///< (kind of worker, pack key) -> trials
  std::map<Order, int> waiting_;                          ///< -> trial
  std::vector<std::map<Order, int>> waiting_of_;          ///< [key] the same by pack key
  std::set<std::pair<TimePoint, int>> delayed_;           ///< (not_before, trial)
  std::set<int> leased_;                                  ///< trials
};

}  // namespace medley::coordinator
