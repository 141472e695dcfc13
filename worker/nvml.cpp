#include "worker/nvml.h"

#include <limits>
#include <utility>

#include <dlfcn.h>

namespace medley::worker {

/// Not unnamed: Nvml::Functions, which a header names, has members of these types.
namespace nvml {

// As nvml.h of NVIDIA's toolkit declares them; the symbols' versions fix the layout.
using Device = struct nvmlDevice_st*;
struct Utilization {
  unsigned gpu;  ///< percent of the last sample period in which a kernel ran
  unsigned memory;
};
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
constexpr int kSuccess = 0;

}  // namespace nvml

using namespace nvml;

struct Nvml::Functions {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*device_by_bus_id)(const char*, Device*) = nullptr;
  int (*utilization)(Device, Utilization*) = nullptr;
  int (*memory)(Device, Memory*) = nullptr;
  void* library = nullptr;

  ~Functions() {
    if (library != nullptr) dlclose(library);
  }

  template <class F>
  bool find(const char* name, F& function) const {
    function = reinterpret_cast<F>(dlsym(library, name));
    return function != nullptr;
  }
};

Nvml::Nvml(std::unique_ptr<Functions> functions) : functions_(std::move(functions)) {}

Nvml::~Nvml() { functions_->shutdown(); }

std::unique_ptr<Nvml> Nvml::open(const std::string& library) {
  auto f = std::make_unique<Functions>();
  f->library = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (f->library == nullptr) return nullptr;
  const bool whole = f->find("nvmlInit_v2", f->init) && f->find("nvmlShutdown", f->shutdown) &&
                     f->find("nvmlDeviceGetHandleByPciBusId_v2", f->device_by_bus_id) &&
                     f->find("nvmlDeviceGetUtilizationRates", f->utilization) &&
                     f->find("nvmlDeviceGetMemoryInfo", f->memory);
  if (!whole || f->init() != kSuccess) return nullptr;
  return std::unique_ptr<Nvml>(new Nvml(std::move(f)));
}

std::optional<sweep::Usage::Gpu> Nvml::read(const std::string& pci_bus_id) const {
  Device device = nullptr;
  Utilization utilization{};
  Memory memory{};
  if (functions_->device_by_bus_id(pci_bus_id.c_str(), &device) != kSuccess ||
      functions_->utilization(device, &utilization) != kSuccess || functions_->memory(device, &memory) != kSuccess) {
    return std::nullopt;
  }
  const auto most = static_cast<unsigned long long>(std::numeric_limits<std::int64_t>::max());
  if (utilization.gpu > 100 || memory.used > memory.total || memory.total > most) return std::nullopt;
  return sweep::Usage::Gpu{utilization.gpu / 100.0, static_cast<std::int64_t>(memory.used),
                           static_cast<std::int64_t>(memory.total)};
}

}  // namespace medley::worker
