#include "coordinator/checkpoints.h"

#include <map>
#include <tuple>
#include <vector>

#include <spdlog/spdlog.h>

#include "sweep/report/report.h"

namespace medley::coordinator {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds kPause{60};  // between two looks

/// Trials whose file `<trial id><extension>` is in the folder, with its size.
std::map<std::string, std::uintmax_t> sizes_in(const fs::path& folder, const std::string& extension) {
  std::map<std::string, std::uintmax_t> sizes;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& file = it->path();
    const std::string trial = file.stem();
    const bool ours = file.extension() == extension && trial.size() == 16 &&
                      trial.find_first_not_of("0123456789abcdef") == std::string::npos;
    std::error_code gone;
    const std::uintmax_t size = ours ? fs::file_size(file, gone) : 0;
    if (ours && !gone) sizes[trial] = size;
  }
  return sizes;
}

/// The finished trials of every config of every sweep, the most wanted config first.
std::vector<std::vector<std::string>> by_worth(storage::Reader& reader,
                                               std::map<std::string, storage::GrowingReport>& reports) {
  std::map<std::tuple<std::size_t, std::size_t>, std::vector<std::string>> ordered;  // (rank, sweep) -> trials
  const auto sweeps = reader.sweeps();
  for (std::size_t s = 0; s < sweeps.size(); ++s) {
    std::map<std::string, std::vector<std::string>> trials;
    for (auto& trial : reader.trial_histories(sweeps[s].id)) {
      if (trial.state == sweep::TrialState::kFinished) trials[trial.config].push_back(std::move(trial.trial));
    }
    const auto progress = reader.config_progress(sweeps[s].id);
    const sweep::Report report = reports[sweeps[s].id].make(reader, sweeps[s], progress, {});
    const bool ended = sweeps[s].state == sweep::SweepState::kFinished;
    for (std::size_t i = 0; i < report.configs.size(); ++i) {
      const sweep::ConfigReport& config = report.configs[i];
      const bool in_progress = !ended && config.done < config.expected;
      auto& of_rank = ordered[{in_progress ? 0 : i + 1, s}];
      for (auto& trial : trials[config.id]) of_rank.push_back(std::move(trial));
    }
  }
  std::vector<std::vector<std::string>> all;
  for (auto& [rank, config] : ordered) all.push_back(std::move(config));
  return all;
}

}  // namespace

int keep_checkpoints_within(std::uintmax_t budget, const fs::path& folder, storage::Reader& reader,
                            std::map<std::string, storage::GrowingReport>& reports) {
  std::map<std::string, std::uintmax_t> unwanted = sizes_in(folder, ".npz");
  std::uintmax_t total = 0, kept = 0;
  for (const auto& [trial, size] : unwanted) total += size;
  if (total <= budget) return 0;  // without looking into the store, which costs a while when it is large

  const auto keep = [&](const std::string& trial) {
    const auto it = unwanted.find(trial);
    if (it == unwanted.end()) return;
    kept += it->second;
    unwanted.erase(it);
  };
  const storage::Reader::Snapshot snapshot(reader);
  for (const std::string& trial : reader.running_trials()) keep(trial);
  for (const std::string& trial : reader.members()) keep(trial);
  for (const auto& config : by_worth(reader, reports)) {
    std::uintmax_t size = 0;
    for (const std::string& trial : config) {
      const auto it = unwanted.find(trial);
      if (it != unwanted.end()) size += it->second;
    }
    if (kept + size > budget / 4 * 3) break;
    for (const std::string& trial : config) keep(trial);
  }
  int deleted = 0;
  std::error_code error;
  for (const auto& [trial, size] : unwanted) deleted += fs::remove(folder / (trial + ".npz"), error) ? 1 : 0;
  return deleted;
}

void drop_resume_points(const fs::path& folder, storage::Reader& reader) {
  std::vector<std::string> trials;
  for (const auto& [trial, size] : sizes_in(folder, ".resume")) trials.push_back(trial);
  const auto states = reader.states(trials);
  std::error_code error;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (states[i] != sweep::TrialState::kPending) fs::remove(folder / (trials[i] + ".resume"), error);
  }
  const auto rungs = sizes_in(folder, ".rung");
  if (rungs.empty()) return;
  const auto sweeps = reader.sweeps();
  const bool unfinished = std::any_of(sweeps.begin(), sweeps.end(),
                                      [](const auto& sweep) { return sweep.state != sweep::SweepState::kFinished; });
  if (unfinished) return;  // it may ask for longer trials yet
  for (const auto& [trial, size] : rungs) fs::remove(folder / (trial + ".rung"), error);
}

void CheckpointKeeper::note_sweep_finished() {
  due_ = true;
  not_before_ = {};
}

void CheckpointKeeper::collect(bool at_once) {
  for (const Deleted& deleted : background_.done()) {
    if (!deleted.error.empty()) {
      due_ = true;
      spdlog::warn("checkpoints are not tidied now: {}", deleted.error);
    } else if (deleted.checkpoints > 0) {
      spdlog::info("deleted {} checkpoints: together they were beyond the budget", deleted.checkpoints);
    }
  }
  const auto now = std::chrono::steady_clock::now();
  if (!due_ || (now < not_before_ && !at_once)) return;
  const bool begun = background_.start("", [this] {
    Deleted deleted;
    try {
      storage::Reader reader(store_);
      drop_resume_points(folder_, reader);
      deleted.checkpoints = keep_checkpoints_within(budget_, folder_, reader, reports_);
    } catch (const std::exception& error) {
      deleted.error = error.what();
    }
    return deleted;
  });
  if (!begun) return;
  due_ = false;
  not_before_ = now + kPause;
}

}  // namespace medley::coordinator
