#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio.hpp>

#include "coordinator/error.h"
#include "worker/protocol/handshake.h"
#include "worker/protocol/message.h"

namespace medley::coordinator {

/// The coordinator's end of the workers' connections: accepts, authenticates, parses, bounds. Knows nothing of
/// scheduling. Owned by one thread, the one that runs `io`. Callbacks come on it, never from within a call of send().
class WorkerServer {
 public:
  struct Callbacks {
    /// First message of a connection that proved the token. A worker that was connected already has come back: its
    /// older connection is gone, without a `lost`.
    std::function<void(const protocol::Hello&)> joined;
    /// Any later message of it.
    std::function<void(const std::string& worker, protocol::Message&&)> received;
    std::function<void(const std::string& worker, const std::string& why)> lost;
  };
  struct Options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;            ///< 0: any that is free
    std::size_t largest_crowd = 4096;  ///< connections; one more is closed at once
    /// Connections that have not proved the token. One more closes the oldest of them, so that silent strangers cannot
    /// keep workers out.
    std::size_t largest_unproven = 256;
    std::chrono::milliseconds handshake_limit{5'000};
    /// A connection that says nothing for so long is closed; longer than a lease, which decides what it costs.
    std::chrono::milliseconds silence_limit{15'000};
    /// A deadline that is noticed so much later passed while this process stood still, and is set again.
    std::chrono::milliseconds late{1'000};
  };

  /// Throws Error naming the address and port when it cannot listen there.
  WorkerServer(boost::asio::io_context& io, Options options, protocol::Token token, Callbacks callbacks);
  ~WorkerServer();
  WorkerServer(const WorkerServer&) = delete;
  WorkerServer& operator=(const WorkerServer&) = delete;

  std::uint16_t port() const;
  /// No effect when it is not connected.
  void send(const std::string& worker, const protocol::Message& message);
  /// Closes its connection; `lost` comes.
  void hang_up(const std::string& worker);
  bool connected(const std::string& worker) const;
  std::vector<std::string> workers() const;
  /// Nothing waits to be written.
  bool flushed() const;
  /// Closes everything; no callback comes after it.
  void close();

 private:
  struct Session;
  using SessionPtr = std::shared_ptr<Session>;

  void accept();
  void challenge(const SessionPtr& session);
  void read_frame(const SessionPtr& session);
  void finish_frame(const SessionPtr& session);
  void take_what_has_come(const SessionPtr& session);
  void take(const SessionPtr& session, protocol::Message&& message);
  template <class Buffer, class Next>
  void read_into(const SessionPtr& session, const Buffer& buffer, Next next);
  void write_next(const SessionPtr& session);
  void drop(const SessionPtr& session, const std::string& why);
  void watch(const SessionPtr& session);
  void warn_now_and_then(const std::string& text);

  boost::asio::io_context& io_;
  Options options_;
  protocol::Token token_;
  Callbacks callbacks_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_pause_;
  std::set<SessionPtr> sessions_;
  std::vector<SessionPtr> unproven_;  ///< of them, the oldest first
  std::chrono::steady_clock::time_point last_warning_;
  std::map<std::string, SessionPtr> workers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< callbacks outlive *this when it is closed early
};

}  // namespace medley::coordinator
