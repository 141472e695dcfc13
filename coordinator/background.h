#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace medley::coordinator {

/// Work that takes too long for the coordinator's thread: one piece a key at a time, each on a thread of its own. All
/// calls are of one thread. A piece must not throw. Destruction waits for what is under way.
template <class Result>
class Background {
 public:
  /// False, and nothing happens, while the last piece of this key is not taken.
  bool start(const std::string& key, std::function<Result()> piece) {
    std::future<Result>& under_way = under_way_[key];
    if (under_way.valid()) return false;
    under_way = std::async(std::launch::async, std::move(piece));
    return true;
  }
  /// Takes what is done.
  std::vector<Result> done() {
    std::vector<Result> all;
    for (auto& [key, under_way] : under_way_) {
      if (!under_way.valid() || under_way.wait_for(std::chrono::seconds(0)) != std::future_status::ready) continue;
      all.push_back(under_way.get());
    }
    return all;
  }
  /// Nothing is under way, and all is taken.
  bool idle() const {
    for (const auto& [key, under_way] : under_way_) {
      if (under_way.valid()) return false;
    }
    return true;
  }

 private:
  std::map<std::string, std::future<Result>> under_way_;
};

}  // namespace medley::coordinator
