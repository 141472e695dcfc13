#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "storage/records.h"
#include "sweep/live_trial.h"
#include "sweep/score/ensemble_request.h"
#include "sweep/usage.h"

namespace medley::web {

/// What the dashboard may change. The coordinator implements it and hands each request to its own thread.
/// Called from several HTTP threads at once, with full ids of what is in the store; must not block for longer
/// than a few seconds.
class Control {
 public:
  struct Answer {
    bool done = false;
    std::string message;                                ///< what was done, or why not: shown to the user as it is
    nlohmann::json details = nlohmann::json::object();  ///< sent beside the message
  };
  /// A sweep file as text, and the dataset that it is for: a registered one, or any folder of the coordinator's host.
  struct SweepForm {
    std::string yaml;
    std::string dataset;  ///< fingerprint; "": `folder` says it
    std::string folder;   ///< absolute
    std::string file;     ///< that the text was read from, and is named for; "" none
  };
  /// What is known of a worker for the moment and stored nowhere.
  struct WorkerNow {
    std::string id;
    int trials = 0;                     ///< that it has in hand
    std::string first_trial;            ///< of those
    double progress = 0;                ///< of its pack, 0 to 1
    std::optional<sweep::Usage> usage;  ///< nullopt: it has not said
  };

  virtual ~Control() = default;
  virtual Answer pause(const std::string& sweep_id) = 0;
  virtual Answer resume(const std::string& sweep_id) = 0;
  virtual Answer stop(const std::string& sweep_id) = 0;
  /// Removes a sweep that is finished or stopped; results of its trials stay.
  virtual Answer remove_sweep(const std::string& sweep_id) = 0;
  /// Gives a failed trial a fresh retry budget.
  virtual Answer retry(const std::string& trial_id) = 0;
  /// ... and every failed trial of a sweep.
  virtual Answer retry_sweep(const std::string& sweep_id) = 0;
  /// Configs of a sweep that others search: a list of objects of settings. `done`: they are the last. Details:
  /// `configs`, their ids in the same order.
  virtual Answer add_configs(const std::string& sweep_id, const nlohmann::json& configs, bool done) = 0;
  /// Pins, tags, notes of a config; the answer is not done when there is no such config.
  virtual Answer mark(const std::string& config_id, const storage::ConfigMarkChange& change) = 0;
  /// Name, note, tags of a sweep, and whether lists leave it out. Not done where another sweep has the name.
  virtual Answer mark_sweep(const std::string& sweep_id, const storage::SweepMarkChange& change) = 0;
  /// Lets a quarantined worker have trials again.
  virtual Answer release(const std::string& worker_id) = 0;
  /// Gives a worker no more trials until it is released.
  virtual Answer pause_worker(const std::string& worker_id) = 0;
  /// Has a worker save what it trains, and end.
  virtual Answer send_away(const std::string& worker_id) = 0;

  /// What `medley plan --json` prints of it, or its errors; nothing is changed. `done`: there are none.
  virtual Answer plan(const SweepForm& form) = 0;
  /// Submits it; details: `sweep`, its id. Not done, with `errors`, when it has any.
  virtual Answer submit(const SweepForm& form) = 0;
  /// Begins to fit an ensemble; one at a time. It takes a while: fits() says when it has ended. Details: `since_ms`, by
  /// which fits() knows it.
  virtual Answer build_ensemble(const std::string& sweep_id, const sweep::EnsembleRequest& request) = 0;
  /// The fits of this coordinator, the newest first, as many as it remembers: [{"sweep", "since_ms", "ended"}], with
  /// {"ensemble"}, its id, or {"error"} of one that has ended. No two have the same `since_ms`.
  virtual nlohmann::json fits() = 0;
  /// Those that have joined and not left.
  virtual std::vector<WorkerNow> workers() { return {}; }
  /// Launches of workers whose number something holds, as schema Launch.
  virtual nlohmann::json launches() { return nlohmann::json::array(); }
  /// What is heard of trials in training: those of a sweep, or the one of a trial.
  virtual std::vector<sweep::LiveTrial> live_of_sweep(const std::string& /*sweep_id*/) { return {}; }
  virtual std::vector<sweep::LiveTrial> live_of_trial(const std::string& /*trial_id*/) { return {}; }
  /// Writes the submission archive of an ensemble into the store; details: `export`, its id. `member` names the
  /// archive's file, "" as the challenge does.
  virtual Answer export_ensemble(std::int64_t id, const std::string& member) = 0;
};

/// What is known of each worker at this moment; empty without a coordinator (`control` is nullptr).
inline std::vector<Control::WorkerNow> workers_now(Control* control) {
  return control != nullptr ? control->workers() : std::vector<Control::WorkerNow>();
}

}  // namespace medley::web
