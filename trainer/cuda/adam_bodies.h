#pragma once

#include <cstdint>

#include "trainer/cuda/lanes.h"
#include "trainer/kernels/adam_element.h"

namespace medley::trainer::cuda {

/// The optimiser's kernels, without CUDA. As everywhere in *_bodies.h, body(trial, i) is one thread's work and
/// body(trial, i, lanes) one warp's. launch.h runs them on the GPU, and tests run them in plain loops. Matrices are
/// row-major; flags are bytes, 0 or not.

/// How the optimiser treats 16 neighbours of the flat parameters (Layout::kAlignment).
enum class Use : std::uint8_t {
  kNone = 0,    ///< padding, or an encoder that the trial does not use
  kPlain = 1,   ///< trained, without weight decay
  kDecays = 2,  ///< trained, with weight decay
};
inline constexpr int kUseBlock = 16;

/// One trial's optimiser step. factors.scale is not read: clipping decides it on the GPU.
template <class T>
struct AdamTrial {
  AdamFactors<T> factors{AdamStep{}};
  double clip = 0;         ///< largest norm of the gradient; 0: any
  std::int32_t moves = 0;  ///< 0: the trial is left as it is
};

/// Length of a segment when `segments` of them cover a trial: whole blocks of kUseBlock.
MEDLEY_BOTH inline std::int64_t segment_length(std::int64_t size, int segments) {
  const std::int64_t blocks = (size + kUseBlock - 1) / kUseBlock;
  return (blocks + segments - 1) / segments * kUseBlock;
}

/// Sums of squares of the trained gradients, segment by segment: partial [trial, segments].
template <class T>
struct SquaresBody {
  const T* g;                 ///< [trial, size]
  const std::uint8_t* use;    ///< [trial, size / kUseBlock]
  std::int64_t size, length;  ///< of a trial; of a segment
  double* partial;
  int segments;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t segment, const Lanes& lanes) const {
    const std::int64_t first = segment * length, left = size - first;
    const T* from = g + k * size + first;
    const std::uint8_t* used = use + (k * size + first) / kUseBlock;
    const double sum = lanes.sum<double>(static_cast<int>(left < length ? left : length), [&](int j) {
      const double x = used[j / kUseBlock] ? static_cast<double>(from[j]) : 0;
      return x * x;
    });
    partial[k * segments + segment] = sum;
  }
};

/// scales [trial]: what clipping multiplies the gradient by.
template <class T>
struct ScaleBody {
  const double* partial;  ///< [trial, segments]
  int segments;
  const AdamTrial<T>* trials;
  double* scales;

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t, const Lanes& lanes) const {
    const double* own = partial + k * segments;
    scales[k] = clip_factor(lanes.sum<double>(segments, [&](int j) { return own[j]; }), trials[k].clip);
  }
};

/// One step of Adam or AdamW. A trial's `finite` becomes 0 when one of its parameters is no longer finite.
template <class T>
struct AdamBody {
  T* p;
  const T* g;
  T *m, *v;                 ///< all [trial, size]
  const std::uint8_t* use;  ///< [trial, size / kUseBlock]
  std::int64_t size;
  const AdamTrial<T>* trials;
  const double* scales;  ///< [trial]
  std::int32_t* finite;  ///< [trial]

  MEDLEY_BOTH void operator()(std::int64_t k, std::int64_t i) const {
    const AdamTrial<T>& trial = trials[k];
    const auto how = static_cast<Use>(use[(k * size + i) / kUseBlock]);
    if (!trial.moves || how == Use::kNone) return;
    AdamFactors<T> f = trial.factors;
    f.scale = static_cast<T>(scales[k]);
    if (how == Use::kPlain) {
      f.keep = 1;
      f.l2 = 0;
    }
    const std::int64_t at = k * size + i;
    T parameter = p[at], first = m[at], second = v[at];
    adam_element(parameter, g[at], first, second, f);
    p[at] = parameter;
    m[at] = first;
    v[at] = second;
    if (!(parameter * T(0) == T(0))) finite[k] = 0;
  }
};

}  // namespace medley::trainer::cuda
