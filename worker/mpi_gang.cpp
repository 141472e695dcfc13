#include "worker/mpi_gang.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include <mpi.h>
#include <spdlog/spdlog.h>
#include <sysexits.h>

#include "worker/spool.h"

namespace medley::worker {
namespace {

constexpr std::size_t kLargestMessage = std::size_t{1} << 28;  // numbers or bytes in one call: MPI counts in int
constexpr std::chrono::milliseconds kGraceAfterError{5'000};   // for the others to arrive where a failed rank waits
constexpr std::chrono::milliseconds kIdlePause{2};

void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(std::string(call) + ": " + text);
}

int count_of(std::size_t count) { return static_cast<int>(count); }

/// Bytes as they are, chunk by chunk.
template <class Call>
void in_chunks(std::size_t count, const Call& call) {
  for (std::size_t at = 0; at < count; at += kLargestMessage) call(at, count_of(std::min(kLargestMessage, count - at)));
}

}  // namespace

struct MpiGang::Communicators {
  MPI_Comm training = MPI_COMM_NULL, control = MPI_COMM_NULL, node = MPI_COMM_NULL;
};

class MpiGang::MpiCollective final : public trainer::Collective {
 public:
  explicit MpiCollective(MpiGang& gang) : gang_(gang) {}
  int rank() const override { return gang_.rank_; }
  int size() const override { return gang_.size_; }
  void all_reduce_sum(float* buffer, std::size_t count) override { reduce(buffer, count, MPI_FLOAT); }
  void all_reduce_sum(double* buffer, std::size_t count) override { reduce(buffer, count, MPI_DOUBLE); }
  void broadcast(void* buffer, std::size_t bytes, int root) override {
    const Watchdog::Watch watch(gang_.watchdog_, "a broadcast", gang_.deadlines_.first);
    in_chunks(bytes, [&](std::size_t at, int n) {
      check(MPI_Bcast(static_cast<char*>(buffer) + at, n, MPI_BYTE, root, gang_.comms_->training), "MPI_Bcast");
    });
  }

 private:
  // MPI only recommends that all ranks get the same bits; Open MPI's ways of summing give them, and a gang whose ranks
  // came to differ would say so: agree().
  template <class T>
  void reduce(T* buffer, std::size_t count, MPI_Datatype type) {
    const Watchdog::Watch watch(gang_.watchdog_, "a sum over the ranks", gang_.deadlines_.sum);
    in_chunks(count, [&](std::size_t at, int n) {
      check(MPI_Allreduce(MPI_IN_PLACE, buffer + at, n, type, MPI_SUM, gang_.comms_->training), "MPI_Allreduce");
    });
  }
  MpiGang& gang_;
};

bool MpiGang::launched() {
  return std::getenv("OMPI_COMM_WORLD_SIZE") || std::getenv("PMIX_RANK") || std::getenv("PMI_RANK");
}

MpiGang::MpiGang(const GangDeadlines& deadlines) : deadlines_(deadlines), comms_(std::make_unique<Communicators>()) {
  const Watchdog::Watch watch(watchdog_, "the start of MPI", deadlines_.start);
  int provided = 0;
  // One thread of ours calls MPI; others exist.
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED) throw Error("this MPI cannot be used in a program with threads");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  check(MPI_Comm_dup(MPI_COMM_WORLD, &comms_->training), "MPI_Comm_dup");
  check(MPI_Comm_dup(MPI_COMM_WORLD, &comms_->control), "MPI_Comm_dup");
  check(MPI_Comm_rank(comms_->training, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(comms_->training, &size_), "MPI_Comm_size");
  check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &comms_->node),
        "MPI_Comm_split_type");
  check(MPI_Comm_rank(comms_->node, &node_rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(comms_->node, &node_size_), "MPI_Comm_size");
  collective_ = std::make_unique<MpiCollective>(*this);
}

MpiGang::~MpiGang() {
  const Watchdog::Watch watch(watchdog_, "the end of MPI", deadlines_.sum);
  for (MPI_Comm* comm : {&comms_->training, &comms_->control, &comms_->node}) MPI_Comm_free(comm);
  MPI_Finalize();
}

trainer::Collective& MpiGang::collective() { return *collective_; }

std::string MpiGang::from_first(const std::string& text) {
  // Only non-blocking calls match non-blocking ones.
  const auto broadcast = [this](void* buffer, int bytes) {
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Ibcast(buffer, bytes, MPI_BYTE, 0, comms_->control, &request), "MPI_Ibcast");
    for (int done = 0;;) {
      check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
      if (done) return;
      std::this_thread::sleep_for(kIdlePause);
    }
  };
  if (text.size() > kLargestMessage) throw Error("a message of " + std::to_string(text.size()) + " bytes to the gang");
  std::uint64_t size = text.size();
  broadcast(&size, sizeof size);
  std::string said = rank_ == 0 ? text : std::string(static_cast<std::size_t>(size), '\0');
  broadcast(said.data(), count_of(said.size()));
  return said;
}

std::vector<std::string> MpiGang::gather(const std::string& text) {
  const Watchdog::Watch watch(watchdog_, "a word from each rank", deadlines_.start);
  using Word = std::array<char, 256>;
  Word own{};
  std::copy_n(text.begin(), std::min(text.size(), own.size() - 1), own.begin());
  std::vector<Word> all(static_cast<std::size_t>(size_));
  check(MPI_Allgather(own.data(), count_of(sizeof own), MPI_BYTE, all.data(), count_of(sizeof own), MPI_BYTE,
                      comms_->training),
        "MPI_Allgather");
  std::vector<std::string> said;
  for (const Word& word : all) said.emplace_back(word.data());
  return said;
}

void MpiGang::agree(const std::string& error, const std::string& digest, std::chrono::milliseconds patience) {
  struct Word {
    int failed = 0;
    std::array<char, 64> digest{};
    std::array<char, 2048> error{};
  };
  Word own;
  own.failed = error.empty() ? 0 : 1;
  std::copy_n(digest.begin(), std::min(digest.size(), own.digest.size()), own.digest.begin());
  std::copy_n(error.begin(), std::min(error.size(), own.error.size() - 1), own.error.begin());
  std::vector<Word> all(static_cast<std::size_t>(size_));
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Iallgather(&own, sizeof own, MPI_BYTE, all.data(), sizeof own, MPI_BYTE, comms_->control, &request),
        "MPI_Iallgather");
  const auto limit = std::chrono::steady_clock::now() + (own.failed ? std::min(kGraceAfterError, patience) : patience);
  for (int done = 0;;) {
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done) break;
    if (std::chrono::steady_clock::now() > limit) {
      spdlog::critical("rank {} misses the rest of its gang{}{}; the gang ends", rank_,
                       own.failed ? " after its own error: " : "", error);
      spdlog::default_logger()->flush();
      MPI_Abort(MPI_COMM_WORLD, EX_TEMPFAIL);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  for (int r = 0; r < size_; ++r) {
    const Word& word = all[static_cast<std::size_t>(r)];
    if (!word.failed) continue;
    const std::string who = size_ > 1 ? "rank " + std::to_string(r) + " of " + std::to_string(size_) + ": " : "";
    throw Error(who + word.error.data());
  }
  for (int r = 1; r < size_; ++r) {
    if (all[static_cast<std::size_t>(r)].digest != all[0].digest) {
      throw Error("rank " + std::to_string(r) + " of the gang came to another result than rank 0");
    }
  }
}

MpiGang::Shared MpiGang::share(std::size_t size) {
  const Watchdog::Watch watch(watchdog_, "the allocation of shared memory", deadlines_.start);
  MPI_Win window = MPI_WIN_NULL;
  void* own = nullptr;
  const auto wanted = static_cast<MPI_Aint>(node_rank_ == 0 ? size : 0);
  check(MPI_Win_allocate_shared(wanted, 1, MPI_INFO_NULL, comms_->node, &own, &window), "MPI_Win_allocate_shared");
  void* first = nullptr;
  MPI_Aint bytes = 0;
  int unit = 0;
  check(MPI_Win_shared_query(window, 0, &bytes, &unit, &first), "MPI_Win_shared_query");
  Shared shared;
  shared.size = static_cast<std::size_t>(bytes);
  shared.bytes = std::shared_ptr<std::byte>(static_cast<std::byte*>(first),
                                            [window](std::byte*) mutable { MPI_Win_free(&window); });
  return shared;
}

void MpiGang::meet_on_node(const Shared&) {
  const Watchdog::Watch watch(watchdog_, "the first rank of this host", deadlines_.first);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  check(MPI_Barrier(comms_->node), "MPI_Barrier");
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace medley::worker
