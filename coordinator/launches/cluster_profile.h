#pragma once

#include <filesystem>
#include <string>

#include "cluster/launch.h"

namespace medley::coordinator {

/// What a profile file says (docs/cluster.md).
struct ClusterProfile {
  cluster::Site site;
  std::string worker;  ///< path of medley-worker on the hosts; "": the one beside medley
  std::string spool;   ///< folder on a local disk of each host; "": below /tmp
};

/// Reads the text of a profile file. Throws sweep::SpecError with every error: file, line, key, nearest valid name.
ClusterProfile parse_profile(const std::string& text, const std::string& file);
/// Throws Error when it cannot be read.
ClusterProfile load_profile(const std::filesystem::path& file);

}  // namespace medley::coordinator
