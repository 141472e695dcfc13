#pragma once

#include <sys/resource.h>

namespace medley::web {

/// The calling thread takes the processor only as far as the coordinator's thread, which schedules and writes, leaves
/// it: on Linux niceness is a thread's own. At +5 against a core's full load it still gets about a quarter of it.
inline void give_way() { setpriority(PRIO_PROCESS, 0, 5); }

}  // namespace medley::web
