#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/local_workers.h"
#include "coordinator/ending.h"
#include "coordinator/scheduler/scheduler.h"
#include "coordinator/status.h"
#include "storage/writer.h"
#include "sweep/live_trial.h"

namespace medley::coordinator {

struct CoordinatorOptions {
  std::filesystem::path store;
  storage::StorePlace place;
  std::string address = "127.0.0.1";  ///< to listen on for workers
  std::string advertise;              ///< where they reach it, if not there (reachable_name())
  std::uint16_t port = 0;             ///< 0: the one that this store's coordinator used last, if it is free, else any
  Limits limits;
  std::chrono::milliseconds heartbeat{1'000};
  /// Workers exit after this time without a message of the coordinator. Their results stay in the spool.
  std::chrono::milliseconds fencing{600'000};
  /// run() returns when every sweep is finished or stopped.
  bool exit_when_done = true;
  /// How long a graceful stop waits for running packs.
  std::chrono::milliseconds drain_grace{60'000};

  int local_workers = 0;
  /// Program and first arguments of a local worker; --coordinator, --token-file and --spool are added.
  std::vector<std::string> worker_command;
  cluster::RestartPolicy restart;
  std::chrono::milliseconds local_fencing{60'000};  ///< in place of `fencing` for workers of this host

  /// Bytes that checkpoints may take; beyond it those that are wanted least are deleted (keep_checkpoints_within()).
  std::uintmax_t checkpoint_budget = 10'000'000'000;
};

/// Joins scheduler, store and network: the loop around the pure state machine (ARCHITECTURE.md). One thread, the one
/// that calls run(), owns scheduler, writer and sockets. It commits a record before it sends the message that the
/// record justifies. When the store cannot be written it stops, and nothing of that round is sent.
///
/// Ctrl-C: request_stop(kGraceful) first (nothing new is assigned, running packs may end), then kNow.
class Coordinator final {
 public:
  /// Opens the store and reads back what it holds, listens, and makes the token file (store/token) when absent. Throws
  /// storage::Error, protocol::Error, or Error naming the port when it is in use.
  explicit Coordinator(CoordinatorOptions options);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  /// Registers the dataset and submits the sweep. Of the same sweep again only the missing
  /// trials are trained, and a stopped or paused sweep resumes. Any thread. Throws storage::Error.
  storage::Writer::Submitted submit(const storage::DatasetRecord& dataset, const storage::SweepSubmission& submission);

  using End = coordinator::End;
  /// Serves until done or told to stop. Throws storage::Error when the store cannot be written, Error when no worker is
  /// left and none can be started.
  End run();

  enum class Stop { kGraceful, kNow };
  /// Any thread. Not from a signal handler.
  void request_stop(Stop stop, const std::string& reason);

  /// Any thread; what was true a moment ago.
  Status status() const;
  /// Any thread. What is heard of trials in training: those of a sweep, or the one of a trial, by full ids.
  std::vector<sweep::LiveTrial> live_of_sweep(const std::string& sweep_id) const;
  std::vector<sweep::LiveTrial> live_of_trial(const std::string& trial_id) const;

  std::uint16_t port() const;
  const std::filesystem::path& token_file() const;

  struct Answer {
    bool done = false;
    std::string message;  ///< what was done, or why not: shown to the user as it is
  };
  /// Any thread. Sweep and trial ids in full.
  Answer pause(const std::string& sweep_id);
  Answer resume(const std::string& sweep_id);
  Answer stop(const std::string& sweep_id);
  Answer retry(const std::string& trial_id);
  Answer retry_sweep(const std::string& sweep_id);
  Answer release(const std::string& worker_id);
  /// It gets no more packs until it is released.
  Answer pause_worker(const std::string& worker_id);
  /// It saves what it trains, and ends. What it had goes to others.
  Answer send_away(const std::string& worker_id);

  /// Adds configs to a sweep with `search: external`; `done`: they are its last. Those that it has already train no
  /// second time. `ids` gets the ids of all.
  Answer add_configs(const std::string& sweep_id, const nlohmann::json& configs, bool done,
                     std::vector<std::string>& ids);

  /// Removes a finished or stopped sweep of which no ensemble was fitted. The results of its trials stay.
  Answer remove_sweep(const std::string& sweep_id);
  Answer mark_sweep(const std::string& sweep_id, const storage::SweepMarkChange& change);

  /// Has something else recorded by the store's one writer, on the coordinator's thread. Any thread. Throws what
  /// `record` throws, and Error when the coordinator ends before its turn.
  void write(const std::function<void(storage::Writer&)>& record);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace medley::coordinator
