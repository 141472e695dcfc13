#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/ensemble_record.h"
#include "storage/error.h"
#include "storage/records.h"
#include "sweep/head_fusion.h"
#include "sweep/protocol.h"
#include "sweep/report/report.h"

namespace medley::storage {

struct SweepSummary {
  std::string id;
  std::string name;
  std::string description;  ///< "" when the file gives none
  std::string dataset;      ///< fingerprint
  std::string dataset_name;
  bool synthetic = false;  ///< of the dataset: said wherever numbers are shown
  std::string spec_file;
  sweep::SweepState state = sweep::SweepState::kRunning;
  sweep::SweepStanding standing = sweep::SweepStanding::kQueued;  ///< of `state`, the counts and the coordinator
  int priority = 0;
  TimeMs created = 0;
  TimeMs ended = 0;                                 ///< when it was finished or stopped; 0 before
  std::vector<sweep::Partition> partitions = {{}};  ///< the official one, or repeats of made folds
  std::vector<int> folds;                           ///< of each
  std::vector<std::uint64_t> seeds;
  nlohmann::json axes;
  std::vector<sweep::Family> families;
  sweep::HeldOutDecode decode;                ///< of its reports
  std::string reference;                      ///< config id; "" when the file names none
  std::map<std::string, std::string> labels;  ///< that reports show; empty when the file gives none
  nlohmann::json search;                      ///< how it chooses its trials; null: all at once
  std::string test_fingerprint;               ///< of the test clips when it was submitted; "" none
  std::string note;
  std::vector<std::string> tags;
  bool archived = false;   ///< lists leave it out
  int rounds = 0;          ///< that its search has decided
  int scored = 0;          ///< results that its stored Scores of runs were measured from
  bool searching = false;  ///< its search may ask for more
  int configs = 0;
  int trials = 0;
  int finished = 0;  ///< with a result, diverged ones included
  int diverged = 0;
  int failed = 0;                          ///< retry budget spent
  int running = 0;                         ///< pending with a running attempt; 0 without a coordinator
  std::optional<double> best_paper_score;  ///< over single trials, paper-style; none without a number
  double training_seconds = 0;             ///< sum over finished trials of TrialResult::seconds
};

/// All that a sweep may ask for: every config in every fold of every partition with every seed.
int most_trials(const SweepSummary& sweep);

/// A config as a sweep holds it.
struct SweepConfigRow {
  std::string id;  ///< sweep::config_id()
  sweep::Config config;
  nlohmann::json axis_values;
};

/// What the search of a sweep decided.
struct RoundRow {
  int number = 0;
  TimeMs decided = 0;
  sweep::Step step;  ///< configs by their position in sweep_configs()
};

/// How far a config of a sweep is.
struct ConfigProgress {
  std::string config;  ///< id
  int finished = 0;    ///< trials with a result, diverged ones included
  int failed = 0;      ///< trials whose retry budget is spent
  TimeMs ended = 0;    ///< when the last of these ended; 0: none has
  int trials = 0;      ///< that the sweep has asked for
  bool over() const { return finished + failed == trials; }
};

struct Page {
  int offset = 0;
  int limit = 100;  ///< at most kMaxPage
};
inline constexpr int kMaxPage = 10000;

/// One line of a sweep's list of trials.
struct TrialRow {
  std::string trial;
  std::string config;
  int fold = 0;
  std::uint64_t seed = 0;
  sweep::TrialState state = sweep::TrialState::kPending;
  bool running = false;
  std::optional<sweep::Outcome> outcome;  ///< of finished trials
  int attempts = 0;
  std::string worker;  ///< id, of the newest attempt
  std::string worker_name;
  std::string reason;  ///< why it failed or diverged
  int paper_epoch = 0;
  sweep::Accuracy paper;
  double seconds = 0;
  TimeMs ended = 0;
  std::string partition;  ///< sweep::partition_text()
  bool changed = false;   ///< its result is not what was stored: `reason` says so, and its numbers are left out
};
/// What trials are listed by; those without such a number come last.
#define MEDLEY_TRIAL_ORDER(X) \
  X(kPosition, "position")    \
  X(kEnded, "ended")          \
  X(kSeconds, "seconds") X(kAttempts, "attempts") X(kScore, "paper_score") X(kHeldOut, "held_out_score")
MEDLEY_NAMED_ENUM(TrialOrder, MEDLEY_TRIAL_ORDER)

struct TrialFilter {
  std::string config;  ///< "" any
  std::optional<int> fold;
  std::optional<std::uint64_t> seed;
  std::optional<sweep::TrialState> state;
  std::optional<std::string> partition = {};  ///< sweep::partition_text()
  bool running = false;                       ///< those with a running attempt only
  bool diverged = false;                      ///< those only
};
/// What the 16 hexadecimal digits of a trial's id say.
inline std::uint64_t trial_number(const std::string& id) { return std::strtoull(id.c_str(), nullptr, 16); }
struct TrialSorting {
  TrialOrder order = TrialOrder::kPosition;
  bool descending = false;
  /// Of kHeldOut, in order of trial_number(): reports measure them, and the store alone does not know them.
  std::vector<std::pair<std::uint64_t, double>> held_out = {};
};

struct AttemptRow {
  int number = 0;
  std::string worker;
  std::string worker_name;
  std::int64_t pack = 0;
  sweep::AttemptState state = sweep::AttemptState::kRunning;
  std::string reason;
  TimeMs started = 0;
  TimeMs ended = 0;  ///< 0 while it runs
};

/// One trial in full.
struct TrialDetail {
  sweep::TrialSpec spec;
  std::string dataset;
  sweep::TrialState state = sweep::TrialState::kPending;
  std::string reason;  ///< why it failed
  std::vector<AttemptRow> attempts;
  /// The sweeps that hold it.
  struct InSweep {
    std::string id;
    std::string name;
  };
  std::vector<InSweep> sweeps;
  std::optional<sweep::TrialResult> result;  ///< of finished trials, as accepted
  std::string delivered_by;                  ///< id of the worker that sent it
  TimeMs ended = 0;
};

/// What one snapshot of one trial says of the clips of one split; its parts are empty when the trial has none.
struct TrialPredictions : sweep::Predictions {
  std::string trial;
  std::string config;
  int fold = 0;
  std::uint64_t seed = 0;
  sweep::Partition partition;
  std::string test_fingerprint;             ///< of the test clips that it predicted; "" without
  int paper_epoch = 0, held_out_epoch = 0;  ///< as in sweep::TrialResult
};

struct EpochSeries {
  std::string trial;
  std::vector<sweep::EpochMetrics> epochs;
};

struct WorkerRow {
  WorkerRecord worker;
  sweep::WorkerState state = sweep::WorkerState::kJoined;
  std::string reason;
  TimeMs joined = 0;
  TimeMs changed = 0;
  int running = 0;  ///< attempts
  int finished = 0;
  int failed = 0;  ///< failed or lost
};

struct LogRow {
  std::int64_t id = 0;
  TimeMs time = 0;
  std::string kind;
  std::string subject;
  std::string text;
};

/// What the scheduler is told of each trial of a sweep, at recovery as at submission: feed it to
/// coordinator::SweepSubmitted.
struct TrialHistory {
  std::string trial;
  std::string config;  ///< id
  sweep::TrialState state = sweep::TrialState::kPending;
  int attempts = 0;            ///< number of the newest attempt; 0 none
  int failures = 0;            ///< failed or lost attempts that count, since the last retry_trial()
  std::string running_worker;  ///< of the newest attempt when it is running, else ""
  std::int64_t running_pack = 0;
  std::string test_fingerprint;  ///< of the test clips that its training reads; "" where it reads none
};

/// Reads a store through a read-only connection, also while a writer is at work. Not thread-safe: one a thread (opening
/// is cheap). Every call sees one consistent state; a Snapshot makes several calls see the same one.
/// Ids are full ids unless said otherwise. All calls throw Error when the database cannot be read, and those that give
/// predictions, importance or a whole result throw ChangedResult where it is not what was stored.
class Reader {
 public:
  /// Throws Error when there is no store in `folder`, or it was made by a newer version, or it is older and no writer
  /// has migrated it yet.
  explicit Reader(const std::filesystem::path& folder);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  const std::filesystem::path& folder() const;  ///< of the store

  class Snapshot {
   public:
    explicit Snapshot(Reader& reader);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

   private:
    Reader& reader_;
  };

  /// Newest first.
  std::vector<SweepSummary> sweeps();
  /// By id, name, or unique prefix of ids and names.
  std::optional<SweepSummary> find_sweep(const std::string& id_or_name);
  /// One that must be there, by its id. Throws Error.
  SweepSummary stored_sweep(const std::string& id);
  /// Why it was stopped last; "" where somebody asked for it.
  std::string why_stopped(const std::string& sweep);
  /// Most frequent first.
  std::vector<sweep::FailureReason> failure_reasons(const std::string& sweep);
  /// Number of results of each arithmetic.
  std::map<std::string, int> arithmetics(const std::string& sweep);
  /// `id` in full.
  bool has_sweep(const std::string& id);
  /// The text of the sweep file as submitted last; "" when there is no such sweep.
  std::string sweep_yaml(const std::string& sweep);
  /// In order of submission.
  std::vector<SweepConfigRow> sweep_configs(const std::string& sweep);
  /// Trials that a sweep has asked for, or that its search will probably ask for next.
  enum class Trials { kAsked, kLikely };
  /// Their specs, in trial order: what a coordinator assigns.
  std::vector<sweep::TrialSpec> sweep_trials(const std::string& sweep, Trials which = Trials::kAsked);
  /// In order; empty without a search.
  std::vector<RoundRow> rounds(const std::string& sweep);

  /// In order of submission.
  std::vector<ConfigProgress> config_progress(const std::string& sweep);
  /// The finished trials of `configs` (ids) in the sweep, diverged ones too, a config at a time: about 10 KB a trial.
  /// Returns those that are left out, because their results are not those that were stored.
  std::vector<std::string> each_config_scores(
      const std::string& sweep, const std::vector<std::string>& configs,
      const std::function<void(const std::string& config, std::vector<sweep::TrialScores>& trials)>& visit);
  /// What the store keeps of the configs of a sweep, measured by this version with this decode. What is not as it was
  /// stored is left out, and so is what was true once: compare `results` and `ended`.
  void each_measured(const std::string& sweep, const sweep::HeldOutDecode& decode,
                     const std::function<void(const MeasuredConfig& measured)>& visit);
  /// There are any of this version.
  bool is_measured(const std::string& sweep);
  std::vector<TrialRow> trials(const std::string& sweep, const TrialFilter& filter = {}, Page page = {},
                               const TrialSorting& sorting = {});
  int count_trials(const std::string& sweep, const TrialFilter& filter = {});

  /// By id or unique prefix of at least 4 digits. Throws Error when a prefix is ambiguous, naming candidates.
  static constexpr std::size_t kFewestDigits = 4;  ///< of an id that is given by its first digits
  std::optional<TrialDetail> find_trial(const std::string& id);
  /// Paper-style Score of each epoch of trials, by their ids; those without a result are left out.
  std::map<std::string, std::vector<double>> epoch_scores(const std::vector<std::string>& trials);
  /// Curves of several trials at once.
  std::vector<EpochSeries> epochs(const std::vector<std::string>& trials);

  /// Fused probabilities of the finished, not diverged trials of a config (any sweep, this dataset) with this seed in
  /// this partition, by fold ascending. Pool the folds for out-of-fold predictions: rows of each are the clips of its
  /// fold in dataset order.
  std::vector<TrialPredictions> predictions(const std::string& dataset, const std::string& config,
                                            const sweep::Partition& partition, std::uint64_t seed,
                                            sweep::Protocol protocol, Split split);
  /// The same of given trials, in their order; trials without a result are left out.
  std::vector<TrialPredictions> predictions(const std::vector<std::string>& trials, sweep::Protocol protocol,
                                            Split split);
  /// Importance of given trials (those finished with a gate), in their order: {trial id, importance}.
  std::vector<std::pair<std::string, sweep::Importance>> importance(const std::vector<std::string>& trials);

  std::vector<std::string> dataset_fingerprints();
  /// By fingerprint or a unique prefix of it.
  std::optional<DatasetRecord> find_dataset(const std::string& fingerprint);
  /// One that must be there. Throws Error where it is not.
  DatasetRecord stored_dataset(const std::string& fingerprint);

  std::vector<WorkerRow> workers();
  /// How many ever joined.
  int known_workers();
  /// By config id; those that nobody has marked are left out.
  std::map<std::string, ConfigMark> marks();
  /// Newest first, with members. Both throw Error naming an ensemble that this version cannot read.
  std::vector<EnsembleRecord> ensembles();
  std::optional<EnsembleRecord> find_ensemble(std::int64_t id);
  /// Ids of the trials that are members of any ensemble, also of one that cannot be read.
  std::vector<std::string> members();
  std::vector<ExportRecord> exports();  ///< newest first
  /// Entries with id > `after`, oldest first, at most `limit`.
  std::vector<LogRow> log(std::int64_t after = 0, int limit = 100);

  /// In the order of the input; nullopt for an id that the store does not know.
  std::vector<std::optional<sweep::TrialState>> states(const std::vector<std::string>& trials);
  /// Those of `trials` whose result is not what was stored (Writer::set_aside_changed).
  std::vector<std::string> changed_results(const std::vector<std::string>& trials);
  /// With an attempt that has not ended.
  std::vector<std::string> running_trials();
  /// For the scheduler, in trial order.
  std::vector<TrialHistory> trial_histories(const std::string& sweep, Trials which = Trials::kAsked);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// True when `folder` holds a store. False where its database is empty still: whoever made it was interrupted.
bool store_exists(const std::filesystem::path& folder);

}  // namespace medley::storage
