#pragma once

#include <string>
#include <vector>

#include "storage/database.h"

namespace medley::storage {

/// "Mdl3": marks a database file as Medley's (PRAGMA application_id).
inline constexpr int kApplicationId = 0x4d646c33;
/// "Mdly", "Medl" and "Mdl2": of versions and builds before 0.2.0, the first whose stores later versions read.
inline constexpr int kUnreleasedIds[] = {0x4d646c79, 0x4d65646c, 0x4d646c32};

/// Migration i brings a schema of version i to version i + 1; PRAGMA user_version holds the version. Released ones
/// never change: append.
const std::vector<std::string>& migrations();

/// Makes or migrates the schema inside one transaction and sets what a writing connection needs (WAL, foreign keys,
/// durability). Throws Error when the file is not Medley's or newer than `steps`.
void prepare_for_writing(Database& database, const std::vector<std::string>& steps = migrations());

/// No table has been made yet. Throws Error when the file is not Medley's.
bool is_empty(Database& database);

/// Checks that the file is Medley's and exactly of this version; sets what a reading connection needs.
void prepare_for_reading(Database& database, const std::vector<std::string>& steps = migrations());

}  // namespace medley::storage
