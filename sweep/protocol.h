#pragma once

namespace medley::sweep {

/// How a number was taken (docs/results.md): with epoch and thresholds tuned on the reported fold, or without it.
enum class Protocol { kPaper, kHeldOut };

}  // namespace medley::sweep
