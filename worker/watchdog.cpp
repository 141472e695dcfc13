#include "worker/watchdog.h"

#include <algorithm>

#include <spdlog/spdlog.h>
#include <unistd.h>

namespace medley::worker {

namespace {
constexpr int kTemporaryFailure = 75;
}

Watchdog::Watchdog(std::chrono::milliseconds deadline) : deadline_(deadline), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  ends_ = true;
  thread_.join();
}

void Watchdog::begin(const char* what) {
  ++begun_;
  watched_ = what;
}

// Looks now and then rather than being told: what is watched may be over in microseconds.
void Watchdog::run() {
  const auto pause = std::clamp<std::chrono::milliseconds>(deadline_ / 20, std::chrono::milliseconds(5),
                                                           std::chrono::milliseconds(100));
  std::uint64_t seen = 0;
  auto since = std::chrono::steady_clock::now();
  while (!ends_) {
    std::this_thread::sleep_for(pause);
    const auto now = std::chrono::steady_clock::now();
    const std::uint64_t current = begun_;
    const char* what = watched_;
    if (!what || current != seen) {
      seen = current;
      since = now;
      continue;
    }
    if (now - since < deadline_) continue;
    spdlog::critical("no end of {} within {} ms: a rank of the gang is dead or hangs; this one ends", what,
                     deadline_.count());
    spdlog::default_logger()->flush();
    _exit(kTemporaryFailure);
  }
}

}  // namespace medley::worker
