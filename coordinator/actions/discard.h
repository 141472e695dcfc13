#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/reader.h"

namespace medley::coordinator {

/// Results that should not count. All that is given must hold of each.
struct DiscardFilter {
  std::vector<std::string> trials;       ///< ids or unique starts of ids; empty: any
  std::string sweep;                     ///< id; "" any
  std::string worker;                    ///< id or name of the worker of the attempt; "" any
  std::optional<storage::TimeMs> since;  ///< they ended then or later
};

/// Ids of finished trials that the filter means, in order of their sweeps. Throws UsageError for a trial or worker that
/// the store lacks.
std::vector<std::string> trials_to_discard(storage::Reader& reader, const DiscardFilter& filter);

/// Takes the results of these trials out of the store, which nobody may coordinate, so that the next run trains them
/// again. A copy of each is left in the store's folder `discarded`, as workers send it. Throws storage::Error.
int discard(const std::string& store, const std::vector<std::string>& trials, const std::string& reason);

/// "2h", "30m", "1d" before `now`, or "2026-11-30" with or without "T12:30" in local time. Throws UsageError.
storage::TimeMs parse_since(const std::string& text, storage::TimeMs now);

}  // namespace medley::coordinator
