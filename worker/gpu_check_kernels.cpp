#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <random>

#include <fmt/core.h>

#include "trainer/cuda/kernels.h"
#include "trainer/cuda/on_host.h"
#include "trainer/cuda/runtime.h"
#include "worker/gpu_check.h"

namespace medley::worker {
namespace {

using namespace trainer::cuda;
namespace cuda = trainer::cuda;

constexpr std::int64_t kTrials = 3, kEncoders = 5, kRows = 37, kWidth = 70, kSize = 16 * 3000;

enum class Side { kHost, kDevice };

/// An array on both sides, filled alike.
template <class T>
class Twin {
 public:
  Twin(std::size_t count, const std::function<T(std::size_t)>& value) : device_(count), back_(count) {
    for (std::size_t i = 0; i < count; ++i) host_.push_back(value(i));
    cuda::copy(device_.get(), host_.data(), device_.bytes(), nullptr);
  }
  /// Where it lies on `side`.
  T* at(Side side) { return side == Side::kHost ? host_.data() : device_.get(); }

  /// The largest difference between the two sides, relative to 1 or to the number where that is larger. Infinite where
  /// one side is not a number.
  double error() {
    cuda::copy(back_.get(), device_.get(), device_.bytes(), nullptr);
    MEDLEY_CHECK_CUDA(cudaStreamSynchronize(nullptr));
    double worst = 0;
    for (std::size_t i = 0; i < host_.size(); ++i) {
      const auto a = static_cast<double>(host_[i]), b = static_cast<double>(back_.get()[i]);
      const double error = std::abs(a - b) / std::max(1.0, std::abs(a));
      worst = std::max(worst, std::isfinite(error) ? error : INFINITY);
    }
    return worst;
  }

 private:
  std::vector<T> host_;
  DeviceBuffer<T> device_;
  PinnedBuffer<T> back_;
};

std::mt19937& generator() {
  static std::mt19937 random(20250101);
  return random;
}

/// `count` numbers in [low, high), or what nobody wrote: NaN.
template <class T>
Twin<T> numbers(std::int64_t count, double low = -2, double high = 2) {
  return {static_cast<std::size_t>(count), [&](std::size_t) {
            return static_cast<T>(low + (high - low) * (static_cast<double>(generator()()) * 0x1p-32));
          }};
}
template <class T>
Twin<T> unwritten(std::int64_t count) {
  return {static_cast<std::size_t>(count), [](std::size_t) { return static_cast<T>(NAN); }};
}
Twin<std::uint8_t> flags(std::int64_t count) {
  return {static_cast<std::size_t>(count),
          [](std::size_t) { return static_cast<std::uint8_t>(generator()() % 3 > 0); }};
}

/// Errors that arithmetic alone cannot explain. Kernels without exp and erf round as the CPU does: no error at all.
template <class T>
constexpr double kClose = sizeof(T) == sizeof(float) ? 2e-6 : 1e-14;

Finding compare(const std::string& what, double error, double bound) {
  return {what, error <= bound, fmt::format("largest error {:.1e}, at most {:.0e}", error, bound)};
}

/// What the optimiser works on.
template <class T>
struct Optimiser {
  Twin<T> p = numbers<T>(kTrials * kSize), g = numbers<T>(kTrials * kSize), m = numbers<T>(kTrials * kSize),
          v = numbers<T>(kTrials * kSize, 0, 1);
  Twin<std::uint8_t> use{static_cast<std::size_t>(kTrials * kSize / kUseBlock),
                         [](std::size_t i) { return static_cast<std::uint8_t>(i / 7 % 3); }};
  Twin<double> partial = unwritten<double>(kTrials * kSegments), scales = unwritten<double>(kTrials);
  Twin<std::int32_t> finite{static_cast<std::size_t>(kTrials), [](std::size_t) { return 1; }};
  Twin<char> settings{sizeof(AdamTrial<T>) * kTrials, [](std::size_t i) {
                        AdamTrial<T> trials[kTrials];
                        for (int k = 0; k < kTrials; ++k) {
                          trainer::AdamStep step;
                          step.learning_rate = 1e-2 * (k + 1);
                          step.decoupled_decay = 0.1;
                          step.step = 1 + k;
                          trials[k].factors = trainer::AdamFactors<T>(step);
                          trials[k].clip = k;  // the first is not clipped
                          trials[k].moves = k != 2;
                        }
                        char byte;
                        std::memcpy(&byte, reinterpret_cast<const char*>(trials) + i, 1);
                        return byte;
                      }};

  const AdamTrial<T>* trials(Side side) { return reinterpret_cast<const AdamTrial<T>*>(settings.at(side)); }
  AdamBody<T> body(Side s) {
    return {p.at(s), g.at(s), m.at(s), v.at(s), use.at(s), kSize, trials(s), scales.at(s), finite.at(s)};
  }
  void on_device(cudaStream_t stream) {
    const Side s = Side::kDevice;
    launch_scales(stream, kTrials, kSize, g.at(s), use.at(s), trials(s), partial.at(s), scales.at(s));
    launch_adam(stream, kTrials, body(s));
  }
  void on_host() {
    const Side s = Side::kHost;
    each_warp_on_host(
        kTrials, kSegments,
        SquaresBody<T>{g.at(s), use.at(s), kSize, segment_length(kSize, kSegments), partial.at(s), kSegments});
    each_warp_on_host(kTrials, 1, ScaleBody<T>{partial.at(s), kSegments, trials(s), scales.at(s)});
    each_on_host(kTrials, kSize, body(s));
  }
  double error() { return std::max({p.error(), m.error(), v.error(), scales.error(), finite.error()}); }
};

template <class T>
Finding check_optimiser(const char* type) {
  Optimiser<T> one;
  one.on_device(nullptr);
  one.on_host();
  return compare(fmt::format("Adam and clipping, {}", type), one.error(), 0);
}

Finding check_graph() {
  Optimiser<float> one;
  LaunchStream stream;
  MEDLEY_CHECK_CUDA(cudaDeviceSynchronize());
  const Graph graph(stream, [&] { one.on_device(stream.get()); });
  for (int i = 0; i < 3; ++i) {
    graph.launch(stream.get());
    one.on_host();
  }
  stream.synchronize();
  return compare("Adam as a captured graph, three steps", one.error(), 0);
}

template <class T>
Finding check_drop(const char* type) {
  const std::int64_t count = kRows * kWidth;
  Twin<T> x = numbers<T>(kTrials * count), out = unwritten<T>(kTrials * count);
  std::vector<DropTrial<T>> trials(kTrials);
  for (std::uint32_t k = 0; k < kTrials; ++k) {
    const trainer::Stream stream{0x123456789abcdefULL + k, trainer::Purpose::kProjectionDropout, 40 + k, 7 * k};
    trials[k] = {DrawKey(stream), k << 30, static_cast<T>(1.5)};
  }
  DeviceBuffer<DropTrial<T>> settings(trials.size());
  cuda::copy(settings.get(), trials.data(), settings.bytes(), nullptr);
  Twin<std::int64_t> places{kRows, [](std::size_t row) { return static_cast<std::int64_t>(3 * row + 1); }};
  const auto body = [&](Side s, const DropTrial<T>* of) {
    return DropBody<T>{x.at(s), out.at(s), kRows, kWidth, of, places.at(s)};
  };
  launch_drop(nullptr, kTrials, body(Side::kDevice, settings.get()));
  each_on_host(kTrials, count, body(Side::kHost, trials.data()));
  return compare(fmt::format("dropout, {}", type), out.error(), 0);
}

template <class T>
Finding check_gather(const char* type) {
  constexpr std::int64_t kClips = 50;
  Twin<float> features = numbers<float>(kClips * kWidth);
  Twin<T> mean = numbers<T>(kTrials * kWidth), scale = numbers<T>(kTrials * kWidth),
          out = unwritten<T>(kTrials * kRows * kWidth);
  Twin<std::int32_t> clips{static_cast<std::size_t>(kTrials * kRows),
                           [](std::size_t i) { return static_cast<std::int32_t>(i * 7 % (kClips + 1)) - 1; }};
  const auto trials = [&](Side s) {
    std::vector<GatherTrial<T>> all(kTrials);  // the last one does not use the encoder
    for (std::size_t k = 0; k + 1 < all.size(); ++k) {
      all[k] = {features.at(s), mean.at(s) + k * kWidth, scale.at(s) + k * kWidth};
    }
    return all;
  };
  const std::vector<GatherTrial<T>> on_device = trials(Side::kDevice), on_host = trials(Side::kHost);
  DeviceBuffer<GatherTrial<T>> settings(on_device.size());
  cuda::copy(settings.get(), on_device.data(), settings.bytes(), nullptr);
  const auto body = [&](Side s, const GatherTrial<T>* of) {
    return GatherBody<T>{of, clips.at(s), kRows, kWidth, out.at(s)};
  };
  launch_gather(nullptr, kTrials, body(Side::kDevice, settings.get()));
  each_on_host(kTrials, kRows * kWidth, body(Side::kHost, on_host.data()));
  return compare(fmt::format("gathering features, {}", type), out.error(), 0);
}

template <class T>
Findings check_gate(const char* type) {
  const std::int64_t all = kTrials * kEncoders * kRows;
  Twin<T> scores = numbers<T>(all), weights = unwritten<T>(all), dweights = numbers<T>(all),
          dscores = unwritten<T>(all), temperature = numbers<T>(kTrials, 0.3, 2);
  Twin<T> h = numbers<T>(all * kWidth), pooled = unwritten<T>(kTrials * kRows * kWidth),
          d = numbers<T>(kTrials * kRows * kWidth), dh = unwritten<T>(all * kWidth), dpool = unwritten<T>(all);
  Twin<std::uint8_t> active{static_cast<std::size_t>(kTrials * kEncoders),
                            [](std::size_t i) { return static_cast<std::uint8_t>(i % 4 != 1); }},
      kept = flags(all);
  Twin<T> top_n{static_cast<std::size_t>(kTrials), [](std::size_t k) { return static_cast<T>(k + 1); }};
  const auto keep = [&](Side s) {
    return KeepTopBody<T>{scores.at(s), active.at(s), top_n.at(s), kEncoders, kRows, kept.at(s)};
  };
  const auto softmax = [&](Side s) {
    return KeptSoftmaxBody<T>{scores.at(s), kept.at(s), temperature.at(s), kEncoders, kRows, weights.at(s)};
  };
  const auto softmax_backward = [&](Side s) {
    return KeptSoftmaxBackwardBody<T>{weights.at(s), dweights.at(s), kept.at(s),   temperature.at(s),
                                      kEncoders,     kRows,          dscores.at(s)};
  };
  const auto pool = [&](Side s) {
    return PoolBody<T>{weights.at(s), kept.at(s), h.at(s), kEncoders, kRows, kWidth, pooled.at(s)};
  };
  const auto pool_backward = [&](Side s) {
    return PoolBackwardBody<T>{weights.at(s), kept.at(s), h.at(s),  d.at(s),    kEncoders,
                               kRows,         kWidth,     dh.at(s), dpool.at(s)};
  };
  launch_keep_top(nullptr, kTrials, keep(Side::kDevice));
  launch_kept_softmax(nullptr, kTrials, softmax(Side::kDevice));
  launch_kept_softmax_backward(nullptr, kTrials, softmax_backward(Side::kDevice));
  launch_pool(nullptr, kTrials, pool(Side::kDevice));
  launch_pool_backward(nullptr, kTrials, pool_backward(Side::kDevice));
  each_on_host(kTrials, kRows, keep(Side::kHost));
  each_on_host(kTrials, kRows, softmax(Side::kHost));
  each_on_host(kTrials, kRows, softmax_backward(Side::kHost));
  each_on_host(kTrials, kRows * kWidth, pool(Side::kHost));
  each_warp_on_host(kTrials, kEncoders * kRows, pool_backward(Side::kHost));
  return {compare(fmt::format("top-n, {}", type), kept.error(), 0),
          compare(fmt::format("masked softmax, {}", type), weights.error(), kClose<T>),
          compare(fmt::format("masked softmax's gradient, {}", type), dscores.error(), 10 * kClose<T>),
          compare(fmt::format("pooling, {}", type), pooled.error(), 10 * kClose<T>),
          compare(fmt::format("pooling's gradients, {}", type), std::max(dh.error(), dpool.error()), 10 * kClose<T>)};
}

template <class T>
Findings check_norm(const char* type) {
  const std::int64_t all = kTrials * kRows * kWidth;
  Twin<T> z = numbers<T>(all), flat = numbers<T>(kTrials * kSize), normalised = unwritten<T>(all),
          rstd = unwritten<T>(kTrials * kRows), y = unwritten<T>(all), d = numbers<T>(all), daffine = unwritten<T>(all),
          dz = unwritten<T>(all), dweight = unwritten<T>(kTrials * kWidth), dshift = unwritten<T>(kTrials * kWidth);
  const auto vectors = [&](Side s) { return NormVectors<T>{flat.at(s), flat.at(s) + 2 * kWidth, kSize}; };
  const auto forward = [&](Side s) {
    return NormGeluBody<T>{z.at(s), vectors(s), kRows, kWidth, T(1e-5), normalised.at(s), rstd.at(s), y.at(s)};
  };
  const auto backward = [&](Side s) {
    return NormGeluBackwardBody<T>{d.at(s), normalised.at(s), rstd.at(s),    vectors(s),
                                   kRows,   kWidth,           daffine.at(s), dz.at(s)};
  };
  const auto sums = [&](Side s) {
    return NormVectorsBackwardBody<T>{daffine.at(s), normalised.at(s), kRows, kWidth, dweight.at(s), dshift.at(s)};
  };
  launch_norm_gelu(nullptr, kTrials, forward(Side::kDevice));
  launch_norm_gelu_backward(nullptr, kTrials, backward(Side::kDevice), sums(Side::kDevice));
  each_warp_on_host(kTrials, kRows, forward(Side::kHost));
  each_warp_on_host(kTrials, kRows, backward(Side::kHost));
  each_on_host(kTrials, kWidth, sums(Side::kHost));
  return {compare(fmt::format("norm and GELU, {}", type), std::max({normalised.error(), rstd.error(), y.error()}),
                  kClose<T>),
          compare(fmt::format("norm's and GELU's gradients, {}", type),
                  std::max({dz.error(), dweight.error(), dshift.error()}), 10 * kClose<T>)};
}

template <class T>
void check_type(const char* type, Findings& all) {
  const auto add = [&](Findings some) { all.insert(all.end(), some.begin(), some.end()); };
  add({check_gather<T>(type), check_optimiser<T>(type), check_drop<T>(type)});
  add(check_gate<T>(type));
  add(check_norm<T>(type));
}

}  // namespace

Findings check_kernels() {
  Findings all;
  check_type<float>("float32", all);
  check_type<double>("float64", all);
  all.push_back(check_graph());
  return all;
}

}  // namespace medley::worker
