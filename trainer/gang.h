#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "trainer/collective.h"

namespace medley::trainer {

/// One rank's view of the gang that trains a pack data-parallel. Each rank holds a share of a batch's rows and computes
/// the complete loss from the outputs of all ranks. Terms that compare rows (CORAL, R-Drop, balance) then equal those
/// of one rank, and gradients add up. Every rank makes the same calls in the same order. With one rank the calls do
/// nothing.
class Gang {
 public:
  /// `collective` is borrowed; its buffers lie on `device`.
  Gang(Collective& collective, torch::Device device) : collective_(&collective), device_(device) {}

  int rank() const { return collective_->rank(); }
  int size() const { return collective_->size(); }
  bool alone() const { return size() == 1; }

  /// First and end of this rank's share of `count` rows.
  std::pair<std::int64_t, std::int64_t> share(std::int64_t count) const;

  /// The sum over ranks, in place, the same bits on all. Contiguous, float32 or float64, on the gang's device.
  void sum(torch::Tensor& x) const;
  /// Rank 0's numbers, on all. As sum().
  void take_from_first(torch::Tensor& x) const;
  /// Rank 0's `value`, on all.
  int decide(int value) const;
  /// True on every rank when all hold the same `values`.
  bool agree(const std::vector<double>& values) const;

  /// All `total` rows of a tensor of which each rank holds some. Row i of `own` along `dim` is row places[i]. Any dtype
  /// and device. The gradient of what is gathered goes back to the rank that holds the row.
  torch::Tensor gather(const torch::Tensor& own, std::int64_t dim, const std::vector<std::int64_t>& places,
                       std::int64_t total) const;

 private:
  Collective* collective_;
  torch::Device device_;
};

}  // namespace medley::trainer
