// Who holds a store: by the lock on one kernel, by what its owner signs among hosts. Another host is played by a
// signature with another kernel's boot.
#include "storage/owner.h"

#include <atomic>
#include <fstream>
#include <functional>
#include <iomanip>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/database.h"
#include "storage/files/file_system.h"
#include "storage/files/lock.h"
#include "storage/reader.h"
#include "storage/schema.h"
#include "storage/upkeep.h"
#include "storage/writer.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/patience.h"

namespace medley::storage {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using test::error_of;

class OwnerTest : public testing::Test {
 protected:
  /// What process 4711 of host login7 leaves in the lock file.
  void sign_elsewhere(int beat) const {
    if (!fs::exists(lock_)) std::ofstream{lock_};
    std::fstream(lock_, std::ios::in | std::ios::out)  // in place, as an owner does
        << "4711 on login7 boot another-kernel beat " << std::setw(6) << std::setfill('0') << beat << "\n";
  }
  static constexpr const char* kElsewhere = "process 4711 on host login7";

  test::Folder folder_;
  const fs::path store_ = folder_.path() / "store", lock_ = store_ / "lock";
  const OwnerTimes quick_{20ms, 200ms};
};

TEST_F(OwnerTest, OnOneKernelTheLockAloneSaysWhoHoldsAStore) {
  EXPECT_FALSE(store_holder(store_));
  {
    const Writer writer(store_);
    const auto holder = store_holder(store_);
    ASSERT_TRUE(holder);
    EXPECT_EQ(holder->process, ::getpid());
    EXPECT_TRUE(holder->here);
  }
  EXPECT_FALSE(store_holder(store_));
  EXPECT_FALSE(files::Lock::holder(lock_)) << "who ends properly takes its signature back";
  // Killed; its process id, here that of this very process, is another program's now.
  std::ofstream(lock_) << ::getpid() << " on here boot " << files::Lock::boot_id() << " beat 9\n";
  EXPECT_FALSE(store_holder(store_));
  EXPECT_NO_THROW(Writer{store_});
}

TEST_F(OwnerTest, AnOwnerSignsAgainAndAgain) {
  fs::create_directories(store_);
  const Owner owner(store_, quick_);
  const auto first = files::Lock::holder(lock_);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->is_of_this_kernel());
  EXPECT_TRUE(test::eventually([&] { return files::Lock::holder(lock_)->beats >= first->beats + 3; }));
}

TEST_F(OwnerTest, AnotherHostThatStillSignsIsNamed) {
  fs::create_directories(store_);
  sign_elsewhere(1);
  std::atomic<bool> done{false};
  std::thread other([&] {
    for (int beat = 2; !done; ++beat) {
      sign_elsewhere(beat);
      std::this_thread::sleep_for(5ms);
    }
  });
  const std::string error = error_of<Error>([&] { Owner owner(store_, {20ms, 10s}); });
  done = true;
  other.join();
  EXPECT_NE(error.find(kElsewhere), std::string::npos) << error;
  EXPECT_EQ(files::Lock::holder(lock_)->host, "login7") << "its signature is left alone";
}

TEST_F(OwnerTest, AnotherHostThatDiedIsOutwaited) {
  fs::create_directories(store_);
  sign_elsewhere(7);
  Owner owner(store_, quick_);
  EXPECT_EQ(files::Lock::holder(lock_)->process, ::getpid());
  EXPECT_NO_THROW(owner.check());
}

TEST_F(OwnerTest, AnOwnerThatStoodStillChangesNothingOnceAnotherHostTookTheStore) {
  {
    Writer writer(store_);
    Writer::Group(writer).commit();
  }
  {
    Owner owner(store_, quick_);
    EXPECT_NO_THROW(owner.check());
    std::string error;
    EXPECT_TRUE(test::eventually([&] {
      sign_elsewhere(1);  // as another host does that has seen no signature for a minute
      return !(error = error_of<Error>([&] { owner.check(); })).empty();
    }));
    EXPECT_NE(error.find(std::string(kElsewhere) + " took the store over"), std::string::npos) << error;
  }
  EXPECT_EQ(files::Lock::holder(lock_)->host, "login7") << "its signature is left alone";
}

TEST_F(OwnerTest, ADatabaseThatAnotherHostHoldsIsNotRead) {
  { const Writer writer(store_); }
  sign_elsewhere(1);
  for (const auto& read :
       std::vector<std::function<void()>>{[&] { Reader reader(store_); }, [&] { compact(store_); }}) {
    const std::string error = error_of<Error>(read);
    EXPECT_EQ(error.find(std::string(kElsewhere) + " holds "), 0u) << error;
    EXPECT_NE(error.find("run this command there"), std::string::npos) << error;
  }
  fs::last_write_time(lock_, fs::file_time_type::clock::now() - 2min);
  EXPECT_NO_THROW(Reader{store_}) << "it has not signed for two minutes";
}

class StoreFolderTest : public OwnerTest {
 protected:
  static unsigned mode(const fs::path& path) {
    struct stat about = {};
    EXPECT_EQ(::stat(path.c_str(), &about), 0) << path;
    return about.st_mode & 0777u;
  }
};

TEST_F(StoreFolderTest, ANewStoreIsItsOwnersAloneUntilTheGroupIsLetIn) {
  { const Writer writer(store_); }
  EXPECT_EQ(mode(store_), 0700u);
  {
    StorePlace place;
    place.group = true;
    const Writer writer(store_, place);
  }
  EXPECT_EQ(mode(store_), 0750u);
  { const Writer writer(store_); }
  EXPECT_EQ(mode(store_), 0750u) << "what was said stays";
  const fs::path made = folder_.path() / "made";
  fs::create_directory(made);
  fs::permissions(made, fs::perms(0755));
  { const Writer writer(made); }
  EXPECT_EQ(mode(made), 0755u) << "a folder that was there is as its maker left it";
}

TEST_F(StoreFolderTest, ADatabaseMayLieElsewhere) {
  StorePlace place;
  place.database = folder_.path() / "local";
  { const Writer writer(store_, place); }
  EXPECT_TRUE(fs::is_regular_file(place.database / "medley.db"));
  EXPECT_EQ(fs::read_symlink(store_ / "medley.db"), fs::canonical(place.database) / "medley.db");
  {
    Writer writer(store_);  // which finds it without being told
    const SweepSubmission sweep = testing_store::small_sweep("s", 1, 1);
    Writer::Group group(writer);
    writer.register_dataset(testing_store::small_dataset(), 1);
    writer.submit_sweep(sweep, 1);
    group.commit();
    EXPECT_EQ(Reader(store_).sweeps().size(), 1u);
    EXPECT_EQ(database_files(store_).size(), 2u) << "with its log";
  }
  EXPECT_EQ(database_files(store_), std::vector<fs::path>{fs::canonical(place.database) / "medley.db"});
  const Compacted compacted = compact(store_);
  EXPECT_EQ(compacted.after, fs::file_size(place.database / "medley.db"));

  place.database = folder_.path() / "elsewhere";
  std::string error = error_of<Error>([&] { Writer writer(store_, place); });
  EXPECT_NE(error.find("is a link to"), std::string::npos) << error;
  fs::rename(folder_.path() / "local", folder_.path() / "gone");
  error = error_of<Error>([&] { Reader reader(store_); });
  EXPECT_NE(error.find("which is not on this host"), std::string::npos) << error;
}

TEST_F(StoreFolderTest, ADatabaseThatIsThereIsNotPutElsewhere) {
  { const Writer writer(store_); }
  StorePlace place;
  place.database = folder_.path() / "local";
  const std::string error = error_of<Error>([&] { Writer writer(store_, place); });
  EXPECT_NE(error.find("is a database already"), std::string::npos) << error;
  EXPECT_NO_THROW(Reader{store_});
}

TEST_F(StoreFolderTest, ALogThatSqliteCannotKeepIsAnError) {
  Database memory(":memory:", Database::Mode::kReadWrite);  // SQLite's own, which has no log
  const std::string error = error_of<Error>([&] { prepare_for_writing(memory); });
  EXPECT_NE(error.find("cannot have a write-ahead log (SQLite keeps it in mode 'memory')"), std::string::npos) << error;
}

TEST(FileSystem, ThoseThatHostsShareAreNamed) {
  EXPECT_EQ(files::shared_file_system(0x6969), "NFS");
  EXPECT_EQ(files::shared_file_system(0x0bd00bd0), "Lustre");
  EXPECT_EQ(files::shared_file_system(0x47504653), "GPFS") << "its letters in ASCII";
  EXPECT_EQ(files::shared_file_system(0xef53), "") << "ext4";
  EXPECT_EQ(files::shared_file_system(fs::path("/dev/shm/no/such/file")), "") << "tmpfs";
}

}  // namespace
}  // namespace medley::storage
