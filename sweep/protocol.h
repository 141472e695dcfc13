#pragma once

#include "sweep/named_enum.h"

namespace medley::sweep {

/// How a number was taken (docs/results.md): with epoch and thresholds tuned on the reported fold, or without it.
#define MEDLEY_PROTOCOL(X) X(kPaper, "paper") X(kHeldOut, "held-out")
MEDLEY_NAMED_ENUM(Protocol, MEDLEY_PROTOCOL)

}  // namespace medley::sweep
