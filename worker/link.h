#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "sweep/result.h"
#include "sweep/trial.h"
#include "worker/protocol/handshake.h"
#include "worker/protocol/message.h"
#include "worker/spool.h"

namespace medley::worker {

/// What the trainer is asked while it trains a pack. In either case it throws anything then.
enum class Stop {
  kNo,
  kSave,     ///< the worker leaves, and other workers resume the trials: save them
  kAbandon,  ///< nobody wants the results: write no shared file any more
};

/// A pack, as the trainer is given it.
struct Pack {
  std::string dataset_folder;
  std::string dataset_fingerprint;
  std::string test_fingerprint;       ///< "": training reads no test clips
  std::filesystem::path checkpoints;  ///< shared; "": none
  std::vector<sweep::TrialSpec> trials;
  std::function<Stop()> stop;  ///< polled while training
  /// Call it as often as training gets on: a pack that does not is taken for hung.
  std::function<void(int epoch, int epochs)> progress;
  /// Called after every epoch of a trial, which stands at `place` of the pack; may be empty.
  std::function<void(std::size_t place, const sweep::EpochMetrics&)> epoch_ended;
  /// To be told how many trials like these train fastest together, where that was measured.
  std::function<void(int trials)> best_size;
};

/// The files of a pack's dataset are not, or are no longer, those that its trials promise. No trial's fault, and none
/// of this worker's.
class DatasetChanged : public Error {
 public:
  DatasetChanged(sweep::Blame blame_, const std::string& what) : Error(what), blame(blame_) {}
  sweep::Blame blame;  ///< kDataset: it cannot train on that dataset. kNobody: it may when it is read again
};

/// One result a trial, in their order. An exception fails the pack's attempts with its text.
using TrainPack = std::function<std::vector<sweep::TrialResult>(const Pack&)>;

struct LinkOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  protocol::Token token;
  std::filesystem::path spool;                       ///< on a local disk; shared by all workers of the host
  protocol::Hello identity;                          ///< instance and held are filled in
  std::function<sweep::Usage()> usage;               ///< asked for each heartbeat, on the link's thread; may be empty
  std::chrono::milliseconds first_contact{600'000};  ///< serve() ends when no coordinator answered by then
  std::chrono::milliseconds first_retry{100};        ///< pause before the second try to connect; doubles, up to ...
  std::chrono::milliseconds largest_retry{3'000};
  std::chrono::milliseconds stop_grace{30'000};  ///< a trainer that ignores stop() for so long ends the process
};

struct Ending {
  enum class How {
    kDrained,      ///< asked to finish and leave
    kDismissed,    ///< told to leave
    kTerminated,   ///< SIGTERM, SIGINT or SIGUSR1 (Slurm's notice before it takes the machine away)
    kFenced,       ///< the coordinator was silent for its fencing time; results stay in the spool. Ten times as long
                   ///< where its host still takes connections: it may stand still
    kRefused,      ///< wrong token, another version or release, or not a coordinator
    kSpoolFailed,  ///< it cannot keep what it trains: its disk is full, for one
  };
  How how = How::kDrained;
  std::string reason;
  /// 0 for the first three, 75 (EX_TEMPFAIL: Slurm may requeue) when fenced, 1 for the others.
  int exit_code() const;
};

/// Serves one coordinator until told to leave. Trains packs on the calling thread. A second thread keeps the
/// connection, heartbeats and the spool, reconnecting as often as needed. While the coordinator is away training
/// continues and results wait in the spool. On SIGTERM, SIGINT and SIGUSR1, which it handles for the process, it saves
/// running attempts and leaves. The coordinator cancels them, which costs no retry. Throws Error when the spool cannot
/// be used.
Ending serve(const LinkOptions& options, const TrainPack& train);

}  // namespace medley::worker
