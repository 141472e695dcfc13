#pragma once

#include <cuda_runtime_api.h>

#include "trainer/cuda/adam_bodies.h"
#include "trainer/cuda/dropout_bodies.h"
#include "trainer/cuda/gate_bodies.h"
#include "trainer/cuda/gather_bodies.h"
#include "trainer/cuda/norm_bodies.h"

/// The trainer's own kernels. Each puts its work into `stream` and returns; all pointers are the GPU's. For float and
/// double. What a kernel computes stands with its body. Every trial's numbers are its own: no sum goes over two trials,
/// and no order depends on their number.
namespace medley::trainer::cuda {

/// Partial sums a trial that launch_scales() wants room for.
inline constexpr int kSegments = 256;

/// `partial` [trial, kSegments] is scratch; `scales` [trial] comes out.
template <class T>
void launch_scales(cudaStream_t stream, std::int64_t trials, std::int64_t size, const T* g, const std::uint8_t* use,
                   const AdamTrial<T>* settings, double* partial, double* scales);
template <class T>
void launch_adam(cudaStream_t stream, std::int64_t trials, const AdamBody<T>& body);

template <class T>
void launch_gather(cudaStream_t stream, std::int64_t trials, const GatherBody<T>& body);
template <class T>
void launch_drop(cudaStream_t stream, std::int64_t trials, const DropBody<T>& body);

template <class T>
void launch_keep_top(cudaStream_t stream, std::int64_t trials, const KeepTopBody<T>& body);
template <class T>
void launch_kept_softmax(cudaStream_t stream, std::int64_t trials, const KeptSoftmaxBody<T>& body);
template <class T>
void launch_kept_softmax_backward(cudaStream_t stream, std::int64_t trials, const KeptSoftmaxBackwardBody<T>& body);
template <class T>
void launch_pool(cudaStream_t stream, std::int64_t trials, const PoolBody<T>& body);
template <class T>
void launch_pool_backward(cudaStream_t stream, std::int64_t trials, const PoolBackwardBody<T>& body);

template <class T>
void launch_norm_gelu(cudaStream_t stream, std::int64_t trials, const NormGeluBody<T>& body);
template <class T>
void launch_norm_gelu_backward(cudaStream_t stream, std::int64_t trials, const NormGeluBackwardBody<T>& body,
                               const NormVectorsBackwardBody<T>& vectors);

}  // namespace medley::trainer::cuda
