#include "trainer/cuda/kernels.h"
#include "trainer/cuda/launch.h"

namespace medley::trainer::cuda {

template <class T>
void launch_scales(cudaStream_t stream, std::int64_t trials, std::int64_t size, const T* g, const std::uint8_t* use,
                   const AdamTrial<T>* settings, double* partial, double* scales) {
  each_warp(stream, trials, kSegments,
            SquaresBody<T>{g, use, size, segment_length(size, kSegments), partial, kSegments});
  each_warp(stream, trials, 1, ScaleBody<T>{partial, kSegments, settings, scales});
}

template <class T>
void launch_adam(cudaStream_t stream, std::int64_t trials, const AdamBody<T>& body) {
  each(stream, trials, body.size, body);
}

#define MEDLEY_FOR(T)                                                                                     \
  template void launch_scales<T>(cudaStream_t, std::int64_t, std::int64_t, const T*, const std::uint8_t*, \
                                 const AdamTrial<T>*, double*, double*);                                  \
  template void launch_adam<T>(cudaStream_t, std::int64_t, const AdamBody<T>&);
MEDLEY_FOR(float)
MEDLEY_FOR(double)

}  // namespace medley::trainer::cuda
