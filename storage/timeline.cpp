#include "storage/timeline.h"

#include <algorithm>

#include "storage/codec.h"
#include "storage/database.h"
#include "storage/owner.h"
#include "storage/schema.h"

namespace medley::storage {

std::vector<AttemptSpan> newest_attempts(const std::filesystem::path& store, const std::string& sweep, int limit) {
  Database database(readable_database(store), Database::Mode::kReadOnly);
  prepare_for_reading(database);
  // From the newest attempt back: on a large store that ends long before it has seen all attempts of the sweep.
  Statement rows(database,
                 "SELECT t.id, a.number, w.id, w.name, a.pack, a.state, a.started, a.ended FROM attempt a "
                 "CROSS JOIN sweep s CROSS JOIN sweep_trial st ON st.sweep = s.key AND st.trial = a.trial "
                 "JOIN trial t ON t.key = a.trial JOIN worker w ON w.key = a.worker WHERE s.id = ? "
                 "ORDER BY a.pack DESC, a.trial LIMIT ?");
  rows.bind(sweep, limit);
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
  Statement rows(database,
                 "SELECT w.id, count(*) FROM worker w JOIN attempt a ON a.worker = w.key AND a.state = 'finished' "
                 "WHERE a.ended >= ? AND w.state IN ('joined', 'away') GROUP BY w.key ORDER BY w.key");
  rows.bind(since);
  std::vector<std::pair<std::string, int>> all;
  while (rows.step()) all.emplace_back(rows.text(0), rows.whole(1));
  return all;
}

}  // namespace medley::storage
