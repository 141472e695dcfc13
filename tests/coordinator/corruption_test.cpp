// Random corruptions of a store's database. `store check` notices each that changes what `report` prints, and has no
// fault to find in a store that is sound. It prints how many it noticed. MEDLEY_CORRUPTIONS says how many are made; a
// failure prints its seed, and MEDLEY_CORRUPTION_SEED runs that one alone.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "coordinator/commands/command.h"
#include "storage/check.h"
#include "tests/storage/filled_store.h"
#include "tests/support/amount.h"
#include "tests/support/folder.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr long kCorruptions = 60;
constexpr std::size_t kPage = 8192;

class Corruption : public testing::Test {
 protected:
  /// The checked store, as a database without a log beside it.
  void make_store(const storage::SweepSubmission& sweep, std::size_t finished) {
    fs::remove_all(store_);
    fake::fill(store_, sweep, fake::places(0, finished));
    sound_ = test::read_file(database_);
    ASSERT_FALSE(fs::exists(database_.string() + "-wal"));
  }
  void put(const std::string& bytes) const {
    for (const char* beside : {"-wal", "-shm"}) fs::remove(database_.string() + beside);
    test::write_file(database_, bytes);
  }

  /// "" when nothing is wrong.
  std::string faults() const {
    try {
      std::string text;
      for (const storage::Fault& fault : storage::check_store(store_).faults) {
        text += fault.where + ": " + fault.what + "\n";
      }
      return text;
    } catch (const std::exception& e) {
      return e.what();
    }
  }

  /// What it prints, or why it prints nothing.
  std::string report() const {
    CLI::App app{"", "medley"};
    Globals globals;
    globals.store = store_;
    add_report_commands(app, globals);
    std::string error;
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      app.parse("report --json");
    } catch (const std::exception& e) {
      error = e.what();
    }
    std::fflush(stdout);
    testing::internal::GetCapturedStderr();
    return testing::internal::GetCapturedStdout() + error;
  }

  std::size_t below(std::size_t end) { return random_() % end; }

  /// Says what it did.
  std::string corrupt() {
    std::string bytes = sound_;
    const std::size_t pages = bytes.size() / kPage, at = below(bytes.size());
    switch (below(6)) {
      case 0: {
        const std::size_t size = std::min(1 + below(64), bytes.size() - at);
        for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(random_());
        put(bytes);
        return "overwritten bytes";
      }
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        put(bytes);
        return "flipped bit";
      case 2:
        bytes.replace(below(pages) * kPage, kPage, kPage, '\0');
        put(bytes);
        return "zeroed page";
      case 3:
        bytes.replace(below(pages) * kPage, kPage, sound_, below(pages) * kPage, kPage);
        put(bytes);
        return "page in place of another";
      case 4:
        bytes.resize(at);
        put(bytes);
        return "cut file";
      default:
        put(bytes);
        return change_value();
    }
  }

  /// Of one row and column, as by a careless hand.
  std::string change_value() {
    storage::Database database(database_.string(), storage::Database::Mode::kReadWrite);
    database.execute("PRAGMA foreign_keys = OFF");
    std::vector<std::pair<std::string, std::string>> columns;
    storage::Statement all(database,
                           "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c "
                           "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1, 2");
    while (all.step()) {
      storage::Statement rows(database, "SELECT 1 FROM " + all.text(0));
      if (rows.step()) columns.emplace_back(all.text(0), all.text(1));
    }
    const auto [table, column] = columns[below(columns.size())];
    storage::Statement keys(database, "SELECT group_concat(name) FROM pragma_table_info('" + table + "') WHERE pk > 0");
    keys.step();
    const std::string key = keys.text(0).empty() ? "rowid" : keys.text(0);
    storage::Statement count(database, "SELECT count(*) FROM " + table);
    count.step();
    const std::string row = std::to_string(below(static_cast<std::size_t>(count.integer(0))));
    // Another number, a text with another end, or bytes of which the last is another.
    const std::string change = "UPDATE " + table + " SET " + column + " = CASE typeof(" + column +
                               ") WHEN 'integer' THEN " + column + " + 1 WHEN 'real' THEN " + column +
                               " * 1.5 + 0.1 WHEN 'blob' THEN CAST(substr(" + column + ", 1, length(" + column +
                               ") - 1) || x'5a' AS BLOB) WHEN 'text' THEN " + column + " || '1' ELSE 1 END WHERE (" +
                               key + ") = (SELECT " + key + " FROM " + table + " LIMIT 1 OFFSET " + row + ")";
    try {
      database.execute(change);
    } catch (const storage::Error&) {  // the schema does not let it
    }
    return "another value of " + table + "." + column;
  }

  test::Folder folder_{test::Folder::Where::kMemory};
  const fs::path store_ = folder_ / "store";
  const fs::path database_ = storage::StoreLayout(store_.string()).database();
  std::string sound_;
  std::mt19937_64 random_;
};

TEST_F(Corruption, IsNoticedWhereItChangesWhatReportPrints) {
  const char* alone = std::getenv("MEDLEY_CORRUPTION_SEED");
  const long first = alone ? std::strtol(alone, nullptr, 10) : 1;
  const long last = alone ? first : test::amount("MEDLEY_CORRUPTIONS", kCorruptions);
  long changed = 0, noticed = 0, printed = 0, false_alarms = 0;
  std::map<std::string, std::pair<long, long>> kinds;  // noticed, of all
  std::string before;
  for (long seed = first; seed <= last; ++seed) {
    if (seed == first || seed % 20 == 0) {
      const storage::SweepSubmission sweep = fake::fake_sweep(8 + static_cast<int>(seed / 20 % 5) * 4);
      make_store(sweep, sweep.trials.size() - static_cast<std::size_t>(seed / 20 % 2));
      before = report();
      ASSERT_NE(before.find("\"configs\""), std::string::npos) << before;
    }
    put(sound_);
    const std::string alarm = faults();
    EXPECT_EQ(alarm, "") << "a sound store, seed " << seed;
    false_alarms += !alarm.empty();
    random_.seed(static_cast<std::uint64_t>(seed));
    const std::string what = corrupt();
    if (test::read_file(database_) == sound_) continue;
    ++changed;
    const bool seen = !faults().empty(), differs = report() != before;
    noticed += seen;
    printed += differs;
    auto& [found, made] = kinds[what.substr(0, what.find(" of "))];
    found += seen;
    ++made;
    EXPECT_TRUE(seen || !differs) << "seed " << seed << ": " << what;
    if (alone) std::printf("%s: noticed %d, printed %d\n%s", what.c_str(), seen, differs, faults().c_str());
  }
  for (const auto& [kind, counts] : kinds) {
    std::printf("%-26s %ld of %ld noticed\n", kind.c_str(), counts.first, counts.second);
  }
  std::printf("%ld corruptions: %ld noticed, %ld changed what report prints; %ld false alarms\n", changed, noticed,
              printed, false_alarms);
}

}  // namespace
}  // namespace medley::coordinator
