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

/// out [trial, count] = x or 0; one thread makes one block of random numbers, four elements. x and out may be one.
template <class T>
struct DropBody {
  const T* x;
  T* out;
  std::int64_t count;
  const DropTrial<T>* trials;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t block) const {
    const DropTrial<T>& trial = trials[k];
    const Draws4 bits = draw_block(trial.key, static_cast<std::uint32_t>(block));
    for (int word = 0; word < 4; ++word) {
      const std::int64_t i = draw_element(block, word);
      if (i >= count) break;
      const std::int64_t at = k * count + i;
      out[at] = bits.word[word] >= trial.threshold ? x[at] * trial.scale : T(0);
    }
  }
};

}  // namespace medley::trainer::cuda
