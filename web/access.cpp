#include "web/access.h"

#include <cstddef>

#include "web/responses.h"

namespace medley::web {
namespace {

/// Takes as long for a wrong token as for the right one.
bool same(const std::string& a, const std::string& b) {
  unsigned difference = a.size() == b.size() ? 0u : 1u;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char other = b.empty() ? '\0' : b[i % b.size()];
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(other);
  }
  return difference == 0;
}

/// host of "host:port", "[::1]:port" or "host".
std::string host_name(const std::string& host) {
  if (!host.empty() && host.front() == '[') {
    const std::size_t end = host.find(']');
    return end == std::string::npos ? host : host.substr(1, end - 1);
  }
  return host.substr(0, host.find(':'));
}

std::string bearer(const Request& request) {
  static const std::string prefix = "Bearer ";
  const std::string value = request.header("authorization");
  return value.compare(0, prefix.size(), prefix) == 0 ? value.substr(prefix.size()) : "";
}

bool own_origin(const Request& request) {
  const std::string site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") return false;
  const std::string origin = request.header("origin");
  const std::string host = request.header("host");
  return origin.empty() || origin == "http://" + host || origin == "https://" + host;
}

Response without_token(const std::string& message) {
  Response response = error_response(401, message);
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

bool is_loopback(const std::string& address) {
  if (address == "localhost" || address == "::1") return true;
  // Numbers only: 127.0.0.1.evil.example is a name that anyone may own.
  return address.compare(0, 4, "127.") == 0 && address.find_first_not_of("0123456789.") == std::string::npos;
}

std::optional<Response> Access::refuse(const Request& request, Needs needs) const {
  if (loopback && !is_loopback(host_name(request.header("host")))) {
    return error_response(403,
                          "This server answers to localhost only. To reach it from elsewhere, tunnel the port "
                          "(ssh -L) or serve with an address and a token.");
  }
  if (needs == Needs::kChange) {
    if (!own_origin(request)) return error_response(403, "A page of another origin may not change anything here.");
    if (token.empty()) return error_response(403, "This server has no token, so nothing can be changed through it.");
    if (same(bearer(request), token)) return std::nullopt;
    return without_token("A change needs the token that the server printed.");
  }
  if (loopback || needs == Needs::kNothing) return std::nullopt;
  const std::string sent = bearer(request).empty() ? request.parameter("token") : bearer(request);
  if (!token.empty() && same(sent, token)) return std::nullopt;
  return without_token("Open the address that the server printed: it carries the token.");
}

void secure(Response& response) {
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("X-Frame-Options", "DENY");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

}  // namespace medley::web
