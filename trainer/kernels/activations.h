#pragma once

#include <cstdint>

namespace medley::trainer {

/// Functions of each of `count` numbers. In float they are polynomials of our own, within 4 units in the last place or
/// 1e-7 of the exact values (tests/trainer/activations_test.cpp), with the same bits on all CPUs. In double they are
/// the C library's.

/// y = GELU(x) = x P(N(0, 1) <= x), the exact one. x and y may be one buffer.
template <class T>
void gelu(const T* x, std::int64_t count, T* y);

/// d times the derivative of gelu() at x.
template <class T>
void gelu_backward(const T* x, std::int64_t count, T* d);

/// x becomes tanh(x).
template <class T>
void hyperbolic_tangent(T* x, std::int64_t count);

}  // namespace medley::trainer
