#include "coordinator/checkpoints.h"

#include <vector>

namespace medley::coordinator {
namespace fs = std::filesystem;

std::set<std::string> trials_worth_keeping(storage::Reader& reader, int configs) {
  const storage::Reader::Snapshot snapshot(reader);
  std::set<std::string> keep;
  for (const auto& sweep : reader.sweeps()) {
    for (const auto& row :
         reader.leaderboard(sweep.id, storage::LeaderboardOrder::kPaperScore, storage::Page{0, configs})) {
      if (row.paper_score.count == 0) break;  // configs without a finished trial come last
      storage::TrialFilter filter;
      filter.config = row.config;
      filter.state = sweep::TrialState::kFinished;
      for (const auto& trial : reader.trials(sweep.id, filter, storage::Page{0, storage::kMaxPage})) {
        keep.insert(trial.trial);
      }
    }
  }
  for (const auto& ensemble : reader.ensembles()) {
    for (const auto& member : ensemble.members) keep.insert(member.trial);
  }
  return keep;
}

int delete_other_checkpoints(const fs::path& folder, const std::set<std::string>& keep) {
  std::vector<fs::path> unwanted;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::path& file = it->path();
    const std::string trial = file.stem();
    const bool checkpoint = file.extension() == ".npz" && trial.size() == 16 &&
                            trial.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (checkpoint && !keep.count(trial)) unwanted.push_back(file);
  }
  int deleted = 0;
  for (const fs::path& file : unwanted) deleted += fs::remove(file, error) ? 1 : 0;
  return deleted;
}

}  // namespace medley::coordinator
