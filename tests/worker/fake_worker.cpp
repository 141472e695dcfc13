// A worker with the real link and a trainer that only waits: for tests that kill it.
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "tests/worker/fake_options.h"
#include "tests/worker/fake_trainer.h"
#include "worker/error_log.h"
#include "worker/usage_sampler.h"

constexpr int kMsAnEpoch = 500;

int main(int argc, char** argv) try {
  using namespace medley;
  fake::Arguments arguments = fake::parse_arguments(argc, argv);
  worker::log_to_standard_error();
  worker::UsageSampler sampler(worker::UsageSampler::ReadGpu{});
  arguments.link.usage = [&sampler] { return sampler.sample(); };
  const auto ending = worker::serve(arguments.link, [&](const worker::Pack& pack) {
    const fake::Behaviour behaviour = fake::read_behaviour(arguments.behaviour_file);
    for (const auto& trial : pack.trials) {
      if (behaviour.is("crash", trial.id)) std::raise(SIGKILL);
      if (behaviour.is("fail", trial.id)) throw std::runtime_error("told to fail " + trial.id);
    }
    for (int ms = 0; ms < behaviour.train_ms; ++ms) {
      if (pack.stop() != worker::Stop::kNo) throw std::runtime_error("stopped");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      pack.progress(ms + 1, behaviour.train_ms);
      if (ms % kMsAnEpoch != 0) continue;
      sweep::EpochMetrics metrics;
      metrics.epoch = 1 + ms / kMsAnEpoch;
      metrics.loss = 2.0 / metrics.epoch;
      metrics.terms = {{"presence", metrics.loss}};
      for (std::size_t place = 0; place < pack.trials.size(); ++place) pack.epoch_ended(place, metrics);
    }
    std::vector<sweep::TrialResult> results;
    for (const auto& trial : pack.trials) {
      results.push_back(fake::fake_result(trial, behaviour.is("diverge", trial.id)));
      if (behaviour.is("wrong_size", trial.id))
        results.back().paper.validation.fused.resize(6), results.back().paper.validation.clips = 1;
      if (pack.checkpoints.empty() || behaviour.is("no_checkpoint", trial.id)) continue;
      std::filesystem::create_directories(pack.checkpoints);
      std::ofstream(pack.checkpoints / (trial.id + ".npz")) << "weights";
    }
    return results;
  });
  std::fprintf(stderr, "fake_worker: %s\n", ending.reason.c_str());
  return ending.exit_code();
} catch (const std::exception& e) {
  std::fprintf(stderr, "fake_worker: %s\n", e.what());
  return 1;
}
