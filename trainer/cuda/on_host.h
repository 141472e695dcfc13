#pragma once

#include <cstdint>

#include "trainer/cuda/lanes.h"

namespace medley::trainer::cuda {

/// What launch.h does on the GPU, as plain loops: the reference that kernels are compared with.
template <class Body>
void each_on_host(std::int64_t trials, std::int64_t count, const Body& body) {
  for (std::int64_t k = 0; k < trials; ++k) {
    for (std::int64_t i = 0; i < count; ++i) body(k, i);
  }
}

/// The same for bodies that a warp works on.
template <class Body>
void each_warp_on_host(std::int64_t trials, std::int64_t count, const Body& body) {
  for (std::int64_t k = 0; k < trials; ++k) {
    for (std::int64_t i = 0; i < count; ++i) body(k, i, Lanes{});
  }
}

}  // namespace medley::trainer::cuda
