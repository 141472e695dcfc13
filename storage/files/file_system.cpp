#include "storage/files/file_system.h"

#include <sys/vfs.h>

namespace medley::files {

std::string shared_file_system(std::uint64_t number) {
  // statfs(2) and the sources of the file systems that are not part of Linux.
  switch (number) {
    case 0x6969:
      return "NFS";
    case 0x0bd00bd0:
      return "Lustre";
    case 0x47504653:
      return "GPFS";
    case 0x19830326:
      return "BeeGFS";
    case 0x00c36400:
      return "CephFS";
    case 0xff534d42:
    case 0xfe534d42:
      return "SMB";
    case 0x5346414f:
      return "AFS";
    case 0x7461636f:
      return "OCFS2";
    case 0x01161970:
      return "GFS2";
    default:
      return "";
  }
}

std::string shared_file_system(const std::filesystem::path& path) {
  struct statfs about = {};
  for (std::filesystem::path at = std::filesystem::absolute(path);; at = at.parent_path()) {
    if (::statfs(at.c_str(), &about) == 0) return shared_file_system(static_cast<std::uint32_t>(about.f_type));
    if (at == at.root_path()) return "";
  }
}

std::string its_file_system(const std::filesystem::path& path) {
  const std::string name = shared_file_system(path);
  return name.empty() ? "its file system" : "its file system, " + name + ",";
}

}  // namespace medley::files
