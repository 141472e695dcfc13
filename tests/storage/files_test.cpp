#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/files/error.h"
#include "storage/files/lock.h"
#include "storage/files/mapped_file.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "tests/storage/faulty_calls.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"

namespace medley::files {
namespace {

namespace fs = std::filesystem;
using storage::testing_store::DiskCall;
using storage::testing_store::FaultyCalls;

class Files : public ::testing::Test {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(folder_.path())) all.push_back(entry.path().filename());
    return all;
  }

  const test::Folder folder_;
  const fs::path path_ = folder_ / "result";
};

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 0777;
}

/// A call on the partial file of `name`.
bool is_partial(const DiskCall& call, const std::string& name) {
  const std::string head = "." + name + ".", tail = ".partial";
  return call.file.rfind(head, 0) == 0 && call.file.size() > tail.size() &&
         call.file.compare(call.file.size() - tail.size(), tail.size(), tail) == 0;
}

TEST_F(Files, ADurableWriteSyncsTheFileBeforeItsNameAppearsAndTheFolderBeforeItReturns) {
  const FaultyCalls disk(folder_.path());
  write(path_, "new", Durability::kDurable);
  const auto& calls = disk.calls();
  ASSERT_EQ(calls.size(), 5u);
  EXPECT_TRUE(calls[0].name == "write" && is_partial(calls[0], "result")) << calls[0].file;
  EXPECT_TRUE(calls[1].name == "fsync" && is_partial(calls[1], "result")) << calls[1].file;
  EXPECT_TRUE(calls[2].name == "fsync" && is_partial(calls[2], "result")) << calls[2].file;
  EXPECT_EQ(calls[3], (DiskCall{"rename", "result"}));
  EXPECT_EQ(calls[4], (DiskCall{"fsync", "."}));
  EXPECT_EQ(read(path_), "new");
}

TEST_F(Files, AnAtomicWriteSyncsTheFileBeforeItsNameAppears) {
  const FaultyCalls disk(folder_.path());
  write(path_, "new", Durability::kAtomic);
  const auto& calls = disk.calls();
  ASSERT_GE(calls.size(), 3u);
  EXPECT_TRUE(calls[calls.size() - 2].name == "fsync" && is_partial(calls[calls.size() - 2], "result"));
  EXPECT_EQ(calls.back(), (DiskCall{"rename", "result"}));
}

TEST_F(Files, AFailureBeforeTheExchangeLeavesTheOldFileAndNoPartialOne) {
  write(path_, "old", Durability::kDurable);
  const struct {
    const char* call;
    int nth, code;
    const char* says;
  } faults[] = {{"write", 1, ENOSPC, "result: cannot write: No space left on device"},
                {"fsync", 1, EIO, "result: cannot sync: Input/output error"},
                {"fsync", 2, EIO, "result: cannot sync: Input/output error"},
                {"rename", 1, EACCES, "result: cannot replace: Permission denied"}};
  for (const auto& fault : faults) {
    FaultyCalls disk(folder_.path());
    disk.fail(fault.call, fault.nth, fault.code);
    const std::string said = test::error_of<Error>([&] { write(path_, "new", Durability::kDurable); });
    EXPECT_EQ(said, (folder_.path() / fault.says).string()) << fault.call;
    EXPECT_EQ(read(path_), "old") << fault.call;
    EXPECT_EQ(names(), std::vector<std::string>{"result"}) << fault.call;
  }
}

TEST_F(Files, AFolderThatCannotBeSyncedIsAnError) {
  FaultyCalls disk(folder_.path());
  disk.fail("fsync", 3, EIO);
  const std::string said = test::error_of<Error>([&] { write(path_, "new", Durability::kDurable); });
  EXPECT_EQ(said, folder_.path().string() + ": cannot sync: Input/output error");
  EXPECT_EQ(names(), std::vector<std::string>{"result"});
}

TEST_F(Files, AFileSystemWithoutSyncOfFoldersIsNoError) {
  FaultyCalls disk(folder_.path());
  disk.fail("fsync", 3, EINVAL);
  write(path_, "new", Durability::kDurable);
  EXPECT_EQ(read(path_), "new");
}

TEST_F(Files, ShortAndInterruptedWritesGoOn) {
  FaultyCalls disk(folder_.path());
  disk.shorten_next_write(2);
  disk.fail("write", 2, EINTR);
  disk.fail("fsync", 1, EINTR);
  write(path_, "complete", Durability::kDurable);
  EXPECT_EQ(read(path_), "complete");
}

TEST_F(Files, OfTwoThatCreateAFileTheFirstWins) {
  EXPECT_TRUE(create(path_, "first", Durability::kDurable));
  EXPECT_FALSE(create(path_, "second", Durability::kDurable));
  EXPECT_EQ(read(path_), "first");
  EXPECT_EQ(names(), std::vector<std::string>{"result"});
}

TEST_F(Files, ACreatedFileIsSyncedBeforeItsNameAppears) {
  const FaultyCalls disk(folder_.path());
  create(path_, "first", Durability::kDurable);
  const auto& calls = disk.calls();
  ASSERT_GE(calls.size(), 3u);
  EXPECT_EQ(calls[calls.size() - 3].name, "fsync");
  EXPECT_EQ(calls[calls.size() - 2], (DiskCall{"link", "result"}));
  EXPECT_EQ(calls.back(), (DiskCall{"fsync", "."}));
}

TEST_F(Files, AFailedCreationLeavesNothing) {
  FaultyCalls disk(folder_.path());
  disk.fail("link", 1, EPERM);
  EXPECT_EQ(test::error_of<Error>([&] { create(path_, "first", Durability::kDurable); }),
            path_.string() + ": cannot create: Operation not permitted");
  EXPECT_TRUE(names().empty());
}

TEST_F(Files, APrivateFileIsPrivateFromItsFirstByte) {
  PartialFile file(path_, Access::kPrivate);
  EXPECT_EQ(mode_of(file.path()), 0600u);
  file.append("secret");
  file.commit(Durability::kAtomic);
  EXPECT_EQ(mode_of(path_), 0600u);
  EXPECT_EQ(read_private(path_), "secret");
}

TEST_F(Files, ASecretThatOthersMayOpenIsRefused) {
  write(path_, "secret", Durability::kAtomic);
  for (const mode_t mode : {0640u, 0604u, 0610u}) {
    ::chmod(path_.c_str(), mode);
    EXPECT_NE(test::error_of<Error>([&] { read_private(path_); }).find("run: chmod 600 " + path_.string()),
              std::string::npos);
  }
}

TEST_F(Files, APartialFileThatALibraryReplacesIsTheOneThatIsSynced) {
  const FaultyCalls disk(folder_.path());
  PartialFile file(path_);
  const fs::path other = folder_ / "of-a-library";
  std::ofstream(other) << "bytes";
  fs::rename(other, file.path());
  file.commit(Durability::kDurable);
  EXPECT_EQ(read(path_), "bytes");
  EXPECT_TRUE(std::any_of(disk.calls().begin(), disk.calls().end(),
                          [](const DiskCall& call) { return call.name == "fsync" && is_partial(call, "result"); }));
}

TEST_F(Files, APartialFileThatIsNotCommittedGoes) {
  {
    PartialFile file(path_);
    file.append("half");
    EXPECT_EQ(names().size(), 1u);
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(Files, AFolderTakesItsNameWhenItIsWholeAndOnlyIfNothingHasIt) {
  {
    PartialFolder folder(path_);
    folder.put("a/b", "first");
    EXPECT_FALSE(fs::exists(path_));
    EXPECT_EQ(test::error_of<Error>([&] { folder.put("a/b", "again"); }),
              (path_ / "a/b").string() + ": cannot write: File exists");
    EXPECT_TRUE(folder.commit_if_new());
  }
  EXPECT_EQ(read(path_ / "a/b"), "first");
  {
    PartialFolder second(path_);
    second.put("a/b", "second");
    EXPECT_FALSE(second.commit_if_new());
  }
  EXPECT_EQ(read(path_ / "a/b"), "first");
  EXPECT_EQ(names(), std::vector<std::string>{"result"});
  fs::create_directory(folder_ / "empty");
  EXPECT_FALSE(PartialFolder(folder_ / "empty").commit_if_new());
}

TEST_F(Files, ALinkKeepsItsPlaceAndADeviceIsNotReplaced) {
  fs::create_symlink("result", folder_ / "link");
  write(path_, "old", Durability::kAtomic);
  write(folder_ / "link", "new", Durability::kAtomic);
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read(path_), "new");
  EXPECT_EQ(test::error_of<Error>([] { write("/dev/null", "", Durability::kAtomic); }),
            "/dev/null: cannot write: not a regular file");
  EXPECT_EQ(test::error_of<Error>([&] { write(folder_.path(), "", Durability::kAtomic); }),
            folder_.path().string() + ": cannot write: not a regular file");
}

TEST_F(Files, NewFoldersAreSyncedIntoTheOnesThatHoldThem) {
  const FaultyCalls disk(folder_.path());
  make_folders(folder_ / "a/b");
  make_folders(folder_ / "a/b");
  EXPECT_TRUE(fs::is_directory(folder_ / "a/b"));
  EXPECT_EQ(disk.calls(), (std::vector<DiskCall>{{"fsync", "."}, {"fsync", "a"}}));
  write(path_, "", Durability::kAtomic);
  EXPECT_NE(test::error_of<Error>([&] { make_folders(path_); }).find("result: cannot make the folder: "),
            std::string::npos);
}

TEST_F(Files, WhatCannotBeReadIsSaidAndWhatIsMissingIsNothing) {
  EXPECT_EQ(test::error_of<Error>([&] { read(path_); }), path_.string() + ": cannot read: No such file or directory");
  EXPECT_EQ(read_if_there(path_), std::nullopt);
  EXPECT_EQ(test::error_of<Error>([&] { read_if_there(folder_.path()); }),
            folder_.path().string() + ": cannot read: Is a directory");
  EXPECT_EQ(read_if_readable(folder_.path()), std::nullopt);
  EXPECT_NE(read("/proc/self/status").find("Pid:"), std::string::npos);
}

TEST_F(Files, AMappedFileIsRegularAndNotEmpty) {
  write(path_, "", Durability::kAtomic);
  EXPECT_EQ(test::error_of<Error>([&] { MappedFile file(path_); }), path_.string() + ": cannot map: the file is empty");
  EXPECT_EQ(test::error_of<Error>([] { MappedFile file("/"); }), "/: cannot map: not a regular file");
  write(path_, "bytes", Durability::kAtomic);
  const MappedFile file(path_);
  EXPECT_EQ(std::string(file.data(), file.data() + file.size()), "bytes");
}

TEST_F(Files, WhoAsksForALockKeepsNobodyFromTakingIt) {
  const fs::path file = folder_ / "lock";
  Lock::take(file);  // makes it
  std::atomic<bool> ended{false};
  std::vector<std::thread> asking;
  for (int i = 0; i < 4; ++i) {
    asking.emplace_back([&] {
      while (!ended) Lock::is_held(file);
    });
  }
  int refused = 0, unseen = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto lock = Lock::take(file);
    refused += !lock;
    unseen += lock && !Lock::is_held(file);
  }
  ended = true;
  for (std::thread& thread : asking) thread.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(unseen, 0);
  EXPECT_FALSE(Lock::is_held(file));
}

TEST_F(Files, ALockIsHeldByOneUntilItDies) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto lock = Lock::take(path_);
    if (lock) lock->sign();
    const char done = lock ? 'y' : 'n';
    [[maybe_unused]] const ssize_t said = ::write(ready[1], &done, 1);
    ::pause();
  }
  char done = 0;
  ASSERT_EQ(::read(ready[0], &done, 1), 1);
  EXPECT_EQ(done, 'y');
  EXPECT_TRUE(Lock::is_held(path_));
  EXPECT_FALSE(Lock::take(path_));
  EXPECT_FALSE(Lock::take_existing(path_));
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  const auto holder = Lock::holder(path_);
  ASSERT_TRUE(holder);
  EXPECT_EQ(holder->process, child);
  EXPECT_EQ(holder->host, host);

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(Lock::is_held(path_));
  EXPECT_TRUE(Lock::take_existing(path_));
  EXPECT_FALSE(Lock::take_existing(folder_ / "absent"));
  EXPECT_EQ(Lock::holder(folder_ / "absent"), std::nullopt);
}

}  // namespace
}  // namespace medley::files
