#pragma once

#include <cstdint>

namespace medley::trainer {

/// Added to the variance, as in PyTorch.
inline constexpr double kLayerNormEpsilon = 1e-5;

/// z [rows, width] += bias, then becomes its normalised self (x - mean) / sd; rstd [rows] is 1/sd;
/// y = z * weight + shift. Sums run in a fixed order of 16 lanes, so that bits depend on the row alone.
template <class T>
void layer_norm_forward(T* z, const T* bias, const T* weight, const T* shift, int rows, int width, T* rstd, T* y);

/// Turns dy [rows, width] into the gradient of what layer_norm_forward was given, and writes (not adds) the
/// gradients of bias, weight and shift [width].
template <class T>
void layer_norm_backward(const T* z, const T* rstd, const T* weight, int rows, int width, T* dy, T* dbias, T* dweight,
                         T* dshift);

/// What drop() wants as threshold for a share `rate` of zeros.
inline std::uint32_t drop_threshold(double rate) { return static_cast<std::uint32_t>(rate * 0x1p32); }

/// x[i] = keep[i] ? x[i] * scale : 0, where keep[i] = bits[i] >= threshold.
template <class T>
void drop(T* x, const std::uint32_t* bits, std::uint32_t threshold, T scale, std::int64_t count);

}  // namespace medley::trainer
