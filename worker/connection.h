#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio.hpp>

#include "worker/protocol/handshake.h"
#include "worker/protocol/message.h"

namespace medley::worker {

/// A worker's end of one connection to the coordinator: resolves, connects, proves the token both ways, frames
/// messages. Knows nothing of packs. One thread, the one that runs `io`; lives in a shared_ptr.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum class Fault {
    kNetwork,  ///< nobody there, or it broke
    kPeer,     ///< what it sent is not what a coordinator sends
    kRefused,  ///< the coordinator refused us, with a reason
  };
  /// None comes after close().
  struct Callbacks {
    std::function<void()> proven;                                   ///< both know the token: say hello
    std::function<void(const protocol::Message&)> received;         ///< protocol::Error from it is a fault of the peer
    std::function<void(Fault fault, const std::string& why)> lost;  ///< it is of no use any more: close it
  };

  Connection(boost::asio::io_context& io, const protocol::Token& token, Callbacks callbacks);
  void open(const std::string& host, std::uint16_t port);

  void send(const protocol::Message& message);
  void close();
  /// Once everything given to send() is on its way, tells the peer that nothing more comes. `lost` comes when the peer
  /// has closed.
  void close_when_sent();
  bool closed() const { return closed_; }
  /// The other host answered, whether or not its process reads.
  bool taken() const { return taken_; }
  std::chrono::steady_clock::time_point started() const { return started_; }

 private:
  void shake_hands();
  void read_refusal();
  void read_frame();
  template <class Buffer, class Next>
  void read_into(const Buffer& buffer, Next next);
  void write_next();
  void finish();
  void lost(Fault fault, const std::string& why);

  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  protocol::ClientHandshake handshake_;
  Callbacks callbacks_;
  std::array<std::uint8_t, protocol::kChallengeBytes> challenge_{};
  std::array<std::uint8_t, protocol::kResponseBytes> response_{};
  std::uint8_t byte_[4] = {};
  protocol::Bytes32 proof_{};
  std::vector<std::uint8_t> body_;
  std::deque<std::vector<std::uint8_t>> outbox_;
  bool closed_ = false;
  bool taken_ = false;
  bool close_when_sent_ = false;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

}  // namespace medley::worker
