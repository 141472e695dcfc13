#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/launch.h"
#include "cluster/process.h"

namespace medley::cluster {

/// A worker as its launcher sees it; whether it works, the coordinator knows.
struct Place {
  enum class State {
    kWaiting,  ///< in a queue
    kRunning,
  };
  std::string id;  ///< "4242_3" (Slurm), "2" (place on this host)
  State state = State::kRunning;
  std::string where;  ///< hosts; "" not known yet
  std::string note;   ///< "Resources", "process 4711"
};

/// Starts workers of one Launch and finds them again: what it knows of them comes from the system (Slurm's queue,
/// /proc), so that another program, or this one after a crash, sees the same. One thread.
class Launcher {
 public:
  virtual ~Launcher() = default;
  /// What start(workers) would run, for people.
  virtual std::string preview(int workers) const = 0;
  /// Starts so many more; their ids where they are known at once. Throws Error when it cannot.
  virtual std::vector<std::string> start(int workers) = 0;
  /// Those that wait or run. Throws Error when the system does not say.
  virtual std::vector<Place> places() = 0;
  /// Asks them to leave: they save what they have. Does not wait.
  virtual void stop(const std::vector<std::string>& ids) = 0;
  /// Ends what did not leave when it was asked to.
  virtual void kill(const std::vector<std::string>& ids) = 0;
};

}  // namespace medley::cluster
