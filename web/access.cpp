#include "web/access.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "sweep/digest.h"
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

std::string lower(std::string text) {
  for (char& c : text) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

std::string bearer(const Request& request) {
  static const std::string prefix = "Bearer ";
  const std::string value = request.header("authorization");
  return value.compare(0, prefix.size(), prefix) == 0 ? value.substr(prefix.size()) : "";
}

/// Each token has a cookie of its own: browsers send the cookies of all ports of a host to each of them.
std::string cookie_name(const std::string& token) {
  return "medley-" + sweep::sha256_hex("name of the cookie of " + token).substr(0, 12);
}
std::string cookie_value(const std::string& token) { return sweep::sha256_hex("value of the cookie of " + token); }

/// The cookie's value, or "".
std::string cookie_in(const Request& request, const std::string& name) {
  const std::string all = request.header("cookie");
  for (std::size_t begin = 0; begin < all.size();) {
    const std::size_t end = std::min(all.find(';', begin), all.size());
    const std::size_t first = std::min(all.find_first_not_of(' ', begin), end);
    if (all.compare(first, name.size() + 1, name + "=") == 0) {
      return all.substr(first + name.size() + 1, end - first - name.size() - 1);
    }
    begin = end + 1;
  }
  return "";
}

/// `text` of a request for a line of a log.
std::string quoted(const std::string& text) {
  constexpr std::size_t kMost = 100;
  std::string made = "\"";
  for (const char c : text.substr(0, kMost)) made += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  return made + (text.size() > kMost ? "...\"" : "\"");
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

bool Access::is_allowed(const std::string& host) const {
  const std::string asked = lower(host);
  return std::any_of(hosts.begin(), hosts.end(),
                     [&](const std::string& one) { return asked == one || host_name(asked) == one; });
}

/// A browser says where a page comes from; programs do not. What a cookie allows, a page of ours must have asked.
bool Access::own_page(const Request& request) const {
  const std::string site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") return false;
  const std::string origin = request.header("origin");
  if (origin.empty()) return site == "same-origin" || !bearer(request).empty() || request.header("cookie").empty();
  const std::string host = request.header("host");
  if (origin == "http://" + host || origin == "https://" + host) return true;
  const std::string asked = lower(origin);
  return std::any_of(hosts.begin(), hosts.end(),
                     [&](const std::string& one) { return asked == "http://" + one || asked == "https://" + one; });
}

Grant Access::shown(const Request& request) const {
  const std::string sent = bearer(request);
  const auto shows = [&](const std::string& one) {
    if (one.empty()) return false;
    return sent.empty() ? same(cookie_in(request, cookie_name(one)), cookie_value(one)) : same(sent, one);
  };
  return shows(token) ? Grant::kControl : shows(read_token) ? Grant::kRead : Grant::kNothing;
}

Grant Access::grant(const Request& request) const {
  const bool here = loopback && is_loopback(host_name(request.header("host")));
  return std::max(shown(request), here ? Grant::kRead : Grant::kNothing);
}

std::optional<Response> Access::refuse(const Request& request, Needs needs) const {
  const std::string host = request.header("host");
  if (loopback && !is_loopback(host_name(host)) && !is_allowed(host)) {
    return error_response(403,
                          "This server answers to localhost only. To reach it from elsewhere, tunnel the port "
                          "(ssh -L), serve with an address and a token, or name a proxy's host by --allow-host.");
  }
  if (needs == Needs::kNothing) return std::nullopt;
  if (needs < Needs::kPlan && needs != Needs::kSession) {
    if (grant(request) != Grant::kNothing) return std::nullopt;
    return without_token("Give the token at the end of the address that the server printed.");
  }
  if (!own_page(request)) return error_response(403, "A page of another origin may not change anything here.");
  const Grant is = shown(request);
  if (needs == Needs::kSession) {
    if (is != Grant::kNothing) return std::nullopt;
    return without_token("This is not the token of this server.");
  }
  if (token.empty()) return error_response(403, "This server has no token, so nothing can be changed through it.");
  if (is == Grant::kControl) return std::nullopt;
  if (is == Grant::kRead) return error_response(403, "This token may read, and change nothing.");
  return without_token("A change needs the token that the server printed.");
}

std::string Access::cookie(const Request& request, bool ends) const {
  const std::string& of = shown(request) == Grant::kControl ? token : read_token;
  const bool encrypted = request.header("origin").compare(0, 8, "https://") == 0;
  return cookie_name(of) + "=" + (ends ? "; Max-Age=0" : cookie_value(of)) + "; HttpOnly; SameSite=Strict" +
         (encrypted ? "; Secure" : "");
}

std::string audit_line(const Access& access, const Request& request, int status) {
  const bool by_header = !request.header("authorization").empty();
  std::string line = fmt::format("{} {}: {}, by the {} token in {} from {}", request.method, quoted(request.path),
                                 status, name_of(access.grant(request)), by_header ? "a header" : "a cookie",
                                 request.peer.empty() ? "nowhere" : request.peer);
  for (const auto& [name, what] :
       {std::pair{"x-forwarded-for", "for"}, std::pair{"x-forwarded-user", "user"}, std::pair{"user-agent", "agent"}}) {
    const std::string said = request.header(name);
    if (!said.empty()) line += fmt::format(", {} {}", what, quoted(said));
  }
  return line;
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
