#include "trainer/cuda/kernels.h"
#include "trainer/cuda/launch.h"

namespace medley::trainer::cuda {

template <class T>
void launch_drop(cudaStream_t stream, std::int64_t trials, const DropBody<T>& body) {
  each(stream, trials, body.rows * body.width, body);
}

template void launch_drop<float>(cudaStream_t, std::int64_t, const DropBody<float>&);
template void launch_drop<double>(cudaStream_t, std::int64_t, const DropBody<double>&);

}  // namespace medley::trainer::cuda
