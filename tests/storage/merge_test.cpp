#include "storage/merge.h"

#include <gtest/gtest.h>

#include "storage/reader.h"
#include "tests/storage/filled_store.h"
#include "tests/support/error_of.h"
#include "tests/support/folder.h"

namespace medley::storage {
namespace {

namespace fs = std::filesystem;
using fake::execute;
using fake::fill;
using fake::places;

class MergeTest : public testing::Test {
 protected:
  Merged merge() { return merge_store(store_, other_, 1000); }
  static std::string lines(const std::vector<Fault>& faults) {
    std::string text;
    for (const Fault& fault : faults) text += fault.where + ": " + fault.what + "\n";
    return text;
  }
  static std::string faults(const fs::path& store) { return lines(check_store(store).faults); }
  static TrialDetail trial(const fs::path& store, const std::string& id) {
    return Reader(store).find_trial(id).value();
  }
  /// Every row of every table, as SQL.
  static std::string rows(const fs::path& store) {
    Database database(StoreLayout(store.string()).database(), Database::Mode::kReadOnly);
    std::vector<std::string> tables;
    {
      Statement names(database, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
      while (names.step()) tables.push_back(names.text(0));
    }
    std::string all;
    for (const std::string& table : tables) {
      std::string columns;
      Statement names(database, "SELECT name FROM pragma_table_info('" + table + "')");
      while (names.step()) columns += (columns.empty() ? "quote(" : " || quote(") + names.text(0) + ")";
      Statement values(database, "SELECT " + columns + " FROM " + table);
      while (values.step()) all += table + values.text(0) + "\n";
    }
    return all;
  }
  void write_checkpoint(const fs::path& store, const std::string& trial, const std::string& bytes) const {
    test::write_file(fs::path(StoreLayout(store.string()).checkpoints()) / (trial + ".npz"), bytes);
  }
  std::string checkpoint(const fs::path& store, const std::string& trial) const {
    return test::read_file(fs::path(StoreLayout(store.string()).checkpoints()) / (trial + ".npz"));
  }

  test::Folder folder_{test::Folder::Where::kMemory};
  fs::path store_ = folder_ / "store", other_ = folder_ / "other";
  SweepSubmission sweep_ = fake::fake_sweep(3);
};

TEST_F(MergeTest, AddsTheResultsThatAreMissingAndNothingTwice) {
  fill(store_, sweep_, places(0, 4), "here");
  fill(other_, sweep_, places(2, 6), "there");
  const SweepSubmission second = fake::fake_sweep(5, "second");  // six of its ten trials are those of the first
  fill(other_, second, {8}, "there");
  const Merged merged = merge();
  EXPECT_EQ(lines(merged.differing) + lines(merged.left_out), "");
  EXPECT_EQ(merged.datasets, 0);
  EXPECT_EQ(merged.sweeps, 1);
  EXPECT_EQ(merged.trials, 4);
  EXPECT_EQ(merged.results, 3);
  EXPECT_EQ(merged.equal, 2);
  EXPECT_EQ(faults(store_), "");
  for (const std::size_t place : {0, 3, 4, 5}) {
    const sweep::TrialSpec& spec = sweep_.trials[place];
    const TrialDetail detail = trial(store_, spec.id);
    EXPECT_EQ(detail.state, sweep::TrialState::kFinished);
    EXPECT_EQ(sweep::encode_result(detail.result.value()), sweep::encode_result(fake::fake_result(spec)));
    ASSERT_EQ(detail.attempts.size(), 1u);
    EXPECT_EQ(detail.attempts[0].worker, place < 4 ? "here" : "there");
    EXPECT_EQ(detail.attempts[0].started, 2);
    EXPECT_EQ(detail.attempts[0].ended, 3);
  }
  EXPECT_EQ(trial(store_, second.trials[9].id).state, sweep::TrialState::kPending);

  const std::string before = rows(store_);
  const Merged again = merge();
  EXPECT_EQ(again.datasets + again.sweeps + again.trials + again.results, 0);
  EXPECT_EQ(again.equal, 5);
  EXPECT_EQ(rows(store_), before);
}

TEST_F(MergeTest, MakesAStoreWhereThereIsNone) {
  fill(other_, sweep_, places(0, 6));
  const Merged merged = merge();
  EXPECT_EQ(merged.datasets, 1);
  EXPECT_EQ(merged.results, 6);
  EXPECT_EQ(faults(store_), "");
  EXPECT_EQ(Reader(store_).workers().at(0).worker.arithmetic, "0123456789ab");
}

TEST_F(MergeTest, SaysWhereUnequalResultsAreOfTwoArithmetics) {
  fill(store_, sweep_, places(0, 2), "w", [](sweep::TrialResult& result) { result.arithmetic = "0123456789ab"; });
  fill(other_, sweep_, places(0, 2), "w", [&](sweep::TrialResult& result) {
    result.arithmetic = "ba9876543210";
    if (result.trial_id == sweep_.trials[1].id) result.epochs[0].loss = 0.125;
  });
  const Merged merged = merge();
  EXPECT_EQ(merged.equal, 1) << "the same numbers of two arithmetics are equal";
  ASSERT_EQ(merged.differing.size(), 1u);
  EXPECT_EQ(merged.differing[0].what,
            "the two results differ in epochs, as they may: their arithmetics are 0123456789ab and ba9876543210");
}

TEST_F(MergeTest, ComparesWhatTrainingDecidesAndNotWhatWasMeasured) {
  const sweep::TrialSpec& spec = sweep_.trials[0];
  const sweep::TrialResult one = fake::fake_result(spec);
  sweep::TrialResult two = one;
  two.seconds = 7;
  two.samples_per_second = 1;
  two.peak_memory_bytes = 5;
  two.pack_size = 3;
  EXPECT_EQ(difference(one, two), "");
  two.test_fingerprint = "of clips that came later";
  two.paper.test = two.held_out.test = {1, {}, {}, std::vector<float>(6, 0.125f)};
  EXPECT_EQ(difference(one, two), "");
  const std::vector<std::pair<std::string, std::function<void(sweep::TrialResult&)>>> changes = {
      {"epochs", [](auto& r) { r.epochs[0].loss += 1e-12; }},
      {"epochs",
       [](auto& r) {
         r.epochs[0].terms = {{"presence", 1}};
       }},
      {"held_out", [](auto& r) { r.held_out.validation.fused[3] = 0.5f; }},
      {"paper", [](auto& r) { ++r.paper.surface.presence_hits[7]; }},
      {"inner", [](auto& r) { r.inner.clips = 1; }},
      {"importance", [](auto& r) { r.importance.cka = {1}; }},
      {"outcome", [](auto& r) { r.outcome = sweep::Outcome::kDiverged; }},
      {"reason", [](auto& r) { r.reason = "step 3"; }},
      {"paper",
       [](auto& r) {
         r.paper.test = {1, {}, {}, std::vector<float>(6, 0.125f)};
       }},
  };
  for (const auto& [part, change] : changes) {
    sweep::TrialResult changed = one;
    change(changed);
    EXPECT_EQ(difference(one, changed), part);
  }
}

// A new member of a result does not compile here: difference() must compare it where training decides it.
TEST_F(MergeTest, EveryPartOfAResultIsComparedOrMeasured) {
  const auto& [trial, test_fingerprint, arithmetic, outcome, reason, epochs, paper, held_out, inner, importance,
               seconds, samples_per_second, peak_memory_bytes, pack_size] = fake::fake_result(sweep_.trials[0]);
  EXPECT_EQ(trial, sweep_.trials[0].id);
}

TEST_F(MergeTest, NamesUnequalResultsAndLeavesThemAsTheyWere) {
  fill(store_, sweep_, places(0, 2));
  fill(other_, sweep_, places(0, 4), "w", [&](sweep::TrialResult& result) {
    if (result.trial_id == sweep_.trials[1].id) result.epochs[0].loss = 0.125;
  });
  for (const std::size_t place : {0, 1, 2}) write_checkpoint(other_, sweep_.trials[place].id, "weights");
  const Merged merged = merge();
  const std::string& differs = sweep_.trials[1].id;
  EXPECT_EQ(lines(merged.differing), "trial " + differs + ": the two results differ in epochs\n");
  EXPECT_EQ(merged.results, 2);
  EXPECT_EQ(merged.equal, 1);
  EXPECT_EQ(trial(store_, differs).result->epochs[0].loss, fake::fake_result(sweep_.trials[1]).epochs[0].loss);
  EXPECT_EQ(merged.checkpoints, 2);
  EXPECT_EQ(checkpoint(store_, differs), "");
  EXPECT_EQ(checkpoint(store_, sweep_.trials[2].id), "weights");
  EXPECT_EQ(faults(store_), "");
}

TEST_F(MergeTest, LeavesOutWhatIsNotSound) {
  fill(store_, sweep_, {0});
  fill(other_, sweep_, places(0, 6), "w", [&](sweep::TrialResult& result) {
    int& hits = result.paper.surface.presence_hits[5];
    if (result.trial_id == sweep_.trials[4].id) hits = hits == 0 ? 4 : 0;  // with a SHA-256 of its own
  });
  const auto change = [&](std::size_t place, const std::string& sql) {
    execute(other_, "UPDATE result SET " + sql + " WHERE trial = (SELECT key FROM trial WHERE id = '" +
                        sweep_.trials[place].id + "')");
  };
  change(2, "seconds = seconds + 1");
  change(3, "sha256 = 'deadbeef'");
  execute(other_, "DELETE FROM attempt WHERE trial = (SELECT key FROM trial WHERE id = '" + sweep_.trials[5].id + "')");
  const Merged merged = merge();
  const std::string said = lines(merged.left_out),
                    changed = ": its row of numbers changed since it was stored (SHA-256)\n";
  EXPECT_EQ(said, "trial " + sweep_.trials[2].id + changed + "trial " + sweep_.trials[3].id + changed + "trial " +
                      sweep_.trials[4].id + ": its result cannot be: paper.surface is not that of its predictions\n" +
                      "trial " + sweep_.trials[5].id + ": its result is of no attempt\n");
  EXPECT_EQ(merged.results, 1);
  EXPECT_EQ(trial(store_, sweep_.trials[2].id).state, sweep::TrialState::kPending);
  EXPECT_EQ(faults(store_), "");
}

TEST_F(MergeTest, LeavesOutResultsOfADatasetWhoseLabelsChangedHere) {
  fill(store_, sweep_, {});
  fill(other_, sweep_, places(0, 2));
  execute(store_, "UPDATE clip SET first = 4 WHERE position = 0");  // a clip of fold 0, and of trial 0
  const Merged merged = merge();
  ASSERT_EQ(merged.left_out.size(), 2u);
  EXPECT_EQ(merged.left_out[0].where, "trial " + sweep_.trials[0].id);
  EXPECT_NE(merged.left_out[0].what.find("has changed since it was written (SHA-256)"), std::string::npos);
  EXPECT_EQ(merged.results, 0);
}

TEST_F(MergeTest, GivesASecondSweepOfANameAnotherOne) {
  fill(store_, fake::fake_sweep(1, "topn"), {});
  SweepSubmission theirs = fake::fake_sweep(2, "topn");
  theirs.description = "two configs";
  theirs.families = {{"learning_rate", "0", 0.01, -1, 0}};
  fill(other_, theirs, places(0, 4));
  execute(other_, "UPDATE sweep SET state = 'finished', created = 5, ended = 9, dataset_name = 'old name'");
  const auto there = Reader(other_).find_sweep("topn").value();
  EXPECT_EQ(merge().notes, std::vector<std::string>{"sweep topn is called topn-2 here"});
  const auto here = Reader(store_).find_sweep("topn-2").value();
  EXPECT_EQ(here.id, there.id);
  EXPECT_EQ(here.description, "two configs");
  EXPECT_EQ(here.state, sweep::SweepState::kFinished);
  EXPECT_EQ(here.created, 5);
  EXPECT_EQ(here.ended, 9);
  EXPECT_EQ(here.dataset_name, "old name");
  EXPECT_EQ(sweep::to_json(here.families), sweep::to_json(there.families)) << "as declared, before any result";
  EXPECT_EQ(here.finished, 4);
  const Merged again = merge();
  EXPECT_EQ(again.sweeps, 0);
  EXPECT_TRUE(again.notes.empty());
}

TEST_F(MergeTest, AnUnfinishedSweepComesStoppedWithItsFailures) {
  fill(other_, sweep_, {0});
  {
    Writer writer(other_);
    Writer::Group group(writer);
    writer.fail_trial(sweep_.trials[1].id, "out of memory", 7);
    group.commit();
  }
  merge();
  const auto here = Reader(store_).find_sweep("fake").value();
  EXPECT_EQ(here.state, sweep::SweepState::kStopped);
  EXPECT_EQ(here.ended, 1000);
  EXPECT_EQ(here.failed, 1);
  const TrialDetail failed = trial(store_, sweep_.trials[1].id);
  EXPECT_EQ(failed.reason, "out of memory");
  EXPECT_EQ(failed.ended, 7);
}

TEST_F(MergeTest, ASearchComesWithItsRounds) {
  sweep_.search = "any";
  fill(other_, sweep_, {}, "there");
  const std::string id = sweep_id(sweep_);
  const sweep::Decision behind{2, sweep::DecisionKind::kBehind, 1, 0, -0.25, {-0.5, -0.125}};
  {
    Writer writer(other_);
    Writer::Group group(writer);
    writer.add_round(id, {1, {sweep_.trials[0], sweep_.trials[3]}, {sweep_.trials[5]}, {}, false}, 7);
    writer.add_round(id, {2, {sweep_.trials[1]}, {}, {behind}, true}, 8);
    group.commit();
  }
  EXPECT_EQ(lines(merge().left_out), "");
  Reader here(store_), there(other_);
  EXPECT_EQ(here.find_sweep(id)->search, "any");
  EXPECT_FALSE(here.find_sweep(id)->searching);
  EXPECT_EQ(here.find_sweep(id)->trials, 3);
  const auto rounds = here.rounds(id), original = there.rounds(id);
  ASSERT_EQ(rounds.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(rounds[i].decided, original[i].decided);
    EXPECT_EQ(rounds[i].step.add, original[i].step.add);
    EXPECT_EQ(rounds[i].step.done, original[i].step.done);
    EXPECT_EQ(rounds[i].step.decisions.size(), original[i].step.decisions.size());
  }
}

TEST_F(MergeTest, TakesResultsOfTrialsThatFailedOrRanHere) {
  fill(store_, sweep_, {});
  {
    Writer writer(store_);
    Writer::Group group(writer);
    const std::string &failed = sweep_.trials[0].id, &running = sweep_.trials[1].id;
    writer.begin_attempts("w", 1, {{failed, 1}, {running, 1}}, 2);
    writer.end_attempt({failed, 1}, sweep::AttemptState::kFailed, "killed", 3);
    writer.fail_trial(failed, "killed", 3);
    group.commit();
  }
  fill(other_, sweep_, places(0, 2));
  EXPECT_EQ(merge().results, 2);
  for (const std::size_t place : {0, 1}) {
    const TrialDetail detail = trial(store_, sweep_.trials[place].id);
    EXPECT_EQ(detail.state, sweep::TrialState::kFinished);
    ASSERT_EQ(detail.attempts.size(), 2u);
    EXPECT_EQ(detail.attempts[0].state, place == 0 ? sweep::AttemptState::kFailed : sweep::AttemptState::kCancelled);
    EXPECT_EQ(detail.attempts[1].state, sweep::AttemptState::kFinished);
  }
  EXPECT_EQ(faults(store_), "");
}

TEST_F(MergeTest, AnInterruptedOneIsSoundAndTheNextCompletesIt) {
  const SweepSubmission large = fake::fake_sweep(40);  // 80 trials, in two groups
  fill(other_, large, places(0, 80));
  for (const std::size_t place : {0, 79}) write_checkpoint(other_, large.trials[place].id, "weights");
  fill(store_, sweep_, {});
  execute(store_,
          "CREATE TRIGGER stop BEFORE INSERT ON result WHEN (SELECT count(*) FROM result) = 70 "
          "BEGIN SELECT RAISE(ABORT, 'the power is off'); END");
  EXPECT_NE(test::error_of<Error>([&] { merge(); }).find("the power is off"), std::string::npos);
  EXPECT_EQ(faults(store_), "");
  const int finished = Reader(store_).find_sweep(sweep_id(large)).value().finished;
  EXPECT_GT(finished, 0);
  EXPECT_LT(finished, 70) << "of its second group nothing is there";
  execute(store_, "DROP TRIGGER stop");
  const Merged merged = merge();
  EXPECT_EQ(merged.results, 80 - finished);
  EXPECT_EQ(merged.equal, finished);
  EXPECT_EQ(merged.checkpoints, 2);
  EXPECT_EQ(check_store(store_).results, 80);
  EXPECT_EQ(faults(store_), "");
}

TEST_F(MergeTest, KeepsMarksAndCheckpointsOfTheStoreAndAddsOthers) {
  fill(store_, sweep_, places(0, 2));
  fill(other_, sweep_, places(0, 4));
  const auto config = [&](std::size_t place) { return sweep::config_id(sweep_.configs[place].config); };
  const auto mark = [&](const fs::path& store, std::size_t place, const std::string& note) {
    Writer writer(store);
    Writer::Group group(writer);
    writer.mark_config(config(place), {true, note, std::vector<std::string>{"tag"}});
    group.commit();
  };
  mark(store_, 0, "ours");
  mark(other_, 0, "theirs");
  mark(other_, 1, "also theirs");
  write_checkpoint(store_, sweep_.trials[0].id, "our weights");
  write_checkpoint(other_, sweep_.trials[0].id, "their weights");
  EXPECT_EQ(merge().marks, 1);
  auto marks = Reader(store_).marks();
  EXPECT_EQ(marks[config(0)].note, "ours");
  EXPECT_EQ(marks[config(1)].note, "also theirs");
  EXPECT_EQ(marks[config(1)].tags, std::vector<std::string>{"tag"});
  EXPECT_EQ(checkpoint(store_, sweep_.trials[0].id), "our weights");
}

TEST_F(MergeTest, AddsEnsemblesWhoseMembersAreMergedOnce) {
  fill(store_, sweep_, {0});
  fill(other_, sweep_, places(0, 4), "w", [&](sweep::TrialResult& result) {
    if (result.trial_id == sweep_.trials[0].id) result.epochs[0].loss = 0.125;
  });
  {
    Writer writer(other_);
    Writer::Group group(writer);
    EnsembleRecord ensemble;
    ensemble.dataset = sweep_.dataset;
    ensemble.sweep = sweep_id(sweep_);
    ensemble.request.name = "good";
    ensemble.members = {{sweep_.trials[1].id, 0.5}, {sweep_.trials[2].id, 0.5}};
    writer.save_ensemble(ensemble);
    ensemble.request.name = "bad";
    ensemble.members = {{sweep_.trials[0].id, 1}};
    writer.save_ensemble(ensemble);
    writer.save_export({0, 1, "/nowhere/submission.zip", "", 4, {}});
    group.commit();
  }
  const Merged merged = merge();
  EXPECT_EQ(merged.ensembles, 1);
  EXPECT_EQ(lines(merged.left_out),
            "ensemble bad: the result of its member " + sweep_.trials[0].id + " was not merged\n");
  EXPECT_EQ(merged.notes, std::vector<std::string>{"1 export stays in " + other_.string()});
  const auto ensembles = Reader(store_).ensembles();
  ASSERT_EQ(ensembles.size(), 1u);
  EXPECT_EQ(ensembles[0].request.name, "good");
  ASSERT_EQ(ensembles[0].members.size(), 2u);
  EXPECT_EQ(ensembles[0].members[1].trial, sweep_.trials[2].id);
  EXPECT_EQ(merge().ensembles, 0);
}

TEST_F(MergeTest, NamesRottenSweepsInPrintableText) {
  fill(other_, sweep_, places(0, 6));
  fill(other_, fake::fake_sweep(4, "sound"), {6, 7});
  execute(other_, "UPDATE trial SET id = CAST(x'ff1b5b41' AS TEXT) WHERE id = '" + sweep_.trials[5].id + "'");
  const Merged merged = merge();
  EXPECT_EQ(merged.sweeps + merged.results, 0) << "both have the trial";
  for (const Fault& fault : merged.left_out) EXPECT_NO_THROW(nlohmann::json(fault.where + fault.what).dump());
  EXPECT_NE(
      lines(merged.left_out).find("sweep sound: config, partition, fold, seed and dataset of trial \xef\xbf\xbd [A"),
      std::string::npos)
      << lines(merged.left_out);
}

TEST_F(MergeTest, NeedsTheStoreForItselfAndAnother) {
  fill(store_, sweep_, {});
  EXPECT_NE(test::error_of<Error>([&] { merge(); }).find("no store in"), std::string::npos);
  EXPECT_NE(test::error_of<Error>([&] { merge_store(store_, folder_ / "store/.", 1); }).find("the store itself"),
            std::string::npos);
  fill(other_, sweep_, {});
  const Writer coordinator(store_);
  EXPECT_NE(test::error_of<Error>([&] { merge(); }).find("the store is in use"), std::string::npos);
}

}  // namespace
}  // namespace medley::storage
