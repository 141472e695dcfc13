#include "sweep/report/late_fusion.h"

#include <algorithm>
#include <set>

namespace medley::sweep {

std::vector<std::string> best_of_subsets(const ReportInput& scores, const std::vector<int>& folds) {
  ReportInput seen;
  seen.partitions = scores.partitions;
  seen.folds = folds;
  seen.seeds = scores.seeds;
  seen.decode = scores.decode;
  seen.clips.classes = scores.clips.classes;
  for (const auto& [place, clips] : scores.clips.folds) {
    if (std::find(folds.begin(), folds.end(), place.second) != folds.end()) seen.clips.folds[place] = clips;
  }
  for (const ReportConfig& config : scores.configs) {
    seen.configs.push_back({config.id, config.settings, nlohmann::json::object(), config.transductive});
  }
  for (const TrialScores& trial : scores.trials) {
    if (std::find(folds.begin(), folds.end(), trial.fold) == folds.end()) continue;
    seen.trials.push_back(trial);
    seen.trials.back().inner_surface = {};
  }
  std::vector<std::string> best;
  std::set<nlohmann::json> subsets;  // a config's encoders are in dataset order, so equal sets are equal lists
  for (const ConfigReport& config : make_report(seen).configs) {
    if (subsets.insert(config.settings.at("encoders")).second) best.push_back(config.id);
  }
  return best;
}

}  // namespace medley::sweep
