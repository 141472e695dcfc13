#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "worker/running_pack.h"

namespace medley::worker {

/// What a worker holds, and what it owes its coordinator: packs, results in the spool, failures. It has no clock, no
/// thread and no socket. The link tells it what came, and sends what due() gives. One thread. Throws what the spool
/// throws.
class Outbox {
 public:
  /// Begins with what the spool holds.
  explicit Outbox(Spool& spool);

  /// nullptr: it has this pack already, or refuses it because it has packs enough.
  PackPtr assign(const protocol::Assign& assignment, const std::string& checkpoint_folder);
  /// A pack continues for its other trials. When none of them is wanted, it stops and then confirms.
  void cancel(const protocol::Cancel& cancelled);
  /// The coordinator has the result, or does not want it.
  void answered(const sweep::AttemptId& attempt);
  /// Every pack is to stop.
  void stop(Stop how);
  void ended(const PackPtr& pack, const Trained& trained);
  /// Takes the results of dead workers of this host; returns them.
  std::vector<sweep::AttemptId> take_over_abandoned();
  /// What was sent, and not answered, is due again.
  void disconnected() { in_flight_.clear(); }

  /// Everything that it holds, as Hello and Heartbeat list it.
  std::vector<protocol::Held> held() const;
  /// Those that no heartbeat has told, and that the other side takes.
  std::vector<protocol::NewEpoch> new_epochs();
  /// What is to be sent now: failures, and results as long as few are unanswered. The caller sends it.
  std::vector<protocol::Message> due();
  /// Training or waiting to be.
  const std::vector<PackPtr>& packs() const { return packs_; }
  /// It owes nothing.
  bool empty() const { return packs_.empty() && spooled_.empty() && failures_.empty(); }

 private:
  Spool& spool_;
  std::vector<PackPtr> packs_;
  std::set<sweep::AttemptId> cancelled_;
  std::set<sweep::AttemptId> spooled_;
  std::map<sweep::AttemptId, std::size_t> in_flight_;
  std::vector<protocol::AttemptFailed> failures_;  ///< not yet sent
};

}  // namespace medley::worker
