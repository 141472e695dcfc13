// A library with the functions of NVML that Medley calls, over a few made-up GPUs.
#include <cstdlib>
#include <cstring>

namespace {

constexpr unsigned long long kGiB = 1ull << 30;
constexpr int kUninitialized = 1, kNotSupported = 3, kNotFound = 6;

}  // namespace

// nvml.h declares this name.
struct nvmlDevice_st {
  const char* bus_id;
  unsigned busy;
  unsigned long long used, total;
  bool slice;  // of a GPU that is cut up: has no utilisation
};

namespace {

nvmlDevice_st gpus[] = {{"0000:1b:00.0", 12, 3 * kGiB, 80 * kGiB, false},
                        {"0000:3b:00.0", 37, 20 * kGiB, 80 * kGiB, false},
                        {"0000:5e:00.0", 0, 1, 40 * kGiB, true},
                        {"0000:af:00.0", 4'000'000'000u, 1, 2, false},
                        {"0000:d8:00.0", 5, 2, 1, false},
                        {"0000:d9:00.0", 5, 1, ~0ull, false}};
int users = 0;

}  // namespace

extern "C" {

struct Utilization {
  unsigned gpu, memory;
};
struct Memory {
  unsigned long long total, free, used;
};

int fake_nvml_users() { return users; }

int nvmlInit_v2() {
  if (std::getenv("FAKE_NVML_WITHOUT_DRIVER")) return 9;
  ++users;
  return 0;
}
int nvmlShutdown() { return --users, 0; }

int nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, nvmlDevice_st** device) {
  if (users == 0) return kUninitialized;
  for (nvmlDevice_st& gpu : gpus) {
    if (std::strcmp(gpu.bus_id, bus_id) == 0) return *device = &gpu, 0;
  }
  return kNotFound;
}
int nvmlDeviceGetUtilizationRates(nvmlDevice_st* device, Utilization* made) {
  if (device->slice) return kNotSupported;
  *made = {device->busy, 99};
  return 0;
}
int nvmlDeviceGetMemoryInfo(nvmlDevice_st* device, Memory* made) {
  *made = {device->total, device->total - device->used, device->used};
  return 0;
}
}
