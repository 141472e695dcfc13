#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace medley::files {

/// The name of a file system that several hosts share, by the number that statfs(2) gives for it; "" for any other.
std::string shared_file_system(std::uint64_t number);

/// That of `path`, or of the nearest folder above it that exists.
std::string shared_file_system(const std::filesystem::path& path);

/// "its file system", with the name of a shared one: the subject of a message about `path`.
std::string its_file_system(const std::filesystem::path& path);

}  // namespace medley::files
