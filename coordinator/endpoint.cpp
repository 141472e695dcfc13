#include "coordinator/endpoint.h"

#include <fstream>
#include <system_error>

#include "cluster/process.h"
#include "storage/records.h"
#include "trainer/data/file_write.h"

namespace medley::coordinator {
namespace fs = std::filesystem;

fs::path endpoint_file(const fs::path& store) { return fs::absolute(store) / "endpoint"; }

void write_endpoint(const fs::path& store, const std::string& endpoint) {
  data::write_text(endpoint_file(store), endpoint + "\n");
}

void remove_endpoint(const fs::path& store) {
  std::error_code ignored;
  fs::remove(endpoint_file(store), ignored);
}

pid_t living_owner(const fs::path& store) {
  // The lock file begins with the owner's process id.
  pid_t owner = 0;
  std::ifstream(storage::StoreLayout(fs::absolute(store).string()).lock()) >> owner;
  return owner > 0 && cluster::is_alive(owner) ? owner : 0;
}

std::string living_endpoint(const fs::path& store) {
  std::string endpoint;
  std::ifstream(endpoint_file(store)) >> endpoint;
  return living_owner(store) != 0 ? endpoint : "";
}

std::string reachable_name(const std::string& address, const std::string& advertise) {
  if (!advertise.empty()) return advertise;
  if (address != "0.0.0.0" && address != "::") return address;
  return cluster::this_host();
}

}  // namespace medley::coordinator
