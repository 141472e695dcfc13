#pragma once

#include <filesystem>

namespace medley::coordinator {

/// The medley-worker beside this program. Throws Error when there is none.
std::filesystem::path worker_program();

}  // namespace medley::coordinator
