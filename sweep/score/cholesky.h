#pragma once

#include <cstddef>
#include <vector>

namespace medley::sweep {

/// The lower factor L of a symmetric positive definite A = L L', grown row by row, so that the factor of a matrix also
/// serves those that continue it (Golub & Van Loan, "Matrix Computations", section 4.2).
class Cholesky {
 public:
  /// `capacity`: rows that it may hold at most.
  explicit Cholesky(std::size_t capacity) : stride_(capacity), rows_(capacity * capacity) {}

  std::size_t size() const { return size_; }
  /// Adds row size() of A, of which size() + 1 numbers are read. Returns false, and adds nothing, where A is not
  /// positive definite to working precision.
  bool append(const double* row);
  /// Takes the last rows away, so that `size` are left.
  void shrink(std::size_t size) { size_ = size; }

  /// Of A.
  double log_determinant() const;
  /// L X = B in place, B row-major [size(), columns].
  void forward(double* b, std::size_t columns) const;
  /// The same from row `first` on, where the rows before it are solved already.
  void forward(double* b, std::size_t columns, std::size_t first) const;
  /// L' X = B in place.
  void backward(double* b, std::size_t columns) const;

 private:
  const double* row(std::size_t i) const { return rows_.data() + i * stride_; }

  std::size_t stride_ = 0, size_ = 0;
  std::vector<double> rows_;
};

/// Of two vectors of `count` numbers.
double dot(const double* a, const double* b, std::size_t count);

}  // namespace medley::sweep
