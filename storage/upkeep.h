#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace medley::storage {

/// A file that nothing in the store needs, and why.
struct UnneededFile {
  std::filesystem::path path;
  std::uintmax_t bytes = 0;
  std::string why;
};

struct Garbage {
  std::vector<UnneededFile> files;  ///< by path
  std::vector<std::string> trials;  ///< ids of those of no sweep and without a result
  int configs = 0;                  ///< of no trial, no sweep, without a mark
  int datasets = 0;                 ///< of no trial, no sweep, no ensemble
};

enum class Collecting { kRemove, kListOnly };

/// Finds what nothing refers to, and removes it: the rows above, checkpoints of no trial, save files of trials that
/// need no more training, and files that a writer left half written a day ago or earlier. Results, exports, logs and
/// spools stay. Needs the writer's lock also to list. Throws Error; then rows and files are as before, or files remain.
Garbage collect_garbage(const std::filesystem::path& store, Collecting collecting);

/// Bytes of a database with its log.
struct Compacted {
  std::uintmax_t before = 0;
  std::uintmax_t after = 0;
};

/// Rewrites the database without free pages and empties its log. Adds up the sums of sweeps again. Needs the writer's
/// lock. Throws Error.
Compacted compact(const std::filesystem::path& store);

}  // namespace medley::storage
