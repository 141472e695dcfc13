#include "coordinator/actions/probe.h"

#include <algorithm>

#include "coordinator/actions/sweep_results.h"
#include "storage/files/error.h"
#include "trainer/data/error.h"

namespace medley::coordinator {
namespace {

const data::Encoder& encoder_of(const data::Dataset& dataset, const std::string& name) {
  for (const auto& encoder : dataset.encoders) {
    if (encoder->name() == name) return *encoder;
  }
  throw data::Error("the dataset in " + dataset.folder.string() + " has no encoder '" + name + "'");
}

/// float32 [clip, dim] of these clips, the mean of all layers.
std::vector<float> mean_of_layers(const data::Encoder& encoder, const std::vector<int>& clips) {
  const auto layers = static_cast<std::size_t>(encoder.layers()), dim = static_cast<std::size_t>(encoder.dim());
  std::vector<float> all(clips.size() * layers * dim);
  encoder.gather(clips, all.data());
  if (layers == 1) return all;
  std::vector<float> means(clips.size() * dim);
  for (std::size_t clip = 0; clip < clips.size(); ++clip) {
    for (std::size_t layer = 0; layer < layers; ++layer) {
      for (std::size_t c = 0; c < dim; ++c) {
        means[clip * dim + c] += all[(clip * layers + layer) * dim + c] / static_cast<float>(layers);
      }
    }
  }
  return means;
}

}  // namespace

sweep::ProbeInput probe_input(const data::Dataset& dataset, const storage::ProbeKey& key) {
  const data::Dataset divided = sweep::partitioned(dataset, key.partition);
  sweep::ProbeInput input;
  input.classes = divided.classes;
  input.grid = key.grid;
  std::vector<int> labelled;
  for (std::size_t clip = 0; clip < divided.clips.size(); ++clip) {
    if (divided.clips[clip].fold < 0) continue;
    labelled.push_back(static_cast<int>(clip));
    input.truth.push_back(*divided.clips[clip].label);
    const auto fold = std::find(divided.folds.begin(), divided.folds.end(), divided.clips[clip].fold);
    input.folds.push_back(static_cast<int>(fold - divided.folds.begin()));
  }
  std::vector<const data::Encoder*> encoders;
  for (const std::string& name : key.encoders) encoders.push_back(&encoder_of(dataset, name));
  input.encoders = static_cast<int>(encoders.size());
  input.features = [encoders, labelled](int encoder) {
    return mean_of_layers(*encoders[static_cast<std::size_t>(encoder)], labelled);
  };
  return input;
}

MadeProbe find_probe(storage::Reader& reader, const storage::ProbeKey& key,
                     const std::function<void(std::size_t subsets)>& started) {
  if (auto kept = storage::read_probe(reader.folder(), key)) return {std::move(*kept), ""};
  const storage::DatasetRecord record = dataset_of(reader, key.dataset);
  try {
    const data::Dataset dataset = data::load_dataset(record.folder);
    if (dataset.fingerprint != key.dataset) return {{}, "the dataset in " + record.folder + " has changed"};
    started((std::size_t{1} << key.encoders.size()) - 1);
    MadeProbe made{sweep::ridge_probe(probe_input(dataset, key)), ""};
    try {
      storage::write_probe(reader.folder(), key, made.worth);
    } catch (const files::Error&) {
      // Who may only read the store makes it again the next time.
    }
    return made;
  } catch (const data::Error&) {
    return {{}, "the dataset cannot be read in " + record.folder};
  }
}

}  // namespace medley::coordinator
