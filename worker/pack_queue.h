#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "worker/link.h"
#include "worker/protocol/message.h"

namespace medley::worker {

/// A pack on its way through this worker. The link's thread owns all but the atomics.
struct RunningPack {
  protocol::Assign assign;
  std::string checkpoint_folder;
  std::vector<sweep::AttemptId> attempts;
  std::set<sweep::AttemptId> done;  ///< cancelled and confirmed: not held any more
  std::atomic<Stop> stop{Stop::kNo};
  std::atomic<int> epoch{0};
  std::atomic<int> epochs{0};
  std::optional<std::chrono::steady_clock::time_point> stop_since;

  /// Newest epochs that no heartbeat has told, by place in the pack. Both threads.
  std::mutex untold_mutex;
  std::map<std::size_t, sweep::EpochMetrics> untold;
};
using PackPtr = std::shared_ptr<RunningPack>;

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
