#include "coordinator/commands/notifier.h"

#include <fstream>

#include <gtest/gtest.h>
#include <httplib.h>

#include "sweep/digest.h"
#include "tests/support/folder.h"

namespace medley::coordinator {
namespace {
using namespace std::chrono_literals;
using nlohmann::json;

Status of(sweep::SweepState state, int failed = 0) {
  Status status;
  SweepStatus sweep;
  sweep.id = "s1";
  sweep.name = "top-n";
  sweep.state = state;
  sweep.trials = 10;
  sweep.finished = 10 - failed;
  sweep.failed = failed;
  status.sweeps.push_back(sweep);
  return status;
}

const Status kRunning = of(sweep::SweepState::kRunning);
const Status kDone = of(sweep::SweepState::kFinished);

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

TEST(Notices, SayThatASweepEndedOnce) {
  EXPECT_TRUE(notices_between(kRunning, kRunning).empty());
  EXPECT_TRUE(notices_between(kDone, kDone).empty());
  const auto done = notices_between(kRunning, kDone);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].event, "finished");
  EXPECT_EQ(done[0].message, "sweep top-n has all its results (10)");
  EXPECT_EQ(done[0].details["trials"], 10);
  const auto failed = notices_between(kRunning, of(sweep::SweepState::kFinished, 3));
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0].event, "failed");
  EXPECT_EQ(failed[0].message, "sweep top-n ended with 3 of 10 trials failed");
  EXPECT_TRUE(notices_between(kRunning, of(sweep::SweepState::kStopped)).empty()) << "who stopped it knows";
  EXPECT_EQ(notices_between({}, kDone).size(), 1u) << "submitted and done between two looks";
}

TEST(Notices, SayThatAWorkerIsQuarantinedOnce) {
  Status before, after;
  before.workers.emplace_back().id = after.workers.emplace_back().id = "w";
  after.workers[0].name = "moon:7";
  after.workers[0].state = sweep::WorkerState::kQuarantined;
  const auto notices = notices_between(before, after);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].event, "quarantined");
  EXPECT_EQ(notices[0].details["worker"], "moon:7");
  EXPECT_TRUE(notices_between(after, after).empty());
}

/// RFC 4231, test cases 1, 2 and 6.
TEST(Hmac, IsThatOfTheStandard) {
  EXPECT_EQ(sweep::hmac_sha256_hex(std::string(20, '\x0b'), "Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(sweep::hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(sweep::hmac_sha256_hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

class Notifying : public testing::Test {
 protected:
  Notifying() { std::filesystem::create_directories(folder_.path() / "logs"); }
  Notifier::Options options() {
    Notifier::Options options;
    options.store = folder_.path();
    options.waits = {1ms, 1ms, 1ms};
    return options;
  }
  std::filesystem::path file(const std::string& name) { return folder_.path() / name; }

  test::Folder folder_;
};

TEST_F(Notifying, RunsCommandsWithWhatHappenedInTheEnvironment) {
  auto settings = options();
  settings.always = {"echo \"$MEDLEY_EVENT $MEDLEY_SWEEP $MEDLEY_MESSAGE\" >> '" + file("all").string() + "'"};
  settings.of_sweep = [&](const std::string& sweep) {
    std::map<std::string, std::vector<std::string>> on;
    on["finished"] = {"printf '%s' \"$MEDLEY_JSON\" > '" + file(sweep).string() + "'"};
    on["failed"] = {"touch '" + file("failed").string() + "'"};
    return on;
  };
  {
    Notifier notifier(settings);
    notifier.look(kRunning);
    notifier.look(kDone);
    notifier.look(kDone);
  }
  EXPECT_EQ(lines_of(file("all")), std::vector<std::string>{"finished s1 sweep top-n has all its results (10)"});
  const json body = json::parse(lines_of(file("s1")).at(0));
  EXPECT_EQ(body["event"], "finished");
  EXPECT_EQ(body["sweep"], "s1");
  EXPECT_EQ(body["finished"], 10);
  EXPECT_EQ(body["store"], folder_.path().string());
  EXPECT_FALSE(std::filesystem::exists(file("failed")));
}

TEST_F(Notifying, WhatIsTrueAtTheFirstLookIsNoNews) {
  auto settings = options();
  settings.always = {"echo told >> '" + file("all").string() + "'"};
  { Notifier(settings).look(kDone); }
  EXPECT_FALSE(std::filesystem::exists(file("all")));
}

TEST_F(Notifying, TriesFourTimes) {
  auto settings = options();
  settings.always = {"echo tried >> '" + file("all").string() + "'; exit 3"};
  settings.of_sweep = [](const std::string&) -> std::map<std::string, std::vector<std::string>> {
    throw std::runtime_error("the store cannot be read");  // and that ends nothing
  };
  {
    Notifier notifier(settings);
    notifier.look(kRunning);
    notifier.look(kDone);
  }
  EXPECT_EQ(lines_of(file("all")).size(), 4u);
}

TEST_F(Notifying, PostsSignedJsonToHooksUntilTheyTakeIt) {
  httplib::Server server;
  std::atomic<int> asked{0};
  std::string body, signature;
  server.Post("/hook", [&](const httplib::Request& request, httplib::Response& response) {
    if (++asked < 3) {
      response.status = 503;
      return;
    }
    body = request.body;
    signature = request.get_header_value("X-Medley-Signature");
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  auto settings = options();
  settings.always = {"http://127.0.0.1:" + std::to_string(port) + "/hook"};
  settings.secret = "between us";
  {
    Notifier notifier(settings);
    notifier.look(kRunning);
    notifier.look(of(sweep::SweepState::kFinished, 1));
  }
  server.stop();
  serving.join();
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(json::parse(body)["event"], "failed");
  EXPECT_EQ(signature, "sha256=" + sweep::hmac_sha256_hex("between us", body));
}

}  // namespace
}  // namespace medley::coordinator
