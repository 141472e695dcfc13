#include "storage/writer.h"

#include <cassert>
#include <map>
#include <optional>
#include <set>

#include "storage/database.h"
#include "storage/files/error.h"
#include "storage/measured_config.h"
#include "storage/owner.h"
#include "storage/result_rows.h"
#include "storage/row_digest.h"
#include "storage/schema.h"
#include "storage/sweep_digest.h"
#include "sweep/digest.h"
#include "sweep/version.h"

namespace medley::storage {

namespace fs = std::filesystem;
using sweep::AttemptId;
using sweep::AttemptState;
using sweep::SweepState;
using sweep::TrialState;
using sweep::WorkerState;

namespace {

template <class T>
Slice whole(const std::vector<T>& list) {
  return {0, list.size()};
}

std::string text_of(const AttemptId& attempt) { return attempt.trial + " attempt " + std::to_string(attempt.number); }

}  // namespace

std::string sweep_id(const SweepSubmission& submission) {
  sweep::Sha256 sha;
  sha.add("sweep\n" + submission.name + "\n" + submission.dataset + "\n");
  if (!submission.search.is_null()) sha.add(submission.search.dump() + "\n");
  for (const sweep::TrialSpec& trial : submission.trials) sha.add(trial.id + "\n");
  return sha.hex().substr(0, 12);
}

struct Writer::State {
  State(const fs::path& folder_, const StorePlace& place)
      : folder(folder_),
        layout(make_store(folder_, place)),
        owner(folder_),
        database(layout.database(), Database::Mode::kReadWrite) {
    prepare_for_writing(database);
  }

  fs::path folder;
  StoreLayout layout;
  Owner owner;  // before the database: nobody touches it otherwise
  Database database;
  std::optional<Transaction> transaction;
  bool broken = false;  ///< something of the open group failed: it can only be rolled back
  std::map<std::pair<std::int64_t, std::string>, ResultSizes> sizes;  ///< by dataset key and partition

  /// Runs `change` inside the open group; when it throws, says what could not be done and breaks the group.
  template <class Change>
  auto write(const std::string& what, Change change) {
    assert(transaction && "a change needs a Group");
    if (broken) throw Error("cannot " + what + ": an earlier write of the same group failed");
    try {
      return change();
    } catch (const Error& e) {
      broken = true;
      throw Error("cannot " + what + ": " + e.what());
    } catch (...) {
      broken = true;
      throw;
    }
  }

  std::int64_t find_key(const char* sql, const std::string& id) {
    Statement find(database, sql);
    return find.bind(id).step() ? find.integer(0) : 0;
  }
  std::int64_t key_of(const char* kind, const char* sql, const std::string& id) {
    const std::int64_t key = find_key(sql, id);
    if (key == 0) throw Error(std::string("no ") + kind + " '" + id + "' in the store");
    return key;
  }
  /// `name`, or the first of name-2, name-3, ... that no sweep has.
  std::string free_name(const std::string& name) {
    std::string free = name;
    for (int i = 2; find_key("SELECT key FROM sweep WHERE name = ?", free) != 0; ++i) {
      free = name + "-" + std::to_string(i);
    }
    return free;
  }
  std::vector<sweep::Family> families(std::int64_t sweep) {
    Statement find(database, "SELECT families FROM sweep WHERE key = ?");
    find.bind(sweep).step();
    try {
      return sweep::families_from_json(nlohmann::json::parse(find.text(0)));
    } catch (const std::exception& e) {
      throw Error(std::string("the store is damaged: ") + e.what());
    }
  }
  /// A new sweep, which readers do not see before it has a time of submission; its key. Asks nothing yet.
  std::int64_t insert_sweep(const std::string& id, const SweepSubmission& submission, std::int64_t dataset) {
    Statement insert(
        database,
        "INSERT INTO sweep (id, name, description, yaml, spec_file, dataset, dataset_name, state, priority, "
        "partitions, folds, seeds, axes, families, reference, grid_from, grid_points, head_fusion, labels, "
        "search, test_fingerprint, scored, created, ended) SELECT ?, ?, ?, ?, ?, key, name, 'running', ?, ?, ?, ?, ?, "
        "?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0 FROM dataset WHERE key = ?");
    const std::string search = submission.search.dump();
    const std::string name = free_name(submission.name);
    const std::string partitions = nlohmann::json(sweep::partition_texts(submission.partitions)).dump();
    const std::string folds = nlohmann::json(submission.folds).dump();
    const std::string seeds = nlohmann::json(submission.seeds).dump();
    const std::string axes = submission.axes.dump();
    const std::string head_fusion = sweep::head_fusion_text(submission.decode.head_fusion);
    const std::string labels = nlohmann::json(submission.labels).dump();
    insert.bind(id, name, submission.description, submission.yaml, submission.spec_file, submission.priority,
                partitions, folds, seeds, axes, "[]", submission.reference, submission.decode.grid.from,
                submission.decode.grid.points, head_fusion, labels, search, submission.test_fingerprint, dataset);
    insert.run();
    return database.last_insert_id();
  }
  void note_submitted(std::int64_t sweep, TimeMs now) {
    Statement update(database, "UPDATE sweep SET created = ? WHERE key = ?");
    update.bind(now, sweep).run();
  }
  /// Behind those that the sweep has. Points of the space that train the same are one.
  void place_configs(std::int64_t sweep, const std::vector<SweepConfig>& configs, Slice slice) {
    Statement last(database, "SELECT coalesce(max(position) + 1, 0) FROM sweep_config WHERE sweep = ?");
    last.bind(sweep).step();
    const std::int64_t first = last.integer(0);
    std::int64_t position = first;
    Statement place(database, "INSERT OR IGNORE INTO sweep_config VALUES (?, ?, ?, ?)");
    for (std::size_t i = slice.first; i < slice.last; ++i) {
      const std::string axis_values = configs[i].axis_values.dump();
      place.bind(sweep, position, insert_config(configs[i].config), axis_values).run();
      position += database.changes();
    }
  }
  /// Where the store lacks it; its key.
  std::int64_t insert_config(const sweep::Config& config) {
    const std::string id = sweep::config_id(config);
    if (const std::int64_t known = find_key("SELECT key FROM config WHERE id = ?", id)) return known;
    Statement insert(database, "INSERT INTO config (id, canonical, settings) VALUES (?, ?, ?)");
    const std::string canonical = sweep::canonical_text(config);
    const std::string settings = sweep::to_json(config).dump();
    insert.bind(id, canonical, settings).run();
    return database.last_insert_id();
  }
  [[noreturn]] static void throw_stranger(const std::string& trial) {
    throw Error("the config of trial " + trial + " is not among the sweep's configs");
  }
  /// Those that the store lacks; the keys of all. The store has their configs.
  std::vector<std::int64_t> insert_trials(std::int64_t sweep, const std::vector<sweep::TrialSpec>& trials,
                                          Slice slice) {
    Statement of_sweep(database, "SELECT dataset, test_fingerprint FROM sweep WHERE key = ?");
    of_sweep.bind(sweep).step();
    const std::int64_t dataset = of_sweep.integer(0);
    const std::string test_fingerprint = of_sweep.text(1);
    Statement insert(database,
                     "INSERT INTO trial (id, config, dataset, partition, fold, seed, test_fingerprint) "
                     "VALUES (?, ?, ?, ?, ?, ?, ?)");
    Statement find(database, "SELECT key FROM trial WHERE id = ?");
    Statement config(database, "SELECT key FROM config WHERE id = ?");
    std::vector<std::int64_t> keys;
    for (std::size_t i = slice.first; i < slice.last; ++i) {
      const sweep::TrialSpec& t = trials[i];
      if (find.bind(t.id).step()) {
        keys.push_back(find.integer(0));
        continue;
      }
      const std::string config_id = sweep::config_id(t.config);
      if (!config.bind(config_id).step()) throw_stranger(t.id);
      const std::string test = sweep::test_read_by(t.config, test_fingerprint);
      const std::string partition = sweep::partition_text(t.partition);
      insert.bind(t.id, config.integer(0), dataset, partition, t.fold, t.seed, test).run();
      keys.push_back(database.last_insert_id());
    }
    return keys;
  }
  /// Behind those that the sweep has, of whose configs they must be. Trials that it has already keep their place.
  void place_trials(std::int64_t sweep, int round, const std::vector<std::int64_t>& trials) {
    Statement last(database, "SELECT coalesce(max(position) + 1, 0) FROM sweep_trial WHERE sweep = ?");
    last.bind(sweep).step();
    const std::int64_t first = last.integer(0);
    std::int64_t position = first;
    Statement place(database, "INSERT OR IGNORE INTO sweep_trial VALUES (?, ?, ?, ?)");
    Statement of_sweep(database,
                       "SELECT t.id FROM trial t WHERE t.key = ? AND NOT EXISTS (SELECT 1 FROM sweep_config sc WHERE "
                       "sc.sweep = ? AND sc.config = t.config)");
    for (const std::int64_t trial : trials) {
      if (of_sweep.bind(trial, sweep).step()) throw_stranger(of_sweep.text(0));
      place.bind(sweep, position, trial, round).run();
      position += database.changes();
    }
    add_to_sums(sweep, first);
  }
  /// The trials of a sweep from a position on, which other sweeps may have trained. A trigger for each would take half
  /// of a second for 20,000.
  void add_to_sums(std::int64_t sweep, std::int64_t first) {
    Statement add(
        database,
        "UPDATE sweep_sum SET finished = sweep_sum.finished + a.finished, failed = sweep_sum.failed + a.failed, "
        "running = sweep_sum.running + a.running, attempts = sweep_sum.attempts + a.attempts, "
        "diverged = sweep_sum.diverged + a.diverged, microseconds = sweep_sum.microseconds + a.microseconds "
        "FROM (SELECT sum(p.finished) AS finished, sum(p.failed) AS failed, sum(p.running) AS running, "
        "sum(p.attempts) AS attempts, sum(p.diverged) AS diverged, sum(p.microseconds) AS microseconds "
        "FROM sweep_trial st JOIN trial_part p ON p.trial = st.trial WHERE st.sweep = ?1 AND st.position >= ?2) a "
        "WHERE sweep = ?1 AND a.finished IS NOT NULL");
    add.bind(sweep, first).run();
    Statement best(database,
                   "UPDATE sweep_sum SET best = b.trial FROM (SELECT r.trial AS trial, r.paper_score AS score "
                   "FROM sweep_trial st JOIN result r ON r.trial = st.trial WHERE st.sweep = ?1 AND st.position >= ?2 "
                   "AND r.paper_score IS NOT NULL ORDER BY r.paper_score DESC LIMIT 1) b "
                   "WHERE sweep = ?1 AND b.score > coalesce((SELECT paper_score FROM result WHERE trial = best), -1)");
    best.bind(sweep, first).run();
  }
  void insert_round(std::int64_t sweep, const SearchRound& round, TimeMs now) {
    Statement last(database, "SELECT coalesce(max(number), 0), coalesce(max(done), 0) FROM round WHERE sweep = ?");
    last.bind(sweep).step();
    if (last.integer(1) != 0) throw Error("its search is done");
    if (last.whole(0) + 1 != round.number) {
      throw Error("round " + std::to_string(round.number) + " does not follow round " + std::to_string(last.whole(0)));
    }
    Statement insert(database, "INSERT INTO round VALUES (?, ?, ?, ?)");
    insert.bind(sweep, round.number, now, round.done).run();
    Statement decision(database, "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    for (std::size_t i = 0; i < round.decisions.size(); ++i) {
      const sweep::Decision& d = round.decisions[i];
      decision
          .bind(sweep, round.number, static_cast<std::int64_t>(i), d.config, name_of(d.kind), d.runs, d.against,
                d.difference, d.interval.low, d.interval.high)
          .run();
    }
    place_configs(sweep, round.configs, whole(round.configs));
    place_trials(sweep, round.number, insert_trials(sweep, round.trials, whole(round.trials)));
    Statement forget(database, "DELETE FROM likely_trial WHERE sweep = ?");
    forget.bind(sweep).run();
    Statement likely(database, "INSERT INTO likely_trial VALUES (?, ?, ?)");
    std::int64_t position = 0;
    for (const std::int64_t trial : insert_trials(sweep, round.likely, whole(round.likely))) {
      likely.bind(sweep, position++, trial).run();
    }
  }
  /// What may change while the fingerprint does not: test clips and their labels, labels of encoders, and the rest of
  /// the row.
  void update_dataset(std::int64_t key, const DatasetRecord& dataset) {
    Statement update(database,
                     "UPDATE dataset SET folder = ?, name = ?, synthetic = ?, test_fingerprint = ?, sha256 = ? "
                     "WHERE key = ?");
    const std::string sha256 = dataset_digest(dataset);
    update.bind(dataset.folder, dataset.name, dataset.synthetic, dataset.test_fingerprint, sha256, key).run();
    Statement clips(database, "DELETE FROM clip WHERE dataset = ? AND fold < 0");
    clips.bind(key).run();
    insert_clips(key, dataset, true);
    Statement encoders(database, "DELETE FROM encoder WHERE dataset = ?");
    encoders.bind(key).run();
    insert_encoders(key, dataset);
    sizes.clear();
  }
  void insert_encoders(std::int64_t key, const DatasetRecord& dataset) {
    Statement encoder(database, "INSERT INTO encoder VALUES (?, ?, ?, ?, ?, ?)");
    for (std::size_t i = 0; i < dataset.encoders.size(); ++i) {
      const EncoderRecord& e = dataset.encoders[i];
      const std::string labels = nlohmann::json(e.labels).dump();
      encoder.bind(key, static_cast<std::int64_t>(i), e.name, labels, e.dim, e.layers).run();
    }
  }
  void insert_clips(std::int64_t key, const DatasetRecord& dataset, bool test) {
    Statement clip(database, "INSERT INTO clip VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    for (std::size_t i = 0; i < dataset.clips.size(); ++i) {
      const ClipRecord& c = dataset.clips[i];
      if ((c.fold < 0) != test) continue;
      std::optional<int> first, second, salience;
      if (c.label) {
        first = c.label->first;
        second = c.label->second;
        salience = c.label->salience;
      }
      clip.bind(key, static_cast<std::int64_t>(i), c.filename, c.actor, c.fold, first, second, salience).run();
    }
  }
  /// Removes the result of a trial, which is pending again.
  void reopen(std::int64_t trial, const std::string& reason, TimeMs now) {
    delete_result(database, trial);
    Statement end(
        database,
        "UPDATE attempt SET state = 'cancelled', reason = ?, ended = ? WHERE trial = ? AND state = 'finished'");
    end.bind(reason, now, trial).run();
    Statement reopen(database, "UPDATE trial SET state = 'pending', failures = 0, ended = 0 WHERE key = ?");
    reopen.bind(trial).run();
    const char* const of_sweeps = "key IN (SELECT sweep FROM sweep_trial WHERE trial = ?)";
    Statement continue_sweeps(
        database,
        std::string("UPDATE sweep SET state = 'running', ended = 0 WHERE state = 'finished' AND ") + of_sweeps);
    continue_sweeps.bind(trial).run();
    Statement measure_again(database, std::string("UPDATE sweep SET scored = 0 WHERE ") + of_sweeps);
    measure_again.bind(trial).run();
  }
  /// The sums of a sweep, from its trials: triggers take them on from what the rows said, which may have been rotten.
  void sum_again(std::int64_t sweep) {
    Statement none(database, "INSERT OR REPLACE INTO sweep_sum (sweep) VALUES (?)");
    none.bind(sweep).run();
    add_to_sums(sweep, 0);
  }
  /// Name of an ensemble that the trial is a member of; "" none.
  std::string ensemble_of(std::int64_t trial) {
    Statement find(database, "SELECT e.name FROM member m JOIN ensemble e ON e.id = m.ensemble WHERE m.trial = ?");
    return find.bind(trial).step() ? find.text(0) : std::string();
  }
  std::int64_t dataset_key(const std::string& id) {
    return key_of("dataset", "SELECT key FROM dataset WHERE fingerprint = ?", id);
  }
  std::int64_t sweep_key(const std::string& id) { return key_of("sweep", "SELECT key FROM sweep WHERE id = ?", id); }
  std::int64_t trial_key(const std::string& id) { return key_of("trial", "SELECT key FROM trial WHERE id = ?", id); }
  std::int64_t worker_key(const std::string& id) { return key_of("worker", "SELECT key FROM worker WHERE id = ?", id); }

  const ResultSizes& sizes_of(std::int64_t dataset, const std::string& partition) {
    const auto it = sizes.find({dataset, partition});
    if (it != sizes.end()) return it->second;
    const ResultSizes read = read_result_sizes(database, dataset, sweep::partition_of(partition));
    return sizes.emplace(std::make_pair(dataset, partition), read).first->second;
  }
};

Writer::Writer(const fs::path& folder, const StorePlace& place) : state_(std::make_unique<State>(folder, place)) {}

Writer::~Writer() { assert(!state_->transaction && "a Group outlives its Writer"); }

const fs::path& Writer::folder() const { return state_->folder; }

Writer::Group::Group(Writer& writer) : writer_(writer) {
  assert(!writer_.state_->transaction && "one Group at a time");
  writer_.state_->owner.check();
  writer_.state_->transaction.emplace(writer_.state_->database, Transaction::Kind::kWrite);
  writer_.state_->broken = false;
}

Writer::Group::~Group() {
  if (open_) writer_.state_->transaction.reset();
}

void Writer::Group::commit() {
  assert(open_);
  State& state = *writer_.state_;
  if (state.broken) throw Error("cannot commit to " + state.database.path() + ": a write of this group failed");
  try {
    state.transaction->commit();
  } catch (const Error& e) {
    state.broken = true;
    throw Error(std::string("cannot commit: ") + e.what());
  }
  state.transaction.reset();
  open_ = false;
}

// ---- Datasets and sweeps --------------------------------------------------------------------------------------

void Writer::register_dataset(const DatasetRecord& dataset, TimeMs now) {
  State& s = *state_;
  s.write("register dataset " + dataset.name, [&] {
    const std::int64_t known = s.find_key("SELECT key FROM dataset WHERE fingerprint = ?", dataset.fingerprint);
    if (known != 0) return s.update_dataset(known, dataset);
    nlohmann::json classes = nlohmann::json::array();
    for (std::size_t i = 0; i < dataset.classes.names.size(); ++i) {
      classes.push_back({{"name", dataset.classes.names[i]}, {"exclusive", bool(dataset.classes.exclusive.at(i))}});
    }
    Statement insert(s.database,
                     "INSERT INTO dataset (fingerprint, test_fingerprint, folder, name, synthetic, classes, folds, "
                     "registered, sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    const std::string sha256 = dataset_digest(dataset);
    const std::string classes_text = classes.dump();
    const std::string folds = nlohmann::json(dataset.folds).dump();
    insert
        .bind(dataset.fingerprint, dataset.test_fingerprint, dataset.folder, dataset.name, dataset.synthetic,
              classes_text, folds, now, sha256)
        .run();
    const std::int64_t key = s.database.last_insert_id();
    s.insert_clips(key, dataset, false);
    s.insert_clips(key, dataset, true);
    s.insert_encoders(key, dataset);
  });
}

Writer::Submitted Writer::submit_sweep(const SweepSubmission& submission, TimeMs now) {
  Submitted submitted = begin_sweep(submission);
  if (submitted.created) {
    add_configs(submitted.id, submission, whole(submission.configs));
    add_trials(submitted.id, submission, whole(submission.trials));
  }
  end_sweep(submission, submitted, now);
  return submitted;
}

Writer::Submitted Writer::begin_sweep(const SweepSubmission& submission) {
  State& s = *state_;
  return s.write("submit sweep " + submission.name, [&] {
    Submitted submitted;
    submitted.id = sweep_id(submission);
    const std::int64_t dataset = s.dataset_key(submission.dataset);
    Statement known(s.database, "SELECT created FROM sweep WHERE id = ?");
    const bool is_known = known.bind(submitted.id).step();
    submitted.created = !is_known || known.integer(0) == 0;
    if (!is_known) s.insert_sweep(submitted.id, submission, dataset);
    return submitted;
  });
}

void Writer::add_configs(const std::string& sweep, const SweepSubmission& submission, Slice slice) {
  State& s = *state_;
  s.write("submit sweep " + submission.name, [&] { s.place_configs(s.sweep_key(sweep), submission.configs, slice); });
}

void Writer::add_trials(const std::string& sweep, const SweepSubmission& submission, Slice slice) {
  State& s = *state_;
  s.write("submit sweep " + submission.name, [&] {
    const std::int64_t key = s.sweep_key(sweep);
    if (submission.search.is_null()) {
      s.place_trials(key, 0, s.insert_trials(key, submission.trials, slice));
      return;
    }
    Statement find(s.database,
                   "SELECT 1 FROM sweep_config sc JOIN config c ON c.key = sc.config WHERE sc.sweep = ? AND c.id = ?");
    for (std::size_t i = slice.first; i < slice.last; ++i) {
      const std::string config = sweep::config_id(submission.trials[i].config);
      if (!find.bind(key, config).step()) s.throw_stranger(submission.trials[i].id);
    }
  });
}

void Writer::end_sweep(const SweepSubmission& submission, Submitted& submitted, TimeMs now) {
  State& s = *state_;
  s.write("submit sweep " + submission.name, [&] {
    const std::int64_t sweep = s.sweep_key(submitted.id);
    std::vector<sweep::Family> declared;
    if (!submitted.created) {
      declared = s.families(sweep);
      const std::string head_fusion = sweep::head_fusion_text(submission.decode.head_fusion);
      Statement update(s.database,
                       "UPDATE sweep SET description = ?, yaml = ?, spec_file = ?, priority = ?, reference = ?, "
                       "grid_from = ?, grid_points = ?, head_fusion = ?, labels = ? WHERE key = ?");
      const std::string labels = nlohmann::json(submission.labels).dump();
      update
          .bind(submission.description, submission.yaml, submission.spec_file, submission.priority,
                submission.reference, submission.decode.grid.from, submission.decode.grid.points, head_fusion, labels,
                sweep)
          .run();
    } else {
      s.note_submitted(sweep, now);
    }
    Statement named(s.database, "SELECT name, (SELECT id FROM sweep WHERE name = ?) FROM sweep WHERE key = ?");
    named.bind(submission.name, sweep).step();
    submitted.name = named.text(0);
    if (submitted.name != submission.name && !named.is_null(1)) submitted.namesake = named.text(1);
    Statement finished(s.database,
                       "SELECT count(*) FROM sweep_trial JOIN trial ON trial.key = sweep_trial.trial "
                       "WHERE sweep = ? AND state = 'finished'");
    finished.bind(sweep).step();
    submitted.finished = finished.whole(0);
    // A question that is asked again keeps its declaration. A new one came after the results that are there.
    std::vector<sweep::Family> families = submission.families;
    for (sweep::Family& family : families) {
      family.results_before = submitted.finished;
      family.declared_ms = now;
      for (const sweep::Family& known : declared) {
        if (sweep::same_question(known, family)) family = known;
      }
    }
    Statement ask(s.database, "UPDATE sweep SET families = ? WHERE key = ?");
    const std::string text = sweep::to_json(families).dump();
    ask.bind(text, sweep).run();
    sign_sweep(s.database, sweep);
  });
}

void Writer::remove_unsubmitted() {
  State& s = *state_;
  s.write("remove sweeps that were not submitted in full", [&] {
    std::vector<std::string> sweeps;
    Statement find(s.database, "SELECT id FROM sweep WHERE created = 0");
    while (find.step()) sweeps.push_back(find.text(0));
    for (const std::string& sweep : sweeps) remove_sweep(sweep, false);
  });
}

std::string Writer::adopt_sweep(const SweepSubmission& submission, const SweepOrigin& origin) {
  State& s = *state_;
  return s.write("adopt sweep " + submission.name, [&] {
    const std::int64_t sweep = s.insert_sweep(origin.id, submission, s.dataset_key(submission.dataset));
    add_configs(origin.id, submission, whole(submission.configs));
    add_trials(origin.id, submission, whole(submission.trials));
    s.note_submitted(sweep, origin.created);
    Statement update(s.database, "UPDATE sweep SET dataset_name = ?, state = ?, ended = ?, families = ? WHERE key = ?");
    const std::string families = sweep::to_json(submission.families).dump();
    update.bind(origin.dataset_name, name_of(origin.state), origin.ended, families, sweep).run();
    for (const auto& [round, decided] : origin.rounds) s.insert_round(sweep, round, decided);
    sign_sweep(s.database, sweep);
    Statement named(s.database, "SELECT name FROM sweep WHERE key = ?");
    named.bind(sweep).step();
    return named.text(0);
  });
}

void Writer::prepare_round(const std::string& sweep, const SearchRound& round, RoundSlice slice) {
  State& s = *state_;
  s.write("store trials of sweep " + sweep, [&] {
    for (std::size_t i = slice.configs.first; i < slice.configs.last; ++i) s.insert_config(round.configs[i].config);
    s.insert_trials(s.sweep_key(sweep), round.trials, slice.trials);
    s.insert_trials(s.sweep_key(sweep), round.likely, slice.likely);
  });
}

void Writer::add_round(const std::string& sweep, const SearchRound& round, TimeMs now) {
  State& s = *state_;
  s.write("store round " + std::to_string(round.number) + " of sweep " + sweep, [&] {
    const std::int64_t key = s.sweep_key(sweep);
    s.insert_round(key, round, now);
    sign_sweep(s.database, key);
  });
}

bool Writer::forget_scores(const std::string& sweep, int at_most) {
  State& s = *state_;
  return s.write("forget the Scores of sweep " + sweep, [&] {
    Statement forget(s.database,
                     "DELETE FROM run_score WHERE sweep = ?1 AND trial IN (SELECT trial FROM run_score WHERE sweep = "
                     "?1 LIMIT ?2)");
    forget.bind(s.sweep_key(sweep), at_most).run();
    return s.database.changes() > 0;
  });
}

void Writer::add_scores(const std::string& sweep, const SweepScores& scores, Slice slice) {
  State& s = *state_;
  s.write("store the Scores of sweep " + sweep, [&] {
    const std::int64_t key = s.sweep_key(sweep);
    Statement insert(s.database,
                     "INSERT INTO run_score SELECT ?, key, ?, ?, ?, ?, ?, ? FROM trial WHERE id = ? AND state = "
                     "'finished'");
    for (std::size_t i = slice.first; i < slice.last; ++i) {
      const SweepScores::Run& run = scores.runs[i];
      insert
          .bind(key, run.accuracy.presence, run.accuracy.salience, run.accuracy.score(), run.thresholds.alpha,
                run.thresholds.beta, name_of(run.fusion), run.trial)
          .run();
    }
  });
}

void Writer::keep_measured(const std::string& sweep, const sweep::HeldOutDecode& decode,
                           const std::vector<MeasuredConfig>& configs, Slice slice) {
  State& s = *state_;
  s.write("store what was measured of sweep " + sweep, [&] {
    const std::int64_t key = s.sweep_key(sweep);
    Statement insert(s.database,
                     "INSERT OR REPLACE INTO measured_config (sweep, config, results, ended, decode, version, numbers, "
                     "row_sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    for (std::size_t i = slice.first; i < slice.last; ++i) {
      const MeasuredConfig& one = configs[i];
      insert_signed(insert, "measured_config", one.config, key,
                    s.key_of("config", "SELECT key FROM config WHERE id = ?", one.config), one.results, one.ended,
                    decode_text(decode), std::string(sweep::version()), blob_of(one.numbers));
    }
  });
}

void Writer::note_scored(const std::string& sweep, int results) {
  State& s = *state_;
  s.write("store the Scores of sweep " + sweep, [&] {
    Statement scored(s.database, "UPDATE sweep SET scored = ? WHERE key = ?");
    scored.bind(results, s.sweep_key(sweep)).run();
  });
}

void Writer::set_sweep_state(const std::string& sweep, SweepState state, TimeMs now) {
  State& s = *state_;
  s.write("set the state of sweep " + sweep, [&] {
    const bool over = state == SweepState::kFinished || state == SweepState::kStopped;
    Statement update(s.database, "UPDATE sweep SET state = ?, ended = ? WHERE key = ?");
    update.bind(name_of(state), over ? now : TimeMs{0}, s.sweep_key(sweep)).run();
  });
}

void Writer::mark_sweep(const std::string& sweep, const SweepMarkChange& change) {
  State& s = *state_;
  s.write("change sweep " + sweep, [&] {
    const std::int64_t key = s.sweep_key(sweep);
    const std::int64_t namesake = change.name ? s.find_key("SELECT key FROM sweep WHERE name = ?", *change.name) : 0;
    if (namesake != 0 && namesake != key) throw Error("there is a sweep '" + *change.name + "' already");
    std::optional<std::string> tags;
    if (change.tags) tags = nlohmann::json(*change.tags).dump();
    Statement update(
        s.database,
        "UPDATE sweep SET name = coalesce(?2, name), note = coalesce(?3, note), tags = coalesce(?4, tags), "
        "archived = coalesce(?5, archived), priority = coalesce(?6, priority) WHERE key = ?1");
    update.bind(key, change.name, change.note, tags, change.archived, change.priority).run();
    if (change.name) sign_sweep(s.database, key);  // its digest has none of the others
  });
}

namespace {

/// Tables of what a sweep has, and a column by which its rows are told apart; those that others refer to come last.
constexpr std::pair<const char*, const char*> kOfSweep[] = {
    {"sweep_sum", "sweep"},   {"run_score", "trial"}, {"measured_config", "key"},  {"likely_trial", "position"},
    {"decision", "position"}, {"round", "number"},    {"sweep_trial", "position"}, {"sweep_config", "position"}};

void refuse_of_ensemble(Database& database, const std::string& sweep) {
  Statement ensemble(database, "SELECT name FROM ensemble WHERE json_extract(settings, '$.sweep') = ?");
  if (ensemble.bind(sweep).step()) throw Error("the ensemble " + ensemble.text(0) + " was fitted on it");
}

}  // namespace

Writer::Removed Writer::remove_sweep(const std::string& sweep, bool with_results) {
  State& s = *state_;
  return s.write("remove sweep " + sweep, [&] {
    const std::int64_t key = s.sweep_key(sweep);
    refuse_of_ensemble(s.database, sweep);
    std::vector<std::int64_t> own;
    Statement trials(
        s.database,
        "SELECT trial FROM sweep_trial st WHERE sweep = ?1 AND NOT EXISTS (SELECT 1 FROM sweep_trial o "
        "WHERE o.trial = st.trial AND o.sweep <> ?1) AND NOT EXISTS (SELECT 1 FROM likely_trial l WHERE "
        "l.trial = st.trial AND l.sweep <> ?1) AND NOT EXISTS (SELECT 1 FROM member m WHERE m.trial = st.trial)");
    trials.bind(key);
    while (trials.step()) own.push_back(trials.integer(0));
    for (const auto& [table, column] : kOfSweep) {
      Statement remove(s.database, std::string("DELETE FROM ") + table + " WHERE sweep = ?");
      remove.bind(key).run();
    }
    Statement remove(s.database, "DELETE FROM sweep WHERE key = ?");
    remove.bind(key).run();
    Removed removed;
    Statement finished(s.database, "SELECT count(*) FROM result WHERE trial = ?");
    Statement attempts(s.database, "DELETE FROM attempt WHERE trial = ?");
    Statement trial_row(s.database, "DELETE FROM trial WHERE key = ?");
    for (const std::int64_t trial : own) {
      finished.bind(trial).step();
      const bool has_result = finished.integer(0) > 0;
      if (has_result && !with_results) continue;
      removed.results += has_result;
      ++removed.trials;
      delete_result(s.database, trial);
      attempts.bind(trial).run();
      trial_row.bind(trial).run();
    }
    return removed;
  });
}

std::string Writer::withdraw_sweep(const std::string& sweep, TimeMs now) {
  State& s = *state_;
  return s.write("remove sweep " + sweep, [&] {
    const std::int64_t key = s.sweep_key(sweep);
    refuse_of_ensemble(s.database, sweep);
    Statement named(s.database, "SELECT name FROM sweep WHERE key = ?");
    named.bind(key).step();
    std::string name = named.text(0);
    Statement hide(s.database, "UPDATE sweep SET created = 0, sha256 = '' WHERE key = ?");
    hide.bind(key).run();
    log_event("sweep removed", sweep, name, now);
    return name;
  });
}

bool Writer::clear_withdrawn(const std::string& sweep, int at_most) {
  State& s = *state_;
  return s.write("remove sweep " + sweep, [&] {
    const std::int64_t key = s.sweep_key(sweep);
    for (const auto& [table, column] : kOfSweep) {
      const std::string from = std::string(" FROM ") + table + " WHERE sweep = ?1";
      Statement remove(s.database, "DELETE" + from + " AND " + column + " IN (SELECT " + column + from + " LIMIT ?2)");
      remove.bind(key, at_most).run();
      if (s.database.changes() > 0) return true;
    }
    Statement remove(s.database, "DELETE FROM sweep WHERE key = ?");
    remove.bind(key).run();
    return false;
  });
}

void Writer::remove_ensemble(std::int64_t id) {
  State& s = *state_;
  s.write("remove ensemble " + std::to_string(id), [&] {
    Statement exports(s.database, "UPDATE export SET ensemble = NULL WHERE ensemble = ?");
    exports.bind(id).run();
    Statement members(s.database, "DELETE FROM member WHERE ensemble = ?");
    members.bind(id).run();
    Statement ensemble(s.database, "DELETE FROM ensemble WHERE id = ?");
    ensemble.bind(id).run();
    if (s.database.changes() != 1) throw Error("there is no such ensemble");
  });
}

void Writer::set_sweep_priority(const std::string& sweep, int priority) {
  State& s = *state_;
  s.write("set the priority of sweep " + sweep, [&] {
    Statement update(s.database, "UPDATE sweep SET priority = ? WHERE key = ?");
    update.bind(priority, s.sweep_key(sweep)).run();
  });
}

// ---- Workers and attempts -------------------------------------------------------------------------------------

void Writer::worker_joined(const WorkerRecord& worker, TimeMs now) {
  State& s = *state_;
  s.write("record worker " + worker.id, [&] {
    Statement upsert(
        s.database,
        "INSERT INTO worker (id, name, capacity, ranks, device, version, arithmetic, state, reason, joined, "
        "changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'joined', '', ?8, ?8) ON CONFLICT (id) DO UPDATE "
        "SET name = ?2, capacity = ?3, ranks = ?4, device = ?5, version = ?6, arithmetic = ?7, "
        "state = 'joined', reason = '', changed = ?8");
    upsert
        .bind(worker.id, worker.name, worker.capacity, worker.ranks, worker.device, worker.version, worker.arithmetic,
              now)
        .run();
  });
}

void Writer::set_worker_state(const std::string& worker, WorkerState state, const std::string& reason, TimeMs now) {
  State& s = *state_;
  s.write("record the state of worker " + worker, [&] {
    Statement update(s.database, "UPDATE worker SET state = ?, reason = ?, changed = ? WHERE key = ?");
    update.bind(name_of(state), reason, now, s.worker_key(worker)).run();
  });
}

void Writer::begin_attempts(const std::string& worker, std::int64_t pack, const std::vector<AttemptId>& attempts,
                            TimeMs now) {
  State& s = *state_;
  s.write("record an assignment to worker " + worker, [&] {
    const std::int64_t worker_key = s.worker_key(worker);
    Statement find(s.database, "SELECT key, state, running, attempts FROM trial WHERE id = ?");
    Statement insert(s.database, "INSERT INTO attempt VALUES (?, ?, ?, ?, 'running', '', ?, 0)");
    Statement update(s.database, "UPDATE trial SET running = 1, attempts = ? WHERE key = ?");
    for (const AttemptId& attempt : attempts) {
      if (!find.bind(attempt.trial).step()) throw Error("no trial '" + attempt.trial + "' in the store");
      const std::int64_t trial = find.integer(0);
      if (find.text(1) != name_of(TrialState::kPending)) throw Error("trial " + attempt.trial + " is " + find.text(1));
      if (find.whole(2) != 0) throw Error("trial " + attempt.trial + " is running already");
      if (find.whole(3) + 1 != attempt.number) {
        throw Error("the next attempt of trial " + attempt.trial + " is " + std::to_string(find.whole(3) + 1) +
                    ", not " + std::to_string(attempt.number));
      }
      insert.bind(trial, attempt.number, worker_key, pack, now).run();
      update.bind(attempt.number, trial).run();
    }
    find.reset();
  });
}

bool Writer::end_attempt(const AttemptId& attempt, AttemptState state, const std::string& reason, TimeMs now,
                         bool counts) {
  assert(state != AttemptState::kRunning && state != AttemptState::kFinished);
  State& s = *state_;
  return s.write("end " + text_of(attempt), [&] {
    const std::int64_t trial = s.trial_key(attempt.trial);
    Statement end(s.database,
                  "UPDATE attempt SET state = ?, reason = ?, ended = ? WHERE trial = ? AND number = ? AND "
                  "state = 'running'");
    end.bind(name_of(state), reason, now, trial, attempt.number).run();
    if (s.database.changes() == 0) return false;
    const int counted = counts && state != AttemptState::kCancelled ? 1 : 0;
    Statement update(s.database, "UPDATE trial SET running = 0, failures = failures + ? WHERE key = ?");
    update.bind(counted, trial).run();
    return true;
  });
}

void Writer::excuse_attempt(const AttemptId& attempt) {
  State& s = *state_;
  s.write("excuse " + text_of(attempt), [&] {
    Statement update(s.database, "UPDATE trial SET failures = max(failures - 1, 0) WHERE key = ?");
    update.bind(s.trial_key(attempt.trial)).run();
  });
}

void Writer::end_unwanted(TimeMs now) {
  State& s = *state_;
  s.write("end attempts that no sweep wants", [&] {
    Statement end(s.database,
                  "UPDATE attempt SET state = 'cancelled', reason = 'its search went another way', ended = ? WHERE "
                  "state = 'running' AND NOT EXISTS (SELECT 1 FROM sweep_trial st WHERE st.trial = attempt.trial) AND "
                  "NOT EXISTS (SELECT 1 FROM likely_trial lt WHERE lt.trial = attempt.trial)");
    end.bind(now).run();
    s.database.execute(
        "UPDATE trial SET running = 0 WHERE running AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.trial = trial.key "
        "AND a.state = 'running')");
  });
}

std::vector<Writer::SetAside> Writer::set_aside_changed(const std::vector<std::string>& trials, TimeMs now) {
  State& s = *state_;
  return s.write("look for results that have changed", [&] {
    std::vector<SetAside> aside;
    std::set<std::int64_t> sweeps;
    Statement find(s.database, "SELECT key FROM trial WHERE id = ? AND state = 'finished'");
    for (const std::string& trial : trials) {
      if (!find.bind(trial).step()) continue;
      const std::int64_t key = find.integer(0);
      const std::string fault = fault_of_result(s.database, key, trial);
      if (fault.empty()) continue;
      s.reopen(key, fault, now);
      log_event("result set aside", trial, fault, now);
      aside.push_back({trial, fault});
      Statement having(s.database, "SELECT sweep FROM sweep_trial WHERE trial = ?");
      having.bind(key);
      while (having.step()) sweeps.insert(having.integer(0));
    }
    for (const std::int64_t sweep : sweeps) s.sum_again(sweep);
    return aside;
  });
}

std::vector<sweep::TrialResult> Writer::discard(const std::vector<std::string>& trials, const std::string& reason,
                                                TimeMs now) {
  State& s = *state_;
  return s.write("discard results", [&] {
    std::vector<sweep::TrialResult> discarded;
    Statement find(s.database, "SELECT key FROM trial WHERE id = ? AND state = 'finished'");
    for (const std::string& trial : trials) {
      if (!find.bind(trial).step()) continue;
      const std::int64_t key = find.integer(0);
      const std::string ensemble = s.ensemble_of(key);
      if (!ensemble.empty()) throw Error("trial " + trial + " is a member of the ensemble " + ensemble);
      discarded.push_back(read_result(s.database, key, trial));
      s.reopen(key, reason, now);
      log_event("result discarded", trial, reason, now);
    }
    return discarded;
  });
}

Writer::Accepted Writer::accept_result(const AttemptId& attempt, const std::string& delivered_by,
                                       const sweep::ResultRecord& record, TimeMs now) {
  State& s = *state_;
  return s.write("store the result of " + text_of(attempt), [&] {
    const sweep::TrialResult& result = record.result;
    if (result.trial_id != attempt.trial) throw Error("it says that it is of trial '" + result.trial_id + "'");
    Statement find(s.database, "SELECT key, state, fold, dataset, attempts, partition FROM trial WHERE id = ?");
    if (!find.bind(attempt.trial).step()) throw Error("no such trial in the store");
    const std::int64_t trial = find.integer(0);
    if (attempt.number < 1 || attempt.number > find.whole(4)) throw Error("no such attempt in the store");
    if (find.text(1) == name_of(TrialState::kFinished)) return Accepted::kAlreadyFinished;
    check_result(result, s.sizes_of(find.integer(3), find.text(5)), find.whole(2));
    find.reset();
    // At most one other attempt runs: it is not needed any more.
    Statement cancel(s.database,
                     "UPDATE attempt SET state = 'cancelled', reason = 'another attempt delivered', ended = ? "
                     "WHERE trial = ? AND state = 'running' AND number <> ?");
    cancel.bind(now, trial, attempt.number).run();
    Statement finish(s.database,
                     "UPDATE attempt SET state = 'finished', reason = '', ended = ? WHERE trial = ? AND number = ?");
    finish.bind(now, trial, attempt.number).run();
    Statement update(s.database,
                     "UPDATE trial SET state = 'finished', running = 0, reason = '', ended = ? WHERE key = ?");
    update.bind(now, trial).run();
    insert_result(s.database, trial, attempt.number, delivered_by, record);
    return Accepted::kAccepted;
  });
}

std::string Writer::result_problem(const AttemptId& attempt, const sweep::TrialResult& result) {
  State& s = *state_;
  if (result.trial_id != attempt.trial) return "it says that it is of trial '" + result.trial_id + "'";
  Statement find(s.database, "SELECT fold, dataset, attempts, partition FROM trial WHERE id = ?");
  if (!find.bind(attempt.trial).step()) return "no such trial in the store";
  if (attempt.number < 1 || attempt.number > find.whole(2)) return "no such attempt in the store";
  const int fold = find.whole(0);
  const ResultSizes& sizes = s.sizes_of(find.integer(1), find.text(3));
  try {
    check_result(result, sizes, fold);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

void Writer::fail_trial(const std::string& trial, const std::string& reason, TimeMs now) {
  State& s = *state_;
  s.write("fail trial " + trial, [&] {
    Statement update(s.database,
                     "UPDATE trial SET state = 'failed', reason = ?, ended = ? WHERE key = ? AND state = 'pending'");
    update.bind(reason, now, s.trial_key(trial)).run();
  });
}

void Writer::retry_trial(const std::string& trial, TimeMs) {
  State& s = *state_;
  s.write("retry trial " + trial, [&] {
    Statement update(s.database,
                     "UPDATE trial SET state = 'pending', reason = '', failures = 0, ended = 0 WHERE key = ? AND "
                     "state = 'failed'");
    update.bind(s.trial_key(trial)).run();
  });
}

bool Writer::mark_config(const std::string& config, const ConfigMarkChange& change) {
  State& s = *state_;
  return s.write("mark config " + config, [&] {
    std::optional<std::string> tags;
    if (change.tags) tags = nlohmann::json(*change.tags).dump();
    Statement upsert(s.database,
                     "INSERT INTO mark (config, pinned, note, tags) "
                     "SELECT key, coalesce(?2, 0), coalesce(?3, ''), coalesce(?4, '[]') FROM config WHERE id = ?1 "
                     "ON CONFLICT (config) DO UPDATE SET "
                     "pinned = coalesce(?2, pinned), note = coalesce(?3, note), tags = coalesce(?4, tags)");
    upsert.bind(config, change.pinned, change.note, tags).run();
    return s.database.changes() == 1;
  });
}

// ---- Ensembles, exports, log ----------------------------------------------------------------------------------

std::int64_t Writer::save_ensemble(const EnsembleRecord& ensemble) {
  State& s = *state_;
  const std::string& name = ensemble.request.name;
  return s.write("save ensemble " + name, [&] {
    Statement insert(
        s.database,
        "INSERT INTO ensemble (name, dataset, method, created, settings, scores, sha256) VALUES (?, ?, ?, ?, ?, ?, "
        "?)");
    const char* method = name_of(ensemble.request.options.method);
    const std::string settings = settings_json(ensemble).dump(), scores = scores_json(ensemble).dump();
    const std::string sha256 = ensemble_digest(name, method, settings, scores, ensemble.members);
    insert.bind(name, s.dataset_key(ensemble.dataset), method, ensemble.created, settings, scores, sha256).run();
    const std::int64_t id = s.database.last_insert_id();
    Statement member(s.database, "INSERT INTO member VALUES (?, ?, ?, ?)");
    std::int64_t position = 0;
    Statement of(s.database, "SELECT partition FROM trial WHERE id = ?");
    const std::string partition = sweep::partition_text(ensemble.partition);
    for (const MemberRecord& m : ensemble.members) {
      member.bind(id, position++, s.trial_key(m.trial), m.weight).run();
      of.bind(m.trial).step();
      if (of.text(0) == partition) continue;
      throw Error("member trial " + m.trial + " is of the partition " + of.text(0) + ", not of " + partition +
                  ": clips that it trained on are held out in the others");
    }
    return id;
  });
}

std::int64_t Writer::save_export(const ExportRecord& record) {
  State& s = *state_;
  return s.write("save export " + record.file, [&] {
    std::optional<std::int64_t> ensemble;
    if (record.ensemble != 0) ensemble = record.ensemble;
    Statement insert(s.database,
                     "INSERT INTO export (ensemble, file, sha256, created, manifest) VALUES (?, ?, ?, ?, ?)");
    const std::string manifest = record.manifest.dump();
    insert.bind(ensemble, record.file, record.sha256, record.created, manifest).run();
    return s.database.last_insert_id();
  });
}

void Writer::log_event(const std::string& kind, const std::string& subject, const std::string& text, TimeMs now) {
  State& s = *state_;
  s.write("log an event", [&] {
    Statement insert(s.database, "INSERT INTO event_log (time, kind, subject, text) VALUES (?, ?, ?, ?)");
    insert.bind(now, kind, subject, text).run();
  });
}

// ---- Upkeep ---------------------------------------------------------------------------------------------------

Writer::Unreferenced Writer::remove_unreferenced() {
  State& s = *state_;
  return s.write("remove what nothing refers to", [&] {
    Unreferenced removed;
    {
      Statement trials(s.database,
                       "SELECT id FROM trial t WHERE NOT EXISTS (SELECT 1 FROM sweep_trial WHERE trial = t.key) "
                       "AND NOT EXISTS (SELECT 1 FROM likely_trial WHERE trial = t.key) "
                       "AND NOT EXISTS (SELECT 1 FROM result WHERE trial = t.key) ORDER BY key");
      while (trials.step()) removed.trials.push_back(trials.text(0));
    }
    Statement attempts(s.database, "DELETE FROM attempt WHERE trial = ?");
    Statement trial(s.database, "DELETE FROM trial WHERE key = ?");
    for (const std::string& id : removed.trials) {
      const std::int64_t key = s.trial_key(id);
      attempts.bind(key).run();
      trial.bind(key).run();
    }
    s.database.execute(
        "DELETE FROM config WHERE NOT EXISTS (SELECT 1 FROM trial WHERE config = config.key) AND NOT EXISTS (SELECT 1 "
        "FROM sweep_config WHERE config = config.key) AND NOT EXISTS (SELECT 1 FROM mark WHERE config = config.key)");
    removed.configs = s.database.changes();
    const std::string unused =
        "SELECT key FROM dataset EXCEPT SELECT dataset FROM trial EXCEPT SELECT dataset FROM sweep EXCEPT SELECT "
        "dataset FROM ensemble";
    for (const char* part : {"clip", "encoder"}) {
      s.database.execute("DELETE FROM " + std::string(part) + " WHERE dataset IN (" + unused + ")");
    }
    s.database.execute("DELETE FROM dataset WHERE key IN (" + unused + ")");
    removed.datasets = s.database.changes();
    return removed;
  });
}

void Writer::compact() {
  State& s = *state_;
  assert(!s.transaction && "no Group is open");
  Group group(*this);
  std::vector<std::int64_t> sweeps;
  Statement all(s.database, "SELECT key FROM sweep");
  while (all.step()) sweeps.push_back(all.integer(0));
  for (const std::int64_t sweep : sweeps) s.sum_again(sweep);
  group.commit();
  s.database.execute("PRAGMA wal_checkpoint(TRUNCATE); VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
}

std::int64_t Writer::next_pack() {
  Statement largest(state_->database, "SELECT coalesce(max(pack), 0) + 1 FROM attempt");
  largest.step();
  return largest.integer(0);
}

}  // namespace medley::storage
