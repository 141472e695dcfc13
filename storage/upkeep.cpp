#include "storage/upkeep.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "storage/owner.h"
#include "storage/reader.h"
#include "storage/store_folder.h"
#include "storage/writer.h"

namespace medley::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kAbandoned{24};  // nothing writes to one file for so long

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error)) files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Of files::PartialFile, or of a library that wrote under its name.
bool is_abandoned(const fs::path& file) {
  const std::string name = file.filename().string();
  std::error_code gone;
  return name.front() == '.' && name.find(".partial") != std::string::npos &&
         fs::file_time_type::clock::now() - fs::last_write_time(file, gone) > kAbandoned && !gone;
}

std::vector<UnneededFile> unneeded_files(const StoreLayout& layout, Reader& reader,
                                         const std::set<std::string>& removed_trials) {
  std::vector<UnneededFile> unneeded;
  const auto add = [&](const fs::path& file, const char* why) {
    std::error_code gone;
    const std::uintmax_t bytes = fs::file_size(file, gone);
    if (!gone) unneeded.push_back({file, bytes, why});
  };
  for (const std::string& folder : {layout.folder, layout.checkpoints(), layout.exports(), layout.logs()}) {
    for (const fs::path& file : files_in(folder)) {
      if (is_abandoned(file)) add(file, "left half written");
    }
  }
  const std::vector<fs::path> files = files_in(layout.checkpoints());
  std::vector<std::string> trials;
  for (const fs::path& file : files) trials.push_back(file.stem().string());
  const auto states = reader.states(trials);
  const std::vector<SweepSummary> sweeps = reader.sweeps();
  const bool unfinished = std::any_of(sweeps.begin(), sweeps.end(),
                                      [](const auto& sweep) { return sweep.state != sweep::SweepState::kFinished; });
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool of_no_trial = !states[i] || removed_trials.count(trials[i]) > 0;
    if (files[i].extension() == ".npz" && of_no_trial) add(files[i], "checkpoint of no trial");
    if (files[i].extension() == ".rung" && !unfinished) add(files[i], "where a trial stopped that no sweep takes up");
    if (files[i].extension() == ".resume" && (of_no_trial || *states[i] != sweep::TrialState::kPending)) {
      add(files[i], "save file of a trial that needs no more training");
    }
  }
  std::sort(unneeded.begin(), unneeded.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return unneeded;
}

std::uintmax_t database_bytes(const fs::path& store) {
  std::uintmax_t bytes = 0;
  for (const fs::path& file : database_files(store)) bytes += fs::file_size(file);
  return bytes;
}

}  // namespace

Garbage collect_garbage(const fs::path& store, Collecting collecting) {
  readable_database(store);  // an error where there is none, before one is made
  Writer writer(store);
  Reader reader(store);
  Writer::Group group(writer);  // to list only is to roll back
  const Writer::Unreferenced rows = writer.remove_unreferenced();
  Garbage garbage{{}, rows.trials, rows.configs, rows.datasets};
  garbage.files = unneeded_files(StoreLayout(store.string()), reader, {rows.trials.begin(), rows.trials.end()});
  if (collecting == Collecting::kListOnly) return garbage;
  group.commit();
  for (const UnneededFile& file : garbage.files) {
    std::error_code error;
    fs::remove(file.path, error);
    if (error) throw Error("cannot remove " + file.path.string() + ": " + error.message());
  }
  return garbage;
}

Compacted compact(const fs::path& store) {
  readable_database(store);  // an error where there is none, before one is made
  Compacted compacted{database_bytes(store), 0};
  Writer(store).compact();
  compacted.after = database_bytes(store);
  return compacted;
}

}  // namespace medley::storage
