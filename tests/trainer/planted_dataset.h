#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/data/dataset.h"

namespace medley::tests {

/// An encoder held in memory.
class MemoryEncoder final : public data::Encoder {
 public:
  /// `values` [clip, dim].
  MemoryEncoder(std::string name, int dim, std::vector<float> values, std::string modality = "");

  const std::string& name() const override { return name_; }
  const sweep::EncoderLabels& labels() const override { return labels_; }
  int dim() const override { return dim_; }
  void gather(const std::vector<int>& clips, float* out) const override;
  const float* matrix() const override { return nullptr; }
  int rows() const override { return static_cast<int>(values.size()) / dim_; }
  int row_of(int clip) const override { return clip; }

  std::vector<float> values;

 private:
  std::string name_;
  sweep::EncoderLabels labels_;
  int dim_;
};

struct PlantedEncoder {
  std::string name;
  int dim = 8;
  double signal = 1;  ///< size of what the label says, against noise of sd 1
};

struct PlantedOptions {
  std::vector<PlantedEncoder> encoders = {{"clear", 8, 2.0}, {"faint", 6, 0.5}, {"noise", 5, 0.0}};
  int folds = 3;
  int actors_per_fold = 2;
  int clips_per_actor = 21;  ///< one for each label of the six classes in turn: singles, then blends
  int test_clips = 10;       ///< actors "t0", "t1"
  std::uint32_t seed = 1;
};

/// A small problem with known truth: features = signal * (soft label times a fixed random matrix) + noise.
data::Dataset planted_dataset(const PlantedOptions& options = {});

/// The features of one encoder of a planted dataset, to be changed in place.
std::vector<float>& values_of(data::Dataset& dataset, const std::string& encoder);

}  // namespace medley::tests
