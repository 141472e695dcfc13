#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "sweep/usage.h"

namespace medley::worker {

/// The share of its host that this process uses: CPU time and memory from the system, and its GPU. A thread of its own
/// asks for the GPU, because a driver in trouble answers late and a heartbeat cannot wait.
class UsageSampler {
 public:
  using ReadGpu = std::function<std::optional<sweep::Usage::Gpu>()>;

  /// `read_gpu` is called every `period`, on another thread; none: there is no GPU. An answer that is older than ten
  /// periods is not given any more.
  explicit UsageSampler(ReadGpu read_gpu = nullptr, std::chrono::milliseconds period = std::chrono::seconds(1));
  ~UsageSampler();  ///< waits for a call of `read_gpu`
  UsageSampler(const UsageSampler&) = delete;
  UsageSampler& operator=(const UsageSampler&) = delete;

  /// Since the last call; the first time since the sampler was made. One thread.
  sweep::Usage sample();

 private:
  using Clock = std::chrono::steady_clock;
  void watch_gpu();

  Clock::time_point then_;
  double cpu_then_;  ///< seconds

  const ReadGpu read_gpu_;
  const std::chrono::milliseconds period_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ends_ = false;
  std::optional<sweep::Usage::Gpu> gpu_;
  Clock::time_point gpu_at_;
  std::thread thread_;
};

}  // namespace medley::worker
