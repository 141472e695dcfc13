#include "coordinator/actions/tracked_sweep.h"

#include <map>

#include "coordinator/actions/sweep_results.h"
#include "sweep/config.h"
#include "sweep/version.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

constexpr std::size_t kRunsAtOnce = 256;

/// Of a trial, by the column `state`.
bool is_over(const std::string& state) { return state != name_of(sweep::TrialState::kPending) && state != "running"; }

/// Numbers, true and false as they are; all else as text.
json plain(const json& value) {
  return value.is_number() || value.is_boolean() ? value : json(sweep::value_text(value));
}

}  // namespace

TrackedSweep::TrackedSweep(storage::Reader& reader, const storage::SweepSummary& sweep)
    : TrackedSweep(reader, sweep, read_report(reader, sweep)) {}

TrackedSweep::TrackedSweep(storage::Reader& reader, const storage::SweepSummary& sweep, const sweep::Report& report)
    : reader_(reader), sweep_(sweep), trials_(reader, sweep, report), names_(report) {}

json TrackedSweep::facts() const {
  return {{"dataset", sweep_.dataset_name},
          {"dataset_fingerprint", sweep_.dataset},
          {"synthetic", sweep_.synthetic},
          {"sweep", sweep_.id},
          {"medley", sweep::version()}};
}

TrackedRun TrackedSweep::run_of(const TrialLine& line) const {
  TrackedRun run;
  run.id = line.row.trial;
  run.config = line.row.config;
  run.config_name = names_(run.config);
  run.fold = line.row.fold;
  run.seed = line.row.seed;
  run.place = "fold " + std::to_string(run.fold) + ", seed " + std::to_string(run.seed);
  const auto repeat = std::find_if(sweep_.partitions.begin(), sweep_.partitions.end(), [&](const auto& partition) {
    return sweep::partition_text(partition) == line.row.partition;
  });
  if (sweep_.partitions.size() > 1 && repeat != sweep_.partitions.end()) {
    run.place += ", repeat " + std::to_string(repeat->repeat);
  }
  run.ended = line.row.ended;
  run.started = run.ended > 0 ? run.ended - static_cast<storage::TimeMs>(line.row.seconds * 1000) : sweep_.created;
  run.settings = line.settings;
  run.varied = json::object();
  for (const auto& [axis, text] : line.axis_values.items()) {
    run.varied[axis] = plain(line.settings.contains(axis) ? line.settings[axis] : text);
  }
  run.columns = json::object();
  for (const TrialColumn& column : trial_columns()) {
    json value = column.value(line);
    if (!value.is_null()) run.columns[column.id] = std::move(value);
  }
  run.state = run.columns["state"];
  return run;
}

void TrackedSweep::each_without_epochs(const std::function<void(const TrackedRun&)>& visit) const {
  for (const TrialLine& line : trials_.lines()) visit(run_of(line));
}

void TrackedSweep::each(const std::function<void(const TrackedRun&)>& visit) const {
  const std::vector<TrialLine>& lines = trials_.lines();
  for (std::size_t begin = 0; begin < lines.size(); begin += kRunsAtOnce) {
    const std::size_t end = std::min(lines.size(), begin + kRunsAtOnce);
    std::vector<std::string> with_result;
    for (std::size_t i = begin; i < end; ++i) {
      if (lines[i].row.outcome && !lines[i].row.changed) with_result.push_back(lines[i].row.trial);
    }
    std::map<std::string, std::vector<sweep::EpochMetrics>> epochs;
    for (storage::EpochSeries& series : reader_.epochs(with_result)) {
      epochs[series.trial] = std::move(series.epochs);
    }
    for (std::size_t i = begin; i < end; ++i) {
      TrackedRun run = run_of(lines[i]);
      const auto known = epochs.find(run.id);
      if (known != epochs.end()) run.epochs = std::move(known->second);
      visit(run);
    }
  }
}

bool TrackedRun::has_ended() const { return is_over(state); }

int TrackedSweep::unended() const {
  const std::vector<TrialLine>& lines = trials_.lines();
  return static_cast<int>(
      std::count_if(lines.begin(), lines.end(), [](const TrialLine& line) { return !is_over(state_of(line.row)); }));
}

std::tm local_time(storage::TimeMs time) {
  const std::time_t seconds = time / 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return parts;
}

std::vector<std::pair<std::string, double>> epoch_numbers(const sweep::EpochMetrics& epoch) {
  std::vector<std::pair<std::string, double>> numbers = {{"epoch/learning_rate", epoch.learning_rate},
                                                         {"epoch/loss", epoch.loss},
                                                         {"epoch/validation_loss", epoch.validation_loss},
                                                         {"epoch/alpha", epoch.thresholds.alpha},
                                                         {"epoch/beta", epoch.thresholds.beta},
                                                         {"epoch/paper_acc_presence", epoch.validation.presence},
                                                         {"epoch/paper_acc_salience", epoch.validation.salience},
                                                         {"epoch/paper_score", epoch.validation.score()}};
  for (const sweep::LossTerm& term : epoch.terms) numbers.emplace_back("epoch/term/" + term.name, term.value);
  return numbers;
}

std::string file_name_of(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '/' || (c >= 0 && c < ' ') || c == 0x7f; }, '_');
  if (text.empty() || text.front() == '.') text.insert(0, "_");
  return text;
}

}  // namespace medley::coordinator
