#include "trainer/cuda/torch_stream.h"

#include <c10/cuda/CUDAStream.h>

namespace medley::trainer::cuda {

cudaStream_t torch_stream(torch::Device device) { return c10::cuda::getCurrentCUDAStream(device.index()).stream(); }

}  // namespace medley::trainer::cuda
