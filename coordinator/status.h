#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/state.h"
#include "sweep/usage.h"

namespace medley::coordinator {

/// Trials of one sweep, as they stand now.
struct SweepStatus {
  std::string id;
  std::string name;
  sweep::SweepState state = sweep::SweepState::kRunning;
  int trials = 0;
  int finished = 0;  ///< with a result, diverged ones included
  int diverged = 0;
  int failed = 0;  ///< retry budget spent
  int running = 0;
  std::optional<double> best_paper_score;  ///< of a single trial, paper-style (optimistic); none without a number
  int rounds = 0;                          ///< of its search, `trials` being what it asked for so far
  int most_trials = 0;                     ///< that its search may ask for yet, those included; 0: no more
  bool external = false;                   ///< its search is told what to ask for
};

struct WorkerStatus {
  std::string id;
  std::string name;  ///< host:pid
  sweep::WorkerState state = sweep::WorkerState::kJoined;
  int running = 0;          ///< trials
  std::string first_trial;  ///< of those
  double progress = 0;      ///< of its running pack, 0 to 1
  /// As its newest heartbeat says; nullopt before the first one and while it is away.
  std::optional<sweep::Usage> usage;
};

struct Status {
  std::vector<SweepStatus> sweeps;  ///< those that are known to this coordinator, in order of submission
  std::vector<WorkerStatus> workers;
  int results = 0;  ///< accepted by this process
  /// Seconds until the running sweeps are done, from the recent throughput; nullopt before it is known.
  std::optional<double> eta_seconds;
  bool draining = false;
  std::string stopping_because;
};

}  // namespace medley::coordinator
