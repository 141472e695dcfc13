#include "web/behind.h"

#include <utility>

#include "web/priority.h"

namespace medley::web {

Behind::~Behind() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Behind::ask(std::function<void()> what) {
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(std::move(what));
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  wake_.notify_one();
}

void Behind::work() {
  give_way();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !asked_.empty(); });
    if (ending_) return;
    const std::function<void()> what = std::move(asked_.front());
    asked_.pop_front();
    lock.unlock();
    what();
    lock.lock();
  }
}

}  // namespace medley::web
