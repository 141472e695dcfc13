#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sweep/result.h"
#include "sweep/state.h"

namespace medley::sweep {

/// A trial in training, as its worker says it with heartbeats. Nothing of it is stored.
struct LiveTrial {
  AttemptId attempt;
  std::string worker;  ///< its id
  std::string config;  ///< its id
  std::string partition;
  int fold = 0;
  std::uint64_t seed = 0;
  int epochs = 0;                   ///< that it trains at most
  std::vector<EpochMetrics> heard;  ///< some of its epochs, the newest last; never empty
  /// Seconds until its last epoch, at the rate of what was heard; nullopt before there is one.
  std::optional<double> eta_seconds;
};

}  // namespace medley::sweep
