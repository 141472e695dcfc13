#pragma once

#include <string>
#include <vector>

#include "storage/records.h"
#include "sweep/digest.h"
#include "sweep/search/search.h"
#include "tests/worker/fake_trainer.h"

namespace medley::fake {

/// Two folds of kClipsPerFold clips, no test clips; the features exist only by name.
inline storage::DatasetRecord fake_dataset() {
  storage::DatasetRecord dataset;
  dataset.fingerprint = sweep::sha256_hex("fake");
  dataset.folder = "/nowhere/fake";
  dataset.name = "fake";
  dataset.synthetic = true;
  dataset.classes = sweep::Classes::blemore();
  dataset.folds = {0, 1};
  for (int i = 0; i < 2 * kClipsPerFold; ++i) {
    storage::ClipRecord clip;
    clip.filename = "clip" + std::to_string(i) + ".mov";
    clip.fold = i % 2;
    clip.label = fake_truth().at(static_cast<std::size_t>(i / 2));
    dataset.clips.push_back(clip);
  }
  dataset.encoders = {{"a", {}, 8}, {"b", {}, 8}};
  return dataset;
}

/// `configs` x two folds x one seed, in two pack keys.
inline storage::SweepSubmission fake_sweep(int configs, const std::string& name = "fake", int epochs = 1) {
  storage::SweepSubmission submission;
  submission.name = name;
  submission.yaml = "name: " + name + "\n";
  submission.dataset = fake_dataset().fingerprint;
  submission.folds = {0, 1};
  submission.seeds = {42};
  for (int c = 0; c < configs; ++c) {
    sweep::Config config;
    config.encoders = {"a", "b"};
    config.selection = sweep::Selection::kAll;
    config.fusion = sweep::Fusion::kMean;
    config.epochs = epochs;
    config.learning_rate = 1e-4 * (c + 1);
    config.batch_size = c % 2 ? 16 : 32;
    submission.configs.push_back({config, {{"learning_rate", std::to_string(c)}}});
    for (const int fold : submission.folds) {
      submission.trials.push_back({sweep::trial_id(config, fold, 42, submission.dataset), config, fold, 42});
    }
  }
  return submission;
}

/// The same configs as a search over two folds and `seeds` seeds.
inline storage::SweepSubmission fake_search(int configs, int seeds) {
  storage::SweepSubmission submission = fake_sweep(configs, "search");
  submission.search = sweep::to_json(sweep::SearchSettings{sweep::StrategyKind::kRace, 0.01});
  submission.seeds.clear();
  submission.trials.clear();
  for (int seed = 1; seed <= seeds; ++seed) submission.seeds.push_back(static_cast<std::uint64_t>(seed));
  for (const storage::SweepConfig& config : submission.configs) {
    for (const std::uint64_t seed : submission.seeds) {
      for (const int fold : submission.folds) {
        submission.trials.push_back(
            {sweep::trial_id(config.config, fold, seed, submission.dataset), config.config, fold, seed});
      }
    }
  }
  return submission;
}

/// A search that draws its configs, over the same folds and seeds.
inline storage::SweepSubmission fake_drawing_search(int configs, int seeds) {
  storage::SweepSubmission submission = fake_search(1, seeds);
  sweep::SearchSettings settings;
  settings.kind = sweep::StrategyKind::kTpe;
  settings.configs = configs;
  settings.batch = 4;
  settings.space.starts.push_back({"", submission.configs.front().config, {"top_n", "adaptation_weight"}});
  settings.space.parameters = {{"learning_rate", {}, 1e-4, 1e-2, true, {}}, {"batch_size", {16, 32}, 0, 0, false, {}}};
  submission.name = "draws";
  submission.search = sweep::to_json(settings);
  submission.configs.clear();
  submission.trials.clear();
  return submission;
}

}  // namespace medley::fake
