#include "coordinator/actions/predictions.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "coordinator/actions/predict.h"
#include "coordinator/actions/sweep_results.h"
#include "coordinator/error.h"
#include "sweep/score/ensemble.h"
#include "trainer/data/npz_write.h"

namespace medley::coordinator {
namespace {

using data::NamedArray;
using Part = std::vector<float> sweep::Predictions::*;

/// One of these.
struct Chosen {
  std::optional<storage::SweepSummary> sweep;  ///< with `config`, if it is not ""
  std::string config;
  std::optional<storage::EnsembleRecord> ensemble;
};

Chosen choose(storage::Reader& reader, const std::string& what) {
  if (what.empty() || reader.find_sweep(what)) return {choose_sweep(reader, what), "", std::nullopt};
  for (const storage::SweepSummary& sweep : reader.sweeps()) {  // newest first
    std::vector<std::string> found;
    for (const storage::SweepConfigRow& row : reader.sweep_configs(sweep.id)) {
      if (row.id.rfind(what, 0) == 0) found.push_back(row.id);
    }
    if (found.size() > 1) throw UsageError("several configs begin with '" + what + "'; give more digits");
    if (found.size() == 1) return {sweep, found.front(), std::nullopt};
  }
  try {
    return {std::nullopt, "", choose_ensemble(reader, what)};
  } catch (const UsageError&) {
    throw UsageError("no sweep, config or ensemble '" + what + "'; medley status lists sweeps");
  }
}

/// Labelled clips of the folds, in the order of pool_predictions().
void add_clips(const storage::DatasetRecord& dataset, std::vector<int> folds, std::vector<NamedArray>& arrays,
               WrittenPredictions& written) {
  std::sort(folds.begin(), folds.end());
  std::vector<std::string> names, actors, test_names;
  std::vector<std::int64_t> fold, labels;
  for (const storage::ClipRecord& clip : dataset.clips) {
    if (clip.fold < 0) test_names.push_back(clip.filename);
    if (!clip.label || !std::binary_search(folds.begin(), folds.end(), clip.fold)) continue;
    names.push_back(clip.filename);
    actors.push_back(clip.actor);
    fold.push_back(clip.fold);
    labels.insert(labels.end(), {clip.label->first, clip.label->second, clip.label->salience});
  }
  const std::size_t clips = names.size();
  written.clips = static_cast<int>(clips);
  written.test_clips = static_cast<int>(test_names.size());
  arrays.push_back({"classes", {dataset.classes.names.size()}, dataset.classes.names});
  arrays.push_back({"clips", {clips}, std::move(names)});
  arrays.push_back({"actors", {clips}, std::move(actors)});
  arrays.push_back({"folds", {clips}, std::move(fold)});
  arrays.push_back({"labels", {clips, 3}, std::move(labels)});
  const std::size_t test_clips = test_names.size();
  if (test_clips > 0) arrays.push_back({"test_clips", {test_clips}, std::move(test_names)});
}

/// One part of every candidate, [candidate, clip, class]; NaN for a head that does not say it.
void add_part(const SweepPredictions& pooled, const std::string& name, Part part, std::vector<NamedArray>& arrays) {
  const auto clips = static_cast<std::size_t>(pooled.rows.clips());
  const std::size_t classes = pooled.rows.classes.names.size();
  std::vector<float> all;
  for (const auto& said : pooled.rows.said) {
    const std::vector<float>& one = said.front().*part;
    all.insert(all.end(), one.begin(), one.end());
    all.resize(all.size() + (one.empty() ? clips * classes : 0), std::numeric_limits<float>::quiet_NaN());
  }
  arrays.push_back({name, {pooled.candidates.size(), clips, classes}, std::move(all)});
}

/// What each fold's model says of the test clips, [candidate, fold, clip, class]; NaN where it has not seen them.
void add_test_parts(storage::Reader& reader, const SweepPredictions& pooled, const storage::DatasetRecord& dataset,
                    sweep::Protocol protocol, std::size_t clips, std::vector<NamedArray>& arrays) {
  const std::size_t classes = pooled.rows.classes.names.size();
  const std::size_t folds = pooled.candidates.front().trials.size();
  const std::size_t row = clips * classes;
  std::map<std::string, Part> parts = {{"test_fused", &sweep::Predictions::fused},
                                       {"test_presence", &sweep::Predictions::presence},
                                       {"test_salience", &sweep::Predictions::salience}};
  std::map<std::string, std::vector<float>> values;
  for (const auto& [name, part] : parts) {
    values[name].assign(pooled.candidates.size() * folds * row, std::numeric_limits<float>::quiet_NaN());
  }
  for (std::size_t m = 0; m < pooled.candidates.size(); ++m) {
    std::map<std::string, std::size_t> place;
    for (std::size_t f = 0; f < folds; ++f) place[pooled.candidates[m].trials[f]] = (m * folds + f) * row;
    for (const auto& said : reader.predictions(pooled.candidates[m].trials, protocol, storage::Split::kTest)) {
      if (said.test_fingerprint != dataset.test_fingerprint) continue;  // of clips that are not these any more
      for (const auto& [name, part] : parts) {
        const std::vector<float>& one = said.*part;
        if (one.size() == row) std::copy(one.begin(), one.end(), &values[name][place.at(said.trial)]);
      }
    }
  }
  for (auto& [name, all] : values) {
    arrays.push_back({name, {pooled.candidates.size(), folds, clips, classes}, std::move(all)});
  }
}

/// Each fold's clips by the fit that did not see them, [clip, class].
std::vector<float> nested_mix(const storage::EnsembleRecord& ensemble, const SweepPredictions& pooled) {
  const sweep::Mix mix = ensemble.request.options.mix;
  const auto classes = static_cast<std::size_t>(pooled.rows.classes.count());
  std::vector<float> all(static_cast<std::size_t>(pooled.rows.clips()) * classes);
  for (const storage::EnsembleFoldRecord& fold : ensemble.folds) {
    std::vector<double> weights(pooled.candidates.size());
    for (const storage::CandidateWeight& member : fold.weights) {
      const auto found = std::find_if(pooled.candidates.begin(), pooled.candidates.end(), [&](const Candidate& one) {
        return one.config == member.config && one.seeds == member.seeds;
      });
      if (found == pooled.candidates.end()) {
        throw UsageError("ensemble '" + ensemble.request.name + "' has a member of config " + member.config +
                         " whose predictions are not in the store any more");
      }
      weights[static_cast<std::size_t>(found - pooled.candidates.begin())] = member.weight;
    }
    std::vector<int> clips;
    for (int clip = 0; clip < pooled.rows.clips(); ++clip) {
      if (pooled.rows.fold[static_cast<std::size_t>(clip)] == fold.fold) clips.push_back(clip);
    }
    const sweep::OutOfFold rows = sweep::with_head_fusion(pooled.rows, fold.head_fusion, mix);
    const std::vector<double> mixed = sweep::mix_candidates(rows, weights, clips, mix);
    for (std::size_t i = 0; i < clips.size(); ++i) {
      for (std::size_t c = 0; c < classes; ++c) {
        all[static_cast<std::size_t>(clips[i]) * classes + c] = static_cast<float>(mixed[i * classes + c]);
      }
    }
  }
  return all;
}

/// The mix of the members' test probabilities and its labels, as an export has them. Without `test_clips` where the
/// store lacks those of a member.
void add_ensemble_tests(storage::Reader& reader, const storage::EnsembleRecord& ensemble,
                        const storage::DatasetRecord& dataset, std::vector<NamedArray>& arrays,
                        WrittenPredictions& written) {
  if (written.test_clips == 0) return;
  StoredTests stored = sum_stored_tests(reader, ensemble, dataset);
  if (!stored.others.empty()) {
    written.untested = static_cast<int>(stored.others.size());
    written.test_clips = 0;
    arrays.pop_back();
    return;
  }
  const auto clips = static_cast<std::size_t>(written.test_clips);
  const std::size_t classes = dataset.classes.names.size();
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < stored.sums.size(); i += classes) {
    sweep::mix_sums(ensemble.request.options.mix, &stored.sums[i], classes, stored.weight);
    const sweep::Label label = sweep::decode(&stored.sums[i], dataset.classes, ensemble.thresholds);
    labels.insert(labels.end(), {label.first, label.second, label.salience});
  }
  arrays.push_back({"test_fused", {clips, classes}, std::vector<float>(stored.sums.begin(), stored.sums.end())});
  arrays.push_back({"test_labels", {clips, 3}, std::move(labels)});
}

void keep_config(SweepPredictions& pooled, const std::string& config) {
  SweepPredictions kept = pooled;
  kept.candidates.clear();
  kept.rows.candidates.clear();
  kept.rows.said.clear();
  for (std::size_t m = 0; m < pooled.candidates.size(); ++m) {
    if (pooled.candidates[m].config != config) continue;
    kept.candidates.push_back(pooled.candidates[m]);
    kept.rows.candidates.push_back(pooled.rows.candidates[m]);
    kept.rows.said.push_back(pooled.rows.said[m]);
  }
  pooled = std::move(kept);
}

}  // namespace

WrittenPredictions write_predictions(storage::Reader& reader, const std::string& what, sweep::Protocol protocol,
                                     int repeat, const std::filesystem::path& out) {
  const storage::Reader::Snapshot snapshot(reader);
  const Chosen chosen = choose(reader, what);
  WrittenPredictions written;
  std::vector<NamedArray> arrays;
  if (chosen.ensemble) {
    const storage::EnsembleRecord& ensemble = *chosen.ensemble;
    const auto sweep = reader.find_sweep(ensemble.sweep);
    if (!sweep) throw UsageError("the sweep of ensemble '" + ensemble.request.name + "' is not in the store any more");
    SweepPredictions pooled = pool_predictions(reader, *sweep, ensemble.partition, ensemble.request.protocol);
    if (ensemble.request.per_subset) pooled = average_seeds(pooled, ensemble.request.options.mix);
    written.of = "ensemble " + ensemble.request.name;
    written.candidates = 1;
    const storage::DatasetRecord dataset = sweep::partitioned(dataset_of(reader, sweep->dataset), ensemble.partition);
    arrays.push_back(
        {"fused", {pooled.rows.fold.size(), pooled.rows.classes.names.size()}, nested_mix(ensemble, pooled)});
    add_clips(dataset, sweep->folds, arrays, written);
    add_ensemble_tests(reader, ensemble, dataset, arrays, written);
  } else {
    const storage::SweepSummary& sweep = *chosen.sweep;
    const sweep::Partition partition = partition_at(sweep, repeat);
    const storage::DatasetRecord dataset = sweep::partitioned(dataset_of(reader, sweep.dataset), partition);
    SweepPredictions pooled = pool_predictions(reader, sweep, partition, protocol);
    if (chosen.config.empty()) written.left_out = pooled.left_out;
    if (!chosen.config.empty()) keep_config(pooled, chosen.config);
    written.of = (chosen.config.empty() ? "" : "config " + chosen.config + " of ") + "sweep " + sweep.name;
    if (!partition.official()) written.of += " (" + sweep::partition_text(partition) + ")";
    if (pooled.candidates.empty()) {
      throw UsageError(written.of + " has no " + name_of(protocol) + " predictions in every fold of a seed yet");
    }
    written.candidates = static_cast<int>(pooled.candidates.size());
    add_clips(dataset, sweep.folds, arrays, written);
    std::vector<std::string> configs;
    std::vector<std::int64_t> seeds;
    for (const Candidate& candidate : pooled.candidates) {
      configs.push_back(candidate.config);
      seeds.push_back(static_cast<std::int64_t>(candidate.seeds.front()));
    }
    arrays.push_back({"configs", {configs.size()}, std::move(configs)});
    arrays.push_back({"seeds", {seeds.size()}, std::move(seeds)});
    add_part(pooled, "fused", &sweep::Predictions::fused, arrays);
    add_part(pooled, "presence", &sweep::Predictions::presence, arrays);
    add_part(pooled, "salience", &sweep::Predictions::salience, arrays);
    if (written.test_clips > 0) {
      std::vector<std::int64_t> folds(sweep.folds.begin(), sweep.folds.end());
      std::sort(folds.begin(), folds.end());
      arrays.push_back({"test_folds", {folds.size()}, std::move(folds)});
      add_test_parts(reader, pooled, dataset, protocol, static_cast<std::size_t>(written.test_clips), arrays);
    }
  }
  data::write_npz(out, arrays);
  for (const NamedArray& array : arrays) {
    std::string shape;
    for (const std::size_t length : array.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(length);
    written.arrays.push_back(array.name + " [" + shape + "]");
  }
  return written;
}

}  // namespace medley::coordinator
