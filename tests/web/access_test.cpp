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
  Request by_query = request("GET", "/api/v1/sweeps", "big.example:8642");
  by_query.query["token"] = "secret";
  EXPECT_EQ(status_of(refuse(access, by_query)), 200);
  by_query.query["token"] = "other!";
  EXPECT_EQ(status_of(refuse(access, by_query)), 401);
}

TEST(Access, AnEmptyTokenNeverOpensAnything) {
  Request read = request("GET", "/api/v1/sweeps", "big.example");
  read.headers["authorization"] = "Bearer ";
  EXPECT_EQ(status_of(refuse(Access{false, ""}, read)), 401);
  Request change = request("POST", "/api/v1/sweeps/abcd/pause");
  change.headers["authorization"] = "Bearer ";
  EXPECT_EQ(status_of(refuse(Access{true, ""}, change)), 403);
}

TEST(Access, ChangesNeedTheTokenInTheHeaderEvenOnLoopback) {
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
