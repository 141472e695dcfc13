#include "coordinator/actions/sweep_results.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "coordinator/actions/probe.h"
#include "coordinator/error.h"
#include "storage/importance_input.h"
#include "sweep/config.h"
#include "sweep/nearest.h"

namespace medley::coordinator {
storage::SweepSummary choose_sweep(storage::Reader& reader, const std::string& id_or_name) {
  const auto sweeps = reader.sweeps();
  if (sweeps.empty()) throw UsageError("the store holds no sweep yet; `medley run SWEEP.yaml` trains one");
  if (id_or_name.empty()) return sweeps.front();
  if (const auto found = reader.find_sweep(id_or_name)) return *found;
  std::vector<std::string> names;
  for (const auto& sweep : sweeps) names.push_back(sweep.name);
  throw UsageError("no sweep '" + id_or_name + "'" + sweep::suggestion(id_or_name, names));
}

ChosenConfig choose_config(storage::Reader& reader, const std::string& sweep, const std::string& config) {
  std::vector<storage::SweepSummary> sweeps;
  if (sweep.empty()) {
    sweeps = reader.sweeps();
  } else {
    sweeps.push_back(choose_sweep(reader, sweep));
  }
  ChosenConfig chosen;
  for (const storage::SweepSummary& one : sweeps) {
    if (config.size() < storage::Reader::kFewestDigits) break;
    for (const storage::SweepConfigRow& row : reader.sweep_configs(one.id)) {
      if (row.id.compare(0, config.size(), config) != 0 || row.id == chosen.id) continue;
      if (!chosen.id.empty()) throw UsageError("'" + config + "' could be " + chosen.id + " or " + row.id);
      chosen = {one, row.id};
    }
  }
  if (chosen.id.empty()) {
    throw UsageError("no trial or config '" + config + "'" + (sweep.empty() ? "" : " in sweep " + sweep) +
                     "; give an id, or its first 4 digits or more");
  }
  return chosen;
}

std::optional<storage::TrialDetail> choose_trial(storage::Reader& reader, const std::string& id,
                                                 const std::string& sweep) {
  const std::size_t slash = id.find('/');
  if (slash == std::string::npos) return reader.find_trial(id);
  const ChosenConfig config = choose_config(reader, sweep, id.substr(0, slash));
  const std::size_t second = std::min(id.find('/', slash + 1), id.size());
  const std::string fold = id.substr(slash + 1, second - slash - 1);
  const std::string seed = id.substr(std::min(second + 1, id.size()));
  storage::TrialFilter filter;
  filter.config = config.id;
  for (const storage::TrialRow& trial : reader.trials(config.sweep.id, filter, {0, storage::kMaxPage})) {
    if (std::to_string(trial.fold) == fold && std::to_string(trial.seed) == seed) return reader.find_trial(trial.trial);
  }
  throw UsageError("config " + config.id + " has no trial of fold " + fold + " and seed " + seed);
}

namespace {

/// Values of each setting over the configs of a sweep, and what else it was submitted with.
std::map<std::string, std::set<std::string>> values_of(storage::Reader& reader, const storage::SweepSummary& sweep) {
  std::map<std::string, std::set<std::string>> values;
  values["dataset"] = {sweep.dataset_name + " " + sweep.dataset.substr(0, 12)};
  values["partition"] = {sweep::partitions_text(sweep.partitions)};
  for (const int fold : sweep.folds) values["folds"].insert(std::to_string(fold));
  for (const std::uint64_t seed : sweep.seeds) values["seeds"].insert(std::to_string(seed));
  for (const storage::SweepConfigRow& row : reader.sweep_configs(sweep.id)) {
    const nlohmann::json settings = sweep::to_json(row.config);
    for (const auto& [setting, value] : settings.items()) {
      values[setting].insert(sweep::value_text(value));
    }
  }
  return values;
}

std::string list_text(const std::set<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ", ") + value;
  return text.empty() ? "none" : text;
}

}  // namespace

std::set<std::string> config_ids(storage::Reader& reader, const storage::SweepSummary& sweep) {
  std::set<std::string> ids;
  for (const storage::SweepConfigRow& row : reader.sweep_configs(sweep.id)) ids.insert(row.id);
  return ids;
}

std::string difference_text(storage::Reader& reader, const storage::SweepSummary& one,
                            const storage::SweepSummary& other) {
  const auto here = values_of(reader, one);
  auto there = values_of(reader, other);
  std::string text;
  const auto add = [&](const std::string& what, const std::set<std::string>& a, const std::set<std::string>& b) {
    text += (text.empty() ? "" : "; ") + what + " " + list_text(a) + ", not " + list_text(b);
  };
  for (const auto& [what, values] : here) {
    if (values != there[what]) add(what, values, there[what]);
  }
  for (const auto& [what, values] : there) {
    if (here.count(what) == 0) add(what, {}, values);
  }
  if (!text.empty()) return text;
  return config_ids(reader, one) == config_ids(reader, other) ? "" : "other combinations of the same values";
}

std::string renamed_text(storage::Reader& reader, const storage::Writer::Submitted& submitted) {
  if (submitted.namesake.empty()) return "";
  const auto one = reader.find_sweep(submitted.id);
  const auto other = reader.find_sweep(submitted.namesake);
  if (!one || !other) return "";
  return "it is called " + one->name + ", as " + other->name + " is another sweep of this store (" + other->id +
         "). Here: " + difference_text(reader, *one, *other);
}

storage::EnsembleRecord choose_ensemble(storage::Reader& reader, const std::string& id_or_name) {
  const auto ensembles = reader.ensembles();
  if (ensembles.empty()) throw UsageError("the store holds no ensemble yet; `medley ensemble` makes one");
  if (id_or_name.empty()) return ensembles.front();
  std::vector<std::string> names;
  for (const auto& ensemble : ensembles) {
    if (ensemble.request.name == id_or_name || std::to_string(ensemble.id) == id_or_name) return ensemble;
    names.push_back(ensemble.request.name);
  }
  std::vector<const storage::EnsembleRecord*> begin_so;
  for (const auto& ensemble : ensembles) {
    if (ensemble.request.name.rfind(id_or_name, 0) == 0) begin_so.push_back(&ensemble);
  }
  if (begin_so.size() == 1) return *begin_so.front();
  throw UsageError("no ensemble '" + id_or_name + "'" + sweep::suggestion(id_or_name, names));
}

storage::DatasetRecord dataset_of(storage::Reader& reader, const std::string& fingerprint) {
  return reader.stored_dataset(fingerprint);
}

namespace {

/// Puts what a fold's model says, [clip of the fold, class], into the rows of all clips; nothing for a head without it.
void place(const std::vector<float>& part, const std::vector<std::size_t>& rows, std::size_t classes, std::size_t size,
           std::vector<float>& all) {
  if (part.empty()) return;
  all.resize(size);
  for (std::size_t i = 0; i < rows.size(); ++i) std::copy_n(&part[i * classes], classes, &all[rows[i] * classes]);
}

}  // namespace

sweep::Partition partition_at(const storage::SweepSummary& sweep, int repeat) {
  for (const sweep::Partition& partition : sweep.partitions) {
    if (partition.repeat == repeat) return partition;
  }
  throw storage::Error(fmt::format("sweep {} has {} repeat{} of its folds ({}), and no repeat {}", sweep.name,
                                   sweep.partitions.size(), sweep.partitions.size() == 1 ? "" : "s",
                                   sweep::partitions_text(sweep.partitions), repeat));
}

SweepPredictions pool_predictions(storage::Reader& reader, const storage::SweepSummary& sweep,
                                  const sweep::Partition& partition, sweep::Protocol protocol) {
  const storage::DatasetRecord dataset = sweep::partitioned(dataset_of(reader, sweep.dataset), partition);
  std::vector<int> folds = sweep.folds;
  std::sort(folds.begin(), folds.end());

  SweepPredictions pooled;
  pooled.rows.classes = dataset.classes;
  std::map<int, std::vector<std::size_t>> rows_of_fold;
  std::map<std::string, int> actors;
  bool all_have_actors = true;
  for (const storage::ClipRecord& clip : dataset.clips) {
    if (!clip.label || !std::binary_search(folds.begin(), folds.end(), clip.fold)) continue;
    rows_of_fold[clip.fold].push_back(pooled.rows.truth.size());
    pooled.rows.truth.push_back(*clip.label);
    pooled.rows.fold.push_back(clip.fold);
    const auto [actor, added] = actors.try_emplace(clip.actor, static_cast<int>(actors.size()));
    if (added) pooled.actors.push_back(clip.actor);
    pooled.rows.actor.push_back(actor->second);
    all_have_actors = all_have_actors && !clip.actor.empty();
  }
  if (!all_have_actors) pooled.rows.actor.clear();

  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  const std::size_t size = pooled.rows.truth.size() * classes;
  for (const storage::SweepConfigRow& config : reader.sweep_configs(sweep.id)) {
    for (const std::uint64_t seed : sweep.seeds) {
      Candidate candidate{config.id, {seed}, {}, sweep::is_transductive(config.config)};
      sweep::Predictions said;
      said.clips = pooled.rows.clips();
      for (const auto& part :
           reader.predictions(sweep.dataset, config.id, partition, seed, protocol, storage::Split::kValidation)) {
        const auto rows = rows_of_fold.find(part.fold);
        if (rows == rows_of_fold.end()) continue;                          // a fold of another sweep
        if (part.fused.size() != rows->second.size() * classes) continue;  // no snapshot of this protocol
        place(part.fused, rows->second, classes, size, said.fused);
        place(part.presence, rows->second, classes, size, said.presence);
        place(part.salience, rows->second, classes, size, said.salience);
        candidate.trials.push_back(part.trial);
      }
      if (candidate.trials.size() == folds.size()) {
        pooled.candidates.push_back(std::move(candidate));
        pooled.rows.candidates.emplace_back(said.fused.begin(), said.fused.end());
        pooled.rows.said.push_back({std::move(said)});
      } else {
        ++pooled.left_out;
      }
    }
  }
  return pooled;
}

SweepPredictions average_seeds(const SweepPredictions& pooled, sweep::Mix mix) {
  SweepPredictions averaged = pooled;
  averaged.candidates.clear();
  averaged.rows.candidates.clear();
  averaged.rows.said.clear();
  std::vector<std::vector<double>> weights;  // [config][candidate], 1 for each of its seeds
  std::map<std::string, std::size_t> of_config;
  for (std::size_t m = 0; m < pooled.candidates.size(); ++m) {
    const Candidate& candidate = pooled.candidates[m];
    const auto [known, added] = of_config.try_emplace(candidate.config, averaged.candidates.size());
    if (added) {
      averaged.candidates.push_back(candidate);
      averaged.rows.said.push_back(pooled.rows.said[m]);
      weights.emplace_back(pooled.candidates.size());
    } else {
      Candidate& mean = averaged.candidates[known->second];
      mean.seeds.insert(mean.seeds.end(), candidate.seeds.begin(), candidate.seeds.end());
      mean.trials.insert(mean.trials.end(), candidate.trials.begin(), candidate.trials.end());
      auto& seeds = averaged.rows.said[known->second];
      seeds.insert(seeds.end(), pooled.rows.said[m].begin(), pooled.rows.said[m].end());
    }
    weights[known->second][m] = 1;
  }
  std::vector<int> clips(static_cast<std::size_t>(pooled.rows.clips()));
  std::iota(clips.begin(), clips.end(), 0);
  for (const auto& seeds : weights) {
    averaged.rows.candidates.push_back(sweep::mix_candidates(pooled.rows, seeds, clips, mix));
  }
  return averaged;
}

sweep::Report read_report(storage::Reader& reader, const storage::SweepSummary& sweep) {
  const storage::Reader::Snapshot snapshot(reader);
  return storage::GrowingReport().make(reader, sweep, reader.config_progress(sweep.id), sweep.families);
}

namespace {

std::string chosen_config(const sweep::Report& report, const std::string& prefix) {
  if (prefix.empty()) {
    const std::string best = sweep::config_for_importance(report);
    if (best.empty()) throw UsageError("no config of sweep '" + report.sweep + "' has a gate and a result");
    return best;
  }
  std::vector<std::string> found;
  std::vector<std::string> known;
  for (const sweep::ConfigReport& config : report.configs) {
    known.push_back(config.id);
    if (config.id.rfind(prefix, 0) == 0) found.push_back(config.id);
  }
  if (found.size() == 1) return found.front();
  throw UsageError(found.empty()
                       ? "no config '" + prefix + "' in sweep '" + report.sweep + "'" + sweep::suggestion(prefix, known)
                       : "several configs begin with '" + prefix + "'; give more digits");
}

}  // namespace

sweep::ImportanceReport importance_report(storage::Reader& reader, const storage::SweepSummary& sweep,
                                          const sweep::Report& report, const std::string& config, const std::string& by,
                                          const std::function<void(std::size_t subsets)>& probing) {
  const storage::Reader::Snapshot snapshot(reader);
  sweep::ImportanceInput input = storage::read_importance_input(reader, sweep, chosen_config(report, config));
  if (input.trials.empty()) throw UsageError("config " + input.config + " has no gate, or no finished trial yet");
  input.by = by;
  std::vector<sweep::ConfigReport> measured;
  for (const storage::SweepSummary& other : storage::comparable_sweeps(reader, sweep)) {
    sweep::Report of_other = storage::GrowingReport().make(reader, other, reader.config_progress(other.id), {});
    std::move(of_other.configs.begin(), of_other.configs.end(), std::back_inserter(measured));
  }
  std::vector<const sweep::ConfigReport*> elsewhere;
  for (const sweep::ConfigReport& one : measured) elsewhere.push_back(&one);
  try {
    sweep::ImportanceReport made = sweep::make_importance_report(input, report, elsewhere);
    if (!made.shapley || made.shapley->probe) return made;
    MadeProbe probe = find_probe(reader, storage::probe_key(sweep, sweep::encoders_of(input)), probing);
    input.probe = std::move(probe.worth);
    input.no_probe = std::move(probe.missing);
    return sweep::make_importance_report(input, report, elsewhere);
  } catch (const sweep::UnknownLabel& e) {
    throw UsageError(e.what());
  }
}

}  // namespace medley::coordinator
