#include "storage/schema.h"

#include <algorithm>
#include <iterator>

#include "storage/files/file_system.h"
#include "sweep/version.h"

namespace medley::storage {
namespace {

// Keys called `key` are ours and never leave the store; `id` is what people and messages see. NaN is NULL. Blobs hold
// little-endian numbers (sweep/record.h). `row_sha256` is a RowDigest, which every reader of such a row checks.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE dataset (
  key INTEGER PRIMARY KEY,
  fingerprint TEXT NOT NULL UNIQUE,
  test_fingerprint TEXT NOT NULL,  -- of the test clips that it has now; '' none
  folder TEXT NOT NULL,
  name TEXT NOT NULL,
  synthetic INTEGER NOT NULL,
  classes TEXT NOT NULL,           -- JSON [{"name", "exclusive"}]
  folds TEXT NOT NULL,             -- JSON
  registered INTEGER NOT NULL,
  sha256 TEXT NOT NULL             -- of what a DatasetRecord says of it
) STRICT;
CREATE TABLE clip (
  dataset INTEGER NOT NULL REFERENCES dataset,
  position INTEGER NOT NULL,
  filename TEXT NOT NULL,
  actor TEXT NOT NULL,
  fold INTEGER NOT NULL,           -- -1: a test clip
  first INTEGER,                   -- label: NULL when there is none
  second INTEGER,
  salience INTEGER,
  PRIMARY KEY (dataset, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE encoder (
  dataset INTEGER NOT NULL REFERENCES dataset,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  labels TEXT NOT NULL,            -- JSON {label: word}
  dim INTEGER NOT NULL,            -- columns of a layer
  layers INTEGER NOT NULL,
  PRIMARY KEY (dataset, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE config (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  canonical TEXT NOT NULL,
  settings TEXT NOT NULL           -- JSON
) STRICT;
CREATE TABLE mark (
  config INTEGER PRIMARY KEY REFERENCES config,
  pinned INTEGER NOT NULL,
  note TEXT NOT NULL,
  tags TEXT NOT NULL               -- JSON
) STRICT;
CREATE TABLE sweep (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  yaml TEXT NOT NULL,
  spec_file TEXT NOT NULL,
  dataset INTEGER NOT NULL REFERENCES dataset,
  dataset_name TEXT NOT NULL,      -- when it was submitted: folders are copied and renamed
  state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'finished')),
  priority INTEGER NOT NULL,
  partitions TEXT NOT NULL,        -- JSON: texts of sweep::Partition
  folds TEXT NOT NULL,             -- JSON: what is expected of each partition
  seeds TEXT NOT NULL,             -- JSON
  axes TEXT NOT NULL,              -- JSON
  families TEXT NOT NULL,          -- JSON: what it compares
  grid_from REAL NOT NULL,         -- of the thresholds that reports search
  grid_points INTEGER NOT NULL,
  head_fusion TEXT NOT NULL,       -- of reports: "fitted", or one of them
  reference TEXT NOT NULL,         -- id of the config that tables compare with; '' the first of the ranking
  labels TEXT NOT NULL,            -- JSON: what reports call axes and values
  search TEXT NOT NULL,            -- JSON: how it chooses its trials; null: all of them at once
  test_fingerprint TEXT NOT NULL,  -- of the test clips when it was submitted; '' none
  note TEXT NOT NULL DEFAULT '',
  tags TEXT NOT NULL DEFAULT '[]', -- JSON
  archived INTEGER NOT NULL DEFAULT 0,
  sha256 TEXT NOT NULL DEFAULT '', -- sweep_digest(); '' while it is being stored
  scored INTEGER NOT NULL,         -- results that its rows of run_score were measured from
  created INTEGER NOT NULL,        -- 0 while its trials are being added: readers do not see it
  ended INTEGER NOT NULL           -- 0 until it ends
) STRICT;
CREATE TABLE sweep_config (
  sweep INTEGER NOT NULL REFERENCES sweep,
  position INTEGER NOT NULL,
  config INTEGER NOT NULL REFERENCES config,
  axis_values TEXT NOT NULL,       -- JSON
  PRIMARY KEY (sweep, position),
  UNIQUE (sweep, config)
) STRICT, WITHOUT ROWID;

CREATE TABLE trial (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  config INTEGER NOT NULL REFERENCES config,
  dataset INTEGER NOT NULL REFERENCES dataset,
  partition TEXT NOT NULL,         -- text of sweep::Partition
  fold INTEGER NOT NULL,
  seed INTEGER NOT NULL,           -- the bits of an unsigned number
  test_fingerprint TEXT NOT NULL,  -- of the test clips that its training reads; '' where it reads none
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'finished', 'failed')),
  running INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,  -- since the last retry
  reason TEXT NOT NULL DEFAULT '',
  ended INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX trial_of_config ON trial (config, dataset, partition, seed, fold);
CREATE TABLE sweep_trial (
  sweep INTEGER NOT NULL REFERENCES sweep,
  position INTEGER NOT NULL,
  trial INTEGER NOT NULL REFERENCES trial,
  round INTEGER NOT NULL,          -- of its search; 0 without one
  PRIMARY KEY (sweep, position),
  UNIQUE (sweep, trial)
) STRICT, WITHOUT ROWID;
CREATE INDEX sweep_of_trial ON sweep_trial (trial);

-- What the search of a sweep decided.
CREATE TABLE round (
  sweep INTEGER NOT NULL REFERENCES sweep,
  number INTEGER NOT NULL,         -- from 1
  decided INTEGER NOT NULL,
  done INTEGER NOT NULL,           -- 1: the search asks for nothing more
  PRIMARY KEY (sweep, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE decision (
  sweep INTEGER NOT NULL,
  round INTEGER NOT NULL,
  position INTEGER NOT NULL,
  config INTEGER NOT NULL,         -- sweep_config.position
  kind TEXT NOT NULL,
  runs INTEGER NOT NULL,
  against INTEGER,                 -- sweep_config.position
  difference REAL, low REAL, high REAL,
  PRIMARY KEY (sweep, round, position),
  FOREIGN KEY (sweep, round) REFERENCES round
) STRICT, WITHOUT ROWID;
-- What its next round will probably ask for.
CREATE TABLE likely_trial (
  sweep INTEGER NOT NULL REFERENCES sweep,
  position INTEGER NOT NULL,
  trial INTEGER NOT NULL REFERENCES trial,
  PRIMARY KEY (sweep, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE worker (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  capacity INTEGER NOT NULL,
  ranks INTEGER NOT NULL,
  device TEXT NOT NULL,
  version TEXT NOT NULL,
  arithmetic TEXT NOT NULL,        -- how it computes; '' unknown
  state TEXT NOT NULL CHECK (state IN ('joined', 'away', 'quarantined', 'left')),
  reason TEXT NOT NULL,
  joined INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  running INTEGER NOT NULL DEFAULT 0,   -- attempts, by the triggers of `attempt`; failed ones with lost ones
  finished INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE attempt (
  trial INTEGER NOT NULL REFERENCES trial,
  number INTEGER NOT NULL,
  worker INTEGER NOT NULL REFERENCES worker,
  pack INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'finished', 'failed', 'lost', 'cancelled')),
  reason TEXT NOT NULL,
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  PRIMARY KEY (trial, number)
) STRICT, WITHOUT ROWID;
-- A trial is trained once at a time, and has one result.
CREATE UNIQUE INDEX attempt_running ON attempt (trial) WHERE state = 'running';
CREATE UNIQUE INDEX attempt_finished ON attempt (trial) WHERE state = 'finished';
CREATE INDEX attempt_of_pack ON attempt (pack);
CREATE INDEX attempt_by_end ON attempt (ended, worker) WHERE state = 'finished';
-- Counting a worker's attempts takes long where it has had a million.
CREATE TRIGGER attempt_began AFTER INSERT ON attempt BEGIN
  UPDATE worker SET running = running + (new.state = 'running'), finished = finished + (new.state = 'finished'),
    failed = failed + (new.state IN ('failed', 'lost')) WHERE key = new.worker;
END;
CREATE TRIGGER attempt_ended AFTER UPDATE OF state ON attempt BEGIN
  UPDATE worker SET running = running + (new.state = 'running') - (old.state = 'running'),
    finished = finished + (new.state = 'finished') - (old.state = 'finished'),
    failed = failed + (new.state IN ('failed', 'lost')) - (old.state IN ('failed', 'lost')) WHERE key = new.worker;
END;
CREATE TRIGGER attempt_forgotten AFTER DELETE ON attempt BEGIN
  UPDATE worker SET running = running - (old.state = 'running'), finished = finished - (old.state = 'finished'),
    failed = failed - (old.state IN ('failed', 'lost')) WHERE key = old.worker;
END;

CREATE TABLE result (
  trial INTEGER PRIMARY KEY REFERENCES trial,
  attempt INTEGER NOT NULL,
  delivered_by TEXT NOT NULL,      -- id of the worker that sent it: of the attempt's, or of one that took its spool over
  outcome TEXT NOT NULL CHECK (outcome IN ('finished', 'diverged')),
  reason TEXT NOT NULL,
  seconds REAL,
  samples_per_second REAL,
  peak_memory_bytes INTEGER NOT NULL,
  pack_size INTEGER NOT NULL,
  epochs INTEGER NOT NULL,
  paper_epoch INTEGER NOT NULL,
  paper_validation_clips INTEGER NOT NULL,
  paper_test_clips INTEGER NOT NULL,
  held_out_epoch INTEGER NOT NULL,
  held_out_validation_clips INTEGER NOT NULL,
  held_out_test_clips INTEGER NOT NULL,
  test_fingerprint TEXT NOT NULL,  -- of the test clips that are predicted; '' without
  arithmetic TEXT NOT NULL,        -- of the worker that trained it; '' unknown
  sha256 TEXT NOT NULL,            -- of sweep::encode_result()
  -- For the leaderboard; NULL when diverged. Paper-style: optimistic.
  paper_alpha REAL, paper_beta REAL, paper_presence REAL, paper_salience REAL, paper_score REAL,
  -- The held-out epoch at thresholds of the inner fold; NULL without one.
  inner_presence REAL, inner_salience REAL, inner_score REAL,
  row_sha256 BLOB NOT NULL
) STRICT;
-- What a trial adds to the sums of its sweeps. Microseconds: sums of whole numbers depend on no order.
CREATE VIEW trial_part AS
  SELECT t.key AS trial, t.state = 'finished' AS finished, t.state = 'failed' AS failed, t.running AS running,
    t.attempts AS attempts, coalesce(r.outcome = 'diverged', 0) AS diverged,
    CAST(coalesce(round(r.seconds * 1e6), 0) AS INTEGER) AS microseconds, r.paper_score AS paper_score
  FROM trial t LEFT JOIN result r ON r.trial = t.key;
-- These sums, by the triggers below and by who adds trials to a sweep: adding up a sweep takes long where it has 200,000
-- trials. A trial leaves a sweep only with the sweep.
CREATE TABLE sweep_sum (
  sweep INTEGER PRIMARY KEY REFERENCES sweep,
  finished INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  running INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  diverged INTEGER NOT NULL DEFAULT 0,
  microseconds INTEGER NOT NULL DEFAULT 0,
  best INTEGER                     -- trial of the highest paper_score; NULL without one
) STRICT;
CREATE TRIGGER sweep_began AFTER INSERT ON sweep BEGIN
  INSERT INTO sweep_sum (sweep) VALUES (new.key);
END;
CREATE TRIGGER trial_changed AFTER UPDATE OF state, running, attempts ON trial BEGIN
  UPDATE sweep_sum SET finished = finished + (new.state = 'finished') - (old.state = 'finished'),
    failed = failed + (new.state = 'failed') - (old.state = 'failed'), running = running + new.running - old.running,
    attempts = attempts + new.attempts - old.attempts
  WHERE sweep IN (SELECT sweep FROM sweep_trial WHERE trial = new.key);
END;
CREATE TRIGGER result_stored AFTER INSERT ON result BEGIN
  UPDATE sweep_sum SET diverged = sweep_sum.diverged + p.diverged,
    microseconds = sweep_sum.microseconds + p.microseconds,
    best = CASE WHEN p.paper_score > coalesce((SELECT paper_score FROM result WHERE trial = best), -1)
      THEN p.trial ELSE best END
  FROM trial_part p WHERE p.trial = new.trial AND sweep IN (SELECT sweep FROM sweep_trial WHERE trial = new.trial);
END;
CREATE TRIGGER result_goes BEFORE DELETE ON result BEGIN
  UPDATE sweep_sum SET diverged = sweep_sum.diverged - p.diverged,
    microseconds = sweep_sum.microseconds - p.microseconds,
    best = CASE WHEN best = old.trial THEN
      (SELECT r.trial FROM sweep_trial st JOIN result r ON r.trial = st.trial WHERE st.sweep = sweep_sum.sweep AND
        r.paper_score IS NOT NULL AND r.trial <> old.trial ORDER BY r.paper_score DESC LIMIT 1) ELSE best END
  FROM trial_part p WHERE p.trial = old.trial AND sweep IN (SELECT sweep FROM sweep_trial WHERE trial = old.trial);
END;
CREATE TABLE surface (
  trial INTEGER PRIMARY KEY REFERENCES result,
  paper BLOB NOT NULL,
  held_out BLOB NOT NULL,
  inner BLOB NOT NULL,
  row_sha256 BLOB NOT NULL
) STRICT;
CREATE TABLE epoch (
  trial INTEGER NOT NULL REFERENCES result,
  position INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  learning_rate REAL, loss REAL, validation_loss REAL,
  alpha REAL, beta REAL, presence REAL, salience REAL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE loss_term (
  trial INTEGER PRIMARY KEY REFERENCES result,
  terms BLOB NOT NULL              -- sweep::encode_terms() of its epochs
) STRICT;
-- All of a trial in one row, because a row's last page is its own. What reports read comes first. row_sha256 is that of
-- each of the others by itself, one behind the other.
CREATE TABLE prediction (
  trial INTEGER PRIMARY KEY REFERENCES result,
  row_sha256 BLOB NOT NULL,
  held_out_validation BLOB NOT NULL,  -- each sweep::encode_predictions()
  paper_validation BLOB NOT NULL,
  held_out_test BLOB NOT NULL,
  paper_test BLOB NOT NULL
) STRICT;
CREATE TABLE importance (
  trial INTEGER NOT NULL REFERENCES result,
  position INTEGER NOT NULL,
  encoder TEXT NOT NULL,
  mean REAL, sd REAL, selection_frequency REAL,
  PRIMARY KEY (trial, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE gate (
  trial INTEGER PRIMARY KEY REFERENCES result,
  statistics BLOB NOT NULL,        -- sweep::encode_statistics() of the encoders
  weights BLOB NOT NULL,           -- sweep::encode_weights() [clip, encoder]
  cka BLOB NOT NULL,               -- float32 [encoder, encoder]
  row_sha256 BLOB NOT NULL         -- of the trial's rows of importance, too
) STRICT;

-- Held-out Scores of runs, measured when the sweep has finished, for those who read the store by SQL. Reports measure
-- them again.
CREATE TABLE run_score (
  sweep INTEGER NOT NULL REFERENCES sweep,
  trial INTEGER NOT NULL REFERENCES trial,
  presence REAL, salience REAL, score REAL,
  alpha REAL, beta REAL,           -- thresholds
  head_fusion TEXT NOT NULL,
  PRIMARY KEY (sweep, trial)
) STRICT, WITHOUT ROWID;

-- What sweep::measure_config() gave of configs of which every trial had ended: pages read it in place of the surfaces.
-- True while as many of the config's trials have a result, the last of all ended then, and reports decode so.
CREATE TABLE measured_config (
  key INTEGER PRIMARY KEY,
  sweep INTEGER NOT NULL REFERENCES sweep,
  config INTEGER NOT NULL REFERENCES config,
  results INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  decode TEXT NOT NULL,            -- text of sweep::HeldOutDecode
  version TEXT NOT NULL,           -- of Medley, that measured it
  numbers BLOB NOT NULL,           -- storage/measured_config.h
  row_sha256 BLOB NOT NULL,
  UNIQUE (sweep, config)
) STRICT;

CREATE TABLE ensemble (
  id INTEGER PRIMARY KEY AUTOINCREMENT,  -- an id that was removed is not given again
  name TEXT NOT NULL,
  dataset INTEGER NOT NULL REFERENCES dataset,
  method TEXT NOT NULL,
  created INTEGER NOT NULL,
  settings TEXT NOT NULL,          -- JSON
  scores TEXT NOT NULL,            -- JSON
  sha256 TEXT NOT NULL             -- of all of it and its members
) STRICT;
CREATE TABLE member (
  ensemble INTEGER NOT NULL REFERENCES ensemble,
  position INTEGER NOT NULL,
  trial INTEGER NOT NULL REFERENCES trial,
  weight REAL NOT NULL,
  PRIMARY KEY (ensemble, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE export (
  id INTEGER PRIMARY KEY,
  ensemble INTEGER REFERENCES ensemble,
  file TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  created INTEGER NOT NULL,
  manifest TEXT NOT NULL           -- JSON
) STRICT;
CREATE TABLE event_log (
  id INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL
) STRICT;

-- What people read by SQL (docs/sql.md). Tables change between versions, these do not.
CREATE VIEW v_config AS
  SELECT s.name AS sweep, s.id AS sweep_id, c.id AS config, c.settings AS settings, sc.axis_values AS axis_values
  FROM sweep_config sc JOIN sweep s ON s.key = sc.sweep JOIN config c ON c.key = sc.config;
CREATE VIEW v_trial AS
  SELECT s.name AS sweep, s.id AS sweep_id, t.id AS trial, c.id AS config, t.partition AS partition, t.fold AS fold, t.seed AS seed,
    CASE WHEN r.outcome = 'diverged' THEN 'diverged' WHEN t.running THEN 'running' ELSE t.state END AS state,
    h.score AS held_out_score, h.presence AS held_out_acc_presence, h.salience AS held_out_acc_salience,
    h.alpha AS alpha, h.beta AS beta, h.head_fusion AS head_fusion,
    r.paper_score AS paper_score, r.paper_presence AS paper_acc_presence, r.paper_salience AS paper_acc_salience,
    CASE WHEN r.outcome = 'finished' THEN r.paper_epoch END AS paper_epoch,
    CASE WHEN r.outcome = 'finished' AND r.held_out_epoch > 0 THEN r.held_out_epoch END AS held_out_epoch,
    r.seconds AS seconds, w.name AS worker, t.attempts AS attempts,
    CASE WHEN t.ended > 0 THEN t.ended END AS ended_ms,
    nullif(CASE WHEN t.reason <> '' THEN t.reason ELSE coalesce(r.reason, '') END, '') AS reason
  FROM sweep_trial st JOIN sweep s ON s.key = st.sweep JOIN trial t ON t.key = st.trial JOIN config c ON c.key = t.config
    LEFT JOIN result r ON r.trial = t.key LEFT JOIN run_score h ON h.sweep = st.sweep AND h.trial = t.key
    LEFT JOIN attempt a ON a.trial = t.key AND a.number = t.attempts LEFT JOIN worker w ON w.key = a.worker;
CREATE VIEW v_epoch AS
  SELECT t.id AS trial, e.epoch AS epoch, e.learning_rate AS learning_rate, e.loss AS loss,
    e.validation_loss AS validation_loss, e.alpha AS alpha, e.beta AS beta, e.presence AS paper_acc_presence,
    e.salience AS paper_acc_salience, (e.presence + e.salience) / 2 AS paper_score
  FROM epoch e JOIN trial t ON t.key = e.trial;
CREATE VIEW v_importance AS
  SELECT t.id AS trial, i.encoder AS encoder, i.mean AS weight, i.sd AS weight_sd,
    i.selection_frequency AS selection_frequency
  FROM importance i JOIN trial t ON t.key = i.trial;
CREATE VIEW v_prediction AS
  WITH said (trial, protocol, split, bytes) AS (
    SELECT trial, 'held-out', 'validation', held_out_validation FROM prediction
    UNION ALL SELECT trial, 'paper', 'validation', paper_validation FROM prediction
    UNION ALL SELECT trial, 'held-out', 'test', held_out_test FROM prediction
    UNION ALL SELECT trial, 'paper', 'test', paper_test FROM prediction
  ),
  -- What follows the head of 6 bytes, whose last is sweep::Kept, and the number of matrices in it.
  kept (trial, protocol, split, kept, matrices, matrix, bytes) AS (
    SELECT trial, protocol, split, k.kept, k.matrices, (length(bytes) - 6) / k.matrices, substr(bytes, 7)
    FROM said JOIN (SELECT x'01' AS byte, 'fused' AS kept, 1 AS matrices UNION ALL SELECT x'02', 'heads', 2
      UNION ALL SELECT x'03', 'expectations', 2 UNION ALL SELECT x'04', 'all', 3) k ON k.byte = substr(bytes, 6, 1)
  ),
  part (kept, part, position) AS (VALUES ('fused', 'fused', 0), ('heads', 'presence', 0), ('heads', 'salience', 1),
    ('expectations', 'presence', 0), ('expectations', 'salience', 1), ('expectations', 'fused', 1),
    ('all', 'presence', 0), ('all', 'salience', 1), ('all', 'fused', 2))
  SELECT t.id AS trial, k.protocol AS protocol, k.split AS split, p.part AS part,
    substr(k.bytes, 1 + p.position * k.matrix, k.matrix) AS probabilities
  FROM kept k JOIN part p USING (kept) JOIN trial t ON t.key = k.trial;
)sql";

std::int64_t pragma(Database& database, const char* name) {
  Statement statement(database, std::string("PRAGMA ") + name);
  return statement.step() ? statement.integer(0) : 0;
}

/// The schema version, 0 for an empty file. Throws when the file is somebody else's or newer.
std::size_t version_of(Database& database, const std::vector<std::string>& steps) {
  const auto application = pragma(database, "application_id");
  const auto version = pragma(database, "user_version");
  if (application == 0 && version == 0) {
    Statement tables(database, "SELECT count(*) FROM sqlite_schema");
    tables.step();
    if (tables.integer(0) == 0) return 0;
  }
  if (std::find(std::begin(kUnreleasedIds), std::end(kUnreleasedIds), application) != std::end(kUnreleasedIds)) {
    throw Error(database.path() +
                " was made by a version or a development build of Medley before 0.2.0, whose stores are not read: use "
                "another --store, and run the sweeps again");
  }
  if (application != kApplicationId) {
    throw Error(database.path() + " is not a Medley store: its application id is " + std::to_string(application) +
                ", Medley's is " + std::to_string(kApplicationId));
  }
  if (version < 0 || version > static_cast<std::int64_t>(steps.size())) {
    throw Error(database.path() + " was made by a newer version of Medley: its schema is " + std::to_string(version) +
                ", this version (" + std::string(sweep::version()) + ") knows up to " + std::to_string(steps.size()) +
                "; use that version, or another --store");
  }
  return static_cast<std::size_t>(version);
}

/// One that SQLite cannot keep leaves the database in another mode, without an error.
void keep_log(Database& database) {
  Statement mode(database, "PRAGMA journal_mode = WAL");
  mode.step();
  if (mode.text(0) == "wal") return;
  throw Error(database.path() + " cannot have a write-ahead log (SQLite keeps it in mode '" + mode.text(0) +
              "'): " + files::its_file_system(database.path()) +
              " lacks what that needs; `--database FOLDER` puts the database on a local disk");
}

}  // namespace

const std::vector<std::string>& migrations() {
  static const std::vector<std::string> steps = {kVersion1};
  return steps;
}

bool is_empty(Database& database) { return version_of(database, migrations()) == 0; }

void prepare_for_writing(Database& database, const std::vector<std::string>& steps) {
  // Refuse a stranger's file before anything is written to it. SQLITE_NOTADB comes from the first read.
  const std::size_t version = version_of(database, steps);
  if (version == 0) database.execute("PRAGMA page_size = 8192");
  keep_log(database);
  // FULL: each commit syncs the log. With NORMAL a power cut may take back a commit, and a result that was acknowledged
  // (the worker has deleted it) would be gone. Group commit makes up for the price.
  database.execute("PRAGMA synchronous = FULL");
  database.execute("PRAGMA foreign_keys = ON");
  database.execute("PRAGMA journal_size_limit = 67108864");
  if (version == steps.size()) return;
  Transaction transaction(database, Transaction::Kind::kWrite);
  for (std::size_t i = version; i < steps.size(); ++i) database.execute(steps[i]);
  database.execute("PRAGMA application_id = " + std::to_string(kApplicationId));
  database.execute("PRAGMA user_version = " + std::to_string(steps.size()));
  transaction.commit();
}

void prepare_for_reading(Database& database, const std::vector<std::string>& steps) {
  const std::size_t version = version_of(database, steps);
  if (version == 0) {
    throw Error(database.path() +
                " is empty: the command that made it has not come further, or was interrupted; run it again");
  }
  if (version != steps.size()) {
    throw Error(database.path() + " was made by an older version of Medley (schema " + std::to_string(version) +
                " of " + std::to_string(steps.size()) +
                "): any command that writes to it, such as medley serve, updates it");
  }
}

}  // namespace medley::storage
