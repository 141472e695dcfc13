#include "tests/web/sample_store.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>
#include <utility>
#include <vector>

#include "storage/writer.h"
#include "sweep/half.h"
#include "sweep/score/metric.h"

namespace medley::test {
namespace {

using storage::TimeMs;

constexpr int kFolds = 5;
const std::vector<std::string> kEncoders{"clip", "imagebind", "videomae", "hubert", "wavlm"};

}  // namespace

storage::SweepSubmission whole_sweep(const std::string& name, const std::string& yaml,
                                     const std::vector<storage::SweepConfig>& configs, int seeds,
                                     const storage::DatasetRecord& dataset) {
  storage::SweepSubmission made;
  made.name = name;
  made.yaml = yaml;
  made.dataset = dataset.fingerprint;
  made.folds = dataset.folds;
  for (int seed = 1; seed <= seeds; ++seed) made.seeds.push_back(static_cast<std::uint64_t>(seed));
  made.configs = configs;
  for (const auto& config : configs) {
    for (const auto seed : made.seeds) {
      for (const int fold : made.folds) {
        made.trials.push_back(
            {sweep::trial_id(config.config, fold, seed, dataset.fingerprint), config.config, fold, seed});
      }
    }
  }
  return made;
}

storage::DatasetRecord sample_dataset() {
  storage::DatasetRecord dataset;
  dataset.fingerprint = std::string(60, 'd') + "0001";
  dataset.folder = "/data/made-up";
  dataset.name = "made-up";
  dataset.synthetic = true;
  dataset.classes = sweep::Classes::blemore();
  for (int i = 0; i < static_cast<int>(kEncoders.size()); ++i) {
    const sweep::EncoderLabels labels = {{"modality", i < 3 ? "video" : "audio"},
                                         {"family", i % 2 == 0 ? "general" : "adapted"}};
    dataset.encoders.push_back({kEncoders[static_cast<std::size_t>(i)], labels, 64});
  }
  for (int fold = 0; fold < kFolds; ++fold) {
    dataset.folds.push_back(fold);
    for (int i = 0; i < kSampleClipsAFold; ++i) {
      storage::ClipRecord clip;
      clip.filename = "a" + std::to_string(fold) + "_" + std::to_string(i) + ".mov";
      clip.actor = "A" + std::to_string(fold * 4 + i % 4);
      clip.fold = fold;
      const int saliences[] = {30, 50, 70};
      clip.label = i % 2 == 0 ? sweep::Label{i % 6, -1, 100}
                              : sweep::make_blend(i % 5, (i + 1 + i / 5 % 3) % 5, saliences[i % 3]);
      dataset.clips.push_back(clip);
    }
  }
  return dataset;
}

namespace {

/// The truth of a clip as probabilities, under noise.
std::vector<float> noisy(const std::vector<sweep::Label>& truth, double noise, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  std::vector<float> rows;
  for (const sweep::Label& label : truth) {
    std::vector<double> logits(6);
    for (int c = 0; c < 6; ++c) {
      double p = 0.02;
      if (c == label.first) p = label.salience / 100.0;
      if (c == label.second) p = 1 - label.salience / 100.0;
      logits[static_cast<std::size_t>(c)] = std::log(std::max(p, 0.02)) + noise * normal(random);
    }
    double sum = 0;
    for (double& logit : logits) sum += logit = std::exp(logit);
    for (const double e : logits) rows.push_back(sweep::rounded_to_half(e / sum));
  }
  return rows;
}

sweep::ThresholdSurface surface_of(const std::vector<float>& fused, const std::vector<sweep::Label>& truth) {
  const std::vector<double> wide(fused.begin(), fused.end());
  return sweep::threshold_surface({wide.data(), static_cast<int>(truth.size()), 6}, truth, sweep::Classes::blemore());
}

sweep::Importance sample_importance(const sweep::Config& config, int clips, std::mt19937_64& random) {
  std::uniform_real_distribution<double> uniform(-0.03, 0.03);
  sweep::Importance importance;
  const auto count = config.encoders.size();
  for (std::size_t e = 0; e < count; ++e) {
    sweep::EncoderImportance one;
    one.encoder = config.encoders[e];
    const double share = 2.0 * static_cast<double>(count - e) / static_cast<double>(count * (count + 1));
    one.mean = std::max(0.01, share + uniform(random));
    one.sd = 0.4 * one.mean;
    for (const double z : {-1.64, -0.67, 0.0, 0.67, 1.64})
      one.quantiles.push_back(std::max(0.0, one.mean + z * one.sd));
    one.histogram.assign(20, 0);
    one.histogram[static_cast<std::size_t>(one.mean * 20)] = clips;
    one.selection_frequency = std::min(1.0, config.top_n * one.mean);
    one.ranks.assign(count, 0.0);
    one.ranks[e] = 0.7;
    one.ranks[(e + 1) % count] += 0.3;
    importance.encoders.push_back(one);
  }
  importance.weights.assign(static_cast<std::size_t>(clips) * count, 0x3266);
  importance.cka.assign(count * count, 0.3f);
  for (std::size_t e = 0; e < count; ++e) importance.cka[e * count + e] = 1;
  return importance;
}

}  // namespace

sweep::TrialResult sample_result(const sweep::TrialSpec& trial, const storage::DatasetRecord& dataset, int epochs) {
  std::mt19937_64 random(std::stoull(trial.id, nullptr, 16));
  std::uniform_real_distribution<double> uniform;
  std::vector<sweep::Label> truth;
  for (const auto& clip : dataset.clips) {
    if (clip.fold == trial.fold) truth.push_back(*clip.label);
  }
  const int clips = static_cast<int>(truth.size());
  const double noise = 1.6 - 0.2 * trial.config.top_n + 0.1 * uniform(random);

  sweep::TrialResult result;
  result.trial_id = trial.id;
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    sweep::EpochMetrics one;
    one.epoch = epoch;
    one.learning_rate = trial.config.learning_rate * 0.5 * (1 + std::cos(3.14159265 * epoch / epochs));
    const double presence = 0.25 + 0.9 * std::exp(-epoch / 9.0) + 0.02 * uniform(random);
    const double salience = 0.5 + 1.1 * std::exp(-epoch / 7.0) + 0.03 * uniform(random);
    one.loss = presence + salience;
    one.terms = {{"presence", presence}, {"salience", salience}};
    one.validation_loss = one.loss + 0.15 + 0.0006 * epoch * epoch;
    const double learned = 1 - std::exp(-epoch / 6.0);
    one.validation = {(0.85 - 0.2 * noise) * learned + 0.03 * uniform(random),
                      (0.55 - 0.2 * noise) * learned + 0.03 * uniform(random)};
    result.epochs.push_back(one);
  }
  const auto snapshot = [&](int epoch, double extra) {
    sweep::Snapshot made;
    made.epoch = epoch;
    made.validation.clips = clips;
    made.validation.fused = noisy(truth, noise + extra, random);
    made.validation.presence = made.validation.fused;
    made.validation.salience = made.validation.fused;
    made.surface = surface_of(made.validation.fused, truth);
    return made;
  };
  result.paper = snapshot(std::min(22, epochs), 0);
  result.held_out = snapshot(epochs, 0.15);
  if (trial.config.inner_fold) result.inner = snapshot(epochs, 0.1).surface;
  if (trial.config.fusion == sweep::Fusion::kSum) result.importance = sample_importance(trial.config, clips, random);
  result.seconds = 6 + 3 * uniform(random);
  result.samples_per_second = 9000 + 900 * uniform(random);
  result.peak_memory_bytes = 412'000'000;
  result.pack_size = 4;
  result.arithmetic = trial.seed == 1 ? "ba9876543210" : "0123456789ab";
  return result;
}

namespace {

storage::SweepSubmission submission_of(const std::string& name, const std::vector<storage::SweepConfig>& configs,
                                       int seeds, const storage::DatasetRecord& dataset, const std::string& axes) {
  auto made =
      whole_sweep(name, "name: " + name + "\ndata: made-up\nfolds: all\nseeds: " + std::to_string(seeds) + "\n" + axes,
                  configs, seeds, dataset);
  made.spec_file = "examples/sample.yaml";
  made.axes = nlohmann::json::array({{{"setting", "top_n"}, {"values", {"1", "2", "3"}}}});
  return made;
}

/// The first two configs of `inner`, seed 1, as coordinator::ensemble_record() would record them; the numbers are made
/// up.
storage::EnsembleRecord sample_ensemble(const std::string& sweep, const storage::SweepSubmission& inner, TimeMs time) {
  storage::EnsembleRecord ensemble;
  ensemble.request.name = "<b>two gates</b>";
  ensemble.dataset = inner.dataset;
  ensemble.sweep = sweep;
  ensemble.created = time;
  ensemble.thresholds = {0.1, 0.2};
  const sweep::Accuracy accuracy{0.5, 0.3};
  const sweep::Interval ends{0.35, 0.45};
  for (const double weight : {0.75, 0.25}) {
    const auto& config = inner.configs[weight > 0.5 ? 0 : 1].config;
    ensemble.weights.push_back({sweep::config_id(config), {1}, weight});
    for (const auto& trial : inner.trials) {
      if (trial.seed == 1 && sweep::config_id(trial.config) == sweep::config_id(config)) {
        ensemble.members.push_back({trial.id, weight / kFolds});
      }
    }
  }
  for (const std::string& encoder : kEncoders) ensemble.shares.encoders.push_back({encoder, 0.2, {0.1, 0.3}});
  ensemble.shares.groups = {{"modality", {{"video", 1, {1, 1}}}}};
  ensemble.optimistic = accuracy;
  ensemble.nested = accuracy;
  ensemble.best_single_nested = accuracy;
  ensemble.nested_interval = {ends, ends, ends};
  for (int fold = 0; fold < kFolds; ++fold) {
    ensemble.folds.push_back({fold, ensemble.weights, ensemble.head_fusion, ensemble.thresholds, accuracy});
  }
  ensemble.actors = 20;
  ensemble.candidates = 8;
  ensemble.synthetic = true;
  return ensemble;
}

}  // namespace

SampleStore write_sample_store(const std::filesystem::path& folder, std::int64_t now) {
  const storage::DatasetRecord dataset = sample_dataset();
  storage::Writer writer(folder);
  SampleStore store;
  TimeMs time = now - 3'600'000;
  storage::Writer::Group group(writer);  // one for all: a sample need not survive a loss of power
  writer.register_dataset(dataset, time);
  writer.worker_joined({"w-1", "node07:4211", 8, 1, "cpu", "0.1.0", "0123456789ab"}, time);
  writer.worker_joined({"w-2", "node07:4212", 8, 2, "cuda:0, NVIDIA H200", "0.1.0", "0123456789ab"}, time);
  writer.worker_joined({"w-3", "node09:118", 8, 1, "cpu", "0.1.0", "0123456789ab"}, time);
  writer.set_worker_state("w-3", sweep::WorkerState::kQuarantined, "3 distinct trials in a row failed", time + 60'000);

  for (const char* place : {"1", "2"}) {
    std::ofstream(storage::StoreLayout(folder.string()).logs() + "/worker-" + place + ".log")
        << "2023-11-14T21:13:20.000Z [421" << place << "] info: joined 127.0.0.1:7000 as w-" << place << "\n"
        << "2023-11-14T21:13:22.000Z [421" << place << "] info: packs of 8: <img src=x onerror=alert(1)>\n";
  }

  std::int64_t pack = 0;
  const auto begin = [&](const sweep::TrialSpec& trial, int number, const std::string& worker) {
    writer.begin_attempts(worker, ++pack, {{trial.id, number}}, time);
  };
  const auto finish = [&](const sweep::TrialSpec& trial, const std::string& worker) {
    begin(trial, 1, worker);
    time += 7000;
    writer.accept_result({trial.id, 1}, "w", sample_result(trial, dataset), time);
  };

  // All finished, with an inner fold.
  std::vector<storage::SweepConfig> gates;
  for (const auto gate : {sweep::Gate::kScorer, sweep::Gate::kQuery}) {
    for (const int top_n : {2, 4}) {
      storage::SweepConfig one;
      one.config.encoders = kEncoders;
      one.config.gate = gate;
      one.config.top_n = top_n;
      one.config.inner_fold = true;
      one.axis_values = {{"gate", gate == sweep::Gate::kScorer ? "scorer" : "query"}, {"top_n", std::to_string(top_n)}};
      gates.push_back(one);
    }
  }
  auto inner = submission_of("gates with an inner fold", gates, 2, dataset,
                             "axes:\n  gate: [scorer, query]\n  top_n: [2, 4]\n"
                             "compare:\n  - {axis: gate, baseline: scorer}\n");
  inner.families = {{"gate", "scorer", 0.01}};
  store.finished = writer.submit_sweep(inner, time).id;
  for (const auto& trial : inner.trials) finish(trial, trial.fold % 2 ? "w-1" : "w-2");
  writer.set_sweep_state(store.finished, sweep::SweepState::kFinished, time);

  // Under way: two configs untouched, one incomplete, one trial failed, one diverged, two running.
  std::vector<storage::SweepConfig> grid;
  for (const int top_n : {1, 2, 3}) {
    for (const double rate : {3e-4, 1e-3, 3e-3}) {
      storage::SweepConfig one;
      one.config.encoders = kEncoders;
      one.config.top_n = top_n;
      one.config.learning_rate = rate;
      one.axis_values = {{"top_n", std::to_string(top_n)}, {"learning_rate", sweep::value_text(rate)}};
      grid.push_back(one);
    }
  }
  const std::string axes = "axes:\n  top_n: [1, 2, 3]\n  learning_rate: [0.0003, 0.001, 0.003]\n";
  const auto main = submission_of("top-n by learning rate", grid, 3, dataset, axes);
  store.running = writer.submit_sweep(main, time).id;
  const std::size_t done = main.trials.size() * 2 / 3 + 6;
  for (std::size_t i = 0; i < done; ++i) {
    const auto& trial = main.trials[i];
    if (i == 17) {
      store.failed = trial.id;
      for (int number = 1; number <= 5; ++number) {
        begin(trial, number, "w-3");
        time += 1000;
        writer.end_attempt({trial.id, number}, sweep::AttemptState::kLost, "the worker's process was killed (signal 9)",
                           time);
      }
      writer.fail_trial(trial.id, "5 attempts were lost; the last: the worker's process was killed (signal 9)", time);
    } else if (i == 40) {
      store.diverged = trial.id;
      begin(trial, 1, "w-1");
      sweep::TrialResult result;
      result.trial_id = trial.id;
      result.outcome = sweep::Outcome::kDiverged;
      result.reason = "the presence loss is not finite at step 812 (epoch 14)";
      result.arithmetic = "0123456789ab";
      result.seconds = 3;
      writer.accept_result({trial.id, 1}, "w", result, time);
    } else {
      finish(trial, i % 2 ? "w-1" : "w-2");
      if (i == 0) store.trial = trial.id;
    }
  }
  begin(main.trials[done], 1, "w-1");
  begin(main.trials[done + 1], 1, "w-2");
  store.running_trial = main.trials[done].id;
  store.running_config = sweep::config_id(main.trials[done].config);

  store.ensemble = writer.save_ensemble(sample_ensemble(store.finished, inner, time));

  storage::SweepConfig plain;
  plain.config.encoders = {"clip", "wavlm"};
  plain.config.top_n = 2;
  const auto hostile = submission_of("<img src=x onerror=alert(1)>", {plain}, 1, dataset, axes);
  store.hostile = writer.submit_sweep(hostile, now).id;
  writer.set_sweep_state(store.hostile, sweep::SweepState::kPaused, now);
  writer.log_event("sweep", store.hostile, "paused", now);
  group.commit();
  return store;
}

}  // namespace medley::test
