#include "worker/connection.h"

#include <utility>

#include "worker/protocol/codec.h"
#include "worker/protocol/frames_to_write.h"

namespace medley::worker {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

Connection::Connection(asio::io_context& io, const protocol::Token& token, Callbacks callbacks)
    : resolver_(io), socket_(io), handshake_(token), callbacks_(std::move(callbacks)) {}

void Connection::open(const std::string& host, std::uint16_t port) {
  const auto self = shared_from_this();
  resolver_.async_resolve(host, std::to_string(port),
                          [this, self, host](error_code error, const tcp::resolver::results_type& found) {
                            if (closed_) return;
                            if (error) return lost(Fault::kNetwork, "resolving " + host + ": " + error.message());
                            asio::async_connect(socket_, found, [this, self](error_code e, const tcp::endpoint&) {
                              if (closed_) return;
                              if (e) return lost(Fault::kNetwork, e.message());
                              taken_ = true;
                              shake_hands();
                            });
                          });
}

void Connection::shake_hands() {
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  read_into(asio::buffer(challenge_), [this] {
    response_ = handshake_.respond(challenge_);
    asio::async_write(socket_, asio::buffer(response_),
                      [this, self = shared_from_this()](error_code error, std::size_t) {
                        if (error && !closed_) lost(Fault::kNetwork, error.message());
                      });
    read_into(asio::buffer(byte_, 1), [this] {
      if (protocol::ClientHandshake::bytes_after(byte_[0]) == 1) return read_refusal();
      read_into(asio::buffer(proof_), [this] {
        if (!handshake_.proves(proof_)) throw protocol::Error("the coordinator does not know the token");
        callbacks_.proven();
        read_frame();
      });
    });
  });
}

void Connection::read_refusal() {
  read_into(asio::buffer(byte_, 1), [this] {
    body_.resize(byte_[0]);
    read_into(asio::buffer(body_), [this] {
      lost(Fault::kRefused, "the coordinator refused: " + protocol::sendable_text({body_.begin(), body_.end()}));
    });
  });
}

void Connection::read_frame() {
  read_into(asio::buffer(byte_), [this] {
    body_.resize(protocol::decode_length(byte_));
    read_into(asio::buffer(body_), [this] {
      callbacks_.received(protocol::decode(body_));
      if (!closed_) read_frame();
    });
  });
}

/// Reads all of `buffer`, then calls `next`; what it throws about the peer ends the connection.
template <class Buffer, class Next>
void Connection::read_into(const Buffer& buffer, Next next) {
  asio::async_read(socket_, buffer, [this, self = shared_from_this(), next](error_code error, std::size_t) {
    if (closed_) return;
    if (error) return lost(Fault::kNetwork, error.message());
    try {
      next();
    } catch (const protocol::Error& e) {
      lost(Fault::kPeer, e.what());
    }
  });
}

void Connection::send(const protocol::Message& message) {
  outbox_.push_back(protocol::encode_frame(message));
  if (outbox_.size() > 1) return;
  // What follows in this turn, the other results of a pack, goes with it.
  asio::post(socket_.get_executor(), [this, self = shared_from_this()] {
    if (!closed_) write_next();
  });
}

void Connection::write_next() {
  const std::vector<asio::const_buffer> frames = protocol::frames_to_write(outbox_);
  asio::async_write(socket_, frames, [this, self = shared_from_this(), sent = frames.size()](error_code error, auto) {
    if (closed_) return;
    if (error) return lost(Fault::kNetwork, error.message());
    outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(sent));
    if (!outbox_.empty()) return write_next();
    if (close_when_sent_) finish();
  });
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  error_code ignored;
  resolver_.cancel();
  socket_.shutdown(tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

void Connection::close_when_sent() {
  close_when_sent_ = true;
  if (outbox_.empty()) finish();
}

/// Shuts sending down, and reads on until the peer closes. Closing with unread bytes would make the system discard
/// bytes that are still on their way, including the goodbye.
void Connection::finish() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void Connection::lost(Fault fault, const std::string& why) { callbacks_.lost(fault, why); }

}  // namespace medley::worker
