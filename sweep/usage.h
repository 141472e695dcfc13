#pragma once

#include <cstdint>
#include <optional>

namespace medley::sweep {

/// What a worker takes of its host, as it says with a heartbeat.
struct Usage {
  struct Gpu {
    double busy = 0;                      ///< share of the last moments in which a kernel ran, 0 to 1
    std::int64_t memory_used_bytes = 0;   ///< by all processes on it
    std::int64_t memory_total_bytes = 0;  ///< at least what is used
  };
  double cpu = 0;                   ///< CPU time of all its threads over wall time since the last one; 1 is one core
  std::int64_t resident_bytes = 0;  ///< of its process
  std::optional<Gpu> gpu;           ///< nullopt: it trains on none, or nobody can say
};

}  // namespace medley::sweep
