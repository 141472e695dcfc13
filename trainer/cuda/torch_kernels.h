#pragma once

#include "trainer/kernels/gpu_kernels.h"

namespace medley::trainer::cuda {

/// The kernels of this folder as the trainer calls them.
const GpuKernels& torch_kernels();

}  // namespace medley::trainer::cuda
