#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace medley::storage {

/// Writes one consistent state of the database of `store` into the new file `copy`, also while a writer is at work. The
/// copy is complete without a log beside it. Throws Error.
void copy_database(const std::filesystem::path& store, const std::filesystem::path& copy);

/// Notes where exports, by id, lie now: in a copy of a store that nobody else has open. Throws Error.
void move_exports(const std::filesystem::path& store, const std::map<std::int64_t, std::string>& files);

}  // namespace medley::storage
