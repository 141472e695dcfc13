#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio.hpp>

#include "coordinator/error.h"

namespace medley::coordinator {

/// Lets any thread have something done on the one that runs `io`, between its other work.
class CallGate {
 public:
  explicit CallGate(boost::asio::io_context& io) : io_(io) {}

  /// While it lives, calls are done on the thread that made it, which runs `io`.
  class Open {
   public:
    explicit Open(CallGate& gate) : gate_(gate) {
      const std::lock_guard lock(gate_.mutex_);
      gate_.state_ = State::kOpen;
      gate_.thread_ = std::this_thread::get_id();
    }
    ~Open() {
      const std::lock_guard lock(gate_.mutex_);
      gate_.state_ = State::kClosed;
    }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;

   private:
    CallGate& gate_;
  };

  /// Calls `what` there and returns or throws its result. Before the gate opens, calls it here. Throws Error when the
  /// gate closes before its turn, or has closed.
  template <class What>
  auto call(What what) -> decltype(what()) {
    using Result = decltype(what());
    std::unique_lock lock(mutex_);
    if (state_ == State::kNotYet) return what();  // the gate cannot open meanwhile, and `what` may call again
    const bool is_here = thread_ == std::this_thread::get_id();
    if (!is_here && state_ == State::kClosed) throw Error("the coordinator has ended");
    lock.unlock();
    if (is_here) return what();
    // `what` refers to the caller's frame. Either that thread claims it or, when the gate has closed without it, the
    // caller does.
    auto claimed = std::make_shared<std::atomic<bool>>(false);
    auto task = std::make_shared<std::packaged_task<Result()>>(std::move(what));
    auto future = task->get_future();
    boost::asio::post(io_, [task, claimed] {
      if (!claimed->exchange(true)) (*task)();
    });
    while (future.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
      const std::lock_guard again(mutex_);
      if (state_ == State::kClosed && !claimed->exchange(true)) throw Error("the coordinator has ended");
    }
    return future.get();
  }

 private:
  boost::asio::io_context& io_;
  std::recursive_mutex mutex_;
  enum class State { kNotYet, kOpen, kClosed };
  State state_ = State::kNotYet;
  std::thread::id thread_;
};

}  // namespace medley::coordinator
