#include "trainer/cuda/kernels.h"
#include "trainer/cuda/launch.h"

namespace medley::trainer::cuda {

template <class T>
void launch_norm_gelu(cudaStream_t stream, std::int64_t trials, const NormGeluBody<T>& body) {
  each_warp(stream, trials, body.rows, body);
}

template <class T>
void launch_norm_gelu_backward(cudaStream_t stream, std::int64_t trials, const NormGeluBackwardBody<T>& body,
                               const NormVectorsBackwardBody<T>& vectors) {
  each_warp(stream, trials, body.rows, body);
  each(stream, trials, vectors.width, vectors);
}

#define MEDLEY_FOR(T)                                                                                    \
  template void launch_norm_gelu<T>(cudaStream_t, std::int64_t, const NormGeluBody<T>&);                 \
  template void launch_norm_gelu_backward<T>(cudaStream_t, std::int64_t, const NormGeluBackwardBody<T>&, \
                                             const NormVectorsBackwardBody<T>&);
MEDLEY_FOR(float)
MEDLEY_FOR(double)

}  // namespace medley::trainer::cuda
