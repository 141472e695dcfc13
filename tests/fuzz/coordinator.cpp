// Files that users write for the coordinator, and files that it leaves for other commands.
#include <algorithm>
#include <filesystem>
#include <string>

#include "coordinator/control_file.h"
#include "coordinator/error.h"
#include "coordinator/launches/cluster_profile.h"
#include "coordinator/launches/cluster_record.h"
#include "tests/fuzz/diagnostics.h"
#include "tests/fuzz/target.h"
#include "tests/support/folder.h"

namespace medley::fuzz {

void profiles(const std::string& input) {
  coordinator::ClusterProfile profile;
  try {
    profile = coordinator::parse_profile(input, "fuzz.yaml");
  } catch (const sweep::SpecError& error) {
    return require_places(error, input);
  }
  // All of it goes into a script, line by line.
  const cluster::Site& site = profile.site;
  std::vector<std::string> lines{site.account, site.partition, site.qos,      site.srun_mpi,
                                 site.mpirun,  profile.spool,  profile.worker};
  for (const auto* list : {&site.directives, &site.modules, &site.setup, &site.mpirun_arguments}) {
    lines.insert(lines.end(), list->begin(), list->end());
  }
  for (const auto& [name, value] : site.environment) lines.insert(lines.end(), {name, value});
  for (const std::string& line : lines) {
    require(line.find_first_of(std::string("\0\n\r", 3)) == std::string::npos, "text that ends its line");
  }
  for (const std::string& path : {profile.spool, profile.worker}) {
    require(path.empty() || path[0] == '/', "a relative path");
  }
  require(site.notice_s >= 1 && site.notice_s <= 24 * 3600, "a notice out of range");
}

void records(const std::string& input) {
  static const test::Folder store(test::Folder::Where::kMemory);
  static const bool made = std::filesystem::create_directory(coordinator::cluster_folder(store.path()));
  require(made, "no folder for records");
  test::write_file(coordinator::control_file(store.path()), input);
  try {
    const auto point = coordinator::read_control_file(store.path());
    require(point && point->url.rfind("http://", 0) == 0, "a control point without its address");
  } catch (const coordinator::Error&) {
  }
  test::write_file(coordinator::cluster_folder(store.path()) / "1.json", input);
  try {
    const auto record = coordinator::find_record(store.path(), 1, cluster::launchers());
    require(record ? record->launcher != nullptr : input.empty(), "a record of no launcher");
    if (record) require(!coordinator::to_json(*record).dump().empty(), "a record that cannot be written again");
  } catch (const coordinator::Error&) {
  }
}

}  // namespace medley::fuzz
