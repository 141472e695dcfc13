#pragma once

namespace medley::trainer {

/// Kernels over the rows of one trial, for what would be many small operations. All matrices are row-major. Sums run in
/// one fixed order, so that bits depend only on the values and the shapes.

/// x [rows, width] += bias [width].
template <class T>
void add_bias(T* x, const T* bias, int rows, int width);

/// out [width] = sum of the rows of x.
template <class T>
void sum_rows(const T* x, int rows, int width, T* out);

/// out [rows] = x [rows, width] . w [width].
template <class T>
void row_dots(const T* x, const T* w, int rows, int width, T* out);

/// Of s = w . tanh(z) for a = tanh(z) [rows, width] and the gradient ds [rows] of s: dz [rows, width], dw [width].
template <class T>
void scorer_backward(const T* a, const T* w, const T* ds, int rows, int width, T* dz, T* dw);

/// kept [encoder, row] = the `top_n` best scores of each row among the `active` encoders; ties go to the lower encoder.
template <class T>
void keep_best(const T* scores, const bool* active, int top_n, int encoders, int rows, bool* kept);

/// weights = softmax(scores / temperature) over the encoders kept of each row, 0 elsewhere; all [encoder, row].
template <class T>
void kept_softmax(const T* scores, const bool* kept, T temperature, int encoders, int rows, T* weights);

/// From the gradient d of the weights: that of the scores.
template <class T>
void kept_softmax_backward(const T* weights, const bool* kept, const T* d, T temperature, int encoders, int rows,
                           T* dscores);

/// pooled [rows, width] = sum over the encoders kept of weights [encoder, row] * h [encoder, row, width].
template <class T>
void pool(const T* weights, const bool* kept, const T* h, int encoders, int rows, int width, T* pooled);

/// From the gradient d [rows, width] of pooled: dh [encoder, row, width] and dweights [encoder, row], 0 where not kept.
template <class T>
void pool_backward(const T* weights, const bool* kept, const T* h, const T* d, int encoders, int rows, int width, T* dh,
                   T* dweights);

}  // namespace medley::trainer
