#pragma once

#include <string>
#include <vector>

#include "tests/web/sample_store.h"
#include "web/control.h"

namespace medley::test {

/// The sample's workers at work, as a coordinator would know them; changes nothing. w-1 trains on a CPU, w-2 on a GPU,
/// w-3 has not said anything yet.
class SampleControl : public web::Control {
 public:
  explicit SampleControl(const SampleStore& store) : store_(store) {}

  Answer pause(const std::string&) override { return no(); }
  Answer resume(const std::string&) override { return no(); }
  Answer stop(const std::string&) override { return no(); }
  Answer remove_sweep(const std::string&) override { return no(); }
  Answer retry(const std::string&) override { return no(); }
  Answer retry_sweep(const std::string&) override { return no(); }
  Answer add_configs(const std::string&, const nlohmann::json&, bool) override { return no(); }
  Answer mark(const std::string&, const storage::ConfigMarkChange&) override { return no(); }
  Answer mark_sweep(const std::string&, const storage::SweepMarkChange&) override { return no(); }
  Answer release(const std::string&) override { return no(); }
  Answer pause_worker(const std::string&) override { return no(); }
  Answer send_away(const std::string&) override { return no(); }
  Answer plan(const SweepForm&) override { return no(); }
  Answer submit(const SweepForm&) override { return no(); }
  Answer build_ensemble(const std::string&, const sweep::EnsembleRequest&) override { return no(); }
  nlohmann::json fits() override { return nlohmann::json::array(); }
  nlohmann::json launches() override {
    return {{{"id", 1},
             {"launcher", "slurm"},
             {"min_workers", 1},
             {"max_workers", 8},
             {"fruitless_starts", 2},
             {"error", "sbatch failed with exit code 1: invalid partition"},
             {"next_start_ms", 1'700'000'000'000}}};
  }
  Answer export_ensemble(std::int64_t, const std::string&) override { return no(); }

  /// The running trial, whose loss is 2 / epoch and whose Score is epoch / 20, in epoch 6 of 10.
  std::vector<sweep::LiveTrial> live_of_trial(const std::string& trial) override {
    if (trial != store_.running_trial) return {};
    sweep::LiveTrial live;
    live.attempt = {store_.running_trial, 1};
    live.worker = "w-1";
    live.config = store_.running_config;
    live.partition = "official";
    live.fold = 1;
    live.seed = 2;
    live.epochs = 10;
    for (int epoch = 1; epoch <= 6; ++epoch) {
      sweep::EpochMetrics metrics;
      metrics.epoch = epoch;
      metrics.loss = metrics.validation_loss = 2.0 / epoch;
      metrics.terms = {{"presence", 1.5 / epoch}, {"salience", .5 / epoch}};
      metrics.validation.presence = metrics.validation.salience = epoch / 20.0;
      live.heard.push_back(metrics);
    }
    live.eta_seconds = 84;
    return {live};
  }
  std::vector<sweep::LiveTrial> live_of_sweep(const std::string& sweep) override {
    return sweep == store_.running ? live_of_trial(store_.running_trial) : std::vector<sweep::LiveTrial>();
  }

  std::vector<WorkerNow> workers() override {
    sweep::Usage cpu;
    cpu.cpu = 0.975;
    cpu.resident_bytes = 412'000'000;
    sweep::Usage gpu = cpu;
    gpu.cpu = 1.5;
    gpu.gpu = sweep::Usage::Gpu{0.25, std::int64_t{36} << 30, std::int64_t{144} << 30};
    const std::string& trial = store_.running_trial;
    return {{"w-1", 4, trial, 0.5, cpu}, {"w-2", 64, trial, 0.125, gpu}, {"w-3", 0, "", 0, {}}};
  }

 private:
  static Answer no() { return {false, "a sample changes nothing", nlohmann::json::object()}; }
  SampleStore store_;
};

}  // namespace medley::test
