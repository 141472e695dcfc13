#include "coordinator/coordinator.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <exception>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include <spdlog/spdlog.h>

#include "coordinator/call_gate.h"
#include "coordinator/catalog.h"
#include "coordinator/checkpoints.h"
#include "coordinator/endpoint.h"
#include "coordinator/host_workers.h"
#include "coordinator/worker_server.h"
#include "storage/reader.h"
#include "sweep/error.h"
#include "sweep/result.h"
#include "sweep/version.h"

namespace medley::coordinator {
namespace asio = boost::asio;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;
using storage::TimeMs;

namespace {

constexpr std::size_t kLargestBatch = 256;  // events committed together
constexpr auto kTick = milliseconds(100);
constexpr auto kStopGrace = seconds(8);  // for workers that are told to leave
constexpr auto kCheckpointPause = seconds(60);
constexpr std::size_t kThroughputWindow = 256;  // results

TimePoint steady_ms() { return std::chrono::duration_cast<milliseconds>(Steady::now().time_since_epoch()).count(); }

/// One event, with what its commands refer to.
struct InboxItem {
  Event event;
  std::shared_ptr<const sweep::TrialResult> result;
};

/// What a worker said last, that no decision depends on.
struct Heard {
  double progress = 0;  ///< of its running pack, 0 to 1
  std::optional<sweep::Usage> usage;
};

/// Port that this store's coordinator used last; 0 unknown.
std::uint16_t last_port(const fs::path& file) {
  int port = 0;
  std::ifstream(file) >> port;
  return port > 0 && port < 65536 ? static_cast<std::uint16_t>(port) : 0;
}

}  // namespace

struct Coordinator::State {
  explicit State(CoordinatorOptions o)
      : options(std::move(o)),
        writer(options.store),
        layout(fs::absolute(options.store).string()),
        token_file(fs::path(layout.folder) / "token"),
        scheduler(options.limits, writer.next_pack()),
        timer(io) {
    const protocol::Token token = protocol::read_or_create_token(token_file);
    listen(token);
    if (options.local_workers > 0) {
      if (options.worker_command.empty()) throw Error("local workers are wanted, but no program to start is given");
      fs::create_directories(layout.logs());
    }
    host_workers.emplace(
        options.local_workers, [this](int place) { return local_worker(place); }, options.restart);
    recover();
  }

  // ---- Start ----------------------------------------------------------------------------------------------------

  void listen(const protocol::Token& token) {
    WorkerServer::Callbacks callbacks;
    callbacks.joined = [this](const protocol::Hello& hello) { on_joined(hello); };
    callbacks.received = [this](const std::string& worker, protocol::Message&& m) { on_message(worker, std::move(m)); };
    callbacks.lost = [this](const std::string& worker, const std::string& why) {
      spdlog::info("lost worker {}: {}", name_of_worker(worker), why);
      push(WorkerLost{worker, WorkerLost::How::kDisconnected, why});
      host_workers->disconnected(worker);
    };
    WorkerServer::Options listening;
    listening.address = options.address;
    listening.port = options.port;
    const fs::path port_file = fs::path(layout.folder) / "port";
    if (options.port == 0) {
      // Workers that outlived the last coordinator look for it there.
      listening.port = last_port(port_file);
      try {
        server.emplace(io, listening, token, callbacks);
      } catch (const Error&) {
        if (listening.port == 0) throw;
        listening.port = 0;
        server.emplace(io, listening, token, callbacks);
      }
    } else {
      server.emplace(io, listening, token, callbacks);
    }
    std::ofstream(port_file) << server->port() << "\n";
    write_endpoint(layout.folder,
                   reachable_name(options.address, options.advertise) + ":" + std::to_string(server->port()));
  }

  /// Feeds what the store holds through the scheduler, as if it had just been submitted.
  void recover() {
    storage::Reader reader(options.store);
    auto stored = reader.sweeps();
    std::reverse(stored.begin(), stored.end());  // oldest first
    for (const auto& sweep : stored) {
      // A finished sweep with failed trials stays known: a late result or a retry may still complete it.
      if (sweep.state == sweep::SweepState::kFinished && sweep.failed == 0) continue;
      push(catalog.add(reader, sweep));
    }
    // Workers of this host that died with the last coordinator, or since, need no lease to be waited for.
    for (const auto& row : reader.workers()) {
      if (row.state != sweep::WorkerState::kLeft) host_workers->expect(row.worker.id, row.worker.name);
      if (row.state != sweep::WorkerState::kQuarantined) continue;
      worker_records[row.worker.id] = row.worker;
      push(WorkerQuarantined{row.worker.id, row.reason});
    }
    push_deaths();
    process_all();
  }

  storage::Writer::Submitted submit(const storage::DatasetRecord& dataset, const storage::SweepSubmission& submission) {
    storage::Writer::Submitted submitted;
    {
      storage::Writer::Group group(writer);
      writer.register_dataset(dataset, storage::now_ms());
      submitted = writer.submit_sweep(submission, storage::now_ms());
      group.commit();
    }
    storage::Reader reader(options.store);
    if (catalog.find_sweep(submitted.id)) {
      catalog.read_dataset(reader, submission.dataset);
      push(SweepPrioritised{submitted.id, submission.priority});
    } else {
      const auto summary = reader.find_sweep(submitted.id);
      if (!summary) throw Error("the store lost sweep " + submitted.id);
      push(catalog.add(reader, *summary));
    }
    push(SweepResumed{submitted.id});
    process_all();
    return submitted;
  }

  // ---- Events ---------------------------------------------------------------------------------------------------

  void push(Event event, std::shared_ptr<const sweep::TrialResult> result = nullptr) {
    inbox.push_back({std::move(event), std::move(result)});
    if (processing_posted) return;
    processing_posted = true;
    // Everything that this round of I/O brings is committed together.
    asio::post(io, [this] {
      processing_posted = false;
      process_all();
    });
  }

  static std::vector<HeldAttempt> held_of(const std::vector<protocol::Held>& list) {
    std::vector<HeldAttempt> all;
    for (const auto& held : list) {
      const bool spooled = held.stage == protocol::Held::Stage::kSpooled;
      all.push_back({held.attempt, spooled ? HeldAttempt::Stage::kSpooled : HeldAttempt::Stage::kRunning, held.epoch});
    }
    return all;
  }

  void on_joined(const protocol::Hello& hello) {
    const std::string name = hello.host + ":" + std::to_string(hello.pid);
    if (hello.numerics != sweep::kNumericsVersion) {
      const std::string reason = "its trainer has numerics version " + hello.numerics + ", this coordinator needs " +
                                 sweep::kNumericsVersion + ": use the same release of Medley on both sides";
      spdlog::warn("refused worker {}: {}", name, reason);
      worker_records.erase(hello.instance);
      server->send(hello.instance, protocol::Dismiss{reason});
      return;
    }
    worker_records[hello.instance] = {hello.instance, name,         hello.capacity,
                                      hello.ranks,    hello.device, sweep::version()};
    note_held(hello.instance, hello.held);
    host_workers->joined(hello.instance, hello.host, static_cast<pid_t>(hello.pid));
    protocol::Welcome welcome;
    welcome.lease = ++leases;
    welcome.heartbeat_ms = static_cast<int>(options.heartbeat.count());
    const bool ours = hello.host == host_workers->host() && options.local_workers > 0;
    welcome.fencing_ms = static_cast<int>((ours ? options.local_fencing : options.fencing).count());
    welcome.checkpoint_folder = layout.checkpoints();
    server->send(hello.instance, welcome);
    spdlog::info("worker {} joined: {}, packs of up to {}", name, hello.device, hello.capacity);
    push(WorkerJoined{hello.instance, hello.capacity, hello.device, held_of(hello.held)});
  }

  void on_message(const std::string& worker, protocol::Message&& message) {
    if (!worker_records.count(worker)) return;  // it was refused
    if (const auto* beat = std::get_if<protocol::Heartbeat>(&message)) {
      note_held(worker, beat->held);
      heard_of[worker].usage = beat->usage;
      server->send(worker, protocol::Alive{});
      push(HeartbeatReceived{worker, held_of(beat->held)});
    } else if (auto* result = std::get_if<protocol::Result>(&message)) {
      on_result(worker, *result);
    } else if (const auto* failed = std::get_if<protocol::AttemptFailed>(&message)) {
      spdlog::warn("attempt {}#{} failed on {}: {}", failed->attempt.trial, failed->attempt.number,
                   name_of_worker(worker), failed->reason);
      push(AttemptFailed{worker, failed->attempt, failed->reason});
    } else if (const auto* measured = std::get_if<protocol::PackSize>(&message)) {
      push(PackSizeMeasured{worker, measured->attempt.trial, measured->trials});
    } else if (const auto* leave = std::get_if<protocol::Leave>(&message)) {
      spdlog::info("worker {} leaves: {}", name_of_worker(worker), leave->reason);
      push(WorkerLost{worker, WorkerLost::How::kLeft, leave->reason});
      server->hang_up(worker);
    }
  }

  void on_result(const std::string& worker, const protocol::Result& message) {
    std::string problem;
    try {
      auto result = std::make_shared<sweep::TrialResult>(sweep::decode_result(message.bytes));
      problem = writer.result_problem(message.attempt, *result);
      if (problem.empty()) return push(ResultReceived{worker, message.attempt}, std::move(result));
    } catch (const sweep::Error& e) {
      problem = e.what();
    }
    // It will not get better by being sent again: the worker may delete it, and the attempt has failed.
    spdlog::error("refused the result of {}#{} from {}: {}", message.attempt.trial, message.attempt.number,
                  name_of_worker(worker), problem);
    push(AttemptFailed{worker, message.attempt, "its result was refused: " + problem});
    server->send(worker, protocol::ResultReceived{message.attempt});
  }

  /// What goes wrong here leaves scheduler and store apart: nothing is done any more, and run() ends with it.
  void process_all() {
    if (broken) std::rethrow_exception(broken);
    try {
      while (!inbox.empty()) process_batch();
    } catch (...) {
      broken = std::current_exception();
      throw;
    }
    publish();
  }

  /// One group commit: the scheduler's commands for a batch of events, records first, then what they justify.
  void process_batch() {
    std::vector<std::pair<std::string, protocol::Message>> outgoing;
    std::optional<storage::Writer::Group> group;
    for (std::size_t n = 0; n < kLargestBatch && !inbox.empty(); ++n) {
      const InboxItem item = std::move(inbox.front());
      inbox.pop_front();
      // After a stop at once only results that still arrive matter: what ran has been recorded as cancelled.
      if (given_up && !std::holds_alternative<ResultReceived>(item.event)) continue;
      for (const Command& command : scheduler.handle(item.event, steady_ms())) {
        if (is_record(command)) {
          if (!group) group.emplace(writer);
          std::visit([&](const auto& c) { record(c, item); }, command);
        } else {
          std::visit([&](const auto& c) { prepare(c, outgoing); }, command);
        }
      }
    }
    if (group) group->commit();
    for (auto& [worker, message] : outgoing) server->send(worker, message);
  }

  // ---- Commands that change the store ---------------------------------------------------------------------------

  void record(const RecordAssignment& c, const InboxItem&) {
    writer.begin_attempts(c.worker, c.pack, c.attempts, storage::now_ms());
  }

  void record(const RecordResult& c, const InboxItem& item) {
    if (writer.accept_result(c.attempt, *item.result, storage::now_ms()) == storage::Writer::Accepted::kAlreadyFinished)
      return;
    ++results;
    finished_at.push_back(Steady::now());
    if (finished_at.size() > kThroughputWindow) finished_at.pop_front();
    const bool diverged = item.result->outcome == sweep::Outcome::kDiverged;
    const double score = diverged ? 0 : item.result->paper.surface.best().accuracy.score();
    for (SweepStatus* sweep : catalog.sweeps_of(c.attempt.trial)) {
      if (diverged) ++sweep->diverged;
      sweep->best_paper_score = std::max(sweep->best_paper_score, score);
    }
    if (diverged) spdlog::warn("trial {} diverged: {}", c.attempt.trial, item.result->reason);
    if (c.how == RecordResult::How::kAdopted) {
      spdlog::info("adopted the late result of {}#{}", c.attempt.trial, c.attempt.number);
    }
    host_workers->note_healthy(c.worker);
    checkpoints_due = true;
  }

  void record(const EndAttempt& c, const InboxItem&) {
    writer.end_attempt(c.attempt, c.state, c.reason, storage::now_ms());
    if (c.state != sweep::AttemptState::kCancelled) {
      spdlog::warn("attempt {}#{} {}: {}", c.attempt.trial, c.attempt.number, name_of(c.state), c.reason);
    }
  }

  void record(const FailTrial& c, const InboxItem&) {
    writer.fail_trial(c.trial, c.reason, storage::now_ms());
    writer.log_event("trial failed", c.trial, c.reason, storage::now_ms());
    spdlog::error("trial {} failed: {}", c.trial, c.reason);
  }

  void record(const RecordRetry& c, const InboxItem&) {
    writer.retry_trial(c.trial, storage::now_ms());
    writer.log_event("trial retried", c.trial, "", storage::now_ms());
  }

  void record(const RecordSweepState& c, const InboxItem&) {
    writer.set_sweep_state(c.sweep, c.state, storage::now_ms());
    writer.log_event("sweep " + std::string(name_of(c.state)), c.sweep, "", storage::now_ms());
  }

  void record(const FinishSweep& c, const InboxItem&) {
    writer.set_sweep_state(c.sweep, sweep::SweepState::kFinished, storage::now_ms());
    const std::string text = std::to_string(c.finished) + " trials finished, " + std::to_string(c.failed) + " failed";
    writer.log_event("sweep finished", c.sweep, text, storage::now_ms());
    spdlog::info("sweep {} is finished: {}", c.sweep, text);
    checkpoints_due = true;
    checkpoints_at = {};
  }

  void record(const RecordWorker& c, const InboxItem& item) {
    const auto known = worker_records.find(c.worker);
    if (c.state == sweep::WorkerState::kJoined && known != worker_records.end()) {
      writer.worker_joined(known->second, storage::now_ms());
    } else {
      writer.set_worker_state(c.worker, c.state, c.reason, storage::now_ms());
    }
    if (c.state == sweep::WorkerState::kQuarantined) {
      writer.log_event("worker quarantined", c.worker, c.reason, storage::now_ms());
    } else if (std::holds_alternative<WorkerReleased>(item.event)) {
      writer.log_event("worker released", c.worker, c.reason, storage::now_ms());
      spdlog::info("worker {} is {}", name_of_worker(c.worker), c.reason);
    }
  }

  template <class C>
  void record(const C&, const InboxItem&) {
    assert(false && "not a record: is_record() and record() disagree");
  }

  // ---- Commands that are sent -----------------------------------------------------------------------------------

  using Outgoing = std::vector<std::pair<std::string, protocol::Message>>;

  void prepare(const Assign& c, Outgoing& out) {
    protocol::Assign message;
    for (const sweep::AttemptId& attempt : c.attempts) {
      const Catalog::Trial& trial = *catalog.find_trial(attempt.trial);
      message.dataset_folder = trial.dataset->folder;
      message.dataset_fingerprint = trial.dataset->fingerprint;
      message.trials.push_back({attempt.number, {attempt.trial, *trial.config, trial.fold, trial.seed}});
    }
    out.emplace_back(c.worker, std::move(message));
  }
  void prepare(const AcknowledgeResult& c, Outgoing& out) {
    out.emplace_back(c.worker, protocol::ResultReceived{c.attempt});
  }
  void prepare(const Discard& c, Outgoing& out) {
    spdlog::info("result of {}#{} is not needed: {}", c.attempt.trial, c.attempt.number, c.reason);
    out.emplace_back(c.worker, protocol::ResultReceived{c.attempt});
  }
  void prepare(const Cancel& c, Outgoing& out) { out.emplace_back(c.worker, protocol::Cancel{{c.attempt}}); }
  void prepare(const Quarantine& c, Outgoing& out) {
    spdlog::error("worker {} is quarantined: {}", name_of_worker(c.worker), c.reason);
    // A fresh process takes the place of one that we keep running. Any other stays, idle, until it is released: if it
    // ended, its cluster would start the next one on the same bad host.
    if (host_workers->keeps(c.worker)) out.emplace_back(c.worker, protocol::Dismiss{"quarantined: " + c.reason});
  }
  void prepare(const Dismiss& c, Outgoing& out) { out.emplace_back(c.worker, protocol::Dismiss{c.reason}); }
  void prepare(const Shutdown&, Outgoing&) { shut_down = true; }
  template <class C>
  void prepare(const C&, Outgoing&) {
    assert(false && "a record: is_record() and prepare() disagree");
  }

  // ---- Local workers --------------------------------------------------------------------------------------------

  cluster::ProcessSpec local_worker(int place) const {
    cluster::ProcessSpec spec;
    spec.argv = options.worker_command;
    const std::string host_to_reach =
        options.address == "0.0.0.0" || options.address == "::" ? "127.0.0.1" : options.address;
    for (const std::string& word :
         {std::string("--coordinator"), host_to_reach + ":" + std::to_string(server->port()),
          std::string("--token-file"), token_file.string(), std::string("--spool"), layout.folder + "/spool"}) {
      spec.argv.push_back(word);
    }
    // Workers are many and train on one thread each.
    spec.environment = {{"OMP_NUM_THREADS", "1"}, {"OPENBLAS_NUM_THREADS", "1"}, {"MKL_NUM_THREADS", "1"}};
    spec.log = layout.logs() + "/worker-" + std::to_string(place + 1) + ".log";
    return spec;
  }

  void push_deaths() {
    for (const auto& lost : host_workers->reap()) push(WorkerLost{lost.worker, WorkerLost::How::kGone, lost.why});
  }

  void look_after_host_workers() {
    push_deaths();
    if (!draining && !scheduler.done()) host_workers->fill();  // none for nothing to train
    if (!ending && options.exit_when_done && host_workers->given_up() && server->workers().empty()) {
      throw Error("no worker is left: each local worker died " + std::to_string(options.restart.limit) +
                  " times in a row, the last with " + host_workers->last_death() + "; see " + layout.logs() +
                  "/worker-1.log");
    }
  }

  // ---- Time, end ------------------------------------------------------------------------------------------------

  void tick() {
    push(Ticked{});
    look_after_host_workers();
    collect_checkpoints();
    if (options.exit_when_done && !draining && inbox_is_only_ticks() && scheduler.done())
      drain("everything is done", End::How::kDone);
    if (draining && !shut_down && drain_deadline && Steady::now() > *drain_deadline)
      stop_now("the grace period is over");
    if (shut_down) begin_end();
    if (ending) advance_end();
    if (!stopped) {
      timer.expires_after(kTick);
      timer.async_wait([this](boost::system::error_code error) {
        if (!error) tick();
      });
    }
  }

  bool inbox_is_only_ticks() const {
    return std::all_of(inbox.begin(), inbox.end(),
                       [](const InboxItem& item) { return std::holds_alternative<Ticked>(item.event); });
  }

  void drain(const std::string& reason, End::How how) {
    if (draining) return;
    draining = true;
    end = {how, reason};
    push(DrainRequested{});
  }

  /// Cancels running attempts without counting against a trial or a worker.
  void stop_now(const std::string& reason) {
    if (shut_down) return;
    draining = true;
    end = {End::How::kStopped, reason};
    push(DrainRequested{});
    process_all();
    std::optional<storage::Writer::Group> group;
    for (const auto& worker : scheduler.workers()) {
      for (const auto& attempt : worker.leased) {
        if (!group) group.emplace(writer);
        writer.end_attempt(attempt, sweep::AttemptState::kCancelled, "the coordinator was stopped", storage::now_ms());
      }
    }
    if (group) group->commit();
    for (const auto& worker : server->workers()) server->send(worker, protocol::Dismiss{"the coordinator was stopped"});
    given_up = true;
    shut_down = true;
    begin_end();
  }

  void begin_end() {
    if (ending) return;
    ending = true;
    end_began = Steady::now();
    collect_checkpoints();
  }

  /// Workers were told to leave; then they are made to.
  void advance_end() {
    const auto waited = Steady::now() - end_began;
    if ((host_workers->running() == 0 && server->workers().empty()) || waited > kStopGrace) {
      host_workers->kill();
      stopped = true;
      io.stop();
      return;
    }
    // Also those that had not joined yet, and were not told.
    if (waited > seconds(1) && !terminated) {
      terminated = true;
      host_workers->terminate();
    }
  }

  void collect_checkpoints() {
    const bool now = ending || Steady::now() >= checkpoints_at;
    if (!checkpoints_due || !now) return;
    checkpoints_due = false;
    checkpoints_at = Steady::now() + kCheckpointPause;
    storage::Reader reader(options.store);
    drop_resume_points(layout.checkpoints(), reader);
    std::set<std::string> busy;
    for (const auto& worker : scheduler.workers()) {
      for (const auto& attempt : worker.leased) busy.insert(attempt.trial);
    }
    const int deleted = keep_checkpoints_within(options.checkpoint_budget, layout.checkpoints(), reader, busy, reports);
    if (deleted > 0) spdlog::info("deleted {} checkpoints: together they were beyond the budget", deleted);
  }

  // ---- What others see ------------------------------------------------------------------------------------------

  void note_held(const std::string& worker, const std::vector<protocol::Held>& held) {
    double sum = 0;
    int count = 0;
    for (const auto& h : held) {
      if (h.stage != protocol::Held::Stage::kRunning) continue;
      ++count;
      if (h.epochs > 0) sum += std::min(1.0, static_cast<double>(h.epoch) / h.epochs);
    }
    heard_of[worker].progress = count > 0 ? sum / count : 0;
  }

  std::string name_of_worker(const std::string& worker) const {
    const auto it = worker_records.find(worker);
    return it == worker_records.end() ? worker : it->second.name;
  }

  void publish() {
    Status now;
    now.results = results;
    now.draining = draining;
    now.stopping_because = draining ? end.reason : "";
    int remaining = 0;
    for (SweepStatus& sweep : catalog.sweeps()) {
      if (const auto p = scheduler.progress(sweep.id)) {
        sweep.state = p->state;
        sweep.finished = p->finished;
        sweep.failed = p->failed;
        sweep.running = p->running;
        if (p->state == sweep::SweepState::kRunning) remaining += p->waiting() + p->running;
      }
      now.sweeps.push_back(sweep);
    }
    for (const auto& worker : scheduler.workers()) {
      if (worker.state == sweep::WorkerState::kLeft) continue;
      WorkerStatus one;
      one.id = worker.id;
      one.name = name_of_worker(worker.id);
      one.state = worker.state;
      one.running = static_cast<int>(worker.leased.size());
      if (!worker.leased.empty()) one.first_trial = worker.leased.front().trial;
      const auto heard = heard_of.find(worker.id);
      if (heard != heard_of.end()) {
        one.progress = heard->second.progress;
        if (worker.state != sweep::WorkerState::kAway) one.usage = heard->second.usage;
      }
      now.workers.push_back(std::move(one));
    }
    if (finished_at.size() >= 2 && remaining > 0) {
      // From the first result of the window until now, so that a standstill shows.
      const double window = std::chrono::duration<double>(Steady::now() - finished_at.front()).count();
      now.eta_seconds = remaining * window / static_cast<double>(finished_at.size() - 1);
    }
    const std::lock_guard lock(status_mutex);
    status = std::move(now);
  }

  /// A request of the control interface about a sweep.
  Answer change_sweep(const std::string& id, const std::vector<sweep::SweepState>& from, Event event,
                      const std::string& done) {
    return gate.call([&, this]() -> Answer {
      if (!catalog.find_sweep(id)) return {false, "this coordinator knows no unfinished sweep '" + id + "'"};
      const auto state = scheduler.progress(id)->state;
      if (std::find(from.begin(), from.end(), state) == from.end()) {
        return {false, "sweep " + id + " is " + name_of(state)};
      }
      push(event);
      process_all();
      return {true, "sweep " + id + " " + done};
    });
  }

  CoordinatorOptions options;
  storage::Writer writer;
  storage::StoreLayout layout;
  fs::path token_file;
  Scheduler scheduler;
  asio::io_context io;
  CallGate gate{io};
  asio::steady_timer timer;
  std::optional<WorkerServer> server;
  std::optional<HostWorkers> host_workers;

  std::deque<InboxItem> inbox;
  std::exception_ptr broken;
  bool processing_posted = false;

  Catalog catalog;

  std::map<std::string, storage::WorkerRecord> worker_records;
  std::map<std::string, Heard> heard_of;  ///< by worker
  std::uint64_t leases = 0;

  int results = 0;
  std::deque<Steady::time_point> finished_at;
  bool checkpoints_due = false;
  Steady::time_point checkpoints_at{};
  std::map<std::string, storage::GrowingReport> reports;  ///< by sweep id: which checkpoints are worth their space

  bool draining = false;   ///< nothing new is assigned
  bool shut_down = false;  ///< nothing runs any more
  bool given_up = false;   ///< what ran was cancelled
  bool ending = false;     ///< waiting for workers to go
  bool terminated = false;
  bool stopped = false;
  std::optional<Steady::time_point> drain_deadline;
  Steady::time_point end_began;
  End end;

  mutable std::mutex status_mutex;
  Status status;
};

Coordinator::Coordinator(CoordinatorOptions options) : state_(std::make_unique<State>(std::move(options))) {}

Coordinator::~Coordinator() {
  if (state_->server) state_->server->close();
}

storage::Writer::Submitted Coordinator::submit(const storage::DatasetRecord& dataset,
                                               const storage::SweepSubmission& submission) {
  return state_->gate.call([&] { return state_->submit(dataset, submission); });
}

void Coordinator::write(const std::function<void(storage::Writer&)>& record) {
  state_->gate.call([&] { record(state_->writer); });
}

Coordinator::End Coordinator::run() {
  State& s = *state_;
  const CallGate::Open open(s.gate);
  struct Mark {
    State& state;
    ~Mark() {
      remove_endpoint(state.layout.folder);
      state.server->close();  // workers see at once that nobody listens
    }
  } mark{s};
  try {
    s.tick();
    s.io.run();
  } catch (...) {
    // Nobody would collect what they train: they give it up now rather than when they have been without us for long.
    s.host_workers->stop(kStopGrace);
    throw;
  }
  return s.end;
}

void Coordinator::request_stop(Stop stop, const std::string& reason) {
  State& s = *state_;
  asio::post(s.io, [&s, stop, reason] {
    if (stop == Stop::kNow) return s.stop_now(reason);
    s.drain_deadline = Steady::now() + s.options.drain_grace;
    s.drain(reason, End::How::kStopped);
  });
}

Status Coordinator::status() const {
  const std::lock_guard lock(state_->status_mutex);
  return state_->status;
}

std::uint16_t Coordinator::port() const { return state_->server->port(); }
const fs::path& Coordinator::token_file() const { return state_->token_file; }

Coordinator::Answer Coordinator::pause(const std::string& id) {
  return state_->change_sweep(id, {sweep::SweepState::kRunning}, SweepPaused{id}, "is paused: running packs end first");
}

Coordinator::Answer Coordinator::resume(const std::string& id) {
  return state_->change_sweep(id, {sweep::SweepState::kPaused, sweep::SweepState::kStopped}, SweepResumed{id},
                              "resumes");
}

Coordinator::Answer Coordinator::stop(const std::string& id) {
  return state_->change_sweep(id, {sweep::SweepState::kRunning, sweep::SweepState::kPaused}, SweepStopped{id},
                              "is stopped: its running trials are cancelled");
}

Coordinator::Answer Coordinator::retry(const std::string& id) {
  State& s = *state_;
  return s.gate.call([&]() -> Answer {
    if (!s.catalog.find_trial(id)) return {false, "this coordinator knows no unfinished trial '" + id + "'"};
    const SweepStatus& sweep = *s.catalog.sweeps_of(id).front();
    const int before = sweep.failed;
    s.push(TrialRetried{id});
    s.process_all();
    const bool retried = sweep.failed < before;
    if (!retried) return {false, "trial " + id + " has not failed"};
    return {true, "trial " + id + " will be trained again"};
  });
}

Coordinator::Answer Coordinator::retry_sweep(const std::string& id) {
  State& s = *state_;
  return s.gate.call([&]() -> Answer {
    const SweepStatus* sweep = s.catalog.find_sweep(id);
    if (!sweep || sweep->failed == 0) return {false, "sweep " + id + " has no failed trial"};
    const int before = sweep->failed;
    storage::Reader reader(s.options.store);
    storage::TrialFilter failed;
    failed.state = sweep::TrialState::kFailed;
    for (int offset = 0;; offset += storage::kMaxPage) {
      const auto rows = reader.trials(id, failed, {offset, storage::kMaxPage});
      for (const auto& row : rows) s.push(TrialRetried{row.trial});
      if (static_cast<int>(rows.size()) < storage::kMaxPage) break;
    }
    s.process_all();
    const int retried = before - sweep->failed;
    return {true, std::to_string(retried) + (retried == 1 ? " trial" : " trials") + " of sweep " + id +
                      " will be trained again" +
                      (sweep->state == sweep::SweepState::kRunning ? "" : " when it is resumed")};
  });
}

Coordinator::Answer Coordinator::release(const std::string& id) {
  State& s = *state_;
  return s.gate.call([&]() -> Answer {
    const auto quarantined = [&] {
      for (const auto& worker : s.scheduler.workers()) {
        if (worker.id == id) return worker.quarantined;
      }
      return false;
    };
    if (!quarantined()) return {false, "worker " + s.name_of_worker(id) + " is not quarantined"};
    s.push(WorkerReleased{id});
    s.process_all();
    if (quarantined()) return {false, "worker " + s.name_of_worker(id) + " has left"};
    return {true, "worker " + s.name_of_worker(id) + " gets trials again"};
  });
}

}  // namespace medley::coordinator
