#include "trainer/cuda/kernels.h"
#include "trainer/cuda/launch.h"

namespace medley::trainer::cuda {

template <class T>
void launch_gather(cudaStream_t stream, std::int64_t trials, const GatherBody<T>& body) {
  each(stream, trials, body.rows * body.width, body);
}

template void launch_gather<float>(cudaStream_t, std::int64_t, const GatherBody<float>&);
template void launch_gather<double>(cudaStream_t, std::int64_t, const GatherBody<double>&);

}  // namespace medley::trainer::cuda
