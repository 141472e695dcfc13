#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "storage/records.h"

namespace medley::storage {

/// Where a store lies and who may look into it.
struct StorePlace {
  bool group = false;              ///< the group of its folder may read it; else its owner only, where it is new
  std::filesystem::path database;  ///< folder of the database; "": the store itself
};

/// Makes the folders of a store where they are missing, and a link to its database where that lies elsewhere. Throws
/// Error, also where the database of an existing store lies elsewhere than `place` says.
StoreLayout make_store(const std::filesystem::path& store, const StorePlace& place = {});

/// Of the database and its log those that there are, where they really lie.
std::vector<std::filesystem::path> database_files(const std::filesystem::path& store);

/// Bytes that are free where its database lies; nullopt where the system does not say.
std::optional<std::uintmax_t> free_bytes(const std::filesystem::path& store);

/// The name of the file system of its database where other hosts share that (files::shared_file_system()), else "".
std::string shared_database(const std::filesystem::path& store);

}  // namespace medley::storage
