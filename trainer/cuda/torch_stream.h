#pragma once

#include <cuda_runtime_api.h>
#include <torch/types.h>

namespace medley::trainer::cuda {

/// The stream that LibTorch works in on `device` now. The one thing that only a CUDA LibTorch has.
cudaStream_t torch_stream(torch::Device device);

}  // namespace medley::trainer::cuda
