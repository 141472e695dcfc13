#include "storage/check.h"

#include <map>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>

#include "storage/codec.h"
#include "storage/database.h"
#include "storage/files/read.h"
#include "storage/owner.h"
#include "storage/reader.h"
#include "storage/result_rows.h"
#include "storage/schema.h"
#include "storage/sweep_digest.h"
#include "sweep/digest.h"
#include "sweep/json_text.h"
#include "sweep/score/admission.h"

namespace medley::storage {
namespace {

namespace fs = std::filesystem;

/// Runs `check`, and takes what it throws for a fault: rotten bytes end most readers. Want of memory is none.
template <class Check>
void take(StoreCheck& all, const std::string& where, Check check) {
  try {
    check();
  } catch (const ChangedResult& error) {
    all.faults.push_back({where, error.fault()});
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    all.faults.push_back({where, error.what()});
  }
}

/// A connection for reading does not know the CHECKs of tables, so that an unknown state would be found by nobody.
/// Nothing is written by this one. nullptr where nothing can be written.
std::unique_ptr<Database> with_checks(const std::string& path) {
  try {
    auto database = std::make_unique<Database>(path, Database::Mode::kReadWrite);
    database->execute("PRAGMA query_only = ON; SELECT count(*) FROM sqlite_master");
    return database;
  } catch (const Error&) {
    return nullptr;
  }
}

void check_database(Database& database, StoreCheck& all) {
  take(all, "database", [&] {
    const auto writable = with_checks(database.path());
    Statement integrity(writable ? *writable : database, "PRAGMA integrity_check(100)");
    while (integrity.step()) {
      if (integrity.text(0) != "ok") all.faults.push_back({"database", integrity.text(0)});
    }
  });
  take(all, "database", [&] {
    Statement keys(database, "PRAGMA foreign_key_check");
    while (keys.step()) {
      all.faults.push_back({"database", "a row of " + keys.text(0) + " refers to no row of " + keys.text(2)});
    }
  });
}

/// The datasets, by fingerprint; without those whose rows are at fault.
std::map<std::string, DatasetRecord> check_datasets(Reader& reader, StoreCheck& all) {
  std::map<std::string, DatasetRecord> datasets;
  for (const std::string& fingerprint : reader.dataset_fingerprints()) {
    take(all, "dataset " + fingerprint, [&] {
      const auto dataset = reader.find_dataset(fingerprint);
      if (!dataset) throw Error("its fingerprint is not unique");
      datasets[fingerprint] = *dataset;
    });
  }
  return datasets;
}

/// One that is being stored has no digest yet.
void check_sweeps(Database& database, StoreCheck& all) {
  take(all, "database", [&] {
    Statement sweeps(database, "SELECT key, id, sha256 FROM sweep WHERE sha256 <> '' ORDER BY key");
    while (sweeps.step()) {
      if (sweep_digest(database, sweeps.integer(0)) == sweeps.text(2)) continue;
      all.faults.push_back({"sweep " + sweeps.text(1), "its configs or settings have changed (SHA-256)"});
    }
  });
}

/// What triggers keep up of every sweep (storage/schema.cpp).
void check_sums(Database& database, StoreCheck& all) {
  take(all, "database", [&] {
    Statement sums(
        database,
        "SELECT s.id FROM sweep s LEFT JOIN sweep_sum k ON k.sweep = s.key WHERE s.sha256 <> '' AND "
        "(SELECT (total(p.finished), total(p.failed), total(p.running), total(p.attempts), "
        "total(p.diverged), total(p.microseconds)) = (k.finished, k.failed, k.running, k.attempts, "
        "k.diverged, k.microseconds) AND max(p.paper_score) IS (SELECT paper_score FROM result WHERE "
        "trial = k.best) FROM sweep_trial st JOIN trial_part p ON p.trial = st.trial WHERE st.sweep = s.key) "
        "IS NOT TRUE ORDER BY s.key");
    while (sums.step())
      all.faults.push_back(
          {"sweep " + sums.text(0), "its sums are not those of its trials: medley store compact adds them up again"});
  });
}

void check_results(const fs::path& store, Database& database, StoreCheck& all) {
  std::vector<StoredTrial> trials;
  take(all, "database", [&] { read_stored_trials(database, trials); });
  Reader reader(store);
  std::map<std::string, DatasetRecord> datasets;
  take(all, "database", [&] { datasets = check_datasets(reader, all); });
  std::map<std::pair<std::string, sweep::Partition>, sweep::Promise> promises;  // by dataset
  for (const StoredTrial& trial : trials) {
    take(all, "trial " + trial.id, [&] {
      const sweep::TrialSpec spec = checked_spec(trial);
      if (!trial.finished) return;
      ++all.results;
      const auto dataset = datasets.find(trial.dataset);
      if (dataset == datasets.end()) {
        read_result(database, trial.key, trial.id);
        return;
      }
      const auto [promise, is_new] = promises.try_emplace({trial.dataset, spec.partition});
      if (is_new) promise->second = promise_of(sweep::partitioned(dataset->second, spec.partition));
      checked_result(database, trial, spec, promise->second);
    });
  }
}

void check_ensembles(const fs::path& store, Database& database, StoreCheck& all) {
  take(all, "database", [&] {
    Reader reader(store);
    Statement ids(database, "SELECT id FROM ensemble ORDER BY id");
    while (ids.step()) {
      take(all, "ensemble " + std::to_string(ids.integer(0)), [&] { reader.find_ensemble(ids.integer(0)); });
    }
  });
}

/// The SHA-256 that the manifest beside an archive gives; "" when there is none.
std::string sha256_of_manifest(const fs::path& archive) {
  const auto text = files::read_if_there(fs::path(archive).replace_extension(".manifest.json"));
  const auto manifest = nlohmann::json::parse(text.value_or(""), nullptr, false);
  const auto sha256 = manifest.is_object() ? manifest.find("sha256") : manifest.end();
  return sha256 != manifest.end() && sha256->is_string() ? sha256->get<std::string>() : "";
}

/// A later export to the same file replaces an earlier one. It may be one of another store, or one that was interrupted
/// before it was recorded: its manifest tells.
void check_exports(const fs::path& store, StoreCheck& all) {
  take(all, "database", [&] {
    std::set<std::string> replaced;
    for (const ExportRecord& one : Reader(store).exports()) {  // newest first
      ++all.exports;
      if (!replaced.insert(one.file).second) continue;
      take(all, "export " + std::to_string(one.id), [&] {
        if (!fs::exists(one.file)) throw Error(one.file + " is not there any more");
        const std::string sha256 = sweep::sha256_hex(files::read(one.file));
        if (sha256 != one.sha256 && sha256 != sha256_of_manifest(one.file)) {
          throw Error(one.file + " has changed (SHA-256)");
        }
      });
    }
  });
}

void check_checkpoints(const fs::path& store, Database& database, StoreCheck& all) {
  take(all, "checkpoints", [&] {
    std::set<std::string> known;
    Statement trials(database, "SELECT id FROM trial");
    while (trials.step()) known.insert(trials.text(0));
    std::error_code error;
    for (fs::directory_iterator it(StoreLayout(store.string()).checkpoints(), error), end; !error && it != end;
         it.increment(error)) {
      if (it->path().extension() == ".npz" && known.count(it->path().stem().string()) == 0) {
        all.faults.push_back({"checkpoints", it->path().filename().string() + " is of no trial"});
      }
    }
  });
}

}  // namespace

Fault printable(const Fault& fault) {
  const auto sound = [](const std::string& text) {
    using nlohmann::json;
    std::string made = json::parse(sweep::json_text(text));
    for (char& c : made) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    return made;
  };
  return {sound(fault.where), sound(fault.what)};
}

void read_stored_trials(Database& database, std::vector<StoredTrial>& all) {
  Statement trials(
      database,
      "SELECT t.key, t.id, c.settings, c.id, d.fingerprint, t.test_fingerprint, t.state = 'finished', t.fold, "
      "t.seed, t.partition FROM trial t JOIN config c ON c.key = t.config JOIN dataset d ON d.key = t.dataset "
      "ORDER BY t.key");
  while (trials.step()) {
    all.push_back({trials.integer(0), trials.text(1), trials.text(2), trials.text(3), trials.text(4), trials.text(5),
                   trials.integer(6) != 0, trials.whole(7), static_cast<std::uint64_t>(trials.integer(8)),
                   trials.text(9)});
  }
}

sweep::TrialSpec checked_spec(const StoredTrial& trial) {
  const sweep::Config config = sweep::config_from_json(nlohmann::json::parse(trial.settings));
  if (sweep::config_id(config) != trial.config) throw Error("the settings of its config are not those of their id");
  const sweep::Partition partition = sweep::partition_of(trial.partition);
  if (sweep::trial_id(config, trial.fold, trial.seed, trial.dataset, trial.test, partition) != trial.id) {
    throw Error("config, partition, fold, seed and dataset are not those of its id");
  }
  return {trial.id, config, trial.fold, trial.seed, partition};
}

sweep::TrialResult checked_result(Database& database, const StoredTrial& trial, const sweep::TrialSpec& spec,
                                  const sweep::Promise& promise) {
  sweep::TrialResult result = read_result(database, trial.key, trial.id);
  const std::string problem = sweep::admission_problem(result, spec, promise);
  if (!problem.empty()) throw Error("its result cannot be: " + problem);
  return result;
}

StoreCheck check_store(const fs::path& store, CheckOf of) {
  Database database(readable_database(store), Database::Mode::kReadOnly);
  prepare_for_reading(database);
  StoreCheck all;
  check_database(database, all);
  check_sweeps(database, all);
  check_sums(database, all);
  check_results(store, database, all);
  check_ensembles(store, database, all);
  if (of == CheckOf::kAll) {
    check_exports(store, all);
    check_checkpoints(store, database, all);
  }
  for (Fault& fault : all.faults) fault = printable(fault);
  return all;
}

}  // namespace medley::storage
