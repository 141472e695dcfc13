#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "storage/database.h"
#include "storage/writer.h"
#include "tests/coordinator/fake_sweep.h"

namespace medley::fake {

/// Which trials of a sweep, by place.
inline std::set<std::size_t> places(std::size_t from, std::size_t to) {
  std::set<std::size_t> all;
  for (std::size_t i = from; i < to; ++i) all.insert(i);
  return all;
}

/// Puts a sweep of the fake dataset into a store, with results of the trials at `finished`, each in a pack of its own.
inline void fill(const std::filesystem::path& store, const storage::SweepSubmission& sweep,
                 const std::set<std::size_t>& finished, const std::string& worker = "w",
                 const std::function<void(sweep::TrialResult&)>& change = {}) {
  storage::Writer writer(store);
  storage::Writer::Group group(writer);
  writer.register_dataset(fake_dataset(), 1);
  writer.worker_joined({worker, "host:1", 8, 1, "cpu", "0", "0123456789ab"}, 1);
  writer.submit_sweep(sweep, 1);
  for (const std::size_t place : finished) {
    const sweep::TrialSpec& trial = sweep.trials.at(place);
    sweep::TrialResult result = fake_result(trial);
    if (change) change(result);
    writer.begin_attempts(worker, writer.next_pack(), {{trial.id, 1}}, 2);
    writer.accept_result({trial.id, 1}, "w", result, 3);
  }
  group.commit();
}

/// Changes a store behind its writer's back.
inline void execute(const std::filesystem::path& store, const std::string& sql) {
  storage::Database(storage::StoreLayout(store.string()).database(), storage::Database::Mode::kReadWrite).execute(sql);
}

}  // namespace medley::fake
