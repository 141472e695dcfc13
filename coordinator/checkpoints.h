#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "storage/reader.h"
#include "storage/report_input.h"

namespace medley::coordinator {

/// When the checkpoints in `folder` (`<trial id>.npz`) take more than `budget` bytes, deletes the least wanted until
/// they take three quarters of it. It never deletes those of ensemble members and of the trials in `busy`. The
/// checkpoints of a config go or stay together, ranked as `medley report` ranks configs, in every sweep alike. Configs
/// of a running sweep that still lack trials are wanted first, for their rank is not known yet. Other files are left
/// alone. Returns how many were deleted. No effect when the folder is absent. `reports`, by sweep id, are kept from one
/// call to the next: only what has finished since is read. Throws storage::Error.
int keep_checkpoints_within(std::uintmax_t budget, const std::filesystem::path& folder, storage::Reader& reader,
                            const std::set<std::string>& busy, std::map<std::string, storage::GrowingReport>& reports);

/// Deletes from `folder` the save files (`<trial id>.resume`) of trials that are not pending any more. Throws
/// storage::Error.
void drop_resume_points(const std::filesystem::path& folder, storage::Reader& reader);

}  // namespace medley::coordinator
