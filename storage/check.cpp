#include "storage/check.h"

#include <map>
#include <set>
#include <stdexcept>

#include "storage/codec.h"
#include "storage/database.h"
#include "storage/files/read.h"
#include "storage/reader.h"
#include "storage/result_rows.h"
#include "storage/schema.h"
#include "sweep/digest.h"
#include "sweep/score/admission.h"

namespace medley::storage {
namespace {

namespace fs = std::filesystem;

/// Rotten text as a terminal and JSON can take it: UTF-8 without control characters.
std::string printable(const std::string& text) {
  using nlohmann::json;
  std::string sound = json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
  for (char& c : sound) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return sound;
}

/// Runs `check`, and takes what it throws for a fault: rotten bytes end most readers.
template <class Check>
void take(StoreCheck& all, const std::string& where, Check check) {
  try {
    check();
  } catch (const ChangedResult& error) {
    all.faults.push_back({where, error.fault()});
  } catch (const std::exception& error) {
    all.faults.push_back({where, error.what()});
  }
}

void check_database(Database& database, StoreCheck& all) {
  take(all, "database", [&] {
    Statement integrity(database, "PRAGMA integrity_check(100)");
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

/// What the trials of each dataset were promised, by fingerprint; without those whose rows are at fault.
std::map<std::string, sweep::Promise> check_datasets(Reader& reader, StoreCheck& all) {
  std::map<std::string, sweep::Promise> promises;
  for (const std::string& fingerprint : reader.dataset_fingerprints()) {
    take(all, "dataset " + fingerprint, [&] {
      const auto dataset = reader.find_dataset(fingerprint);
      if (!dataset) throw Error("its fingerprint is not unique");
      promises[fingerprint] = promise_of(*dataset);
    });
  }
  return promises;
}

void check_results(const fs::path& store, Database& database, StoreCheck& all) {
  struct Row {
    std::int64_t key;
    std::string id, settings, config, dataset, test;
    bool finished;
    int fold;
    std::uint64_t seed;
  };
  std::vector<Row> rows;
  take(all, "database", [&] {
    Statement trials(
        database,
        "SELECT t.key, t.id, c.settings, c.id, d.fingerprint, t.test_fingerprint, t.state = 'finished', t.fold, t.seed "
        "FROM trial t JOIN config c ON c.key = t.config JOIN dataset d ON d.key = t.dataset "
        "ORDER BY t.key");
    while (trials.step()) {
      rows.push_back({trials.integer(0), trials.text(1), trials.text(2), trials.text(3), trials.text(4), trials.text(5),
                      trials.integer(6) != 0, trials.whole(7), static_cast<std::uint64_t>(trials.integer(8))});
    }
  });
  Reader reader(store);
  std::map<std::string, sweep::Promise> promises;
  take(all, "database", [&] { promises = check_datasets(reader, all); });
  for (const Row& row : rows) {
    const std::string where = "trial " + row.id;
    take(all, where, [&] {
      const sweep::Config config = sweep::config_from_json(nlohmann::json::parse(row.settings));
      if (sweep::config_id(config) != row.config) throw Error("the settings of its config are not those of their id");
      if (sweep::trial_id(config, row.fold, row.seed, row.dataset, row.test) != row.id) {
        throw Error("config, fold, seed and dataset are not those of its id");
      }
      if (!row.finished) return;
      ++all.results;
      const sweep::TrialResult result = read_result(database, row.key, row.id);
      const auto promise = promises.find(row.dataset);
      if (promise == promises.end()) return;
      const std::string problem =
          sweep::admission_problem(result, {row.id, config, row.fold, row.seed}, promise->second);
      if (!problem.empty()) throw Error("its result cannot be: " + problem);
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

void check_exports(const fs::path& store, StoreCheck& all) {
  take(all, "database", [&] {
    for (const ExportRecord& one : Reader(store).exports()) {
      ++all.exports;
      take(all, "export " + std::to_string(one.id), [&] {
        if (!fs::exists(one.file)) throw Error(one.file + " is not there any more");
        if (sweep::sha256_hex(files::read(one.file)) != one.sha256) throw Error(one.file + " has changed (SHA-256)");
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

StoreCheck check_store(const fs::path& store) {
  if (!store_exists(store)) throw Error("no store in '" + store.string() + "'");
  Database database(StoreLayout(store.string()).database(), Database::Mode::kReadOnly);
  prepare_for_reading(database);
  StoreCheck all;
  check_database(database, all);
  check_results(store, database, all);
  check_ensembles(store, database, all);
  check_exports(store, all);
  check_checkpoints(store, database, all);
  for (Fault& fault : all.faults) fault = {printable(fault.where), printable(fault.what)};
  return all;
}

}  // namespace medley::storage
