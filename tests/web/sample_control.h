#pragma once

#include <string>
#include <vector>

#include "web/control.h"

namespace medley::test {

/// The sample's workers at work, as a coordinator would know them; changes nothing. w-1 trains on a CPU, w-2 on a GPU,
/// w-3 has not said anything yet.
class SampleControl : public web::Control {
 public:
  explicit SampleControl(std::string running_trial) : running_trial_(std::move(running_trial)) {}

  Answer pause(const std::string&) override { return no(); }
  Answer resume(const std::string&) override { return no(); }
  Answer stop(const std::string&) override { return no(); }
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
  Answer export_ensemble(std::int64_t, const std::string&) override { return no(); }

  std::vector<WorkerNow> workers() override {
    sweep::Usage cpu;
    cpu.cpu = 0.975;
    cpu.resident_bytes = 412'000'000;
    sweep::Usage gpu = cpu;
    gpu.cpu = 1.5;
    gpu.gpu = sweep::Usage::Gpu{0.25, std::int64_t{36} << 30, std::int64_t{144} << 30};
    return {{"w-1", 4, running_trial_, 0.5, cpu}, {"w-2", 64, running_trial_, 0.125, gpu}, {"w-3", 0, "", 0, {}}};
  }

 private:
  static Answer no() { return {false, "a sample changes nothing", nlohmann::json::object()}; }
  std::string running_trial_;
};

}  // namespace medley::test
