#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include <boost/asio/buffer.hpp>

namespace medley::protocol {

/// The first frames of a queue, for one call of the system. They must stay where they are until it has ended.
inline std::vector<boost::asio::const_buffer> frames_to_write(const std::deque<std::vector<std::uint8_t>>& queue) {
  constexpr std::size_t kMost = 64;
  std::vector<boost::asio::const_buffer> buffers;
  for (auto frame = queue.begin(); frame != queue.end() && buffers.size() < kMost; ++frame) {
    buffers.push_back(boost::asio::buffer(*frame));
  }
  return buffers;
}

}  // namespace medley::protocol
