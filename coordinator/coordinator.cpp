#include "coordinator/coordinator.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include <spdlog/spdlog.h>

#include "coordinator/call_gate.h"
#include "coordinator/catalog.h"
#include "coordinator/checkpoints.h"
#include "coordinator/ending.h"
#include "coordinator/endpoint.h"
#include "coordinator/host_workers.h"
#include "coordinator/live_trials.h"
#include "coordinator/recorder.h"
#include "coordinator/requests.h"
#include "coordinator/roster.h"
#include "coordinator/run_scores.h"
#include "coordinator/searches.h"
#include "coordinator/status_board.h"
#include "coordinator/translator.h"
#include "coordinator/worker_server.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "storage/reader.h"
#include "sweep/error.h"
#include "sweep/report/report_text.h"
#include "sweep/result.h"

namespace medley::coordinator {
namespace asio = boost::asio;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

namespace {

constexpr std::size_t kLargestBatch = 256;  // events committed together
constexpr std::size_t kSlice = 250;         // trials or configs of a large sweep that are worked on at first
constexpr std::size_t kLargestSlice = 4'000;
constexpr auto kSliceTime = milliseconds(30);  // that one is to take
constexpr auto kTick = milliseconds(100);

TimePoint steady_ms() { return std::chrono::duration_cast<milliseconds>(Steady::now().time_since_epoch()).count(); }

/// One event, with what its commands refer to.
struct InboxItem {
  Event event;
  std::shared_ptr<const sweep::ResultRecord> result;
};

/// Port that this store's coordinator used last; 0 unknown.
std::uint16_t last_port(const fs::path& file) {
  int port = 0;
  std::istringstream(files::read_if_readable(file).value_or("")) >> port;
  return port > 0 && port < 65536 ? static_cast<std::uint16_t>(port) : 0;
}

}  // namespace

struct Coordinator::State {
  explicit State(CoordinatorOptions o)
      : options(std::move(o)),
        writer(options.store, options.place),
        layout(fs::absolute(options.store).string()),
        token_file(fs::path(layout.folder) / "token"),
        scheduler(options.limits, writer.next_pack()),
        timer(io),
        checkpoints(options.store, layout.checkpoints(), options.checkpoint_budget) {
    const protocol::Token token = protocol::read_or_create_token(token_file);
    listen(token);
    if (options.local_workers > 0 && options.worker_command.empty()) {
      throw Error("local workers are wanted, but no program to start is given");
    }
    host_workers.emplace(
        options.local_workers, [this](int place) { return local_worker(place); }, options.restart);
    recorder.emplace(writer, catalog, roster, board, checkpoints, *host_workers);
    const auto send = [this](const std::string& worker, const protocol::Message& message) {
      server->send(worker, message);
    };
    const auto hang_up = [this](const std::string& worker) { server->hang_up(worker); };
    translator.emplace(Translator::Parts{options, writer, catalog, roster, live, ending, send, hang_up, *host_workers},
                       layout.checkpoints(),
                       [this](auto event, auto result) { push(std::move(event), std::move(result)); });
    recover();
  }

  // ---- Start ----------------------------------------------------------------------------------------------------

  void listen(const protocol::Token& token) {
    WorkerServer::Callbacks callbacks;
    callbacks.joined = [this](const protocol::Hello& hello) { translator->on_joined(hello); };
    callbacks.received = [this](const std::string& worker, protocol::Message&& m) {
      translator->on_message(worker, m);
    };
    callbacks.lost = [this](const std::string& worker, const std::string& why) { translator->on_lost(worker, why); };
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
    files::write(port_file, std::to_string(server->port()) + "\n", files::Durability::kAtomic);
    write_endpoint(layout.folder,
                   reachable_name(options.address, options.advertise) + ":" + std::to_string(server->port()));
  }

  /// Feeds what the store holds through the scheduler, as if it had just been submitted.
  void recover() {
    {
      storage::Writer::Group group(writer);
      writer.remove_unsubmitted();
      writer.end_unwanted(storage::now_ms());
      group.commit();
    }
    storage::Reader reader(options.store);
    auto stored = reader.sweeps();
    std::reverse(stored.begin(), stored.end());  // oldest first
    for (const auto& sweep : stored) {
      // A finished sweep with failed trials stays known: a late result or a retry may still complete it.
      const bool scored = sweep.scored == sweep.finished && (sweep.finished == 0 || reader.is_measured(sweep.id));
      if (sweep.state == sweep::SweepState::kFinished && !scored) run_scores.note_finished(sweep.id);
      if (sweep.state == sweep::SweepState::kFinished && sweep.failed == 0) continue;
      std::vector<std::string> trials;
      for (const auto& history : reader.trial_histories(sweep.id)) trials.push_back(history.trial);
      set_aside_changed(trials);
      introduce(sweep.id);
    }
    // Workers of this host that died with the last coordinator, or since, need no lease to be waited for.
    for (const auto& row : reader.workers()) {
      if (row.state == sweep::WorkerState::kLeft) continue;
      host_workers->expect(row.worker.id, row.worker.name);
      push(WorkerExpected{row.worker.id});
      if (row.state != sweep::WorkerState::kQuarantined) continue;
      roster.read_back(row.worker);
      push(WorkerQuarantined{row.worker.id, row.reason});
    }
    push_deaths();
    process_all();
  }

  /// Results that are not what was stored are trained again: those of `trials` that the scheduler does not know.
  void set_aside_changed(std::vector<std::string> trials) {
    trials.erase(std::remove_if(trials.begin(), trials.end(),
                                [&](const std::string& trial) { return catalog.find_trial(trial) != nullptr; }),
                 trials.end());
    storage::Writer::Group group(writer);
    for (auto& found : writer.set_aside_changed(trials, storage::now_ms())) {
      spdlog::warn("trial {} is trained again: {}", found.trial, found.fault);
      set_aside.push_back(std::move(found));
    }
    group.commit();
  }

  // ---- Large sweeps ---------------------------------------------------------------------------------------------
  // What takes long is done on the thread that asks for it, and by slices on the coordinator's, between its other work:
  // workers and other requests wait for a slice at most.

  /// Calls `what` on the coordinator's thread, with one slice of a list of `count` at a time. Slices are as large as
  /// takes kSliceTime.
  template <class What>
  void in_slices(std::size_t count, What what) {
    std::size_t size = kSlice;
    for (std::size_t first = 0; first < count;) {
      const storage::Slice slice{first, std::min(count, first + size)};
      gate.call([&] {
        const auto begin = Steady::now();
        what(slice);
        const auto took = Steady::now() - begin;
        if (took > kSliceTime) {
          size = std::max<std::size_t>(1, size / 2);
        } else if (took < kSliceTime / 2) {
          size = std::min(kLargestSlice, size * 2);
        }
      });
      first = slice.last;
    }
  }

  template <class Change>
  void commit(Change change) {
    storage::Writer::Group group(writer);
    change();
    group.commit();
  }

  /// As gate.call(), for what the coordinator ends with when it fails.
  template <class What>
  auto must(What what) {
    return gate.call([&] {
      try {
        return what();
      } catch (...) {
        broken = std::current_exception();
        throw;
      }
    });
  }

  storage::Writer::Submitted submit(const storage::DatasetRecord& dataset, const storage::SweepSubmission& submission) {
    const std::lock_guard one_at_a_time(submitting);
    std::vector<std::string> unknown;
    in_slices(submission.trials.size(), [&](storage::Slice slice) {
      for (std::size_t i = slice.first; i < slice.last; ++i) {
        const std::string& id = submission.trials[i].id;
        if (!catalog.find_trial(id)) unknown.push_back(id);
      }
    });
    const auto changed = storage::Reader(options.store).changed_results(unknown);
    storage::Writer::Submitted submitted;
    gate.call([&] {
      set_aside_changed(changed);
      commit([&] {
        writer.register_dataset(dataset, storage::now_ms());
        submitted = writer.begin_sweep(submission);
      });
    });
    if (submitted.created) {
      in_slices(submission.configs.size(),
                [&](storage::Slice slice) { commit([&] { writer.add_configs(submitted.id, submission, slice); }); });
      in_slices(submission.trials.size(),
                [&](storage::Slice slice) { commit([&] { writer.add_trials(submitted.id, submission, slice); }); });
    }
    const bool known = gate.call([&] {
      commit([&] { writer.end_sweep(submission, submitted, storage::now_ms()); });
      submitted.set_aside = std::exchange(set_aside, {});
      if (!catalog.find_sweep(submitted.id)) return false;
      catalog.note(dataset);
      push(SweepPrioritised{submitted.id, submission.priority});
      return true;
    });
    if (!known) introduce(submitted.id);
    gate.call([&] {
      push(SweepResumed{submitted.id});
      process_all();
      const auto progress = scheduler.progress(submitted.id);
      if (progress && progress->state == sweep::SweepState::kFinished) run_scores.note_finished(submitted.id);
    });
    return submitted;
  }

  /// Makes a stored sweep known to catalog and scheduler.
  void introduce(const std::string& id) {
    storage::Reader reader(options.store);
    const StoredTrials asked = read_trials(reader, id, storage::Reader::Trials::kAsked);
    const StoredTrials likely = read_trials(reader, id, storage::Reader::Trials::kLikely);
    must([&] {
      introducing.insert(id);
      catalog.note(asked.sweep);
      catalog.note(asked.dataset, asked.sweep.partitions);
      push(SweepSubmitted{id, asked.sweep.priority, asked.sweep.state, {}, true});
    });
    tell_trials(asked, 0, likely);
    must([&] {
      introducing.erase(id);
      if (!asked.sweep.searching) push(SweepClosed{id});
      process_all();
    });
  }

  /// Tells the scheduler of trials that a known sweep asks for, from number `known` on, and of all that are likely.
  void tell_trials(const StoredTrials& asked, std::size_t known, const StoredTrials& likely) {
    in_slices(asked.specs.size() - known, [&](storage::Slice slice) {
      must([&] {
        push(TrialsAdded{asked.sweep.id, catalog.take(asked, {known + slice.first, known + slice.last}), std::nullopt});
        process_all();
      });
    });
    std::vector<SubmittedTrial> all;
    in_slices(likely.specs.size(), [&](storage::Slice slice) {
      for (SubmittedTrial& trial : catalog.take(likely, slice)) all.push_back(std::move(trial));
    });
    must([&] { push(TrialsAdded{asked.sweep.id, {}, std::move(all)}); });
  }

  // ---- Events ---------------------------------------------------------------------------------------------------

  void push(Event event, std::shared_ptr<const sweep::ResultRecord> result = nullptr) {
    inbox.push_back({std::move(event), std::move(result)});
    process_soon();
  }

  void process_soon() {
    if (processing_posted) return;
    processing_posted = true;
    // Everything that this round of I/O brings is committed together, but after a pause that may be thousands of
    // events: one batch, then whoever else wants this thread.
    asio::post(io, [this] {
      processing_posted = false;
      process(1);
      if (!inbox.empty()) process_soon();
    });
  }
  void process_all() { process(SIZE_MAX); }

  /// What goes wrong here leaves scheduler and store apart: nothing is done any more, and run() ends with it.
  void process(std::size_t batches) {
    if (broken) std::rethrow_exception(broken);
    try {
      for (; batches > 0 && !inbox.empty(); --batches) process_batch();
    } catch (...) {
      broken = std::current_exception();
      throw;
    }
    if (serving && ending.is_serving()) searches.ask(undecided());
    live.keep_leased(scheduler);
    board.publish(scheduler, catalog, roster, ending, Steady::now());
    for (const SweepStatus& sweep : catalog.sweeps()) {
      if (sweep.state == sweep::SweepState::kRunning) run_scores.note_results(sweep.id, sweep.finished);
    }
  }

  /// They can be measured again: a failure costs nothing else.
  void take_scores() {
    for (const RunScores::Measured& measured : run_scores.measured()) {
      if (measured.error.empty()) continue;
      spdlog::warn("the Scores of sweep {} are not in the store: {}", measured.sweep, measured.error);
    }
  }

  void store_scores(const std::string& sweep, const RunScores::Scores& scores) {
    const std::lock_guard needs_it(keeping);
    if (!storage::Reader(options.store).has_sweep(sweep)) return;  // removed while it was measured
    in_slices(scores.configs.size(), [&](storage::Slice slice) {
      must([&] { commit([&] { writer.keep_measured(sweep, scores.decode, scores.configs, slice); }); });
    });
    if (!scores.finished) return;
    bool more = true;
    while (more) {
      must([&] { commit([&] { more = writer.forget_scores(sweep, static_cast<int>(kSlice)); }); });
    }
    in_slices(scores.runs.runs.size(), [&](storage::Slice slice) {
      must([&] { commit([&] { writer.add_scores(sweep, scores.runs, slice); }); });
    });
    must([&] { commit([&] { writer.note_scored(sweep, scores.runs.results); }); });
  }

  /// Sweeps whose search is to decide a round.
  std::vector<std::string> undecided() {
    std::vector<std::string> sweeps = scheduler.searching();
    sweeps.erase(std::remove_if(sweeps.begin(), sweeps.end(),
                                [&](const std::string& id) {
                                  return catalog.find_sweep(id)->external || introducing.count(id) != 0;
                                }),
                 sweeps.end());
    return sweeps;
  }

  void take_rounds() {
    for (const Searches::Decided& decided : searches.decided()) {
      if (!decided.error.empty()) push(SweepStopped{decided.sweep, "its search failed: " + decided.error});
    }
  }

  /// Stores what a search decided, and has the scheduler train it.
  void add_round(const std::string& sweep, const storage::SearchRound& round) {
    const auto prepare = [&](std::size_t count, storage::Slice storage::RoundSlice::*part) {
      if (count <= kSlice) return;  // no need to: what is not prepared is stored with the round
      in_slices(count, [&](storage::Slice slice) {
        storage::RoundSlice of_round;
        of_round.*part = slice;
        must([&] { commit([&] { writer.prepare_round(sweep, round, of_round); }); });
      });
    };
    prepare(round.configs.size(), &storage::RoundSlice::configs);
    prepare(round.trials.size(), &storage::RoundSlice::trials);
    prepare(round.likely.size(), &storage::RoundSlice::likely);
    must([&] { commit([&] { writer.add_round(sweep, round, storage::now_ms()); }); });
    storage::Reader reader(options.store);
    const StoredTrials asked = read_trials(reader, sweep, storage::Reader::Trials::kAsked);
    const StoredTrials likely = read_trials(reader, sweep, storage::Reader::Trials::kLikely);
    const std::size_t known = must([&] {
      const int trials = catalog.find_sweep(sweep)->trials;
      catalog.note(asked.sweep);
      return static_cast<std::size_t>(trials);
    });
    tell_trials(asked, known, likely);
    must([&] {
      if (round.done) push(SweepClosed{sweep});
    });
  }

  Coordinator::Answer add_configs(const std::string& id, const nlohmann::json& configs, bool done,
                                  std::vector<std::string>& ids) {
    const std::lock_guard one_at_a_time(submitting);
    const auto known = gate.call([&] {
      const SweepStatus* sweep = catalog.find_sweep(id);
      return sweep ? std::optional<SweepStatus>(*sweep) : std::nullopt;
    });
    if (!known) return {false, "this coordinator knows no unfinished sweep '" + id + "'"};
    const std::string name = "sweep " + known->name;
    if (!known->external) return {false, name + " takes no configs: its file has no `search: external`, or it is done"};
    storage::SearchRound round;
    try {
      storage::Reader reader(options.store);
      round = posted_round(reader, reader.stored_sweep(id), configs, done, ids);
    } catch (const sweep::Error& error) {
      return {false, error.what()};
    }
    const std::size_t added = round.configs.size();
    if (added > 0 || done) add_round(id, round);
    return {true, name + " got " + sweep::counted(added, "new config") + (done ? "; they are its last" : "")};
  }

  Coordinator::Answer send_away(const std::string& worker) {
    const std::string name = "worker " + roster.name_of(worker);
    if (!server->connected(worker)) return {false, name + " is not connected"};
    if (host_workers->keeps(worker)) {
      return {false, name + " is one of those that this coordinator keeps: another would take its place. Pause it"};
    }
    server->send(worker, protocol::Dismiss{"told to leave"});
    return {true, name + " saves what it trains, and leaves"};
  }

  Coordinator::Answer retry_sweep(const std::string& id) {
    const std::lock_guard needs_it(keeping);
    std::vector<std::string> failed;
    const Coordinator::Answer may = gate.call([&] { return requests.may_retry(id); });
    if (!may.done) return may;
    storage::Reader reader(options.store);
    storage::TrialFilter filter;
    filter.state = sweep::TrialState::kFailed;
    for (int offset = 0;; offset += storage::kMaxPage) {
      const auto rows = reader.trials(id, filter, {offset, storage::kMaxPage});
      for (const auto& row : rows) failed.push_back(row.trial);
      if (static_cast<int>(rows.size()) < storage::kMaxPage) break;
    }
    int retried = 0;
    in_slices(failed.size(), [&](storage::Slice slice) {
      retried += requests.retry(id, {failed.begin() + static_cast<std::ptrdiff_t>(slice.first),
                                     failed.begin() + static_cast<std::ptrdiff_t>(slice.last)});
    });
    return gate.call([&] { return requests.retried(id, retried); });
  }

  Coordinator::Answer mark_sweep(const std::string& id, const storage::SweepMarkChange& change) {
    try {
      storage::Writer::Group group(writer);
      writer.mark_sweep(id, change);
      group.commit();
    } catch (const storage::Error& error) {
      return {false, error.what()};
    }
    SweepStatus* known = catalog.find_sweep(id);
    if (known && change.name) known->name = *change.name;
    if (known && change.priority) push(SweepPrioritised{id, *change.priority});
    return {true, "sweep " + id + " is marked"};
  }

  /// At once for everybody who reads the store; its rows go by slices.
  Coordinator::Answer remove_sweep(const std::string& id) {
    const std::lock_guard one_at_a_time(submitting);
    const std::lock_guard nobody_needs_it(keeping);
    const Coordinator::Answer answer = gate.call([&]() -> Coordinator::Answer {
      if (auto may = requests.may_remove(id); !may.done) return may;
      std::string name;
      try {
        commit([&] { name = writer.withdraw_sweep(id, storage::now_ms()); });
      } catch (const storage::Error& error) {
        return {false, error.what()};
      }
      requests.removed(id);
      spdlog::info("sweep {} ({}) is removed", name, id);
      return {true, "sweep " + name + " is removed; its results stay"};
    });
    bool more = answer.done;
    while (more) {
      must([&] { commit([&] { more = writer.clear_withdrawn(id, static_cast<int>(kSlice)); }); });
    }
    return answer;
  }

  /// One group commit: the scheduler's commands for a batch of events, records first, then what they justify.
  void process_batch() {
    std::vector<Outgoing> outgoing;
    std::optional<storage::Writer::Group> group;
    for (std::size_t n = 0; n < kLargestBatch && !inbox.empty(); ++n) {
      const InboxItem item = std::move(inbox.front());
      inbox.pop_front();
      // After a stop at once only results that still arrive matter: what ran has been recorded as cancelled.
      if (ending.phase() == Phase::kCancelled && !std::holds_alternative<ResultReceived>(item.event)) continue;
      for (const Command& command : scheduler.handle(item.event, steady_ms())) {
        if (const auto* change = std::get_if<Record>(&command)) {
          if (!group) group.emplace(writer);
          recorder->record(*change, {item.event, item.result.get()});
          if (const auto* finished = std::get_if<FinishSweep>(change)) run_scores.note_finished(finished->sweep);
        } else if (auto message = translator->message_of(std::get<Send>(command))) {
          outgoing.push_back(std::move(*message));
        }
      }
    }
    if (group) group->commit();
    for (auto& [worker, message] : outgoing) server->send(worker, message);
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
    if (ending.is_serving() && !scheduler.done()) host_workers->fill();  // none for nothing to train
    if (!ending.is_leaving() && options.exit_when_done && host_workers->given_up() && server->workers().empty()) {
      throw Error("no worker is left: each local worker died " + std::to_string(options.restart.limit) +
                  " times in a row, the last with " + host_workers->last_death() + "; see " + layout.logs() +
                  "/worker-1.log");
    }
  }

  // ---- Time, end ------------------------------------------------------------------------------------------------

  void tick() {
    push(Ticked{});
    take_rounds();
    take_scores();
    look_after_host_workers();
    if (options.exit_when_done && ending.is_serving() && inbox_is_only_ticks() && scheduler.done() && run_scores.idle())
      drain({End::How::kDone, "everything is done"});
    if (ending.is_overdue(Steady::now())) stop_now("the grace period is over");
    if (ending.phase() == Phase::kDrained) ending.leave(Steady::now());
    checkpoints.collect(ending.is_leaving());
    if (ending.is_leaving()) advance_end();
    if (ending.phase() == Phase::kStopped) return;
    timer.expires_after(kTick);
    timer.async_wait([this](boost::system::error_code error) {
      if (!error) tick();
    });
  }

  bool inbox_is_only_ticks() const {
    return std::all_of(inbox.begin(), inbox.end(),
                       [](const InboxItem& item) { return std::holds_alternative<Ticked>(item.event); });
  }

  void drain(End end) {
    if (ending.drain(std::move(end))) push(DrainRequested{});
  }

  /// Cancels running attempts without counting against a trial or a worker.
  void stop_now(const std::string& reason) {
    if (!ending.stop_now(reason)) return;
    push(DrainRequested{});
    process_all();
    storage::Writer::Group group(writer);
    for (const auto& worker : scheduler.workers()) {
      if (worker.state == sweep::WorkerState::kJoined) {
        writer.set_worker_state(worker.id, sweep::WorkerState::kLeft, "the coordinator was stopped", storage::now_ms());
      }
      for (const auto& attempt : worker.leased) {
        writer.end_attempt(attempt, sweep::AttemptState::kCancelled, "the coordinator was stopped", storage::now_ms());
      }
    }
    group.commit();
    for (const auto& worker : server->workers()) server->send(worker, protocol::Dismiss{"the coordinator was stopped"});
    ending.cancelled(Steady::now());
  }

  void advance_end() {
    const bool workers_left = host_workers->running() > 0 || !server->workers().empty();
    switch (ending.advance(workers_left, Steady::now())) {
      case Ending::Step::kWait:
        break;
      case Ending::Step::kTerminate:  // also those that had not joined yet, and were not told
        host_workers->terminate();
        break;
      case Ending::Step::kKill:
        host_workers->kill();
        io.stop();
        break;
    }
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
  std::optional<Recorder> recorder;
  std::optional<Translator> translator;

  std::deque<InboxItem> inbox;
  std::exception_ptr broken;
  std::vector<storage::Writer::SetAside> set_aside;  ///< since the last submission
  bool processing_posted = false;
  std::mutex submitting;              ///< held by the thread that submits, while it does
  std::mutex keeping;                 ///< held by a thread that needs a sweep to stay, and by the one that removes it
  bool serving = false;               ///< run() has begun: other threads reach this one by the gate
  std::set<std::string> introducing;  ///< sweeps of which the scheduler does not know all trials yet

  Catalog catalog;

  Roster roster;
  LiveTrials live;
  CheckpointKeeper checkpoints;
  Ending ending;
  Requests requests{catalog, scheduler, roster, [this](std::vector<Event> events) {
                      for (Event& event : events) push(std::move(event));
                      process_all();
                    }};
  StatusBoard board;
  // The last, so that their threads end before what they use.
  Searches searches{options.store, [this](const auto& sweep, const auto& round) {
                      const std::lock_guard needs_it(keeping);
                      if (storage::Reader(options.store).has_sweep(sweep)) add_round(sweep, round);
                    }};
  RunScores run_scores{options.store, [this](const auto& sweep, const auto& scores) { store_scores(sweep, scores); }};
};

Coordinator::Coordinator(CoordinatorOptions options) : state_(std::make_unique<State>(std::move(options))) {}

Coordinator::~Coordinator() {
  if (state_->server) state_->server->close();
}

storage::Writer::Submitted Coordinator::submit(const storage::DatasetRecord& dataset,
                                               const storage::SweepSubmission& submission) {
  return state_->submit(dataset, submission);
}

void Coordinator::write(const std::function<void(storage::Writer&)>& record) {
  state_->gate.call([&] { record(state_->writer); });
}

End Coordinator::run() {
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
    s.serving = true;
    s.tick();
    s.io.run();
  } catch (...) {
    // Nobody would collect what they train: they give it up now rather than when they have been without us for long.
    s.host_workers->stop(Ending::kKillAfter);
    throw;
  }
  return s.ending.end();
}

void Coordinator::request_stop(Stop stop, const std::string& reason) {
  State& s = *state_;
  asio::post(s.io, [&s, stop, reason] {
    if (stop == Stop::kNow) return s.stop_now(reason);
    s.ending.limit_drain(Steady::now() + s.options.drain_grace);
    s.drain({End::How::kStopped, reason});
  });
}

Status Coordinator::status() const { return state_->board.read(); }

std::vector<sweep::LiveTrial> Coordinator::live_of_sweep(const std::string& sweep_id) const {
  return state_->live.of_sweep(sweep_id, Steady::now());
}

std::vector<sweep::LiveTrial> Coordinator::live_of_trial(const std::string& trial_id) const {
  return state_->live.of_trial(trial_id, Steady::now());
}

std::uint16_t Coordinator::port() const { return state_->server->port(); }
const fs::path& Coordinator::token_file() const { return state_->token_file; }

Coordinator::Answer Coordinator::pause(const std::string& sweep) {
  return state_->gate.call([&] { return state_->requests.pause(sweep); });
}

Coordinator::Answer Coordinator::resume(const std::string& sweep) {
  return state_->gate.call([&] { return state_->requests.resume(sweep); });
}

Coordinator::Answer Coordinator::stop(const std::string& sweep) {
  return state_->gate.call([&] { return state_->requests.stop(sweep); });
}

Coordinator::Answer Coordinator::retry(const std::string& trial) {
  return state_->gate.call([&] { return state_->requests.retry(trial); });
}

Coordinator::Answer Coordinator::retry_sweep(const std::string& sweep) { return state_->retry_sweep(sweep); }

Coordinator::Answer Coordinator::add_configs(const std::string& sweep, const nlohmann::json& configs, bool done,
                                             std::vector<std::string>& ids) {
  return state_->add_configs(sweep, configs, done, ids);
}

Coordinator::Answer Coordinator::remove_sweep(const std::string& sweep) { return state_->remove_sweep(sweep); }

Coordinator::Answer Coordinator::mark_sweep(const std::string& sweep, const storage::SweepMarkChange& change) {
  return state_->gate.call([&] { return state_->mark_sweep(sweep, change); });
}

Coordinator::Answer Coordinator::release(const std::string& worker) {
  return state_->gate.call([&] { return state_->requests.release(worker); });
}

Coordinator::Answer Coordinator::pause_worker(const std::string& worker) {
  return state_->gate.call([&] { return state_->requests.pause_worker(worker); });
}

Coordinator::Answer Coordinator::send_away(const std::string& worker) {
  return state_->gate.call([&] { return state_->send_away(worker); });
}

}  // namespace medley::coordinator
