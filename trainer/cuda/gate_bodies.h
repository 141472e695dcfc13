#pragma once

#include <cmath>
#include <cstdint>

#include "trainer/cuda/lanes.h"

namespace medley::trainer::cuda {

/// kept [trial, encoder, row]: the top_n best scores of each row among the active encoders, ties to the lower encoder.
template <class T>
struct KeepTopBody {
  const T* scores;             ///< as kept
  const std::uint8_t* active;  ///< [trial, encoder]
  const T* top_n;              ///< [trial]
  std::int64_t encoders, rows;
  std::uint8_t* kept;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t row) const {
    const T* s = scores + k * encoders * rows + row;
    const std::uint8_t* uses = active + k * encoders;
    for (std::int64_t e = 0; e < encoders; ++e) {
      const T own = s[e * rows];
      int rank = 0;
      for (std::int64_t o = 0; o < encoders; ++o) {
        const T other = s[o * rows];
        rank += uses[o] && (other > own || (other == own && o < e));
      }
      kept[(k * encoders + e) * rows + row] = uses[e] && static_cast<T>(rank) < top_n[k];
    }
  }
};

/// weights = softmax(scores / temperature) over the encoders kept, 0 elsewhere; all [trial, encoder, row].
template <class T>
struct KeptSoftmaxBody {
  const T* scores;
  const std::uint8_t* kept;
  const T* temperature;  ///< [trial]
  std::int64_t encoders, rows;
  T* weights;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t row) const {
    const std::int64_t at = k * encoders * rows + row, end = encoders * rows;
    const T t = temperature[k];
    T top = -T(INFINITY), sum = 0;
    for (std::int64_t i = 0; i < end; i += rows) {
      if (kept[at + i] && scores[at + i] / t > top) top = scores[at + i] / t;
    }
    for (std::int64_t i = 0; i < end; i += rows) {
      const T weight = kept[at + i] ? std::exp(scores[at + i] / t - top) : T(0);
      weights[at + i] = weight;
      sum += weight;
    }
    for (std::int64_t i = 0; i < end; i += rows) {
      if (kept[at + i]) weights[at + i] /= sum;
    }
  }
};

/// The gradient dscores of KeptSoftmaxBody from that of its weights.
template <class T>
struct KeptSoftmaxBackwardBody {
  const T* weights;
  const T* dweights;
  const std::uint8_t* kept;
  const T* temperature;
  std::int64_t encoders, rows;
  T* dscores;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t row) const {
    const std::int64_t at = k * encoders * rows + row, end = encoders * rows;
    T mean = 0;
    for (std::int64_t i = 0; i < end; i += rows) {
      if (kept[at + i]) mean += weights[at + i] * dweights[at + i];
    }
    for (std::int64_t i = 0; i < end; i += rows) {
      dscores[at + i] = kept[at + i] ? weights[at + i] * (dweights[at + i] - mean) / temperature[k] : T(0);
    }
  }
};

/// pooled [trial, row, width] = sum over the encoders kept of weights [trial, encoder, row] * h [.., width].
template <class T>
struct PoolBody {
  const T* weights;
  const std::uint8_t* kept;
  const T* h;
  std::int64_t encoders, rows, width;
  T* pooled;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t i) const {
    const std::int64_t row = i / width, column = i % width;
    T sum = 0;
    for (std::int64_t e = 0; e < encoders; ++e) {
      const std::int64_t at = (k * encoders + e) * rows + row;
      if (kept[at]) sum += weights[at] * h[at * width + column];
    }
    pooled[k * rows * width + i] = sum;
  }
};

/// From d, the gradient of pooled: dh and dweights, 0 where not kept. One warp a weight: i = encoder * rows + row.
template <class T>
struct PoolBackwardBody {
  const T* weights;
  const std::uint8_t* kept;
  const T* h;
  const T* d;
  std::int64_t encoders, rows, width;
  T *dh, *dweights;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t i, const Lanes& lanes) const {
    const std::int64_t at = k * encoders * rows + i;
    const int count = static_cast<int>(width);
    const T* from = d + (k * rows + i % rows) * width;
    const T* own = h + at * width;
    T* to = dh + at * width;
    if (!kept[at]) {
      lanes.each(count, [&](int j) { to[j] = T(0); });
      dweights[at] = 0;
      return;
    }
    const T weight = weights[at];
    lanes.each(count, [&](int j) { to[j] = weight * from[j]; });
    dweights[at] = lanes.sum<T>(count, [&](int j) { return from[j] * own[j]; });
  }
};

}  // namespace medley::trainer::cuda
