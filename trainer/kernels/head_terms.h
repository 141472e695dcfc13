#pragma once

#include <algorithm>
#include <cmath>

namespace medley::trainer {

/// Adds sum_c BCE(sigmoid(logits), targets) of one row of `classes` to `sum`. Writes the gradient of its mean over the
/// classes and over `rows` rows.
template <class T>
void add_cross_entropy(const T* logits, const T* targets, int classes, T rows, T& sum, T* gradient) {
  for (int c = 0; c < classes; ++c) {
    // BCE = max(x, 0) - x y + log(1 + exp(-|x|))
    const T x = logits[c], small = std::exp(-std::abs(x));
    sum += std::max(x, T(0)) - x * targets[c] + std::log1p(small);
    const T sigmoid = (x >= 0 ? T(1) : small) / (1 + small);
    gradient[c] = (sigmoid - targets[c]) / (static_cast<T>(classes) * rows);
  }
}

/// Adds KL(targets || softmax(logits)) of one row to `sum`; the targets need not sum to 1. Writes its gradient over
/// `rows`.
template <class T>
void add_divergence(const T* logits, const T* targets, int classes, T rows, T& sum, T* gradient) {
  const T top = *std::max_element(logits, logits + classes);
  T exponentials = 0, mass = 0;
  for (int c = 0; c < classes; ++c) exponentials += std::exp(logits[c] - top);
  const T log_sum = top + std::log(exponentials);
  for (int c = 0; c < classes; ++c) {
    mass += targets[c];
    if (targets[c] != 0) sum += targets[c] * (std::log(targets[c]) - (logits[c] - log_sum));
  }
  for (int c = 0; c < classes; ++c) gradient[c] = (mass * std::exp(logits[c] - log_sum) - targets[c]) / rows;
  // A NaN beside classes without mass is still a NaN.
  sum += T(0) * log_sum;
}

}  // namespace medley::trainer
