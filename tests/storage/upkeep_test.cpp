#include "storage/upkeep.h"

#include <chrono>

#include <gtest/gtest.h>

#include "storage/check.h"
#include "storage/reader.h"
#include "tests/storage/filled_store.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"

namespace medley::storage {
namespace {

namespace fs = std::filesystem;
using fake::execute;
using fake::fill;
using fake::places;

class UpkeepTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& bytes) const { test::write_file(store_ / name, bytes); }
  void write_two_days_ago(const std::string& name) const {
    write(name, "half");
    fs::last_write_time(store_ / name, fs::file_time_type::clock::now() - std::chrono::hours(48));
  }
  /// "name bytes why", a line each.
  std::string text_of(const Garbage& garbage) const {
    std::string text;
    for (const UnneededFile& file : garbage.files) {
      text += file.path.lexically_relative(store_).string() + " " + std::to_string(file.bytes) + " " + file.why + "\n";
    }
    return text;
  }
  std::string faults() const {
    std::string text;
    for (const Fault& fault : check_store(store_).faults) text += fault.where + ": " + fault.what + "\n";
    return text;
  }

  test::Folder folder_{test::Folder::Where::kMemory};
  fs::path store_ = folder_ / "store";
  SweepSubmission sweep_ = fake::fake_sweep(3);
};

TEST_F(UpkeepTest, CollectsFilesThatNothingNeeds) {
  fill(store_, sweep_, {0});
  const std::string &finished = sweep_.trials[0].id, &pending = sweep_.trials[1].id;
  const std::vector<std::string> needed = {"checkpoints/" + finished + ".npz",
                                           "checkpoints/" + pending + ".npz",
                                           "checkpoints/" + pending + ".resume",
                                           "checkpoints/notes.txt",
                                           "checkpoints/.fresh.1-1.partial",
                                           "exports/of-nobody.zip",
                                           "logs/worker-1.log",
                                           "control.json"};
  for (const std::string& name : needed) write(name, "x");
  write("checkpoints/0123456789abcdef.npz", "four");
  write("checkpoints/" + finished + ".resume", "seven..");
  write("checkpoints/fedcba9876543210.resume", "x");
  write_two_days_ago("exports/.a.zip.12-3.partial.Xy7");
  write_two_days_ago("logs/worker-2.log");
  const std::string kSave = " save file of a trial that needs no more training\n";
  std::string expected = "checkpoints/0123456789abcdef.npz 4 checkpoint of no trial\n";
  const std::string of_finished = "checkpoints/" + finished + ".resume 7" + kSave;
  const std::string of_none = "checkpoints/fedcba9876543210.resume 1" + kSave;
  expected += of_finished < of_none ? of_finished + of_none : of_none + of_finished;
  expected += "exports/.a.zip.12-3.partial.Xy7 4 left half written\n";
  EXPECT_EQ(text_of(collect_garbage(store_, Collecting::kListOnly)), expected);
  EXPECT_TRUE(fs::exists(store_ / "checkpoints/0123456789abcdef.npz")) << "listed only";
  EXPECT_EQ(text_of(collect_garbage(store_, Collecting::kRemove)), expected);
  EXPECT_EQ(text_of(collect_garbage(store_, Collecting::kRemove)), "");
  for (const std::string& name : needed) EXPECT_TRUE(fs::exists(store_ / name)) << name;
  EXPECT_TRUE(fs::exists(store_ / "logs/worker-2.log"));
  EXPECT_EQ(faults(), "");
}

TEST_F(UpkeepTest, CollectsRowsThatNothingRefersTo) {
  fill(store_, sweep_, places(0, 3));  // both trials of the first config, one of the second
  {
    Writer writer(store_);
    Writer::Group group(writer);
    writer.begin_attempts("w", writer.next_pack(), {{sweep_.trials[3].id, 1}}, 2);
    DatasetRecord unused = fake::fake_dataset();
    unused.fingerprint = std::string(64, 'e');
    writer.register_dataset(unused, 1);
    group.commit();
  }
  EXPECT_TRUE(collect_garbage(store_, Collecting::kListOnly).trials.empty());
  execute(store_, "DELETE FROM sweep_sum; DELETE FROM sweep_trial; DELETE FROM sweep_config; DELETE FROM sweep");
  write("checkpoints/" + sweep_.trials[5].id + ".npz", "of a trial that goes");
  for (const Collecting collecting : {Collecting::kListOnly, Collecting::kRemove}) {
    const Garbage garbage = collect_garbage(store_, collecting);
    EXPECT_EQ(garbage.trials,
              (std::vector<std::string>{sweep_.trials[3].id, sweep_.trials[4].id, sweep_.trials[5].id}));
    EXPECT_EQ(garbage.configs, 1) << "the third";
    EXPECT_EQ(garbage.datasets, 1) << "results of the other one are kept";
    EXPECT_EQ(garbage.files.size(), 1u);
  }
  const Garbage again = collect_garbage(store_, Collecting::kRemove);
  EXPECT_EQ(again.trials.size() + again.files.size(), 0u);
  EXPECT_EQ(again.configs + again.datasets, 0);
  EXPECT_EQ(check_store(store_).results, 3);
  EXPECT_EQ(faults(), "");
}

TEST_F(UpkeepTest, CompactingGivesFreeSpaceBack) {
  fill(store_, sweep_, places(0, 6));
  execute(store_, "CREATE TABLE filler (bytes BLOB)");
  execute(store_, "INSERT INTO filler VALUES (zeroblob(1000000))");
  execute(store_, "DROP TABLE filler");
  const Compacted compacted = compact(store_);
  EXPECT_GT(compacted.before, 1000000u);
  EXPECT_LT(compacted.after, compacted.before - 1000000u + 8192u);
  EXPECT_EQ(compacted.after, fs::file_size(StoreLayout(store_.string()).database()));
  EXPECT_EQ(check_store(store_).results, 6);
  EXPECT_EQ(faults(), "");
}

TEST_F(UpkeepTest, NeedsAStoreForItself) {
  const auto refuses = [&](const std::string& why) {
    EXPECT_NE(test::error_of<Error>([&] { compact(store_); }).find(why), std::string::npos);
    EXPECT_NE(test::error_of<Error>([&] { collect_garbage(store_, Collecting::kListOnly); }).find(why),
              std::string::npos);
  };
  refuses("no store in");
  EXPECT_FALSE(fs::exists(store_));
  fill(store_, sweep_, {});
  const Writer coordinator(store_);
  refuses("the store is in use");
}

}  // namespace
}  // namespace medley::storage
