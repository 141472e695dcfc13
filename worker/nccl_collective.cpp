#include "worker/nccl_collective.h"

#include <cstring>
#include <string>
#include <thread>

#include "trainer/error.h"

namespace medley::worker {
namespace {

using trainer::Error;

static_assert(NCCL_VERSION_CODE >= NCCL_VERSION(2, 14, 0), "communicators that do not block came with NCCL 2.14");

/// Between two looks at what may take microseconds or a minute.
class Pause {
 public:
  void operator()() {
    if (++looks_ < 1000) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

 private:
  int looks_ = 0;
};

/// Before the members that belong to the device are made.
NcclCollective::Place at_its_device(const NcclCollective::Place& place) {
  trainer::cuda::use_device(place.device);
  return place;
}

}  // namespace

NcclId new_nccl_id() {
  ncclUniqueId made;
  if (const ncclResult_t said = ncclGetUniqueId(&made); said != ncclSuccess) {
    throw Error(std::string("ncclGetUniqueId: ") + ncclGetErrorString(said));
  }
  NcclId id;
  static_assert(sizeof made == sizeof id);
  std::memcpy(id.data(), &made, sizeof made);
  return id;
}

int device_of_local_rank(int local_rank, int devices) {
  if (local_rank >= 0 && local_rank < devices) return local_rank;
  throw Error("rank " + std::to_string(local_rank) + " of its node has no GPU of its own: the node shows " +
              std::to_string(devices) + "; valid: at most as many ranks a node as GPUs");
}

NcclCollective::NcclCollective(const NcclId& id, const Place& place, cudaStream_t producer)
    : place_(at_its_device(place)), producer_(producer) {
  ncclUniqueId unique;
  std::memcpy(&unique, id.data(), sizeof unique);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  const auto end = Clock::now() + place_.deadline;
  const char* what = "joining";
  settle(what, ncclCommInitRankConfig(&communicator_, place_.size, unique, place_.rank, &config), end);
}

NcclCollective::~NcclCollective() {
  if (!communicator_) return;
  // Ranks leave together; one that is left alone does not wait for ever.
  const auto end = Clock::now() + place_.deadline;
  Pause pause;
  ncclResult_t state = ncclCommFinalize(communicator_);
  while (state == ncclInProgress && Clock::now() < end) {
    pause();
    if (ncclCommGetAsyncError(communicator_, &state) != ncclSuccess) break;
  }
  if (state == ncclSuccess) {
    ncclCommDestroy(communicator_);
  } else {
    ncclCommAbort(communicator_);
  }
}

void NcclCollective::fail(const char* what, const std::string& why) {
  std::string text = "NCCL, rank " + std::to_string(place_.rank) + " of " + std::to_string(place_.size) +
                     " on device " + std::to_string(place_.device) + ", " + what + ": " + why;
  if (communicator_) {
    if (const char* last = ncclGetLastError(communicator_); last && *last) text += std::string(" (") + last + ")";
    ncclCommAbort(communicator_);  // also ends its kernels, which would wait for the other ranks for ever
    communicator_ = nullptr;
  }
  throw Error(text);
}

void NcclCollective::settle(const char* what, ncclResult_t said, Clock::time_point end) {
  Pause pause;
  while (said == ncclInProgress) {
    if (Clock::now() >= end) fail(what, "no end in time: a rank is dead or hangs");
    pause();
    if (const ncclResult_t asked = ncclCommGetAsyncError(communicator_, &said); asked != ncclSuccess) said = asked;
  }
  if (said != ncclSuccess) fail(what, ncclGetErrorString(said));
}

template <class Enqueue>
void NcclCollective::run(const char* what, Clock::duration limit, const Enqueue& enqueue) {
  if (!communicator_) fail(what, "an earlier call failed");
  trainer::cuda::use_device(place_.device);
  const auto end = Clock::now() + limit;
  ready_.record(producer_);
  ready_.hold_back(stream_.get());
  settle(what, enqueue(stream_.get()), end);
  done_.record(stream_.get());
  Pause pause;
  while (!done_.reached()) {
    ncclResult_t state = ncclSuccess;
    if (const ncclResult_t asked = ncclCommGetAsyncError(communicator_, &state); asked != ncclSuccess) state = asked;
    if (state != ncclSuccess && state != ncclInProgress) fail(what, ncclGetErrorString(state));
    if (Clock::now() >= end) fail(what, "no end in time: a rank is dead or hangs");
    pause();
  }
}

void NcclCollective::all_reduce_sum(float* buffer, std::size_t count) {
  run("all-reduce", place_.deadline, [&](cudaStream_t stream) {
    return ncclAllReduce(buffer, buffer, count, ncclFloat32, ncclSum, communicator_, stream);
  });
}

void NcclCollective::all_reduce_sum(double* buffer, std::size_t count) {
  run("all-reduce", place_.deadline, [&](cudaStream_t stream) {
    return ncclAllReduce(buffer, buffer, count, ncclFloat64, ncclSum, communicator_, stream);
  });
}

void NcclCollective::broadcast(void* buffer, std::size_t bytes, int root) {
  run("broadcast", place_.root_deadline, [&](cudaStream_t stream) {
    return ncclBroadcast(buffer, buffer, bytes, ncclUint8, root, communicator_, stream);
  });
}

}  // namespace medley::worker
