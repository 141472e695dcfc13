#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "coordinator/catalog.h"
#include "coordinator/coordinator.h"
#include "coordinator/ending.h"
#include "coordinator/host_workers.h"
#include "coordinator/live_trials.h"
#include "coordinator/roster.h"
#include "coordinator/scheduler/scheduler.h"
#include "storage/writer.h"
#include "sweep/result_parts.h"
#include "worker/protocol/message.h"

namespace medley::coordinator {

/// A message and the worker that it is for.
using Outgoing = std::pair<std::string, protocol::Message>;

/// Turns what workers say into the scheduler's events, and its commands into what is said to workers. Answers at once
/// what needs no decision. One thread.
class Translator {
 public:
  /// What it refers to; must outlive it.
  struct Parts {
    const CoordinatorOptions& options;
    storage::Writer& writer;
    const Catalog& catalog;
    Roster& roster;
    LiveTrials& live;
    Ending& ending;
    std::function<void(const std::string& worker, const protocol::Message& message)> send;  ///< WorkerServer's
    std::function<void(const std::string& worker)> hang_up;
    HostWorkers& host_workers;
  };
  /// Takes an event, with the result that a ResultReceived is about.
  using Push = std::function<void(Event event, std::shared_ptr<const sweep::ResultRecord> result)>;

  /// `checkpoints`: folder for workers' checkpoints.
  Translator(Parts parts, std::string checkpoints, Push push)
      : parts_(std::move(parts)), checkpoints_(std::move(checkpoints)), push_(std::move(push)) {}

  void on_joined(const protocol::Hello& hello);
  void on_message(const std::string& worker, const protocol::Message& message);
  void on_lost(const std::string& worker, const std::string& why);

  /// nullopt when nobody has to be told.
  std::optional<Outgoing> message_of(const Send& command);

 private:
  void on_result(const std::string& worker, const protocol::Result& message);

  std::optional<Outgoing> on(const Assign& c);
  std::optional<Outgoing> on(const AcknowledgeResult& c);
  std::optional<Outgoing> on(const Discard& c);
  std::optional<Outgoing> on(const Cancel& c);
  std::optional<Outgoing> on(const Quarantine& c);
  std::optional<Outgoing> on(const Dismiss& c);
  std::optional<Outgoing> on(const Shutdown& c);

  Parts parts_;
  std::string checkpoints_;
  Push push_;
  std::uint64_t leases_ = 0;
};

}  // namespace medley::coordinator
