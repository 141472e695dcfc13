#include "coordinator/endpoint.h"

#include <sstream>
#include <system_error>

#include <netdb.h>

#include "cluster/process.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "storage/owner.h"

namespace medley::coordinator {
namespace fs = std::filesystem;

fs::path endpoint_file(const fs::path& store) { return fs::absolute(store) / "endpoint"; }

void write_endpoint(const fs::path& store, const std::string& endpoint) {
  files::write(endpoint_file(store), endpoint + "\n", files::Durability::kAtomic);
}

void remove_endpoint(const fs::path& store) {
  std::error_code ignored;
  fs::remove(endpoint_file(store), ignored);
}

std::string living_endpoint(const fs::path& store) {
  const auto holder = storage::store_holder(store);
  std::string endpoint;
  if (!holder || !holder->here || holder->process == 0) return endpoint;
  std::istringstream(files::read_if_readable(endpoint_file(store)).value_or("")) >> endpoint;
  return endpoint;
}

bool resolves(const std::string& name) {
  addrinfo* found = nullptr;
  if (getaddrinfo(name.c_str(), nullptr, nullptr, &found) != 0) return false;
  freeaddrinfo(found);
  return true;
}

std::string reachable_name(const std::string& address, const std::string& advertise) {
  if (!advertise.empty()) return advertise;
  if (address != "0.0.0.0" && address != "::") return address;
  return cluster::this_host();
}

}  // namespace medley::coordinator
