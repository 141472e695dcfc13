#include "worker/spool.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/folder.h"

namespace medley::worker {
namespace {
namespace fs = std::filesystem;
using sweep::AttemptId;

const AttemptId kA{"00000000000000aa", 1}, kB{"00000000000000bb", 12};
const std::vector<std::uint8_t> kBytes = {1, 2, 3, 0, 255};

class SpoolTest : public testing::Test {
 protected:
  /// A process that spools and dies without a word.
  template <class Work>
  void in_dying_process(Work work) {
    const pid_t pid = fork();
    if (pid == 0) {
      work();
      raise(SIGKILL);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
};

TEST_F(SpoolTest, KeepsWhatWasPutUntilItIsRemoved) {
  Spool spool(folder_ / "deep" / "er", "me");
  EXPECT_TRUE(spool.list().empty());
  spool.put(kB, {9});
  spool.put(kA, kBytes);
  spool.put(kB, {7, 7});  // again: the newer one
  EXPECT_EQ(spool.list(), (std::vector<AttemptId>{kA, kB}));
  EXPECT_EQ(spool.read(kA), kBytes);
  EXPECT_EQ(spool.read(kB), (std::vector<std::uint8_t>{7, 7}));
  spool.remove(kA);
  spool.remove(kA);
  EXPECT_EQ(spool.list(), std::vector<AttemptId>{kB});
  EXPECT_FALSE(spool.read(kA));
}

TEST_F(SpoolTest, LeavesNothingBehindWhenEverythingWasDelivered) {
  {
    Spool spool(folder_, "me");
    spool.put(kA, kBytes);
    spool.remove(kA);
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SpoolTest, TakesOverOfTheDeadButNotOfTheLiving) {
  in_dying_process([&] { (new Spool(folder_, "dead"))->put(kA, kBytes); });
  Spool alive(folder_, "alive");
  alive.put(kB, {5});
  Spool me(folder_, "me");
  EXPECT_EQ(me.take_over_abandoned(), std::vector<AttemptId>{kA});
  EXPECT_EQ(me.read(kA), kBytes);
  EXPECT_EQ(alive.list(), std::vector<AttemptId>{kB});
  EXPECT_FALSE(fs::exists(folder_ / "w-dead"));
  EXPECT_TRUE(me.take_over_abandoned().empty());
}

TEST_F(SpoolTest, ADeathInTheMiddleOfAWriteLeavesNoResult) {
  in_dying_process([&] {
    new Spool(folder_, "dead");
    std::ofstream(folder_ / "w-dead" / ".00000000000000aa-1.77-1.partial") << "half a res";
  });
  Spool me(folder_, "me");
  EXPECT_TRUE(me.take_over_abandoned().empty());
  EXPECT_FALSE(fs::exists(folder_ / "w-dead"));
}

TEST_F(SpoolTest, ADamagedResultIsSetAsideNotDelivered) {
  Spool spool(folder_, "me");
  for (const int damage : {0, 70, -1}) {
    spool.put(kA, std::vector<std::uint8_t>(100, 42));
    const fs::path file = folder_ / "w-me" / "00000000000000aa-1";
    if (damage < 0) {
      fs::resize_file(file, 20);
    } else {
      std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
      out.seekp(damage);
      out.put('!');
    }
    EXPECT_FALSE(spool.read(kA));
    EXPECT_TRUE(spool.list().empty());
    EXPECT_TRUE(fs::exists(folder_ / "w-me" / "bad-00000000000000aa-1"));
  }
}

TEST_F(SpoolTest, StrangeNamesAreLeftAlone) {
  Spool spool(folder_, "me");
  for (const char* name :
       {"lock2", "00000000000000aa-0", "00000000000000aa-x", "00000000000000aa-1x", "00000000000000AA-1"}) {
    std::ofstream(folder_ / "w-me" / name) << "x";
  }
  EXPECT_TRUE(spool.list().empty());
}

TEST_F(SpoolTest, AFolderThatOthersMayWriteIsRefused) {
  const auto refusal = [&] {
    try {
      Spool spool(folder_, "me");
      return std::string("none");
    } catch (const Error& e) {
      return std::string(e.what());
    }
  };
  EXPECT_EQ(refusal(), "none");
  ASSERT_EQ(chmod(folder_.c_str(), 01777), 0);
  EXPECT_NE(refusal().find(folder_.string() + " may be written by everybody"), std::string::npos) << refusal();
  if (geteuid() != 0) return;  // nobody else can give a folder away
  ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
  ASSERT_EQ(chown(folder_.c_str(), 65534, 65534), 0);
  EXPECT_NE(refusal().find(folder_.string() + " belongs to another user"), std::string::npos) << refusal();
}

TEST_F(SpoolTest, AFolderThatCannotBeIsAnErrorThatNamesIt) {
  std::ofstream(folder_ / "file") << "x";
  try {
    Spool spool(folder_ / "file", "me");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find((folder_ / "file").string()), std::string::npos);
  }
  EXPECT_THROW(Spool(folder_, "me").put(AttemptId{"nowhere/00000000", 1}, kBytes), Error);
}

}  // namespace
}  // namespace medley::worker
