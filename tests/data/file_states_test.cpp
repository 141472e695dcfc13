#include "trainer/data/file_states.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/folder.h"

namespace medley::data {
namespace {

namespace fs = std::filesystem;

class FileStatesTest : public testing::Test {
 protected:
  FileStatesTest() {
    write("train_metadata.csv", "filename\n");
    write("clip_static_features.npz", "12345678");
    write("medley.db", "of a store that lies there");
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  std::string file(const std::string& name) const { return path(name).string(); }

  test::Folder folder_;
};

TEST_F(FileStatesTest, SaysWhatHappenedToAFile) {
  const FileStates before = FileStates::of(folder_.path());
  EXPECT_EQ(before.change(), "");
  write("medley.db", "is no file of the dataset");
  EXPECT_EQ(before.change(), "");

  fs::resize_file(path("clip_static_features.npz"), 3);
  EXPECT_EQ(before.change(), file("clip_static_features.npz") + " was 8 bytes, and is 3 now");
  write("other", "12345678");
  fs::rename(path("other"), path("clip_static_features.npz"));
  EXPECT_EQ(before.change(), file("clip_static_features.npz") + " was replaced by another file");
  fs::remove(path("clip_static_features.npz"));
  EXPECT_EQ(before.change(), file("clip_static_features.npz") + " is not there any more");

  write("clip_static_features.npz", "12345678");
  const FileStates now = FileStates::of(folder_.path());
  write("test_metadata.csv", "filename\n");
  EXPECT_EQ(now.change(), file("test_metadata.csv") + " was not there, and is now");
}

TEST_F(FileStatesTest, SeesBytesThatChangeInPlace) {
  const auto set_time = [&](long seconds) {
    const timespec times[2] = {{seconds, 0}, {seconds, 0}};
    utimensat(AT_FDCWD, file("clip_static_features.npz").c_str(), times, 0);
  };
  set_time(1'000'000'000);
  const FileStates before = FileStates::of(folder_.path());
  {
    std::fstream written(path("clip_static_features.npz"), std::ios::in | std::ios::out);
    written << "87654321";
  }
  EXPECT_EQ(before.change(), file("clip_static_features.npz") + " was written to");
  // Whoever sets the time back changes the inode; the clock of a file system has ticks of some milliseconds.
  for (int i = 0; i < 1000; ++i) {
    set_time(1'000'000'000);
    if (!before.change().empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(before.change(), file("clip_static_features.npz") + " was changed (its inode was)");
}

}  // namespace
}  // namespace medley::data
