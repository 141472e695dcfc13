#include "worker/protocol/handshake.h"

#include <algorithm>
#include <cassert>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"

namespace medley::protocol {
namespace {

constexpr std::uint8_t kMagic[4] = {'M', 'D', 'L', 'Y'};
constexpr char kDigits[] = "0123456789abcdef";

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

Bytes32 prove(const Token& token, const std::string& role, std::uint16_t version, const Bytes32& coordinator,
              const Bytes32& worker) {
  std::string text = role;
  text += static_cast<char>(version >> 8);
  text += static_cast<char>(version & 255);
  text.append(coordinator.begin(), coordinator.end());
  text.append(worker.begin(), worker.end());
  Bytes32 proof{};
  unsigned size = 0;
  if (!HMAC(EVP_sha256(), token.secret.data(), static_cast<int>(token.secret.size()),
            reinterpret_cast<const unsigned char*>(text.data()), text.size(), proof.data(), &size)) {
    throw Error("HMAC-SHA256 is not available");
  }
  assert(size == proof.size());
  return proof;
}

bool same(const Bytes32& a, const std::uint8_t* b) { return CRYPTO_memcmp(a.data(), b, a.size()) == 0; }

template <std::size_t N>
void put_head(std::array<std::uint8_t, N>& bytes, std::uint16_t version, const Bytes32& nonce) {
  std::copy(std::begin(kMagic), std::end(kMagic), bytes.begin());
  bytes[4] = static_cast<std::uint8_t>(version >> 8);
  bytes[5] = static_cast<std::uint8_t>(version & 255);
  std::copy(nonce.begin(), nonce.end(), bytes.begin() + 6);
}

std::vector<std::uint8_t> refusal(const std::string& reason) {
  const std::size_t size = std::min(reason.size(), kMaxRefusalBytes);
  std::vector<std::uint8_t> answer = {0, static_cast<std::uint8_t>(size)};
  answer.insert(answer.end(), reason.begin(), reason.begin() + static_cast<std::ptrdiff_t>(size));
  return answer;
}

}  // namespace

Bytes32 random_bytes() {
  Bytes32 bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw Error("no random numbers");
  return bytes;
}

Token random_token() { return {hex(random_bytes().data(), 32)}; }

std::string random_instance() { return hex(random_bytes().data(), 16); }

Token read_token(const std::filesystem::path& path) {
  std::string secret = files::rethrow_as<Error>([&] { return files::read_private(path); });
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.size() != 64 || secret.find_first_not_of(kDigits) != std::string::npos) {
    throw Error("token file " + path.string() + " does not hold 64 hexadecimal digits");
  }
  return {secret};
}

Token read_or_create_token(const std::filesystem::path& path) {
  // Of two that make it at once the first wins, and both read its token.
  if (!std::filesystem::exists(path)) {
    files::rethrow_as<Error>([&] {
      files::create(path, random_token().secret + "\n", files::Durability::kDurable, files::Access::kPrivate);
    });
  }
  return read_token(path);
}

ServerHandshake::ServerHandshake(Token token, std::uint16_t version)
    : token_(std::move(token)), version_(version), nonce_(random_bytes()) {}

std::array<std::uint8_t, kChallengeBytes> ServerHandshake::challenge() const {
  std::array<std::uint8_t, kChallengeBytes> bytes{};
  put_head(bytes, version_, nonce_);
  return bytes;
}

ServerHandshake::Verdict ServerHandshake::judge(const std::array<std::uint8_t, kResponseBytes>& response) const {
  Verdict verdict;
  const int version = response[4] << 8 | response[5];
  Bytes32 worker{};
  std::copy_n(response.begin() + 6, 32, worker.begin());
  if (!std::equal(std::begin(kMagic), std::end(kMagic), response.begin())) {
    verdict.reason = "this is not a worker of Medley";
  } else if (version != version_) {
    verdict.reason = "the worker speaks protocol version " + std::to_string(version) + ", this coordinator " +
                     std::to_string(version_) + ": use the same release of Medley on both sides";
  } else if (!same(prove(token_, "medley worker", version_, nonce_, worker), response.data() + kChallengeBytes)) {
    verdict.reason = "wrong token: the worker's token file is not this coordinator's";
  } else {
    verdict.accepted = true;
    const Bytes32 proof = prove(token_, "medley coordinator", version_, nonce_, worker);
    verdict.answer.push_back(1);
    verdict.answer.insert(verdict.answer.end(), proof.begin(), proof.end());
    return verdict;
  }
  verdict.answer = refusal(verdict.reason);
  return verdict;
}

ClientHandshake::ClientHandshake(Token token, std::uint16_t version)
    : token_(std::move(token)), version_(version), nonce_(random_bytes()) {}

std::array<std::uint8_t, kResponseBytes> ClientHandshake::respond(
    const std::array<std::uint8_t, kChallengeBytes>& challenge) {
  if (!std::equal(std::begin(kMagic), std::end(kMagic), challenge.begin())) {
    throw Error("the peer is not a coordinator of Medley");
  }
  peer_version_ = static_cast<std::uint16_t>(challenge[4] << 8 | challenge[5]);
  std::copy_n(challenge.begin() + 6, 32, peer_nonce_.begin());
  std::array<std::uint8_t, kResponseBytes> bytes{};
  put_head(bytes, version_, nonce_);
  // With another version the coordinator refuses before it looks at the proof, and says so.
  const Bytes32 proof = prove(token_, "medley worker", version_, peer_nonce_, nonce_);
  std::copy(proof.begin(), proof.end(), bytes.begin() + kChallengeBytes);
  return bytes;
}

std::size_t ClientHandshake::bytes_after(std::uint8_t verdict) {
  if (verdict == 1) return 32;
  if (verdict == 0) return 1;
  throw Error("the peer is not a coordinator of Medley: verdict " + std::to_string(verdict));
}

bool ClientHandshake::proves(const Bytes32& proof) const {
  return peer_version_ == version_ &&
         same(prove(token_, "medley coordinator", version_, peer_nonce_, nonce_), proof.data());
}

}  // namespace medley::protocol
