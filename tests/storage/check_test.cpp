#include "storage/check.h"

#include <fstream>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "storage/database.h"
#include "storage/writer.h"
#include "sweep/digest.h"
#include "tests/coordinator/fake_sweep.h"
#include "tests/support/folder.h"

namespace medley::storage {
namespace {

namespace fs = std::filesystem;

class StoreCheckTest : public testing::Test {
 protected:
  StoreCheckTest() {
    Writer writer(store());
    {
      Writer::Group group(writer);
      writer.register_dataset(fake::fake_dataset(), 1);
      writer.worker_joined({"w", "host:1", 8, 1, "cpu", "0"}, 1);
      writer.submit_sweep(sweep_, 1);
      group.commit();
    }
    for (const sweep::TrialSpec& trial : sweep_.trials) {
      Writer::Group group(writer);
      writer.begin_attempts("w", writer.next_pack(), {{trial.id, 1}}, 2);
      writer.accept_result({trial.id, 1}, "w", fake::fake_result(trial), 3);
      group.commit();
    }
    archive_ = folder_.path() / "submission.zip";
    std::ofstream(archive_) << "archive";
    Writer::Group group(writer);
    writer.save_export({0, 0, archive_.string(), sweep::sha256_hex("archive"), 4, {}});
    group.commit();
  }
  fs::path store() const { return folder_.path() / "store"; }
  void execute(const std::string& sql) const {
    Database(StoreLayout(store().string()).database(), Database::Mode::kReadWrite).execute(sql);
  }
  /// "trial 0123: what\n", a line each.
  std::string faults() const {
    std::string text;
    for (const Fault& fault : check_store(store()).faults) text += fault.where + ": " + fault.what + "\n";
    return text;
  }

  test::Folder folder_;
  storage::SweepSubmission sweep_ = fake::fake_sweep(3);
  fs::path archive_;
};

TEST_F(StoreCheckTest, FindsNothingInWhatWasWritten) {
  const StoreCheck all = check_store(store());
  EXPECT_EQ(faults(), "");
  EXPECT_EQ(all.results, 6);
  EXPECT_EQ(all.exports, 1);
}

TEST_F(StoreCheckTest, FindsWhateverHasChangedSince) {
  const std::string first = "(SELECT key FROM trial ORDER BY key LIMIT 1)";
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"UPDATE prediction SET paper_validation = held_out_test WHERE trial = " + first, "SHA-256"},
      {"UPDATE result SET paper_score = 9.5 WHERE trial = " + first, "its row of numbers changed"},
      {"UPDATE result SET arithmetic = 'ba9876543210' WHERE trial = " + first, "SHA-256"},
      {"UPDATE result SET seconds = seconds + 1 WHERE trial = " + first, "SHA-256"},
      {"UPDATE surface SET paper = inner WHERE trial = " + first, "SHA-256"},
      {"REPLACE INTO loss_term VALUES (" + first + ", x'010178010000000000000000')", "SHA-256"},
      {"REPLACE INTO loss_term VALUES (" + first + ", x'01')", "the store is damaged: loss terms"},
      {"UPDATE epoch SET loss = loss * 2 WHERE trial = " + first, "SHA-256"},
      {"UPDATE clip SET first = 4 WHERE position = 0", "dataset "},
      {"UPDATE trial SET id = CAST(x'ff1b5b41' AS TEXT) WHERE key = " + first, "trial \xef\xbf\xbd [A: "},
      {"UPDATE sweep SET grid_from = 0.2", "sweep "},
      {"UPDATE sweep_config SET axis_values = '{}' WHERE position = 1", "its configs or settings have changed"},
      {"UPDATE sweep_trial SET position = 99 WHERE position = 0", "its configs or settings have changed"},
      {"UPDATE trial SET fold = 7 WHERE key = " + first, "not those of its id"},
      {"UPDATE config SET settings = replace(settings, '\"epochs\":1', '\"epochs\":2')", "not those of their id"},
      {"PRAGMA foreign_keys = OFF; DELETE FROM worker", "refers to no row of worker"},
      {"PRAGMA ignore_check_constraints = ON; UPDATE trial SET state = 'finjshed' WHERE key = " + first,
       "CHECK constraint failed in trial"},
  };
  const fs::path database = StoreLayout(store().string()).database(), copy = folder_.path() / "copy.db";
  execute("PRAGMA wal_checkpoint(TRUNCATE)");
  fs::copy_file(database, copy);
  for (const auto& [sql, said] : changes) {
    execute(sql);
    EXPECT_NE(faults().find(said), std::string::npos) << sql << "\n" << faults();
    for (const char* beside : {"-wal", "-shm"}) fs::remove(database.string() + beside);
    fs::copy_file(copy, database, fs::copy_options::overwrite_existing);
  }
  EXPECT_EQ(faults(), "") << "as it was again";
}

TEST_F(StoreCheckTest, LooksAtFilesToo) {
  std::ofstream(archive_) << "another archive";
  std::ofstream(fs::path(StoreLayout(store().string()).checkpoints()) / "ffffffffffffffff.npz") << "x";
  EXPECT_EQ(faults(), "export 1: " + archive_.string() +
                          " has changed (SHA-256)\ncheckpoints: ffffffffffffffff.npz is of no trial\n");
  fs::remove(archive_);
  EXPECT_NE(faults().find("is not there any more"), std::string::npos);
}

TEST_F(StoreCheckTest, AnExportThatALaterOneReplacedIsNoFault) {
  std::ofstream(archive_) << "another archive";
  // Of another store, or interrupted before it was recorded.
  const fs::path manifest = folder_.path() / "submission.manifest.json";
  std::ofstream(manifest) << nlohmann::json{{"sha256", sweep::sha256_hex("another archive")}};
  EXPECT_EQ(faults(), "");
  fs::remove(manifest);
  {
    Writer writer(store());
    Writer::Group group(writer);
    writer.save_export({0, 0, archive_.string(), sweep::sha256_hex("another archive"), 5, {}});
    group.commit();
  }
  EXPECT_EQ(faults(), "");
  std::ofstream(archive_) << "archive";
  std::ofstream(manifest) << nlohmann::json{{"sha256", sweep::sha256_hex("another archive")}};
  EXPECT_EQ(faults(), "export 2: " + archive_.string() + " has changed (SHA-256)\n") << "as the earlier one was";
}

TEST_F(StoreCheckTest, ReadsAllItCanOfATornDatabase) {
  execute("PRAGMA wal_checkpoint(TRUNCATE)");
  const fs::path database = StoreLayout(store().string()).database();
  const auto size = fs::file_size(database);
  {
    std::fstream file(database, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file << std::string(8192, 'x');
  }
  EXPECT_NE(faults(), "");
}

}  // namespace
}  // namespace medley::storage
