#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/records.h"

namespace medley::coordinator {

/// What a backup holds, read again from it.
struct Backup {
  std::uintmax_t bytes = 0;
  int results = 0;
  int checkpoints = 0;
  int exports = 0;                 ///< whose archives are in it
  std::vector<std::string> notes;  ///< exports whose archives are not
};

enum class OldBackup { kKeep, kReplace };

/// Writes all that `store` is into one file, also while a coordinator writes to it: a sealed ZIP archive with the
/// database, the checkpoints of finished trials and the archives of exports that lie in the store. Save files, logs,
/// spools, tokens and locks are not in it. It gets its name after it was read again without a fault; until then, and
/// where anything fails, `file` is as before. Throws storage::Error, also when `file` exists and `old` is kKeep, or
/// when the store has a fault.
Backup back_up(const std::filesystem::path& store, const std::filesystem::path& file, OldBackup old,
               storage::TimeMs now);

/// Makes `store`, which must be absent or empty, of a backup. It gets its name after it was checked. Throws
/// storage::Error when the backup is cut short, altered or not sound; then nothing is left.
Backup restore(const std::filesystem::path& file, const std::filesystem::path& store);

}  // namespace medley::coordinator
