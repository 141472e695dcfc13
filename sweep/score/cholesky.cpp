#include "sweep/score/cholesky.h"

#include <cmath>

namespace medley::sweep {

double dot(const double* a, const double* b, std::size_t count) {
  // Eight sums at once: one would wait for each addition, and compilers keep the order of additions.
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    for (std::size_t lane = 0; lane < 8; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  double sum = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

bool Cholesky::append(const double* row_of_a) {
  double* mine = rows_.data() + size_ * stride_;
  for (std::size_t j = 0; j < size_; ++j) mine[j] = (row_of_a[j] - dot(mine, row(j), j)) / row(j)[j];
  const double left = row_of_a[size_] - dot(mine, mine, size_);
  if (!(left > 1e-12 * row_of_a[size_])) return false;
  mine[size_] = std::sqrt(left);
  ++size_;
  return true;
}

double Cholesky::log_determinant() const {
  double sum = 0;
  for (std::size_t i = 0; i < size_; ++i) sum += 2 * std::log(row(i)[i]);
  return sum;
}

void Cholesky::forward(double* b, std::size_t columns) const { forward(b, columns, 0); }

void Cholesky::forward(double* b, std::size_t columns, std::size_t first) const {
  for (std::size_t i = first; i < size_; ++i) {
    double* mine = b + i * columns;
    for (std::size_t j = 0; j < i; ++j) {
      const double factor = row(i)[j];
      const double* solved = b + j * columns;
      for (std::size_t c = 0; c < columns; ++c) mine[c] -= factor * solved[c];
    }
    for (std::size_t c = 0; c < columns; ++c) mine[c] /= row(i)[i];
  }
}

void Cholesky::backward(double* b, std::size_t columns) const {
  for (std::size_t i = size_; i-- > 0;) {
    double* mine = b + i * columns;
    for (std::size_t c = 0; c < columns; ++c) mine[c] /= row(i)[i];
    for (std::size_t j = 0; j < i; ++j) {
      const double factor = row(i)[j];
      double* other = b + j * columns;
      for (std::size_t c = 0; c < columns; ++c) other[c] -= factor * mine[c];
    }
  }
}

}  // namespace medley::sweep
