#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "trainer/collective.h"
#include "worker/watchdog.h"

namespace medley::worker {

/// How long a rank waits for the others of its gang before it takes them for dead.
struct GangDeadlines {
  std::chrono::milliseconds start{120'000};  ///< until all have been started, and share memory
  std::chrono::milliseconds sum{10'000};     ///< in a sum: all come from the same work
  std::chrono::milliseconds first{600'000};  ///< for the first rank, which also writes files
};

/// The ranks that one MPI launcher (mpirun, srun --mpi=pmix) started as one worker; MPI for as long as it lives. One a
/// process, one thread. A gang fails together. When a rank dies or hangs, the watchdog ends the others, if the launcher
/// has not ended them before.
class MpiGang {
 public:
  /// True when this process was started by an MPI launcher. Without one there is no need to start MPI.
  static bool launched();

  /// Throws Error when MPI cannot be started.
  explicit MpiGang(const GangDeadlines& deadlines);
  ~MpiGang();
  MpiGang(const MpiGang&) = delete;
  MpiGang& operator=(const MpiGang&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int node_rank() const { return node_rank_; }  ///< among those of this host
  int node_size() const { return node_size_; }
  /// How long a rank waits for the others.
  const GangDeadlines& deadlines() const { return deadlines_; }

  /// Sums and broadcasts of host memory. Calls throw Error when MPI reports one.
  trainer::Collective& collective();

  /// The first rank's text, on all. The others wait for it without using the processor, for as long as it takes.
  std::string from_first(const std::string& text);

  /// What each rank says, in their order, on all. Of a longer text the first 255 bytes.
  std::vector<std::string> gather(const std::string& text);

  /// Every rank calls this at the end of their common work, with its `error` ("": none) and a `digest`, which must be
  /// the same on all. Throws Error on every rank when one failed, with the text of the first of these, or when digests
  /// differ. The others may never come, because they still wait for a failed rank elsewhere. That rank then ends the
  /// gang (exit code 75).
  void agree(const std::string& error, const std::string& digest) {
    agree(error, digest, rank_ == 0 ? deadlines_.sum : deadlines_.first);
  }
  /// With another time to wait for the others: where one reads and the others do not.
  void agree(const std::string& error, const std::string& digest, std::chrono::milliseconds patience);

  /// A block of memory that the ranks of this host share, filled by the first of them. Every rank of the gang calls it;
  /// `size` counts on the first of each host. Freed when all have let go of it, which they must do at the same point.
  struct Shared {
    std::shared_ptr<std::byte> bytes;
    std::size_t size = 0;
  };
  Shared share(std::size_t size);
  /// Returns when every rank of this host is here, and sees what the others wrote to shared memory.
  void meet_on_node(const Shared& shared);

 private:
  struct Communicators;
  class MpiCollective;

  Watchdog watchdog_;
  GangDeadlines deadlines_;
  std::unique_ptr<Communicators> comms_;
  std::unique_ptr<MpiCollective> collective_;
  int rank_ = 0, size_ = 1, node_rank_ = 0, node_size_ = 1;
};

}  // namespace medley::worker
