#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "coordinator/scheduler/scheduler.h"

namespace medley::coordinator::simulation {

/// A rule was broken; the message names the rule, the command and the event.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Bugs planted between the world and the real scheduler: the checks must find each.
enum class Bug {
  kNone,
  kSendBeforeRecord,     ///< Assign goes out before RecordAssignment
  kSendTwice,            ///< a worker that comes back is sent what it holds
  kAcceptTwice,          ///< a second result of a finished trial is recorded
  kTrustStaleFailure,    ///< a failure of an old attempt ends the newer one
  kForgetLeases,         ///< time never passes: a dead worker keeps its attempts for ever
  kAcknowledgeUnstored,  ///< a result is acknowledged but not recorded
  kAssignQuarantined,    ///< packs go to a quarantined worker when there is one
  kLoseNeededResult,     ///< a late result of a written-off attempt is thrown away
  kForgetQuarantine,     ///< a coordinator that starts is not told whom an earlier one quarantined
  kBlameForPauses,       ///< time passes while the coordinator stands still
  kBlameInstances,       ///< a worker that returns as a new process is taken for another host
  kQuarantineAtOnce,     ///< the first failure quarantines a worker
  kTrustKillers,         ///< a host on which packs die in a row gets as much as any other
  kForgetSizes,          ///< a pack of a size that did not fit is tried again
  kRetryWhatIsTooLarge,  ///< what does not fit is a failure like any other
  kStoreLies,            ///< results are not checked
  kStarveLaterSweeps,    ///< the first sweep goes before the others
  kDecideEarly,          ///< a search is asked before its round has ended
  kLikelyFirst,          ///< what a search will probably ask for goes before what it asked for
};

/// How often rare paths were reached, over all seeds.
struct Counters {
  std::map<std::string, long> of;
  long& operator[](const std::string& name) { return of[name]; }
};

/// Random numbers of one seed; the same on every platform.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::int64_t between(std::int64_t low, std::int64_t high) {  // inclusive
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(double p) { return static_cast<double>(engine_() >> 11) * 0x1p-53 < p; }

 private:
  std::mt19937_64 engine_;
};

/// Fault weights, drawn per seed: many seeds have few faults, some have all.
struct Weights {
  double drop = 0, duplicate = 0, disconnect = 0, worker_death = 0, coordinator_death = 0, hang = 0, slow = 0,
         attempt_failure = 0, disk_failure = 0, user = 0, poison = 0, lie = 0, stale = 0, pause = 0, slow_disk = 0,
         worker_pause = 0, cut = 0, large = 0, broken = 0, no_descriptors = 0, spool_failure = 0;
  std::int64_t longest_delay_ms = 1;
  bool crash_loop = false;  ///< workers of one host die soon after each assignment, beside others
  bool calm = false;        ///< nothing happens by chance that looks as if a trial had failed by itself
  explicit Weights(Dice& dice);
};

/// What the store holds, with the rules of storage::Writer: a command that Writer would refuse is a Violation.
struct Journal {
  struct Attempt {
    std::string worker;
    std::int64_t pack = 0;
    sweep::AttemptState state = sweep::AttemptState::kRunning;
  };
  struct Trial {
    std::string key;
    sweep::TrialState state = sweep::TrialState::kPending;
    std::vector<Attempt> attempts;  ///< [number - 1]
    int failures = 0;
    int accepted = 0;  ///< attempt number
    int results = 0;   ///< how many were ever recorded: at most one
    std::int64_t value = 0;
    bool too_large = false;  ///< why it failed
    bool running() const { return !attempts.empty() && attempts.back().state == sweep::AttemptState::kRunning; }
  };
  struct Sweep {
    std::string id;
    int priority = 0;
    sweep::SweepState state = sweep::SweepState::kRunning;
    std::vector<std::string> trials;
    std::vector<std::string> space = {};   ///< all that its search may ask for; empty: it has none
    std::vector<std::string> likely = {};  ///< what the round after this one will probably be
    int rounds = 0;
    bool searching = false;
  };
  std::map<std::string, Trial> trials;
  std::vector<Sweep> sweeps;  ///< in order of submission
  std::map<std::string, sweep::WorkerState> workers;
  std::map<std::string, std::string> worker_reasons;
  std::int64_t next_pack = 1;

  Sweep* find_sweep(const std::string& id);
  SubmittedTrial history(const std::string& trial) const;
  SweepSubmitted history(const Sweep& sweep) const;
  TrialsAdded grown(const Sweep& sweep) const;
  bool wants(const Sweep& sweep, const std::string& trial) const;
  /// Ends what no sweep wants, and runs: a coordinator died before it could cancel it.
  void end_unwanted();
};

/// Something that is told what the journal is told: the real store, in one test.
class Mirror {
 public:
  virtual ~Mirror() = default;
  virtual void submit(const Journal::Sweep& sweep, const Journal& journal) = 0;
  virtual void remove(const std::string& sweep) = 0;
  /// `added` is at the end of the sweep's trials.
  virtual void add_round(const Journal::Sweep& sweep, const std::vector<std::string>& added) = 0;
  virtual void end_unwanted() = 0;
  /// The record commands of one call, all of them or none; `journal` is as it is after them.
  virtual void record(const std::vector<Command>& commands, const Journal& journal) = 0;
};

/// One worker slot: a process at a time, and a spool folder that outlives it.
struct Worker {
  struct Held {
    bool spooled = false;
    std::int64_t progress = 0;
    std::int64_t done_ms = 0;
    bool will_fail = false;
    bool lies = false;   ///< its result cannot be one of its trial
    bool stale = false;  ///< files of its dataset change while it trains
    bool kills = false;  ///< its process dies of it
    bool no_room = false;
    bool hung = false;
    std::int64_t sent_ms = -1;  ///< when its result went out last
  };
  std::string id;
  int incarnation = 0;
  int capacity = 1;
  std::string host;
  std::int64_t memory = 100;
  bool crashes = false;               ///< soon after each assignment, while there are faults
  std::int64_t dies_ms = 0;           ///< 0: not yet
  std::int64_t stopped_until_ms = 0;  ///< the process stands still
  std::int64_t cut_until_ms = 0;      ///< the network carries nothing to it or from it
  bool alive = false;
  bool broken = false;  ///< fails whatever it trains
  int connection = 0;   ///< 0: none
  std::int64_t next_try_ms = 0;
  std::int64_t next_heartbeat_ms = 0;
  std::map<AttemptId, Held> held;
  bool dismissed = false;
};

/// The whole world of one seed. run() throws Violation.
class World {
 public:
  /// Without a history it is quicker, and does the same.
  World(std::uint64_t seed, Bug bug, Counters& counters, Mirror* mirror = nullptr, bool keeps_history = true);
  void run();
  std::string tail_of_history() const;

 private:
  struct Message {
    bool to_coordinator = false;
    int slot = 0;
    std::string worker;
    int connection = 0;
    std::int64_t value = 0;  ///< of a result
    std::optional<Event> event;
    std::optional<Send> command;
  };

  /// A moment, as the coordinator may have seen it.
  struct Moment {
    std::int64_t ms = 0;
    std::int64_t awake_ms = 0;
    int pauses = 0;
  };

  bool faulty() const { return now_ < quiet_from_ms_; }
  bool paused() const { return now_ < paused_until_ms_; }
  Moment moment() const { return {now_, awake_ms_, pauses_}; }
  void pause(const char* what);
  void wake();
  void submit(Journal::Sweep sweep);
  void remove(const std::string& sweep);
  void step_searches();
  std::vector<std::string> next_round(const Journal::Sweep& sweep) const;
  void start_coordinator();
  void stop_coordinator(const char* why);
  void feed(Event event);
  void check_order_and_store(const std::vector<Command>& commands, const Event& event);
  void check_failure(const std::string& trial);
  void check_pack(const RecordAssignment& pack);
  void note_failure(const std::string& of, std::int64_t pack);
  void check_shares(const std::vector<Command>& commands);
  void check_views();
  void check_end();
  bool budget_is_spent(const std::string& trial) const;
  void send(const Send& command);
  void post(Message message);
  void deliver(const Message& message);
  void step_worker(int slot);
  void die(Worker& worker);
  void connect(int slot);
  void step_user();
  void receive(Worker& worker, const Send& command);
  void plant(Event& event);
  void plant(std::vector<Command>& commands, const Event& event);
  int slot_of(const std::string& worker) const;
  std::vector<HeldAttempt> held_by(const Worker& worker) const;
  void note(const std::string& line);
  [[noreturn]] void violated(const std::string& rule) const;

  Dice dice_;
  Bug bug_;
  Counters& counters_;
  Mirror* mirror_;
  bool keeps_history_;
  Weights weights_;
  Limits limits_;
  std::int64_t now_ = 0;
  std::int64_t quiet_from_ms_ = 0;
  std::vector<Journal::Sweep> removed_;  ///< at most one; submitted again later
  Journal journal_;
  std::optional<Scheduler> scheduler_;
  std::int64_t restart_ms_ = 0;
  std::int64_t deaf_until_ms_ = 0;  ///< the coordinator has no descriptor left for another connection
  std::vector<Worker> workers_;
  std::multimap<std::int64_t, Message> network_;
  int connections_ = 0;
  std::set<std::string> poisoned_;             ///< trials that fail wherever they run
  std::set<std::string> ever_failed_;          ///< also those that were saved since
  std::set<std::string> killers_;              ///< poisoned ones that kill their process
  std::map<std::string, std::int64_t> needs_;  ///< pack key -> memory of a trial
  std::int64_t awake_ms_ = 0;                  ///< time that the coordinator ran
  std::int64_t paused_until_ms_ = 0;
  int pauses_ = 0;
  std::vector<Event> inbox_;                                ///< came while the coordinator stood still
  std::vector<Send> unsent_;                                ///< wait for a slow commit
  std::int64_t value_ = 0;                                  ///< of the result that is being handled
  std::set<std::string> bad_;                               ///< workers that failed, hung, lied or died by themselves
  std::map<std::string, std::string> host_of_;              ///< by worker id
  std::map<std::string, std::int64_t> memory_;              ///< by worker id
  std::map<std::string, std::int64_t> outgrown_;            ///< trial -> memory in which it did not fit alone
  std::map<std::string, Moment> closed_;                    ///< workers whose connection was closed
  std::set<AttemptId> assigned_;                            ///< by this coordinator
  std::map<std::string, std::set<std::string>> failed_on_;  ///< trial -> hosts of failures that count
  std::set<std::string> joined_;                            ///< workers that this coordinator has seen
  std::map<std::string, std::set<std::string>> beside_;     ///< trial -> workers that it had seen when it failed first
  std::map<std::string, int> crashed_in_;                   ///< trial -> size of the pack that it failed in last
  /// Packs in a row that died on a host or failed on a worker, by their names, and the first that counts next.
  std::map<std::string, std::pair<int, std::int64_t>> row_;
  std::map<std::pair<std::int64_t, std::string>, std::size_t> fits_;  ///< (memory, pack key) -> largest pack
  std::set<std::string> crash_lost_;                                  ///< trials lost to the host that kills
  std::map<std::string, std::set<std::string>> refused_from_;         ///< trial -> workers whose results were refused
  std::set<std::pair<std::string, AttemptId>> said_failed_;           ///< what workers really reported
  std::set<AttemptId> trained_;                                       ///< attempts that really gave a result
  std::set<AttemptId> sent_;  ///< Assign went out (this coordinator's or an earlier one's)
  std::map<AttemptId, int> sent_again_;
  std::map<std::pair<AttemptId, std::string>, Moment> listed_;  ///< by whom: assigned or last listed
  std::set<AttemptId> spooled_;                                 ///< the coordinator was told that it is on disk
  std::map<AttemptId, std::pair<std::int64_t, std::int64_t>> progress_;  ///< (largest, when it rose)
  std::map<AttemptId, std::set<std::string>> holders_;  ///< workers that said they have its result on disk
  std::map<std::string, int> capacity_;                 ///< by worker id
  std::set<std::string> distrusted_;                    ///< workers quarantined by any coordinator, and not released
  std::set<std::string> recalled_;                      ///< those that this coordinator was told of when it started
  std::vector<std::string> history_;
};

}  // namespace medley::coordinator::simulation
