#include "worker/gpu_gang.h"

#include <algorithm>
#include <exception>

#include "worker/mpi_gang.h"
#include "worker/nccl_collective.h"
#include "worker/spool.h"

namespace medley::worker {

GpuRank join_gpus(MpiGang& gang) {
  NcclCollective::Place place;
  place.rank = gang.rank();
  place.size = gang.size();
  place.deadline = gang.deadlines().sum;
  place.root_deadline = gang.deadlines().first;
  std::string bytes, error;
  try {
    place.device = device_of_local_rank(gang.node_rank(), trainer::cuda::find_devices().count);
    if (gang.rank() == 0) {
      const NcclId made = new_nccl_id();
      bytes.assign(made.begin(), made.end());
    }
  } catch (const std::exception& e) {
    error = e.what();
  }
  gang.agree(error, "");
  bytes = gang.from_first(bytes);
  NcclId id{};
  if (bytes.size() != id.size()) throw Error("an NCCL id of " + std::to_string(bytes.size()) + " bytes");
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return {{sweep::Device::Kind::kCuda, place.device}, std::make_unique<NcclCollective>(id, place)};
}

std::string gpu_bus_id(const sweep::Device& device) {
  if (!device.is_gpu()) return "";
  try {
    return trainer::cuda::pci_bus_id(device.index.value_or(0));
  } catch (const std::exception&) {
    return "";  // training on it will say what is wrong with it
  }
}

}  // namespace medley::worker
