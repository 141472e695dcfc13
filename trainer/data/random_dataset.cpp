#include "trainer/data/random_dataset.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>

namespace medley::data {
namespace {

class RandomEncoder final : public Encoder {
 public:
  RandomEncoder(std::string name, int dim, int rows, std::uint32_t seed)
      : name_(std::move(name)), dim_(dim), rows_(rows) {
    std::mt19937 random(seed);
    values_.resize(static_cast<std::size_t>(dim) * static_cast<std::size_t>(rows));
    for (float& x : values_) x = static_cast<float>(random()) * 0x1p-32F - 0.5F;
  }
  const std::string& name() const override { return name_; }
  const sweep::EncoderLabels& labels() const override { return labels_; }
  int dim() const override { return dim_; }
  void gather(const std::vector<int>& clips, float* out) const override {
    for (const int clip : clips)
      out = std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(clip) * dim_, dim_, out);
  }
  const float* matrix() const override { return values_.data(); }
  int rows() const override { return rows_; }
  int row_of(int clip) const override { return clip; }

 private:
  std::string name_;
  sweep::EncoderLabels labels_;
  int dim_, rows_;
  std::vector<float> values_;
};

}  // namespace

Dataset random_dataset(const RandomShape& shape) {
  constexpr int kFolds = 5;
  Dataset dataset;
  dataset.synthetic = true;
  dataset.classes = sweep::Classes::blemore();
  dataset.fingerprint = std::string(64, '0');
  for (int fold = 0; fold < kFolds; ++fold) dataset.folds.push_back(fold);
  for (int i = 0; i < shape.clips; ++i) {
    Clip clip;
    clip.stem = clip.filename = "clip_" + std::to_string(i);
    clip.actor = "actor_" + std::to_string(i % kFolds);
    clip.fold = i % kFolds;
    clip.label = i % 2 ? sweep::make_blend(i % 5, (i % 5 + 1 + i / 5 % 4) % 5, 30) : sweep::Label{i % 6, -1, 100};
    dataset.clips.push_back(std::move(clip));
  }
  for (int e = 0; e < shape.encoders; ++e) {
    const std::string name = (e < 10 ? "encoder_0" : "encoder_") + std::to_string(e);
    dataset.encoders.push_back(
        std::make_shared<RandomEncoder>(name, shape.dim, shape.clips, static_cast<std::uint32_t>(e)));
  }
  return dataset;
}

}  // namespace medley::data
