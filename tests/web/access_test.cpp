#include "web/access.h"

#include <string>

#include <gtest/gtest.h>

namespace medley::web {
namespace {

Request request(const std::string& method, const std::string& path, const std::string& host = "127.0.0.1:8642") {
  Request made;
  made.method = method;
  made.path = path;
  made.headers["host"] = host;
  return made;
}

std::optional<Response> refuse(const Access& access, const Request& request) {
  return access.refuse(request, needs_of(request));
}

int status_of(const std::optional<Response>& response) { return response ? response->status : 200; }

TEST(Access, LoopbackReadsNeedNoToken) {
  const Access access{true, "secret"};
  for (const char* host : {"127.0.0.1:8642", "localhost:9000", "[::1]:8642", "127.0.0.1"}) {
    EXPECT_EQ(status_of(refuse(access, request("GET", "/api/v1/sweeps", host))), 200) << host;
  }
}

TEST(Access, ForeignHostNameOnLoopbackIsRefusedAsRebinding) {
  const Access access{true, ""};
  for (const char* host : {"evil.example", "evil.example:8642", "127.0.0.1.evil.example", "", "[::1", "10.0.0.3"}) {
    EXPECT_EQ(status_of(refuse(access, request("GET", "/", host))), 403) << host;
  }
}

TEST(Access, BeyondLoopbackTheApiNeedsTheTokenButThePageAndHealthDoNot) {
  const Access access{false, "secret"};
  EXPECT_EQ(status_of(refuse(access, request("GET", "/", "big.example:8642"))), 200);
  EXPECT_EQ(status_of(refuse(access, request("GET", "/app.js", "big.example:8642"))), 200);
  EXPECT_EQ(status_of(refuse(access, request("GET", "/api/v1/healthz", "big.example:8642"))), 200);
  Request sweeps = request("GET", "/api/v1/sweeps", "big.example:8642");
  EXPECT_EQ(status_of(refuse(access, sweeps)), 401);
  for (const char* wrong :
       {"Bearer secre", "Bearer secretsecret", "Bearer ", "secret", "Basic secret", "Bearer SECRET"}) {
    sweeps.headers["authorization"] = wrong;
    EXPECT_EQ(status_of(refuse(access, sweeps)), 401) << wrong;
  }
  sweeps.headers["authorization"] = "Bearer secret";
  EXPECT_EQ(status_of(refuse(access, sweeps)), 200);
}

TEST(Access, AnAddressCarriesNoToken) {
  Request by_query = request("GET", "/api/v1/sweeps", "big.example:8642");
  by_query.query["token"] = "secret";
  EXPECT_EQ(status_of(refuse(Access{false, "secret"}, by_query)), 401);
}

TEST(Access, AnEmptyTokenNeverOpensAnything) {
  Request read = request("GET", "/api/v1/sweeps", "big.example");
  read.headers["authorization"] = "Bearer ";
  EXPECT_EQ(status_of(refuse(Access{false, ""}, read)), 401);
  Request change = request("POST", "/api/v1/sweeps/abcd/pause");
  change.headers["authorization"] = "Bearer ";
  EXPECT_EQ(status_of(refuse(Access{true, ""}, change)), 403);
}

TEST(Access, ChangesNeedATokenEvenOnLoopback) {
  const Access access{true, "secret"};
  Request change = request("POST", "/api/v1/sweeps/abcd/pause");
  EXPECT_EQ(status_of(refuse(access, change)), 401);
  change.query["token"] = "secret";  // a link or a form could carry it
  EXPECT_EQ(status_of(refuse(access, change)), 401);
  change.headers["authorization"] = "Bearer secret";
  EXPECT_EQ(status_of(refuse(access, change)), 200);
}

TEST(Access, ChangesFromAnotherOriginAreRefusedEvenWithTheToken) {
  const Access access{true, "secret"};
  Request change = request("POST", "/api/v1/sweeps/abcd/pause");
  change.headers["authorization"] = "Bearer secret";
  for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1"}) {
    change.headers["origin"] = origin;
    EXPECT_EQ(status_of(refuse(access, change)), 403) << origin;
  }
  change.headers["origin"] = "http://127.0.0.1:8642";
  EXPECT_EQ(status_of(refuse(access, change)), 200);
  change.headers["sec-fetch-site"] = "cross-site";
  EXPECT_EQ(status_of(refuse(access, change)), 403);
}

/// `request` as a browser that was given `cookie`, a Set-Cookie, sends it from a page of `site`.
Request with_cookie(Request request, const std::string& cookie, const std::string& site = "same-origin") {
  request.headers["cookie"] = "theme=dark; " + cookie.substr(0, cookie.find(';')) + "; other=1";
  request.headers["sec-fetch-site"] = site;
  return request;
}

Request with_token(Request request, const std::string& token) {
  request.headers["authorization"] = "Bearer " + token;
  return request;
}

TEST(Access, ALoginGivesACookieThatStandsForTheTokenAndDoesNotHoldIt) {
  const Access access{false, "secret", "readable"};
  const Request login = with_token(request("POST", "/api/v1/login", "big.example"), "secret");
  EXPECT_EQ(status_of(refuse(access, login)), 200);
  const std::string cookie = access.cookie(login, false);
  EXPECT_EQ(cookie.find("secret"), std::string::npos);
  EXPECT_NE(cookie.find("; HttpOnly"), std::string::npos) << cookie;
  EXPECT_NE(cookie.find("; SameSite=Strict"), std::string::npos) << cookie;
  EXPECT_EQ(cookie.find("Path"), std::string::npos) << cookie;
  EXPECT_EQ(cookie.find("Secure"), std::string::npos) << cookie;
  const Request change = request("POST", "/api/v1/sweeps/abcd/pause", "big.example");
  EXPECT_EQ(status_of(refuse(access, with_cookie(change, cookie))), 200);
  EXPECT_EQ(status_of(refuse(access, with_cookie(request("GET", "/api/v1/sweeps", "big.example"), cookie))), 200);
  // Of another server's token, cut, and under the other token's name.
  EXPECT_EQ(status_of(refuse(Access{false, "other"}, with_cookie(change, cookie))), 401);
  EXPECT_EQ(status_of(refuse(access, with_cookie(change, cookie.substr(0, cookie.find(';') - 1)))), 401);
  const std::string name = access.cookie(with_token(login, "readable"), false).substr(0, 20);
  EXPECT_EQ(status_of(refuse(access, with_cookie(change, name + cookie.substr(20)))), 401);
  // A token that is shown counts, whatever the cookie says.
  EXPECT_EQ(status_of(refuse(access, with_token(with_cookie(change, cookie), "wrong"))), 401);

  Request by_tls = login;
  by_tls.headers["origin"] = "https://big.example";
  EXPECT_NE(access.cookie(by_tls, false).find("; Secure"), std::string::npos);
  const std::string ended = access.cookie(login, true);
  EXPECT_NE(ended.find("=; Max-Age=0"), std::string::npos) << ended;
  EXPECT_EQ(ended.substr(0, ended.find('=')), cookie.substr(0, cookie.find('=')));
}

TEST(Access, ALoginNeedsATokenEvenOnLoopback) {
  const Access access{true, "secret"};
  EXPECT_EQ(status_of(refuse(access, request("POST", "/api/v1/login"))), 401);
  EXPECT_EQ(status_of(refuse(access, with_token(request("POST", "/api/v1/login"), "secre"))), 401);
  Request foreign = with_token(request("POST", "/api/v1/login"), "secret");
  foreign.headers["origin"] = "http://evil.example";
  EXPECT_EQ(status_of(refuse(access, foreign)), 403);
}

TEST(Access, ACookieChangesNothingUnlessThePageIsOfThisServer) {
  const Access access{true, "secret"};
  const std::string cookie = access.cookie(with_token(request("POST", "/api/v1/login"), "secret"), false);
  const Request change = request("POST", "/api/v1/sweeps/abcd/pause");
  EXPECT_EQ(status_of(refuse(access, with_cookie(change, cookie))), 200);
  // Another port of this host is the same site, and a browser that says nothing may be an old one.
  for (const char* site : {"same-site", "cross-site", "none", ""}) {
    EXPECT_EQ(status_of(refuse(access, with_cookie(change, cookie, site))), 403) << site;
  }
  Request old = with_cookie(change, cookie, "");
  old.headers["origin"] = "http://127.0.0.1:8642";
  EXPECT_EQ(status_of(refuse(access, old)), 200);
  old.headers["origin"] = "http://127.0.0.1:9999";
  EXPECT_EQ(status_of(refuse(access, old)), 403);
}

TEST(Access, ATokenForReadsChangesNothing) {
  const Access access{false, "secret", "readable"};
  const Request read = request("GET", "/api/v1/sweeps", "big.example");
  const Request change = request("POST", "/api/v1/sweeps/abcd/pause", "big.example");
  EXPECT_EQ(status_of(refuse(access, with_token(read, "readable"))), 200);
  EXPECT_EQ(status_of(refuse(access, with_token(change, "readable"))), 403);
  EXPECT_EQ(status_of(refuse(access, with_token(request("POST", "/api/v1/plan", "big.example"), "readable"))), 403);
  const Request login = with_token(request("POST", "/api/v1/login", "big.example"), "readable");
  EXPECT_EQ(status_of(refuse(access, login)), 200);
  EXPECT_EQ(status_of(refuse(access, with_cookie(read, access.cookie(login, false)))), 200);
  EXPECT_EQ(status_of(refuse(access, with_cookie(change, access.cookie(login, false)))), 403);
  EXPECT_EQ(access.grant(with_token(read, "secret")), Grant::kControl);
  EXPECT_EQ(access.grant(with_token(read, "readable")), Grant::kRead);
  EXPECT_EQ(access.grant(read), Grant::kNothing);
  EXPECT_EQ((Access{true, "secret"}.grant(request("GET", "/api/v1/healthz"))), Grant::kRead);
}

TEST(Access, AProxysNameIsAnsweredAndNeedsATokenForReadsToo) {
  const Access access{true, "secret", "", {"hub.example.org", "portal.example.org:8443"}};
  for (const char* host :
       {"hub.example.org", "HUB.example.org:443", "hub.example.org:8000", "portal.example.org:8443"}) {
    EXPECT_EQ(status_of(refuse(access, request("GET", "/", host))), 200) << host;
    EXPECT_EQ(status_of(refuse(access, request("GET", "/api/v1/sweeps", host))), 401) << host;
    EXPECT_EQ(status_of(refuse(access, with_token(request("GET", "/api/v1/sweeps", host), "secret"))), 200) << host;
  }
  for (const char* host : {"portal.example.org", "evil.example", "hub.example.org.evil.example", "x.hub.example.org"}) {
    EXPECT_EQ(status_of(refuse(access, request("GET", "/", host))), 403) << host;
  }
  // A proxy that keeps the name that the browser used, and one that puts its own there.
  Request change = with_token(request("POST", "/api/v1/sweeps/abcd/pause", "hub.example.org:8000"), "secret");
  change.headers["origin"] = "https://hub.example.org:8000";
  EXPECT_EQ(status_of(refuse(access, change)), 200);
  change.headers["host"] = "127.0.0.1:8642";
  EXPECT_EQ(status_of(refuse(access, change)), 403);
  for (const char* origin : {"https://hub.example.org", "https://portal.example.org:8443"}) {
    change.headers["origin"] = origin;
    EXPECT_EQ(status_of(refuse(access, change)), 200) << origin;
  }
}

TEST(Access, AnAuditLineSaysWhoAndFromWhereAndStaysOneLine) {
  const Access access{true, "secret"};
  Request change = with_token(request("POST", "/api/v1/sweeps/a\nb/pause"), "secret");
  change.peer = "127.0.0.1";
  change.headers["x-forwarded-for"] = "192.0.2.7";
  change.headers["x-forwarded-user"] = "ann\" admin";
  change.headers["user-agent"] = std::string(300, 'm');
  EXPECT_EQ(
      audit_line(access, change, 200),
      "POST \"/api/v1/sweeps/a?b/pause\": 200, by the control token in a header from 127.0.0.1, for \"192.0.2.7\", "
      "user \"ann? admin\", agent \"" +
          std::string(100, 'm') + "...\"");
}

TEST(Access, EveryResponseForbidsInlineAndForeignScript) {
  Response response;
  secure(response);
  std::string policy;
  for (const auto& [name, value] : response.headers) {
    if (name == "Content-Security-Policy") policy = value;
  }
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(policy.find("script-src 'self';"), std::string::npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
}

TEST(Access, LoopbackAddresses) {
  for (const char* address : {"127.0.0.1", "127.3.2.1", "localhost", "::1"})
    EXPECT_TRUE(is_loopback(address)) << address;
  for (const char* address : {"0.0.0.0", "::", "10.0.0.1", "", "localhost.evil.example", "128.0.0.1"}) {
    EXPECT_FALSE(is_loopback(address)) << address;
  }
}

}  // namespace
}  // namespace medley::web
