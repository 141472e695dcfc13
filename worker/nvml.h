#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sweep/usage.h"

namespace medley::worker {

/// Asks NVIDIA's management library how a GPU is doing. The library comes with the driver and is loaded while the
/// program runs: no build needs it. Any one thread at a time.
class Nvml {
 public:
  /// nullptr where the library, or a function of it, is absent or does not start.
  static std::unique_ptr<Nvml> open(const std::string& library = "libnvidia-ml.so.1");
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  /// Finds the GPU by its PCI bus id, since NVML counts all GPUs of the host and CUDA only those of
  /// CUDA_VISIBLE_DEVICES. Returns nullopt when NVML does not know the GPU, has no value (a MIG slice has no
  /// utilisation of its own), or gives an impossible one. May take long when the driver is in trouble.
  std::optional<sweep::Usage::Gpu> read(const std::string& pci_bus_id) const;

 private:
  struct Functions;
  explicit Nvml(std::unique_ptr<Functions> functions);
  std::unique_ptr<Functions> functions_;
};

}  // namespace medley::worker
