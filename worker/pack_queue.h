#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "worker/running_pack.h"

namespace medley::worker {

/// What the training thread waits for.
class PackQueue {
 public:
  void push(PackPtr pack) {
    const std::lock_guard lock(mutex_);
    packs_.push_back(std::move(pack));
    changed_.notify_one();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }
  /// nullptr: closed.
  PackPtr pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !packs_.empty(); });
    if (closed_) return nullptr;
    PackPtr pack = std::move(packs_.front());
    packs_.pop_front();
    return pack;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<PackPtr> packs_;
  bool closed_ = false;
};

}  // namespace medley::worker
