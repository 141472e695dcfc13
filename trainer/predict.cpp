#include "trainer/predict.h"

#include <algorithm>

#include <torch/autograd.h>

#include "sweep/nearest.h"
#include "trainer/checkpoint.h"
#include "trainer/input_adaptation.h"

namespace medley::trainer {
namespace {

std::string text_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// Adapts to the target's clips of this dataset, as training adapted to those of its own.
void adapt_inputs(const Checkpoint& checkpoint, const Features& features, const std::vector<int>& encoders,
                  Scaling& scaling) {
  const sweep::Config& config = checkpoint.trial.config;
  const bool by_fold = config.adaptation_target == sweep::AdaptationTarget::kValidation;
  const std::vector<int> target =
      target_clips(sweep::partitioned(features.dataset(), by_fold ? checkpoint.trial.partition : sweep::Partition()),
                   config, checkpoint.trial.fold);
  if (target.empty()) return;
  scaling.set_adapted_clips(features.dataset().clips.size(), target);
  scaling.adapted.resize(scaling.encoders.size());
  for (std::size_t e = 0; e < encoders.size(); ++e) {
    const auto index = static_cast<std::size_t>(encoders[e]);
    scaling.adapted[index] = std::make_shared<const std::vector<float>>(
        adapted_features(config, features, encoders[e], target, *scaling.encoders[index],
                         checkpoint.covariances.empty() ? std::vector<double>() : checkpoint.covariances[e]));
  }
}

}  // namespace

sweep::Predictions predict(const std::filesystem::path& path, const data::Dataset& dataset,
                           const std::vector<int>& clips) {
  use_one_thread();
  const Checkpoint checkpoint = read_checkpoint(path);
  if (checkpoint.classes.names != dataset.classes.names) {
    throw Error(path.string() + ": trained on the classes " + text_of(checkpoint.classes.names) + "; the dataset has " +
                text_of(dataset.classes.names));
  }
  const sweep::Config& config = checkpoint.trial.config;
  const std::vector<std::string> names = dataset.encoder_names();
  std::vector<int> encoders;
  Scaling scaling;
  scaling.normalize = config.normalize;
  scaling.encoders.resize(names.size());
  for (std::size_t e = 0; e < checkpoint.encoders.size(); ++e) {
    const EncoderShape& shape = checkpoint.layout.encoders[e];
    const auto at = std::find(names.begin(), names.end(), shape.name);
    if (at == names.end()) {
      throw Error(path.string() + ": needs encoder '" + shape.name + "', which the dataset lacks" +
                  sweep::suggestion(shape.name, names));
    }
    const auto index = static_cast<std::size_t>(at - names.begin());
    if (dataset.encoders[index]->dim() != shape.dim) {
      throw Error(path.string() + ": encoder '" + shape.name + "' was trained with dim " + std::to_string(shape.dim) +
                  "; the dataset has " + std::to_string(dataset.encoders[index]->dim()));
    }
    encoders.push_back(static_cast<int>(index));
    scaling.encoders[index] = std::make_shared<const Standardization>(checkpoint.encoders[e]);
  }
  const bool by_actor = config.normalize == sweep::Normalize::kActor;
  for (const int clip : clips) {
    const data::Clip& c = dataset.clips[static_cast<std::size_t>(clip)];
    if (by_actor && c.actor.empty()) {
      throw Error(path.string() + ": normalises by actor, and clip '" + c.filename + "' has none");
    }
  }
  const Features features(dataset, by_actor ? Features::Actors::kNormalize : Features::Actors::kIgnore, config.layers);
  if (sweep::adapts_input(config)) adapt_inputs(checkpoint, features, encoders, scaling);
  FusedModel model(checkpoint.layout,
                   {{config, checkpoint.trial.seed, std::vector<bool>(checkpoint.layout.encoders.size(), true),
                     checkpoint.strength}},
                   torch::kCPU);
  model.parameters[0].copy_(checkpoint.parameters);
  const ModelInputs inputs{features, encoders};
  return predictions(config, evaluate(model, inputs, {&scaling}, {clips}).front(), checkpoint.classes);
}

}  // namespace medley::trainer
