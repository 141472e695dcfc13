#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "storage/records.h"
#include "sweep/usage.h"
#include "worker/protocol/message.h"

namespace medley::coordinator {

/// What workers said of themselves and of their progress, for the store and for people: no decision depends on it. By
/// worker id. One thread.
class Roster {
 public:
  /// What a worker said last.
  struct Heard {
    double progress = 0;  ///< of its running pack, 0 to 1
    std::optional<sweep::Usage> usage;
  };

  /// A worker joined, for the first time or again.
  void join(const protocol::Hello& hello);
  /// A worker that an earlier coordinator knew.
  void read_back(const storage::WorkerRecord& worker);
  /// A worker was refused.
  void forget(const std::string& worker);
  void hear(const std::string& worker, const protocol::Heartbeat& beat);

  /// nullptr for a worker that never joined or was refused.
  const storage::WorkerRecord* find(const std::string& worker) const;
  /// nullptr for a worker that this coordinator has not heard.
  const Heard* heard(const std::string& worker) const;
  /// "host:pid"; the id of an unknown worker.
  std::string name_of(const std::string& worker) const;

 private:
  std::map<std::string, storage::WorkerRecord> records_;
  std::map<std::string, Heard> heard_;
};

/// "host:pid".
std::string name_of(const protocol::Hello& hello);

}  // namespace medley::coordinator
