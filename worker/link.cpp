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
#include "worker/outbox.h"
#include "worker/pack_queue.h"
#include "worker/protocol/codec.h"

namespace medley::worker {
namespace asio = boost::asio;
using boost::system::error_code;
using protocol::AttemptId;
using protocol::Message;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

/// A host that takes connections has a coordinator, which may stand still. It is waited for this number of fencing
/// times.
constexpr int kPatience = 10;

/// The link's thread: connection, heartbeats, spool. All but the pack queue runs there.
class Link {
 public:
  Link(const LinkOptions& options, PackQueue& queue, Spool& spool, std::string instance)
      : options_(options), queue_(queue), outbox_(spool), signals_(io_), timer_(io_), retry_timer_(io_) {
    hello_ = options.identity;
    hello_.instance = std::move(instance);
    fencing_ = options.first_contact;
    retry_ = options.first_retry;
    last_heard_ = Clock::now();
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
  void measured(const AttemptId& attempt, int trials) {
    asio::post(io_, [this, attempt, trials] {
      if (connected()) connection_->send(protocol::PackSize{attempt, trials});  // else with the next pack
    });
  }
  /// Where the spool cannot keep a result the worker leaves: what it would train now would be lost as well. Its goodbye
  /// cancels its attempts, which costs no retry.
  void ended(const PackPtr& pack, const Trained& trained) {
    asio::post(io_, [this, pack, trained] {
      outbox_.ended(pack, trained);
      if (!trained.unkept.empty()) end(Ending::How::kSpoolFailed, protocol::sendable_text(trained.unkept));
      deliver();
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
      hello_.held = outbox_.held();
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
    outbox_.disconnected();
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
    outbox_.take_over_abandoned();
    last_look_ = Clock::now();
    deliver();
  }

  void on(const protocol::Assign& m) {
    if (!welcomed_) throw protocol::Error("assigned before welcomed");
    if (ending_ || draining_) return;  // the goodbye cancels it, which costs no retry
    if (const PackPtr pack = outbox_.assign(m, checkpoint_folder_)) queue_.push(pack);
    deliver();
  }

  void on(const protocol::Cancel& m) {
    outbox_.cancel(m);
    deliver();
  }

  void on(const protocol::Alive&) {}

  void on(const protocol::ResultReceived& m) {
    outbox_.answered(m.attempt);
    deliver();
  }

  void on(const protocol::Drain&) {
    if (!draining_) spdlog::info("draining: the running pack is the last");
    draining_ = true;
    leave_if_done();
  }

  void on(const protocol::Dismiss& m) {
    if (!welcomed_) return end(Ending::How::kRefused, "the coordinator refused: " + m.reason);
    spdlog::info("dismissed: {}", m.reason);
    dismissed_ = m.reason;
    draining_ = true;
    outbox_.stop(Stop::kSave);
    leave_if_done();
  }

  // Messages that only workers send.
  template <class M>
  void on(const M& m) {
    throw protocol::Error(std::string("a coordinator sent '") + protocol::message_name(Message(m)) + "'");
  }

  // ---- What goes to the coordinator -----------------------------------------------------------------------------

  /// As the other side takes it: a clock of the system's that jumped must not cost the connection.
  std::optional<sweep::Usage> usage() const {
    if (!options_.usage) return std::nullopt;
    sweep::Usage usage = options_.usage();
    usage.cpu = std::min<double>(std::max(0.0, usage.cpu), protocol::kMaxCores);
    return usage;
  }

  /// Sends what is due, and leaves if nothing is left that keeps it.
  void deliver() {
    if (connected()) {
      for (const Message& message : outbox_.due()) connection_->send(message);
    }
    leave_if_done();
  }

  // ---- Time -----------------------------------------------------------------------------------------------------

  void tick() {
    const auto now = Clock::now();
    if (connection_ && connection_->taken()) last_taken_ = connection_->started();
    const bool may_stand_still = ever_welcomed_ && now - last_heard_ < kPatience * fencing_;
    const auto last_sign = may_stand_still ? std::max(last_heard_, last_taken_) : last_heard_;
    if (now - last_sign > fencing_ && !ending_) {
      end(Ending::How::kFenced,
          "no word from the coordinator at " + options_.host + ":" + std::to_string(options_.port) + " for " +
              std::to_string(std::chrono::duration_cast<milliseconds>(now - last_heard_).count()) + " ms");
    }
    if (connection_ && !connection_->closed()) {
      // A cut network gives no error: without an answer for a few heartbeats the connection is closed.
      const auto silent = now - std::max(last_heard_, connection_->started());
      if (silent > std::max<Clock::duration>(5 * heartbeat_, std::chrono::seconds(5))) {
        // A coordinator that stands still finds the next one when it continues.
        if (connection_->taken()) retry_ = options_.first_retry;
        lost("it is silent");
      }
    }
    if (connected() && now - last_beat_ >= heartbeat_) {
      last_beat_ = now;
      connection_->send(protocol::Heartbeat{outbox_.held(), usage(), outbox_.new_epochs()});
      if (now - last_look_ > std::chrono::seconds(10)) {
        last_look_ = now;
        outbox_.take_over_abandoned();
        deliver();
      }
    }
    for (const PackPtr& pack : outbox_.packs()) {
      if (pack->stop != Stop::kNo && !pack->stop_since) pack->stop_since = now;
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

  void leave_if_done() {
    if (!draining_ || ending_ || !outbox_.empty()) return;
    if (dismissed_) return end(Ending::How::kDismissed, *dismissed_);
    end(Ending::How::kDrained, "drained");
  }

  void end(Ending::How how, const std::string& reason) {
    if (ending_) return;
    ending_ = Ending{how, reason};
    const bool cut_off = how == Ending::How::kFenced || how == Ending::How::kRefused;
    outbox_.stop(cut_off ? Stop::kAbandon : Stop::kSave);
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
  Outbox outbox_;
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
  Clock::time_point last_taken_;  ///< when a connection was opened that a host took
  Clock::time_point last_beat_;
  Clock::time_point last_look_;

  bool draining_ = false;
  std::optional<std::string> dismissed_;
  std::optional<Ending> ending_;
  bool goodbye_said_ = false;
  Clock::time_point goodbye_deadline_;
};

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
  while (const PackPtr pack = queue.pop()) {
    const auto measured = [&](int trials) { link.measured(pack->attempts.front(), trials); };
    link.ended(pack, train_and_keep(*pack, train, spool, measured));
  }
  link.close();
  thread.join();
  if (broken) std::rethrow_exception(broken);
  return link.ending();
}

}  // namespace medley::worker
