// A coordinator with fake workers, as `medley run` has one with real ones: for tests that kill it.
// fake_run STORE CONFIGS WORKERS FAKE_WORKER [worker arguments...]
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>

#include <signal.h>
#include <spdlog/spdlog.h>

#include "coordinator/coordinator.h"
#include "tests/coordinator/fake_sweep.h"

int main(int argc, char** argv) try {
  using namespace medley;
  if (argc < 5) return 2;
  // Signals are taken by a thread, as the command line does.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  coordinator::CoordinatorOptions options;
  options.store = argv[1];
  options.limits.lease_ms = std::getenv("LEASE_MS") ? std::atoi(std::getenv("LEASE_MS")) : 1'500;
  options.limits.retry_budget = std::getenv("RETRY_BUDGET") ? std::atoi(std::getenv("RETRY_BUDGET")) : 100;
  options.limits.retry_delay_ms = 20;
  options.limits.largest_retry_delay_ms = 100;
  options.heartbeat = std::chrono::milliseconds(100);
  options.local_fencing =
      std::chrono::milliseconds(std::getenv("FENCING_MS") ? std::atoi(std::getenv("FENCING_MS")) : 5'000);
  options.drain_grace = std::chrono::milliseconds(std::getenv("GRACE_MS") ? std::atoi(std::getenv("GRACE_MS")) : 5'000);
  options.local_workers = std::atoi(argv[3]);
  options.restart.first_delay = std::chrono::milliseconds(20);
  options.restart.largest_delay = std::chrono::milliseconds(100);
  for (int i = 4; i < argc; ++i) options.worker_command.push_back(argv[i]);

  coordinator::Coordinator coordinator(options);
  const int configs = std::atoi(argv[2]);
  // Searches, with as many seeds.
  const auto seeds_of = [](const char* name) { return std::getenv(name) ? std::atoi(std::getenv(name)) : 0; };
  const int race = seeds_of("RACE_SEEDS"), tpe = seeds_of("TPE_SEEDS");
  coordinator.submit(fake::fake_dataset(), race > 0  ? fake::fake_search(configs, race)
                                           : tpe > 0 ? fake::fake_drawing_search(configs, tpe)
                                                     : fake::fake_sweep(configs));
  std::thread([&] {
    for (auto stop : {coordinator::Coordinator::Stop::kGraceful, coordinator::Coordinator::Stop::kNow}) {
      int signal = 0;
      sigwait(&signals, &signal);
      coordinator.request_stop(stop, "interrupted");
    }
  }).detach();
  const auto end = coordinator.run();
  const auto status = coordinator.status();
  const auto& sweep = status.sweeps.at(0);
  std::printf("%s: %d finished, %d diverged, %d failed of %d\n", end.reason.c_str(), sweep.finished, sweep.diverged,
              sweep.failed, sweep.trials);
  std::fflush(stdout);
  std::_Exit(end.how == coordinator::Coordinator::End::How::kDone ? 0 : 3);
} catch (const std::exception& e) {
  std::fprintf(stderr, "fake_run: %s\n", e.what());
  std::fflush(stderr);
  std::_Exit(1);
}
