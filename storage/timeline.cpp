#include "storage/timeline.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "storage/codec.h"
#include "storage/database.h"
#include "storage/owner.h"
#include "storage/schema.h"

namespace medley::storage {

namespace {

/// The last pack that had begun by then. Packs begin in the order of their numbers.
std::int64_t last_pack(Database& database, TimeMs begun) {
  Statement newest(database, "SELECT coalesce(max(pack), 0) FROM attempt");
  newest.step();
  std::int64_t low = 0, high = newest.integer(0);
  Statement at(database, "SELECT pack, started FROM attempt WHERE pack >= ? ORDER BY pack LIMIT 1");
  while (low < high) {
    const std::int64_t middle = (low + high + 1) / 2;
    if (at.bind(middle).step() && at.integer(1) <= begun) {
      low = at.integer(0);
    } else {
      high = middle - 1;
    }
  }
  return low;
}

}  // namespace

std::vector<AttemptSpan> newest_attempts(const std::filesystem::path& store, const std::string& sweep, int limit) {
  constexpr int kFewTrials = 20'000;
  Database database(readable_database(store), Database::Mode::kReadOnly);
  prepare_for_reading(database);
  Statement find(database,
                 "SELECT key, ended, (SELECT coalesce(max(position) + 1, 0) FROM sweep_trial WHERE sweep = key) "
                 "FROM sweep WHERE id = ?");
  if (!find.bind(sweep).step()) return {};
  const std::int64_t key = find.integer(0);
  const TimeMs ended = find.integer(1);
  const bool few = find.whole(2) <= kFewTrials;
  // Of a large sweep from its newest attempt back: that ends long before it has seen all of them.
  const char* const from = few ? "FROM sweep_trial st CROSS JOIN attempt a ON a.trial = st.trial "
                               : "FROM attempt a CROSS JOIN sweep_trial st ON st.trial = a.trial ";
  Statement rows(database,
                 std::string("SELECT t.id, a.number, w.id, w.name, a.pack, a.state, a.started, a.ended ") + from +
                     "JOIN trial t ON t.key = a.trial JOIN worker w ON w.key = a.worker WHERE st.sweep = ? AND "
                     "a.pack <= ? ORDER BY a.pack DESC, a.trial LIMIT ?");
  rows.bind(key, !few && ended > 0 ? last_pack(database, ended) : INT64_MAX, limit);
  std::vector<AttemptSpan> all;
  while (rows.step()) {
    all.push_back({rows.text(0), rows.whole(1), rows.text(2), rows.text(3), rows.integer(4),
                   enumerator<sweep::AttemptState>(rows.text(5)), rows.integer(6), rows.integer(7)});
  }
  std::reverse(all.begin(), all.end());
  return all;
}

struct ChangeCounter::State {
  explicit State(const std::filesystem::path& store) : database(readable_database(store), Database::Mode::kReadOnly) {}
  Database database;
};

ChangeCounter::ChangeCounter(const std::filesystem::path& store) : state_(std::make_unique<State>(store)) {}
ChangeCounter::~ChangeCounter() = default;

std::int64_t ChangeCounter::count() {
  Statement version(state_->database, "PRAGMA data_version");
  version.step();
  return version.integer(0);
}

std::vector<std::pair<std::string, int>> recent_results(const std::filesystem::path& store, TimeMs since) {
  Database database(readable_database(store), Database::Mode::kReadOnly);
  prepare_for_reading(database);
  Statement rows(
      database,
      "SELECT w.id, a.results FROM (SELECT worker, count(*) AS results FROM attempt WHERE state = 'finished' AND "
      "ended >= ? GROUP BY worker) a JOIN worker w ON w.key = a.worker WHERE w.state IN ('joined', 'away') "
      "ORDER BY w.key");
  rows.bind(since);
  std::vector<std::pair<std::string, int>> all;
  while (rows.step()) all.emplace_back(rows.text(0), rows.whole(1));
  return all;
}

}  // namespace medley::storage
