#pragma once

#include <string>

namespace medley::sweep {

/// Of this build, as the file VERSION says it: "0.2.0", or "0.2.0-dev" before its release.
const char* version();

/// "0.2" of "0.2.0-dev": releases of one line work with each other (docs/compatibility.md).
std::string release_line(const std::string& version);

}  // namespace medley::sweep
