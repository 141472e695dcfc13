#pragma once

#include <chrono>
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

inline const char* name_of(Place::State state) { return state == Place::State::kWaiting ? "waiting" : "running"; }

inline std::vector<std::string> ids_of(const std::vector<Place>& places) {
  std::vector<std::string> ids;
  for (const Place& place : places) ids.push_back(place.id);
  return ids;
}

/// Starts workers of one Launch and finds them again: what it knows of them comes from the system (Slurm's queue,
/// /proc), so that another program, or this one after a crash, sees the same. One thread.
class Launcher {
 public:
  virtual ~Launcher() = default;
  /// What start(workers) would run, for people.
  virtual std::string preview(int workers) const = 0;
  /// Throws Error where start() would fail for every worker, as far as that can be asked for without starting any.
  virtual void check(int workers) { static_cast<void>(workers); }
  /// Starts this number more. Returns the ids of the jobs that it submitted; none for processes, which are found by
  /// their place. Throws Error when it cannot.
  virtual std::vector<std::string> start(int workers) = 0;
  /// Jobs that were submitted for this launch, by an earlier process perhaps. They are its own by whatever name.
  virtual void know(const std::vector<std::string>& jobs) { static_cast<void>(jobs); }
  /// Those that wait or run. Throws Error when the system does not say.
  virtual std::vector<Place> places() = 0;
  /// Asks them to leave: they save what they have. Does not wait.
  virtual void stop(const std::vector<std::string>& ids) = 0;
  /// Ends what did not leave when it was asked to.
  virtual void kill(const std::vector<std::string>& ids) = 0;
};

/// An option of `medley cluster up` that not every launcher takes; its value is one word.
struct LauncherOption {
  std::string name;  ///< "--partition"
  std::string help;
  std::function<void(Launch& launch, const std::string& value)> set;
};

/// A way to start workers, with all that commands know of it.
struct LauncherKind {
  std::string name;  ///< value of --launcher, and in records
  std::string help;  ///< noun phrase that says what a worker is
  std::vector<LauncherOption> options;
  bool bound_to_host = false;  ///< only the host that started its processes sees them
  bool reaches_hosts = false;  ///< its workers may run on other hosts than the coordinator
  /// The system's word for what one start() submits, "job array", where the system itself replaces workers that end.
  /// Empty: a keeper replaces them.
  std::string job;
  std::chrono::milliseconds look{500};  ///< between two looks of a keeper
  /// Why it cannot start this launch; "" when it can.
  std::function<std::string(const Launch& launch)> problem;
  /// A launcher of at most `largest` workers. Throws Error.
  std::function<std::unique_ptr<Launcher>(const Launch& launch, int largest)> make;
  /// Finds and ends the workers of the launch with this name; starts none.
  std::function<std::unique_ptr<Launcher>(const std::string& name)> find;

  bool needs_keeper() const { return job.empty(); }
};

}  // namespace medley::cluster
