#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace medley::web {

/// Does one thing after another on a thread of low priority, which begins with the first of them. Several threads may
/// ask.
class Behind {
 public:
  Behind() = default;
  /// Waits for what is being done; the rest is never done.
  ~Behind();
  Behind(const Behind&) = delete;
  Behind& operator=(const Behind&) = delete;

  /// It must not throw.
  void ask(std::function<void()> what);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> asked_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace medley::web
