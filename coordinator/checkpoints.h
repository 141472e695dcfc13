#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "storage/reader.h"

namespace medley::coordinator {

/// Trials whose checkpoints are kept: those of the `configs` best of each sweep by mean paper-style Score of their
/// finished trials, and every ensemble member.
std::set<std::string> trials_worth_keeping(storage::Reader& reader, int configs);

/// Deletes `<trial id>.npz` in `folder` for every other trial that is not in `keep`; other files are left alone.
/// Returns how many it deleted. No effect when the folder is absent.
int delete_other_checkpoints(const std::filesystem::path& folder, const std::set<std::string>& keep);

}  // namespace medley::coordinator
