#pragma once

#include <filesystem>
#include <string>

namespace medley::data {

/// Where a file is written until it is whole: beside `path`, named for this process and thread.
std::filesystem::path partial_path(const std::filesystem::path& path);

/// Syncs `partial` and renames it to `path`. Throws Error and removes `partial` when that fails.
void commit_file(const std::filesystem::path& partial, const std::filesystem::path& path);

/// Writes `text` to `path` by way of partial_path() and commit_file().
void write_text(const std::filesystem::path& path, const std::string& text);

/// What to do with a folder that already holds something.
enum class Existing { kRefuse, kOverwrite };

/// Makes `folder`. Throws Error when it cannot be made, or holds something and `existing` is kRefuse.
void make_folder(const std::filesystem::path& folder, Existing existing);

}  // namespace medley::data
