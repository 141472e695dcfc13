#include "trainer/pack_size.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include <torch/autograd.h>

#include "trainer/group.h"

namespace medley::trainer {

namespace {
constexpr double kWorthwhile = 1.05;
constexpr int kWarmUpSteps = 2, kTimedSteps = 6;
}  // namespace

int best_pack_size(int largest, const std::function<std::optional<double>(int)>& throughput) {
  int best = 1;
  std::optional<double> fastest = throughput(1);
  for (int size = 2; fastest && size <= largest; size *= 2) {
    const std::optional<double> now = throughput(size);
    if (!now || *now < kWorthwhile * *fastest) break;
    fastest = now;
    best = size;
  }
  return best;
}

std::optional<double> measure_pack(const data::Dataset& dataset, const sweep::TrialSpec& trial,
                                   const std::string& device_name, int size) {
  use_one_thread();
  const torch::Device device = find_device(device_name);
  try {
    OneRank alone;
    const bool by_actor = trial.config.normalize == sweep::Normalize::kActor;
    const Features features(dataset, by_actor ? Features::Actors::kNormalize : Features::Actors::kIgnore,
                            trial.config.layers);
    StatisticsCache statistics(features);
    std::vector<std::unique_ptr<TrialState>> states;
    for (int i = 0; i < size; ++i) {
      sweep::TrialSpec copy = trial;
      copy.seed += static_cast<std::uint64_t>(i);
      states.push_back(std::make_unique<TrialState>(make_trial_state(copy, statistics)));
    }
    std::vector<Group> groups = form_groups(states, features, device, Gang(alone, device));
    const long steps = std::min<long>(kWarmUpSteps + kTimedSteps, groups.front().steps());
    for (Group& group : groups) group.begin_epoch();
    std::vector<double> seconds;
    for (long step = 0; step < steps; ++step) {
      const auto start = std::chrono::steady_clock::now();
      for (Group& group : groups) group.step();  // reads its losses: the device is done when it returns
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    // The median: one step that others held up says nothing about the pack.
    const auto timed = seconds.begin() + std::min<long>(kWarmUpSteps, steps - 1);
    const auto middle = timed + (seconds.end() - timed) / 2;
    std::nth_element(timed, middle, seconds.end());
    return size / *middle;
  } catch (const c10::Error& e) {
    if (std::string(e.what()).find("out of memory") == std::string::npos) throw;
    return std::nullopt;
  }
}

}  // namespace medley::trainer
