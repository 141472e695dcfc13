#pragma once

#include <memory>
#include <string>

#include "sweep/device.h"
#include "trainer/collective.h"

namespace medley::worker {

class MpiGang;

/// A rank's place in a gang that trains on GPUs.
struct GpuRank {
  sweep::Device device;  ///< the GPU of this rank of its host
  std::unique_ptr<trainer::Collective> collective;
};

/// Joins the gang's GPUs, one a rank. Every rank calls it again for each pack, so that a failed pack leaves nothing
/// behind. Throws Error on every rank when one has no GPU of its own, or when this program was built without CUDA.
/// Throws trainer::Error when the others do not come in time.
GpuRank join_gpus(MpiGang& gang);

/// PCI bus id of the GPU that `device` is to this process, whatever CUDA_VISIBLE_DEVICES hides. Empty
/// for a CPU, for an absent GPU, and when this program was built without CUDA.
std::string gpu_bus_id(const sweep::Device& device);

}  // namespace medley::worker
