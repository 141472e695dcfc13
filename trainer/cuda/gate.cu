#include "trainer/cuda/kernels.h"
#include "trainer/cuda/launch.h"

namespace medley::trainer::cuda {

template <class T>
void launch_keep_top(cudaStream_t stream, std::int64_t trials, const KeepTopBody<T>& body) {
  each(stream, trials, body.rows, body);
}

template <class T>
void launch_kept_softmax(cudaStream_t stream, std::int64_t trials, const KeptSoftmaxBody<T>& body) {
  each(stream, trials, body.rows, body);
}

template <class T>
void launch_kept_softmax_backward(cudaStream_t stream, std::int64_t trials, const KeptSoftmaxBackwardBody<T>& body) {
  each(stream, trials, body.rows, body);
}

template <class T>
void launch_pool(cudaStream_t stream, std::int64_t trials, const PoolBody<T>& body) {
  each(stream, trials, body.rows * body.width, body);
}

template <class T>
void launch_pool_backward(cudaStream_t stream, std::int64_t trials, const PoolBackwardBody<T>& body) {
  each_warp(stream, trials, body.encoders * body.rows, body);
}

#define MEDLEY_FOR(T)                                                                                           \
  template void launch_keep_top<T>(cudaStream_t, std::int64_t, const KeepTopBody<T>&);                          \
  template void launch_kept_softmax<T>(cudaStream_t, std::int64_t, const KeptSoftmaxBody<T>&);                  \
  template void launch_kept_softmax_backward<T>(cudaStream_t, std::int64_t, const KeptSoftmaxBackwardBody<T>&); \
  template void launch_pool<T>(cudaStream_t, std::int64_t, const PoolBody<T>&);                                 \
  template void launch_pool_backward<T>(cudaStream_t, std::int64_t, const PoolBackwardBody<T>&);
MEDLEY_FOR(float)
MEDLEY_FOR(double)

}  // namespace medley::trainer::cuda
