#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include <nccl.h>

#include "trainer/collective.h"
#include "trainer/cuda/runtime.h"

namespace medley::worker {

/// The name of a communicator. One rank makes it, and the others get its bytes (by MPI, say) before they join.
using NcclId = std::array<std::uint8_t, NCCL_UNIQUE_ID_BYTES>;
NcclId new_nccl_id();

/// The GPU of the process that is `local_rank` of its node, of the `devices` that it sees. Each rank has its own, since
/// NCCL takes no two ranks on one GPU. Throws trainer::Error where there are fewer GPUs.
int device_of_local_rank(int local_rank, int devices);

/// A gang's ranks over NCCL: buffers lie on this rank's GPU. A call waits until its buffer holds the result, and asks
/// the communicator meanwhile whether it still works. A failed call, or one that passes `deadline` (a rank died, hangs
/// or never came), aborts the communicator and throws trainer::Error. All later calls throw too.
class NcclCollective final : public trainer::Collective {
 public:
  struct Place {
    int rank = 0, size = 1;
    int device = 0;
    std::chrono::milliseconds deadline{60'000};        ///< of joining and of each sum
    std::chrono::milliseconds root_deadline{600'000};  ///< of a broadcast: the root may write files first
  };
  /// Joins; returns when all ranks have. Makes `device` the thread's current one. Buffers are made in `producer`, a
  /// stream of the device; by default the one that LibTorch works in unless told otherwise.
  NcclCollective(const NcclId& id, const Place& place, cudaStream_t producer = nullptr);
  ~NcclCollective() override;
  NcclCollective(const NcclCollective&) = delete;
  NcclCollective& operator=(const NcclCollective&) = delete;

  int rank() const override { return place_.rank; }
  int size() const override { return place_.size; }
  void all_reduce_sum(float* buffer, std::size_t count) override;
  void all_reduce_sum(double* buffer, std::size_t count) override;
  void broadcast(void* buffer, std::size_t bytes, int root) override;

 private:
  using Clock = std::chrono::steady_clock;
  /// Gives `enqueue` the stream to work in, and waits for its end, for `limit` at most.
  template <class Enqueue>
  void run(const char* what, Clock::duration limit, const Enqueue& enqueue);
  /// Waits until the communicator has taken in what it was asked.
  void settle(const char* what, ncclResult_t said, Clock::time_point end);
  [[noreturn]] void fail(const char* what, const std::string& why);

  Place place_;
  cudaStream_t producer_;
  trainer::cuda::LaunchStream stream_;
  trainer::cuda::Event ready_, done_;
  ncclComm_t communicator_ = nullptr;  ///< null once aborted
};

}  // namespace medley::worker
