// How long a coordinator's thread is held at most while a large sweep is submitted, changed and stopped. Other threads
// and the workers wait for so long. What of it that thread computed is what a machine with nothing else to do shows.
// Exit code 1: it computed for more than 200 ms at a time.    holds FOLDER [CONFIGS]: two trials a config.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>

#include "coordinator/coordinator.h"
#include "tests/coordinator/fake_sweep.h"

namespace {
using namespace medley;
using Clock = std::chrono::steady_clock;
using coordinator::Coordinator;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Milliseconds that a thread has computed.
double computed_ms(std::thread& thread) {
  clockid_t clock{};
  timespec time{};
  pthread_getcpuclockid(thread.native_handle(), &clock);
  clock_gettime(clock, &time);
  return 1e3 * static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_nsec);
}

/// Milliseconds.
struct Held {
  double waited = 0;
  double computed = 0;  ///< by the coordinator's thread meanwhile
};

/// Asks the coordinator's thread, `server`, for nothing, all the time.
class Visitor {
 public:
  Visitor(Coordinator& coordinator, std::thread& server)
      : thread_([this, &coordinator, &server] {
          while (!ended_) {
            const auto begin = Clock::now();
            const double before = computed_ms(server);
            coordinator.write([](storage::Writer&) {});
            {
              const std::lock_guard lock(mutex_);
              longest_.waited = std::max(longest_.waited, ms_since(begin));
              longest_.computed = std::max(longest_.computed, computed_ms(server) - before);
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}
  ~Visitor() {
    ended_ = true;
    thread_.join();
  }
  /// The most of each since the last call.
  Held longest() {
    const std::lock_guard lock(mutex_);
    return std::exchange(longest_, {});
  }

 private:
  std::mutex mutex_;
  Held longest_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "holds";
  const int configs = argc > 2 ? std::atoi(argv[2]) : 100'000;
  coordinator::CoordinatorOptions options;
  options.store = folder / "store";
  options.exit_when_done = false;
  Coordinator coordinator(options);
  std::thread server([&] { coordinator.run(); });
  double most_computed = 0;
  {
    Visitor visitor(coordinator, server);
    const auto sweep = fake::fake_sweep(configs);
    std::string id;
    std::printf("%zu trials; milliseconds\n%-12s %10s %10s %10s\n", sweep.trials.size(), "", "in all", "held",
                "computed");
    const auto measure = [&](const char* name, const std::function<void()>& what) {
      visitor.longest();
      const auto begin = Clock::now();
      what();
      const double all = ms_since(begin);
      std::this_thread::sleep_for(std::chrono::seconds(1));
      const Held held = visitor.longest();
      most_computed = std::max(most_computed, held.computed);
      std::printf("%-12s %10.0f %10.0f %10.0f\n", name, all, held.waited, held.computed);
      std::fflush(stdout);
    };
    measure("submit", [&] { id = coordinator.submit(fake::fake_dataset(), sweep).id; });
    measure("again", [&] { coordinator.submit(fake::fake_dataset(), sweep); });
    measure("prioritise", [&] {
      storage::SweepMarkChange change;
      change.priority = 3;
      coordinator.mark_sweep(id, change);
    });
    measure("pause", [&] { coordinator.pause(id); });
    measure("resume", [&] { coordinator.resume(id); });
    measure("stop", [&] { coordinator.stop(id); });
  }
  coordinator.request_stop(Coordinator::Stop::kNow, "measured");
  server.join();
  return most_computed > 200;
}
