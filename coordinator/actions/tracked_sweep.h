#pragma once

#include <algorithm>
#include <ctime>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/actions/trials.h"
#include "storage/reader.h"
#include "sweep/report/config_names.h"

namespace medley::coordinator {

/// A trial as a tracker of experiments sees it.
struct TrackedRun {
  std::string id;           ///< of the trial
  std::string config;       ///< id
  std::string config_name;  ///< in words, as reports say it
  std::string place;        ///< "fold 0, seed 1", with ", repeat 2" of made folds
  std::string state;        ///< as `medley trials` says it
  int fold = 0;
  std::uint64_t seed = 0;
  storage::TimeMs started = 0;  ///< its end less the seconds of training; submission of the sweep before it has ended
  storage::TimeMs ended = 0;    ///< 0 before
  nlohmann::json settings;      ///< all of its config
  /// What the sweep varies, where this config does: numbers, true, false or text.
  nlohmann::json varied;
  nlohmann::json columns;                   ///< of `medley trials`, without those that are null
  std::vector<sweep::EpochMetrics> epochs;  ///< empty before it has a result

  /// Its end, or its start before it has ended.
  storage::TimeMs known_last() const { return std::max(started, ended); }
  bool has_ended() const;
  int last_epoch() const { return epochs.empty() ? 0 : epochs.back().epoch; }
};

/// A sweep as trackers see it: a run a trial.
class TrackedSweep {
 public:
  /// Throws storage::Error.
  TrackedSweep(storage::Reader& reader, const storage::SweepSummary& sweep);

  const storage::SweepSummary& sweep() const { return sweep_; }
  int runs() const { return static_cast<int>(trials_.lines().size()); }
  /// Of these, runs that have not ended.
  int unended() const;
  /// What is said of all runs: the dataset, whether it is synthetic, and the version of Medley.
  nlohmann::json facts() const;
  /// In trial order; the epochs of a few are in memory. Throws storage::Error.
  void each(const std::function<void(const TrackedRun&)>& visit) const;
  /// The same without epochs.
  void each_without_epochs(const std::function<void(const TrackedRun&)>& visit) const;

 private:
  TrackedSweep(storage::Reader& reader, const storage::SweepSummary& sweep, const sweep::Report& report);
  TrackedRun run_of(const TrialLine& line) const;

  storage::Reader& reader_;
  storage::SweepSummary sweep_;
  TrialList trials_;
  sweep::ConfigNames names_;
};

/// The numbers of an epoch under the names of the view `v_epoch`, with "epoch/" before them, and its loss terms.
std::vector<std::pair<std::string, double>> epoch_numbers(const sweep::EpochMetrics& epoch);

/// In the time of this host.
std::tm local_time(storage::TimeMs time);

/// A name of a file or folder that `text` becomes: "/" and control characters are "_".
std::string file_name_of(std::string text);

}  // namespace medley::coordinator
