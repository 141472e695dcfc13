#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace medley::files {

/// All bytes of a file. Throws Error.
std::string read(const std::filesystem::path& path);

/// nullopt where there is no such file. Throws Error when there is one that cannot be read.
std::optional<std::string> read_if_there(const std::filesystem::path& path);

/// nullopt where the file cannot be read, whatever the reason: for /proc, where processes come and go.
std::optional<std::string> read_if_readable(const std::filesystem::path& path);

/// As read(), and throws Error when others than the owner may open the file.
std::string read_private(const std::filesystem::path& path);

}  // namespace medley::files
