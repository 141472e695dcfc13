#include "tests/storage/store_fixture.h"

#include <cstdlib>
#include <limits>

#include "sweep/half.h"

namespace medley::storage::testing_store {

DatasetRecord small_dataset() {
  DatasetRecord dataset;
  dataset.fingerprint = std::string(60, 'a') + "0123";
  dataset.test_fingerprint = std::string(60, 'b') + "0123";
  dataset.folder = "/data/small";
  dataset.name = "small";
  dataset.synthetic = true;
  dataset.classes = sweep::Classes::blemore();
  dataset.folds = {0, 1};
  for (int i = 0; i < 11; ++i) {
    ClipRecord clip;
    clip.filename = "clip_" + std::to_string(i) + ".mov";
    clip.actor = "A" + std::to_string(i % 3);
    clip.fold = i < 6 ? 0 : 1;
    clip.label = i % 2 ? sweep::make_blend(i % 5, (i + 1) % 5, 30) : sweep::Label{i % 6, -1, 100};
    dataset.clips.push_back(clip);
  }
  for (int i = 0; i < 4; ++i) dataset.clips.push_back({"test_" + std::to_string(i) + ".mov", "", -1, {}});
  dataset.encoders = {
      {"a", {{"modality", "video"}, {"family", "face"}}, 12}, {"b", {{"modality", "video"}}, 3}, {"c", {}, 7}};
  return dataset;
}

SweepSubmission small_sweep(const std::string& name, int configs, int seeds) {
  SweepSubmission sweep;
  sweep.name = name;
  sweep.yaml = "name: " + name + "\n# a comment\n";
  sweep.spec_file = "/sweeps/" + name + ".yaml";
  sweep.dataset = small_dataset().fingerprint;
  sweep.test_fingerprint = small_dataset().test_fingerprint;
  sweep.priority = 3;
  sweep.folds = {0, 1};
  for (int s = 0; s < seeds; ++s) sweep.seeds.push_back(static_cast<std::uint64_t>(7 + s));
  sweep.axes = {{"learning_rate", nlohmann::json::array()}};
  for (int c = 1; c <= configs; ++c) {
    SweepConfig config;
    config.config.encoders = {"a", "b", "c"};
    config.config.top_n = 2;
    config.config.learning_rate = c * 1e-3;
    config.axis_values = {{"learning_rate", c * 1e-3}};
    sweep.axes["learning_rate"].push_back(c * 1e-3);
    sweep.configs.push_back(config);
    for (const std::uint64_t seed : sweep.seeds) {
      for (int fold : sweep.folds) {
        sweep.trials.push_back({sweep::trial_id(config.config, fold, seed, sweep.dataset), config.config, fold, seed});
      }
    }
  }
  return sweep;
}

namespace {

double unit(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

std::vector<float> floats(std::mt19937_64& random, int count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = sweep::rounded_to_half(unit(random));
  return values;
}

sweep::ThresholdSurface surface(std::mt19937_64& random, int clips) {
  sweep::ThresholdSurface s;
  s.clips = clips;
  s.blends = clips / 2;
  for (int& hits : s.presence_hits) hits = static_cast<int>(random() % static_cast<unsigned>(clips + 1));
  for (int& hits : s.salience_hits) hits = static_cast<int>(random() % static_cast<unsigned>(clips / 2 + 1));
  return s;
}

sweep::Predictions predictions(std::mt19937_64& random, int clips) {
  return {clips, floats(random, clips * 6), floats(random, clips * 6), floats(random, clips * 6)};
}

sweep::Snapshot snapshot(std::mt19937_64& random, int epoch, int clips) {
  return {epoch, predictions(random, clips), predictions(random, 4), surface(random, clips)};
}

}  // namespace

sweep::TrialResult random_result(const sweep::TrialSpec& trial, std::mt19937_64& random, sweep::Outcome outcome) {
  return random_result(trial, random, trial.fold == 0 ? 6 : 5, outcome);
}

sweep::TrialResult random_result(const sweep::TrialSpec& trial, std::mt19937_64& random, int clips,
                                 sweep::Outcome outcome) {
  sweep::TrialResult r;
  r.trial_id = trial.id;
  r.test_fingerprint = small_dataset().test_fingerprint;
  r.arithmetic = "0123456789ab";
  r.outcome = outcome;
  const int epochs = 1 + static_cast<int>(random() % 6);
  for (int e = 1; e <= epochs; ++e) {
    r.epochs.push_back({e,
                        unit(random),
                        unit(random),
                        unit(random),
                        {{"presence", unit(random)}, {"salience", unit(random)}, {"adaptation", unit(random)}},
                        {unit(random), unit(random)},
                        {}});
    r.epochs.back().validation.presence = unit(random);
    r.epochs.back().validation.salience = unit(random);
  }
  r.seconds = unit(random) * 1e3;
  r.samples_per_second = unit(random) * 1e6;
  r.peak_memory_bytes = static_cast<std::int64_t>(random() >> 20);
  r.pack_size = 1 + static_cast<int>(random() % 8);
  if (outcome == sweep::Outcome::kDiverged) {
    r.reason = "step 12: presence loss is nan";
    r.epochs.back().loss = std::numeric_limits<double>::quiet_NaN();
    r.epochs.back().validation_loss = std::numeric_limits<double>::infinity();
    r.epochs.front().learning_rate = -0.0;
    r.samples_per_second = -std::numeric_limits<double>::quiet_NaN();
    r.epochs.back().terms.front().value = -std::numeric_limits<double>::infinity();
    return r;
  }
  r.paper = snapshot(random, epochs, clips);
  if (random() % 4 != 0) r.held_out = snapshot(random, epochs, clips);
  if (random() % 2 != 0) r.inner = surface(random, 5);
  if (random() % 3 == 0) {  // a softmax head has only fused ones
    r.paper.validation.presence.clear();
    r.paper.validation.salience.clear();
  }
  if (random() % 3 == 0) return r;  // no gate
  for (const std::string& encoder : trial.config.encoders) {
    sweep::EncoderImportance e;
    e.encoder = encoder;
    e.mean = unit(random);
    e.sd = unit(random);
    for (int q = 0; q < 5; ++q) e.quantiles.push_back(unit(random));
    for (int b = 0; b < 20; ++b) e.histogram.push_back(static_cast<std::int64_t>(random() % 100));
    e.selection_frequency = unit(random);
    for (int k = 0; k < 3; ++k) e.ranks.push_back(unit(random));
    r.importance.encoders.push_back(e);
  }
  for (int i = 0; i < clips * 3; ++i) r.importance.weights.push_back(static_cast<std::uint16_t>(random()));
  r.importance.cka = floats(random, 9);
  return r;
}

sweep::TrialResult plain_result(const sweep::TrialSpec& trial, int presence, int salience) {
  sweep::TrialResult r;
  r.trial_id = trial.id;
  r.seconds = 2;
  r.epochs.resize(1);
  r.epochs[0].epoch = 1;
  r.paper.epoch = r.held_out.epoch = 1;
  for (auto* s : {&r.paper.surface, &r.held_out.surface, &r.inner}) {
    s->clips = s->blends = 5;
    s->presence_hits[0] = presence;
    s->salience_hits[0] = salience;
  }
  return r;
}

}  // namespace medley::storage::testing_store
