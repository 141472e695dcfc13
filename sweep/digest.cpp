#include "sweep/digest.h"

#include <new>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "sweep/error.h"

namespace medley::sweep {

namespace {

std::string hex_of(const std::array<unsigned char, 32>& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(md); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (context_->md == nullptr) throw std::bad_alloc();
  const auto begun = [&] { return EVP_DigestInit_ex(context_->md, EVP_sha256(), nullptr) == 1; };
  if (begun()) return;
  // The library also calls an algorithm unsupported when it had no memory to look for it.
  const bool unsupported = ERR_GET_REASON(ERR_get_error()) == ERR_R_UNSUPPORTED;
  if (unsupported && !begun()) throw Error("SHA-256 is not available");
  if (!unsupported) throw std::bad_alloc();
}

Sha256::~Sha256() = default;

void Sha256::add(const void* data, std::size_t size) { EVP_DigestUpdate(context_->md, data, size); }

std::array<unsigned char, 32> Sha256::bytes() {
  std::array<unsigned char, 32> bytes{};
  EVP_DigestFinal_ex(context_->md, bytes.data(), nullptr);
  return bytes;
}

void Sha256::restart() { EVP_DigestInit_ex(context_->md, nullptr, nullptr); }

std::string Sha256::hex() { return hex_of(bytes()); }

std::string sha256_hex(std::string_view text) {
  Sha256 sha;
  sha.add(text);
  return sha.hex();
}

std::string hmac_sha256_hex(std::string_view key, std::string_view text) {
  std::array<unsigned char, 32> bytes{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), bytes.data(), nullptr);
  return hex_of(bytes);
}

}  // namespace medley::sweep
