#include "storage/report_input.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "storage/codec.h"
#include "storage/error.h"
#include "storage/measured_config.h"
#include "sweep/score/metric.h"
#include "sweep/search/search.h"

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

sweep::ReportClips clips_of(Reader& reader, const SweepSummary& sweep) {
  const DatasetRecord dataset = reader.stored_dataset(sweep.dataset);
  sweep::ReportClips clips{dataset.classes, {}};
  std::map<std::string, int> actors;
  bool all_known = true;
  for (const sweep::Partition& partition : sweep.partitions) {
    for (const ClipRecord& clip : sweep::partitioned(dataset, partition).clips) {
      // Test clips may have labels too, and the sweep may leave folds out.
      if (!clip.label || std::count(sweep.folds.begin(), sweep.folds.end(), clip.fold) == 0) continue;
      sweep::FoldClips& fold = clips.folds[{partition.repeat, clip.fold}];
      fold.truth.push_back(*clip.label);
      fold.actors.push_back(actors.emplace(clip.actor, static_cast<int>(actors.size())).first->second);
      all_known = all_known && !clip.actor.empty();
    }
  }
  if (!all_known) {
    for (auto& [number, fold] : clips.folds) fold.actors.clear();
  }
  return clips;
}

/// "race, margin .010".
std::string search_text(const nlohmann::json& search) {
  const sweep::SearchSettings settings = sweep::search_settings_from_json(search);
  const std::string kind = name_of(settings.kind);
  if (!sweep::makes_configs(settings.kind)) return kind + ", margin " + sweep::share_text(settings.margin);
  if (settings.kind == sweep::StrategyKind::kHalving) {
    return kind + " from " + std::to_string(settings.first) + " epochs on, one of " + std::to_string(settings.eta) +
           " promoted";
  }
  const std::string most = ", at most " + std::to_string(settings.configs) + " configs";
  return kind + most + (settings.batch > 0 ? " in rounds of " + std::to_string(settings.batch) : "");
}

/// By position of the config.
std::vector<sweep::AskedBySearch> asked_of(Reader& reader, const std::string& sweep,
                                           const std::vector<SweepConfigRow>& configs) {
  std::vector<sweep::AskedBySearch> asked(configs.size());
  const auto at = [](int config) { return static_cast<std::size_t>(config); };
  for (const RoundRow& round : reader.rounds(sweep)) {
    for (const sweep::SearchRun& run : round.step.add) asked.at(at(run.config)).runs.insert({run.seed, run.fold});
    for (const sweep::Decision& made : round.step.decisions) {
      const std::string against = made.against ? configs.at(at(*made.against)).id : "";
      asked.at(at(made.config)).stopped =
          sweep::StoppedBySearch{made.kind, round.number, made.runs, against, made.difference, made.interval};
    }
  }
  return asked;
}

sweep::ReportFrame frame_of(Reader& reader, const SweepSummary& sweep) {
  sweep::ReportFrame frame;
  frame.sweep = sweep.name;
  frame.description = sweep.description;
  frame.dataset = sweep.dataset_name;
  frame.synthetic = sweep.synthetic;
  frame.partitions = sweep.partitions;
  frame.folds = sweep.folds;
  std::sort(frame.folds.begin(), frame.folds.end());
  frame.seeds = sweep.seeds;
  frame.reference = sweep.reference;
  frame.decode = sweep.decode;
  frame.labels = sweep.labels;
  frame.standing = sweep.standing;
  frame.rounds = sweep.rounds;
  if (!sweep.search.is_null()) frame.search = search_text(sweep.search);
  if (sweep.failed > 0) frame.failures = reader.failure_reasons(sweep.id);
  return frame;
}

/// Gives trials their predictions, and their held-out surfaces on the grid of a sweep's reports. Those with an inner
/// fold keep the official grid: predictions of its clips are not stored.
void add_predictions(Reader& reader, const sweep::ReportFrame& frame, std::vector<sweep::TrialScores>& trials) {
  std::map<std::string, sweep::TrialScores*> by_id;
  std::vector<std::string> ids;
  for (sweep::TrialScores& trial : trials) {
    if (trial.held_out_epoch == 0) continue;
    by_id[trial.trial_id] = &trial;
    ids.push_back(trial.trial_id);
  }
  for (TrialPredictions& said : reader.predictions(ids, sweep::Protocol::kHeldOut, Split::kValidation)) {
    sweep::TrialScores& trial = *by_id.at(said.trial);
    if (!frame.decode.grid.is_official() && trial.inner_surface.clips == 0) {
      const std::vector<double> fused(said.fused.begin(), said.fused.end());
      trial.held_out_surface = sweep::threshold_surface({fused.data(), said.clips, frame.clips.classes.count()},
                                                        frame.clips.folds.at({said.partition.repeat, said.fold}).truth,
                                                        frame.clips.classes, frame.decode.grid);
    }
    trial.held_out = std::move(said);
  }
}

/// Results that are not what was stored count as failures until the trials are trained again.
void add_changed(sweep::ReportFrame& frame, const std::vector<std::string>& trials) {
  if (trials.empty()) return;
  constexpr std::size_t kNamed = 3;
  std::string named;
  for (std::size_t i = 0; i < trials.size() && i < kNamed; ++i) named += (i == 0 ? "" : ", ") + trials[i];
  if (trials.size() > kNamed) named += " and " + std::to_string(trials.size() - kNamed) + " more";
  frame.failures.push_back({"the result changed since it was stored (trial " + named +
                                "); medley store check lists the faults, and medley run trains them again",
                            static_cast<int>(trials.size())});
}

std::vector<sweep::ReportConfig> configs_of(Reader& reader, const SweepSummary& sweep) {
  std::vector<sweep::ReportConfig> configs;
  const std::vector<SweepConfigRow> rows = reader.sweep_configs(sweep.id);
  for (const SweepConfigRow& row : rows) {
    configs.push_back({row.id, sweep::to_json(row.config), typed(row.axis_values), sweep::is_transductive(row.config)});
  }
  if (sweep.search.is_null()) return configs;
  std::vector<sweep::AskedBySearch> asked = asked_of(reader, sweep.id, rows);
  for (std::size_t i = 0; i < configs.size(); ++i) configs[i].asked = std::move(asked[i]);
  return configs;
}

}  // namespace

sweep::ReportInput read_report_input(Reader& reader, const SweepSummary& sweep) {
  sweep::ReportInput input{frame_of(reader, sweep), configs_of(reader, sweep), {}};
  std::vector<std::string> ids;
  for (const sweep::ReportConfig& config : input.configs) ids.push_back(config.id);
  input.clips = clips_of(reader, sweep);
  input.trials.reserve(static_cast<std::size_t>(sweep.finished));
  const auto take = [&](const std::string&, std::vector<sweep::TrialScores>& trials) {
    add_predictions(reader, input, trials);
    std::move(trials.begin(), trials.end(), std::back_inserter(input.trials));
  };
  add_changed(input, reader.each_config_scores(sweep.id, ids, take));
  return input;
}

void GrowingReport::take_measured(Reader& reader, const SweepSummary& sweep, const sweep::ReportFrame& frame) {
  reader.each_measured(sweep.id, frame.decode, [&](const MeasuredConfig& kept) {
    const auto config = configs_.find(kept.config);
    if (config == configs_.end()) return;
    sweep::ConfigReport report = sweep::unmeasured(config->second, frame);
    decode_measured(blob_of(kept.numbers), report);
    measured_[kept.config] = {std::move(report), kept.ended};
  });
}

sweep::Report GrowingReport::make(Reader& reader, const SweepSummary& sweep,
                                  const std::vector<ConfigProgress>& progress, std::vector<sweep::Family> families,
                                  const Progressed& progressed) {
  sweep::ReportFrame frame = frame_of(reader, sweep);
  if (!clips_) clips_ = clips_of(reader, sweep);
  frame.clips = *clips_;
  if (configs_.empty() || rounds_ != sweep.rounds) {
    rounds_ = sweep.rounds;
    for (sweep::ReportConfig& config : configs_of(reader, sweep)) {
      const auto known = measured_.find(config.id);
      const int asked = config.asked ? static_cast<int>(config.asked->runs.size()) : 0;
      if (known != measured_.end() && known->second.report.expected != asked) {
        measured_.erase(known);
      } else if (known != measured_.end() && config.asked) {
        known->second.report.stopped = config.asked->stopped;
      }
      configs_[config.id] = std::move(config);
    }
  }
  if (!(frame.decode == decode_)) measured_.clear();  // submitted again with another one, or asked for by a reader
  decode_ = frame.decode;
  if (measured_.empty() && from_ == From::kMeasured) take_measured(reader, sweep, frame);
  std::map<std::string, TimeMs> ended;
  grown_.clear();
  for (const ConfigProgress& config : progress) {
    ended[config.config] = config.ended;
    const auto known = measured_.find(config.config);
    const bool current =
        known != measured_.end() && known->second.report.done == config.finished && known->second.ended == config.ended;
    if (!current) grown_.push_back(config.config);
  }
  int done = 0;
  const auto measure = [&](const std::string& id, std::vector<sweep::TrialScores>& trials) {
    add_predictions(reader, frame, trials);
    std::vector<const sweep::TrialScores*> borrowed;
    for (const sweep::TrialScores& trial : trials) borrowed.push_back(&trial);
    measured_[id] = {sweep::measure_config(configs_.at(id), borrowed, frame), ended.at(id)};
    if (progressed) progressed(++done, static_cast<int>(grown_.size()));
  };
  // A config with a changed result never has all its trials, and is read each time.
  add_changed(frame, reader.each_config_scores(sweep.id, grown_, measure));
  frame.families = std::move(families);
  std::vector<sweep::ConfigReport> measured;
  // Of a sweep that is over nothing is read again: it is not worth its memory.
  const bool over = sweep.state == sweep::SweepState::kFinished;
  for (auto& [id, config] : measured_) {
    if (ended.count(id) > 0) measured.push_back(over ? std::move(config.report) : config.report);
  }
  if (over) {
    measured_.clear();
    configs_.clear();
  }
  return sweep::make_report(frame, std::move(measured));
}

std::vector<MeasuredConfig> measured_configs(const GrowingReport& made, const sweep::Report& report,
                                             const std::vector<ConfigProgress>& progress) {
  const std::set<std::string> newly(made.newly_measured().begin(), made.newly_measured().end());
  std::map<std::string, const sweep::ConfigReport*> reports;
  for (const sweep::ConfigReport& config : report.configs) reports[config.id] = &config;
  std::vector<MeasuredConfig> measured;
  for (const ConfigProgress& config : progress) {
    const auto found = reports.find(config.config);
    if (found == reports.end() || newly.count(config.config) == 0) continue;
    const sweep::ConfigReport& numbers = *found->second;
    // One with a changed result is measured again each time, so that somebody sees it.
    if (!config.over() || numbers.done != config.finished) continue;
    measured.push_back({config.config, config.finished, config.ended, encode_measured(numbers)});
  }
  return measured;
}

}  // namespace medley::storage
