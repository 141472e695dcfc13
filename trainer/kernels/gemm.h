#pragma once

namespace medley::trainer {

/// z [rows, width] = x [rows, dim] w [dim, width]. For few rows (a batch): reads w once and in place, where a BLAS
/// would first copy all of it. A row's bits depend on nothing but the row, w and the shapes.
template <class T>
void multiply(const T* x, const T* w, int rows, int dim, int width, T* z);

/// z += x w, as multiply().
template <class T>
void multiply_add(const T* x, const T* w, int rows, int dim, int width, T* z);

/// x [rows, dim] = d [rows, width] w' for w [dim, width]: the gradient of x. An element's terms come in the order of
/// the columns of d.
template <class T>
void multiply_by_transpose(const T* d, const T* w, int rows, int dim, int width, T* x);

/// out [count, width] = rows first .. first + count - 1 of x' d, for x [rows, dim] and d [rows, width]: a strip of the
/// gradient of w. Without rows it is zero.
template <class T>
void multiply_transposed(const T* x, const T* d, int rows, int dim, int width, int first, int count, T* out);

}  // namespace medley::trainer
