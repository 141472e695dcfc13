#pragma once

#include "coordinator/catalog.h"
#include "coordinator/checkpoints.h"
#include "coordinator/host_workers.h"
#include "coordinator/roster.h"
#include "coordinator/scheduler/scheduler.h"
#include "coordinator/status_board.h"
#include "storage/writer.h"
#include "sweep/result_parts.h"

namespace medley::coordinator {

/// Does what the scheduler has recorded: changes the store, within its caller's Group, and tells the log and those who
/// follow. All that it refers to must outlive it. One thread.
class Recorder {
 public:
  Recorder(storage::Writer& writer, Catalog& catalog, Roster& roster, StatusBoard& board, CheckpointKeeper& checkpoints,
           HostWorkers& host_workers)
      : writer_(writer),
        catalog_(catalog),
        roster_(roster),
        board_(board),
        checkpoints_(checkpoints),
        host_workers_(host_workers) {}

  /// What a record was called for by.
  struct Cause {
    const Event& event;
    const sweep::ResultRecord* result = nullptr;  ///< of a ResultReceived
  };
  /// Throws storage::Error.
  void record(const Record& command, const Cause& cause);

 private:
  void on(const RecordAssignment& c, const Cause& cause);
  void on(const RecordResult& c, const Cause& cause);
  void on(const EndAttempt& c, const Cause& cause);
  void on(const ExcuseAttempt& c, const Cause& cause);
  void on(const FailTrial& c, const Cause& cause);
  void on(const RecordRetry& c, const Cause& cause);
  void on(const RecordSweepState& c, const Cause& cause);
  void on(const FinishSweep& c, const Cause& cause);
  void on(const RecordWorker& c, const Cause& cause);

  storage::Writer& writer_;
  Catalog& catalog_;
  Roster& roster_;
  StatusBoard& board_;
  CheckpointKeeper& checkpoints_;
  HostWorkers& host_workers_;
};

}  // namespace medley::coordinator
