// Frames of the wire protocol, and what is said before them.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"
#include "worker/protocol/codec.h"
#include "worker/protocol/handshake.h"

namespace medley::fuzz {

void frames(const std::string& input) {
  protocol::Message message;
  try {
    message = protocol::decode({input.begin(), input.end()});
  } catch (const protocol::Error&) {
    return;
  }
  // Numbers that were not written in their shortest form change once, and the message never.
  const std::vector<std::uint8_t> body = protocol::encode(message);
  require(protocol::encode(protocol::decode(body)) == body, "a message came back as another");
  const std::vector<std::uint8_t> frame = protocol::encode_frame(message);
  require(protocol::decode_length({frame[0], frame[1], frame[2], frame[3]}) == body.size(),
          "a frame of another length");
  require(std::equal(body.begin(), body.end(), frame.begin() + 4, frame.end()), "a frame of another body");
}

namespace {

template <std::size_t N>
std::array<std::uint8_t, N> front_of(const std::string& input) {
  std::array<std::uint8_t, N> bytes{};
  std::copy_n(input.begin(), std::min(N, input.size()), bytes.begin());
  return bytes;
}

}  // namespace

void handshakes(const std::string& input) {
  static const protocol::Token token{std::string(64, 'a')};
  // A stranger does not know the token: no answer of his is accepted, and each is answered.
  const auto verdict = protocol::ServerHandshake(token).judge(front_of<protocol::kResponseBytes>(input));
  require(!verdict.accepted, "a stranger was accepted");
  require(!verdict.reason.empty() && verdict.answer.size() >= 2, "a refusal without a reason");
  try {
    protocol::ClientHandshake client(token);
    client.respond(front_of<protocol::kChallengeBytes>(input));
    require(!client.proves(front_of<32>(input)), "a stranger proved that he knows the token");
    if (!input.empty()) {
      require(protocol::ClientHandshake::bytes_after(static_cast<std::uint8_t>(input[0])) <= 32, "too long a verdict");
    }
  } catch (const protocol::Error&) {
  }
}

}  // namespace medley::fuzz
