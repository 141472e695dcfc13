#include "coordinator/worker_server.h"

#include <algorithm>
#include <array>

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include "worker/protocol/codec.h"
#include "worker/protocol/frames_to_write.h"

namespace medley::coordinator {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using protocol::Message;
using Clock = std::chrono::steady_clock;

namespace {
constexpr std::size_t kMostFramesAtOnce = 64;  // of one connection, before others have their turn
constexpr std::size_t kMaxOutbox = 100'000;    // messages; a worker that takes none is closed long before
constexpr std::size_t kKeptDescriptors = 128;  // for the store, datasets, logs, workers of this host

constexpr rlim_t kMostDescriptors = 16'384;

/// Connections that this process may have, after it has asked for as many descriptors as it may have.
std::size_t affordable_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t had = limit.rlim_cur;
  // Not as many as there may be: programs that close all descriptors they could have would take minutes.
  limit.rlim_cur = std::max(had, std::min<rlim_t>(limit.rlim_max, kMostDescriptors));
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = had;
  const auto most = static_cast<std::size_t>(limit.rlim_cur);
  return most > 2 * kKeptDescriptors ? most - kKeptDescriptors : most / 2;
}
}  // namespace

struct WorkerServer::Session {
  Session(tcp::socket&& s, const protocol::Token& token)
      : socket(std::move(s)), timer(socket.get_executor()), handshake(token) {}
  tcp::socket socket;
  asio::steady_timer timer;
  protocol::ServerHandshake handshake;
  std::string peer;
  std::string worker;  ///< "" before its hello
  std::array<std::uint8_t, protocol::kChallengeBytes> challenge{};
  std::array<std::uint8_t, protocol::kResponseBytes> response{};
  std::vector<std::uint8_t> verdict;
  std::uint8_t head[4] = {};
  std::vector<std::uint8_t> body;
  std::deque<std::vector<std::uint8_t>> outbox;
  Clock::time_point deadline;
  bool authenticated = false;
  bool deaf = false;  ///< it takes nothing any more
  bool closed = false;
};

WorkerServer::WorkerServer(asio::io_context& io, Options options, protocol::Token token, Callbacks callbacks)
    : io_(io),
      options_(std::move(options)),
      token_(std::move(token)),
      callbacks_(std::move(callbacks)),
      acceptor_(io),
      accept_pause_(io) {
  options_.largest_crowd = std::min(options_.largest_crowd, affordable_connections());
  const std::string where = options_.address + ":" + std::to_string(options_.port);
  error_code error;
  const auto address = asio::ip::make_address(options_.address, error);
  if (error) throw Error("'" + options_.address + "' is not an IP address to listen on: " + error.message());
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error == asio::error::address_in_use) {
    throw Error("port " + std::to_string(options_.port) + " of " + options_.address +
                " is in use: is another coordinator running? Choose another port, or 0 for any");
  }
  if (error) throw Error("cannot listen on " + where + ": " + error.message());
  accept();
}

WorkerServer::~WorkerServer() { close(); }

std::uint16_t WorkerServer::port() const { return acceptor_.local_endpoint().port(); }

void WorkerServer::accept() {
  acceptor_.async_accept([this, alive = alive_](error_code error, tcp::socket socket) {
    if (!*alive || error == asio::error::operation_aborted) return;
    if (error) {
      // Out of descriptors, mostly: wait a little rather than spin.
      warn_now_and_then("cannot accept a connection: " + error.message());
      accept_pause_.expires_after(std::chrono::milliseconds(200));
      accept_pause_.async_wait([this, alive](error_code e) {
        if (*alive && !e) accept();
      });
      return;
    }
    if (unproven_.size() >= options_.largest_unproven) {
      warn_now_and_then("more than " + std::to_string(options_.largest_unproven) +
                        " connections have not proved the token: the oldest are closed");
      drop(SessionPtr(unproven_.front()), "another came");
    }
    if (sessions_.size() < options_.largest_crowd) {
      auto session = std::make_shared<Session>(std::move(socket), token_);
      error_code ignored;
      session->peer = session->socket.remote_endpoint(ignored).address().to_string();
      session->socket.set_option(tcp::no_delay(true), ignored);
      sessions_.insert(session);
      unproven_.push_back(session);
      challenge(session);
    } else {
      warn_now_and_then("more than " + std::to_string(options_.largest_crowd) + " connections: one was closed");
    }
    accept();
  });
}

void WorkerServer::challenge(const SessionPtr& session) {
  session->deadline = Clock::now() + options_.handshake_limit;
  watch(session);
  session->challenge = session->handshake.challenge();
  asio::async_write(session->socket, asio::buffer(session->challenge),
                    [this, session, alive = alive_](error_code error, std::size_t) {
                      if (*alive && !session->closed && error) drop(session, error.message());
                    });
  read_into(session, asio::buffer(session->response), [this, session] {
    const auto verdict = session->handshake.judge(session->response);
    session->verdict = verdict.answer;
    if (!verdict.accepted) spdlog::warn("refused a worker from {}: {}", session->peer, verdict.reason);
    asio::async_write(session->socket, asio::buffer(session->verdict),
                      [this, session, accepted = verdict.accepted, alive = alive_](error_code error, std::size_t) {
                        if (!*alive || session->closed) return;
                        if (error) return drop(session, error.message());
                        if (!accepted) {
                          // The peer reads the reason and closes; the deadline closes what does not.
                          session->body.resize(1);
                          read_into(session, asio::buffer(session->body),
                                    [this, session] { drop(session, "refused"); });
                          return;
                        }
                        session->authenticated = true;
                        unproven_.erase(std::remove(unproven_.begin(), unproven_.end(), session), unproven_.end());
                        read_frame(session);
                      });
  });
}

void WorkerServer::read_frame(const SessionPtr& session) {
  read_into(session, asio::buffer(session->head), [this, session] {
    session->body.resize(protocol::decode_length(session->head));
    read_into(session, asio::buffer(session->body), [this, session] {
      finish_frame(session);
      take_what_has_come(session);
      if (!session->closed) read_frame(session);
    });
  });
}

void WorkerServer::finish_frame(const SessionPtr& session) {
  Message message = protocol::decode(session->body);
  session->body = {};  // a result may have been large
  session->deadline = Clock::now() + options_.silence_limit;
  take(session, std::move(message));
}

/// Further frames that are here as a whole: the results of a pack are stored together.
void WorkerServer::take_what_has_come(const SessionPtr& session) {
  tcp::socket& socket = session->socket;
  for (std::size_t frame = 0; frame < kMostFramesAtOnce && !session->closed; ++frame) {
    error_code error;
    if (socket.available(error) < sizeof session->head || error) return;
    socket.receive(asio::buffer(session->head), tcp::socket::message_peek, error);
    if (error) return;
    const std::size_t length = protocol::decode_length(session->head);
    if (socket.available(error) < sizeof session->head + length || error) return;
    session->body.resize(length);
    asio::read(socket, std::array{asio::buffer(session->head), asio::buffer(session->body)}, error);
    if (error) return drop(session, error.message());
    finish_frame(session);
  }
}

void WorkerServer::take(const SessionPtr& session, Message&& message) {
  if (session->worker.empty()) {
    const auto* hello = std::get_if<protocol::Hello>(&message);
    if (!hello) throw protocol::Error(std::string("'") + protocol::message_name(message) + "' before hello");
    session->worker = hello->instance;
    const auto older = workers_.find(session->worker);
    if (older != workers_.end()) {
      const SessionPtr old = older->second;
      workers_.erase(older);
      old->worker.clear();  // no `lost`: it is here again
      drop(old, "it came back");
    }
    workers_[session->worker] = session;
    callbacks_.joined(*hello);
    return;
  }
  if (std::holds_alternative<protocol::Hello>(message)) throw protocol::Error("hello twice");
  if (message.index() >= Message(protocol::Welcome{}).index()) {
    throw protocol::Error(std::string("a worker sent '") + protocol::message_name(message) + "'");
  }
  callbacks_.received(session->worker, std::move(message));
}

template <class Buffer, class Next>
void WorkerServer::read_into(const SessionPtr& session, const Buffer& buffer, Next next) {
  asio::async_read(session->socket, buffer, [this, session, next, alive = alive_](error_code error, std::size_t) {
    if (!*alive || session->closed) return;
    if (error) return drop(session, error.message());
    try {
      next();
    } catch (const protocol::Error& e) {
      spdlog::warn("closed the connection from {}: {}", session->peer, e.what());
      drop(session, e.what());
    }
  });
}

void WorkerServer::send(const std::string& worker, const Message& message) {
  const auto it = workers_.find(worker);
  if (it == workers_.end()) return;
  const SessionPtr session = it->second;
  if (session->deaf) return;
  session->outbox.push_back(protocol::encode_frame(message));
  if (session->outbox.size() == 1) {
    // What follows in this turn, the answers to other results of a pack, goes with it.
    asio::post(io_, [this, session, alive = alive_] {
      if (*alive && !session->closed) write_next(session);
    });
  } else if (session->outbox.size() > kMaxOutbox) {
    // Not now: callers do not expect a callback from within send().
    asio::post(io_, [this, session, alive = alive_] {
      if (*alive && !session->closed) drop(session, "it does not read what it is sent");
    });
  }
}

void WorkerServer::write_next(const SessionPtr& session) {
  auto& outbox = session->outbox;
  const std::vector<asio::const_buffer> frames = protocol::frames_to_write(outbox);
  const auto sent = [this, session, &outbox, count = frames.size(), alive = alive_](error_code error, std::size_t) {
    if (!*alive || session->closed) return;
    if (error) {
      // What it said before it closed, a goodbye perhaps, is still to be read: the reader ends it.
      session->deaf = true;
      outbox.clear();
      return;
    }
    outbox.erase(outbox.begin(), outbox.begin() + static_cast<std::ptrdiff_t>(count));
    if (!outbox.empty()) write_next(session);
  };
  asio::async_write(session->socket, frames, sent);
}

/// Closes a connection whose peer lets its deadline pass.
void WorkerServer::watch(const SessionPtr& session) {
  session->timer.expires_at(session->deadline);
  session->timer.async_wait([this, session, alive = alive_](error_code error) {
    if (!*alive || session->closed || error) return;
    const auto now = Clock::now();
    if (now < session->deadline) return watch(session);
    if (now - session->deadline > options_.late) {  // what it said meanwhile is still to be read
      session->deadline = now + (session->authenticated ? options_.silence_limit : options_.handshake_limit);
      return watch(session);
    }
    drop(session, session->authenticated ? "it was silent for too long" : "it did not authenticate in time");
  });
}

void WorkerServer::drop(const SessionPtr& session, const std::string& why) {
  if (session->closed) return;
  session->closed = true;
  error_code ignored;
  session->socket.shutdown(tcp::socket::shutdown_both, ignored);
  session->socket.close(ignored);
  session->timer.cancel();
  sessions_.erase(session);
  unproven_.erase(std::remove(unproven_.begin(), unproven_.end(), session), unproven_.end());
  if (session->worker.empty()) return;
  workers_.erase(session->worker);
  callbacks_.lost(session->worker, why);
}

void WorkerServer::hang_up(const std::string& worker) {
  const auto it = workers_.find(worker);
  if (it != workers_.end()) drop(SessionPtr(it->second), "it left");
}

bool WorkerServer::connected(const std::string& worker) const { return workers_.count(worker) > 0; }

std::vector<std::string> WorkerServer::workers() const {
  std::vector<std::string> all;
  for (const auto& [worker, session] : workers_) all.push_back(worker);
  return all;
}

bool WorkerServer::flushed() const {
  return std::all_of(workers_.begin(), workers_.end(), [](const auto& w) { return w.second->outbox.empty(); });
}

void WorkerServer::close() {
  if (!*alive_) return;
  *alive_ = false;
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  for (const SessionPtr& session : sessions_) {
    session->closed = true;
    session->socket.close(ignored);
    session->timer.cancel();
  }
  sessions_.clear();
  unproven_.clear();
  workers_.clear();
}

/// Whoever knocks a thousand times shall not fill the log.
void WorkerServer::warn_now_and_then(const std::string& text) {
  constexpr std::chrono::seconds kPause{10};
  const auto now = Clock::now();
  if (last_warning_ != Clock::time_point() && now - last_warning_ < kPause) return;
  last_warning_ = now;
  spdlog::warn("{}", text);
}

}  // namespace medley::coordinator
