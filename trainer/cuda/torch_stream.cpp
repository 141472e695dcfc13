#include "trainer/cuda/torch_stream.h"

#include <c10/cuda/CUDAStream.h>

#include "trainer/cuda/torch_kernels.h"

namespace medley::trainer {

cudaStream_t cuda::torch_stream(torch::Device device) {
  return c10::cuda::getCurrentCUDAStream(device.index()).stream();
}

const GpuKernels* find_gpu_kernels() { return &cuda::torch_kernels(); }

}  // namespace medley::trainer
