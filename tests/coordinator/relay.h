#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <stdexcept>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace medley::tests {

/// A network between a worker and a coordinator of this host, which can be cut: what was on its way waits, and nobody
/// is told. One thread of its own.
class Relay {
 public:
  /// `target_port` is asked for every new connection: a coordinator may come back elsewhere. 0: nobody listens.
  explicit Relay(std::function<int()> target_port) : target_port_(std::move(target_port)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 16) != 0 || getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no relay");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Relay() {
    ends_ = true;
    thread_.join();
    close(listener_);
    for (const Pair& pair : pairs_) hang_up(pair);
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  int port() const { return port_; }
  void cut() { cut_ = true; }
  void heal() { cut_ = false; }
  /// Both ends see their connections closed.
  void sever() { sever_ = true; }

 private:
  struct Pair {
    int worker, coordinator;
  };

  static sockaddr_in loopback(int port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
  }
  static void hang_up(const Pair& pair) {
    close(pair.worker);
    close(pair.coordinator);
  }

  void accept_one() {
    const int worker = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (worker < 0) return;
    const int coordinator = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_port_());
    if (connect(coordinator, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return hang_up({worker, coordinator});
    }
    pairs_.push_back({worker, coordinator});
  }

  /// False: the connection is over.
  static bool pass(int from, int to) {
    char bytes[65536];
    const ssize_t got = recv(from, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    for (ssize_t sent = 0; sent < got;) {
      const ssize_t n = send(to, bytes + sent, static_cast<std::size_t>(got - sent), MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += n;
    }
    return true;
  }

  void run() {
    while (!ends_) {
      if (sever_.exchange(false)) {
        for (const Pair& pair : pairs_) hang_up(pair);
        pairs_.clear();
      }
      if (cut_) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      std::vector<pollfd> watched = {{listener_, POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        watched.push_back({pair.worker, POLLIN, 0});
        watched.push_back({pair.coordinator, POLLIN, 0});
      }
      if (poll(watched.data(), watched.size(), 10) <= 0) continue;
      std::size_t at = 1;
      for (auto it = pairs_.begin(); it != pairs_.end(); at += 2) {
        const bool alive = (!watched[at].revents || pass(it->worker, it->coordinator)) &&
                           (!watched[at + 1].revents || pass(it->coordinator, it->worker));
        if (!alive) hang_up(*it);
        it = alive ? std::next(it) : pairs_.erase(it);
      }
      if (watched[0].revents) accept_one();
    }
  }

  std::function<int()> target_port_;
  int listener_ = -1;
  int port_ = 0;
  std::list<Pair> pairs_;
  std::atomic<bool> ends_{false}, cut_{false}, sever_{false};
  std::thread thread_;
};

}  // namespace medley::tests
