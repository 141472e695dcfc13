#pragma once

namespace medley::sweep {

/// How a number was taken (docs/results.md): with epoch and thresholds tuned on the reported fold, or without it.
enum class Protocol { kPaper, kHeldOut };
inline constexpr const char* kProtocolNames[] = {"paper", "held-out"};
inline const char* name_of(Protocol protocol) { return kProtocolNames[static_cast<int>(protocol)]; }

}  // namespace medley::sweep
