#include "worker/spool.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "tests/support/spooled.h"

namespace medley::worker {
namespace {
namespace fs = std::filesystem;
using sweep::AttemptId;

const AttemptId kA{"00000000000000aa", 1}, kB{"00000000000000bb", 12}, kC{"00000000000000cc", 3};
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

  /// Of the worker "me", those that are not empty.
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_ / "w-me")) {
      if (test::holds_results(entry.path())) found.push_back(entry.path());
    }
    return found;
  }
  static void change(const fs::path& file, std::uintmax_t at) {
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekg(static_cast<std::streamoff>(at));
    const auto byte = static_cast<char>(out.get() ^ 4);
    out.seekp(static_cast<std::streamoff>(at));
    out.put(byte);
  }

  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
};

TEST_F(SpoolTest, KeepsWhatWasPutUntilItIsRemoved) {
  Spool spool(folder_ / "deep" / "er", "me");
  EXPECT_TRUE(spool.list().empty());
  spool.put({{kB, {9}}, {kA, kBytes}});
  spool.put({{kB, {7, 7}}});  // again: the newer one
  EXPECT_EQ(spool.list(), (std::vector<AttemptId>{kA, kB}));
  EXPECT_EQ(spool.read(kA), kBytes);
  EXPECT_EQ(spool.read(kB), (std::vector<std::uint8_t>{7, 7}));
  spool.remove(kA);
  spool.remove(kA);
  EXPECT_EQ(spool.list(), std::vector<AttemptId>{kB});
  EXPECT_FALSE(spool.read(kA));
}

TEST_F(SpoolTest, AResultMayBeEmpty) {
  Spool spool(folder_, "me");
  spool.put({{kA, {}}, {kB, {1}}});
  EXPECT_EQ(spool.read(kA), std::vector<std::uint8_t>());
  EXPECT_EQ(spool.read(kB), std::vector<std::uint8_t>{1});
}

TEST_F(SpoolTest, LeavesNothingBehindWhenEverythingWasDelivered) {
  {
    Spool spool(folder_, "me");
    spool.put({{kA, kBytes}, {kB, kBytes}});
    EXPECT_EQ(files().size(), 1u) << "a pack is one file";
    spool.remove(kA);
    EXPECT_EQ(files().size(), 1u);
    spool.remove(kB);
    EXPECT_TRUE(files().empty());
    spool.put({{kA, kBytes}});
    spool.put({{kA, kBytes}});
    EXPECT_EQ(files().size(), 1u) << "of the newer one";
    spool.remove(kA);
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SpoolTest, APackIsWrittenOverOneThatWasDelivered) {
  const fs::path file = folder_ / "w-dead" / "results-dead-1";
  in_dying_process([&] {
    auto* dead = new Spool(folder_, "dead");
    dead->put({{kA, std::vector<std::uint8_t>(10000, 1)}, {kB, {2}}});
    struct stat first = {}, second = {};
    if (stat(file.c_str(), &first) != 0) abort();
    dead->remove(kA), dead->remove(kB);
    dead->put({{kC, kBytes}});  // shorter
    if (stat(file.c_str(), &second) != 0 || first.st_ino != second.st_ino) abort();
    if (dead->read(kC) != kBytes) abort();
    dead->put({{kA, {4}}});  // while the other one waits
  });
  Spool me(folder_, "me");
  EXPECT_EQ(me.take_over_abandoned(), (std::vector<AttemptId>{kA, kC}));
  EXPECT_EQ(me.read(kC), kBytes);
  EXPECT_EQ(me.read(kA), std::vector<std::uint8_t>{4});
}

TEST_F(SpoolTest, ADeathWhileAPackIsWrittenOverAnotherLeavesNoResult) {
  in_dying_process([&] {
    auto* dead = new Spool(folder_, "dead");
    dead->put({{kA, {1}}, {kB, {2}}});
    dead->remove(kA), dead->remove(kB);
  });
  // All but its first word.
  const fs::path file = folder_ / "w-dead" / "results-dead-1";
  for (std::uintmax_t at = 4; at < fs::file_size(file); ++at) change(file, at);
  Spool me(folder_, "me");
  EXPECT_TRUE(me.take_over_abandoned().empty());
  EXPECT_FALSE(fs::exists(folder_ / "w-dead"));
}

TEST_F(SpoolTest, KeepsFewEmptyFiles) {
  Spool spool(folder_, "me");
  std::vector<AttemptId> many;
  for (int i = 1; i <= 20; ++i) many.push_back({kA.trial, i});
  for (const AttemptId& attempt : many) spool.put({{attempt, kBytes}});
  EXPECT_EQ(files().size(), 20u);
  for (const AttemptId& attempt : many) spool.remove(attempt);
  EXPECT_TRUE(files().empty());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "w-me"), {}), 1 + 8) << "the lock, and 8 of them";
}

TEST_F(SpoolTest, TakesOverOfTheDeadButNotOfTheLiving) {
  in_dying_process([&] { (new Spool(folder_, "dead"))->put({{kA, kBytes}}); });
  Spool alive(folder_, "alive");
  alive.put({{kB, {5}}});
  Spool me(folder_, "me");
  EXPECT_EQ(me.take_over_abandoned(), std::vector<AttemptId>{kA});
  EXPECT_EQ(me.read(kA), kBytes);
  EXPECT_EQ(alive.list(), std::vector<AttemptId>{kB});
  EXPECT_FALSE(fs::exists(folder_ / "w-dead"));
  EXPECT_TRUE(me.take_over_abandoned().empty());
}

TEST_F(SpoolTest, TakesOverOnlyWhatTheDeadHadNotDelivered) {
  in_dying_process([&] {
    auto* dead = new Spool(folder_, "dead");
    dead->put({{kA, {1}}, {kB, kBytes}, {kC, {3}}});
    dead->remove(kA);
    dead->remove(kC);
  });
  {
    Spool me(folder_, "me");
    EXPECT_EQ(me.take_over_abandoned(), std::vector<AttemptId>{kB});
    EXPECT_EQ(me.read(kB), kBytes);
    EXPECT_FALSE(me.read(kA));
    me.remove(kB);
  }
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SpoolTest, ADeathInTheMiddleOfAWriteLeavesNoResult) {
  in_dying_process([&] {
    new Spool(folder_, "dead");
    std::ofstream(folder_ / "w-dead" / ".results-dead-1.77-1.partial") << "half a res";
  });
  Spool me(folder_, "me");
  EXPECT_TRUE(me.take_over_abandoned().empty());
  EXPECT_FALSE(fs::exists(folder_ / "w-dead"));
}

TEST_F(SpoolTest, ADamagedResultIsSetAsideNotDelivered) {
  Spool spool(folder_, "me");
  for (const bool cut : {false, true}) {
    spool.put({{kB, {1, 2}}, {kA, std::vector<std::uint8_t>(100, 42)}});
    const fs::path file = files().at(0);
    if (cut) fs::resize_file(file, fs::file_size(file) - 1);
    if (!cut) change(file, fs::file_size(file) - 50);
    EXPECT_FALSE(spool.read(kA));
    EXPECT_EQ(spool.list(), std::vector<AttemptId>{kB});
    EXPECT_EQ(spool.read(kB), (std::vector<std::uint8_t>{1, 2}));
    spool.remove(kB);
    EXPECT_TRUE(files().empty());
    const fs::path aside = folder_ / "w-me" / "bad-00000000000000aa-1";
    EXPECT_EQ(fs::file_size(aside), cut ? 99u : 100u);
    fs::remove(aside);
  }
}

// Whichever byte has changed: each result comes as it was, is set aside, or lies in a file that is.
TEST_F(SpoolTest, ADamagedFileOfTheDeadGivesWhatIsSound) {
  std::uintmax_t size = 1;
  int aside = 0, sound = 0;
  for (std::uintmax_t at = 0; at < size; ++at) {
    in_dying_process([&] { (new Spool(folder_, "dead"))->put({{kA, {1, 2}}, {kB, kBytes}}); });
    const fs::path file = folder_ / "w-dead" / "results-dead-1";
    size = fs::file_size(file);
    change(file, at);
    Spool me(folder_, "me");
    const auto taken = me.take_over_abandoned();
    EXPECT_TRUE(taken.empty() || taken.size() == 2) << at;
    aside += taken.empty();
    for (const AttemptId& attempt : taken) {
      const auto bytes = me.read(attempt);
      sound += bytes.has_value();
      EXPECT_TRUE(!bytes || *bytes == (attempt == kA ? std::vector<std::uint8_t>{1, 2} : kBytes)) << at;
    }
    EXPECT_EQ(fs::exists(folder_ / "w-me" / "bad-results-dead-1"), taken.empty()) << at;
    fs::remove_all(folder_ / "w-me");
  }
  EXPECT_EQ(sound, 7 * 1 + 2 * 2) << "one is sound beside a byte of the other, and both beside a changed mark";
  EXPECT_EQ(aside, static_cast<int>(size) - 7 - 2);
}

TEST_F(SpoolTest, StrangeNamesAreLeftAlone) {
  in_dying_process([&] {
    new Spool(folder_, "dead");
    std::ofstream(folder_ / "w-dead" / "lock2") << "x";
    std::ofstream(folder_ / "w-dead" / "results-x") << "x";
  });
  Spool me(folder_, "me");
  EXPECT_TRUE(me.take_over_abandoned().empty());
  EXPECT_TRUE(me.list().empty());
  EXPECT_TRUE(fs::exists(folder_ / "w-me" / "bad-results-x"));
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
  Spool spool(folder_, "me");
  fs::create_directory(folder_ / "w-me" / "results-me-1");
  EXPECT_THROW(spool.put({{kA, kBytes}}), Error);
  EXPECT_TRUE(spool.list().empty());
}

}  // namespace
}  // namespace medley::worker
