#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace medley::data {

/// The extension of a file's name in lower case, with its dot: ".npz" of face.NPZ. Files are chosen by it alone.
std::string extension_of(const std::filesystem::path& path);

/// "a RAR archive" and the like: what an archive other than ZIP is, from its first bytes. "" for what is none.
std::string archive_kind(std::string_view bytes);

/// What a file is that should be a text or an archive of arrays, from its first bytes, and the remedy. It is "" for
/// what may be one of these.
std::string other_kind(std::string_view bytes);

}  // namespace medley::data
