#include "trainer/predict.h"

#include <algorithm>

#include <torch/autograd.h>

#include "sweep/nearest.h"
#include "trainer/checkpoint.h"

namespace medley::trainer {
namespace {

std::string text_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
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
  FusedModel model(checkpoint.layout,
                   {{config, checkpoint.trial.seed, std::vector<bool>(checkpoint.layout.encoders.size(), true),
                     checkpoint.strength}},
                   torch::kCPU);
  model.parameters[0].copy_(checkpoint.parameters);
  const ModelInputs inputs{features, encoders};
  return predictions(config, evaluate(model, inputs, {&scaling}, {clips}).front(), checkpoint.classes);
}

}  // namespace medley::trainer
