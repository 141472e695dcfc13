#include "coordinator/actions/plan.h"

#include <unordered_set>

#include "coordinator/actions/traps.h"
#include "storage/reader.h"

namespace medley::coordinator {

using nlohmann::json;

Plan make_plan(const SweepFile& file, const std::filesystem::path& store, std::optional<double> wished) {
  std::unordered_set<std::string> done;
  if (storage::store_exists(store)) {
    std::vector<std::string> ids;
    for (const auto& trial : file.expansion.trials) ids.push_back(trial.id);
    storage::Reader reader(store);
    const auto states = reader.states(ids);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (states[i] == sweep::TrialState::kFinished) done.insert(ids[i]);
    }
  }
  std::vector<const sweep::TrialSpec*> left;
  for (const auto& trial : file.expansion.trials) {
    if (done.count(trial.id) == 0) left.push_back(&trial);
  }
  Plan plan;
  plan.axes =
      sweep::count_by_axis(file.spec, file.expansion, [&](const std::string& trial) { return done.count(trial) > 0; });
  plan.done = done.size();
  plan.forecast = make_forecast(file, left, store, wished);
  plan.traps = find_traps(file, plan.forecast);
  return plan;
}

json plan_json(const SweepFile& file, const Plan& plan) {
  json by_axis = json::array();
  for (const auto& axis : plan.axes) {
    json values = json::array();
    for (const auto& value : axis.values) {
      values.push_back(
          {{"value", value.value}, {"configs", value.configs}, {"trials", value.trials}, {"done", value.done}});
    }
    by_axis.push_back({{"setting", axis.setting}, {"values", values}});
  }
  const sweep::Expansion& expansion = file.expansion;
  return {{"sweep", file.spec.name},
          {"description", file.spec.description},
          {"dataset",
           {{"folder", file.dataset.folder.string()},
            {"fingerprint", file.dataset.fingerprint},
            {"synthetic", file.dataset.synthetic}}},
          {"configs", expansion.configs.size()},
          {"partitions", sweep::partition_texts(expansion.partitions)},
          {"folds", expansion.folds},
          {"seeds", expansion.seeds},
          {"search", file.expansion.search ? sweep::to_json(*file.expansion.search) : json()},
          {"trials", expansion.trials.size()},
          {"done", plan.done},
          {"left", expansion.trials.size() - plan.done},
          {"duplicates", expansion.duplicates},
          {"impossible", expansion.dropped},
          {"forecast", forecast_json(plan.forecast)},
          {"traps", plan.traps},
          {"axes", by_axis}};
}

}  // namespace medley::coordinator
