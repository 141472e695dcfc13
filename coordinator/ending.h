#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace medley::coordinator {

/// How far a coordinator is on its way to the end. It only goes forward.
enum class Phase {
  kServing,    ///< trials are assigned
  kDraining,   ///< no new trial is assigned; running packs may end
  kDrained,    ///< nothing runs any more
  kLeaving,    ///< workers were told to leave
  kCancelled,  ///< the same after a stop at once: running attempts are recorded as cancelled, only results count now
  kStopped,    ///< every worker has left or was killed
};

/// Why a coordinator ended.
struct End {
  enum class How { kDone, kStopped };
  How how = How::kDone;
  std::string reason;
};

/// The end of a coordinator: it drains, has its workers leave, terminates those that stay, kills the rest. Decides
/// only; the coordinator acts. Has no clock.
class Ending {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  /// Workers that were told to leave have this time before they are terminated, and before they are killed.
  static constexpr std::chrono::seconds kTerminateAfter{1};
  static constexpr std::chrono::seconds kKillAfter{8};

  Phase phase() const { return phase_; }
  bool is_serving() const { return phase_ == Phase::kServing; }
  /// Workers were told to leave.
  bool is_leaving() const { return phase_ >= Phase::kLeaving; }
  /// Before is_serving() ends: empty.
  const End& end() const { return end_; }

  /// Begins to drain. Returns false, with no effect, when it has begun already.
  bool drain(End end);
  /// A drain that lasts beyond `at` is overdue.
  void limit_drain(TimePoint at) { drain_until_ = at; }
  bool is_overdue(TimePoint now) const;
  /// Nothing runs any more. No effect after a stop at once.
  void note_idle();
  /// From kDrained on.
  void leave(TimePoint now);

  /// A stop at once: begins or shortens the drain. Returns false, with no effect, when nothing runs any more.
  bool stop_now(const std::string& reason);
  /// What ran is recorded as cancelled.
  void cancelled(TimePoint now);

  enum class Step { kWait, kTerminate, kKill };
  /// What is due for the workers of this host, while is_leaving(). kTerminate comes once. kKill comes last, also when
  /// no worker is left: the phase is kStopped then.
  Step advance(bool workers_left, TimePoint now);

 private:
  void go(Phase next);
  /// go(), and workers have their time from `now` on.
  void let_go(Phase next, TimePoint now);

  Phase phase_ = Phase::kServing;
  End end_;
  std::optional<TimePoint> drain_until_;
  std::optional<TimePoint> terminate_at_;
  TimePoint kill_at_;
};

}  // namespace medley::coordinator
