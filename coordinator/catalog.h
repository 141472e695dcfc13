#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/scheduler/scheduler.h"
#include "coordinator/status.h"
#include "storage/reader.h"
#include "storage/writer.h"
#include "sweep/config.h"
#include "sweep/score/admission.h"

namespace medley::coordinator {

/// Trials of a sweep as the store has them. Reading those of a large sweep takes a while.
struct StoredTrials {
  storage::SweepSummary sweep;
  storage::DatasetRecord dataset;
  storage::Reader::Trials which = storage::Reader::Trials::kAsked;
  std::vector<sweep::TrialSpec> specs;
  std::vector<storage::TrialHistory> histories;  ///< of the same trials
};
/// Any thread. Throws Error when the store contradicts itself.
StoredTrials read_trials(storage::Reader& reader, const std::string& sweep, storage::Reader::Trials which);

/// What the coordinator must know of sweeps and trials, beyond what the scheduler does, to assign trials and to show
/// how far they are. Read from the store once a sweep. One thread.
class Catalog {
 public:
  struct Dataset {
    std::string fingerprint;
    std::string folder;
    std::map<sweep::Partition, sweep::Promise> promises;  ///< of the partitions that sweeps have
  };
  struct Trial {
    std::shared_ptr<const sweep::Config> config;
    int fold = 0;
    std::uint64_t seed = 0;
    sweep::Partition partition;
    const Dataset* dataset = nullptr;
    std::string test_fingerprint;     ///< of the test clips that its training reads; "" where it reads none
    std::vector<std::size_t> sweeps;  ///< indices into sweeps()
  };

  /// Makes a stored sweep known here, or what changed of a known one.
  void note(const storage::SweepSummary& summary);
  /// Makes trials of a known sweep known here: as the scheduler is told of them.
  std::vector<SubmittedTrial> take(const StoredTrials& stored, storage::Slice slice);
  /// Where the dataset lies now: it may have moved. Promises are of the partitions known before, and of `also`.
  const Dataset& note(const storage::DatasetRecord& record, const std::vector<sweep::Partition>& also = {});

  /// It was removed from the store. Its trials stay known.
  void forget(const std::string& sweep);

  /// In order of submission; without an id: removed.
  std::deque<SweepStatus>& sweeps() { return sweeps_; }
  const std::deque<SweepStatus>& sweeps() const { return sweeps_; }
  /// nullptr: unknown.
  SweepStatus* find_sweep(const std::string& id);
  const Trial* find_trial(const std::string& id) const;
  /// What the worker that trains it is told.
  static sweep::TrialSpec spec_of(const std::string& id, const Trial& trial);
  /// Those that hold this trial, which is known.
  std::vector<SweepStatus*> sweeps_of(const std::string& trial);

 private:
  std::shared_ptr<const sweep::Config> shared(const std::string& id, const sweep::Config& config);

  std::deque<SweepStatus> sweeps_;
  std::map<std::string, std::size_t> sweep_index_;
  std::map<std::string, Dataset> datasets_;  ///< by fingerprint
  std::map<std::string, Trial> trials_;
  std::map<std::string, std::shared_ptr<const sweep::Config>> configs_;  ///< by config id
  std::map<std::string, std::string> keys_;                              ///< config id -> fusibility key
};

}  // namespace medley::coordinator
