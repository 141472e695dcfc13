#include "web/live.h"

#include <algorithm>
#include <vector>

#include "web/json.h"
#include "web/query.h"

namespace medley::web {
namespace {

using nlohmann::json;

constexpr std::size_t kMostTrials = 64;

json live_json(const sweep::LiveTrial& live) {
  return {{"trial", live.attempt.trial},
          {"attempt", live.attempt.number},
          {"worker", live.worker},
          {"config", live.config},
          {"partition", live.partition},
          {"fold", live.fold},
          {"seed", live.seed},
          {"epochs", live.epochs},
          {"eta_seconds", live.eta_seconds ? json(*live.eta_seconds) : json(nullptr)},
          {"curves", curves_json(live.heard)}};
}

}  // namespace

json live_trials_json(const std::string& sweep, Control* control, const Request& request) {
  const std::string config = request.parameter("config");
  if (!config.empty()) checked_id(config);
  std::vector<sweep::LiveTrial> live;
  if (control != nullptr) live = control->live_of_sweep(sweep);
  live.erase(
      std::remove_if(live.begin(), live.end(),
                     [&](const sweep::LiveTrial& one) { return one.config.compare(0, config.size(), config) != 0; }),
      live.end());
  json rows = json::array();
  for (std::size_t i = 0; i < std::min(live.size(), kMostTrials); ++i) rows.push_back(live_json(live[i]));
  return {{"trials", rows}, {"total", live.size()}};
}

json live_trial_json(const std::string& trial, Control* control) {
  std::vector<sweep::LiveTrial> live;
  if (control != nullptr) live = control->live_of_trial(trial);
  return {{"live", live.empty() ? json(nullptr) : live_json(live.front())}};
}

}  // namespace medley::web
