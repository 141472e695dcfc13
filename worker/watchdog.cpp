#include "worker/watchdog.h"

#include <spdlog/spdlog.h>
#include <sysexits.h>
#include <unistd.h>

namespace medley::worker {

namespace {
constexpr std::chrono::milliseconds kPause{50};
}  // namespace

Watchdog::Watchdog() : thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  ends_ = true;
  thread_.join();
}

void Watchdog::begin(const char* what, std::chrono::milliseconds limit) {
  limit_ = limit;
  ++begun_;
  watched_ = what;
}

// Looks now and then rather than being told: what is watched may be over in microseconds.
void Watchdog::run() {
  std::uint64_t seen = 0;
  auto since = std::chrono::steady_clock::now();
  while (!ends_) {
    std::this_thread::sleep_for(kPause);
    const auto now = std::chrono::steady_clock::now();
    const std::uint64_t current = begun_;
    const char* what = watched_;
    const std::chrono::milliseconds limit = limit_;
    if (!what || current != seen) {
      seen = current;
      since = now;
      continue;
    }
    if (now - since < limit) continue;
    spdlog::critical("no end of {} within {} ms: a rank of the gang is dead or hangs; this one ends", what,
                     limit.count());
    spdlog::default_logger()->flush();
    _exit(EX_TEMPFAIL);
  }
}

}  // namespace medley::worker
