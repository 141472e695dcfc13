#pragma once

#include <filesystem>

namespace medley::data {

/// What to do with a folder that already holds something.
enum class Existing { kRefuse, kOverwrite };

/// Makes `folder` for a dataset. Throws Error when it cannot be made, or holds something and `existing` is kRefuse.
void make_folder(const std::filesystem::path& folder, Existing existing);

/// Throws the Error of make_folder() for a folder that holds something.
[[noreturn]] void refuse_full_folder(const std::filesystem::path& folder);

}  // namespace medley::data
