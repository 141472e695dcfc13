#include "worker/link.h"

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <boost/asio.hpp>
#include <spdlog/spdlog.h>
#include <sysexits.h>
#include <unistd.h>

#include "worker/connection.h"
#include "worker/pack_queue.h"
#include "worker/protocol/codec.h"

namespace medley::worker {
namespace asio = boost::asio;
using boost::system::error_code;
using protocol::AttemptId;
using protocol::Held;
using protocol::Message;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kResultsInFlight = 4;  // sent, not yet confirmed: bounds what lies in memory
constexpr std::size_t kMaxQueuedPacks = 8;

/// By its text, since the ranks of a gang pass on texts: of the C++ library, of LibTorch and of CUDA.
bool is_out_of_memory(const std::string& error) {
  for (const char* words : {"std::bad_alloc", "out of memory", "allocate memory", "not enough memory"}) {
    if (error.find(words) != std::string::npos) return true;
  }
  return false;
}

/// The link's thread: connection, heartbeats, spool. Everything but stop_training() and the pack queue runs there.
class Link {
 public:
  Link(const LinkOptions& options, PackQueue& queue, Spool& spool, std::string instance)
      : options_(options), queue_(queue), spool_(spool), signals_(io_), timer_(io_), retry_timer_(io_) {
    hello_ = options.identity;
    hello_.instance = std::move(instance);
    fencing_ = options.first_contact;
    retry_ = options.first_retry;
    last_heard_ = Clock::now();
    for (const AttemptId& attempt : spool_.list()) spooled_.insert(attempt);
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.add(SIGUSR1);
    struct sigaction hangup = {};
    sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler != SIG_IGN) signals_.add(SIGHUP);  // nohup ignores it
  }

  /// Until everything is over. Rethrows what went wrong on this thread.
  void run() {
    wait_for_signal();
    tick();
    connect();
    io_.run();
  }

  /// Called on the training thread.
  void trained(const PackPtr& pack, std::vector<AttemptId> kept) {
    asio::post(io_, [this, pack, kept = std::move(kept)] {
      for (const AttemptId& attempt : kept) spooled_.insert(attempt);
      deliver();
    });
  }
  void measured(const AttemptId& attempt, int trials) {
    asio::post(io_, [this, attempt, trials] {
      if (connected()) connection_->send(protocol::PackSize{attempt, trials});  // else with the next pack
    });
  }
  void failed(const AttemptId& attempt, sweep::Blame blame, const std::string& reason) {
    asio::post(io_, [this, attempt, blame, reason] {
      failures_.push_back({attempt, protocol::sendable_text(reason), blame});
      flush_failures();
    });
  }
  /// Leaves: what it would train now would be lost as well. Its goodbye cancels its attempts, which costs no retry.
  void cannot_keep(const std::string& reason) {
    asio::post(io_, [this, reason] { end(Ending::How::kSpoolFailed, protocol::sendable_text(reason)); });
  }
  void ended(const PackPtr& pack) {
    asio::post(io_, [this, pack] {
      for (const AttemptId& attempt : pack->attempts) {
        if (cancelled_.erase(attempt) && !pack->done.count(attempt)) failures_.push_back({attempt, "cancelled"});
      }
      packs_.erase(std::remove(packs_.begin(), packs_.end(), pack), packs_.end());
      flush_failures();
      leave_if_done();
    });
  }
  /// The training thread has gone: say goodbye and end.
  void close() {
    asio::post(io_, [this] { say_goodbye(); });
  }
  const Ending& ending() const { return *ending_; }

 private:
  // ---- Connection ---------------------------------------------------------------------------------------------

  void connect() {
    if (goodbye_said_) return;
    Connection::Callbacks callbacks;
    callbacks.proven = [this] {
      hello_.held = held();
      connection_->send(hello_);
    };
    callbacks.received = [this](const Message& message) {
      last_heard_ = Clock::now();
      std::visit([this](const auto& m) { on(m); }, message);
    };
    callbacks.lost = [this](Connection::Fault fault, const std::string& why) {
      const bool stranger = fault == Connection::Fault::kPeer && !ever_welcomed_;
      if (fault == Connection::Fault::kRefused || stranger) return end(Ending::How::kRefused, why);
      lost(why);
    };
    welcomed_ = false;
    connection_ = std::make_shared<Connection>(io_, options_.token, std::move(callbacks));
    connection_->open(options_.host, options_.port);
  }

  /// The connection is closed: another one, after a pause.
  void lost(const std::string& why) {
    if (connection_) connection_->close();
    connection_.reset();
    in_flight_.clear();
    if (goodbye_said_) return;
    if (welcomed_) spdlog::warn("lost the coordinator ({}); training continues, connecting again", why);
    if (!ever_welcomed_ && why != unreached_) {
      spdlog::warn(
          "cannot reach the coordinator at {}:{}: {}; tries again for {} s. Does this host know that name, and "
          "does `medley run` or `serve` listen beyond its own host (--listen 0.0.0.0, --advertise NAME)?",
          options_.host, options_.port, why,
          std::chrono::duration_cast<std::chrono::seconds>(options_.first_contact).count());
      unreached_ = why;
    }
    welcomed_ = false;
    retry_timer_.expires_after(retry_);
    retry_ = std::min(retry_ * 2, options_.largest_retry);
    retry_timer_.async_wait([this](error_code error) {
      if (!error) connect();
    });
  }

  bool connected() const { return connection_ && welcomed_ && !connection_->closed(); }

  // ---- What the coordinator says --------------------------------------------------------------------------------

  void on(const protocol::Welcome& m) {
    if (welcomed_) throw protocol::Error("welcomed twice");
    welcomed_ = true;
    // web/worker_log finds a worker's log by this line.
    if (!ever_welcomed_) spdlog::info("joined {}:{} as {}", options_.host, options_.port, hello_.instance);
    ever_welcomed_ = true;
    heartbeat_ = milliseconds(m.heartbeat_ms);
    fencing_ = milliseconds(m.fencing_ms);
    checkpoint_folder_ = m.checkpoint_folder;
    retry_ = options_.first_retry;
    last_beat_ = Clock::now();
    for (const AttemptId& attempt : spool_.take_over_abandoned()) {
      spdlog::info("delivers the result of attempt {}#{}, left by another worker", attempt.trial, attempt.number);
      spooled_.insert(attempt);
    }
    last_look_ = Clock::now();
    flush_failures();
    deliver();
    leave_if_done();
  }

  void on(const protocol::Assign& m) {
    if (!welcomed_) throw protocol::Error("assigned before welcomed");
    if (ending_ || draining_) return;  // the goodbye cancels it, which costs no retry
    auto pack = std::make_shared<RunningPack>();
    pack->assign = m;
    pack->checkpoint_folder = checkpoint_folder_;
    for (const auto& trial : m.trials) pack->attempts.push_back({trial.spec.id, trial.attempt});
    if (packs_.size() >= kMaxQueuedPacks) return refuse(pack, "the worker has packs enough");
    packs_.push_back(pack);
    queue_.push(pack);
  }

  void refuse(const PackPtr& pack, const std::string& reason) {
    for (const AttemptId& attempt : pack->attempts) failures_.push_back({attempt, reason});
    flush_failures();
  }

  void on(const protocol::Cancel& m) {
    for (const AttemptId& attempt : m.attempts) {
      for (const PackPtr& pack : packs_) {
        if (std::find(pack->attempts.begin(), pack->attempts.end(), attempt) == pack->attempts.end()) continue;
        cancelled_.insert(attempt);
        // The pack continues for its other trials. When none of them is wanted, it stops and then confirms.
        const bool wanted = std::any_of(pack->attempts.begin(), pack->attempts.end(),
                                        [this](const AttemptId& a) { return !cancelled_.count(a); });
        if (!wanted) {
          request_stop(pack, Stop::kAbandon);
        } else if (pack->done.insert(attempt).second) {
          failures_.push_back({attempt, "cancelled"});
        }
      }
    }
    flush_failures();
  }

  void on(const protocol::Alive&) {}

  void on(const protocol::ResultReceived& m) {
    spool_.remove(m.attempt);
    spooled_.erase(m.attempt);
    in_flight_.erase(m.attempt);
    deliver();
    leave_if_done();
  }

  void on(const protocol::Drain&) {
    if (!draining_) spdlog::info("draining: the running pack is the last");
    draining_ = true;
    leave_if_done();
  }

  void on(const protocol::Dismiss& m) {
    spdlog::info("dismissed: {}", m.reason);
    dismissed_ = m.reason;
    draining_ = true;
    for (const PackPtr& pack : packs_) request_stop(pack, Stop::kSave);
    leave_if_done();
  }

  // Messages that only workers send.
  template <class M>
  void on(const M& m) {
    throw protocol::Error(std::string("a coordinator sent '") + protocol::message_name(Message(m)) + "'");
  }

  // ---- What goes to the coordinator -----------------------------------------------------------------------------

  std::vector<Held> held() const {
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

  /// Those that no heartbeat has told, and that the other side takes.
  std::vector<protocol::NewEpoch> new_epochs() {
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

  /// As the other side takes it: a clock of the system's that jumped must not cost the connection.
  std::optional<sweep::Usage> usage() const {
    if (!options_.usage) return std::nullopt;
    sweep::Usage usage = options_.usage();
    usage.cpu = std::min<double>(std::max(0.0, usage.cpu), protocol::kMaxCores);
    return usage;
  }

  void deliver() {
    if (!connected()) return;
    for (auto it = spooled_.begin(); it != spooled_.end() && in_flight_.size() < kResultsInFlight;) {
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
      in_flight_.insert(attempt);
      ++it;
      connection_->send(protocol::Result{attempt, std::move(*bytes)});
    }
    flush_failures();
  }

  void flush_failures() {
    if (!connected()) return;
    for (auto& failure : failures_) connection_->send(std::move(failure));
    failures_.clear();
  }

  // ---- Time -----------------------------------------------------------------------------------------------------

  void tick() {
    const auto now = Clock::now();
    if (now - last_heard_ > fencing_ && !ending_) {
      end(Ending::How::kFenced,
          "no word from the coordinator at " + options_.host + ":" + std::to_string(options_.port) + " for " +
              std::to_string(std::chrono::duration_cast<milliseconds>(now - last_heard_).count()) + " ms");
    }
    if (connection_ && !connection_->closed()) {
      // A cut network gives no error: without an answer for a few heartbeats the connection is closed.
      const auto silent = now - std::max(last_heard_, connection_->started());
      if (silent > std::max<Clock::duration>(5 * heartbeat_, std::chrono::seconds(5))) lost("it is silent");
    }
    if (connected() && now - last_beat_ >= heartbeat_) {
      last_beat_ = now;
      connection_->send(protocol::Heartbeat{held(), usage(), new_epochs()});
      if (now - last_look_ > std::chrono::seconds(10)) {
        last_look_ = now;
        for (const AttemptId& attempt : spool_.take_over_abandoned()) spooled_.insert(attempt);
        deliver();
      }
    }
    for (const PackPtr& pack : packs_) {
      if (pack->stop_since && now - *pack->stop_since > options_.stop_grace) {
        spdlog::critical("training did not stop within {} ms of being told to", options_.stop_grace.count());
        _exit(EX_TEMPFAIL);
      }
    }
    if (goodbye_said_ && now > goodbye_deadline_) io_.stop();
    if (goodbye_said_ && !(connection_ && !connection_->closed())) io_.stop();
    timer_.expires_after(std::min<milliseconds>(std::max(heartbeat_ / 4, milliseconds(5)), milliseconds(100)));
    timer_.async_wait([this](error_code error) {
      if (!error) tick();
    });
  }

  void wait_for_signal() {
    signals_.async_wait([this](error_code error, int signal) {
      if (error) return;
      const char* name = signal == SIGTERM  ? "SIGTERM"
                         : signal == SIGINT ? "SIGINT"
                         : signal == SIGHUP ? "SIGHUP"
                                            : "SIGUSR1";
      spdlog::info("{}: saves its pack and leaves", name);
      end(Ending::How::kTerminated, name);
      wait_for_signal();
    });
  }

  // ---- The end --------------------------------------------------------------------------------------------------

  void request_stop(const PackPtr& pack, Stop how) {
    if (pack->stop != Stop::kAbandon) pack->stop = how;
    if (!pack->stop_since) pack->stop_since = Clock::now();
  }

  void leave_if_done() {
    if (!draining_ || ending_ || !packs_.empty() || !spooled_.empty()) return;
    if (!failures_.empty()) return;
    if (dismissed_) return end(Ending::How::kDismissed, *dismissed_);
    end(Ending::How::kDrained, "drained");
  }

  void end(Ending::How how, const std::string& reason) {
    if (ending_) return;
    ending_ = Ending{how, reason};
    const bool cut_off = how == Ending::How::kFenced || how == Ending::How::kRefused;
    for (const PackPtr& pack : packs_) request_stop(pack, cut_off ? Stop::kAbandon : Stop::kSave);
    if (cut_off && connection_) connection_->close();
    queue_.close();  // the training thread comes back with close()
  }

  void say_goodbye() {
    goodbye_said_ = true;
    goodbye_deadline_ = Clock::now() + std::chrono::seconds(2);
    retry_timer_.cancel();
    if (connected()) {
      connection_->send(protocol::Leave{ending_->reason});
      connection_->close_when_sent();
    } else if (connection_) {
      connection_->close();
    }
  }

  const LinkOptions& options_;
  PackQueue& queue_;
  Spool& spool_;
  asio::io_context io_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
  asio::steady_timer retry_timer_;

  protocol::Hello hello_;
  std::shared_ptr<Connection> connection_;  ///< none: waiting to try again
  bool welcomed_ = false;                   ///< on this connection
  bool ever_welcomed_ = false;
  std::string unreached_;  ///< why it was not reached so far, as it was logged
  std::string checkpoint_folder_;
  milliseconds heartbeat_{1000};
  milliseconds fencing_{0};
  milliseconds retry_{0};
  Clock::time_point last_heard_;
  Clock::time_point last_beat_;
  Clock::time_point last_look_;

  std::vector<PackPtr> packs_;  ///< training or waiting to be
  std::set<AttemptId> cancelled_;
  std::set<AttemptId> spooled_;
  std::set<AttemptId> in_flight_;
  std::vector<protocol::AttemptFailed> failures_;  ///< not yet sent

  bool draining_ = false;
  std::optional<std::string> dismissed_;
  std::optional<Ending> ending_;
  bool goodbye_said_ = false;
  Clock::time_point goodbye_deadline_;
};

/// LibTorch says after it where in its code it was thrown, and a stack.
std::string without_stack(const std::string& reason) {
  return reason.substr(0, reason.find("\nException raised from "));
}

/// Says now and then how far a pack is.
class ProgressLog {
 public:
  explicit ProgressLog(std::size_t trials) : trials_(trials) {}
  void at(int epoch, int epochs) {
    constexpr std::chrono::seconds kPause{30};
    if (Clock::now() - said_ < kPause) return;
    said_ = Clock::now();
    spdlog::info("a pack of {}: epoch {} of {}", trials_, epoch, epochs);
  }

 private:
  std::size_t trials_;
  Clock::time_point said_ = Clock::now();
};

void log_result(const AttemptId& attempt, const sweep::TrialResult& result) {
  if (result.outcome == sweep::Outcome::kDiverged) {
    spdlog::warn("trial {}#{} diverged: {}", attempt.trial, attempt.number, result.reason);
  } else {
    spdlog::info("trial {}#{} is trained: {:.1f} s, paper-style Score {:.3f} at epoch {}", attempt.trial,
                 attempt.number, result.seconds, result.paper.surface.best().accuracy.score(), result.paper.epoch);
  }
}

/// Trains one pack and keeps its results. What the trainer throws fails the pack; what the spool throws ends the
/// worker.
void train_one(const PackPtr& running, const TrainPack& train, Spool& spool, Link& link) {
  Pack pack;
  pack.dataset_folder = running->assign.dataset_folder;
  pack.dataset_fingerprint = running->assign.dataset_fingerprint;
  pack.test_fingerprint = running->assign.test_fingerprint;
  pack.checkpoints = running->checkpoint_folder;
  for (const auto& trial : running->assign.trials) pack.trials.push_back(trial.spec);
  pack.stop = [running] { return running->stop.load(); };
  std::string names;
  for (const AttemptId& attempt : running->attempts)
    names += " " + attempt.trial + "#" + std::to_string(attempt.number);
  spdlog::info("a pack of {} on {}:{}", pack.trials.size(), pack.dataset_folder, names);
  pack.progress = [running, log = ProgressLog(pack.trials.size())](int epoch, int epochs) mutable {
    running->epoch = epoch;
    running->epochs = epochs;
    log.at(epoch, epochs);
  };
  pack.epoch_ended = [running](std::size_t place, const sweep::EpochMetrics& metrics) {
    const std::lock_guard lock(running->untold_mutex);
    running->untold[place] = metrics;
  };
  pack.best_size = [running, &link](int trials) { link.measured(running->attempts.front(), trials); };
  std::vector<AttemptId> kept;
  std::string reason, unkept;
  sweep::Blame blame = sweep::Blame::kTrial;
  try {
    const std::vector<sweep::TrialResult> results = train(pack);
    if (results.size() != pack.trials.size()) {
      throw Error("the trainer gave " + std::to_string(results.size()) + " results for " +
                  std::to_string(pack.trials.size()) + " trials");
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].trial_id != pack.trials[i].id) throw Error("the trainer gave a result of another trial");
      try {
        spool.put(running->attempts[i], sweep::encode_result(results[i]));
      } catch (const Error& e) {
        unkept = e.what();
        break;
      }
      kept.push_back(running->attempts[i]);
      log_result(running->attempts[i], results[i]);
    }
  } catch (const DatasetChanged& e) {
    reason = e.what();
    blame = e.blame;
  } catch (const std::exception& e) {
    reason = without_stack(e.what());
    if (reason.empty()) reason = "an exception without a text";
    if (is_out_of_memory(reason)) blame = sweep::Blame::kMemory;
  }
  if (!kept.empty()) link.trained(running, kept);
  if (!unkept.empty()) link.cannot_keep(unkept);
  if (!reason.empty() && running->stop == Stop::kNo) {
    spdlog::error("a pack of {} failed: {}", pack.trials.size(), reason);
    for (std::size_t i = kept.size(); i < running->attempts.size(); ++i) {
      link.failed(running->attempts[i], blame, reason);
    }
  }
  link.ended(running);
}

}  // namespace

int Ending::exit_code() const {
  if (how == How::kFenced) return EX_TEMPFAIL;
  return how == How::kRefused || how == How::kSpoolFailed ? 1 : 0;
}

Ending serve(const LinkOptions& options, const TrainPack& train) {
  const std::string instance = protocol::random_instance();
  Spool spool(options.spool, instance);
  PackQueue queue;
  Link link(options, queue, spool, instance);
  std::exception_ptr broken;
  std::thread thread([&] {
    try {
      link.run();
    } catch (...) {
      broken = std::current_exception();
      queue.close();
    }
  });
  while (const PackPtr pack = queue.pop()) train_one(pack, train, spool, link);
  link.close();
  thread.join();
  if (broken) std::rethrow_exception(broken);
  return link.ending();
}

}  // namespace medley::worker
