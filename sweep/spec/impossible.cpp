#include "sweep/spec/impossible.h"

#include <algorithm>

namespace medley::sweep {
namespace {

constexpr std::size_t kExamples = 3;  // reasons a place

bool uses(const Config& config, const std::string& encoder) {
  return std::find(config.encoders.begin(), config.encoders.end(), encoder) != config.encoders.end();
}

std::optional<Conflict> find_missing_clips(const Config& config, const DatasetShape& shape) {
  const bool by_actor = config.normalize == Normalize::kActor;
  if (by_actor && !shape.actors) {
    return Conflict{{"normalize"},
                    "normalize actor needs the actor of every labelled clip, and some have none in train_metadata.csv"};
  }
  if (!reads_test_clips(config)) {
    return std::nullopt;
  }
  if (!shape.has_test) {
    return Conflict{{"adaptation_target"}, "adaptation_target test needs test clips, and the dataset has none"};
  }
  if (by_actor && !shape.test_actors) {
    return Conflict{{"adaptation_target", "normalize"},
                    "adaptation_target test with normalize actor needs the actor of every test clip, and some have "
                    "none in test_metadata.csv"};
  }
  return std::nullopt;
}

std::optional<Conflict> find_missing_modality(const Config& config, const DatasetShape& shape) {
  if (config.fusion != Fusion::kModalityConcat) return std::nullopt;
  for (std::size_t e = 0; e < shape.encoders.size(); ++e) {
    if (!uses(config, shape.encoders[e]) || !shape.modalities[e].empty()) continue;
    return Conflict{{"fusion", "encoders"},
                    "fusion modality-concat: dataset.yaml gives encoder '" + shape.encoders[e] + "' no modality"};
  }
  return std::nullopt;
}

std::optional<Conflict> find_missing_layers(const Config& config, const DatasetShape& shape) {
  if (config.layers.all()) return std::nullopt;
  const std::string head = "layers " + config.layers.text() + ": ";
  bool chosen = false;
  for (std::size_t e = 0; e < shape.encoders.size(); ++e) {
    const int layers = shape.layers.empty() ? 1 : shape.layers[e];
    if (layers == 1 || !uses(config, shape.encoders[e])) continue;
    chosen = true;
    if (config.layers.last < layers) continue;
    return Conflict{{"layers", "encoders"},
                    head + "encoder '" + shape.encoders[e] + "' has layers 0 to " + std::to_string(layers - 1)};
  }
  if (chosen) return std::nullopt;
  return Conflict{{"layers", "encoders"}, head + "none of the encoders of this config has several layers"};
}

std::optional<Conflict> find_wide_encoder(const Config& config, const DatasetShape& shape) {
  if (config.adaptation != Adaptation::kCoralInput) return std::nullopt;
  for (std::size_t e = 0; e < shape.dims.size(); ++e) {
    if (shape.dims[e] <= kMostCoralInputColumns || !uses(config, shape.encoders[e])) continue;
    return Conflict{{"adaptation", "encoders"},
                    "adaptation coral-input: encoder '" + shape.encoders[e] + "' has " + std::to_string(shape.dims[e]) +
                        " columns; valid: at most " + std::to_string(kMostCoralInputColumns) +
                        ", or adaptation moments"};
  }
  return std::nullopt;
}

std::optional<Conflict> find_missing_folds(const Config& config, const DatasetShape& shape) {
  const std::string folds = "the sweep has " + std::to_string(shape.folds.size()) + " folds";
  if (config.inner_fold && shape.folds.size() < 3) {
    return Conflict{{"inner_fold"}, "inner_fold leaves nothing to train on: " + folds};
  }
  const std::size_t training_folds = shape.folds.size() - (config.inner_fold ? 2 : 1);
  if (is_fitted(config) && config.tune_decay && training_folds < 2) {
    return Conflict{{"tune_decay", "optimizer", "inner_fold"}, "tune_decay needs two training folds: " + folds};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Conflict> find_conflict(const Config& config, const DatasetShape& shape) {
  if (auto conflict = check_config(config)) return conflict;
  for (const auto find :
       {find_missing_clips, find_missing_modality, find_missing_layers, find_wide_encoder, find_missing_folds}) {
    if (auto conflict = find(config, shape)) return conflict;
  }
  return std::nullopt;
}

void ImpossibleConfigs::add(const Place& place, const Conflict& conflict) {
  ++count_;
  const auto [known, is_new] = index_.try_emplace({{place.line, place.column}, conflict.message}, reasons_.size());
  if (is_new) reasons_.push_back({place, conflict, 0});
  ++reasons_[known->second].configs;
}

void ImpossibleConfigs::tell(std::int64_t possible, Diagnostics& diagnostics) const {
  std::map<std::pair<int, int>, std::vector<const Reason*>> by_place;
  for (const Reason& reason : reasons_) by_place[{reason.place.line, reason.place.column}].push_back(&reason);
  for (const auto& [position, reasons] : by_place) {
    std::int64_t configs = 0;
    for (const Reason* reason : reasons) configs += reason->configs;
    std::string message =
        std::to_string(configs) + " of " + std::to_string(count_ + possible) + " configs are impossible: ";
    for (std::size_t i = 0; i < std::min(kExamples, reasons.size()); ++i) {
      message += (i ? "; " : "") + reasons[i]->conflict.message + " (" + std::to_string(reasons[i]->configs) + ")";
    }
    if (reasons.size() > kExamples) message += "; and " + std::to_string(reasons.size() - kExamples) + " more reasons";
    if (possible > 0) message += "; 'impossible: skip' leaves them out";
    diagnostics.add(reasons.front()->place, message);
  }
}

}  // namespace medley::sweep
