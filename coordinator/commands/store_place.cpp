#include "coordinator/commands/store_place.h"

#include <sys/stat.h>
#include <unistd.h>

#include "storage/records.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStoreName = "medley-store";

/// What others put into a shared folder such as /tmp is nobody's store by accident.
bool is_own_store(const fs::path& folder) {
  struct stat about {};
  const std::string database = storage::StoreLayout(folder.string()).database();
  return stat(database.c_str(), &about) == 0 && about.st_uid == geteuid();
}

}  // namespace

fs::path find_store(const fs::path& from) {
  std::error_code failed;
  if (fs::exists(kStoreName, failed)) return kStoreName;
  fs::path folder = fs::absolute(from.empty() ? fs::path(".") : from, failed).lexically_normal();
  if (!from.empty()) folder = folder.parent_path();  // of the file
  for (;; folder = folder.parent_path()) {
    if (is_own_store(folder / kStoreName)) return folder / kStoreName;
    if (folder == folder.parent_path()) return kStoreName;
  }
}

}  // namespace medley::coordinator
