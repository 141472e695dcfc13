#include "storage/report_input.h"

#include <algorithm>
#include <iterator>

namespace medley::storage {
namespace {

/// Axis values are stored as text; numbers among them have an order of their own (2 before 10, 3e-04 before 0.001).
nlohmann::json typed(const nlohmann::json& axis_values) {
  nlohmann::json values = nlohmann::json::object();
  for (const auto& [axis, value] : axis_values.items()) {
    const auto number = value.is_string() ? nlohmann::json::parse(value.get_ref<const std::string&>(), nullptr, false)
                                          : nlohmann::json();
    values[axis] = number.is_number() ? number : value;
  }
  return values;
}

sweep::ReportFrame frame_of(const SweepSummary& sweep) {
  sweep::ReportFrame frame;
  frame.sweep = sweep.name;
  frame.dataset = sweep.dataset_name;
  frame.synthetic = sweep.synthetic;
  frame.folds = sweep.folds;
  std::sort(frame.folds.begin(), frame.folds.end());
  frame.seeds = sweep.seeds;
  return frame;
}

std::vector<sweep::ReportConfig> configs_of(Reader& reader, const SweepSummary& sweep) {
  std::vector<sweep::ReportConfig> configs;
  for (const SweepConfigRow& row : reader.sweep_configs(sweep.id)) {
    configs.push_back({row.id, sweep::to_json(row.config), typed(row.axis_values), sweep::is_transductive(row.config)});
  }
  return configs;
}

}  // namespace

sweep::ReportInput read_report_input(Reader& reader, const SweepSummary& sweep) {
  sweep::ReportInput input{frame_of(sweep), configs_of(reader, sweep), {}};
  std::vector<std::string> ids;
  for (const sweep::ReportConfig& config : input.configs) ids.push_back(config.id);
  input.trials.reserve(static_cast<std::size_t>(sweep.finished));
  reader.each_config_scores(sweep.id, ids, [&](const std::string&, std::vector<sweep::TrialScores>& trials) {
    std::move(trials.begin(), trials.end(), std::back_inserter(input.trials));
  });
  return input;
}

sweep::Report GrowingReport::make(Reader& reader, const SweepSummary& sweep,
                                  const std::vector<ConfigProgress>& progress, std::vector<sweep::Family> families) {
  sweep::ReportFrame frame = frame_of(sweep);
  if (configs_.empty()) {
    for (sweep::ReportConfig& config : configs_of(reader, sweep)) configs_.emplace(config.id, std::move(config));
  }
  std::vector<std::string> grown;
  for (const ConfigProgress& config : progress) {
    const auto known = measured_.find(config.config);
    if (known == measured_.end() || known->second.done != config.finished) grown.push_back(config.config);
  }
  reader.each_config_scores(sweep.id, grown, [&](const std::string& id, std::vector<sweep::TrialScores>& trials) {
    std::vector<const sweep::TrialScores*> borrowed;
    for (const sweep::TrialScores& trial : trials) borrowed.push_back(&trial);
    measured_[id] = sweep::measure_config(configs_.at(id), borrowed, frame);
  });
  frame.families = std::move(families);
  std::vector<sweep::ConfigReport> measured;
  for (const auto& [id, config] : measured_) measured.push_back(config);
  return sweep::make_report(frame, std::move(measured));
}

}  // namespace medley::storage
