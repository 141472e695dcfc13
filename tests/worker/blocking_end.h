#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include <boost/asio.hpp>
#include <poll.h>

#include "tests/support/patience.h"
#include "worker/protocol/codec.h"

namespace medley::protocol {

/// One end of a connection, for tests that play it word by word: blocking, with a limit on every wait.
class BlockingEnd {
 public:
  void send(const Message& message) { boost::asio::write(socket_, boost::asio::buffer(encode_frame(message))); }
  Message receive() {
    std::uint8_t head[4];
    read(head, 4);
    std::vector<std::uint8_t> body(decode_length(head));
    read(body.data(), body.size());
    return decode(body);
  }

 protected:
  BlockingEnd() : io_(std::make_unique<boost::asio::io_context>()), socket_(*io_) {}
  explicit BlockingEnd(boost::asio::ip::tcp::socket&& socket) : socket_(std::move(socket)) {}

  void read(std::uint8_t* to, std::size_t size) {
    while (size > 0) {
      pollfd wait{socket_.native_handle(), POLLIN, 0};
      if (poll(&wait, 1, test::kPatience * 5'000) != 1) throw std::runtime_error("the other end says nothing");
      const std::size_t n = socket_.read_some(boost::asio::buffer(to, size));
      to += n;
      size -= n;
    }
  }

 private:
  std::unique_ptr<boost::asio::io_context> io_;  ///< none: of who accepted the socket

 protected:
  boost::asio::ip::tcp::socket socket_;
};

}  // namespace medley::protocol
