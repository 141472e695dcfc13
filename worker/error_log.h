#pragma once

#include <cstdint>

namespace medley::worker {

inline constexpr std::int64_t kMaxLogBytes = 1 << 20;
inline constexpr int kRotatedLogs = 3;

/// Makes standard error the log of this process, in the form that web/worker_log reads on whatever host and in whatever
/// time zone. Where it is a file that is appended to, it is bounded: at `max_bytes` its text goes to FILE.1, that of
/// FILE.1 to FILE.2 and so on to FILE.kRotatedLogs, and FILE begins again with the line of the last joining. The file
/// stays the same one, because a launcher's script and its next worker write to it as well. Pipes, such as those of
/// mpirun, are not bounded.
void log_to_standard_error(std::int64_t max_bytes = kMaxLogBytes);

}  // namespace medley::worker
