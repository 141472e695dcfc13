// The trainer's path of GPUs without a GPU: everything but the launches themselves, which are plain loops here. Linked
// into a program in place of trainer/cuda/*.cu and torch_stream.cpp.
#include "tests/trainer/batched.h"
#include "trainer/cuda/kernels.h"
#include "trainer/cuda/on_host.h"
#include "trainer/cuda/runtime.h"
#include "trainer/cuda/torch_kernels.h"
#include "trainer/cuda/torch_stream.h"

namespace medley::tests {

const trainer::FusedModel::Kernels kBatched = trainer::FusedModel::Kernels::kGpu;

}  // namespace medley::tests

namespace medley::trainer {

const GpuKernels* find_gpu_kernels() { return &cuda::torch_kernels(); }

namespace cuda {

cudaStream_t torch_stream(torch::Device) { return nullptr; }

template <class T>
void launch_scales(cudaStream_t, std::int64_t trials, std::int64_t size, const T* g, const std::uint8_t* use,
                   const AdamTrial<T>* settings, double* partial, double* scales) {
  each_warp_on_host(trials, kSegments,
                    SquaresBody<T>{g, use, size, segment_length(size, kSegments), partial, kSegments});
  each_warp_on_host(trials, 1, ScaleBody<T>{partial, kSegments, settings, scales});
}

template <class T>
void launch_adam(cudaStream_t, std::int64_t trials, const AdamBody<T>& body) {
  each_on_host(trials, body.size, body);
}

std::int64_t free_device_bytes() { return std::int64_t{1} << 30; }

template <class T>
void launch_gather(cudaStream_t, std::int64_t trials, const GatherBody<T>& body) {
  each_on_host(trials, body.rows * body.width, body);
}

template <class T>
void launch_drop(cudaStream_t, std::int64_t trials, const DropBody<T>& body) {
  each_on_host(trials, body.rows * body.width, body);
}

template <class T>
void launch_keep_top(cudaStream_t, std::int64_t trials, const KeepTopBody<T>& body) {
  each_on_host(trials, body.rows, body);
}

template <class T>
void launch_kept_softmax(cudaStream_t, std::int64_t trials, const KeptSoftmaxBody<T>& body) {
  each_on_host(trials, body.rows, body);
}

template <class T>
void launch_kept_softmax_backward(cudaStream_t, std::int64_t trials, const KeptSoftmaxBackwardBody<T>& body) {
  each_on_host(trials, body.rows, body);
}

template <class T>
void launch_pool(cudaStream_t, std::int64_t trials, const PoolBody<T>& body) {
  each_on_host(trials, body.rows * body.width, body);
}

template <class T>
void launch_pool_backward(cudaStream_t, std::int64_t trials, const PoolBackwardBody<T>& body) {
  each_warp_on_host(trials, body.encoders * body.rows, body);
}

template <class T>
void launch_norm_gelu(cudaStream_t, std::int64_t trials, const NormGeluBody<T>& body) {
  each_warp_on_host(trials, body.rows, body);
}

template <class T>
void launch_norm_gelu_backward(cudaStream_t, std::int64_t trials, const NormGeluBackwardBody<T>& body,
                               const NormVectorsBackwardBody<T>& vectors) {
  each_warp_on_host(trials, body.rows, body);
  each_on_host(trials, vectors.width, vectors);
}

#define MEDLEY_FOR(T)                                                                                           \
  template void launch_scales<T>(cudaStream_t, std::int64_t, std::int64_t, const T*, const std::uint8_t*,       \
                                 const AdamTrial<T>*, double*, double*);                                        \
  template void launch_adam<T>(cudaStream_t, std::int64_t, const AdamBody<T>&);                                 \
  template void launch_gather<T>(cudaStream_t, std::int64_t, const GatherBody<T>&);                             \
  template void launch_drop<T>(cudaStream_t, std::int64_t, const DropBody<T>&);                                 \
  template void launch_keep_top<T>(cudaStream_t, std::int64_t, const KeepTopBody<T>&);                          \
  template void launch_kept_softmax<T>(cudaStream_t, std::int64_t, const KeptSoftmaxBody<T>&);                  \
  template void launch_kept_softmax_backward<T>(cudaStream_t, std::int64_t, const KeptSoftmaxBackwardBody<T>&); \
  template void launch_pool<T>(cudaStream_t, std::int64_t, const PoolBody<T>&);                                 \
  template void launch_pool_backward<T>(cudaStream_t, std::int64_t, const PoolBackwardBody<T>&);                \
  template void launch_norm_gelu<T>(cudaStream_t, std::int64_t, const NormGeluBody<T>&);                        \
  template void launch_norm_gelu_backward<T>(cudaStream_t, std::int64_t, const NormGeluBackwardBody<T>&,        \
                                             const NormVectorsBackwardBody<T>&);
MEDLEY_FOR(float)
MEDLEY_FOR(double)

}  // namespace cuda
}  // namespace medley::trainer
