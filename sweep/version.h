#pragma once

namespace medley::sweep {

/// Of this build, as the file VERSION says it: "0.2.0", or "0.2.0-dev" before its release.
const char* version();

}  // namespace medley::sweep
