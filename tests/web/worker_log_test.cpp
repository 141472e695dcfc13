#include "web/worker_log.h"

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "web/refused.h"

namespace medley::web {
namespace {

namespace fs = std::filesystem;

/// 2023-11-14 22:13:20 UTC: what `date -u -d @1700000000` says.
constexpr std::int64_t kTwentyPast = 1'700'000'000'000;

class WorkerLogTest : public ::testing::Test {
 protected:
  WorkerLogTest() {
    setenv("TZ", "Asia/Tokyo", 1);  // logs are in UTC wherever they are written and read
    tzset();
  }

  void write(const std::string& file, const std::string& text) const { std::ofstream(folder_ / file) << text; }
  /// The texts of its lines, joined; "none" where there is no log.
  std::string log_of(const std::string& worker) const {
    const auto log = find_worker_log(folder_, worker);
    if (!log) return "none";
    std::string all = log->file + ":";
    for (const auto& line : log->lines) all += "\n" + line.text;
    return all;
  }

  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
};

TEST_F(WorkerLogTest, WorkersThatWroteOneFileInTurnAreToldApart) {
  const std::string first =
      "2023-11-14T22:13:20.000Z [11] info: joined 127.0.0.1:7000 as aa11\n"
      "2023-11-14T22:13:21.000Z [11] error: a pack of 4 failed: out of memory\n"
      "terminate called without an active exception";
  const std::string second =
      "2023-11-14T22:13:25.500Z [12] info: joined 127.0.0.1:7000 as bb22\n"
      "2023-11-14T22:13:26.000Z [12] info: dismissed: the sweep is done";
  const std::string before = "2023-11-14T22:13:25.000Z [12] info: no cuda device\n";
  write("worker-1.log", first + "\n" + before + second + "\n");
  write("cluster-3-1.log", "2023-11-14T22:13:20.000Z [11] info: joined node07:7000 as cc33\n");
  EXPECT_EQ(log_of("aa11"), "worker-1.log:\n" + first);
  EXPECT_EQ(log_of("bb22"), "worker-1.log:\n" + second);
  EXPECT_EQ(log_of("cc33"), "cluster-3-1.log:\n2023-11-14T22:13:20.000Z [11] info: joined node07:7000 as cc33");
  EXPECT_EQ(log_of("aa1"), "none") << "a part of an id";
  EXPECT_EQ(log_of("dd44"), "none");
  EXPECT_EQ(find_worker_log(folder_, "bb22")->lines[0].written_ms, kTwentyPast + 5'500);
  EXPECT_FALSE(find_worker_log(folder_, "aa11")->lines[2].written_ms);
}

TEST_F(WorkerLogTest, OnlyPlainLogFilesOfWorkersAreRead) {
  const std::string joined = "2023-11-14T22:13:20.000Z [11] info: joined 127.0.0.1:7000 as aa11\n";
  write("coordinator.log", joined);
  write("worker-1.txt", joined);
  fs::create_directory(folder_ / "worker-2.log");
  write("worker-2.log/worker-3.log", joined);
  fs::create_symlink(folder_ / "coordinator.log", folder_ / "worker-4.log");
  EXPECT_EQ(log_of("aa11"), "none");
  write("worker-5.log", joined);
  EXPECT_NE(log_of("aa11"), "none");
  fs::remove_all(folder_);
  EXPECT_EQ(log_of("aa11"), "none");
}

TEST_F(WorkerLogTest, OnlyTheEndOfALongFileAndTheBeginOfALongLineAreRead) {
  const std::string joined = "2023-11-14T22:13:20.000Z [11] info: joined 127.0.0.1:7000 as aa11\n";
  write("worker-1.log", joined + std::string(9 << 20, 'x') + "\n");
  EXPECT_EQ(log_of("aa11"), "none");
  write("worker-1.log", std::string(9 << 20, 'x') + "\n" + joined + std::string(5000, 'y') + "\n");
  const auto log = find_worker_log(folder_, "aa11");
  ASSERT_TRUE(log);
  ASSERT_EQ(log->lines.size(), 2u);
  EXPECT_EQ(log->lines[1].text, std::string(kMaxLogLineBytes, 'y'));
}

TEST_F(WorkerLogTest, ARotatedLogIsReadAsOne) {
  const std::string joined = "2023-11-14T22:13:20.000Z [11] info: joined 127.0.0.1:7000 as aa11";
  write("worker-1.log.2", joined + "\nold 1\nold 2\n");
  write("worker-1.log.1", joined + "\nnew 1\n");
  write("worker-1.log", joined + "\nnewest\n");
  write("worker-1.log.4", "one too many\n");
  EXPECT_EQ(log_of("aa11"),
            "worker-1.log:\n" + joined + "\nold 1\nold 2\n" + joined + "\nnew 1\n" + joined + "\nnewest");
  const auto body = worker_log_json("aa11", folder_);
  EXPECT_EQ(body["file"], "worker-1.log");
  EXPECT_EQ(body["lines"].size(), 7u);
  EXPECT_EQ(body["lines"][6]["text"], "newest");
  EXPECT_EQ(body["lines"][0]["written_ms"], kTwentyPast);
  EXPECT_TRUE(worker_log_json("bb22", folder_)["file"].is_null());
}

TEST(FirstNewLine, FollowsALogOverARotation) {
  const auto lines = [](int from, int to, const std::string& last = "") {
    std::vector<WorkerLog::Line> made;
    for (int i = from; i < to; ++i) made.push_back({"line " + std::to_string(i), {}});
    if (!last.empty()) made.push_back({last, {}});
    return made;
  };
  EXPECT_EQ(first_new_line(lines(0, 20), lines(0, 25)), 20u);
  EXPECT_EQ(first_new_line(lines(0, 20), lines(0, 20)), 20u);
  EXPECT_EQ(first_new_line(lines(0, 20), lines(12, 25)), 8u) << "the first ones were rotated away";
  EXPECT_EQ(first_new_line(lines(0, 20), lines(30, 40)), 0u) << "all that was shown is gone";
  EXPECT_EQ(first_new_line({}, lines(0, 3)), 0u);
  EXPECT_EQ(first_new_line(lines(0, 20, "half of a l"), lines(0, 20, "half of a line")), 20u);
  EXPECT_EQ(first_new_line(lines(0, 3), {}), 0u);
}

/// One attempt that began at 22:13:30 and ended at 22:13:50.
storage::TrialDetail trial() {
  storage::TrialDetail trial;
  trial.spec.id = "t";
  storage::AttemptRow row;
  row.number = 2;
  row.worker = "aa11";
  row.worker_name = "node07:11";
  row.started = kTwentyPast + 10'000;
  row.ended = kTwentyPast + 30'000;
  trial.attempts = {row};
  return trial;
}

TEST_F(WorkerLogTest, AnAttemptShowsTheLastLinesUpToItsEnd) {
  std::string text = "2023-11-14T22:13:20.000Z [11] info: joined 127.0.0.1:7000 as aa11\n";
  for (int i = 0; i < 120; ++i) text += "2023-11-14T22:13:25.000Z [11] info: early " + std::to_string(i) + "\n";
  text += "2023-11-14T22:13:40.000Z [11] error: it failed\n  at layer 3 \xff\n";
  text += "2023-11-14T22:14:30.000Z [11] info: later\n  more of later\n";
  write("worker-1.log", text);
  const auto body = attempt_log_json(trial(), folder_, {});
  EXPECT_EQ(body["attempt"], 2);
  EXPECT_EQ(body["worker"], "aa11");
  EXPECT_EQ(body["file"], "worker-1.log");
  ASSERT_EQ(body["lines"].size(), 100u);
  EXPECT_EQ(body["lines"][0]["text"], "2023-11-14T22:13:25.000Z [11] info: early 22");
  EXPECT_EQ(body["lines"][97]["during"], false);
  EXPECT_EQ(body["lines"][98]["text"], "2023-11-14T22:13:40.000Z [11] error: it failed");
  EXPECT_EQ(body["lines"][98]["during"], true);
  EXPECT_EQ(body["lines"][98]["written_ms"], kTwentyPast + 20'000);
  EXPECT_TRUE(body["lines"][99]["written_ms"].is_null());
  EXPECT_EQ(body["lines"][99]["during"], true) << "it has no date: of the line above";
}

TEST_F(WorkerLogTest, AHostWhoseClockIsWrongStillShowsItsLines) {
  write("worker-1.log",
        "2023-11-15T01:13:20.000Z [11] info: joined 127.0.0.1:7000 as aa11\n2023-11-15T01:13:40.000Z [11] info: x\n");
  const auto body = attempt_log_json(trial(), folder_, {});
  ASSERT_EQ(body["lines"].size(), 2u);
  EXPECT_EQ(body["lines"][1]["during"], false);
}

TEST_F(WorkerLogTest, AnAttemptWithoutALogSaysSoAndAnUnknownOneIsRefused) {
  const auto body = attempt_log_json(trial(), folder_ / "nowhere", {});
  EXPECT_TRUE(body["file"].is_null());
  EXPECT_TRUE(body["lines"].empty());
  Request request;
  request.query = {{"attempt", "1"}};
  EXPECT_THROW(attempt_log_json(trial(), folder_, request), Refused);
  request.query = {{"attempt", "2"}};
  EXPECT_NO_THROW(attempt_log_json(trial(), folder_, request));
}

}  // namespace
}  // namespace medley::web
