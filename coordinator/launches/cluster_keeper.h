#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/launcher.h"

namespace medley::coordinator {

/// What a store's coordinator could use.
struct Demand {
  bool coordinator = false;  ///< one runs
  int trials = 0;            ///< without a result, of sweeps that run
  int joined = 0;            ///< workers that ever joined
};
/// Read-only; on the coordinator's host.
Demand read_demand(const std::filesystem::path& store);

/// Number of workers for this number of trials: none for none, else one a trial, at least `min` and at most
/// `max`.
int wanted_workers(int trials, int min, int max);

/// Says when workers may be started again: those that die at once (a wrong module, no such partition) must not be
/// started a thousand times. Pure.
class Restraint {
 public:
  using Clock = std::chrono::steady_clock;
  bool allows(Clock::time_point now) const { return now >= next_; }
  Clock::time_point next() const { return next_; }
  /// Workers were started to fill gaps.
  void started(Clock::time_point now);

 private:
  Clock::time_point next_{};
  Clock::time_point last_{};
  std::chrono::milliseconds delay_{0};
};

/// Counts starts of which nobody joined. What never comes is not asked for without end. Pure.
class Fruitless {
 public:
  static constexpr int kMost = 5;
  /// `joined` is the number of workers that ever did.
  void look(int joined);
  void started() { ++count_; }
  /// In a row.
  int count() const { return count_; }
  bool has_given_up() const { return count_ >= kMost; }

 private:
  int joined_ = 0;
  int count_ = 0;
};

/// What a keeper did and met since its last word.
struct KeeperNews {
  std::vector<std::string> jobs;   ///< submitted
  int fruitless = 0;               ///< starts in a row of which nobody joined
  std::string error;               ///< of the last start or look; "" it went well
  std::int64_t next_start_ms = 0;  ///< before which none is started, since 1970; 0 none was or will be
};

struct KeeperOptions {
  std::filesystem::path store;
  int min_workers = 1;
  int max_workers = 1;
  /// The numbers as they are now, if they may change; nullopt: those above.
  std::function<std::optional<std::pair<int, int>>()> resized;
  /// Workers of the launch that the coordinator has: the launcher may not see all of them. May be empty.
  std::function<int()> joined;
  std::chrono::milliseconds interval{1'000};  ///< between looks
  std::chrono::seconds linger{600};           ///< it ends when no coordinator ran for so long
};

/// Keeps the number of a launch's workers where it should be: starts what is missing, lets all go when no trial is
/// left. Without a coordinator it does neither. It asks the store and the launcher and remembers nothing that would be
/// lost with it. Returns when `stop` is
/// set (the workers stay) or after lingering (they are gone). What the launcher throws is logged, told and tried again,
/// until nobody joined after Fruitless::kMost starts. `tell` hears of what changed.
void keep_workers(cluster::Launcher& launcher, const KeeperOptions& options, const std::atomic<int>& stop,
                  const std::function<void(const KeeperNews&)>& tell);

}  // namespace medley::coordinator
