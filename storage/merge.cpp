#include "storage/merge.h"

#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>

#include "storage/database.h"
#include "storage/files/error.h"
#include "storage/files/read.h"
#include "storage/files/write.h"
#include "storage/owner.h"
#include "storage/reader.h"
#include "storage/result_rows.h"
#include "storage/schema.h"
#include "storage/writer.h"

namespace medley::storage {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using sweep::AttemptState;
using sweep::SweepState;
using sweep::TrialState;

constexpr int kResultsInGroup = 64;  // a commit waits for the disk

/// Both in one state, as long as it lives.
class OtherStore {
 public:
  explicit OtherStore(const fs::path& folder)
      : reader(folder), database(readable_database(folder), Database::Mode::kReadOnly) {}
  Reader reader;
  Database database;

 private:
  Transaction transaction_{database, Transaction::Kind::kRead};
  Reader::Snapshot snapshot_{reader};
};

class Merge {
 public:
  Merge(const fs::path& store, OtherStore& other, TimeMs now)
      : store_(store.string()),
        now_(now),
        other_(other),
        writer_(store),
        mine_(store),
        mine_database_(readable_database(store), Database::Mode::kReadOnly) {
    for (const auto& worker : mine_.workers()) workers_.insert(worker.worker.id);
  }

  Merged run(const fs::path& other_folder) {
    std::vector<StoredTrial> trials;
    take("database", [&] { read_stored_trials(other_.database, trials); });
    add_sweeps();
    add_results(trials);
    copy_checkpoints(StoreLayout(other_folder.string()));
    add_marks_and_ensembles(other_folder);
    return std::move(merged_);
  }

 private:
  /// What of the other store cannot be read is named, and the rest is merged.
  template <class Work>
  void take(const std::string& where, Work work) {
    try {
      work();
    } catch (const ChangedResult& error) {
      leave_out(where, error.fault());
    } catch (const SystemError&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      leave_out(where, error.what());
    }
  }
  void leave_out(const std::string& where, const std::string& what) {
    merged_.left_out.push_back(printable({where, what}));
  }

  // ---- Datasets, sweeps, trials -------------------------------------------------------------------------------

  void add_sweeps() {
    std::set<std::string> known;
    for (const std::string& dataset : mine_.dataset_fingerprints()) known.insert(dataset);
    Writer::Group group(writer_);
    for (const std::string& fingerprint : other_.reader.dataset_fingerprints()) {
      if (known.count(fingerprint) > 0) continue;
      std::optional<DatasetRecord> dataset;
      take("dataset " + fingerprint, [&] { dataset = other_.reader.find_dataset(fingerprint); });
      if (!dataset) continue;
      writer_.register_dataset(*dataset, now_);
      known.insert(fingerprint);
      ++merged_.datasets;
    }
    std::set<std::string> here;
    for (const SweepSummary& sweep : mine_.sweeps()) here.insert(sweep.id);
    const std::vector<SweepSummary> sweeps = other_.reader.sweeps();
    for (auto it = sweeps.rbegin(); it != sweeps.rend(); ++it) {  // the oldest first, for it keeps its name
      if (here.count(it->id) > 0) continue;
      std::optional<SweepSubmission> submission;
      std::vector<TrialHistory> histories;
      take("sweep " + it->name, [&] {
        histories = other_.reader.trial_histories(it->id);
        if (known.count(it->dataset) == 0) throw Error("its dataset is not merged");
        submission = submission_of(*it);
      });
      if (submission) add_sweep(*it, *submission, histories);
    }
    group.commit();
  }

  SweepSubmission submission_of(const SweepSummary& sweep) {
    SweepSubmission submission;
    submission.name = sweep.name;
    submission.description = sweep.description;
    submission.yaml = other_.reader.sweep_yaml(sweep.id);
    submission.spec_file = sweep.spec_file;
    submission.dataset = sweep.dataset;
    submission.priority = sweep.priority;
    submission.partitions = sweep.partitions;
    submission.folds = sweep.folds;
    submission.seeds = sweep.seeds;
    submission.axes = sweep.axes;
    submission.families = sweep.families;
    submission.decode = sweep.decode;
    submission.reference = sweep.reference;
    submission.labels = sweep.labels;
    submission.search = sweep.search;
    submission.test_fingerprint = sweep.test_fingerprint;
    for (auto& config : other_.reader.sweep_configs(sweep.id)) {
      submission.configs.push_back({std::move(config.config), std::move(config.axis_values)});
    }
    submission.trials = other_.reader.sweep_trials(sweep.id);
    for (const sweep::TrialSpec& trial : submission.trials) {
      const std::string test = sweep::test_read_by(trial.config, submission.test_fingerprint);
      if (sweep::trial_id(trial.config, trial.fold, trial.seed, sweep.dataset, test, trial.partition) != trial.id) {
        throw Error("config, partition, fold, seed and dataset of trial " + trial.id + " are not those of its id");
      }
    }
    return submission;
  }

  /// What is likely next is left to the coordinator that continues. Configs of rounds are among the submission's.
  std::vector<std::pair<SearchRound, TimeMs>> rounds_of(const SweepSummary& sweep, const SweepSubmission& submission) {
    std::vector<std::pair<SearchRound, TimeMs>> rounds;
    auto trial = submission.trials.begin();  // asked for in this order
    for (const RoundRow& row : other_.reader.rounds(sweep.id)) {
      const auto end = trial + static_cast<std::ptrdiff_t>(row.step.add.size());
      rounds.push_back({{row.number, {trial, end}, {}, row.step.decisions, row.step.done}, row.decided});
      trial = end;
    }
    return rounds;
  }

  void add_sweep(const SweepSummary& sweep, const SweepSubmission& submission,
                 const std::vector<TrialHistory>& histories) {
    // Nobody asked this store to train it.
    const bool over = sweep.state == SweepState::kFinished || sweep.state == SweepState::kStopped;
    const SweepOrigin origin{sweep.id,      sweep.dataset_name,        over ? sweep.state : SweepState::kStopped,
                             sweep.created, over ? sweep.ended : now_, rounds_of(sweep, submission)};
    const std::string name = writer_.adopt_sweep(submission, origin);
    writer_.mark_sweep(sweep.id, {std::nullopt, sweep.note, sweep.tags, sweep.archived});
    ++merged_.sweeps;
    if (name != sweep.name) merged_.notes.push_back("sweep " + sweep.name + " is called " + name + " here");
    std::map<std::string, TrialRow> failures;
    for (int offset = 0; offset < sweep.trials; offset += kMaxPage) {
      for (TrialRow& row : other_.reader.trials(sweep.id, {"", {}, {}, TrialState::kFailed}, {offset, kMaxPage})) {
        failures.emplace(row.trial, row);
      }
    }
    std::vector<std::string> ids;
    for (const TrialHistory& trial : histories) ids.push_back(trial.trial);
    const auto known = mine_.states(ids);  // as it was before the group
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (known[i] || !added_.insert(ids[i]).second) continue;
      ++merged_.trials;
      const auto failed = failures.find(ids[i]);
      if (failed != failures.end()) writer_.fail_trial(ids[i], failed->second.reason, failed->second.ended);
    }
  }

  // ---- Results ------------------------------------------------------------------------------------------------

  void add_results(const std::vector<StoredTrial>& trials) {
    Statement find(mine_database_, "SELECT key, state, attempts, running FROM trial WHERE id = ?");
    std::optional<Writer::Group> group;
    int in_group = 0;
    for (const StoredTrial& trial : trials) {
      if (!trial.finished) continue;
      std::optional<sweep::TrialResult> result;
      take("trial " + trial.id, [&] { result = sound_result(trial); });
      if (!result) continue;
      if (!find.bind(trial.id).step()) {
        leave_out("trial " + trial.id, "it is of no sweep that is merged");
        continue;
      }
      const std::string state = find.text(1);
      const Place place{find.integer(0), state == name_of(TrialState::kFailed), find.whole(2), find.whole(3) != 0};
      find.reset();
      if (state == name_of(TrialState::kFinished)) {
        compare(trial.id, place.key, *result);
        continue;
      }
      if (!group) group.emplace(writer_);
      add_result(trial, place, *result);
      if (++in_group % kResultsInGroup == 0) {
        group->commit();
        group.reset();
      }
    }
    if (group) group->commit();
  }

  /// Where a result goes.
  struct Place {
    std::int64_t key;
    bool failed;
    int attempts;
    bool running;
  };

  /// Sound by what the other store knows of its dataset and by what this one does. Throws otherwise.
  sweep::TrialResult sound_result(const StoredTrial& trial) {
    const sweep::TrialSpec spec = checked_spec(trial);
    const auto promise = [&](Reader& reader, auto& promises) -> const sweep::Promise& {
      auto found = promises.find({trial.dataset, spec.partition});
      if (found == promises.end()) {
        const auto dataset = reader.find_dataset(trial.dataset);
        if (!dataset) throw Error("dataset " + trial.dataset + " cannot be read");
        const sweep::Promise made = promise_of(sweep::partitioned(*dataset, spec.partition));
        found = promises.emplace(std::make_pair(trial.dataset, spec.partition), made).first;
      }
      return found->second;
    };
    sweep::TrialResult result = checked_result(other_.database, trial, spec, promise(other_.reader, other_promises_));
    const std::string problem = sweep::admission_problem(result, spec, promise(mine_, my_promises_));
    if (!problem.empty()) throw Error("its result does not fit the dataset that this store has: " + problem);
    return result;
  }

  void compare(const std::string& id, std::int64_t key, const sweep::TrialResult& theirs) {
    const auto differs = [&](const std::string& what) { merged_.differing.push_back({"trial " + id, what}); };
    try {
      const sweep::TrialResult mine = read_result(mine_database_, key, id);
      const std::string what = difference(mine, theirs);
      const std::string why = mine.arithmetic == theirs.arithmetic ? ""
                                                                   : ", as they may: their arithmetics are " +
                                                                         mine.arithmetic + " and " + theirs.arithmetic;
      if (!what.empty()) return differs("the two results differ in " + what + why);
    } catch (const SystemError&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      return differs(error.what());
    }
    ++merged_.equal;
    agreed_.push_back(id);
  }

  void add_result(const StoredTrial& trial, const Place& place, const sweep::TrialResult& result) {
    Statement from(other_.database,
                   "SELECT a.pack, a.started, a.ended, w.id, w.name, w.capacity, w.ranks, w.device, w.version, "
                   "w.joined, w.changed, r.delivered_by, w.arithmetic FROM result r JOIN attempt a ON a.trial = "
                   "r.trial AND a.number "
                   "= r.attempt "
                   "JOIN worker w ON w.key = a.worker WHERE r.trial = ?");
    if (!from.bind(trial.key).step()) {
      leave_out("trial " + trial.id, "its result is of no attempt");
      return;
    }
    const WorkerRecord worker{from.text(3), from.text(4), from.whole(5), from.whole(6),
                              from.text(7), from.text(8), from.text(12)};
    if (workers_.insert(worker.id).second) {
      writer_.worker_joined(worker, from.integer(9));
      writer_.set_worker_state(worker.id, sweep::WorkerState::kLeft, "", from.integer(10));
    }
    if (place.running) {
      const std::string why = "a merged store had the result";
      writer_.end_attempt({trial.id, place.attempts}, AttemptState::kCancelled, why, now_);
    }
    if (place.failed) writer_.retry_trial(trial.id, now_);
    auto pack = packs_.find(from.integer(0));
    if (pack == packs_.end()) pack = packs_.emplace(from.integer(0), writer_.next_pack()).first;
    const sweep::AttemptId attempt{trial.id, place.attempts + 1};
    writer_.begin_attempts(worker.id, pack->second, {attempt}, from.integer(1));
    writer_.accept_result(attempt, from.text(11), result, from.integer(2));
    ++merged_.results;
    agreed_.push_back(trial.id);
  }

  // ---- What lies beside ---------------------------------------------------------------------------------------

  void copy_checkpoints(const StoreLayout& other) {
    files::rethrow_as<Error>([&] {
      for (const std::string& trial : agreed_) {
        const std::string name = "/" + trial + ".npz";
        std::error_code error;
        if (fs::exists(store_.checkpoints() + name, error)) continue;
        const auto bytes = files::read_if_there(other.checkpoints() + name);
        if (!bytes) continue;
        merged_.checkpoints += files::create(store_.checkpoints() + name, *bytes, files::Durability::kAtomic);
      }
      files::sync_folder(store_.checkpoints());
    });
  }

  static std::string text_of(const EnsembleRecord& ensemble) {
    json members = json::array();
    for (const MemberRecord& member : ensemble.members) members.push_back({member.trial, member.weight});
    return json{ensemble.request.name,   ensemble.dataset,      ensemble.created,
                settings_json(ensemble), scores_json(ensemble), members}
        .dump();
  }

  void add_marks_and_ensembles(const fs::path& other_folder) {
    Writer::Group group(writer_);
    const auto marked = mine_.marks();
    for (const auto& [config, mark] : other_.reader.marks()) {
      if (marked.count(config) > 0) continue;
      merged_.marks += writer_.mark_config(config, {mark.pinned, mark.note, mark.tags});
    }
    std::vector<EnsembleRecord> ensembles;
    take("ensembles", [&] { ensembles = other_.reader.ensembles(); });
    std::set<std::string> known;
    for (const EnsembleRecord& ensemble : mine_.ensembles()) known.insert(text_of(ensemble));
    const std::set<std::string> agreed(agreed_.begin(), agreed_.end());
    for (auto it = ensembles.rbegin(); it != ensembles.rend(); ++it) {
      if (known.count(text_of(*it)) > 0) continue;
      const std::string where = "ensemble " + it->request.name;
      std::string missing;
      for (const MemberRecord& member : it->members) {
        if (agreed.count(member.trial) == 0) missing = member.trial;
      }
      if (!missing.empty()) {
        leave_out(where, "the result of its member " + missing + " was not merged");
        continue;
      }
      writer_.save_ensemble(*it);
      ++merged_.ensembles;
    }
    const std::size_t exports = other_.reader.exports().size();
    if (exports > 0) {
      merged_.notes.push_back(std::to_string(exports) + (exports == 1 ? " export stays" : " exports stay") + " in " +
                              other_folder.string());
    }
    if (merged_.datasets + merged_.sweeps + merged_.results + merged_.marks + merged_.ensembles > 0) {
      writer_.log_event("merge", "",
                        std::to_string(merged_.results) + " results of " + fs::absolute(other_folder).string(), now_);
    }
    group.commit();
  }

  StoreLayout store_;
  TimeMs now_;
  OtherStore& other_;
  Writer writer_;
  Reader mine_;
  Database mine_database_;
  Merged merged_;
  std::set<std::string> added_;                 ///< trials
  std::vector<std::string> agreed_;             ///< trials whose result both stores now have
  std::set<std::string> workers_;               ///< that this store knows
  std::map<std::int64_t, std::int64_t> packs_;  ///< numbers there and here
  /// By fingerprint and partition.
  std::map<std::pair<std::string, sweep::Partition>, sweep::Promise> other_promises_, my_promises_;
};

}  // namespace

std::string difference(const sweep::TrialResult& a, const sweep::TrialResult& b) {
  sweep::TrialResult mine = a, theirs = b;
  if (a.test_fingerprint != b.test_fingerprint) {
    for (sweep::TrialResult* result : {&mine, &theirs}) result->paper.test = result->held_out.test = {};
  }
  std::string parts;
  // As bytes of a result that has only this part: a number that is none equals itself.
  const auto compare = [&](const char* name, auto part) {
    sweep::TrialResult first, second;
    first.*part = mine.*part;
    second.*part = theirs.*part;
    if (sweep::encode_result(first) != sweep::encode_result(second))
      parts += (parts.empty() ? "" : ", ") + std::string(name);
  };
  using Result = sweep::TrialResult;
  compare("epochs", &Result::epochs);
  compare("held_out", &Result::held_out);
  compare("importance", &Result::importance);
  compare("inner", &Result::inner);
  compare("outcome", &Result::outcome);
  compare("paper", &Result::paper);
  compare("reason", &Result::reason);
  return parts;
}

Merged merge_store(const fs::path& store, const fs::path& other, TimeMs now) {
  std::error_code absent;
  if (fs::equivalent(store, other, absent)) {
    throw Error("'" + other.string() + "' is the store itself: name another store to merge into it");
  }
  OtherStore opened(other);  // before a writer makes what is absent
  return Merge(store, opened, now).run(other);
}

}  // namespace medley::storage
