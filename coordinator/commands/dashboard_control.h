#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "coordinator/actions/sweep_file.h"
#include "coordinator/coordinator.h"
#include "trainer/data/dataset.h"
#include "web/control.h"

namespace medley::coordinator {

/// What the dashboard may change, by a running coordinator. Any thread. Ends before the coordinator does, and waits for
/// an ensemble that is being fitted.
class DashboardControl final : public web::Control {
 public:
  /// Sweep files with `on` are refused unless it is obeyed: it may run any command.
  DashboardControl(Coordinator& coordinator, std::filesystem::path store, bool obeys_on = false);
  ~DashboardControl() override;
  DashboardControl(const DashboardControl&) = delete;
  DashboardControl& operator=(const DashboardControl&) = delete;

  Answer pause(const std::string& sweep_id) override { return said(coordinator_.pause(sweep_id)); }
  Answer resume(const std::string& sweep_id) override { return said(coordinator_.resume(sweep_id)); }
  Answer stop(const std::string& sweep_id) override { return said(coordinator_.stop(sweep_id)); }
  Answer remove_sweep(const std::string& sweep_id) override { return said(coordinator_.remove_sweep(sweep_id)); }
  Answer retry(const std::string& trial_id) override { return said(coordinator_.retry(trial_id)); }
  Answer retry_sweep(const std::string& sweep_id) override { return said(coordinator_.retry_sweep(sweep_id)); }
  Answer release(const std::string& worker_id) override { return said(coordinator_.release(worker_id)); }
  Answer pause_worker(const std::string& worker_id) override { return said(coordinator_.pause_worker(worker_id)); }
  Answer send_away(const std::string& worker_id) override { return said(coordinator_.send_away(worker_id)); }

  Answer add_configs(const std::string& sweep_id, const nlohmann::json& configs, bool done) override;
  Answer mark(const std::string& config_id, const storage::ConfigMarkChange& change) override;
  Answer mark_sweep(const std::string& sweep_id, const storage::SweepMarkChange& change) override {
    return said(coordinator_.mark_sweep(sweep_id, change));
  }
  Answer plan(const SweepForm& form) override;
  Answer submit(const SweepForm& form) override;
  Answer build_ensemble(const std::string& sweep_id, const sweep::EnsembleRequest& request) override;
  nlohmann::json fits() override;
  std::vector<WorkerNow> workers() override;
  nlohmann::json launches() override;
  std::vector<sweep::LiveTrial> live_of_sweep(const std::string& sweep_id) override {
    return coordinator_.live_of_sweep(sweep_id);
  }
  std::vector<sweep::LiveTrial> live_of_trial(const std::string& trial_id) override {
    return coordinator_.live_of_trial(trial_id);
  }
  Answer export_ensemble(std::int64_t id, const std::string& member) override;

 private:
  static Answer said(Coordinator::Answer answer) { return {answer.done, std::move(answer.message)}; }
  data::Dataset dataset(const SweepForm& form);
  SweepFile sweep_file(const SweepForm& form);
  void fit(const std::string& sweep_id, const sweep::EnsembleRequest& request);

  Coordinator& coordinator_;
  std::filesystem::path store_;
  const bool obeys_on_;

  std::mutex mutex_;
  data::Dataset dataset_;  ///< read last: loading reads every feature
  std::string files_;      ///< of its folder, as they were then
  std::thread builder_;
  nlohmann::json fits_ = nlohmann::json::array();  ///< as fits() says them; the builder is at work on one not ended
};

}  // namespace medley::coordinator
