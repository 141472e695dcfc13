// With client.cpp the only file that knows cpp-httplib (0.11 to 0.18). It adds the limits that the library lacks. The
// library reads header lines of any length, so our own stream counts bytes and time. It keeps a thread for an idle
// connection, so every connection serves one request. It multiplies a body by its Range header, so ranges are dropped.
#include "web/server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <httplib.h>
#include <netdb.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include "web/access.h"
#include "web/priority.h"
#include "web/responses.h"
#include "web/site.h"

namespace medley::web {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kThreads = 8;
constexpr std::size_t kMaxWaiting = 64;              ///< connections; more are sent away with 503
constexpr std::size_t kMaxRequestBytes = 128 << 10;  ///< request line, headers and body together
constexpr std::size_t kMaxBodyBytes = 64 << 10;
constexpr std::size_t kMaxTarget = 2048;
constexpr std::size_t kMaxHeaders = 64;

/// What the client says under Accept-Encoding, which is taken from the library: it would compress on its own, assets
/// that are compressed already too.
constexpr const char* kAccepted = "Medley-Accepted-Encoding";

/// Set in the accepting thread while it sends a connection away.
thread_local bool sending_away = false;

/// Of httplib::TaskQueue::enqueue(): void, and bool from 0.15 on.
using Enqueued = decltype(std::declval<httplib::TaskQueue&>().enqueue({}));

/// A fixed number of threads and a bounded queue; a connection that finds it full is answered 503 at once.
class Pool : public httplib::TaskQueue {
 public:
  Pool() {
    for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
  }

  Enqueued enqueue(std::function<void()> task) override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (tasks_.size() < kMaxWaiting) {
        tasks_.push_back(std::move(task));
        wake_.notify_one();
        return Enqueued(true);
      }
    }
    sending_away = true;
    task();
    sending_away = false;
    return Enqueued(true);
  }

  void shutdown() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void work() {
    give_way();
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool ending_ = false;
};

/// One connection, bounded in bytes read and in time of reading and of sending. Does not own the socket.
class Connection : public httplib::Stream {
 public:
  Connection(int socket, const std::atomic<bool>& ending, std::chrono::milliseconds time)
      : socket_(socket), ending_(ending), time_(time), deadline_(Clock::now() + time) {}

  bool is_readable() const override { return begin_ < end_ || wait(POLLIN); }
  bool is_writable() const override { return wait(POLLOUT); }

  ssize_t read(char* to, std::size_t size) override {
    if (begin_ == end_) {
      if (received_ >= kMaxRequestBytes || !wait(POLLIN)) return -1;
      const ssize_t got = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
      if (got <= 0) return got;
      received_ += static_cast<std::size_t>(got);
      begin_ = 0;
      end_ = static_cast<std::size_t>(got);
    }
    const std::size_t count = std::min(size, end_ - begin_);
    std::memcpy(to, buffer_.data() + begin_, count);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* from, std::size_t size) override {
    // Making the answer may have taken long (a dataset that had to be read): sending it has time of its own.
    if (!std::exchange(answering_, true)) deadline_ = Clock::now() + time_;
    if (!wait(POLLOUT)) return -1;
    return ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    port = 0;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    std::array<char, NI_MAXHOST> text{};
    if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        ::getnameinfo(reinterpret_cast<sockaddr*>(&peer), size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) ==
            0) {
      ip = text.data();
    }
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override { ip.clear(), port = 0; }
  socket_t socket() const override { return socket_; }

 private:
  /// False when the time is over or the server ends.
  bool wait(short event) const {
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      if (left <= 0 || ending_) return false;
      pollfd waiting{socket_, event, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<long long>(left, 200)));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

  int socket_;
  const std::atomic<bool>& ending_;
  const std::chrono::milliseconds time_;
  Clock::time_point deadline_;
  std::array<char, 4096> buffer_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t received_ = 0;
  bool answering_ = false;
};

/// httplib's parser and writer over our own connections, one request each.
class Listener : public httplib::Server {
 public:
  std::atomic<bool> ending{false};
  std::chrono::milliseconds connection_time{};

 private:
  /// process_request() of httplib: from 0.17 on it is told the addresses, and no longer asks the connection.
  template <class Self, class Prepare>
  static auto serve(Self& self, Connection& connection, bool& closed, const Prepare& prepare, std::nullptr_t)
      -> decltype(self.process_request(connection, true, closed, prepare)) {
    return self.process_request(connection, true, closed, prepare);
  }
  template <class Self, class Prepare>
  static bool serve(Self& self, Connection& connection, bool& closed, const Prepare& prepare, const void*) {
    std::string peer;
    int port = 0;
    connection.get_remote_ip_and_port(peer, port);
    return self.process_request(connection, peer, port, "", 0, true, closed, prepare);
  }

  bool process_and_close_socket(socket_t socket) override {
    if (sending_away) {
      static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
      (void)::send(socket, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else {
      Connection connection(socket, ending, connection_time);
      bool closed = false;
      const auto prepare = [](httplib::Request& request) {
        request.ranges.clear();
        request.headers.erase(kAccepted);
        request.headers.emplace(kAccepted, request.get_header_value("Accept-Encoding"));
        request.headers.erase("Accept-Encoding");
      };
      serve(*this, connection, closed, prepare, nullptr);
    }
    // Let the client read the answer before unread bytes of its own turn the close into a reset.
    ::shutdown(socket, SHUT_WR);
    std::array<char, 4096> rest{};
    for (int i = 0; i < 16 && ::recv(socket, rest.data(), rest.size(), MSG_DONTWAIT) > 0; ++i) {
    }
    ::close(socket);
    return true;
  }
};

std::string lower(std::string text) {
  for (char& c : text) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

std::vector<std::string> lower_all(std::vector<std::string> texts) {
  for (std::string& text : texts) text = lower(std::move(text));
  return texts;
}

/// The request in our types, or the answer to one whose form is refused.
std::optional<Response> take(const httplib::Request& from, Request& to) {
  if (from.target.size() > kMaxTarget) return error_response(414, "The address is too long.");
  if (from.headers.size() > kMaxHeaders) return error_response(431, "The request has too many headers.");
  if (from.path.find('\0') != std::string::npos) return error_response(400, "The address holds a zero byte.");
  to.method = from.method;
  to.path = from.path;
  to.peer = from.remote_addr;
  for (const auto& [name, value] : from.params) to.query.emplace(name, value);
  for (const auto& [name, value] : from.headers) {
    const auto [at, added] = to.headers.emplace(name == kAccepted ? "accept-encoding" : lower(name), value);
    static const std::array<const char*, 6> once{"host",   "content-length", "authorization",
                                                 "origin", "cookie",         "sec-fetch-site"};
    if (!added && std::find(once.begin(), once.end(), at->first) != once.end()) {
      return error_response(400, fmt::format("The header {} is there twice.", at->first));
    }
  }
  if (to.headers.count("transfer-encoding")) {
    return error_response(411, "Transfer-Encoding is not supported: send a Content-Length.");
  }
  if (to.method != "GET" && to.method != "HEAD" && to.method != "POST" && to.method != "DELETE") {
    Response response = error_response(405, "Only GET, HEAD, POST and DELETE are served.");
    response.headers.emplace_back("Allow", "GET, HEAD, POST, DELETE");
    return response;
  }
  const std::string length = to.header("content-length");
  if (length.size() > 8 || !std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
      (!length.empty() && std::stoul(length) > kMaxBodyBytes)) {
    return error_response(413, fmt::format("A body may have at most {} bytes.", kMaxBodyBytes));
  }
  return std::nullopt;
}

void send(Response response, httplib::Response& to) {
  secure(response);
  to.status = response.status;
  to.body = std::move(response.body);
  if (!response.type.empty()) to.set_header("Content-Type", response.type);
  for (const auto& [name, value] : response.headers) to.set_header(name, value);
}

}  // namespace

struct Server::State {
  State(Options given, Control* control)
      : options(std::move(given)),
        access{is_loopback(options.address), options.token, options.read_token, lower_all(options.hosts)},
        site(options.store, control, access) {}

  Response answer(const Request& request) {
    const Needs needs = needs_of(request);
    if (std::optional<Response> refusal = access.refuse(request, needs)) return *std::move(refusal);
    Response response = site.handle(request);
    if (needs == Needs::kChange || needs == Needs::kSession) {
      spdlog::info("{}", audit_line(access, request, response.status));
    }
    return response;
  }

  Options options;
  Access access;
  Site site;
  Listener listener;
  std::thread thread;
  int port = 0;
};

Server::Server(Options options, Control* control) : state_(std::make_unique<State>(std::move(options), control)) {
  const Access& access = state_->access;
  if (!access.loopback && access.token.empty() && access.read_token.empty()) {
    throw Error(fmt::format("Listening on {} lets other machines in: give a token too, or use 127.0.0.1.",
                            state_->options.address));
  }
  if (!access.token.empty() && access.token == access.read_token) {
    throw Error("The token for reads must not be the token for changes.");
  }
  for (const std::string& host : access.hosts) {
    if (host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-:[]") != std::string::npos || host.empty()) {
      throw Error(fmt::format("'{}' is no NAME or NAME:PORT of a host.", host));
    }
  }
  State& state = *state_;
  state.listener.connection_time = state.options.connection_time;
  state.listener.new_task_queue = [] { return new Pool; };  // httplib deletes it
  state.listener.set_payload_max_length(kMaxBodyBytes);
  // httplib's default shares a port with another server (SO_REUSEPORT); a port in use must be an error.
  state.listener.set_socket_options([](socket_t socket) {
    const int yes = 1;
    (void)::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  state.listener.set_pre_routing_handler([&state](const httplib::Request& from, httplib::Response& to) {
    Request request;
    std::optional<Response> response = take(from, request);
    // The library reads a body without a length until the client closes: there is none (RFC 9112, 6.3).
    const bool has_body = request.method == "POST" && from.has_header("Content-Length");
    if (!response && has_body) return httplib::Server::HandlerResponse::Unhandled;  // read it
    send(response ? *std::move(response) : state.answer(request), to);
    return httplib::Server::HandlerResponse::Handled;
  });
  state.listener.Post("/[a-z0-9/-]*", [&state](const httplib::Request& from, httplib::Response& to) {
    Request request;
    std::optional<Response> response = take(from, request);
    request.body = from.body;
    send(response ? *std::move(response) : state.answer(request), to);
  });
  // Answers that httplib makes by itself (400, 404 of a POST, 413, 414) look like ours.
  state.listener.set_error_handler([](const httplib::Request&, httplib::Response& to) {
    if (to.body.empty()) send(error_response(to.status, "The request was refused."), to);
  });
  state.listener.set_exception_handler(
      [](const httplib::Request&, httplib::Response& to, std::exception_ptr) {  // NOLINT(performance-*)
        send(error_response(500, "The server could not answer this request."), to);
      });
}

Server::~Server() { stop(); }

void Server::start() {
  State& state = *state_;
  errno = 0;
  const bool bound = state.options.port == 0
                         ? (state.port = state.listener.bind_to_any_port(state.options.address)) > 0
                         : state.listener.bind_to_port(state.options.address, state.port = state.options.port);
  if (!bound) {
    const int reason = errno;
    throw Error(fmt::format(
        "The dashboard cannot listen on {} port {}{}{}; choose another with --port, or --port 0 for "
        "any that is free.",
        state.options.address, state.options.port, reason == 0 ? "" : ": ", reason == 0 ? "" : std::strerror(reason)));
  }
  state.thread = std::thread([&state] { state.listener.listen_after_bind(); });
  while (!state.listener.is_running()) std::this_thread::yield();
}

std::string Server::url() const {
  const std::string& address = state_->options.address;
  const Access& access = state_->access;
  const std::string& token = access.token.empty() ? access.read_token : access.token;
  const std::string host = address.find(':') == std::string::npos ? address : "[" + address + "]";
  return fmt::format("http://{}:{}/{}{}", host, state_->port, token.empty() ? "" : "#token=", token);
}

int Server::port() const { return state_->port; }

void Server::stop() {
  if (!state_->thread.joinable()) return;
  state_->listener.ending = true;
  state_->listener.stop();
  state_->thread.join();
}

}  // namespace medley::web
