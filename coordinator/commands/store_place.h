#pragma once

#include <filesystem>

namespace medley::coordinator {

/// The store that a command means where none is named: "medley-store" in the current folder if it is there. Else that
/// of the nearest folder above `from` (that folder included) that has one of the same user. Else "medley-store" in the
/// current folder, which is then to be made. `from` may be a file; "" is the current folder.
std::filesystem::path find_store(const std::filesystem::path& from = {});

}  // namespace medley::coordinator
