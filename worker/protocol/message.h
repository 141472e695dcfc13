#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "sweep/result.h"
#include "sweep/state.h"
#include "sweep/trial.h"
#include "sweep/usage.h"

namespace medley::protocol {

/// What a peer sent, or a token file, is not what it must be. Ends the connection, never the program.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Raised with every change of a message or of the handshake. Both sides must speak the same.
inline constexpr std::uint16_t kVersion = 8;

// A limit on everything that a peer may send.
inline constexpr std::size_t kMaxFrameBytes = 128u << 20;  ///< of a result; other messages are far smaller
inline constexpr std::size_t kMaxTextBytes = 4096;         ///< of a reason or a path
inline constexpr std::size_t kMaxNameBytes = 256;          ///< of a host, a device, an id
inline constexpr std::size_t kMaxPackTrials = 4096;
inline constexpr std::size_t kMaxHeld = 65536;     ///< attempts that one worker may list
inline constexpr std::size_t kMaxNewEpochs = 256;  ///< that one heartbeat tells
inline constexpr std::size_t kMaxTerms = 32;       ///< of a loss
inline constexpr std::size_t kMaxTermBytes = 64;   ///< of a term's name
inline constexpr int kMaxEpoch = 100'000;
inline constexpr int kMaxAttemptNumber = 1'000'000;
inline constexpr int kMaxCores = 1 << 20;  ///< of a gang

using sweep::AttemptId;

/// An attempt that a worker has, and how far it is.
struct Held {
  /// kSpooled: trained; its result lies on the worker's disk and waits for delivery.
  enum class Stage { kRunning, kSpooled };
  AttemptId attempt;
  Stage stage = Stage::kRunning;
  int epoch = 0;   ///< epochs done
  int epochs = 0;  ///< epochs in all; 0: not known yet
};

// Worker to coordinator.

/// First message of a worker on every connection.
struct Hello {
  std::string instance;  ///< 32 hexadecimal digits, drawn when the worker starts; the same on every reconnect
  std::string host;
  std::string boot_id;  ///< of the host's kernel: names a machine until it starts again; "" unknown
  std::int64_t pid = 0;
  int ranks = 1;                  ///< size of its gang
  int cores = 1;                  ///< of the gang, together
  std::int64_t memory_bytes = 0;  ///< that a pack can have: of the GPU, or of this process on the host
  std::string device;             ///< "cpu" or what CUDA calls it
  int capacity = 1;               ///< trials that it can hold in one pack
  std::string version;            ///< sweep::version() of its program
  std::string numerics;           ///< sweep::kNumericsVersion of its trainer
  std::string arithmetic;         ///< how it computes (trainer/arithmetic.h); "" unknown
  std::vector<Held> held;         ///< everything that it has: not empty after a reconnect
};

/// The newest epoch of a trial in training.
struct NewEpoch {
  AttemptId attempt;
  sweep::EpochMetrics metrics;  ///< without thresholds
};

/// Sent at the interval that Welcome asks for, from a thread that training cannot starve.
struct Heartbeat {
  std::vector<Held> held;             ///< everything that it has
  std::optional<sweep::Usage> usage;  ///< of the gang's first rank; nullopt: it does not measure
  std::vector<NewEpoch> epochs = {};  ///< of trials in training, for people; what one heartbeat lacks, the next has
};

/// A finished or diverged trial. Kept on the worker's disk until ResultReceived.
struct Result {
  AttemptId attempt;
  std::vector<std::uint8_t> bytes;  ///< sweep::encode_result()
};

/// An attempt that ended without a result, or was cancelled as asked.
struct AttemptFailed {
  AttemptId attempt;
  std::string reason;
  sweep::Blame blame = sweep::Blame::kTrial;
};

/// The worker goes away by its own will. Its running attempts are cancelled, not failed.
struct Leave {
  std::string reason;
};

/// How many trials like one of these make the pack that trains most of them a second on this worker, as it measured.
struct PackSize {
  AttemptId attempt;
  int trials = 1;
};

// Coordinator to worker.

/// Answer to Hello.
struct Welcome {
  std::uint64_t lease = 0;  ///< names this connection's worker in logs and in the store
  int heartbeat_ms = 1000;
  int fencing_ms = 600'000;       ///< after this long without a word the worker stops writing shared files and exits
  std::string checkpoint_folder;  ///< shared; "" : no checkpoints
};

/// One pack.
struct Assign {
  struct Trial {
    int attempt = 1;
    sweep::TrialSpec spec;
  };
  std::string dataset_folder;
  std::string dataset_fingerprint;  ///< the worker refuses the pack when it loads anything else
  std::string test_fingerprint;     ///< the same of the test clips; "" where training reads none
  std::vector<Trial> trials;
};

/// These attempts are not wanted any more.
struct Cancel {
  std::vector<AttemptId> attempts;
};

/// Answer to Heartbeat: the coordinator is there.
struct Alive {};

/// The result has been recorded, or will never be wanted: the worker may delete it.
struct ResultReceived {
  AttemptId attempt;
};

/// No more packs will come: finish the running one, deliver, Leave.
struct Drain {};

/// Exit now; running attempts are cancelled.
struct Dismiss {
  std::string reason;
};

using Message = std::variant<Hello, Heartbeat, Result, AttemptFailed, Leave, PackSize, Welcome, Assign, Cancel, Alive,
                             ResultReceived, Drain, Dismiss>;

/// Name of the message's type on the wire and in logs: "hello", "attempt failed", ...
const char* message_name(const Message& message);

}  // namespace medley::protocol
