// The simulated world again, with the real store beside its model of a journal. The store accepts every record that the
// scheduler asks for, and returns for recovery the same as the model.
#include <gtest/gtest.h>

#include "storage/reader.h"
#include "storage/writer.h"
#include "tests/coordinator/scheduler_world.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/folder.h"

namespace medley::coordinator::simulation {
namespace {

using namespace storage::testing_store;
using storage::Error;
using storage::Writer;

/// Does with a record command what the coordinator's shell does.
struct Recorder {
  Writer& writer;
  const std::map<std::string, std::string>& sweeps;  ///< id in the simulation -> id in the store

  void operator()(const RecordAssignment& c) const { writer.begin_attempts(c.worker, c.pack, c.attempts, 1); }
  void operator()(const RecordResult& c) const {
    sweep::TrialSpec trial;
    trial.id = c.attempt.trial;
    if (writer.accept_result(c.attempt, "w", plain_result(trial, 1, 1), 1) != Writer::Accepted::kAccepted) {
      throw Error("a second result of " + trial.id);
    }
  }
  void operator()(const EndAttempt& c) const {
    if (!writer.end_attempt(c.attempt, c.state, c.reason, 1, c.counts))
      throw Error("not running: " + to_string(Command(c)));
  }
  void operator()(const ExcuseAttempt& c) const { writer.excuse_attempt(c.attempt); }
  void operator()(const FailTrial& c) const { writer.fail_trial(c.trial, c.reason, 1); }
  void operator()(const RecordRetry& c) const { writer.retry_trial(c.trial, 1); }
  void operator()(const RecordSweepState& c) const { writer.set_sweep_state(sweeps.at(c.sweep), c.state, 1); }
  void operator()(const FinishSweep& c) const {
    writer.set_sweep_state(sweeps.at(c.sweep), sweep::SweepState::kFinished, 1);
  }
  void operator()(const RecordWorker& c) const {
    if (c.state == sweep::WorkerState::kJoined) {
      writer.worker_joined({c.worker, c.worker, 1, 1, "cpu", ""}, 1);
    } else {
      writer.set_worker_state(c.worker, c.state, c.reason, 1);
    }
  }
};

class StoreMirror : public Mirror {
 public:
  StoreMirror() : writer_(folder_.path()), reader_(folder_.path()) {
    Writer::Group group(writer_);
    writer_.register_dataset(small_dataset(), 1);
    group.commit();
  }

  void submit(const Journal::Sweep& sweep, const Journal& journal) override {
    storage::SweepSubmission submission;
    submission.name = sweep.id;
    submission.dataset = small_dataset().fingerprint;
    submission.priority = sweep.priority;
    std::map<std::string, sweep::Config> configs;  // one a pack key
    if (sweep.searching) submission.search = "toy";
    for (const std::string& id : sweep.searching ? sweep.space : sweep.trials) {
      sweep::Config config;
      config.encoders = {"a"};
      config.top_n = 1;
      config.gate_dim = journal.trials.at(id).key.back();
      if (configs.emplace(journal.trials.at(id).key, config).second) submission.configs.push_back({config, {}});
      submission.trials.push_back({id, config, 0, 0});
      specs_[id] = submission.trials.back();
    }
    Writer::Group group(writer_);
    sweeps_[sweep.id] = writer_.submit_sweep(submission, 1).id;
    group.commit();
  }

  void remove(const std::string& sweep) override {
    const std::string id = sweeps_.at(sweep);
    for (bool more = true; more;) {
      Writer::Group group(writer_);
      if (reader_.has_sweep(id)) writer_.withdraw_sweep(id, 1);
      more = writer_.clear_withdrawn(id, 2);
      group.commit();
      if (reader_.has_sweep(id)) throw Violation("a withdrawn sweep is not seen");
    }
  }

  void add_round(const Journal::Sweep& sweep, const std::vector<std::string>& added) override {
    storage::SearchRound round;
    round.number = sweep.rounds;
    for (const std::string& id : added) round.trials.push_back(specs_.at(id));
    for (const std::string& id : sweep.likely) round.likely.push_back(specs_.at(id));
    round.done = !sweep.searching;
    Writer::Group group(writer_);
    writer_.add_round(sweeps_.at(sweep.id), round, 1);
    group.commit();
    ++rounds;
    const auto likely = reader_.trial_histories(sweeps_.at(sweep.id), storage::Reader::Trials::kLikely);
    std::vector<std::string> ids;
    for (const auto& trial : likely) ids.push_back(trial.trial);
    if (ids != sweep.likely) throw Violation("the store has the likely trials of the journal");
    const auto summary = reader_.find_sweep(sweeps_.at(sweep.id));
    if (summary->rounds != sweep.rounds || summary->searching != sweep.searching) {
      throw Violation("the store has the rounds of the journal");
    }
  }

  void end_unwanted() override {
    Writer::Group group(writer_);
    writer_.end_unwanted(1);
    group.commit();
  }

  void record(const std::vector<Command>& commands, const Journal& journal) override {
    {
      Writer::Group group(writer_);
      for (const Command& command : commands) {
        if (const auto* record = std::get_if<Record>(&command)) std::visit(Recorder{writer_, sweeps_}, *record);
      }
      group.commit();
    }
    ++groups;
    if (writer_.next_pack() != journal.next_pack) throw Violation("the store's next pack is the journal's");
    for (const Journal::Sweep& sweep : journal.sweeps) compare(journal.history(sweep));
    for (const storage::WorkerRow& row : reader_.workers()) {
      const bool quarantined = row.state == sweep::WorkerState::kQuarantined;
      if (row.state != journal.workers.at(row.worker.id) ||
          (quarantined && row.reason != journal.worker_reasons.at(row.worker.id))) {
        throw Violation("the store's state of worker " + row.worker.id + " is the journal's");
      }
    }
  }

  int groups = 0;
  int rounds = 0;

 private:
  void compare(const SweepSubmitted& expected) {
    const std::string id = sweeps_.at(expected.sweep);
    if (reader_.find_sweep(id)->state != expected.state) throw Violation("the store's sweep state is the journal's");
    const auto histories = reader_.trial_histories(id);
    if (histories.size() != expected.trials.size()) throw Violation("the store has the journal's trials");
    for (std::size_t i = 0; i < histories.size(); ++i) {
      const SubmittedTrial& e = expected.trials[i];
      const storage::TrialHistory& h = histories[i];
      // Failures of a finished trial mean nothing any more.
      const bool pending = e.state == sweep::TrialState::kPending;
      if (h.trial != e.id || h.state != e.state || h.attempts != e.attempts || (pending && h.failures != e.failures) ||
          h.running_worker != e.running_worker || h.running_pack != e.running_pack) {
        throw Violation("the store's history of " + e.id + " is the journal's");
      }
    }
  }

  test::Folder folder_{test::Folder::Where::kMemory};
  Writer writer_;
  storage::Reader reader_;
  std::map<std::string, std::string> sweeps_;
  std::map<std::string, sweep::TrialSpec> specs_;
};

TEST(SchedulerWithTheStore, TheStoreIsTheJournal) {
  Counters counters;
  int groups = 0, rounds = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    StoreMirror mirror;
    World world(seed, Bug::kNone, counters, &mirror);
    try {
      world.run();
    } catch (const std::runtime_error& e) {
      FAIL() << "seed " << seed << ": " << e.what() << "\n" << world.tail_of_history();
    }
    groups += mirror.groups;
    rounds += mirror.rounds;
  }
  EXPECT_GT(rounds, 50);
  EXPECT_GT(groups, 500);
  for (const char* path : {"late result adopted", "duplicate attempt cancelled", "trial failed by budget",
                           "recovered a running attempt", "worker quarantined"}) {
    EXPECT_GE(counters[path], 3) << path;
  }
}

}  // namespace
}  // namespace medley::coordinator::simulation
