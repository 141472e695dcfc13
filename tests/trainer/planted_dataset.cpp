#include "tests/trainer/planted_dataset.h"

#include <algorithm>
#include <random>
#include <stdexcept>

namespace medley::tests {

MemoryEncoder::MemoryEncoder(std::string name, int dim, std::vector<float> of_clips, std::string modality)
    : values(std::move(of_clips)), name_(std::move(name)), dim_(dim) {
  if (!modality.empty()) labels_ = {{sweep::kModality, std::move(modality)}};
}

void MemoryEncoder::gather(const std::vector<int>& clips, float* out) const {
  for (const int clip : clips) out = std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(clip) * dim_, dim_, out);
}

data::Dataset planted_dataset(const PlantedOptions& options) {
  data::Dataset dataset;
  dataset.synthetic = true;
  dataset.classes = sweep::Classes::blemore();
  dataset.fingerprint = std::string(64, 'a');
  // Every single and every pair without neutral at each ratio: 6 + 10 * 3 labels.
  std::vector<sweep::Label> labels;
  for (int c = 0; c < 6; ++c) labels.push_back({c, -1, 100});
  for (const int salience : {50, 30, 70}) {
    for (int a = 0; a < 5; ++a) {
      for (int b = a + 1; b < 5; ++b) labels.push_back({a, b, salience});
    }
  }
  std::size_t next = 0;
  const auto add = [&](const std::string& actor, int fold, bool labelled) {
    data::Clip clip;
    clip.stem = actor + "_" + std::to_string(dataset.clips.size());
    clip.filename = clip.stem + ".mov";
    clip.actor = actor;
    clip.fold = fold;
    clip.label = labels[next++ % labels.size()];
    if (!labelled) clip.label.reset();
    dataset.clips.push_back(clip);
  };
  std::vector<sweep::Label> truth;
  for (int fold = 0; fold < options.folds; ++fold) {
    dataset.folds.push_back(fold);
    for (int a = 0; a < options.actors_per_fold; ++a) {
      // Folds differ in size, as real ones do.
      const int count = options.clips_per_actor + fold;
      for (int i = 0; i < count; ++i) add("a" + std::to_string(fold) + std::to_string(a), fold, true);
    }
  }
  for (int i = 0; i < options.test_clips; ++i) add("t" + std::to_string(i % 2), -1, false);
  std::mt19937 random(options.seed);
  std::normal_distribution<float> normal;
  for (const PlantedEncoder& encoder : options.encoders) {
    std::vector<float> directions(static_cast<std::size_t>(6 * encoder.dim));
    for (float& d : directions) d = normal(random);
    std::vector<float> values;
    for (std::size_t c = 0; c < dataset.clips.size(); ++c) {
      const sweep::Label& label = labels[c % labels.size()];
      for (int j = 0; j < encoder.dim; ++j) {
        float x = static_cast<float>(label.salience) / 100 *
                  directions[static_cast<std::size_t>(label.first * encoder.dim + j)];
        if (label.is_blend()) {
          x += static_cast<float>(100 - label.salience) / 100 *
               directions[static_cast<std::size_t>(label.second * encoder.dim + j)];
        }
        values.push_back(3 + static_cast<float>(j) + static_cast<float>(encoder.signal) * x + 0.3F * normal(random));
      }
    }
    const char* modality = dataset.encoders.size() % 2 == 0 ? "video" : "audio";
    dataset.encoders.push_back(std::make_shared<MemoryEncoder>(encoder.name, encoder.dim, std::move(values), modality));
  }
  return dataset;
}

std::vector<float>& values_of(data::Dataset& dataset, const std::string& encoder) {
  for (const auto& e : dataset.encoders) {
    if (e->name() == encoder) return const_cast<MemoryEncoder&>(dynamic_cast<const MemoryEncoder&>(*e)).values;
  }
  throw std::runtime_error("no encoder " + encoder);
}

}  // namespace medley::tests
