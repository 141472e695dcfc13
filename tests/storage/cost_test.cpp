// What reads of a large sweep cost, in steps of SQLite's virtual machine: a page of it costs what it shows.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "storage/reader.h"
#include "storage/timeline.h"
#include "storage/writer.h"
#include "tests/storage/store_fixture.h"

namespace medley::storage {
namespace {

using namespace testing_store;

std::int64_t steps = 0;  // of statements that have ended, on all connections

int add(unsigned, void*, void* statement, void*) {
  steps += sqlite3_stmt_status(static_cast<sqlite3_stmt*>(statement), SQLITE_STMTSTATUS_VM_STEP, 1);
  return 0;
}

int watch(sqlite3* database, char**, const void*) {
  return sqlite3_trace_v2(database, SQLITE_TRACE_PROFILE, add, nullptr);
}

class Cost : public testing::Test {
 protected:
  static void SetUpTestSuite() { sqlite3_auto_extension(reinterpret_cast<void (*)()>(watch)); }
  static void TearDownTestSuite() { sqlite3_reset_auto_extension(); }

  Cost() {
    Writer writer(folder_.path() / "store");
    Writer::Group group(writer);
    writer.register_dataset(small_dataset(), 1);
    writer.worker_joined({"w1", "host:12", 8, 2, "cpu", "0.1.0", "0123456789ab"}, 1);
    id_ = writer.submit_sweep(sweep_, 2).id;
    for (std::size_t i = 0; i < 4; ++i) {
      writer.begin_attempts("w1", static_cast<std::int64_t>(i) + 1, {{sweep_.trials[i].id, 1}}, 3);
      writer.accept_result({sweep_.trials[i].id, 1}, "w", plain_result(sweep_.trials[i], 1, 1), 4);
    }
    writer.set_sweep_state(id_, sweep::SweepState::kFinished, 5);
    group.commit();
  }

  static std::int64_t cost(const std::function<void()>& what) {
    const std::int64_t before = steps;
    what();
    return steps - before;
  }

  static constexpr int kSeeds = 10;
  const SweepSubmission sweep_ = small_sweep("s", 200, kSeeds);
  const int trials_ = static_cast<int>(sweep_.trials.size());
  test::Folder folder_;
  std::string id_;
};

TEST_F(Cost, APageOfTrialsCostsWhatItShowsWhereverItLies) {
  Reader reader(folder_.path() / "store");
  const auto page = [&](int offset, const TrialFilter& filter = {}) {
    return cost([&] {
      const auto rows = reader.trials(id_, filter, {offset, 20});
      ASSERT_EQ(rows.size(), 20u);
      if (filter.config.empty()) {
        EXPECT_EQ(rows[0].trial, sweep_.trials[static_cast<std::size_t>(offset)].id);
      }
    });
  };
  ASSERT_EQ(trials_, 4000);
  const std::int64_t first = page(0);
  EXPECT_LT(first, trials_);
  EXPECT_LT(page(trials_ - 20), 2 * first);
  TrialFilter of_config;
  of_config.config = sweep::config_id(sweep_.configs.back().config);
  EXPECT_LT(page(0, of_config), 4 * first) << "the way through the config, not through the sweep";
  EXPECT_LT(cost([&] { EXPECT_EQ(reader.count_trials(id_), trials_); }), 100);
  EXPECT_LT(cost([&] { EXPECT_EQ(reader.count_trials(id_, of_config), 2 * kSeeds); }), trials_);
}

TEST_F(Cost, ASummaryOfASweepLooksAtNoTrialAlsoWhileItRuns) {
  const auto find = [&] {
    return cost([&] {
      const auto found = Reader(folder_.path() / "store").find_sweep(id_);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->trials, trials_);
      EXPECT_EQ(found->finished, 4);
      EXPECT_TRUE(found->best_paper_score);
    });
  };
  EXPECT_LT(find(), trials_ / 10);
  {
    Writer writer(folder_.path() / "store");
    Writer::Group group(writer);
    writer.set_sweep_state(id_, sweep::SweepState::kRunning, 6);
    writer.begin_attempts("w1", 9, {{sweep_.trials[9].id, 1}}, 7);
    group.commit();
  }
  EXPECT_LT(find(), trials_ / 10);
}

TEST_F(Cost, TheTimelineHasTheNewestAttemptsOldestFirst) {
  const auto spans = newest_attempts(folder_.path() / "store", id_, 3);
  ASSERT_EQ(spans.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(spans[i].trial, sweep_.trials[i + 1].id);
  EXPECT_TRUE(newest_attempts(folder_.path() / "store", "nothing", 3).empty());
}

}  // namespace
}  // namespace medley::storage
