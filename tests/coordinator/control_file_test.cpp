// How commands find the coordinator of a store, or learn why they cannot ask it.
#include "coordinator/control_file.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/process.h"
#include "coordinator/error.h"
#include "storage/files/lock.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/folder.h"

namespace medley::coordinator {
namespace {
namespace fs = std::filesystem;

constexpr pid_t kNobody = 4'194'304 + 1;  // beyond the largest process id of Linux

class ControlFileTest : public testing::Test {
 protected:
  /// The store's lock as an owner that was killed leaves it.
  void leave(pid_t pid, const std::string& host = cluster::this_host(),
             const std::string& boot = files::Lock::boot_id()) const {
    std::ofstream(store_ / "lock") << pid << " on " << host << " boot " << boot << " beat 000000000007\n";
  }
  files::Lock own() const {
    auto lock = files::Lock::take(store_ / "lock");
    lock->sign();
    return std::move(*lock);
  }
  ControlPoint point(const std::string& url = "http://127.0.0.1:8642/") const {
    return {url, "secret", cluster::this_host(), ::getpid(), true};
  }
  std::string refusal() const {
    try {
      living_control(store_);
      return "";
    } catch (const Error& e) {
      return e.what();
    }
  }

  test::Folder folder_;
  const fs::path store_ = folder_.path();
};

TEST_F(ControlFileTest, ALivingCoordinatorIsFoundAndNobodyElseMayReadWhere) {
  const auto lock = own();
  {
    const ControlFile file(store_, point());
    struct stat mode = {};
    ASSERT_EQ(::stat(control_file(store_).c_str(), &mode), 0);
    EXPECT_EQ(mode.st_mode & 0777u, 0600u);
    const ControlPoint found = living_control(store_);
    EXPECT_EQ(found.url, "http://127.0.0.1:8642/");
    EXPECT_EQ(found.token, "secret");
    EXPECT_EQ(found.pid, ::getpid());
  }
  EXPECT_FALSE(fs::exists(control_file(store_)));
  EXPECT_EQ(std::distance(fs::directory_iterator(store_), fs::directory_iterator()), 1) << "only the lock is left";
}

TEST_F(ControlFileTest, WithoutACoordinatorTheWayToOneIsNamed) {
  EXPECT_EQ(refusal(), "no coordinator runs on " + store_.string() + ": `medley serve` starts one");
  leave(kNobody);
  EXPECT_EQ(refusal(), "no coordinator runs on " + store_.string() + ": `medley serve` starts one");
}

TEST_F(ControlFileTest, WhatAKilledCoordinatorLeftIsNotTakenForALivingOne) {
  ControlPoint killed = point();
  killed.pid = kNobody;
  leave(kNobody);
  const ControlFile file(store_, killed);
  EXPECT_EQ(refusal(), "no coordinator runs on " + store_.string() + ": `medley serve` starts one");
  leave(::getpid());  // its process id belongs to another program now, as it always does to process 1 of a container
  EXPECT_EQ(refusal(), "no coordinator runs on " + store_.string() + ": `medley serve` starts one");
  const auto lock = own();  // another one runs since, without a dashboard
  EXPECT_NE(refusal().find("process " + std::to_string(::getpid()) + " on host " + cluster::this_host() + " holds"),
            std::string::npos)
      << refusal();
  EXPECT_NE(refusal().find("--no-web"), std::string::npos) << refusal();
}

TEST_F(ControlFileTest, AProcessOfAnotherHostIsNotTakenForOneOfThisHost) {
  leave(::getpid(), "login7", "another-boot");
  EXPECT_EQ(refusal().find("process " + std::to_string(::getpid()) + " on host login7 holds "), 0u) << refusal();
  fs::last_write_time(store_ / "lock", fs::file_time_type::clock::now() - std::chrono::minutes(2));
  EXPECT_EQ(refusal(), "no coordinator runs on " + store_.string() + ": `medley serve` starts one");
}

TEST_F(ControlFileTest, ACommandThatNeedsNoCoordinatorAsksOneOnlyWhileItHoldsTheStore) {
  const ControlFile file(store_, point());
  EXPECT_FALSE(control_if_held(store_));
  leave(::getpid());
  EXPECT_FALSE(control_if_held(store_));
  {
    const auto lock = own();
    const auto found = control_if_held(store_);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->token, "secret");
    fs::remove(control_file(store_));
    EXPECT_THROW(control_if_held(store_), Error);
  }
  EXPECT_FALSE(control_if_held(store_));
}

TEST_F(ControlFileTest, ACoordinatorOfAnotherHostIsAskedWhereItAnswers) {
  leave(::getpid(), "login7", "another-boot");
  {
    ControlPoint elsewhere = point();
    elsewhere.host = "login7";
    const ControlFile file(store_, elsewhere);
    EXPECT_EQ(refusal(), "the coordinator of " + store_.string() +
                             " runs on host login7 and answers only there: run this command there");
  }
  ControlPoint elsewhere = point("http://10.0.0.7:8642/");
  elsewhere.loopback = false;
  elsewhere.host = "login7";
  const ControlFile file(store_, elsewhere);
  EXPECT_EQ(living_control(store_).url, "http://10.0.0.7:8642/");
}

TEST_F(ControlFileTest, NonsenseInItIsNamed) {
  const auto lock = own();
  for (const char* text :
       {"", "[]", R"({"url": 7})", R"({"url": "file:///x", "token": "", "host": "h", "pid": 1, "loopback": true})",
        R"({"url": "http://x/", "token": "", "host": "h", "pid": "one", "loopback": true})"}) {
    std::ofstream(control_file(store_)) << text;
    EXPECT_NE(refusal().find("control.json is not what a coordinator writes"), std::string::npos) << text;
  }
}

TEST_F(ControlFileTest, AProcessIdOutOfRangeIsNotCut) {
  for (const char* pid : {"1e300", "4294967297", "-1", "0.5"}) {
    test::write_file(control_file(store_), std::string(R"({"url": "http://h/", "token": "", "host": "h", "pid": )") +
                                               pid + R"(, "loopback": true})");
    EXPECT_THROW(read_control_file(store_), Error) << pid;
  }
}

}  // namespace
}  // namespace medley::coordinator
