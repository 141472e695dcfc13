#pragma once

#include <cstddef>

namespace medley::trainer {

/// The ranks of one gang, as the trainer sees them: it knows neither MPI nor NCCL. Every rank makes the same calls
/// in the same order. Buffers lie on the trainer's device; calls return when the buffer holds the result.
class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// buffer[i] becomes the sum over ranks, the same bits on every rank.
  virtual void all_reduce_sum(float* buffer, std::size_t count) = 0;
  virtual void all_reduce_sum(double* buffer, std::size_t count) = 0;
  /// `bytes` bytes of rank `root` to all. The root may come late, because it writes files: the others wait longer for
  /// it than for a sum.
  virtual void broadcast(void* buffer, std::size_t bytes, int root) = 0;
};

/// A gang of one rank: every sum is what it was.
class OneRank final : public Collective {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce_sum(float*, std::size_t) override {}
  void all_reduce_sum(double*, std::size_t) override {}
  void broadcast(void*, std::size_t, int) override {}
};

}  // namespace medley::trainer
