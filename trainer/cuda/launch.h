#pragma once

#include <algorithm>
#include <cstdint>

#include "trainer/cuda/lanes.h"
#include "trainer/cuda/runtime.h"
#include "trainer/error.h"

/// How bodies become kernels; for .cu files only.
namespace medley::trainer::cuda {

inline constexpr int kThreads = 256;
/// Blocks along i: enough to fill any GPU many times over; a larger range is walked in strides.
inline constexpr std::int64_t kMostBlocks = 1 << 16;
/// What a grid allows along y, where the trials are.
inline constexpr std::int64_t kMostTrials = 65535;

template <class Body>
__global__ void run_each(std::int64_t count, Body body) {
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
    body(blockIdx.y, i);
  }
}

template <class Body>
__global__ void run_each_warp(std::int64_t count, Body body) {
  const std::int64_t warps = blockDim.x / Lanes::kCount, stride = gridDim.x * warps;
  for (std::int64_t i = blockIdx.x * warps + threadIdx.x / Lanes::kCount; i < count; i += stride) {
    body(blockIdx.y, i, Lanes{});
  }
}

inline dim3 grid_of(std::int64_t trials, std::int64_t count, std::int64_t per_block) {
  if (trials > kMostTrials) {
    throw Error("a pack of " + std::to_string(trials) + " trials: a kernel takes at most " +
                std::to_string(kMostTrials));
  }
  return dim3(static_cast<unsigned>(std::min((count + per_block - 1) / per_block, kMostBlocks)),
              static_cast<unsigned>(trials));
}

/// body(k, i) for k in [0, trials), i in [0, count), a thread each.
template <class Body>
void each(cudaStream_t stream, std::int64_t trials, std::int64_t count, const Body& body) {
  if (trials == 0 || count == 0) return;
  run_each<<<grid_of(trials, count, kThreads), kThreads, 0, stream>>>(count, body);
  MEDLEY_CHECK_CUDA(cudaGetLastError());
}

/// body(k, i, lanes), a warp each.
template <class Body>
void each_warp(cudaStream_t stream, std::int64_t trials, std::int64_t count, const Body& body) {
  if (trials == 0 || count == 0) return;
  run_each_warp<<<grid_of(trials, count, kThreads / Lanes::kCount), kThreads, 0, stream>>>(count, body);
  MEDLEY_CHECK_CUDA(cudaGetLastError());
}

}  // namespace medley::trainer::cuda
