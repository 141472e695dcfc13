#pragma once

#include <memory>
#include <vector>

#include "sweep/config.h"
#include "trainer/data/dataset.h"

namespace medley::trainer {

/// z = (x - mean) * scale, column by column. A column that is constant over the training rows has scale 0: it says
/// nothing, on any clip.
struct Standardization {
  std::vector<double> mean;   ///< [dim]
  std::vector<double> scale;  ///< [dim] 1/sd (population), or 0
};

/// The features of a dataset, addressed by encoder and clip, raw or z-scored within each actor. For an encoder with
/// several layers they are the mean of the chosen ones. Immutable once made; reads no label. Borrows the dataset.
class Features {
 public:
  /// `actors`: also z-score within each actor (features of all the actor's clips, training or not).
  enum class Actors { kIgnore, kNormalize };
  /// Throws Error where `layers` names a layer that an encoder of several layers lacks.
  Features(const data::Dataset& dataset, Actors actors, const sweep::Layers& layers);

  const data::Dataset& dataset() const { return dataset_; }
  int dim(int encoder) const { return dataset_.encoders[static_cast<std::size_t>(encoder)]->dim(); }
  /// The features of one clip [dim]. With Normalize::kActor the clip must have an actor.
  const float* row(int encoder, int clip, sweep::Normalize normalize) const;

  /// Mean and 1/sd over `clips`: pass the training rows only.
  Standardization standardization(int encoder, const std::vector<int>& clips, sweep::Normalize normalize) const;

  /// z-scored rows [count, dim]; clip -1 gives zeros.
  template <class T>
  void gather(int encoder, const int* clips, int count, sweep::Normalize normalize, const Standardization& z,
              T* out) const;

 private:
  struct Matrix {
    const float* data = nullptr;  ///< borrowed from the encoder, or owned.data()
    std::vector<float> owned;
    std::vector<int> row_of;      ///< [clip]
    std::vector<float> by_actor;  ///< [clip, dim] or empty
  };
  const data::Dataset& dataset_;
  std::vector<Matrix> matrices_;  ///< [encoder]
};

}  // namespace medley::trainer
