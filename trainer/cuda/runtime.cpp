#include "trainer/cuda/runtime.h"

#include "trainer/error.h"

namespace medley::trainer::cuda {

void check(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  throw Error(std::string(file) + ":" + std::to_string(line) + ": " + call + ": " + cudaGetErrorString(status) + " (" +
              cudaGetErrorName(status) + ")");
}

Devices find_devices() {
  Devices devices;
  const cudaError_t status = cudaGetDeviceCount(&devices.count);
  if (status == cudaSuccess && devices.count > 0) return devices;
  devices.count = 0;
  devices.why_none = status == cudaSuccess ? "the driver lists no device" : cudaGetErrorString(status);
  return devices;
}

std::string pci_bus_id(int device) {
  char id[32] = {};
  MEDLEY_CHECK_CUDA(cudaDeviceGetPCIBusId(id, sizeof id, device));
  return id;
}

void use_device(int device) { MEDLEY_CHECK_CUDA(cudaSetDevice(device)); }

std::int64_t free_device_bytes() {
  std::size_t free = 0, total = 0;
  MEDLEY_CHECK_CUDA(cudaMemGetInfo(&free, &total));
  return static_cast<std::int64_t>(free);
}

LaunchStream::LaunchStream() { MEDLEY_CHECK_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
LaunchStream::~LaunchStream() { cudaStreamDestroy(stream_); }
void LaunchStream::synchronize() const { MEDLEY_CHECK_CUDA(cudaStreamSynchronize(stream_)); }

Event::Event(Timing timing) {
  MEDLEY_CHECK_CUDA(
      cudaEventCreateWithFlags(&event_, timing == Timing::kOn ? cudaEventDefault : cudaEventDisableTiming));
}
Event::~Event() { cudaEventDestroy(event_); }
void Event::record(cudaStream_t stream) { MEDLEY_CHECK_CUDA(cudaEventRecord(event_, stream)); }
void Event::hold_back(cudaStream_t stream) const { MEDLEY_CHECK_CUDA(cudaStreamWaitEvent(stream, event_, 0)); }
bool Event::reached() const {
  const cudaError_t status = cudaEventQuery(event_);
  if (status == cudaErrorNotReady) return false;
  MEDLEY_CHECK_CUDA(status);
  return true;
}
void Event::synchronize() const { MEDLEY_CHECK_CUDA(cudaEventSynchronize(event_)); }
double Event::milliseconds_since(const Event& earlier) const {
  float milliseconds = 0;
  MEDLEY_CHECK_CUDA(cudaEventElapsedTime(&milliseconds, earlier.event_, event_));
  return milliseconds;
}

void* allocate(Memory memory, std::size_t bytes) {
  void* data = nullptr;
  if (bytes == 0) return data;
  if (memory == Memory::kDevice) {
    MEDLEY_CHECK_CUDA(cudaMalloc(&data, bytes));
  } else {
    MEDLEY_CHECK_CUDA(cudaMallocHost(&data, bytes));
  }
  return data;
}

void release(Memory memory, void* data) noexcept {
  if (memory == Memory::kDevice) {
    cudaFree(data);
  } else {
    cudaFreeHost(data);
  }
}

void copy(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  MEDLEY_CHECK_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream));
}

Graph::Graph(const LaunchStream& stream, const std::function<void()>& work) {
  MEDLEY_CHECK_CUDA(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  try {
    work();
  } catch (...) {
    // The capture must end, or the stream is of no more use.
    cudaStreamEndCapture(stream.get(), &graph_);
    if (graph_) cudaGraphDestroy(graph_);
    throw;
  }
  MEDLEY_CHECK_CUDA(cudaStreamEndCapture(stream.get(), &graph_));
  const cudaError_t status = cudaGraphInstantiateWithFlags(&instance_, graph_, 0);
  if (status != cudaSuccess) cudaGraphDestroy(graph_);
  MEDLEY_CHECK_CUDA(status);
}
Graph::~Graph() {
  cudaGraphExecDestroy(instance_);
  cudaGraphDestroy(graph_);
}
void Graph::launch(cudaStream_t stream) const { MEDLEY_CHECK_CUDA(cudaGraphLaunch(instance_, stream)); }

}  // namespace medley::trainer::cuda
