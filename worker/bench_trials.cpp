#include "worker/bench_trials.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <fmt/core.h>

#include "trainer/trainer.h"

namespace medley::worker {

std::vector<sweep::TrialSpec> bench_trials(const data::Dataset& dataset, const BenchShape& shape, int count,
                                           int epochs) {
  std::vector<sweep::TrialSpec> trials;
  for (int k = 0; k < count; ++k) {
    sweep::TrialSpec trial;
    trial.config.encoders = dataset.encoder_names();
    trial.config.top_n = std::min(trial.config.top_n, shape.encoders);
    trial.config.batch_size = shape.batch;
    trial.config.epochs = epochs;
    trial.fold = 0;
    trial.seed = static_cast<std::uint64_t>(k);
    trial.id = fmt::format("bench{}", k);
    trials.push_back(std::move(trial));
  }
  return trials;
}

Cost cost_of_epoch(const data::Dataset& dataset, const std::vector<sweep::TrialSpec>& trials,
                   const sweep::Device& device) {
  trainer::TrainOptions options;
  options.device = sweep::to_string(device);
  const auto cost = [&](int epochs) {
    std::vector<sweep::TrialSpec> some = trials;
    for (sweep::TrialSpec& trial : some) trial.config.epochs = epochs;
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    trainer::train_pack(dataset, some, options);
    return Cost{std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC};
  };
  const int epochs = trials.front().config.epochs;
  cost(1);  // a process's first pack loads code, meets every page for the first time and fills its caches
  const Cost once = cost(1), more = cost(1 + epochs);
  const double trial_epochs = static_cast<double>(epochs) * static_cast<double>(trials.size());
  return {(more.wall_seconds - once.wall_seconds) / trial_epochs, (more.cpu_seconds - once.cpu_seconds) / trial_epochs};
}

}  // namespace medley::worker
