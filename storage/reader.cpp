#include "storage/reader.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>

#include "storage/codec.h"
#include "storage/database.h"
#include "storage/measured_config.h"
#include "storage/owner.h"
#include "storage/result_rows.h"
#include "storage/row_digest.h"
#include "storage/schema.h"
#include "sweep/error.h"
#include "sweep/version.h"

namespace medley::storage {

namespace fs = std::filesystem;
using nlohmann::json;
using sweep::AttemptState;
using sweep::Outcome;
using sweep::SweepState;
using sweep::TrialState;
using sweep::WorkerState;

namespace {

json parse(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) throw Error("the store is damaged: '" + text.substr(0, 60) + "' is not JSON");
  return value;
}

std::vector<sweep::Family> parse_families(const std::string& families) {
  try {
    return sweep::families_from_json(parse(families));
  } catch (const std::runtime_error& e) {
    throw Error(std::string("the store holds comparisons that this version cannot read: ") + e.what());
  }
}

sweep::Config parse_config(const std::string& settings) {
  try {
    return sweep::config_from_json(parse(settings));
  } catch (const std::runtime_error& e) {
    throw Error(std::string("the store holds a config that this version cannot read: ") + e.what());
  }
}

sweep::Partition parse_partition(const std::string& text) {
  try {
    return sweep::partition_of(text);
  } catch (const sweep::Error& e) {
    throw Error(std::string("the store is damaged: ") + e.what());
  }
}

constexpr const char* kSummary =
    "SELECT s.key, s.id, s.name, d.fingerprint, s.dataset_name, d.synthetic, s.spec_file, s.state, s.priority, "
    "s.created, s.ended, s.folds, s.seeds, s.axes, s.families, s.reference, s.description, s.grid_from, "
    "s.grid_points, s.head_fusion, s.search, s.test_fingerprint, s.scored, s.partitions, s.note, s.tags, s.archived, "
    "s.labels FROM sweep s JOIN dataset d ON "
    "d.key = s.dataset AND s.created > 0 ";

constexpr const char* kEnsemble =
    "SELECT e.id, e.name, d.fingerprint, e.method, e.created, e.settings, e.scores, e.sha256 FROM ensemble e "
    "JOIN dataset d ON d.key = e.dataset ";

std::string table_of(Reader::Trials which) { return which == Reader::Trials::kAsked ? "sweep_trial" : "likely_trial"; }

/// The first text that no id with this prefix reaches: ids are lower-case hexadecimal.
std::string after_prefix(const std::string& prefix) { return prefix + "g"; }

/// From the trials of sweep ?1 to those of a filter, whose unset conditions hold for every row. From the one config
/// that it names, if any: the way through the whole sweep is long.
std::string filtered(const TrialFilter& filter) {
  std::string conditions =
      " AND (?3 IS NULL OR t.fold = ?3) AND (?4 IS NULL OR t.seed = ?4) AND (?5 IS NULL OR t.state = ?5) "
      "AND (?6 IS NULL OR t.partition = ?6) ";
  if (filter.running) conditions += "AND t.running ";
  if (filter.diverged) conditions += "AND (SELECT outcome FROM result WHERE trial = t.key) = 'diverged' ";
  const std::string from = filter.config.empty()
                               ? "FROM sweep_trial st CROSS JOIN trial t ON t.key = st.trial WHERE ?2 = ''"
                               : "FROM config c CROSS JOIN trial t ON t.config = c.key CROSS JOIN sweep_trial st ON "
                                 "st.trial = t.key WHERE c.id = ?2";
  return from + " AND st.sweep = ?1" + conditions;
}

bool is_empty(const TrialFilter& filter) {
  return filter.config.empty() && !filter.fold && !filter.seed && !filter.state && !filter.partition &&
         !filter.running && !filter.diverged;
}

std::string order_by(const TrialSorting& sorting) {
  const std::string direction = sorting.descending && sorting.order != TrialOrder::kHeldOut ? " DESC" : "";
  const auto by = [&](const std::string& number) {
    return "ORDER BY " + number + " IS NULL, " + number + direction + ", st.position ";
  };
  switch (sorting.order) {
    case TrialOrder::kEnded:
      return by("nullif(t.ended, 0)");
    case TrialOrder::kSeconds:
      return by("(SELECT seconds FROM result WHERE trial = t.key)");
    case TrialOrder::kAttempts:
      return by("nullif(t.attempts, 0)");
    case TrialOrder::kScore:
      return by("(SELECT paper_score FROM result WHERE trial = t.key)");
    case TrialOrder::kPosition:
    case TrialOrder::kHeldOut:  // the caller has put them in order
      break;
  }
  return "ORDER BY st.position" + direction + " ";
}

}  // namespace

struct Reader::State {
  explicit State(const fs::path& folder_)
      : folder(folder_), database(readable_database(folder), Database::Mode::kReadOnly) {
    prepare_for_reading(database);
  }

  fs::path folder;
  Database database;
  bool snapshot = false;

  std::int64_t sweep_key(const std::string& id) {
    Statement find(database, "SELECT key FROM sweep WHERE id = ?");
    return find.bind(id).step() ? find.integer(0) : 0;
  }
  std::int64_t trial_key(const std::string& id) {
    Statement find(database, "SELECT key FROM trial WHERE id = ?");
    return find.bind(id).step() ? find.integer(0) : 0;
  }
  /// Rows of a sweep in a table where they have positions without gaps.
  int count_positions(const std::string& table, std::int64_t sweep) {
    Statement last(database, "SELECT coalesce(max(position) + 1, 0) FROM " + table + " WHERE sweep = ?");
    last.bind(sweep).step();
    return last.whole(0);
  }
  SweepSummary summary(Statement& row);
  EnsembleRecord ensemble(Statement& row);
  /// `best`: key of the trial that has it; 0 without one.
  std::optional<double> best_paper_score(std::int64_t sweep, std::int64_t best);
};

namespace {

/// One consistent state for a call, unless a Snapshot gives a longer one already.
class View {
 public:
  explicit View(Database& database) {
    if (!database.in_transaction()) transaction_.emplace(database, Transaction::Kind::kRead);
  }

 private:
  std::optional<Transaction> transaction_;
};

}  // namespace

bool store_exists(const fs::path& folder) {
  std::error_code error;
  const std::string file = StoreLayout(folder.string()).database();
  if (!fs::exists(file, error)) return false;
  try {
    Database database(file, Database::Mode::kReadOnly);
    return !is_empty(database);
  } catch (const InterruptedStart&) {
    return false;
  } catch (const Error&) {
    return true;  // whoever reads it is told why not
  }
}

Reader::Reader(const fs::path& folder) : state_(std::make_unique<State>(folder)) {}
const fs::path& Reader::folder() const { return state_->folder; }

Reader::~Reader() = default;

Reader::Snapshot::Snapshot(Reader& reader) : reader_(reader) {
  assert(!reader.state_->snapshot && "one Snapshot at a time");
  reader.state_->database.begin("BEGIN DEFERRED");
  reader.state_->snapshot = true;
}

Reader::Snapshot::~Snapshot() {
  reader_.state_->database.roll_back();
  reader_.state_->snapshot = false;
}

// ---- Sweeps ---------------------------------------------------------------------------------------------------

namespace {

sweep::SweepStanding standing_of(const SweepSummary& sweep, bool coordinated, bool begun) {
  using Standing = sweep::SweepStanding;
  switch (sweep.state) {
    case SweepState::kPaused:
      return Standing::kPaused;
    case SweepState::kStopped:
      return Standing::kStopped;
    case SweepState::kFinished:
      return sweep.finished == 0 && sweep.failed > 0 ? Standing::kFailed : Standing::kFinished;
    case SweepState::kRunning:
      break;
  }
  if (!begun) return Standing::kQueued;
  return coordinated ? Standing::kRunning : Standing::kInterrupted;
}

}  // namespace

SweepSummary Reader::State::summary(Statement& row) {
  SweepSummary s;
  const std::int64_t key = row.integer(0);
  s.id = row.text(1);
  s.name = row.text(2);
  s.dataset = row.text(3);
  s.dataset_name = row.text(4);
  s.synthetic = row.integer(5) != 0;
  s.spec_file = row.text(6);
  s.state = enumerator<SweepState>(row.text(7));
  s.priority = row.whole(8);
  s.created = row.integer(9);
  s.ended = row.integer(10);
  s.folds = parse(row.text(11)).get<std::vector<int>>();
  s.seeds = parse(row.text(12)).get<std::vector<std::uint64_t>>();
  s.axes = parse(row.text(13));
  s.families = parse_families(row.text(14));
  s.reference = row.text(15);
  s.description = row.text(16);
  s.decode = {{row.real(17), row.whole(18)}, sweep::head_fusion_of(row.text(19))};
  s.search = parse(row.text(20));
  s.test_fingerprint = row.text(21);
  s.scored = row.whole(22);
  s.note = row.text(24);
  s.tags = parse(row.text(25)).get<std::vector<std::string>>();
  s.archived = row.integer(26) != 0;
  s.labels = parse(row.text(27)).get<std::map<std::string, std::string>>();
  if (!s.search.is_null()) {
    Statement rounds(database, "SELECT count(*), total(done) FROM round WHERE sweep = ?");
    rounds.bind(key).step();
    s.rounds = rounds.whole(0);
    s.searching = rounds.real(1) == 0;
  }
  s.partitions.clear();
  for (const json& partition : parse(row.text(23))) s.partitions.push_back(parse_partition(partition));
  s.trials = count_positions("sweep_trial", key);
  s.configs = count_positions("sweep_config", key);
  Statement sums(database,
                 "SELECT finished, failed, running, attempts, diverged, microseconds, coalesce(best, 0) FROM sweep_sum "
                 "WHERE sweep = ?");
  if (!sums.bind(key).step()) throw Error("the store lost the sums of sweep " + s.id);
  s.finished = sums.whole(0);
  s.failed = sums.whole(1);
  s.diverged = sums.whole(4);
  s.training_seconds = static_cast<double>(sums.integer(5)) / 1e6;
  s.best_paper_score = best_paper_score(key, sums.integer(6));
  // Whoever writes to the store holds its lock. A killed coordinator leaves attempts behind as running.
  const bool coordinated = store_holder(folder).has_value();
  s.running = coordinated ? sums.whole(2) : 0;
  s.standing = standing_of(s, coordinated, sums.integer(3) > 0);
  return s;
}

std::optional<double> Reader::State::best_paper_score(std::int64_t sweep, std::int64_t best) {
  if (best == 0) return std::nullopt;
  const auto score_of = [](Statement& row) -> std::optional<double> {
    try {
      return read_result_row(row, 1, row.text(0)).paper_accuracy->score();
    } catch (const ChangedResult&) {
      return std::nullopt;
    }
  };
  const std::string from = std::string("SELECT t.id, ") + ResultRow::columns() +
                           " FROM trial t JOIN result r ON r.trial = t.key WHERE r.paper_score IS NOT NULL AND ";
  Statement row(database, from + "t.key = ?");
  if (row.bind(best).step()) {
    if (const auto score = score_of(row)) return score;
  }
  // The next best, then. One at a time: with LIMIT 1 SQLite sorts nothing.
  Statement next(database, from +
                               "t.key IN (SELECT trial FROM sweep_trial WHERE sweep = ?) "
                               "ORDER BY r.paper_score DESC LIMIT 1 OFFSET ?");
  for (int changed = 0; next.bind(sweep, changed).step(); ++changed) {
    if (const auto score = score_of(next)) return score;
  }
  return std::nullopt;
}

int most_trials(const SweepSummary& sweep) {
  // A search that makes its configs has a limit of its own.
  const int configs = sweep.search.is_object() ? sweep.search.value("configs", sweep.configs) : sweep.configs;
  return configs * static_cast<int>(sweep.partitions.size() * sweep.folds.size() * sweep.seeds.size());
}

std::vector<SweepSummary> Reader::sweeps() {
  View view(state_->database);
  Statement rows(state_->database, std::string(kSummary) + "ORDER BY s.created DESC, s.key DESC");
  std::vector<SweepSummary> all;
  while (rows.step()) all.push_back(state_->summary(rows));
  return all;
}

std::string Reader::why_stopped(const std::string& sweep) {
  Statement find(state_->database,
                 "SELECT text FROM event_log WHERE kind = 'sweep stopped' AND subject = ? ORDER BY id DESC LIMIT 1");
  return find.bind(sweep).step() ? find.text(0) : std::string();
}

std::vector<sweep::FailureReason> Reader::failure_reasons(const std::string& sweep) {
  Statement rows(state_->database,
                 "SELECT t.reason, count(*) FROM sweep_trial st JOIN trial t ON t.key = st.trial "
                 "WHERE st.sweep = ? AND t.state = 'failed' GROUP BY t.reason ORDER BY count(*) DESC, t.reason");
  rows.bind(state_->sweep_key(sweep));
  std::vector<sweep::FailureReason> all;
  while (rows.step()) all.push_back({rows.text(0), rows.whole(1)});
  return all;
}

std::map<std::string, int> Reader::arithmetics(const std::string& sweep) {
  Statement rows(state_->database,
                 "SELECT r.arithmetic, count(*) FROM sweep_trial st JOIN result r ON r.trial = st.trial "
                 "WHERE st.sweep = ? GROUP BY r.arithmetic");
  rows.bind(state_->sweep_key(sweep));
  std::map<std::string, int> all;
  while (rows.step()) all[rows.text(0)] = rows.whole(1);
  return all;
}

std::optional<SweepSummary> Reader::find_sweep(const std::string& id_or_name) {
  View view(state_->database);
  if (id_or_name.empty()) return std::nullopt;
  Statement by_name(state_->database,
                    std::string(kSummary) + "WHERE s.id = ?1 OR s.name = ?1 ORDER BY s.id = ?1 DESC, s.key DESC");
  if (by_name.bind(id_or_name).step()) return state_->summary(by_name);
  Statement by_prefix(state_->database, std::string(kSummary) +
                                            "WHERE (s.id >= ?1 AND s.id < ?2) OR substr(s.name, 1, length(?1)) = ?1 "
                                            "LIMIT 2");
  const std::string end = after_prefix(id_or_name);
  if (!by_prefix.bind(id_or_name, end).step()) return std::nullopt;
  SweepSummary only = state_->summary(by_prefix);
  if (by_prefix.step()) return std::nullopt;
  return only;
}

SweepSummary Reader::stored_sweep(const std::string& id) {
  if (auto found = find_sweep(id)) return *std::move(found);
  throw Error("the store lost sweep " + id);
}

DatasetRecord Reader::stored_dataset(const std::string& fingerprint) {
  if (auto found = find_dataset(fingerprint)) return *std::move(found);
  throw Error("the store does not know dataset " + fingerprint);
}

bool Reader::has_sweep(const std::string& id) {
  return Statement(state_->database, "SELECT 1 FROM sweep WHERE id = ? AND created > 0").bind(id).step();
}

std::string Reader::sweep_yaml(const std::string& sweep) {
  Statement find(state_->database, "SELECT yaml FROM sweep WHERE id = ?");
  return find.bind(sweep).step() ? find.text(0) : std::string();
}

std::vector<SweepConfigRow> Reader::sweep_configs(const std::string& sweep) {
  View view(state_->database);
  Statement rows(state_->database,
                 "SELECT c.id, c.settings, sc.axis_values FROM sweep_config sc JOIN config c ON c.key = sc.config "
                 "WHERE sc.sweep = ? ORDER BY sc.position");
  rows.bind(state_->sweep_key(sweep));
  std::vector<SweepConfigRow> all;
  while (rows.step()) {
    all.push_back({rows.text(0), parse_config(rows.text(1)), parse(rows.text(2))});
    if (sweep::config_id(all.back().config) != all.back().id) {
      throw Error("the settings of config " + all.back().id +
                  " have changed since they were stored: medley store check lists all faults; restore a backup");
    }
  }
  return all;
}

std::vector<sweep::TrialSpec> Reader::sweep_trials(const std::string& sweep, Trials which) {
  View view(state_->database);
  const std::int64_t key = state_->sweep_key(sweep);
  std::map<std::int64_t, sweep::Config> configs;
  Statement settings(
      state_->database,
      "SELECT c.key, c.settings FROM sweep_config sc JOIN config c ON c.key = sc.config WHERE sc.sweep = ?");
  settings.bind(key);
  while (settings.step()) configs.emplace(settings.integer(0), parse_config(settings.text(1)));
  Statement rows(state_->database, "SELECT t.id, t.config, t.fold, t.seed, t.partition FROM " + table_of(which) +
                                       " st JOIN trial t ON t.key = st.trial WHERE st.sweep = ? ORDER BY st.position");
  rows.bind(key);
  std::vector<sweep::TrialSpec> all;
  while (rows.step()) {
    all.push_back({rows.text(0), configs.at(rows.integer(1)), rows.whole(2),
                   static_cast<std::uint64_t>(rows.integer(3)), parse_partition(rows.text(4))});
  }
  return all;
}

std::vector<RoundRow> Reader::rounds(const std::string& sweep) {
  View view(state_->database);
  const std::int64_t key = state_->sweep_key(sweep);
  std::vector<RoundRow> all;
  Statement rows(state_->database, "SELECT number, decided, done FROM round WHERE sweep = ? ORDER BY number");
  rows.bind(key);
  while (rows.step()) {
    all.push_back({rows.whole(0), rows.integer(1), {}});
    all.back().step.done = rows.integer(2) != 0;
  }
  const auto runs_of = [&](Trials which, const auto& step_of) {
    Statement runs(state_->database,
                   std::string("SELECT ") + (which == Trials::kAsked ? "st.round" : "0") +
                       ", sc.position, t.seed, t.fold FROM " + table_of(which) +
                       " st JOIN trial t ON t.key = st.trial JOIN sweep_config sc ON sc.sweep = st.sweep AND "
                       "sc.config = t.config WHERE st.sweep = ? ORDER BY st.position");
    runs.bind(key);
    while (runs.step()) {
      step_of(runs.whole(0)).push_back({runs.whole(1), static_cast<std::uint64_t>(runs.integer(2)), runs.whole(3)});
    }
  };
  const auto round = [&](int number) -> sweep::Step& {
    if (number < 1 || number > static_cast<int>(all.size())) throw Error("the store is damaged: sweep " + sweep);
    return all[static_cast<std::size_t>(number) - 1].step;
  };
  if (!all.empty()) {
    runs_of(
        Trials::kAsked, [&](int number) -> auto& { return round(number).add; });
    runs_of(
        Trials::kLikely, [&](int) -> auto& { return all.back().step.likely; });
  }
  Statement decisions(state_->database,
                      "SELECT round, config, kind, runs, against, difference, low, high FROM decision WHERE sweep = ? "
                      "ORDER BY round, position");
  decisions.bind(key);
  while (decisions.step()) {
    sweep::Decision made;
    made.config = decisions.whole(1);
    made.kind = enumerator<sweep::DecisionKind>(decisions.text(2));
    made.runs = decisions.whole(3);
    if (!decisions.is_null(4)) made.against = decisions.whole(4);
    made.difference = decisions.real(5);
    made.interval = {decisions.real(6), decisions.real(7)};
    round(decisions.whole(0)).decisions.push_back(made);
  }
  return all;
}

// ---- Scores ---------------------------------------------------------------------------------------------------

std::vector<ConfigProgress> Reader::config_progress(const std::string& sweep) {
  View view(state_->database);
  Statement rows(
      state_->database,
      "SELECT c.id, a.finished, a.failed, a.ended, a.trials FROM (SELECT t.config AS config, count(*) AS trials, "
      "total(t.state = 'finished') AS finished, total(t.state = 'failed') AS failed, max(t.ended) AS ended "
      "FROM sweep_trial st JOIN trial t ON t.key = st.trial WHERE st.sweep = ?1 GROUP BY t.config) a "
      "JOIN sweep_config sc ON sc.sweep = ?1 AND sc.config = a.config JOIN config c ON c.key = a.config "
      "ORDER BY sc.position");
  rows.bind(state_->sweep_key(sweep));
  std::vector<ConfigProgress> all;
  while (rows.step()) all.push_back({rows.text(0), rows.whole(1), rows.whole(2), rows.integer(3), rows.whole(4)});
  return all;
}

std::vector<std::string> Reader::each_config_scores(
    const std::string& sweep, const std::vector<std::string>& configs,
    const std::function<void(const std::string& config, std::vector<sweep::TrialScores>& trials)>& visit) {
  View view(state_->database);
  // CROSS JOIN: from the config to its trials. Left to itself SQLite goes through the whole sweep for each config.
  Statement rows(state_->database,
                 std::string("SELECT t.id, t.fold, t.seed, f.paper, f.held_out, f.inner, f.row_sha256, t.partition, ") +
                     ResultRow::columns() +
                     " FROM trial t CROSS JOIN sweep_trial st ON st.sweep = ?1 AND st.trial = t.key "
                     "LEFT JOIN result r ON r.trial = t.key LEFT JOIN surface f ON f.trial = t.key "
                     "WHERE t.config = (SELECT key FROM config WHERE id = ?2) AND t.state = 'finished'");
  const std::int64_t key = state_->sweep_key(sweep);
  std::vector<sweep::TrialScores> trials;
  std::vector<std::string> changed;
  for (const std::string& config : configs) {
    trials.clear();
    rows.bind(key, config);
    while (rows.step()) {
      const std::string id = rows.text(0);
      try {  // rows that are gone have no digest either
        const ResultRow numbers = read_result_row(rows, 8, id);
        const Surfaces surfaces = read_surfaces(rows, 3, id);
        trials.push_back({id,
                          config,
                          rows.whole(1),
                          static_cast<std::uint64_t>(rows.integer(2)),
                          numbers.outcome,
                          numbers.arithmetic,
                          numbers.seconds,
                          numbers.paper_accuracy.value_or(sweep::Accuracy()),
                          numbers.held_out.epoch,
                          surfaces.paper,
                          surfaces.held_out,
                          surfaces.inner,
                          {},
                          parse_partition(rows.text(7))});
      } catch (const ChangedResult&) {
        changed.push_back(id);
      }
    }
    visit(config, trials);
  }
  return changed;
}

void Reader::each_measured(const std::string& sweep, const sweep::HeldOutDecode& decode,
                           const std::function<void(const MeasuredConfig& measured)>& visit) {
  View view(state_->database);
  Statement rows(state_->database,
                 "SELECT c.id, m.config, m.results, m.ended, m.decode, m.version, m.numbers, m.row_sha256 "
                 "FROM measured_config m JOIN config c ON c.key = m.config WHERE m.sweep = ?");
  rows.bind(state_->sweep_key(sweep));
  const std::string decoded = decode_text(decode);
  while (rows.step()) {
    if (rows.text(4) != decoded || rows.text(5) != sweep::version()) continue;  // measured again
    const std::string id = rows.text(0);
    try {
      check_signed(rows, 1, 7, "measured_config", id, "its measured numbers");
    } catch (const ChangedResult&) {
      continue;
    }
    const Blob numbers = rows.blob(6);
    const auto* const bytes = static_cast<const std::uint8_t*>(numbers.data);
    visit({id, rows.whole(2), rows.integer(3), {bytes, bytes + numbers.size}});
  }
}

bool Reader::is_measured(const std::string& sweep) {
  Statement find(state_->database, "SELECT 1 FROM measured_config WHERE sweep = ? AND version = ? LIMIT 1");
  return find.bind(state_->sweep_key(sweep), sweep::version()).step();
}

// ---- Trials ---------------------------------------------------------------------------------------------------

std::vector<TrialRow> Reader::trials(const std::string& sweep, const TrialFilter& filter, Page page,
                                     const TrialSorting& sorting) {
  View view(state_->database);
  const bool by_held_out = sorting.order == TrialOrder::kHeldOut;
  const bool by_position = is_empty(filter) && sorting.order == TrialOrder::kPosition && !sorting.descending;
  const int limit = std::clamp(page.limit, 0, kMaxPage), offset = std::max(page.offset, 0);
  // Only the rows of the page are looked up elsewhere. Positions have no gaps, so an offset into all is one of them.
  const std::string chosen = by_held_out ? "SELECT key AS position, value AS trial FROM json_each(?1)"
                             : by_position
                                 ? "SELECT position, trial FROM sweep_trial WHERE sweep = ?1 AND position >= ?8 "
                                   "ORDER BY position LIMIT ?7"
                                 : "SELECT st.position AS position, st.trial AS trial " + filtered(filter) +
                                       order_by(sorting) + "LIMIT ?7 OFFSET ?8";
  Statement rows(state_->database,
                 std::string("SELECT t.id, c.id, t.fold, t.seed, t.state, t.running, t.attempts, coalesce(w.id, ''), "
                             "t.reason, t.ended, t.partition, coalesce(w.name, ''), ") +
                     ResultRow::columns() + " FROM (" + chosen +
                     ") st JOIN trial t ON t.key = st.trial JOIN config c ON c.key = t.config "
                     "LEFT JOIN result r ON r.trial = t.key "
                     "LEFT JOIN attempt a ON a.trial = t.key AND a.number = t.attempts "
                     "LEFT JOIN worker w ON w.key = a.worker " +
                     order_by(sorting));
  std::optional<std::string> state;
  if (filter.state) state = name_of(*filter.state);
  const std::int64_t key = state_->sweep_key(sweep);
  std::string by_score;
  if (by_held_out) {
    Statement all(state_->database, "SELECT t.key, t.id " + filtered(filter) + "ORDER BY st.position");
    all.bind(key, filter.config, filter.fold, filter.seed, state, filter.partition);
    std::vector<std::pair<std::int64_t, double>> trials;
    while (all.step()) {
      const std::uint64_t number = trial_number(all.text(1));
      const auto score = std::lower_bound(sorting.held_out.begin(), sorting.held_out.end(), number,
                                          [](const auto& one, std::uint64_t other) { return one.first < other; });
      const bool known = score != sorting.held_out.end() && score->first == number;
      trials.emplace_back(all.integer(0), known ? score->second : sweep::kNaN);
    }
    std::stable_sort(trials.begin(), trials.end(), [&](const auto& a, const auto& b) {
      if (std::isnan(a.second) || std::isnan(b.second)) return !std::isnan(a.second) && std::isnan(b.second);
      return sorting.descending ? a.second > b.second : a.second < b.second;
    });
    json keys = json::array();
    const std::size_t first = std::min(trials.size(), static_cast<std::size_t>(offset));
    const std::size_t last = std::min(trials.size(), first + static_cast<std::size_t>(limit));
    for (std::size_t i = first; i < last; ++i) keys.push_back(trials[i].first);
    by_score = keys.dump();
    rows.bind(by_score);
  } else if (by_position) {
    rows.bind(key, "", nullptr, nullptr, nullptr, nullptr, limit, offset);
  } else {
    rows.bind(key, filter.config, filter.fold, filter.seed, state, filter.partition, limit, offset);
  }
  std::vector<TrialRow> all;
  while (rows.step()) {
    TrialRow& row = all.emplace_back();
    row.trial = rows.text(0);
    row.config = rows.text(1);
    row.fold = rows.whole(2);
    row.seed = static_cast<std::uint64_t>(rows.integer(3));
    row.state = enumerator<TrialState>(rows.text(4));
    row.running = rows.integer(5) != 0;
    row.attempts = rows.whole(6);
    row.worker = rows.text(7);
    row.reason = rows.text(8);
    row.ended = rows.integer(9);
    row.partition = rows.text(10);
    row.worker_name = rows.text(11);
    if (rows.is_null(12)) continue;
    try {
      const ResultRow numbers = read_result_row(rows, 12, row.trial);
      row.outcome = numbers.outcome;
      row.paper_epoch = numbers.paper.epoch;
      row.seconds = numbers.seconds;
      row.paper = numbers.paper_accuracy.value_or(sweep::Accuracy());
      if (row.reason.empty()) row.reason = numbers.reason;
    } catch (const ChangedResult& error) {
      row.changed = true;
      row.reason = error.fault();
    }
  }
  return all;
}

int Reader::count_trials(const std::string& sweep, const TrialFilter& filter) {
  View view(state_->database);
  const std::int64_t key = state_->sweep_key(sweep);
  if (is_empty(filter)) return state_->count_positions("sweep_trial", key);
  Statement count(state_->database, "SELECT count(*) " + filtered(filter));
  std::optional<std::string> state;
  if (filter.state) state = name_of(*filter.state);
  count.bind(key, filter.config, filter.fold, filter.seed, state, filter.partition).step();
  return count.whole(0);
}

std::optional<TrialDetail> Reader::find_trial(const std::string& id) {
  View view(state_->database);
  if (id.size() < kFewestDigits) return std::nullopt;
  Statement find(
      state_->database,
      "SELECT t.key, t.id, c.settings, t.fold, t.seed, d.fingerprint, t.state, t.reason, t.ended, t.partition FROM "
      "trial t JOIN config c ON c.key = t.config JOIN dataset d ON d.key = t.dataset "
      "WHERE t.id >= ? AND t.id < ? ORDER BY t.id LIMIT 2");
  const std::string end = after_prefix(id);
  if (!find.bind(id, end).step()) return std::nullopt;
  TrialDetail detail;
  const std::int64_t key = find.integer(0);
  detail.spec = {find.text(1), parse_config(find.text(2)), find.whole(3), static_cast<std::uint64_t>(find.integer(4)),
                 parse_partition(find.text(9))};
  detail.dataset = find.text(5);
  detail.state = enumerator<TrialState>(find.text(6));
  detail.reason = find.text(7);
  detail.ended = find.integer(8);
  if (detail.spec.id != id && find.step()) {
    throw Error("trial '" + id + "' could be " + detail.spec.id + ", " + find.text(1) + " or more: give more digits");
  }
  Statement attempts(state_->database,
                     "SELECT a.number, w.id, w.name, a.pack, a.state, a.reason, a.started, a.ended FROM attempt a "
                     "JOIN worker w ON w.key = a.worker WHERE a.trial = ? ORDER BY a.number");
  attempts.bind(key);
  while (attempts.step()) {
    detail.attempts.push_back({attempts.whole(0), attempts.text(1), attempts.text(2), attempts.integer(3),
                               enumerator<AttemptState>(attempts.text(4)), attempts.text(5), attempts.integer(6),
                               attempts.integer(7)});
  }
  Statement sweeps(state_->database,
                   "SELECT s.id, s.name FROM sweep_trial st JOIN sweep s ON s.key = st.sweep WHERE st.trial = ? AND "
                   "s.created > 0 ORDER BY s.key");
  sweeps.bind(key);
  while (sweeps.step()) detail.sweeps.push_back({sweeps.text(0), sweeps.text(1)});
  if (detail.state == TrialState::kFinished) {
    detail.result = read_result(state_->database, key, detail.spec.id);
    Statement by(state_->database, "SELECT delivered_by FROM result WHERE trial = ?");
    by.bind(key).step();
    detail.delivered_by = by.text(0);
  }
  return detail;
}

std::map<std::string, std::vector<double>> Reader::epoch_scores(const std::vector<std::string>& trials) {
  Statement rows(state_->database,
                 "SELECT t.id, (e.presence + e.salience) / 2 FROM json_each(?) j CROSS JOIN trial t ON t.id = j.value "
                 "JOIN epoch e ON e.trial = t.key ORDER BY t.key, e.position");
  const std::string ids = json(trials).dump();
  rows.bind(ids);
  std::map<std::string, std::vector<double>> all;
  while (rows.step()) all[rows.text(0)].push_back(rows.real(1));
  return all;
}

std::vector<EpochSeries> Reader::epochs(const std::vector<std::string>& trials) {
  View view(state_->database);
  std::vector<EpochSeries> all;
  for (const std::string& trial : trials) {
    all.push_back({trial, read_epochs(state_->database, state_->trial_key(trial))});
  }
  return all;
}

namespace {

/// Columns of the trials whose predictions are asked for.
std::string select_predicted() {
  return std::string("SELECT t.key, t.id, c.id, t.fold, t.seed, t.partition, ") + ResultRow::columns() +
         " FROM trial t JOIN config c ON c.key = t.config JOIN result r ON r.trial = t.key ";
}

TrialPredictions read_predictions(Database& database, Statement& row, sweep::Protocol protocol, Split split) {
  const std::string id = row.text(1);
  const ResultRow numbers = read_result_row(row, 6, id);
  const ResultRow::Snapshot& snapshot = protocol == sweep::Protocol::kPaper ? numbers.paper : numbers.held_out;
  sweep::Predictions said = read_predictions(database, row.integer(0), id, protocol, split);
  said.clips = snapshot.clips_of(split);
  return {std::move(said),
          id,
          row.text(2),
          row.whole(3),
          static_cast<std::uint64_t>(row.integer(4)),
          parse_partition(row.text(5)),
          numbers.test_fingerprint,
          numbers.paper.epoch,
          numbers.held_out.epoch};
}

}  // namespace

std::vector<TrialPredictions> Reader::predictions(const std::string& dataset, const std::string& config,
                                                  const sweep::Partition& partition, std::uint64_t seed,
                                                  sweep::Protocol protocol, Split split) {
  View view(state_->database);
  Statement rows(state_->database,
                 select_predicted() +
                     "JOIN dataset d ON d.key = t.dataset WHERE d.fingerprint = ? AND c.id = ? AND t.partition = ? "
                     "AND t.seed = ? AND r.outcome = 'finished' ORDER BY t.fold");
  const std::string text = sweep::partition_text(partition);
  rows.bind(dataset, config, text, seed);
  std::vector<TrialPredictions> all;
  while (rows.step()) {
    all.push_back(read_predictions(state_->database, rows, protocol, split));
  }
  return all;
}

std::vector<TrialPredictions> Reader::predictions(const std::vector<std::string>& trials, sweep::Protocol protocol,
                                                  Split split) {
  View view(state_->database);
  Statement row(state_->database, select_predicted() + "WHERE t.id = ?");
  std::vector<TrialPredictions> all;
  for (const std::string& trial : trials) {
    if (!row.bind(trial).step()) continue;
    all.push_back(read_predictions(state_->database, row, protocol, split));
  }
  return all;
}

std::vector<std::pair<std::string, sweep::Importance>> Reader::importance(const std::vector<std::string>& trials) {
  View view(state_->database);
  std::vector<std::pair<std::string, sweep::Importance>> all;
  for (const std::string& trial : trials) {
    sweep::Importance importance = read_importance(state_->database, state_->trial_key(trial), trial);
    if (!importance.encoders.empty()) all.emplace_back(trial, std::move(importance));
  }
  return all;
}

// ---- Datasets, workers, ensembles, exports, log ---------------------------------------------------------------

std::vector<std::string> Reader::dataset_fingerprints() {
  Statement rows(state_->database, "SELECT fingerprint FROM dataset ORDER BY key");
  std::vector<std::string> all;
  while (rows.step()) all.push_back(rows.text(0));
  return all;
}

std::optional<DatasetRecord> Reader::find_dataset(const std::string& fingerprint) {
  View view(state_->database);
  Statement find(
      state_->database,
      "SELECT key, fingerprint, folder, name, synthetic, classes, folds, test_fingerprint, sha256 FROM dataset "
      "WHERE fingerprint >= ? AND fingerprint < ? LIMIT 2");
  const std::string end = after_prefix(fingerprint);
  if (!find.bind(fingerprint, end).step()) return std::nullopt;
  DatasetRecord dataset;
  const std::int64_t key = find.integer(0);
  dataset.fingerprint = find.text(1);
  dataset.folder = find.text(2);
  dataset.name = find.text(3);
  dataset.synthetic = find.integer(4) != 0;
  for (const json& c : parse(find.text(5))) {
    dataset.classes.names.push_back(c.at("name").get<std::string>());
    dataset.classes.exclusive.push_back(c.at("exclusive").get<bool>());
  }
  dataset.folds = parse(find.text(6)).get<std::vector<int>>();
  dataset.test_fingerprint = find.text(7);
  const std::string sha256 = find.text(8);
  if (find.step()) return std::nullopt;
  dataset.clips = read_clips(state_->database, key);
  Statement encoders(state_->database,
                     "SELECT name, labels, dim, layers FROM encoder WHERE dataset = ? ORDER BY position");
  encoders.bind(key);
  while (encoders.step()) {
    const auto labels = parse(encoders.text(1)).get<sweep::EncoderLabels>();
    dataset.encoders.push_back({encoders.text(0), labels, encoders.whole(2), encoders.whole(3)});
  }
  if (dataset_digest(dataset) != sha256) {
    throw Error("what the store holds of dataset " + dataset.fingerprint +
                " has changed since it was written (SHA-256): medley store check lists all faults; restore a backup");
  }
  return dataset;
}

int Reader::known_workers() {
  View view(state_->database);
  Statement count(state_->database, "SELECT count(*) FROM worker");
  count.step();
  return count.whole(0);
}

std::vector<WorkerRow> Reader::workers() {
  View view(state_->database);
  Statement rows(
      state_->database,
      "SELECT w.id, w.name, w.capacity, w.ranks, w.device, w.version, w.arithmetic, w.state, w.reason, w.joined, "
      "w.changed, w.running, w.finished, w.failed FROM worker w ORDER BY w.key");
  std::vector<WorkerRow> all;
  while (rows.step()) {
    WorkerRow& row = all.emplace_back();
    row.worker = {rows.text(0), rows.text(1), rows.whole(2), rows.whole(3), rows.text(4), rows.text(5), rows.text(6)};
    row.state = enumerator<WorkerState>(rows.text(7));
    row.reason = rows.text(8);
    row.joined = rows.integer(9);
    row.changed = rows.integer(10);
    row.running = rows.whole(11);
    row.finished = rows.whole(12);
    row.failed = rows.whole(13);
  }
  return all;
}

EnsembleRecord Reader::State::ensemble(Statement& row) {
  EnsembleRecord e;
  e.id = row.integer(0);
  e.request.name = row.text(1);
  e.dataset = row.text(2);
  e.created = row.integer(4);
  Statement members(database,
                    "SELECT t.id, m.weight FROM member m JOIN trial t ON t.key = m.trial WHERE m.ensemble = ? "
                    "ORDER BY m.position");
  members.bind(e.id);
  while (members.step()) e.members.push_back({members.text(0), members.real(1)});
  read_ensemble_json(row.text(3), row.text(5), row.text(6), e);
  if (ensemble_digest(e.request.name, row.text(3), row.text(5), row.text(6), e.members) != row.text(7)) {
    throw Error("ensemble " + std::to_string(e.id) + " ('" + e.request.name +
                "') has changed since it was stored (SHA-256): fit it again");
  }
  return e;
}

std::vector<EnsembleRecord> Reader::ensembles() {
  View view(state_->database);
  Statement rows(state_->database, std::string(kEnsemble) + "ORDER BY e.id DESC");
  std::vector<EnsembleRecord> all;
  while (rows.step()) all.push_back(state_->ensemble(rows));
  return all;
}

std::optional<EnsembleRecord> Reader::find_ensemble(std::int64_t id) {
  View view(state_->database);
  Statement row(state_->database, std::string(kEnsemble) + "WHERE e.id = ?");
  if (!row.bind(id).step()) return std::nullopt;
  return state_->ensemble(row);
}

std::vector<std::string> Reader::members() {
  Statement rows(state_->database, "SELECT id FROM trial WHERE key IN (SELECT trial FROM member)");
  std::vector<std::string> trials;
  while (rows.step()) trials.push_back(rows.text(0));
  return trials;
}

std::vector<ExportRecord> Reader::exports() {
  Statement rows(state_->database,
                 "SELECT id, coalesce(ensemble, 0), file, sha256, created, manifest FROM export ORDER BY id DESC");
  std::vector<ExportRecord> all;
  while (rows.step()) {
    all.push_back({rows.integer(0), rows.integer(1), rows.text(2), rows.text(3), rows.integer(4), parse(rows.text(5))});
  }
  return all;
}

std::map<std::string, ConfigMark> Reader::marks() {
  Statement rows(state_->database,
                 "SELECT c.id, m.pinned, m.note, m.tags FROM mark m JOIN config c ON c.key = m.config");
  std::map<std::string, ConfigMark> all;
  while (rows.step()) {
    all[rows.text(0)] = {rows.integer(1) != 0, rows.text(2),
                         nlohmann::json::parse(rows.text(3)).get<std::vector<std::string>>()};
  }
  return all;
}

std::vector<LogRow> Reader::log(std::int64_t after, int limit) {
  Statement rows(state_->database,
                 "SELECT id, time, kind, subject, text FROM event_log WHERE id > ? ORDER BY id LIMIT ?");
  rows.bind(after, std::clamp(limit, 0, kMaxPage));
  std::vector<LogRow> all;
  while (rows.step()) all.push_back({rows.integer(0), rows.integer(1), rows.text(2), rows.text(3), rows.text(4)});
  return all;
}

// ---- For the scheduler ----------------------------------------------------------------------------------------

std::vector<std::optional<TrialState>> Reader::states(const std::vector<std::string>& trials) {
  View view(state_->database);
  Statement find(state_->database, "SELECT state FROM trial WHERE id = ?");
  std::vector<std::optional<TrialState>> states;
  states.reserve(trials.size());
  for (const std::string& trial : trials) {
    auto& state = states.emplace_back();
    if (find.bind(trial).step()) state = enumerator<TrialState>(find.text(0));
  }
  return states;
}

std::vector<std::string> Reader::changed_results(const std::vector<std::string>& trials) {
  View view(state_->database);
  std::vector<std::string> changed;
  Statement find(state_->database, "SELECT key FROM trial WHERE id = ? AND state = 'finished'");
  for (const std::string& trial : trials) {
    if (!find.bind(trial).step()) continue;
    if (!fault_of_result(state_->database, find.integer(0), trial).empty()) changed.push_back(trial);
  }
  return changed;
}

std::vector<std::string> Reader::running_trials() {
  View view(state_->database);
  Statement find(state_->database,
                 "SELECT t.id FROM attempt a JOIN trial t ON t.key = a.trial WHERE a.state = 'running'");
  std::vector<std::string> trials;
  while (find.step()) trials.push_back(find.text(0));
  return trials;
}

std::vector<TrialHistory> Reader::trial_histories(const std::string& sweep, Trials which) {
  View view(state_->database);
  Statement rows(
      state_->database,
      std::string("SELECT t.id, c.id, t.state, t.attempts, t.failures, coalesce(w.id, ''), coalesce(a.pack, 0), "
                  "t.test_fingerprint FROM ") +
          table_of(which) +
          " st JOIN trial t ON t.key = st.trial JOIN config c ON c.key = t.config "
          "LEFT JOIN attempt a ON t.running AND a.trial = t.key AND a.number = t.attempts "
          "LEFT JOIN worker w ON w.key = a.worker WHERE st.sweep = ? ORDER BY st.position");
  rows.bind(state_->sweep_key(sweep));
  std::vector<TrialHistory> all;
  while (rows.step()) {
    all.push_back({rows.text(0), rows.text(1), enumerator<TrialState>(rows.text(2)), rows.whole(3), rows.whole(4),
                   rows.text(5), rows.integer(6), rows.text(7)});
  }
  return all;
}

}  // namespace medley::storage
