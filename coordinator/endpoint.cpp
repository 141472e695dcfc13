#include "coordinator/endpoint.h"

#include <fstream>
#include <system_error>

#include <unistd.h>

#include "cluster/process.h"
#include "coordinator/error.h"
#include "storage/records.h"

namespace medley::coordinator {
namespace fs = std::filesystem;

fs::path endpoint_file(const fs::path& store) { return fs::absolute(store) / "endpoint"; }

void write_endpoint(const fs::path& store, const std::string& endpoint) {
  const fs::path file = endpoint_file(store);
  const fs::path draft = file.string() + ".part";
  std::ofstream out(draft, std::ios::trunc);
  out << endpoint << "\n";
  out.close();
  std::error_code error;
  if (out) fs::rename(draft, file, error);
  if (!out || error) throw Error("cannot write " + file.string());
}

void remove_endpoint(const fs::path& store) {
  std::error_code ignored;
  fs::remove(endpoint_file(store), ignored);
}

std::string living_endpoint(const fs::path& store) {
  std::string endpoint;
  std::ifstream(endpoint_file(store)) >> endpoint;
  // The lock file holds the owner's process id.
  pid_t owner = 0;
  std::ifstream(storage::StoreLayout(fs::absolute(store).string()).lock()) >> owner;
  return owner > 0 && cluster::is_alive(owner) ? endpoint : "";
}

std::string reachable_name(const std::string& address, const std::string& advertise) {
  if (!advertise.empty()) return advertise;
  if (address != "0.0.0.0" && address != "::") return address;
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace medley::coordinator
