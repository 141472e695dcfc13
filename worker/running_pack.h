#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "worker/link.h"
#include "worker/protocol/message.h"
#include "worker/spool.h"

namespace medley::worker {

/// A pack on its way through this worker. The link's thread owns all but the atomics.
struct RunningPack {
  protocol::Assign assign;
  std::string checkpoint_folder;
  std::vector<sweep::AttemptId> attempts;
  std::set<sweep::AttemptId> done;  ///< cancelled and confirmed: not held any more
  std::atomic<Stop> stop{Stop::kNo};
  std::atomic<int> epoch{0};
  std::atomic<int> epochs{0};
  std::optional<std::chrono::steady_clock::time_point> stop_since;

  /// Newest epochs that no heartbeat has told, by place in the pack. Both threads.
  std::mutex untold_mutex;
  std::map<std::size_t, sweep::EpochMetrics> untold;
};
using PackPtr = std::shared_ptr<RunningPack>;

/// What came of training a pack.
struct Trained {
  std::vector<sweep::AttemptId> kept;    ///< their results are in the spool
  std::string unkept;                    ///< why the spool cannot keep the next result; "": it can
  std::vector<sweep::AttemptId> failed;  ///< none when it was stopped
  std::string reason;                    ///< of `failed`
  sweep::Blame blame = sweep::Blame::kTrial;
};

/// Trains one pack and keeps its results. What the trainer throws fails the pack. `measured`: Pack::best_size.
Trained train_and_keep(RunningPack& running, const TrainPack& train, Spool& spool, std::function<void(int)> measured);

}  // namespace medley::worker
