#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "storage/ensemble_record.h"
#include "storage/error.h"
#include "storage/store_folder.h"
#include "sweep/result_parts.h"

namespace medley::storage {

/// The entries [first, last) of a list.
struct Slice {
  std::size_t first = 0, last = 0;
};
struct RoundSlice {
  Slice configs, trials, likely;
};

/// The one writer of a store. One thread owns it (the coordinator's). A second writer on the same folder, in this
/// process or another, is refused with the holder's process id.
///
/// Every change is made inside a Group: a transaction that is on disk, against kill -9 and loss of power, when commit()
/// returns. Group what one round of scheduler commands records, commit, then send messages.
///
/// When a write fails (disk full, folder read-only) the call throws Error naming the operation, the file and the cause.
/// The group is rolled back completely, and the writer may be used again.
class Writer {
 public:
  /// Opens the store in `folder`, making the folder, its subfolders and the database when absent and migrating an older
  /// schema. Throws Error when another writer holds it, when it was made by a newer version, when medley.db is not
  /// Medley's, or when it cannot be written.
  explicit Writer(const std::filesystem::path& folder, const StorePlace& place = {});
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// The open transaction. At most one at a time; all writing calls below need one. Rolled back when destroyed
  /// uncommitted.
  class Group {
   public:
    explicit Group(Writer& writer);
    ~Group();
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;
    /// Durable when it returns. When it throws, nothing of the group is in the store.
    void commit();

   private:
    Writer& writer_;
    bool open_ = true;
  };

  /// Registers a dataset by fingerprint; again: updates folder, name and test clips.
  void register_dataset(const DatasetRecord& dataset, TimeMs now);

  /// A result that is not what was stored.
  struct SetAside {
    std::string trial;
    std::string fault;  ///< what has changed
  };
  struct Submitted {
    std::string id;                   ///< sweep_id()
    bool created = false;             ///< false: it was there; what does not change its trials is updated
    std::string name;                 ///< the submission's; with "-2" and so on behind where another sweep has that
    std::string namesake;             ///< id of the sweep that has the submission's name; "" where this one has it
    int finished = 0;                 ///< trials of the sweep that have a result already
    std::vector<SetAside> set_aside;  ///< that a coordinator found since it started, and trains again
  };
  /// Stores a sweep, its configs and its trials (state kRunning); trials that other sweeps have are shared. Throws
  /// Error when the dataset is not registered or a trial's config is not in `configs`.
  Submitted submit_sweep(const SweepSubmission& submission, TimeMs now);
  /// The same in steps, each in a Group of its own, because a large sweep takes a while: begin, then, if `created`, all
  /// configs and all trials by slices, then end. Readers see the sweep when it has ended.
  Submitted begin_sweep(const SweepSubmission& submission);
  void add_configs(const std::string& sweep, const SweepSubmission& submission, Slice slice);
  void add_trials(const std::string& sweep, const SweepSubmission& submission, Slice slice);
  void end_sweep(const SweepSubmission& submission, Submitted& submitted, TimeMs now);
  /// Removes sweeps that were begun and did not end.
  void remove_unsubmitted();
  /// Stores a sweep of another store, which this one lacks, under its id, with its times and as its comparisons were
  /// declared. Returns the name that it has here. Throws Error as submit_sweep().
  std::string adopt_sweep(const SweepSubmission& submission, const SweepOrigin& origin);
  /// Stores what the search of a sweep decided, and adds the trials that it asks for; they may be likely ones of the
  /// round before. Throws Error when the number is not the next, or the search was done.
  void add_round(const std::string& sweep, const SearchRound& round, TimeMs now);
  /// Stores configs and trials that the round will add, so that this takes little: what is stored already costs least.
  void prepare_round(const std::string& sweep, const SearchRound& round, RoundSlice slice);
  /// Removes held-out Scores of a sweep's runs, at most `at_most`. False: there were none.
  bool forget_scores(const std::string& sweep, int at_most);
  /// Stores others by slices.
  void add_scores(const std::string& sweep, const SweepScores& scores, Slice slice);
  /// In place of what was stored of these configs before.
  void keep_measured(const std::string& sweep, const sweep::HeldOutDecode& decode,
                     const std::vector<MeasuredConfig>& configs, Slice slice);
  /// They are all there, and were measured from this number of results.
  void note_scored(const std::string& sweep, int results);
  void set_sweep_state(const std::string& sweep, sweep::SweepState state, TimeMs now);
  void set_sweep_priority(const std::string& sweep, int priority);
  /// Throws Error when there is no such sweep, or another one has the name.
  void mark_sweep(const std::string& sweep, const SweepMarkChange& change);

  struct Removed {
    int trials = 0;  ///< of no other sweep and no ensemble
    int results = 0;
  };
  /// Removes a sweep from the store. Results stay, for a sweep that asks for the same trials, unless `with_results`
  /// says to remove those of no other sweep and no ensemble. Throws Error naming the ensemble that was fitted on it.
  Removed remove_sweep(const std::string& sweep, bool with_results);
  /// The same of a large sweep, by slices and without results: readers see it no more, and remove_unsubmitted() removes
  /// the rest where the writer is killed. Returns its name. Trials without a result stay, for remove_unreferenced().
  std::string withdraw_sweep(const std::string& sweep, TimeMs now);
  /// Removes at most `at_most` rows of a withdrawn sweep. False: it is gone.
  bool clear_withdrawn(const std::string& sweep, int at_most);
  void remove_ensemble(std::int64_t id);

  /// Inserts a worker or updates one that joins again; state kJoined.
  void worker_joined(const WorkerRecord& worker, TimeMs now);
  void set_worker_state(const std::string& worker, sweep::WorkerState state, const std::string& reason, TimeMs now);

  /// Attempts of one pack, assigned to `worker` (which must have joined). Call, and commit, before they are sent.
  /// Throws Error when a trial is finished, already has a running attempt, or the number is not the next.
  void begin_attempts(const std::string& worker, std::int64_t pack, const std::vector<sweep::AttemptId>& attempts,
                      TimeMs now);
  /// Ends a running attempt as kFailed, kLost or kCancelled. False, and no change, when it is not running. The first
  /// two count as failures of the trial, unless `counts` is false.
  bool end_attempt(const sweep::AttemptId& attempt, sweep::AttemptState state, const std::string& reason, TimeMs now,
                   bool counts = true);

  /// A failure of an attempt that ended counts no more: its worker, taken for dead, came back.
  void excuse_attempt(const sweep::AttemptId& attempt);

  /// Cancels running attempts of trials that no sweep asks for, nor will probably ask for next: a coordinator that died
  /// may have left some.
  void end_unwanted(TimeMs now);

  /// Reads the results of those of `trials` that are finished. One that has changed since it was stored is removed, its
  /// attempt counts for nothing any more, its trial is pending again, and finished sweeps that hold it run again. Its
  /// scheduler must not know the trials yet.
  std::vector<SetAside> set_aside_changed(const std::vector<std::string>& trials, TimeMs now);

  /// Does the same with the finished ones of `trials` for a reason of somebody's own, and returns their results. Throws
  /// Error naming the ensemble that a trial is a member of.
  std::vector<sweep::TrialResult> discard(const std::vector<std::string>& trials, const std::string& reason,
                                          TimeMs now);

  enum class Accepted { kAccepted, kAlreadyFinished };
  /// Stores a trial's result and marks the attempt finished (also one that was written off: late adoption), a running
  /// duplicate attempt of the trial cancelled. Exactly once: kAlreadyFinished, and no change, for a second result.
  /// `delivered_by`: id of the worker that sent it. Throws Error when the trial or the attempt is unknown, or the
  /// result's sizes contradict its dataset.
  Accepted accept_result(const sweep::AttemptId& attempt, const std::string& delivered_by,
                         const sweep::ResultRecord& record, TimeMs now);

  /// Why accept_result() would refuse this result, or "": for a coordinator to ask before it decides, so that what a
  /// worker sent cannot break a group. Throws Error only when the database cannot be read.
  std::string result_problem(const sweep::AttemptId& attempt, const sweep::TrialResult& result);

  /// The retry budget is spent. No change when the trial is finished.
  void fail_trial(const std::string& trial, const std::string& reason, TimeMs now);
  /// A failed trial is pending again with a fresh budget. No change when it is not failed.
  void retry_trial(const std::string& trial, TimeMs now);

  /// False: there is no such config.
  bool mark_config(const std::string& config, const ConfigMarkChange& change);

  /// Return the new id.
  std::int64_t save_ensemble(const EnsembleRecord& ensemble);
  std::int64_t save_export(const ExportRecord& record);

  /// What happened and people may want to know: `subject` is a sweep, trial or worker id, or "".
  void log_event(const std::string& kind, const std::string& subject, const std::string& text, TimeMs now);

  /// What no row refers to, and no person marked.
  struct Unreferenced {
    std::vector<std::string> trials;  ///< of no sweep, without a result
    int configs = 0;
    int datasets = 0;
  };
  Unreferenced remove_unreferenced();
  /// Rewrites the database without free pages, and empties its log. Outside of a Group.
  void compact();

  /// The next unused pack number.
  std::int64_t next_pack();
  const std::filesystem::path& folder() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace medley::storage
