#include "coordinator/commands/worker_program.h"

#include "coordinator/error.h"

namespace medley::coordinator {

std::filesystem::path worker_program() {
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "medley-worker";
  if (!std::filesystem::exists(program)) {
    throw Error(program.string() +
                " is not there: install the package medley-worker, or build the target "
                "medley-worker (needs LibTorch and MPI)");
  }
  return program;
}

}  // namespace medley::coordinator
