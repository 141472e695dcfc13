// What cannot be written: each case in a child process, because limits and identities are a process's.
#include <cerrno>
#include <csignal>
#include <functional>
#include <iostream>
#include <system_error>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/files/error.h"
#include "storage/files/lock.h"
#include "storage/reader.h"
#include "storage/writer.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/folder.h"

namespace medley::storage {
namespace {

using namespace testing_store;

/// Runs `body` in a child; it returns "" when all was as it should be, else what was not.
void in_child(const std::function<std::string()>& body) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::string wrong;
    try {
      wrong = body();
    } catch (const std::exception& e) {
      wrong = std::string("threw ") + e.what();
    }
    if (!wrong.empty()) std::cerr << wrong << std::endl;
    ::_exit(wrong.empty() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
}

void limit_file_size(std::uintmax_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit {
    static_cast<rlim_t>(bytes), RLIM_INFINITY
  };
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) throw Error("setrlimit failed");
}

/// Of a commit that failed SQLite 3.46 tells the error of the system; 3.40 does not.
bool names_the_cause(const std::string& message) {
  return message.find("is the disk full?") != std::string::npos ||
         message.find("(" + std::generic_category().message(EFBIG)) != std::string::npos;
}

constexpr std::uintmax_t kUnlimited = ~std::uintmax_t{0};

TEST(Disk, AFullDiskIsSaidAndNothingIsHalfWritten) {
  test::Folder folder;
  in_child([&]() -> std::string {
    const SweepSubmission sweep = small_sweep("s", 40, 5);  // 400 trials
    std::mt19937_64 random(1);
    Writer writer(folder.path());
    {
      Writer::Group group(writer);
      writer.register_dataset(small_dataset(), 1);
      writer.worker_joined({"w", "w", 1, 1, "cpu", ""}, 1);
      writer.submit_sweep(sweep, 1);
      group.commit();
    }
    const auto wal = std::filesystem::file_size(folder.path() / "medley.db-wal");
    limit_file_size(wal + 600'000);
    int stored = 0;
    std::string message;
    for (const sweep::TrialSpec& trial : sweep.trials) {
      message = test::error_of<Error>([&] {
        Writer::Group group(writer);
        writer.begin_attempts("w", stored + 1, {{trial.id, 1}}, 2);
        writer.accept_result({trial.id, 1}, "w", random_result(trial, random), 3);
        group.commit();
      });
      if (!message.empty()) break;
      ++stored;
    }
    if (message.empty()) return "the limit was never met";
    if (message.find((folder.path() / "medley.db").string()) == std::string::npos) return "no file named: " + message;
    if (!names_the_cause(message)) return "no cause named: " + message;
    if (message.find("cannot ") != 0) return "no operation named: " + message;
    Reader reader(folder.path());
    const auto id = sweep_id(sweep);
    if (reader.find_sweep(id)->finished != stored) return "a half-written result is visible";
    if (!reader.find_trial(sweep.trials[static_cast<std::size_t>(stored)].id)->attempts.empty()) {
      return "a half-written attempt is visible";
    }
    // There is room again: the same writer continues.
    limit_file_size(kUnlimited);
    const sweep::TrialSpec& trial = sweep.trials[static_cast<std::size_t>(stored)];
    Writer::Group group(writer);
    writer.begin_attempts("w", stored + 1, {{trial.id, 1}}, 2);
    writer.accept_result({trial.id, 1}, "w", random_result(trial, random), 3);
    group.commit();
    return reader.find_sweep(id)->finished == stored + 1 ? "" : "the writer does not continue";
  });
}

TEST(Disk, AStoreThatCannotEvenBeginIsAClearError) {
  test::Folder folder;
  in_child([&]() -> std::string {
    limit_file_size(4096);
    const std::string message = test::error_of<Error>([&] { Writer writer(folder.path()); });
    limit_file_size(kUnlimited);
    if (!names_the_cause(message)) return "unclear: " + message;
    Writer writer(folder.path());  // nothing half-made stands in the way
    return "";
  });
}

TEST(Disk, ALockThatIsSignedByHalfIsAFullDisk) {
  test::Folder folder;
  in_child([&]() -> std::string {
    auto lock = files::Lock::take(folder / "lock");
    limit_file_size(4);
    const std::string message = test::error_of<files::Error>([&] { lock->sign(); });
    return message == (folder / "lock").string() + ": cannot write: No space left on device" ? "" : message;
  });
}

TEST(Disk, AReadOnlyFolderIsAClearError) {
  test::Folder folder;
  { Writer writer(folder.path()); }
  in_child([&]() -> std::string {
    ::chmod(folder.path().c_str(), 0755);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
      ::chmod(entry.path().c_str(), entry.is_directory() ? 0555 : 0444);
    }
    ::chmod(folder.path().c_str(), 0555);
    constexpr uid_t kNobody = 65534;  // permissions do not bind the superuser
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) return "cannot change the user";
    const std::string message = test::error_of<Error>([&] { Writer writer(folder.path()); });
    if (message.find(folder.path().string()) == std::string::npos) return "no place named: " + message;
    if (message.find("Permission denied") == std::string::npos) return "no cause named: " + message;
    return "";
  });
  ::chmod(folder.path().c_str(), 0755);
}

}  // namespace
}  // namespace medley::storage
