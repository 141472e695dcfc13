#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

#include "cluster/launchers.h"

namespace medley::coordinator {

/// What was launched from a store, kept in STORE/cluster/ID.json so that any shell can ask for it and end it.
struct ClusterRecord {
  int id = 0;
  const cluster::LauncherKind* launcher = nullptr;  ///< one of the registry that it was read or made with
  std::string name;                                 ///< cluster::Launch::name
  int min_workers = 1;                              ///< as it was started, or resized since
  int max_workers = 1;
  int room = 1;                    ///< max_workers as it was started
  std::string host;                ///< where `medley cluster up` ran
  pid_t keeper = 0;                ///< process that keeps their number; 0: none
  std::int64_t started_ms = 0;     ///< since 1970
  std::vector<std::string> jobs;   ///< ids of what was submitted
  int fruitless = 0;               ///< KeeperNews
  std::string error;               ///< KeeperNews
  std::int64_t next_start_ms = 0;  ///< KeeperNews
};

nlohmann::json to_json(const ClusterRecord& record);

/// The folder; not made.
std::filesystem::path cluster_folder(const std::filesystem::path& store);
/// A launcher's batch script; goes with the record.
std::filesystem::path script_file(const std::filesystem::path& store, int id);
/// By id. Throws Error naming a file that cannot be understood or that names no launcher of `launchers`.
std::vector<ClusterRecord> read_records(const std::filesystem::path& store, const cluster::Launchers& launchers);
/// nullopt: none has this id. Throws as read_records().
std::optional<ClusterRecord> find_record(const std::filesystem::path& store, int id,
                                         const cluster::Launchers& launchers);
/// Takes the next free id. Two at once get different ones.
int claim_record(const std::filesystem::path& store);
/// Replaces the file at once. Throws files::Error.
void write_record(const std::filesystem::path& store, const ClusterRecord& record);
/// Another number of workers for a launch that a keeper holds. It lies beside the record, which the keeper writes, and
/// goes before what that says. Throws files::Error.
void resize_record(const std::filesystem::path& store, int id, int min_workers, int max_workers);
void remove_record(const std::filesystem::path& store, int id);

/// Its places can be seen and ended from this host.
bool is_reachable(const ClusterRecord& record);
/// The keeper of the record's workers runs, on this host.
bool keeper_lives(const ClusterRecord& record);

}  // namespace medley::coordinator
