#include "worker/gpu_gang.h"
#include "worker/spool.h"

namespace medley::worker {

GpuRank join_gpus(MpiGang&) {
  throw Error("a gang on GPUs: this medley-worker was built without CUDA (docs/gpu.md); valid: --device cpu");
}

std::string gpu_bus_id(const sweep::Device&) { return ""; }

}  // namespace medley::worker
