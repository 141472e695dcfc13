#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <cuda_runtime_api.h>

namespace medley::trainer::cuda {

/// Throws Error naming the call, its place and cudaGetErrorString() unless `status` is cudaSuccess.
void check(cudaError_t status, const char* call, const char* file, int line);
#define MEDLEY_CHECK_CUDA(call) ::medley::trainer::cuda::check((call), #call, __FILE__, __LINE__)

/// The GPUs that this process can use; where there is none, why.
struct Devices {
  int count = 0;
  std::string why_none;
};
Devices find_devices();

/// Where `device` of those sits on its host, as NVIDIA's tools spell it: "0000:3b:00.0".
std::string pci_bus_id(int device);

/// Makes `device` this thread's current one.
void use_device(int device);

/// Memory of the current device that nobody uses yet.
std::int64_t free_device_bytes();

/// A stream of the current device that does not wait for the default one.
class LaunchStream {
 public:
  LaunchStream();
  ~LaunchStream();
  LaunchStream(const LaunchStream&) = delete;
  LaunchStream& operator=(const LaunchStream&) = delete;

  cudaStream_t get() const { return stream_; }
  /// Waits until all of it is done.
  void synchronize() const;

 private:
  cudaStream_t stream_ = nullptr;
};

/// A point in a stream.
class Event {
 public:
  enum class Timing { kOff, kOn };
  explicit Event(Timing timing = Timing::kOff);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  /// The point is after all that `stream` has been given so far.
  void record(cudaStream_t stream);
  /// What `stream` is given from now on starts after the point.
  void hold_back(cudaStream_t stream) const;
  /// True when the point is reached; does not wait.
  bool reached() const;
  void synchronize() const;
  /// Of two events with timing that are reached.
  double milliseconds_since(const Event& earlier) const;

 private:
  cudaEvent_t event_ = nullptr;
};

/// Bytes on the GPU, or on the host where the GPU can fetch them by itself (pinned).
enum class Memory { kDevice, kPinned };
void* allocate(Memory memory, std::size_t bytes);
void release(Memory memory, void* data) noexcept;

/// `count` numbers, not initialised.
template <class T, Memory kMemory>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t count) : data_(static_cast<T*>(allocate(kMemory, count * sizeof(T)))), count_(count) {}
  ~Buffer() { release(kMemory, data_); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), count_(std::exchange(other.count_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  T* get() const { return data_; }
  std::size_t count() const { return count_; }
  std::size_t bytes() const { return count_ * sizeof(T); }

 private:
  T* data_ = nullptr;
  std::size_t count_ = 0;
};
template <class T>
using DeviceBuffer = Buffer<T, Memory::kDevice>;
template <class T>
using PinnedBuffer = Buffer<T, Memory::kPinned>;

/// Copies in a stream, in order with its kernels. Pageable host memory works too, and then holds up the caller.
void copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream);

/// Work captured once and launched as one: many small kernels then cost one launch.
class Graph {
 public:
  /// Captures what `work` gives `stream`, without running it. `work` must not wait for the GPU, nor allocate.
  Graph(const LaunchStream& stream, const std::function<void()>& work);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t stream) const;

 private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t instance_ = nullptr;
};

}  // namespace medley::trainer::cuda
