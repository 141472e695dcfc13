// Hostile and ordinary requests over a real socket: each gets its answer, and the server continues.
#include "web/server.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <netinet/in.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "tests/support/patience.h"
#include "tests/web/sample_store.h"
#include "web/assets.h"

namespace medley::web {
namespace {

/// Remembers what it was asked.
class Recorder : public Control {
 public:
  Answer pause(const std::string& id) override { return note("pause " + id); }
  Answer resume(const std::string& id) override { return note("resume " + id); }
  Answer stop(const std::string& id) override { return note("stop " + id); }
  Answer remove_sweep(const std::string& id) override { return note("remove " + id); }
  Answer retry(const std::string& id) override { return note("retry " + id); }
  Answer add_configs(const std::string& id, const nlohmann::json& configs, bool done) override {
    return note("add " + configs.dump() + (done ? " as the last" : "") + " to " + id);
  }
  Answer mark(const std::string& id, const storage::ConfigMarkChange& change) override {
    std::string what = "mark " + id;
    if (change.pinned) what += *change.pinned ? " pinned" : " not pinned";
    if (change.note) what += " note " + *change.note;
    if (change.tags) {
      for (const std::string& tag : *change.tags) what += " tag " + tag;
    }
    return note(what);
  }
  Answer mark_sweep(const std::string& id, const storage::SweepMarkChange& change) override {
    return note("mark sweep " + id + " " + change.name.value_or("-") + " " + change.note.value_or("-") +
                (change.archived ? *change.archived ? " archived" : " not archived" : "") +
                (change.priority ? " priority " + std::to_string(*change.priority) : ""));
  }
  Answer release(const std::string& id) override { return note("release " + id); }
  Answer pause_worker(const std::string& id) override { return note("pause worker " + id); }
  Answer send_away(const std::string& id) override { return note("send away " + id); }
  Answer retry_sweep(const std::string& id) override { return note("retry all of " + id); }
  Answer plan(const SweepForm& text) override {
    return note("plan " + text.yaml + " on " + text.dataset + text.folder);
  }
  Answer submit(const SweepForm& text) override {
    note("submit " + text.yaml + " on " + text.dataset);
    return {false, "the sweep file has 1 error", {{"errors", {{{"line", 1}, {"message", "no such axis"}}}}}};
  }
  Answer build_ensemble(const std::string& sweep, const sweep::EnsembleRequest& request) override {
    return note(std::string("build ") + name_of(request.options.method) + " k " + std::to_string(request.options.k) +
                " rounds " + std::to_string(request.options.rounds) + " bags " + std::to_string(request.options.bags) +
                " of " + sweep);
  }
  nlohmann::json fits() override { return nlohmann::json::array(); }
  Answer export_ensemble(std::int64_t id, const std::string& member) override {
    return note("export " + std::to_string(id) + (member.empty() ? "" : " " + member));
  }
  std::vector<std::string> asked;
  std::chrono::milliseconds takes{0};  ///< for each
  std::string refuses;                 ///< why; "": nothing

 private:
  Answer note(const std::string& what) {
    std::this_thread::sleep_for(takes);
    asked.push_back(what);
    if (!refuses.empty()) return {false, refuses, nlohmann::json::object()};
    return {true, what, nlohmann::json::object()};
  }
};

class ServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = std::make_unique<test::Folder>();
    folder_ = scratch_->path();
    sample_ = test::write_sample_store(folder_, 1'700'000'000'000);
  }
  static void TearDownTestSuite() { scratch_.reset(); }

  void SetUp() override { restart(Options().connection_time); }

  void restart(std::chrono::milliseconds connection_time) {
    Options options;
    options.store = folder_;
    options.token = "secret";
    options.connection_time = connection_time;
    server_ = std::make_unique<Server>(options, &control_);
    server_->start();
  }

  int connect() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(server_->port()));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval patience{test::kPatience * 20, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return socket;
  }

  /// False when the server no longer takes it.
  static bool write(int socket, const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t n = ::send(socket, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  /// Whether the server has neither closed it nor said anything.
  static bool is_open(int socket) {
    char byte = 0;
    return ::recv(socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
  }

  static std::string read_all(int socket) {
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = ::recv(socket, buffer, sizeof buffer, 0)) > 0;)
      all.append(buffer, static_cast<std::size_t>(n));
    ::close(socket);
    return all;
  }

  /// The whole answer to `text`, sent as it is.
  std::string ask(const std::string& text) const {
    const int socket = connect();
    write(socket, text);
    return read_all(socket);
  }

  static int status(const std::string& answer) {
    return answer.size() < 12 || answer.compare(0, 7, "HTTP/1.") != 0 ? 0 : std::atoi(answer.c_str() + 9);
  }

  void expect_alive() const { EXPECT_EQ(status(ask("GET /api/v1/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")), 200); }

  static std::unique_ptr<test::Folder> scratch_;
  static std::filesystem::path folder_;
  static test::SampleStore sample_;
  Recorder control_;
  std::unique_ptr<Server> server_;
};
std::unique_ptr<test::Folder> ServerTest::scratch_;
std::filesystem::path ServerTest::folder_;
test::SampleStore ServerTest::sample_;

TEST_F(ServerTest, AnswersWithSecurityHeadersAndClosesTheConnection) {
  const std::string answer = ask("GET /api/v1/sweeps HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status(answer), 200);
  for (const char* header :
       {"Content-Security-Policy: default-src 'none'", "X-Content-Type-Options: nosniff", "X-Frame-Options: DENY",
        "Connection: close", "ETag: W/\"", "Content-Type: application/json"}) {
    EXPECT_NE(answer.find(header), std::string::npos) << header << " in\n" << answer.substr(0, 900);
  }
}

TEST_F(ServerTest, PageIsServedOrSaysWhyNot) {
  const std::string answer = ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status(answer), 200);
  if (assets().empty()) {
    EXPECT_NE(answer.find("built without its page"), std::string::npos);
    return;
  }
  EXPECT_NE(answer.find("<!doctype html>"), std::string::npos);
  const std::string script = ask("GET /app.js HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
  EXPECT_EQ(status(script), 200);
  EXPECT_NE(script.find("Content-Encoding: gzip\r\n"), std::string::npos);
  const std::string body = script.substr(script.find("\r\n\r\n") + 4);
  EXPECT_EQ(body.substr(0, 2), "\x1f\x8b");  // compressed once
}

TEST_F(ServerTest, UnchangedAnswersAre304) {
  // Not the sweeps: their answer changes when the reports that are made behind are ready.
  const std::string first = ask("GET /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::size_t at = first.find("ETag: ") + 6;
  const std::string etag = first.substr(at, first.find("\r\n", at) - at);
  const std::string again =
      ask("GET /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + etag + "\r\n\r\n");
  EXPECT_EQ(status(again), 304);
  for (const std::string& known : {etag.substr(2), "\"x\", " + etag, std::string("*")}) {
    EXPECT_EQ(status(ask("GET /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: " + known + "\r\n\r\n")),
              304)
        << known;
  }
  EXPECT_EQ(status(ask("GET /api/v1/datasets HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: W/\"x\"\r\n\r\n")), 200);
  EXPECT_EQ(again.substr(again.find("\r\n\r\n") + 4), "");
}

TEST_F(ServerTest, AnswersAreCompressedWhereTheClientTakesIt) {
  const std::string get = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n";
  const std::string plain = ask(get + "\r\n");
  EXPECT_EQ(plain.find("Content-Encoding"), std::string::npos);
  const std::string text = plain.substr(plain.find("\r\n\r\n") + 4);
  for (const char* accepted : {"gzip", "br, gzip;q=0.5", "deflate,gzip"}) {
    const std::string packed = ask(get + "Accept-Encoding: " + accepted + "\r\n\r\n");
    EXPECT_NE(packed.find("Content-Encoding: gzip\r\n"), std::string::npos) << accepted;
    EXPECT_NE(packed.find("Vary: Accept-Encoding\r\n"), std::string::npos);
    const std::string body = packed.substr(packed.find("\r\n\r\n") + 4);
    EXPECT_LT(body.size(), text.size() / 3);
    std::string unpacked(text.size(), '\0');
    const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> reader(
        libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
    EXPECT_EQ(
        libdeflate_gzip_decompress(reader.get(), body.data(), body.size(), unpacked.data(), unpacked.size(), nullptr),
        LIBDEFLATE_SUCCESS);
    EXPECT_EQ(unpacked, text);
  }
  for (const char* refused : {"br", "gzip;q=0", "gzip;q=0.000", "identity", "xgzip"}) {
    EXPECT_EQ(ask(get + "Accept-Encoding: " + refused + "\r\n\r\n").find("Content-Encoding"), std::string::npos)
        << refused;
  }
}

TEST_F(ServerTest, APostNeedsNoLengthWhereItHasNoBody) {
  const std::string answer = ask("POST /api/v1/sweeps/" + sample_.running +
                                 "/pause HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n");
  EXPECT_EQ(status(answer), 200) << answer;
  EXPECT_EQ(control_.asked, std::vector<std::string>{"pause " + sample_.running});
}

TEST_F(ServerTest, ACookieOfALoginStandsForTheTokenAndChangesAreLogged) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  server_->stop();  // its threads log
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  restart(std::chrono::seconds(10));
  const std::string login =
      ask("POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n");
  EXPECT_EQ(status(login), 200) << login;
  const std::size_t at = login.find("Set-Cookie: ") + 12;
  const std::string cookie = login.substr(at, login.find(';', at) - at);
  const std::string head = " HTTP/1.1\r\nHost: localhost\r\nCookie: " + cookie + "\r\nSec-Fetch-Site: same-origin\r\n";
  const std::string path = "/api/v1/sweeps/" + sample_.running + "/pause";
  EXPECT_EQ(status(ask("POST " + path + head + "Content-Length: 2\r\n\r\n{}")), 200);
  EXPECT_EQ(status(ask("POST /api/v1/plan" + head + "\r\n")), 400);
  EXPECT_NE(ask("GET /api/v1/healthz" + head + "\r\n").find("\"access\":\"control\""), std::string::npos);
  EXPECT_NE(ask("POST /api/v1/logout" + head + "\r\n").find("Max-Age=0"), std::string::npos);
  EXPECT_EQ(status(ask("POST " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n")), 401);
  server_->stop();
  spdlog::set_default_logger(before);
  std::vector<std::string> lines;
  std::istringstream in(log.str());
  for (std::string line; std::getline(in, line);) lines.push_back(line.substr(line.find("POST")));
  EXPECT_EQ(lines, (std::vector<std::string>{
                       "POST \"/api/v1/login\": 200, by the control token in a header from 127.0.0.1",
                       "POST \"" + path + "\": 200, by the control token in a cookie from 127.0.0.1",
                       "POST \"/api/v1/logout\": 200, by the control token in a cookie from 127.0.0.1"}));
  EXPECT_EQ(log.str().find("secret"), std::string::npos);
  EXPECT_EQ(log.str().find(cookie), std::string::npos);
}

TEST_F(ServerTest, TraversalReachesNoFile) {
  for (const char* path : {"/../medley.db", "/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd",
                           "/app.js/../../etc/passwd", "/api/v1/sweeps/../../medley.db",
                           "/api/v1/trials/..%2f..%2fmedley.db", "/index.html%00.js", "/medley.db", "/lock"}) {
    const std::string answer = ask(std::string("GET ") + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_GE(status(answer), 400) << path;
    EXPECT_LT(status(answer), 500) << path;
    EXPECT_EQ(answer.find("root:"), std::string::npos) << path;
    EXPECT_EQ(answer.find("SQLite format"), std::string::npos) << path;
  }
}

TEST_F(ServerTest, BadFormsAreRefused) {
  const std::string host = "Host: localhost\r\n";
  const struct {
    const char* what;
    std::string text;
    int least, most;
  } cases[] = {
      {"unknown method", "BREW /api/v1/sweeps HTTP/1.1\r\n" + host + "\r\n", 400, 405},
      {"PUT", "PUT /api/v1/sweeps HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", 400, 405},
      {"DELETE", "DELETE /api/v1/sweeps HTTP/1.1\r\n" + host + "\r\n", 400, 405},
      {"OPTIONS", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400, 405},
      {"not HTTP", "\x16\x03\x01\x02hello\r\n\r\n", 0, 400},
      {"no host", "GET /api/v1/sweeps HTTP/1.1\r\n\r\n", 400, 403},
      {"two hosts", "GET /api/v1/sweeps HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, 400},
      {"long address", "GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414, 414},
      {"very long address", "GET /" + std::string(60000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 0, 414},
      {"chunked body",
       "POST /api/v1/sweeps/abcd/pause HTTP/1.1\r\n" + host +
           "Authorization: Bearer secret\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
       411, 411},
      {"chunked and length",
       "POST /api/v1/sweeps/abcd/pause HTTP/1.1\r\n" + host +
           "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
       411, 411},
      {"huge length",
       "POST /api/v1/sweeps/abcd/pause HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n", 413, 413},
      {"negative length", "POST /api/v1/sweeps/abcd/pause HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400,
       413},
      {"many headers",
       "GET /api/v1/healthz HTTP/1.1\r\n" + host +
           [] {
             std::string lines;
             for (int i = 0; i < 200; ++i) lines += "X-" + std::to_string(i) + ": 1\r\n";
             return lines;
           }() +
           "\r\n",
       400, 431},
  };
  for (const auto& one : cases) {
    const int got = status(ask(one.text));
    EXPECT_GE(got, one.least) << one.what;
    EXPECT_LE(got, one.most) << one.what;
  }
  EXPECT_TRUE(control_.asked.empty());
  expect_alive();
}

TEST_F(ServerTest, EndlessInputIsCutOffWithoutGrowing) {
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  for (const char* start :
       {"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", "GET /",
        "POST /api/v1/sweeps/abcd/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\nX: "}) {
    const int socket = connect();
    bool taken = write(socket, start);
    const std::string block(1 << 20, 'a');
    for (int i = 0; taken && i < 80; ++i) taken = write(socket, block);
    EXPECT_FALSE(taken) << "80 MB were read after " << start;
    ::close(socket);
  }
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 32 << 10);  // KiB; sanitizers keep what is freed for a while
  expect_alive();
}

TEST_F(ServerTest, RangesDoNotMultiplyTheAnswer) {
  std::string ranges = "0-";
  for (int i = 0; i < 1500; ++i) ranges += ",0-";
  const std::string whole = ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string answer = ask("GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=" + ranges + "\r\n\r\n");
  EXPECT_LE(answer.size(), whole.size());
  expect_alive();
}

TEST_F(ServerTest, SilentConnectionsDoNotKeepOthersOut) {
  restart(std::chrono::hours(1));
  std::vector<int> silent;
  for (int i = 0; i < 7; ++i) {
    silent.push_back(connect());
    write(silent.back(), "GET /api/v1/healthz HTTP/1.1\r\nHo");
  }
  expect_alive();
  // None of them was closed to make room: they are still waited for.
  for (const int socket : silent) EXPECT_TRUE(is_open(socket));
  for (const int socket : silent) ::close(socket);
}

TEST_F(ServerTest, WhatDoesNotFitTheQueueIsSentAwayAtOnce) {
  restart(std::chrono::hours(1));
  std::vector<int> silent;
  for (int i = 0; i < 72; ++i) silent.push_back(connect());  // 8 being served, 64 waiting
  std::string answer;
  // The last of them may still be on their way to the queue.
  EXPECT_TRUE(test::eventually([&] {
    const int socket = connect();
    const timeval patience{0, 200'000};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    answer = read_all(socket);
    return status(answer) == 503;
  })) << answer;
  for (const int socket : silent) ::close(socket);
  // The server takes the closed ones from its queue one by one, and until then the queue is full.
  EXPECT_TRUE(
      test::eventually([&] { return status(ask("GET /api/v1/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 200; }));
  expect_alive();
}

TEST_F(ServerTest, StopEndsOpenConnectionsSoon) {
  restart(std::chrono::hours(1));
  const int socket = connect();
  write(socket, "GET /api/v1/healthz HTTP/1.1\r\nHo");
  server_->stop();  // this test runs into its time limit where it waits for them
  server_->stop();
  ::close(socket);
}

TEST_F(ServerTest, APortInUseIsAnErrorThatNamesIt) {
  Options options;
  options.store = folder_;
  options.port = server_->port();
  Server second(options, nullptr);
  try {
    second.start();
    FAIL() << "two servers share port " << options.port;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(std::to_string(options.port)), std::string::npos) << error.what();
  }
}

TEST_F(ServerTest, BeyondLoopbackATokenIsRequired) {
  Options options;
  options.store = folder_;
  options.address = "0.0.0.0";
  EXPECT_THROW(Server(options, nullptr), Error);
  options.read_token = "readable";
  EXPECT_NO_THROW(Server(options, nullptr));
  options.token = "readable";
  EXPECT_THROW(Server(options, nullptr), Error);
}

TEST_F(ServerTest, AChangeReachesTheCoordinatorOnce) {
  const std::string path = "/api/v1/sweeps/" + sample_.running + "/pause";
  const std::string head = "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n";
  EXPECT_EQ(status(ask(head + "\r\n{}")), 401);
  EXPECT_EQ(status(ask(head + "Authorization: Bearer secret\r\nOrigin: http://evil.example\r\n\r\n{}")), 403);
  EXPECT_EQ(status(ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n")), 405);
  EXPECT_TRUE(control_.asked.empty());
  EXPECT_EQ(status(ask(head + "Authorization: Bearer secret\r\n\r\n{}")), 200);
  EXPECT_EQ(control_.asked, std::vector<std::string>{"pause " + sample_.running});
  control_.asked.clear();
  const std::string start = sample_.failed.substr(0, 8);
  EXPECT_EQ(status(ask("POST /api/v1/trials/" + start +
                       "/retry HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                       "Authorization: Bearer secret\r\n\r\n")),
            200);
  EXPECT_EQ(control_.asked, std::vector<std::string>{"retry " + sample_.failed});
  EXPECT_EQ(status(ask("POST /api/v1/trials/ffffffff/retry HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                       "Authorization: Bearer secret\r\n\r\n")),
            404);
  EXPECT_EQ(control_.asked.size(), 1u);
  control_.asked.clear();
  const auto change = [&](const std::string& worker, const std::string& what) {
    return status(ask("POST /api/v1/workers/" + worker + "/" + what +
                      " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nAuthorization: Bearer secret\r\n\r\n"));
  };
  for (const char* what : {"release", "pause", "leave"}) {
    EXPECT_EQ(change("w-3", what), 200);
    EXPECT_EQ(change("w-", what), 404);
  }
  EXPECT_EQ(control_.asked, (std::vector<std::string>{"release w-3", "pause worker w-3", "send away w-3"}));
}

TEST_F(ServerTest, ASweepIsDeletedByWhoMayChangeAndAsTheCoordinatorSays) {
  const auto deletes = [&](const std::string& id, const std::string& headers) {
    return ask("DELETE /api/v1/sweeps/" + id + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
  };
  const std::string may = "Authorization: Bearer secret\r\n";
  EXPECT_EQ(status(deletes(sample_.finished, "")), 401);
  EXPECT_EQ(status(deletes(sample_.finished, may + "Origin: http://evil.example\r\n")), 403);
  EXPECT_EQ(status(deletes("ffffffff", may)), 404);
  EXPECT_TRUE(control_.asked.empty());
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("audit", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  const std::string done = deletes(sample_.finished.substr(0, 8), may);
  control_.refuses = "sweep x is running: stop it first";
  const std::string refused = deletes(sample_.running, may);
  spdlog::set_default_logger(before);
  EXPECT_EQ(status(done), 200);
  EXPECT_EQ(status(refused), 409);
  EXPECT_NE(refused.find(control_.refuses), std::string::npos) << refused;
  EXPECT_EQ(control_.asked, (std::vector<std::string>{"remove " + sample_.finished, "remove " + sample_.running}));
  EXPECT_NE(log.str().find("DELETE \"/api/v1/sweeps/" + sample_.running + "\": 409, by the control token"),
            std::string::npos)
      << log.str();
}

TEST_F(ServerTest, AnAnswerThatTookLongToMakeIsStillSent) {
  restart(std::chrono::milliseconds(300));
  control_.takes = std::chrono::milliseconds(600);
  const std::string answer = ask("POST /api/v1/sweeps/" + sample_.running +
                                 "/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                                 "Authorization: Bearer secret\r\n\r\n");
  EXPECT_EQ(status(answer), 200);
  EXPECT_NE(answer.find("pause " + sample_.running), std::string::npos) << answer;
}

TEST_F(ServerTest, BodiesOfChangesAreCheckedBeforeTheCoordinatorSeesThem) {
  const auto post = [&](const std::string& path, const std::string& body) {
    return ask("POST /api/v1/" + path +
               " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  const std::string dataset = std::string(60, 'd') + "0001";
  for (const auto& [path, body, expected] : std::vector<std::tuple<std::string, std::string, int>>{
           {"plan", "", 400},
           {"plan", "[1]", 400},
           {"plan", "{\"yaml\":", 400},
           {"plan", R"({"yaml": 7, "dataset": "dddd"})", 400},
           {"plan", R"({"yaml": "name: x", "dataset": "ffffffff"})", 404},
           {"plan", R"({"yaml": "name: x", "dataset": "../../etc"})", 404},
           {"plan", R"({"yaml": "name: x"})", 400},
           {"plan", R"({"yaml": "name: x", "folder": 1})", 400},
           {"plan", R"({"yaml": "name: x", "folder": ""})", 400},
           {"plan", R"({"yaml": "name: x", "folder": "data"})", 400},
           {"plan", R"({"yaml": "name: x", "folder": "/data\u0000"})", 400},
           {"plan", R"({"yaml": "name: x", "folder": "/)" + std::string(4096, 'f') + "\"}", 400},
           {"plan", R"({"yaml": "name: x", "folder": "/data", "dataset": ")" + dataset + "\"}", 400},
           {"sweeps/ffffffff/retry", "", 404},
           {"ensembles", R"({"sweep": "ffffffff"})", 404},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "method": "magic"})", 400},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "mix": "harmonic"})", 400},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "k": 0})", 400},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "k": 1e99})", 400},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "per_subset": "yes"})", 400},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "rounds": 0})", 400},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "rounds": 1001})", 400},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "bags": 1001})", 400},
           {"ensembles", R"({"sweep": ")" + sample_.finished + R"(", "bags": "3"})", 400},
           {"ensembles/77/export", "{}", 404},
           {"configs/ffffffff/mark", "{}", 400},
           {"configs/ffffffff/mark", R"({"pinned": 1})", 400},
           {"configs/ffffffff/mark", R"({"note": ")" + std::string(2001, 'n') + "\"}", 400},
           {"configs/ffffffff/mark", R"({"tags": "a"})", 400},
           {"configs/ffffffff/mark", R"({"tags": ["a|b"]})", 400},
           {"configs/ffffffff/mark", R"({"tags": ["a,b"]})", 400},
           {"configs/ffffffff/mark", R"({"tags": ["a\nb"]})", 400},
           {"configs/ffffffff/mark", R"({"tags": [""]})", 400},
           {"configs/ffffffff/mark", R"({"tags": [1]})", 400},
           {"configs/../mark", R"({"pinned": true})", 404},
           {"workers", "{}", 405}}) {
    EXPECT_EQ(status(post(path, body)), expected) << path << " " << body;
  }
  EXPECT_TRUE(control_.asked.empty());

  const std::string text = R"({"yaml": "name: x", "dataset": ")" + dataset + "\"}";
  EXPECT_EQ(status(post("plan", text)), 200);
  const std::string erroneous = post("sweeps", text);
  EXPECT_EQ(status(erroneous), 422);
  EXPECT_NE(erroneous.find("no such axis"), std::string::npos);
  EXPECT_EQ(status(post("plan", R"({"yaml": "name: x", "folder": "/data"})")), 200);
  EXPECT_EQ(status(post("sweeps/" + sample_.running + "/retry", "")), 200);
  EXPECT_EQ(
      status(post("ensembles", R"({"sweep": ")" + sample_.finished + R"(", "method": "mean", "k": 3, "bags": 7})")),
      200);
  EXPECT_EQ(status(post("ensembles/" + std::to_string(sample_.ensemble) + "/export", "")), 200);
  EXPECT_EQ(status(post("ensembles/" + std::to_string(sample_.ensemble) + "/export", R"({"member": "a.json"})")), 200);
  EXPECT_EQ(status(post("ensembles/" + std::to_string(sample_.ensemble) + "/export", R"({"member": 7})")), 400);
  EXPECT_EQ(status(post("configs/abcd/mark", R"({"note": "n", "tags": ["z", "a", "z"]})")), 200);
  EXPECT_EQ(control_.asked,
            (std::vector<std::string>{
                "plan name: x on " + dataset, "submit name: x on " + dataset, "plan name: x on /data",
                "retry all of " + sample_.running, "build mean k 3 rounds 20 bags 7 of " + sample_.finished,
                "export " + std::to_string(sample_.ensemble), "export " + std::to_string(sample_.ensemble) + " a.json",
                "mark abcd note n tag a tag z"}));
}

TEST_F(ServerTest, AddressCarriesTheTokenWhereNoServerSeesIt) {
  EXPECT_EQ(server_->url(), "http://127.0.0.1:" + std::to_string(server_->port()) + "/#token=secret");
}

}  // namespace
}  // namespace medley::web
