#pragma once

#include <cstdint>

#include "trainer/cuda/draws.h"

namespace medley::trainer::cuda {

/// Dropout of one trial's numbers: element i is kept where element i of the stream is at least `threshold`.
template <class T>
struct DropTrial {
  DrawKey key;
  std::uint32_t threshold = 0;
  T scale = 1;  ///< of what is kept
};

/// out [trial, row, width] = x or 0. Where a gang splits the batch, `places` [row] names these rows in the complete
/// batch, and the numbers are those that the complete batch draws. The pointers x and out may be equal.
template <class T>
struct DropBody {
  const T* x;
  T* out;
  std::int64_t rows, width;
  const DropTrial<T>* trials;
  const std::int64_t* places;  ///< null: the rows are the whole batch

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t i) const {
    const DropTrial<T>& trial = trials[k];
    const std::int64_t element = places ? places[i / width] * width + i % width : i;
    const std::int64_t at = k * rows * width + i;
    out[at] = draw(trial.key, element) >= trial.threshold ? x[at] * trial.scale : T(0);
  }
};

}  // namespace medley::trainer::cuda
