#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace medley::worker {

/// Ends this process (exit code 75) when a watched section takes too long. A rank that waits for a dead or hanging one
/// gets no error from MPI, and cannot be woken.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Watches for as long as it lives that it lives no longer than `limit`. `what` must outlive it; one at a time.
  class Watch {
   public:
    Watch(Watchdog& watchdog, const char* what, std::chrono::milliseconds limit) : watchdog_(watchdog) {
      watchdog_.begin(what, limit);
    }
    ~Watch() { watchdog_.watched_ = nullptr; }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Watchdog& watchdog_;
  };

 private:
  void begin(const char* what, std::chrono::milliseconds limit);
  void run();

  std::atomic<std::chrono::milliseconds> limit_{};
  std::atomic<const char*> watched_{nullptr};
  std::atomic<std::uint64_t> begun_{0};  ///< counts what was watched
  std::atomic<bool> ends_{false};
  std::thread thread_;
};

}  // namespace medley::worker
