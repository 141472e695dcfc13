// Optuna's RDB storage on SQLite: optuna/storages/_rdb/models.py at its revision v3.0.0.d, that of Optuna 3.0 and 3.1.
// Later versions ask for `optuna storage upgrade`.
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "coordinator/actions/trackers.h"
#include "storage/database.h"
#include "storage/files/write.h"
#include "sweep/config.h"
#include "sweep/json_text.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using storage::Statement;

constexpr const char* kSchema = R"sql(
CREATE TABLE studies (
  study_id INTEGER NOT NULL, study_name VARCHAR(512) NOT NULL,
  PRIMARY KEY (study_id));
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE TABLE version_info (
  version_info_id INTEGER NOT NULL, schema_version INTEGER, library_version VARCHAR(256),
  PRIMARY KEY (version_info_id), CHECK (version_info_id=1));
CREATE TABLE study_directions (
  study_direction_id INTEGER NOT NULL, direction VARCHAR(8) NOT NULL, study_id INTEGER NOT NULL,
  objective INTEGER NOT NULL,
  PRIMARY KEY (study_direction_id), UNIQUE (study_id, objective),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_user_attributes (
  study_user_attribute_id INTEGER NOT NULL, study_id INTEGER, "key" VARCHAR(512), value_json TEXT,
  PRIMARY KEY (study_user_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE study_system_attributes (
  study_system_attribute_id INTEGER NOT NULL, study_id INTEGER, "key" VARCHAR(512), value_json TEXT,
  PRIMARY KEY (study_system_attribute_id), UNIQUE (study_id, "key"),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE trials (
  trial_id INTEGER NOT NULL, number INTEGER, study_id INTEGER, state VARCHAR(8) NOT NULL,
  datetime_start DATETIME, datetime_complete DATETIME,
  PRIMARY KEY (trial_id),
  FOREIGN KEY(study_id) REFERENCES studies (study_id));
CREATE TABLE trial_user_attributes (
  trial_user_attribute_id INTEGER NOT NULL, trial_id INTEGER, "key" VARCHAR(512), value_json TEXT,
  PRIMARY KEY (trial_user_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_system_attributes (
  trial_system_attribute_id INTEGER NOT NULL, trial_id INTEGER, "key" VARCHAR(512), value_json TEXT,
  PRIMARY KEY (trial_system_attribute_id), UNIQUE (trial_id, "key"),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_params (
  param_id INTEGER NOT NULL, trial_id INTEGER, param_name VARCHAR(512), param_value FLOAT, distribution_json TEXT,
  PRIMARY KEY (param_id), UNIQUE (trial_id, param_name),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_values (
  trial_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, objective INTEGER NOT NULL, value FLOAT,
  value_type VARCHAR(7) NOT NULL,
  PRIMARY KEY (trial_value_id), UNIQUE (trial_id, objective),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_intermediate_values (
  trial_intermediate_value_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, step INTEGER NOT NULL,
  intermediate_value FLOAT, intermediate_value_type VARCHAR(7) NOT NULL,
  PRIMARY KEY (trial_intermediate_value_id), UNIQUE (trial_id, step),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE trial_heartbeats (
  trial_heartbeat_id INTEGER NOT NULL, trial_id INTEGER NOT NULL, heartbeat DATETIME NOT NULL,
  PRIMARY KEY (trial_heartbeat_id), UNIQUE (trial_id),
  FOREIGN KEY(trial_id) REFERENCES trials (trial_id));
CREATE TABLE alembic_version (
  version_num VARCHAR(32) NOT NULL,
  CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('v3.0.0.d');
INSERT INTO version_info VALUES (1, 12, '3.1.0');
)sql";

/// What a run varies, with its fold and seed.
json params_of(const TrackedRun& run) {
  json params = run.varied;
  params["fold"] = run.fold;
  params["seed"] = run.seed;
  return params;
}

/// The values that a parameter has in any run, as one of Optuna's distributions.
class Distribution {
 public:
  void add(const json& value) {
    constexpr double kExact = 9007199254740992;  // 2^53: parameters are stored as doubles
    whole_ = whole_ && value.is_number_integer() && std::abs(value.get<double>()) <= kExact;
    number_ =
        number_ && (value.is_number_float() || (value.is_number_integer() && std::abs(value.get<double>()) <= kExact));
    if (value.is_number()) {
      const auto x = value.get<double>();
      low_ = std::min(low_, x);
      high_ = std::max(high_, x);
    }
    places_.emplace(value.dump(), static_cast<int>(places_.size()));
  }

  std::string text() const {
    if (whole_)
      return made("IntDistribution",
                  {{"low", std::int64_t(low_)}, {"high", std::int64_t(high_)}, {"log", false}, {"step", 1}});
    if (number_) return made("FloatDistribution", {{"low", low_}, {"high", high_}, {"log", false}, {"step", nullptr}});
    json choices = json::array();
    std::vector<const std::string*> order(places_.size());
    for (const auto& [value, place] : places_) order[static_cast<std::size_t>(place)] = &value;
    for (const std::string* value : order) choices.push_back(json::parse(*value));
    return made("CategoricalDistribution", {{"choices", choices}});
  }

  /// As Optuna stores it: of a choice its place.
  double stored(const json& value) const { return number_ ? value.get<double>() : places_.at(value.dump()); }

 private:
  static std::string made(const char* name, const json& attributes) {
    return json{{"name", name}, {"attributes", attributes}}.dump();
  }

  bool whole_ = true, number_ = true;
  double low_ = HUGE_VAL, high_ = -HUGE_VAL;
  std::map<std::string, int> places_;  ///< of distinct values, by their JSON, in the order of their first run
};

/// In the time of this host, as Optuna does.
std::string time_text(storage::TimeMs time) {
  const std::tm parts = local_time(time);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec, time % 1000 * 1000);
}

/// A trial that is COMPLETE has a value. One that ended without is FAIL, as study.tell() has it.
const char* state_of(const TrackedRun& run) {
  if (run.state == name_of(sweep::TrialState::kPending)) return "WAITING";
  if (run.state == "running") return "RUNNING";
  return run.columns.contains("held_out_score") ? "COMPLETE" : "FAIL";
}

/// Inserts of a study, prepared once.
class Study {
 public:
  Study(storage::Database& database, const std::map<std::string, Distribution>& distributions)
      : distributions_(distributions),
        trial_(database, "INSERT INTO trials VALUES (?, ?, 1, ?, ?, ?)"),
        param_(database, "INSERT INTO trial_params VALUES (NULL, ?, ?, ?, ?)"),
        value_(database, "INSERT INTO trial_values VALUES (NULL, ?, 0, ?, 'FINITE')"),
        step_(database, "INSERT INTO trial_intermediate_values VALUES (NULL, ?, ?, ?, ?)"),
        attribute_(database, "INSERT INTO trial_user_attributes VALUES (NULL, ?, ?, ?)") {
    for (const auto& [name, distribution] : distributions) texts_[name] = distribution.text();
  }

  void add(const TrackedRun& run) {
    const int id = ++trials_;
    const bool begun = run.state != name_of(sweep::TrialState::kPending);
    const std::string state = state_of(run), start = time_text(run.started), end = time_text(run.known_last());
    trial_
        .bind(id, id - 1, state, begun ? std::optional(start) : std::nullopt,
              begun && state != "RUNNING" ? std::optional(end) : std::nullopt)
        .run();
    const json params = params_of(run);
    for (const auto& [name, value] : params.items()) {
      param_.bind(id, name, distributions_.at(name).stored(value), texts_.at(name)).run();
    }
    if (state == "COMPLETE") value_.bind(id, run.columns["held_out_score"].get<double>()).run();
    for (const sweep::EpochMetrics& epoch : run.epochs) {
      const double score = epoch.validation.score();
      const bool known = std::isfinite(score);
      step_.bind(id, epoch.epoch, known ? std::optional(score) : std::nullopt, known ? "FINITE" : "NAN").run();
    }
    json attributes = run.columns;
    attributes.erase("fold");
    attributes.erase("seed");
    attributes["config_name"] = run.config_name;
    for (const auto& [name, value] : attributes.items()) {
      const std::string text = sweep::json_text(value);
      attribute_.bind(id, name, text).run();
    }
  }

 private:
  const std::map<std::string, Distribution>& distributions_;
  std::map<std::string, std::string> texts_;
  Statement trial_, param_, value_, step_, attribute_;
  int trials_ = 0;
};

}  // namespace

bool write_optuna(const TrackedSweep& tracked, const fs::path& out) {
  std::map<std::string, Distribution> distributions;
  tracked.each_without_epochs([&](const TrackedRun& run) {
    const json params = params_of(run);
    for (const auto& [name, value] : params.items()) distributions[name].add(value);
  });
  files::PartialFile file(out);
  {
    storage::Database database(file.path(), storage::Database::Mode::kReadWrite);
    database.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");  // the file is nobody's before it is whole
    storage::Transaction transaction(database, storage::Transaction::Kind::kWrite);
    database.execute(kSchema);
    Statement(database, "INSERT INTO studies VALUES (1, ?)").bind(tracked.sweep().name).run();
    database.execute("INSERT INTO study_directions VALUES (1, 'MAXIMIZE', 1, 0)");
    // Read by Optuna from 3.2 on.
    database.execute("INSERT INTO study_system_attributes VALUES (1, 1, 'study:metric_names', '[\"held_out_score\"]')");
    json facts = tracked.facts();
    facts["intermediate_values"] = "paper-style Score by epoch";
    Statement fact(database, "INSERT INTO study_user_attributes VALUES (NULL, 1, ?, ?)");
    for (const auto& [name, value] : facts.items()) {
      const std::string text = sweep::json_text(value);
      fact.bind(name, text).run();
    }
    Study study(database, distributions);
    tracked.each([&](const TrackedRun& run) { study.add(run); });
    transaction.commit();
  }
  return file.commit_if_new(files::Durability::kAtomic);
}

}  // namespace medley::coordinator
