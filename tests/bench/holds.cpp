// How long a coordinator's thread is held at most while a large sweep is submitted, changed and stopped. Other threads
// and the workers wait for so long.
// holds FOLDER [CONFIGS]: two trials a config.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include "coordinator/coordinator.h"
#include "tests/coordinator/fake_sweep.h"

namespace {
using namespace medley;
using Clock = std::chrono::steady_clock;
using coordinator::Coordinator;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Asks the coordinator's thread for nothing, all the time.
class Visitor {
 public:
  explicit Visitor(Coordinator& coordinator)
      : thread_([this, &coordinator] {
          while (!ended_) {
            const auto begin = Clock::now();
            coordinator.write([](storage::Writer&) {});
            longest_ = std::max(longest_.load(), ms_since(begin));
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}
  ~Visitor() {
    ended_ = true;
    thread_.join();
  }
  /// Milliseconds that it waited at most since the last call.
  double longest() { return longest_.exchange(0); }

 private:
  std::atomic<double> longest_{0};
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
  {
    Visitor visitor(coordinator);
    const auto sweep = fake::fake_sweep(configs);
    std::string id;
    std::printf("%zu trials; milliseconds\n%-12s %10s %10s\n", sweep.trials.size(), "", "in all", "held");
    const auto measure = [&](const char* name, const std::function<void()>& what) {
      visitor.longest();
      const auto begin = Clock::now();
      what();
      const double all = ms_since(begin);
      std::this_thread::sleep_for(std::chrono::seconds(1));
      std::printf("%-12s %10.0f %10.0f\n", name, all, visitor.longest());
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
}
