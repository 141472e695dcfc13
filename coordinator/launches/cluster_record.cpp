#include "coordinator/launches/cluster_record.h"

#include <algorithm>
#include <system_error>

#include "cluster/process.h"
#include "coordinator/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "sweep/json_text.h"
#include "sweep/nearest.h"
#include "sweep/whole_number.h"

namespace medley::coordinator {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

fs::path file_of(const fs::path& store, int id) { return cluster_folder(store) / (std::to_string(id) + ".json"); }

fs::path size_file(const fs::path& store, int id) { return cluster_folder(store) / (std::to_string(id) + ".size"); }

const cluster::LauncherKind& launcher_named(const std::string& name, const cluster::Launchers& launchers,
                                            const fs::path& file) {
  if (const cluster::LauncherKind* kind = cluster::find_launcher(launchers, name)) return *kind;
  std::vector<std::string> names;
  for (const cluster::LauncherKind& kind : launchers) names.push_back(kind.name);
  throw Error(file.string() + " names a launcher '" + name + "' that does not exist" + sweep::suggestion(name, names));
}

/// nullopt: no file, or one that was claimed a moment ago. Throws Error naming a file that cannot be understood.
std::optional<ClusterRecord> read_file(const fs::path& file, const cluster::Launchers& launchers) {
  const std::string text = files::read_if_there(file).value_or("");
  if (text.empty()) return std::nullopt;
  try {
    const json j = json::parse(text);
    ClusterRecord r;
    r.id = sweep::whole_int(j, "id", 0);
    r.launcher = &launcher_named(j.at("launcher"), launchers, file);
    j.at("name").get_to(r.name);
    j.at("host").get_to(r.host);
    r.keeper = sweep::whole_int(j, "keeper", 0);
    r.started_ms = sweep::whole_number(j, "started_ms", 0, INT64_MAX);
    j.at("jobs").get_to(r.jobs);
    r.fruitless = sweep::whole_int(j, "fruitless_starts", 0);
    j.at("error").get_to(r.error);
    r.next_start_ms = sweep::whole_number(j, "next_start_ms", 0, INT64_MAX);
    r.min_workers = sweep::whole_int(j, "min_workers", 0);
    r.max_workers = sweep::whole_int(j, "max_workers", 0);
    r.room = j.contains("room") ? sweep::whole_int(j, "room", 0) : r.max_workers;
    const std::string size = files::read_if_there(fs::path(file).replace_extension(".size")).value_or("");
    if (!size.empty()) {
      const json other = json::parse(size);
      r.min_workers = sweep::whole_int(other, "min_workers", 0);
      r.max_workers = sweep::whole_int(other, "max_workers", 0);
    }
    return r;
  } catch (const json::exception& e) {
    throw Error(file.string() + " is not a record of `medley cluster up`: " + e.what());
  } catch (const sweep::Error& e) {
    throw Error(file.string() + " is not a record of `medley cluster up`: " + e.what());
  }
}

}  // namespace

fs::path cluster_folder(const fs::path& store) { return fs::absolute(store) / "cluster"; }

fs::path script_file(const fs::path& store, int id) { return cluster_folder(store) / (std::to_string(id) + ".sh"); }

json to_json(const ClusterRecord& r) {
  return {{"id", r.id},
          {"launcher", r.launcher->name},
          {"name", r.name},
          {"host", r.host},
          {"keeper", r.keeper},
          {"started_ms", r.started_ms},
          {"jobs", r.jobs},
          {"min_workers", r.min_workers},
          {"max_workers", r.max_workers},
          {"room", r.room},
          {"fruitless_starts", r.fruitless},
          {"error", r.error},
          {"next_start_ms", r.next_start_ms}};
}

std::optional<ClusterRecord> find_record(const fs::path& store, int id, const cluster::Launchers& launchers) {
  return read_file(file_of(store, id), launchers);
}

std::vector<ClusterRecord> read_records(const fs::path& store, const cluster::Launchers& launchers) {
  std::vector<ClusterRecord> records;
  std::error_code error;
  for (fs::directory_iterator it(cluster_folder(store), error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".json") continue;
    if (auto record = read_file(it->path(), launchers)) records.push_back(*std::move(record));
  }
  std::sort(records.begin(), records.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return records;
}

int claim_record(const fs::path& store) {
  files::make_folders(cluster_folder(store));
  int id = 1;
  while (!files::create(file_of(store, id), "", files::Durability::kAtomic)) ++id;
  return id;
}

void write_record(const fs::path& store, const ClusterRecord& record) {
  files::write(file_of(store, record.id), sweep::json_text(to_json(record), 2) + "\n", files::Durability::kDurable);
}

void resize_record(const fs::path& store, int id, int min_workers, int max_workers) {
  const json size = {{"min_workers", min_workers}, {"max_workers", max_workers}};
  files::write(size_file(store, id), size.dump() + "\n", files::Durability::kDurable);
}

void remove_record(const fs::path& store, int id) {
  std::error_code ignored;
  fs::remove(size_file(store, id), ignored);
  fs::remove(file_of(store, id), ignored);
  fs::remove(script_file(store, id), ignored);
}

bool is_reachable(const ClusterRecord& record) {
  return !record.launcher->bound_to_host || record.host == cluster::this_host();
}

bool keeper_lives(const ClusterRecord& record) {
  if (record.keeper <= 0 || record.host != cluster::this_host() || !cluster::is_alive(record.keeper)) return false;
  // The number may have gone to another process since.
  const std::string words = files::read_if_readable("/proc/" + std::to_string(record.keeper) + "/cmdline").value_or("");
  return words.find(std::string("cluster") + '\0' + "up") != std::string::npos;
}

}  // namespace medley::coordinator
