#include "coordinator/actions/backup.h"

#include <set>

#include <gtest/gtest.h>

#include "storage/check.h"
#include "storage/reader.h"
#include "sweep/digest.h"
#include "tests/storage/filled_store.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"
#include "trainer/data/sealed_zip.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using storage::Error;
using test::read_file;
using test::write_file;

class BackupTest : public testing::Test {
 protected:
  BackupTest() { fake::fill(store_, sweep_, fake::places(0, 4)); }
  Backup back_up(OldBackup old = OldBackup::kKeep) { return coordinator::back_up(store_, file_, old, 1); }
  static std::string faults(const fs::path& store) {
    std::string text;
    for (const storage::Fault& fault : storage::check_store(store).faults)
      text += fault.where + ": " + fault.what + "\n";
    return text;
  }
  std::string checkpoint(std::size_t place) const { return "checkpoints/" + sweep_.trials[place].id + ".npz"; }
  std::string save_export(storage::Writer& writer, const fs::path& file, const std::string& bytes) {
    write_file(file, bytes);
    storage::Writer::Group group(writer);
    writer.save_export({0, 0, file.string(), sweep::sha256_hex(bytes), 4, {}});
    group.commit();
    return bytes;
  }
  /// Every file and folder beside the store, from the top.
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path())) names.insert(entry.path().filename().string());
    return names;
  }

  test::Folder folder_{test::Folder::Where::kMemory};
  fs::path store_ = folder_ / "store", file_ = folder_ / "backup.zip", restored_ = folder_ / "restored";
  storage::SweepSubmission sweep_ = fake::fake_sweep(3);
};

TEST_F(BackupTest, HoldsAllThatAStoreIsWhileACoordinatorWritesToIt) {
  storage::Writer coordinator(store_);
  const std::string in_store = save_export(coordinator, store_ / "exports/a.zip", "archive");
  save_export(coordinator, folder_ / "elsewhere.zip", "another");
  write_file(store_ / "exports/a.manifest.json", "{}");
  write_file(store_ / checkpoint(0), "weights");
  write_file(store_ / checkpoint(5), "of a trial without a result");
  for (const char* name : {"token", "logs/worker.log", "control.json"}) write_file(store_ / name, "x");
  write_file(store_ / ("checkpoints/" + sweep_.trials[5].id + ".resume"), "x");
  EXPECT_GT(fs::file_size(store_ / "medley.db-wal"), 0u) << "medley.db alone is no backup";
  storage::Writer::Group uncommitted(coordinator);
  coordinator.log_event("note", "", "not committed", 5);

  const Backup backup = back_up();
  EXPECT_EQ(backup.results, 4);
  EXPECT_EQ(backup.checkpoints, 1);
  EXPECT_EQ(backup.exports, 1);
  EXPECT_EQ(backup.bytes, fs::file_size(file_));
  ASSERT_EQ(backup.notes.size(), 1u);
  EXPECT_EQ(backup.notes[0],
            "export 2 is not in the backup: " + (folder_ / "elsewhere.zip").string() + " lies outside of the store");
  EXPECT_EQ(read_file(file_).substr(0, 4), "PK\x03\x04");

  const Backup again = restore(file_, restored_);
  EXPECT_EQ(again.results, 4);
  EXPECT_EQ(again.checkpoints, 1);
  EXPECT_EQ(faults(restored_), "");
  EXPECT_EQ(read_file(restored_ / checkpoint(0)), "weights");
  EXPECT_EQ(read_file(restored_ / "exports/a.manifest.json"), "{}");
  for (const std::string& name : {std::string("token"), std::string("logs/worker.log"), std::string("control.json"),
                                  checkpoint(5), "checkpoints/" + sweep_.trials[5].id + ".resume"}) {
    EXPECT_FALSE(fs::exists(restored_ / name)) << name;
  }
  storage::Reader reader(restored_);
  EXPECT_EQ(reader.exports().back().file, (restored_ / "exports/a.zip").string()) << "where it lies now";
  EXPECT_EQ(reader.exports().front().file, (folder_ / "elsewhere.zip").string());
  for (std::size_t place = 0; place < 6; ++place) {
    const sweep::TrialSpec& spec = sweep_.trials[place];
    const auto trial = reader.find_trial(spec.id).value();
    ASSERT_EQ(trial.result.has_value(), place < 4);
    if (trial.result) {
      EXPECT_EQ(sweep::encode_result(*trial.result), sweep::encode_result(fake::fake_result(spec)));
    }
  }
  fake::fill(restored_, fake::fake_sweep(1, "more"), {});  // it can be written to
  EXPECT_EQ(files(), (std::set<std::string>{"store", "backup.zip", "restored", "elsewhere.zip"}));
}

TEST_F(BackupTest, ReplacesAnotherFileOnlyWhenTold) {
  write_file(file_, "precious");
  EXPECT_NE(test::error_of<Error>([&] { back_up(); }).find("exists already: --force replaces it"), std::string::npos);
  EXPECT_EQ(read_file(file_), "precious");
  back_up(OldBackup::kReplace);
  EXPECT_EQ(restore(file_, restored_).results, 4);
}

TEST_F(BackupTest, OfAStoreWithAFaultIsNotWritten) {
  write_file(file_, "of yesterday");
  fake::execute(store_, "UPDATE epoch SET loss = 2");
  const std::string error = test::error_of<Error>([&] { back_up(OldBackup::kReplace); });
  EXPECT_NE(error.find(store_.string() + ": no backup was written: its database has 4 faults, the first: trial " +
                       sweep_.trials[0].id),
            std::string::npos)
      << error;
  EXPECT_EQ(read_file(file_), "of yesterday");
  EXPECT_EQ(files(), (std::set<std::string>{"store", "backup.zip"}));
}

TEST_F(BackupTest, CutShortOrAlteredIsRefusedByNameAndNothingIsLeft) {
  write_file(store_ / checkpoint(0), "weights");
  back_up();
  const std::string whole = read_file(file_);
  const auto refused = [&](const std::string& bytes) {
    write_file(file_, bytes);
    const std::string error = test::error_of<Error>([&] { restore(file_, restored_); });
    return error.rfind(file_.string() + ": ", 0) == 0 && files() == std::set<std::string>{"store", "backup.zip"};
  };
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{10}, std::size_t{64}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_TRUE(refused(whole.substr(0, size))) << size;
  }
  EXPECT_TRUE(refused(whole + "x"));
  for (std::size_t step = 0; step <= 40; ++step) {
    std::string altered = whole;
    const std::size_t at = (whole.size() - 1) * step / 40;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    EXPECT_TRUE(refused(altered)) << at;
  }
  write_file(file_, whole);
  EXPECT_EQ(restore(file_, restored_).checkpoints, 1);
}

TEST_F(BackupTest, AMadeUpArchiveWritesNothing) {
  const std::string manifest = R"({"format": 1, "exports": {}})";
  back_up();
  restore(file_, folder_ / "sound");
  fake::execute(folder_ / "sound", "UPDATE result SET sha256 = 'ff' WHERE trial = (SELECT min(key) FROM trial)");
  const std::string rotten = read_file(folder_ / "sound/medley.db");
  fs::remove_all(folder_ / "sound");
  const std::vector<std::pair<std::string, std::vector<data::SealedMember>>> archives = {
      {"'../evil' is no file of a backup", {{"../evil", "x"}}},
      {"'checkpoints/../../evil' is no file of a backup", {{"checkpoints/../../evil", "x"}}},
      {"'exports/.evil' is no file of a backup", {{"exports/.evil", "x"}}},
      {"'lock' is no file of a backup", {{"lock", "x"}}},
      {"it has no medley.db", {{"backup.json", manifest}}},
      {"it has no backup.json", {{"medley.db", rotten}}},
      {"a newer version of Medley wrote it", {{"backup.json", R"({"format": 2})"}, {"medley.db", rotten}}},
      {"its row of numbers changed since it was stored", {{"medley.db", rotten}, {"backup.json", manifest}}},
      {"medley.db", {{"medley.db", "no database"}, {"backup.json", manifest}}},
  };
  for (const auto& [why, members] : archives) {
    data::write_sealed_zip(file_, members);
    const std::string error = test::error_of<Error>([&] { restore(file_, restored_); });
    EXPECT_EQ(error.rfind(file_.string() + ": ", 0), 0u) << error;
    EXPECT_NE(error.find(why), std::string::npos) << error;
    EXPECT_EQ(files(), (std::set<std::string>{"store", "backup.zip"})) << why;
  }
}

TEST_F(BackupTest, RestoresOnlyToAFreePlace) {
  back_up();
  write_file(folder_ / "notes.txt", "x");
  EXPECT_NE(test::error_of<Error>([&] { restore(file_, store_); }).find("store is not empty"), std::string::npos);
  EXPECT_NE(test::error_of<Error>([&] { restore(file_, folder_ / "notes.txt"); }), "");
  fs::create_directory(restored_);
  EXPECT_EQ(restore(file_, restored_ / "").results, 4) << "an empty folder is free";
  EXPECT_EQ(restore(file_, folder_ / "new/deep/store").results, 4);
  EXPECT_EQ(faults(folder_ / "new/deep/store"), "");
}

}  // namespace
}  // namespace medley::coordinator
