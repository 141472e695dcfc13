#include "storage/schema.h"

#include <gtest/gtest.h>

#include "storage/reader.h"
#include "storage/writer.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/folder.h"

namespace medley::storage {
namespace {

std::vector<std::string> with_one_more() {
  std::vector<std::string> steps = migrations();
  steps.push_back("ALTER TABLE sweep ADD COLUMN future TEXT NOT NULL DEFAULT 'none'");
  return steps;
}

class SchemaTest : public testing::Test {
 protected:
  std::string path() const { return StoreLayout(folder_.path().string()).database(); }
  void make() { Writer writer(folder_.path()); }
  std::int64_t number(const char* sql) {
    Database database(path(), Database::Mode::kReadOnly);
    Statement statement(database, sql);
    return statement.step() ? statement.integer(0) : -1;
  }
  test::Folder folder_;
};

TEST_F(SchemaTest, AnOlderStoreIsMigratedAndKeepsItsRows) {
  {
    Writer writer(folder_.path());
    Writer::Group group(writer);
    writer.register_dataset(testing_store::small_dataset(), 1);
    writer.submit_sweep(testing_store::small_sweep("s", 1, 1), 2);
    group.commit();
  }
  {
    Database database(path(), Database::Mode::kReadWrite);
    prepare_for_writing(database, with_one_more());
    Statement row(database, "SELECT name || ' ' || future FROM sweep");
    ASSERT_TRUE(row.step());
    EXPECT_EQ(row.text(0), "s none");
  }
  EXPECT_EQ(number("PRAGMA user_version"), static_cast<std::int64_t>(migrations().size()) + 1);
}

TEST_F(SchemaTest, ADatabaseWhoseFirstCommandWasInterruptedIsNoStoreYet) {
  EXPECT_FALSE(store_exists(folder_.path()));
  test::write_file(path(), "");
  EXPECT_FALSE(store_exists(folder_.path()));
  Database(path(), Database::Mode::kReadWrite).execute("PRAGMA page_size = 8192; PRAGMA journal_mode = wal");
  EXPECT_GT(std::filesystem::file_size(path()), 0u);
  EXPECT_FALSE(store_exists(folder_.path()));
  make();
  EXPECT_TRUE(store_exists(folder_.path()));
  test::write_file(path(), "no database");
  EXPECT_TRUE(store_exists(folder_.path())) << "whoever reads it is told why not";
}

TEST_F(SchemaTest, ADatabaseWithAJournalOfItsFirstCommandIsNoStoreYet) {
  const std::string made = folder_ / "made.db";
  Database database(made, Database::Mode::kReadWrite);
  database.execute("CREATE TABLE t (x)");
  database.execute("PRAGMA cache_size = 1; BEGIN; INSERT INTO t VALUES (zeroblob(100000))");  // does not fit the cache
  ASSERT_GT(std::filesystem::file_size(made + "-journal"), 0u);
  std::filesystem::copy_file(made, path());
  std::filesystem::copy_file(made + "-journal", path() + "-journal");  // as kill -9 leaves them
  EXPECT_NE(test::error_of<InterruptedStart>([&] { number("PRAGMA application_id"); }), "");
  EXPECT_FALSE(store_exists(folder_.path()));
  database.execute("ROLLBACK");
}

TEST_F(SchemaTest, AFailedMigrationLeavesTheOldStore) {
  make();
  std::vector<std::string> broken = with_one_more();
  broken.push_back("CREATE TABLE half (x INTEGER) STRICT; CREATE TABLE sweep (x INTEGER)");
  {
    Database database(path(), Database::Mode::kReadWrite);
    EXPECT_NE(test::error_of<Error>([&] { prepare_for_writing(database, broken); }), "");
  }
  EXPECT_EQ(number("PRAGMA user_version"), static_cast<std::int64_t>(migrations().size()));
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM pragma_table_info('sweep') WHERE name = 'future'"), 0);
  make();  // still works
}

TEST_F(SchemaTest, ANewerStoreIsRefusedByWriterAndReader) {
  make();
  {
    Database database(path(), Database::Mode::kReadWrite);
    prepare_for_writing(database, with_one_more());
  }
  for (const std::string& message : {test::error_of<Error>([&] { Writer writer(folder_.path()); }),
                                     test::error_of<Error>([&] { Reader reader(folder_.path()); })}) {
    EXPECT_NE(message.find("was made by a newer version of Medley"), std::string::npos) << message;
    EXPECT_NE(message.find(path()), std::string::npos) << message;
  }
  EXPECT_EQ(number("PRAGMA user_version"), static_cast<std::int64_t>(migrations().size()) + 1);
}

TEST_F(SchemaTest, AnOlderStoreIsNotReadBeforeItIsMigrated) {
  make();
  Database database(path(), Database::Mode::kReadOnly);
  const std::string message = test::error_of<Error>([&] { prepare_for_reading(database, with_one_more()); });
  EXPECT_NE(message.find("older version"), std::string::npos) << message;
}

TEST_F(SchemaTest, AStoreWhoseMakingWasInterruptedIsNamedAsSuch) {
  Database(path(), Database::Mode::kReadWrite).execute("PRAGMA journal_mode = WAL");
  const std::string message = test::error_of<Error>([&] { Reader reader(folder_.path()); });
  EXPECT_NE(message.find("is empty: the command that made it"), std::string::npos) << message;
  make();
  Reader reader(folder_.path());
}

TEST_F(SchemaTest, AnotherProgramsDatabaseIsRefusedAndUntouched) {
  {
    Database database(path(), Database::Mode::kReadWrite);
    database.execute("CREATE TABLE bookmarks (url TEXT)");
  }
  const std::string message = test::error_of<Error>([&] { Writer writer(folder_.path()); });
  EXPECT_NE(message.find("is not a Medley store"), std::string::npos) << message;
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST_F(SchemaTest, AStoreOfBeforeTheFirstReleaseIsNamedAsSuch) {
  {
    Database database(path(), Database::Mode::kReadWrite);
    database.execute("CREATE TABLE sweep (id TEXT); PRAGMA user_version = 1");
  }
  for (const char* id : {"Mdly", "Medl"}) {  // of 0.1.0 and of development builds
    {
      Database database(path(), Database::Mode::kReadWrite);
      database.execute("PRAGMA application_id = " + std::to_string(id[0] << 24 | id[1] << 16 | id[2] << 8 | id[3]));
    }
    for (const std::string& message : {test::error_of<Error>([&] { Writer writer(folder_.path()); }),
                                       test::error_of<Error>([&] { Reader reader(folder_.path()); })}) {
      EXPECT_NE(message.find("was made by a version or a development build of Medley before 0.2.0"), std::string::npos)
          << message;
      EXPECT_NE(message.find("use another --store, and run the sweeps again"), std::string::npos) << message;
    }
  }
}

TEST_F(SchemaTest, EveryTableIsStrictAndKeysHold) {
  make();
  EXPECT_EQ(number("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND "
                   "name NOT LIKE 'sqlite_%'"),
            0);
  Database database(path(), Database::Mode::kReadWrite);
  prepare_for_writing(database);
  EXPECT_NE(test::error_of<Error>([&] {
              database.execute("INSERT INTO sweep_trial VALUES (1, 0, 1, 0)");
            }).find("FOREIGN KEY"),
            std::string::npos);
}

TEST_F(SchemaTest, CommitsAreSyncedBeforeTheyReturn) {
  Database database(path(), Database::Mode::kReadWrite);
  prepare_for_writing(database);
  Statement synchronous(database, "PRAGMA synchronous");
  synchronous.step();
  EXPECT_EQ(synchronous.integer(0), 2);  // FULL
  Statement journal(database, "PRAGMA journal_mode");
  journal.step();
  EXPECT_EQ(journal.text(0), "wal");
}

}  // namespace
}  // namespace medley::storage
