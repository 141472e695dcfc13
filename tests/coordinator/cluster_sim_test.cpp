// A whole cluster in one thread and in virtual time: the coordinator's scheduler, translator, recorder and store, the
// workers' outboxes and spools, and the frames between them are the real ones. Simulated are the trainer, the clock,
// the network and the disk's faults. A failure prints its seed; MEDLEY_SIM_SEED runs that one alone, and
// MEDLEY_CLUSTER_SEEDS says how many are run.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <deque>

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "coordinator/recorder.h"
#include "coordinator/translator.h"
#include "storage/check.h"
#include "storage/reader.h"
#include "sweep/half.h"
#include "sweep/version.h"
#include "tests/coordinator/commands.h"
#include "tests/coordinator/fake_sweep.h"
#include "tests/coordinator/scheduler_world.h"
#include "tests/storage/faulty_calls.h"
#include "tests/support/amount.h"
#include "tests/support/folder.h"
#include "tests/support/spooled.h"
#include "worker/outbox.h"
#include "worker/protocol/codec.h"

namespace medley::coordinator::simulation {
namespace {

namespace fs = std::filesystem;
using protocol::Message;
using sweep::TrialSpec;
using worker::PackPtr;
using worker::Stop;

constexpr long kSeeds = 200;
constexpr std::int64_t kStepMs = 50;
constexpr std::int64_t kTickMs = 250;
constexpr std::int64_t kHeartbeatMs = 200;
constexpr std::int64_t kLarge = 200;        ///< memory that every innocent trial fits
constexpr std::int64_t kSilentMs = 1000;    ///< a connection on which a worker hears nothing for so long is closed
constexpr std::int64_t kFencingMs = 6000;   ///< and then it ends
constexpr std::int64_t kQuietMs = 200'000;  ///< after the faults stop, everything must have ended by then

/// Bugs planted between the real parts: the rules must find each.
enum class Planted {
  kNone,
  kBelieveResults,       ///< results are not checked
  kRecordTwice,          ///< a result that is not needed is recorded
  kBlameProcesses,       ///< a worker that returns as a new process is taken for another host
  kQuarantineAtOnce,     ///< the first failure quarantines a worker
  kSayBeforeCommit,      ///< a worker is told before the store has it
  kSendOnce,             ///< what was sent when a connection broke is not sent again
  kLeaveSpools,          ///< nobody delivers what a dead worker left
  kFailEarly,            ///< a trial is failed by its first failure
  kTrainOnChangedFiles,  ///< nobody notices that files of a dataset have changed
};

/// How likely each fault is in a step of one worker or of the coordinator. Many seeds have few faults.
struct Faults {
  explicit Faults(Dice& dice) {
    const auto up_to = [&](double largest) {
      return dice.chance(0.4) ? 0.0 : largest * static_cast<double>(dice.between(1, 100)) / 100;
    };
    death = up_to(0.004), pause = up_to(0.006), cut = up_to(0.004), disconnect = up_to(0.01);
    coordinator_death = up_to(0.005), coordinator_pause = up_to(0.01), slow_disk = up_to(0.05), deaf = up_to(0.005);
    disk = up_to(0.01), spool = up_to(0.1), rot = up_to(0.02);
    poison = up_to(0.15), large = up_to(0.5), stale = up_to(0.1), no_dataset = up_to(0.3);
    broken = up_to(0.5), lies = up_to(0.5), hang = up_to(0.1), slow = up_to(0.2);
    crash_loop = dice.chance(0.4);
    longest_delay_ms = dice.chance(0.3) ? 1 : dice.between(2, 600);
  }
  double death, pause, cut, disconnect, coordinator_death, coordinator_pause, slow_disk, deaf, disk, spool, rot, poison,
      large, stale, no_dataset, broken, lies, hang, slow;
  bool crash_loop;  ///< workers of one host die soon after each assignment
  std::int64_t longest_delay_ms;
};

/// A connection between a worker process and the coordinator: two orderly streams of frames.
struct Connection {
  struct Stream {
    std::deque<std::pair<std::int64_t, std::vector<std::uint8_t>>> frames;  ///< (due, bytes)
    bool ended = false;                                                     ///< by its sender
  };
  Stream up, down;
  std::string worker;  ///< as the coordinator knows it, once it has joined
  std::int64_t heard_ms = 0;
};

/// One place for a worker: a process at a time.
struct Slot {
  std::string host;
  std::int64_t memory = 0;
  bool good = false;     ///< nothing but the network and the power fails here
  bool crashes = false;  ///< of the host that kills
  std::int64_t next_start_ms = 0, stopped_until_ms = 0, cut_until_ms = 0;

  // The process; `outbox` is empty when there is none.
  std::string id;
  std::unique_ptr<worker::Spool> spool;
  std::optional<worker::Outbox> outbox;
  std::shared_ptr<Connection> connection;
  std::deque<PackPtr> waiting;
  PackPtr pack;
  std::int64_t done_ms = 0, dies_ms = 0, hung_since_ms = 0, next_try_ms = 0, next_beat_ms = 0, heard_ms = 0,
               heard_since_ms = 0;
  bool welcomed = false, broken = false, lies = false, no_dataset = false, stale = false;
};

/// The coordinator, until it ends. As Coordinator::State without sockets, local workers and searches.
struct Core {
  Core(const fs::path& store, const CoordinatorOptions& settings,
       std::function<void(const std::string&, const Message&)> send, std::function<void(const std::string&)> hang_up)
      : options(settings),
        writer(store),
        reader(store),
        scheduler(options.limits, writer.next_pack()),
        checkpoints(store.string(), store / "checkpoints", 1'000'000),
        host_workers(0, {}, {}),
        recorder(writer, catalog, roster, board, checkpoints, host_workers),
        translator({options, writer, catalog, roster, live, ending, std::move(send), std::move(hang_up), host_workers},
                   "", [this](Event event, std::shared_ptr<const sweep::ResultRecord> result) {
                     inbox.push_back({std::move(event), std::move(result)});
                   }) {}
  struct Item {
    Event event;
    std::shared_ptr<const sweep::ResultRecord> result;
  };
  /// Coordinator::State::introduce(), in one slice.
  void introduce(const std::string& id) {
    const StoredTrials asked = read_trials(reader, id, storage::Reader::Trials::kAsked);
    catalog.note(asked.sweep);
    catalog.note(asked.dataset, asked.sweep.partitions);
    inbox.push_back({SweepSubmitted{id, asked.sweep.priority, asked.sweep.state, {}, true}, nullptr});
    inbox.push_back({TrialsAdded{id, catalog.take(asked, {0, asked.specs.size()}), std::nullopt}, nullptr});
    inbox.push_back({SweepClosed{id}, nullptr});
  }

  const CoordinatorOptions& options;
  storage::Writer writer;
  storage::Reader reader;
  Scheduler scheduler;
  Catalog catalog;
  Roster roster;
  LiveTrials live;
  StatusBoard board;
  CheckpointKeeper checkpoints;
  HostWorkers host_workers;
  Ending ending;
  Recorder recorder;
  Translator translator;
  std::deque<Item> inbox;
};

class Cluster {
 public:
  Cluster(std::uint64_t seed, Planted bug, Counters& counters)
      : dice_(seed), bug_(bug), counters_(counters), faults_(dice_) {
    options_.store = store_;
    options_.heartbeat = std::chrono::milliseconds(kHeartbeatMs);
    options_.fencing = std::chrono::milliseconds(kFencingMs);
    options_.exit_when_done = false;
    options_.limits.lease_ms = 1000;
    options_.limits.longest_step_ms = kTickMs + kStepMs;
    options_.limits.reconnect_ms = 600;
    options_.limits.stall_ms = 6000;
    options_.limits.retry_budget = bug == Planted::kFailEarly ? 1 : 5;
    options_.limits.retry_delay_ms = 100;
    options_.limits.largest_retry_delay_ms = 1000;
    options_.limits.quarantine_after = 3;
    options_.limits.largest_pack = 6;
    quiet_from_ms_ = dice_.between(5'000, 30'000);
    slots_.resize(static_cast<std::size_t>(dice_.between(2, 5)));
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      slot.good = i + 1 == slots_.size();
      slot.host = slot.good ? "good" : "h" + std::to_string(dice_.between(0, 2));
      slot.memory = slot.good || dice_.chance(0.5) ? kLarge : 100;
      slot.crashes = faults_.crash_loop && slot.host == slots_[0].host;
    }
    const int configs = static_cast<int>(dice_.between(1, 8));
    sweeps_ = {fake::fake_sweep(static_cast<int>(dice_.between(1, configs)), "first"),
               fake::fake_sweep(configs, "second")};
    sweeps_[1].priority = static_cast<int>(dice_.between(-1, 1));
    const std::int64_t sizes[] = {60, 150, 500};
    for (const int batch : {16, 32}) needs_[batch] = dice_.chance(faults_.large) ? sizes[dice_.between(0, 2)] : 1;
    for (const TrialSpec& trial : sweeps_[1].trials) {
      if (dice_.chance(faults_.poison)) (dice_.chance(0.5) ? poisoned_ : killers_).insert(trial.id);
      reference_[trial.id] = fake::fake_result(trial);
    }
  }

  void run() {
    const std::int64_t second_ms = dice_.between(0, quiet_from_ms_);
    std::size_t submitted = 0;
    for (;; now_ += kStepMs) {
      if (!core_ && now_ >= restart_ms_) start();
      if (faulty() && core_ && !paused()) {
        if (dice_.chance(faults_.coordinator_pause)) pause("coordinator stands still", dice_.between(500, 4000));
        if (dice_.chance(faults_.coordinator_death)) end("coordinator killed");
        if (dice_.chance(faults_.deaf)) {
          ++counters_["no descriptor for a connection"];
          deaf_until_ms_ = now_ + dice_.between(500, 8000);
        }
      }
      if (core_ && !paused()) {
        say_what_waited();
        if (now_ % kTickMs == 0 && dice_.chance(0.5)) core_->inbox.push_back({Ticked{}, nullptr});
        listen();
        if (now_ % kTickMs == 0) core_->inbox.push_back({Ticked{}, nullptr});
        while (core_ && !paused() && !core_->inbox.empty()) process();
        if (core_ && !paused() && submitted < sweeps_.size() && (submitted == 0 || now_ >= second_ms)) {
          submitted += submit(sweeps_[submitted]);
        }
      }
      for (std::size_t i = 0; i < slots_.size(); ++i) step(slots_[i], i);
      if (faulty()) continue;
      for (Slot& slot : slots_) slot.broken = slot.lies = slot.no_dataset = slot.crashes = false;
      if (core_ && !paused()) mend();
      const bool delivered =
          std::all_of(slots_.begin(), slots_.end(), [](const Slot& s) { return s.outbox && s.outbox->empty(); });
      const bool done = core_ && !paused() && core_->inbox.empty() && core_->scheduler.done();
      if (submitted == sweeps_.size() && done && delivered && now_ % 1000 == 0 && spools_are_empty()) {
        return check_end();
      }
      if (now_ > quiet_from_ms_ + kQuietMs) {
        violated(core_ && core_->scheduler.done() ? "every result is delivered" : "every sweep ends");
      }
    }
  }

  std::string tail_of_history() const {
    std::string text;
    for (const std::string& line : history_) text += line + "\n";
    return text;
  }

 private:
  bool faulty() const { return now_ < quiet_from_ms_; }
  bool paused() const { return now_ < paused_until_ms_; }
  bool cut(const Slot& slot) const { return now_ < slot.cut_until_ms; }

  void note(const std::string& line) {
    history_.push_back(std::to_string(now_) + " " + line);
    if (history_.size() > 120) history_.pop_front();
  }
  [[noreturn]] void violated(const std::string& rule) const {
    throw Violation("broken at " + std::to_string(now_) + " ms: " + rule);
  }
  void happened(const std::string& what) {
    ++counters_[what];
    note("! " + what);
  }

  // ---- The coordinator ------------------------------------------------------------------------------------------

  /// Coordinator::State::recover().
  void start() {
    note("coordinator starts");
    const auto send = [this](const std::string& worker, const Message& message) { post(worker, message); };
    const auto hang_up = [this](const std::string& worker) {
      const auto connection = connection_of(worker);
      if (connection) connection->down.ended = true;
    };
    core_ = std::make_unique<Core>(store_, options_, send, hang_up);
    storage::Writer::Group group(core_->writer);
    core_->writer.end_unwanted(1);
    group.commit();
    auto stored = core_->reader.sweeps();
    std::reverse(stored.begin(), stored.end());  // oldest first
    for (const auto& sweep : stored) {
      if (sweep.state == sweep::SweepState::kFinished && sweep.failed == 0) continue;
      core_->introduce(sweep.id);
    }
    for (const auto& row : core_->reader.workers()) {
      if (row.state == sweep::WorkerState::kLeft) continue;
      core_->inbox.push_back({WorkerExpected{row.worker.id}, nullptr});
      if (row.state != sweep::WorkerState::kQuarantined) continue;
      core_->roster.read_back(row.worker);
      core_->inbox.push_back({WorkerQuarantined{row.worker.id, row.reason}, nullptr});
    }
  }

  void end(const char* why) {
    happened(why);
    core_.reset();
    disk_.fail_next(0);
    unsaid_.clear();
    restart_ms_ = now_ + dice_.between(100, 7000);
    for (const auto& connection : connections_) connection->down.ended = true;
    connections_.clear();
  }

  void pause(const char* what, std::int64_t ms) {
    happened(what);
    paused_until_ms_ = now_ + ms;
  }

  bool submit(const storage::SweepSubmission& sweep) {
    if (core_->catalog.find_sweep(storage::sweep_id(sweep))) return true;
    storage::Writer::Group group(core_->writer);
    core_->writer.register_dataset(fake::fake_dataset(), 1);
    const auto submitted = core_->writer.submit_sweep(sweep, 1);
    group.commit();
    core_->introduce(submitted.id);
    return true;
  }

  /// What people do when the faults are over.
  void mend() {
    for (const auto& sweep : sweeps_) {
      const auto progress = core_->scheduler.progress(storage::sweep_id(sweep));
      if (progress && progress->state == sweep::SweepState::kStopped) {
        core_->inbox.push_back({SweepResumed{storage::sweep_id(sweep)}, nullptr});
      }
    }
    for (const auto& worker : core_->scheduler.workers()) {
      if (worker.quarantined && worker.state == sweep::WorkerState::kQuarantined) {
        core_->inbox.push_back({WorkerReleased{worker.id}, nullptr});
      }
    }
  }

  /// Coordinator::State::process_batch().
  void process() {
    std::vector<Outgoing> outgoing;
    std::vector<Command> commands;
    try {
      std::optional<storage::Writer::Group> group;
      if (faulty() && dice_.chance(faults_.disk)) {
        const int codes[] = {ENOSPC, EIO};
        disk_.fail_next(static_cast<int>(dice_.between(1, 12)), codes[dice_.between(0, 1)]);
      }
      for (std::size_t n = 0; n < 256 && !core_->inbox.empty(); ++n) {
        Core::Item item = std::move(core_->inbox.front());
        core_->inbox.pop_front();
        note("> " + to_string(item.event));
        auto handled = core_->scheduler.handle(item.event, now_);
        plant(handled, item.event);
        for (const Command& command : handled) {
          note("    " + to_string(command));
          if (const auto* record = std::get_if<Record>(&command)) {
            if (!group) group.emplace(core_->writer);
            core_->recorder.record(*record, {item.event, item.result.get()});
          } else if (auto message = core_->translator.message_of(std::get<Send>(command))) {
            outgoing.push_back(std::move(*message));
          }
          commands.push_back(command);
        }
        core_->scheduler.sanity_check();
      }
      if (bug_ == Planted::kSayBeforeCommit) check_said(commands);
      if (group) group->commit();
      disk_.fail_next(0);
    } catch (const storage::Error& e) {
      note(e.what());
      return end("coordinator's disk failed");
    }
    for (const Command& command : commands) check(command);
    if (bug_ != Planted::kSayBeforeCommit) check_said(commands);
    if (faulty() && !commands.empty() && dice_.chance(faults_.slow_disk)) {
      pause("slow commit", dice_.between(100, 3000));
      unsaid_ = std::move(outgoing);
      return;
    }
    for (const auto& [worker, message] : outgoing) {
      if (faulty() && dice_.chance(faults_.coordinator_death)) return end("coordinator killed between messages");
      post(worker, message);
    }
  }

  void say_what_waited() {
    for (const auto& [worker, message] : std::exchange(unsaid_, {})) post(worker, message);
  }

  // ---- Rules ----------------------------------------------------------------------------------------------------

  void check(const Command& command) {
    if (const auto* record = as<RecordResult>(command)) {
      if (!accepted_.insert(record->attempt.trial).second)
        violated("one result a trial is accepted: " + record->attempt.trial);
      if (record->how == RecordResult::How::kAdopted) ++counters_["late result adopted"];
    } else if (const auto* quarantine = as<Quarantine>(command)) {
      if (!bad_.count(quarantine->worker)) violated("a good worker is never quarantined: " + quarantine->reason);
      ++counters_["worker quarantined"];
    } else if (const auto* failed = as<FailTrial>(command)) {
      const bool outgrown = failed->reason.rfind("does not fit", 0) == 0;
      if (outgrown && now_ - large_heard_ms_ >= options_.limits.stall_ms) {
        ++counters_["trial failed while no large worker was there"];
        misjudged_.insert(failed->trial);
      } else if (!outgrown && (is_accused_by_two_hosts(failed->reason) || !knows_the_good_worker())) {
        ++counters_["trial failed by the evidence of two hosts, or of all"];
        misjudged_.insert(failed->trial);
      } else if (is_innocent(failed->trial)) {
        violated("every innocent trial finishes: " + failed->trial + ": " + failed->reason);
      }
      ++counters_["trial failed"];
    } else if (const auto* assign = as<Assign>(command)) {
      for (const AttemptId& attempt : assign->attempts) ++sent_[attempt];
    } else if (const auto* end = as<EndAttempt>(command)) {
      if (end->reason.rfind("no progress", 0) == 0 && !hung_.count(end->attempt)) {
        violated("only what hangs is taken for hung: " + end->attempt.trial);
      }
      const auto workers = core_->scheduler.workers();
      const bool trusted = std::none_of(workers.begin(), workers.end(), [](const auto& w) { return w.quarantined; });
      if (end->reason.find("came back without it") != std::string::npos && trusted && !reached_.count(end->attempt) &&
          sent_[end->attempt] < options_.limits.retry_budget) {
        violated("an assignment that has not come is sent again: " + end->attempt.trial);
      }
      ++counters_[std::string("attempt ") + name_of(end->state)];
    }
  }

  /// A worker is told nothing that is not in the store.
  void check_said(const std::vector<Command>& commands) {
    storage::Reader reader(store_);
    for (const Command& command : commands) {
      if (const auto* assign = as<Assign>(command)) {
        for (const AttemptId& a : assign->attempts) {
          if (static_cast<int>(reader.find_trial(a.trial)->attempts.size()) < a.number)
            violated("what is said is stored: an assignment");
        }
      } else if (const auto* got = as<AcknowledgeResult>(command)) {
        if (reader.find_trial(got->attempt.trial)->state != sweep::TrialState::kFinished)
          violated("what is said is stored: a result");
      }
    }
  }

  /// A trial fails, too, on the evidence of all hosts that are there.
  bool knows_the_good_worker() const {
    const auto workers = core_->scheduler.workers();
    return std::any_of(workers.begin(), workers.end(), [&](const auto& worker) {
      return worker.id == slots_.back().id && worker.state != sweep::WorkerState::kLeft;
    });
  }

  /// The evidence of two hosts fails a trial: both may be the culprits, or one lost its worker by chance. Asking more
  /// would cost a host for each.
  static bool is_accused_by_two_hosts(const std::string& reason) {
    const std::string word = "worker ";
    std::set<std::string> hosts;
    for (std::size_t at = reason.find(word); at != std::string::npos; at = reason.find(word, at + 1)) {
      const std::size_t host = at + word.size();
      hosts.insert(reason.substr(host, reason.find(':', host) - host));
    }
    return reason.find("attempts failed") != std::string::npos && hosts.size() > 1;
  }

  bool is_innocent(const std::string& id) const {
    if (poisoned_.count(id) || killers_.count(id)) return false;
    const auto trial = std::find_if(sweeps_[1].trials.begin(), sweeps_[1].trials.end(),
                                    [&](const TrialSpec& t) { return t.id == id; });
    return needs_.at(trial->config.batch_size) <= kLarge;
  }

  bool spools_are_empty() const {
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "spools")) {
      if (entry.is_regular_file() && test::holds_results(entry.path())) return false;
    }
    return true;
  }

  void check_end() {
    for (const TrialSpec& trial : sweeps_[1].trials) {
      const auto stored = core_->reader.find_trial(trial.id);
      const bool finished = stored->state == sweep::TrialState::kFinished;
      if (finished != is_innocent(trial.id) && misjudged_.count(trial.id) == 0) {
        violated("every innocent trial finishes, and no other: " + trial.id + " is " + name_of(stored->state) + ": " +
                 stored->reason);
      }
      if (finished && sweep::encode_result(*stored->result) != sweep::encode_result(reference_.at(trial.id))) {
        violated("values equal the reference: " + trial.id);
      }
      ++counters_[finished ? "trial finished" : "trial that cannot finish"];
    }
    core_.reset();
    for (const storage::Fault& fault : storage::check_store(store_).faults)
      violated("the store is sound: " + fault.where + ": " + fault.what);
  }

  // ---- The network ----------------------------------------------------------------------------------------------

  std::shared_ptr<Connection> connection_of(const std::string& worker) const {
    for (const auto& connection : connections_) {
      if (connection->worker == worker) return connection;
    }
    return nullptr;
  }

  /// Frames of one stream keep their order.
  void put(Connection::Stream& stream, const Message& message) {
    if (stream.ended) return;
    const std::int64_t due = now_ + (faulty() ? dice_.between(1, faults_.longest_delay_ms) : 1);
    stream.frames.emplace_back(std::max(due, stream.frames.empty() ? 0 : stream.frames.back().first),
                               protocol::encode(message));
  }
  void post(const std::string& worker, const Message& message) {
    if (const auto connection = connection_of(worker)) put(connection->down, message);
  }

  const Slot* slot_of(const std::shared_ptr<Connection>& connection) const {
    for (const Slot& slot : slots_) {
      if (slot.connection == connection) return &slot;
    }
    return nullptr;
  }

  /// The coordinator reads what has come.
  void listen() {
    for (const auto& connection : std::vector<std::shared_ptr<Connection>>(connections_)) {
      const Slot* slot = slot_of(connection);
      if (slot && cut(*slot)) continue;
      auto& frames = connection->up.frames;
      while (!frames.empty() && frames.front().first <= now_) {
        Message message = protocol::decode(frames.front().second);
        frames.pop_front();
        connection->heard_ms = now_;
        if (slot && slot->memory == kLarge) large_heard_ms_ = now_;
        if (const auto* hello = std::get_if<protocol::Hello>(&message)) {
          if (const auto older = connection_of(hello->instance)) drop(older);
          connection->worker = hello->instance;
          core_->translator.on_joined(*hello);
        } else {
          if (const auto* result = std::get_if<protocol::Result>(&message);
              result && bug_ == Planted::kBelieveResults) {
            auto decoded = std::make_shared<sweep::ResultRecord>(result->bytes);
            core_->inbox.push_back({ResultReceived{connection->worker, result->attempt}, std::move(decoded)});
            continue;
          }
          core_->translator.on_message(connection->worker, message);
        }
      }
      if ((connection->up.ended && frames.empty()) || connection->down.ended) lose(connection, "closed");
    }
    for (const auto& connection : std::vector<std::shared_ptr<Connection>>(connections_)) {
      if (now_ - connection->heard_ms > 1300 + kStepMs && paused_until_ms_ + 1300 < now_) lose(connection, "silent");
    }
  }
  void drop(const std::shared_ptr<Connection>& connection) {
    connection->down.ended = true;
    connections_.erase(std::remove(connections_.begin(), connections_.end(), connection), connections_.end());
  }
  void lose(const std::shared_ptr<Connection>& connection, const char* why) {
    drop(connection);
    if (!connection->worker.empty()) core_->translator.on_lost(connection->worker, why);
  }

  // ---- Workers --------------------------------------------------------------------------------------------------

  void connect(Slot& slot, std::size_t number) {
    slot.connection = std::make_shared<Connection>();
    slot.connection->heard_ms = slot.heard_since_ms = now_;
    connections_.push_back(slot.connection);
    slot.welcomed = false;
    protocol::Hello hello;
    hello.instance = slot.id;
    hello.host = slot.host;
    hello.boot_id = bug_ == Planted::kBlameProcesses ? slot.id : slot.host;
    hello.pid = static_cast<std::int64_t>(number);
    hello.memory_bytes = slot.memory;
    hello.device = "with " + std::to_string(slot.memory);
    hello.capacity = 6;
    hello.numerics = sweep::kNumericsVersion;
    hello.version = sweep::version();
    hello.held = slot.outbox->held();
    put(slot.connection->up, hello);
  }

  void disconnect(Slot& slot) {
    if (!slot.connection) return;
    slot.connection->up.ended = true;
    if (dice_.chance(0.5)) slot.connection->up.frames.clear();
    slot.connection.reset();
    slot.welcomed = false;
    slot.next_try_ms = now_ + dice_.between(50, faulty() ? 1500 : 300);
    if (slot.outbox && bug_ != Planted::kSendOnce) slot.outbox->disconnected();
  }

  /// Its spool folder stays, and its lock goes.
  void die(Slot& slot, const std::string& how) {
    happened(how);
    disconnect(slot);
    slot.outbox.reset();
    slot.spool.reset();
    slot.waiting.clear();
    slot.pack.reset();
    slot.dies_ms = slot.stopped_until_ms = slot.hung_since_ms = 0;
    slot.next_start_ms = now_ + dice_.between(0, slot.crashes || !faulty() ? 500 : 5000);
  }

  void leave(Slot& slot, const std::string& reason) {
    if (slot.welcomed) put(slot.connection->up, protocol::Leave{reason});
    if (slot.connection) slot.connection->up.ended = true;
    slot.connection.reset();
    slot.welcomed = false;
    die(slot, "worker left: " + reason);
  }

  void begin(Slot& slot) {
    char id[33];
    std::snprintf(id, sizeof id, "%032llx", static_cast<unsigned long long>(++processes_));
    slot.id = id;
    const fs::path spool = folder_ / "spools" / slot.host;
    slot.spool = std::make_unique<worker::Spool>(spool, slot.id);
    slot.outbox.emplace(*slot.spool);
    slot.next_try_ms = now_;
    slot.heard_ms = now_;
    const bool may = faulty() && !slot.good;
    slot.broken = may && dice_.chance(faults_.broken);
    slot.lies = may && dice_.chance(faults_.lies);
    slot.no_dataset = may && dice_.chance(faults_.no_dataset);
    if (slot.broken || slot.lies) bad_.insert(slot.id);
  }

  void step(Slot& slot, std::size_t number) {
    if (!slot.outbox) {
      if (now_ < slot.next_start_ms) return;
      begin(slot);
    }
    if (now_ < slot.stopped_until_ms) return;
    if (faulty() && dice_.chance(faults_.pause)) {
      happened("worker stands still");
      slot.stopped_until_ms = now_ + dice_.between(500, 3000);
      slot.done_ms += slot.stopped_until_ms - now_;
      return;
    }
    if (faulty() && dice_.chance(faults_.cut)) {
      happened("network cut");
      slot.cut_until_ms = now_ + dice_.between(300, 3000);
    }
    if (slot.dies_ms > 0 && now_ >= slot.dies_ms) return die(slot, "worker of a host that kills died");
    if (faulty() && !slot.good && dice_.chance(faults_.death)) {
      bad_.insert(slot.id);
      return dice_.chance(0.3) ? leave(slot, "SIGTERM") : die(slot, "worker killed");
    }
    if (faulty() && dice_.chance(faults_.disconnect)) disconnect(slot);
    if (slot.connection && !hear(slot)) return;
    if (!train(slot)) return;
    if (now_ - slot.heard_ms > kFencingMs) return die(slot, "worker fenced");
    if (!slot.connection) {
      if (core_ && now_ >= slot.next_try_ms && !cut(slot) && now_ >= deaf_until_ms_) connect(slot, number);
      return;
    }
    if (now_ - std::max(slot.heard_ms, slot.heard_since_ms) > kSilentMs) return disconnect(slot);
    if (!slot.welcomed) return;
    if (faulty() && !slot.good && dice_.chance(faults_.rot)) rot(slot);
    if (now_ >= slot.next_beat_ms) {
      slot.next_beat_ms = now_ + kHeartbeatMs;
      put(slot.connection->up, protocol::Heartbeat{slot.outbox->held(), {}});
      if (now_ % 1000 == 0 && bug_ != Planted::kLeaveSpools) slot.outbox->take_over_abandoned();
    }
    for (const Message& message : slot.outbox->due()) put(slot.connection->up, message);
  }

  /// What the coordinator said. False: the process is not there any more.
  bool hear(Slot& slot) {
    if (cut(slot)) return true;
    auto& down = slot.connection->down;
    while (!down.frames.empty() && down.frames.front().first <= now_) {
      const Message message = protocol::decode(down.frames.front().second);
      down.frames.pop_front();
      slot.heard_ms = now_;
      if (std::holds_alternative<protocol::Welcome>(message)) {
        slot.welcomed = true;
        if (slot.outbox->packs().empty() == false) ++counters_["worker came back with a pack"];
        if (bug_ != Planted::kLeaveSpools && !slot.outbox->take_over_abandoned().empty())
          ++counters_["spool taken over"];
      } else if (const auto* assign = std::get_if<protocol::Assign>(&message)) {
        for (const auto& trial : assign->trials) {
          if (!reached_.insert({trial.spec.id, trial.attempt}).second) ++counters_["assignment came twice"];
        }
        if (const PackPtr pack = slot.outbox->assign(*assign, "")) slot.waiting.push_back(pack);
        if (slot.crashes && slot.dies_ms == 0) slot.dies_ms = now_ + dice_.between(50, 300);
      } else if (const auto* cancel = std::get_if<protocol::Cancel>(&message)) {
        slot.outbox->cancel(*cancel);
      } else if (const auto* got = std::get_if<protocol::ResultReceived>(&message)) {
        slot.outbox->answered(got->attempt);
      } else if (std::holds_alternative<protocol::Dismiss>(message)) {
        leave(slot, "dismissed");
        return false;
      }
    }
    if (down.ended && down.frames.empty()) disconnect(slot);
    return true;
  }

  /// False: the process is not there any more.
  bool train(Slot& slot) {
    if (!slot.pack) {
      if (slot.waiting.empty()) return true;
      slot.pack = slot.waiting.front();
      slot.waiting.pop_front();
      slot.done_ms = now_ + dice_.between(100, 1500);
      if (faulty() && dice_.chance(faults_.slow)) slot.done_ms += dice_.between(1000, 5000);
      const bool hangs = faulty() && !slot.good && dice_.chance(faults_.hang);
      slot.hung_since_ms = hangs ? now_ : 0;
      if (hangs) bad_.insert(slot.id), hung_.insert(slot.pack->attempts.begin(), slot.pack->attempts.end());
      slot.stale = faulty() && dice_.chance(faults_.stale);
    }
    worker::RunningPack& pack = *slot.pack;
    const bool stops = pack.stop != Stop::kNo;
    if (slot.hung_since_ms > 0) {
      if (!stops) return true;
      // Link's stop_grace.
      die(slot, "worker that hung ended itself");
      return false;
    }
    ++pack.epoch;
    if (now_ < slot.done_ms && !stops) return true;
    const bool kills = std::any_of(pack.attempts.begin(), pack.attempts.end(),
                                   [&](const AttemptId& a) { return killers_.count(a.trial); });
    if (kills && !stops && memory_of(pack) <= slot.memory) {
      die(slot, "trial killed its worker");
      return false;
    }
    const bool no_room = faulty() && dice_.chance(faults_.spool);
    if (no_room) {
      const int codes[] = {ENOSPC, EIO, EMFILE};
      disk_.fail_next(static_cast<int>(dice_.between(1, 6)), codes[dice_.between(0, 2)]);
    }
    const auto trained =
        worker::train_and_keep(pack, [&](const worker::Pack& p) { return results_of(slot, p); }, *slot.spool, {});
    disk_.fail_next(0);
    slot.outbox->ended(std::exchange(slot.pack, nullptr), trained);
    if (!trained.failed.empty()) ++counters_["pack failed: " + std::to_string(static_cast<int>(trained.blame))];
    if (!trained.unkept.empty()) {
      leave(slot, "the spool cannot be written");
      return false;
    }
    return true;
  }

  std::int64_t memory_of(const worker::RunningPack& pack) const {
    std::int64_t sum = 0;
    for (const auto& trial : pack.assign.trials) sum += needs_.at(trial.spec.config.batch_size);
    return sum;
  }

  /// The trainer.
  std::vector<sweep::TrialResult> results_of(const Slot& slot, const worker::Pack& pack) {
    if (pack.stop() != Stop::kNo) throw std::runtime_error("stopped");
    if (slot.no_dataset) throw worker::DatasetChanged(sweep::Blame::kDataset, "another dataset lies there");
    if (memory_of(*slot.pack) > slot.memory) {
      throw std::bad_alloc();
    }
    const bool unnoticed = bug_ == Planted::kTrainOnChangedFiles && slot.stale;
    if (slot.stale && !unnoticed)
      throw worker::DatasetChanged(sweep::Blame::kNobody, "it changed while it was trained on");
    if (slot.broken) throw std::runtime_error("broken");
    std::vector<sweep::TrialResult> results;
    for (const TrialSpec& trial : pack.trials) {
      if (poisoned_.count(trial.id)) throw std::runtime_error("poisoned");
      results.push_back(reference_.at(trial.id));
      if (unnoticed) results.back().epochs[0].loss += 1;
      float& first = results.back().paper.validation.fused[0];
      if (slot.lies) first = sweep::rounded_to_half(first + 0.5f);
    }
    return results;
  }

  /// A byte of a result on its disk changes.
  void rot(Slot& slot) {
    std::vector<fs::path> spooled;
    for (const auto& entry : fs::directory_iterator(folder_ / "spools" / slot.host / ("w-" + slot.id))) {
      if (test::holds_results(entry.path())) spooled.push_back(entry.path());
    }
    if (spooled.empty()) return;
    happened("result rotted in a spool");
    bad_.insert(slot.id);
    const fs::path file = *std::min_element(spooled.begin(), spooled.end());
    std::string bytes = test::read_file(file);
    bytes[static_cast<std::size_t>(dice_.between(0, static_cast<std::int64_t>(bytes.size()) - 1))] ^= 1;
    test::write_file(file, bytes);
  }

  // ---- Planted bugs ---------------------------------------------------------------------------------------------

  void plant(std::vector<Command>& commands, const Event& event) const {
    const auto* result = std::get_if<ResultReceived>(&event);
    const auto* failed = std::get_if<AttemptFailed>(&event);
    if (bug_ == Planted::kQuarantineAtOnce && failed && failed->blame == sweep::Blame::kTrial) {
      commands.push_back(Quarantine{failed->worker, "failed 1"});
    }
    if (bug_ != Planted::kRecordTwice || !result || !accepted_.count(result->attempt.trial)) return;
    for (Command& command : commands) {
      if (as<AcknowledgeResult>(command)) {
        command = RecordResult{result->worker, result->attempt, RecordResult::How::kAdopted};
      }
    }
  }

  Dice dice_;
  Planted bug_;
  Counters& counters_;
  Faults faults_;
  CoordinatorOptions options_;
  test::Folder folder_{test::Folder::Where::kMemory};
  const fs::path store_ = folder_ / "store";
  storage::testing_store::FaultyCalls disk_{folder_.path()};
  std::int64_t now_ = 0, quiet_from_ms_ = 0, restart_ms_ = 0, paused_until_ms_ = 0, deaf_until_ms_ = 0;
  std::unique_ptr<Core> core_;
  std::vector<Outgoing> unsaid_;                          ///< wait for a slow commit
  std::vector<std::shared_ptr<Connection>> connections_;  ///< that the coordinator has
  std::vector<Slot> slots_;
  unsigned long processes_ = 0;
  std::vector<storage::SweepSubmission> sweeps_;  ///< the second has all trials
  std::map<std::string, sweep::TrialResult> reference_;
  std::map<int, std::int64_t> needs_;  ///< batch size -> memory of a trial
  std::set<std::string> poisoned_, killers_;
  std::set<std::string> bad_;      ///< workers that failed, hung, lied, lost results or died by themselves
  std::map<AttemptId, int> sent_;  ///< times
  std::set<AttemptId> hung_;
  std::set<std::string> misjudged_;          ///< innocent trials that failed as they should, for all that was known
  std::int64_t large_heard_ms_ = -kQuietMs;  ///< when a worker with memory for every innocent trial was heard
  std::set<AttemptId> reached_;              ///< assigned to a worker that heard so
  std::set<std::string> accepted_;           ///< trials
  std::deque<std::string> history_;
};

/// "" or what was violated.
std::string run_seed(std::uint64_t seed, Planted bug, Counters& counters) {
  spdlog::set_level(spdlog::level::off);
  Cluster cluster(seed, bug, counters);
  try {
    cluster.run();
    return "";
  } catch (const std::exception& e) {
    return "seed " + std::to_string(seed) + ": " + e.what() + "\n" + cluster.tail_of_history();
  }
}

TEST(SimulatedCluster, KeepsEveryRuleWhateverFails) {
  Counters counters;
  if (const char* text = std::getenv("MEDLEY_SIM_SEED")) {
    ASSERT_EQ(run_seed(std::strtoull(text, nullptr, 10), Planted::kNone, counters), "");
    return;
  }
  const long seeds = test::amount("MEDLEY_CLUSTER_SEEDS", kSeeds);
  for (long seed = 1; seed <= seeds; ++seed) {
    ASSERT_EQ(run_seed(static_cast<std::uint64_t>(seed), Planted::kNone, counters), "")
        << "run it alone: MEDLEY_SIM_SEED=" << seed;
  }
  for (const auto& [name, count] : counters.of) RecordProperty(name, std::to_string(count));
  if (std::getenv("MEDLEY_SIM_COUNTERS")) {
    for (const auto& [name, count] : counters.of) std::printf("%8ld %s\n", count, name.c_str());
  }
}

TEST(SimulatedCluster, SameSeedSameHistory) {
  Counters one, two;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    run_seed(seed, Planted::kNone, one);
    run_seed(seed, Planted::kNone, two);
  }
  EXPECT_EQ(one.of, two.of);
}

struct PlantedBug {
  Planted bug;
  const char* name;
  const char* rule;  ///< the rule that must be reported as broken
};

class ClusterBug : public testing::TestWithParam<PlantedBug> {};

TEST_P(ClusterBug, IsFound) {
  Counters counters;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const std::string violation = run_seed(seed, GetParam().bug, counters);
    if (violation.find(GetParam().rule) != std::string::npos) return;
  }
  FAIL() << "100 seeds did not find it";
}

INSTANTIATE_TEST_SUITE_P(
    All, ClusterBug,
    testing::Values(PlantedBug{Planted::kBelieveResults, "BelieveResults", "values equal the reference"},
                    PlantedBug{Planted::kTrainOnChangedFiles, "TrainOnChangedFiles", "values equal the reference"},
                    PlantedBug{Planted::kRecordTwice, "RecordTwice", "one result a trial is accepted"},
                    PlantedBug{Planted::kBlameProcesses, "BlameProcesses", "every innocent trial finishes"},
                    PlantedBug{Planted::kFailEarly, "FailEarly", "every innocent trial finishes"},
                    PlantedBug{Planted::kQuarantineAtOnce, "QuarantineAtOnce", "a good worker is never quarantined"},
                    PlantedBug{Planted::kSayBeforeCommit, "SayBeforeCommit", "what is said is stored"},
                    PlantedBug{Planted::kSendOnce, "SendOnce", "only what hangs is taken for hung"},
                    PlantedBug{Planted::kLeaveSpools, "LeaveSpools", "every result is delivered"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace medley::coordinator::simulation
