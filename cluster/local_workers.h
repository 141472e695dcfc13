#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cluster/process.h"

namespace medley::cluster {

/// When a worker that died is started again.
struct RestartPolicy {
  std::chrono::milliseconds first_delay{200};  ///< doubles with each death in a row
  std::chrono::milliseconds largest_delay{5'000};
  int limit = 20;  ///< deaths in a row after which a place stays empty
};

/// Keeps a number of worker processes alive on this host. No thread: call reap() and, while they are wanted, fill() a
/// few times a second. One thread.
class LocalWorkers {
 public:
  using Clock = std::chrono::steady_clock;
  /// What to start at `place` (from 0).
  using MakeSpec = std::function<ProcessSpec(int place)>;

  LocalWorkers(int places, MakeSpec make_spec, RestartPolicy policy = {});

  /// Fills empty places with processes that run already, in place of starting new ones. Call before the first fill().
  void adopt(const std::vector<pid_t>& pids);

  struct Death {
    int place = 0;
    pid_t pid = 0;
    Exit exit;
    bool given_up = false;  ///< the restart limit is reached
  };
  /// The deaths since the last call.
  std::vector<Death> reap(Clock::time_point now);
  /// Starts a process in every empty place whose delay is over. One that cannot be started counts as a death. Returns
  /// why each of these could not.
  std::vector<std::string> fill(Clock::time_point now);
  /// The worker did something useful: its deaths so far do not count against the limit.
  void note_healthy(pid_t pid);

  int running() const;
  /// True when no place will ever run again.
  bool given_up() const;
  std::vector<pid_t> pids() const;

  /// SIGTERM to all; nothing is started any more.
  void terminate();
  /// SIGKILL to all that still run.
  void kill();
  /// terminate(), and kill() when some still run after `grace`. Returns when all are gone.
  void stop(std::chrono::milliseconds grace);

 private:
  struct Place;
  void note_death(Place& place, Clock::time_point now);

  struct Place {
    std::vector<Process> process;  ///< none or one
    int deaths = 0;                ///< in a row
    Clock::time_point not_before;
  };
  MakeSpec make_spec_;
  RestartPolicy policy_;
  std::vector<Place> places_;
  bool stopping_ = false;
};

}  // namespace medley::cluster
