#pragma once

#include <cstdint>

#include "sweep/both.h"

namespace medley::trainer::cuda {

/// Where one trial's rows of one encoder come from.
template <class T>
struct GatherTrial {
  const float* features = nullptr;            ///< [clip, width]; null: the trial does not use the encoder
  const T *mean = nullptr, *scale = nullptr;  ///< [width]
};

/// out [trial, row, width] = (features of the row's clip - mean) * scale; 0 where there is no clip (-1).
template <class T>
struct GatherBody {
  const GatherTrial<T>* trials;
  const std::int32_t* clips;  ///< [trial, row]
  std::int64_t rows, width;
  T* out;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t i) const {
    const GatherTrial<T>& trial = trials[k];
    const std::int64_t column = i % width, clip = clips[k * rows + i / width];
    const bool none = !trial.features || clip < 0;
    out[k * rows * width + i] =
        none ? T(0)
             : (static_cast<T>(trial.features[clip * width + column]) - trial.mean[column]) * trial.scale[column];
  }
};

}  // namespace medley::trainer::cuda
