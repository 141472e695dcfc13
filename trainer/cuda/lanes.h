#pragma once

#include "sweep/both.h"

namespace medley::trainer::cuda {

/// The 32 lanes of a warp that work on one row together. On the GPU every lane calls these and does its share. On a CPU
/// one call does all, with the same terms in the same order, so that sums have the same bits. Index j always belongs to
/// lane j % 32. A lane may read its own writes in a later call without waiting for others.
struct Lanes {
  static constexpr int kCount = 32;

  /// body(j) for j in [0, count).
  template <class Body>
  MEDLEY_BOTH void each(int count, const Body& body) const {
#ifdef __CUDA_ARCH__
    for (int j = static_cast<int>(threadIdx.x) % kCount; j < count; j += kCount) body(j);
#else
    for (int j = 0; j < count; ++j) body(j);
#endif
  }

  /// The sum of term(j) for j in [0, count), the same in every lane. Each lane adds up its own, then neighbours at
  /// distance 16, 8, 4, 2, 1 add theirs.
  template <class Sum, class Term>
  MEDLEY_BOTH Sum sum(int count, const Term& term) const {
#ifdef __CUDA_ARCH__
    Sum own = 0;
    for (int j = static_cast<int>(threadIdx.x) % kCount; j < count; j += kCount) own += term(j);
    for (int distance = kCount / 2; distance > 0; distance /= 2) own += __shfl_xor_sync(0xffffffff, own, distance);
    return own;
#else
    Sum lanes[kCount] = {};
    for (int j = 0; j < count; ++j) lanes[j % kCount] += term(j);
    for (int distance = kCount / 2; distance > 0; distance /= 2) {
      for (int lane = 0; lane < distance; ++lane) lanes[lane] += lanes[lane + distance];
    }
    return lanes[0];
#endif
  }
};

}  // namespace medley::trainer::cuda
