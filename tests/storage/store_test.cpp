#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/check.h"
#include "storage/codec.h"
#include "storage/database.h"
#include "storage/measured_config.h"
#include "storage/reader.h"
#include "storage/report_input.h"
#include "storage/writer.h"
#include "sweep/half.h"
#include "sweep/head_fusion.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/folder.h"

namespace medley::storage {
namespace {

using namespace testing_store;
namespace fs = std::filesystem;
using sweep::AttemptId;
using sweep::AttemptState;
using sweep::Outcome;
using sweep::SweepState;
using sweep::TrialState;
using sweep::WorkerState;

constexpr TimeMs kNow = 1'700'000'000'000;

/// Runs `changes` as one group.
template <class Changes>
void commit(Writer& writer, Changes changes) {
  Writer::Group group(writer);
  changes();
  group.commit();
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() : writer_(folder_.path() / "store") {
    commit(writer_, [&] {
      writer_.register_dataset(small_dataset(), kNow);
      writer_.worker_joined({"w1", "host:12", 8, 2, "cpu", "0.1.0", "0123456789ab"}, kNow);
    });
  }
  std::string submit(const SweepSubmission& sweep) {
    Writer::Submitted submitted;
    commit(writer_, [&] { submitted = writer_.submit_sweep(sweep, kNow + 1); });
    return submitted.id;
  }
  /// Attempt 1 of a trial, from assignment to result.
  void train(const sweep::TrialSpec& trial, const sweep::TrialResult& result) {
    commit(writer_, [&] {
      writer_.begin_attempts("w1", 1, {{trial.id, 1}}, kNow + 2);
      ASSERT_EQ(writer_.accept_result({trial.id, 1}, "w", result, kNow + 3), Writer::Accepted::kAccepted);
    });
  }

  test::Folder folder_;
  Writer writer_;
};

TEST_F(StoreTest, AnyResultComesBackAsItWas) {
  const SweepSubmission sweep = small_sweep("s", 10, 5);
  submit(sweep);
  std::mt19937_64 random(1);
  std::map<std::string, std::vector<std::uint8_t>> expected;
  for (std::size_t i = 0; i < sweep.trials.size(); ++i) {
    const auto outcome = i % 5 == 0 ? Outcome::kDiverged : Outcome::kFinished;
    const sweep::TrialResult result = random_result(sweep.trials[i], random, outcome);
    expected[sweep.trials[i].id] = sweep::encode_result(result);
    train(sweep.trials[i], result);
  }
  Reader reader(writer_.folder());
  for (const auto& [id, bytes] : expected) {
    const auto detail = reader.find_trial(id);
    ASSERT_TRUE(detail && detail->result);
    EXPECT_EQ(sweep::encode_result(*detail->result), bytes) << id;
  }
}

TEST_F(StoreTest, ADatasetComesBackAsItWas) {
  Reader reader(writer_.folder());
  const DatasetRecord expected = small_dataset();
  const auto dataset = reader.find_dataset(expected.fingerprint.substr(0, 8));
  ASSERT_TRUE(dataset);
  EXPECT_EQ(dataset->fingerprint, expected.fingerprint);
  EXPECT_EQ(dataset->name, "small");
  EXPECT_TRUE(dataset->synthetic);
  EXPECT_EQ(dataset->classes.names, expected.classes.names);
  EXPECT_EQ(dataset->classes.exclusive, expected.classes.exclusive);
  EXPECT_EQ(dataset->folds, expected.folds);
  ASSERT_EQ(dataset->clips.size(), expected.clips.size());
  for (std::size_t i = 0; i < expected.clips.size(); ++i) {
    EXPECT_EQ(dataset->clips[i].filename, expected.clips[i].filename);
    EXPECT_EQ(dataset->clips[i].actor, expected.clips[i].actor);
    EXPECT_EQ(dataset->clips[i].fold, expected.clips[i].fold);
    EXPECT_TRUE(dataset->clips[i].label == expected.clips[i].label);
  }
  ASSERT_EQ(dataset->encoders.size(), 3u);
  EXPECT_EQ(dataset->encoders[2].name, "c");
  EXPECT_EQ(dataset->encoders[0].dim, 12);
  commit(writer_, [&] {
    DatasetRecord moved = expected;
    moved.folder = "/elsewhere";
    writer_.register_dataset(moved, kNow);
  });
  EXPECT_EQ(reader.find_dataset(expected.fingerprint)->folder, "/elsewhere");
  EXPECT_EQ(reader.dataset_fingerprints().size(), 1u);
}

TEST_F(StoreTest, TheSameSweepSubmittedAgainIsTheSame) {
  SweepSubmission sweep = small_sweep("s", 2, 1);
  const std::string id = submit(sweep);
  train(sweep.trials[0], plain_result(sweep.trials[0], 1, 1));
  sweep.yaml += "# another comment\n";
  sweep.families = {{"encoders", "a\\+b+c", 0.1}, {"variant", "\"plain\"", 1e-9}};
  Writer::Submitted again;
  commit(writer_, [&] { again = writer_.submit_sweep(sweep, kNow + 9); });
  EXPECT_EQ(again.id, id);
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.finished, 1);
  Reader reader(writer_.folder());
  ASSERT_EQ(reader.sweeps().size(), 1u);
  EXPECT_EQ(reader.sweep_yaml(id), sweep.yaml);
  EXPECT_EQ(reader.sweeps()[0].created, kNow + 1);
  const auto families = reader.sweeps()[0].families;
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].axis, "encoders");
  EXPECT_EQ(families[0].baseline, "a\\+b+c");
  EXPECT_EQ(families[0].margin, 0.1);
  EXPECT_EQ(families[1].baseline, "\"plain\"");
  EXPECT_EQ(families[1].margin, 1e-9);
}

TEST_F(StoreTest, LabelsAreThoseOfTheLatestSubmission) {
  SweepSubmission sweep = small_sweep("labelled", 1, 1);
  const std::string id = submit(sweep);
  EXPECT_TRUE(Reader(writer_.folder()).find_sweep(id)->labels.empty());
  sweep.labels = {{"learning_rate", "\u03b7"}, {"learning_rate=0.001", "slow"}};
  EXPECT_EQ(submit(sweep), id) << "labels are no part of what a sweep is";
  EXPECT_EQ(Reader(writer_.folder()).find_sweep(id)->labels, sweep.labels);
}

TEST_F(StoreTest, TwoSweepsNeverShareAName) {
  const std::string first = submit(small_sweep("tiny", 1, 1));
  Writer::Submitted other;
  commit(writer_, [&] { other = writer_.submit_sweep(small_sweep("tiny", 2, 1), kNow + 1); });
  EXPECT_EQ(other.name, "tiny-2");
  EXPECT_EQ(other.namesake, first);
  Writer::Submitted again;
  commit(writer_, [&] { again = writer_.submit_sweep(small_sweep("tiny", 2, 1), kNow + 2); });
  EXPECT_EQ(again.id, other.id) << "the same file is the same sweep, whatever it is called";
  EXPECT_EQ(again.name, "tiny-2");
  Writer::Submitted third;
  commit(writer_, [&] { third = writer_.submit_sweep(small_sweep("tiny", 3, 1), kNow + 3); });
  EXPECT_EQ(third.name, "tiny-3");
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.find_sweep("tiny")->id, first);
  EXPECT_EQ(reader.find_sweep("tiny-3")->id, third.id);
  EXPECT_EQ(reader.find_sweep(third.id.substr(0, 6))->id, third.id);
  submit(small_sweep("long-name", 4, 1));
  EXPECT_EQ(reader.find_sweep("long")->name, "long-name") << "the unique start of a name";
  EXPECT_FALSE(reader.find_sweep("tin")) << "three sweeps begin so";
}

TEST_F(StoreTest, ASweepKeepsTheDatasetNameItWasSubmittedWith) {
  const std::string before = submit(small_sweep("before", 1, 1));
  commit(writer_, [&] {
    DatasetRecord copied = small_dataset();
    copied.name = "copy";
    writer_.register_dataset(copied, kNow);
  });
  const std::string after = submit(small_sweep("after", 1, 1));
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.find_sweep(before)->dataset_name, "small");
  EXPECT_EQ(reader.find_sweep(after)->dataset_name, "copy");
}

TEST_F(StoreTest, ADatasetTakesTheNewestWordsAboutIt) {
  const std::string id = submit(small_sweep("s", 1, 1));
  DatasetRecord later = small_dataset();
  EXPECT_EQ(Reader(writer_.folder()).find_dataset(later.fingerprint)->encoders[0].labels,
            (sweep::EncoderLabels{{"modality", "video"}, {"family", "face"}}));
  later.synthetic = !later.synthetic;
  later.encoders[0].labels = {{"family", "adapted"}};
  later.encoders[2].labels = {{"modality", "audio"}};
  commit(writer_, [&] {
    writer_.register_dataset(later, kNow + 1);
    EXPECT_EQ(writer_.submit_sweep(small_sweep("s", 1, 1), kNow + 1).id, id);
  });
  const auto read = Reader(writer_.folder()).find_dataset(later.fingerprint);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->synthetic, later.synthetic);
  ASSERT_EQ(read->encoders.size(), 3u);
  for (std::size_t e = 0; e < 3; ++e) EXPECT_EQ(read->encoders[e].labels, later.encoders[e].labels) << e;
}

TEST_F(StoreTest, ASweepIsInterruptedOnceNobodyWritesAndFailedWithoutAResult) {
  using Standing = sweep::SweepStanding;
  const SweepSubmission sweep = small_sweep("s", 1, 2);
  const std::string id = submit(sweep);
  const auto standing = [&] { return Reader(folder_.path() / "store").find_sweep(id)->standing; };
  EXPECT_EQ(standing(), Standing::kQueued);
  commit(writer_, [&] { writer_.begin_attempts("w1", 1, {{sweep.trials[0].id, 1}}, kNow + 2); });
  EXPECT_EQ(standing(), Standing::kRunning);
  EXPECT_EQ(Reader(writer_.folder()).find_sweep(id)->running, 1);
  {
    // As a killed coordinator leaves it: the attempt is still marked as running.
    test::Folder copy;
    std::filesystem::copy(writer_.folder(), copy.path() / "store", std::filesystem::copy_options::recursive);
    const auto summary = *Reader(copy.path() / "store").find_sweep(id);
    EXPECT_EQ(summary.standing, Standing::kInterrupted);
    EXPECT_EQ(summary.running, 0);
  }
  commit(writer_, [&] { writer_.set_sweep_state(id, sweep::SweepState::kPaused, kNow + 3); });
  EXPECT_EQ(standing(), Standing::kPaused);
  commit(writer_, [&] {
    writer_.end_attempt({sweep.trials[0].id, 1}, sweep::AttemptState::kFailed, "out of memory", kNow + 3);
    for (const auto& trial : sweep.trials) writer_.fail_trial(trial.id, "out of memory", kNow + 4);
    writer_.set_sweep_state(id, sweep::SweepState::kFinished, kNow + 5);
  });
  EXPECT_EQ(standing(), Standing::kFailed);
  const auto reasons = Reader(writer_.folder()).failure_reasons(id);
  ASSERT_EQ(reasons.size(), 1u);
  EXPECT_EQ(reasons[0].reason, "out of memory");
  EXPECT_EQ(reasons[0].trials, static_cast<int>(sweep.trials.size()));
}

TEST_F(StoreTest, ComparisonsSayHowManyResultsThereWereWhenTheyWereDeclared) {
  SweepSubmission sweep = small_sweep("s", 2, 1);
  sweep.families = {{"top_n", "1", 0.01}};
  const std::string id = submit(sweep);
  for (const std::size_t trial : {0, 1}) train(sweep.trials[trial], plain_result(sweep.trials[trial], 1, 1));
  // One is asked again, one has another margin, one is new.
  sweep.families = {{"top_n", "1", 0.01}, {"top_n", "1", 0.02}, {"seed", "1", 0.01}};
  commit(writer_, [&] { writer_.submit_sweep(sweep, kNow + 9); });
  const auto families = Reader(writer_.folder()).sweeps()[0].families;
  ASSERT_EQ(families.size(), 3u);
  EXPECT_EQ(families[0].results_before, 0);
  EXPECT_EQ(families[0].declared_ms, kNow + 1);
  EXPECT_EQ(sweep::declaration_text(families[0]), "declared before the first result");
  EXPECT_EQ(families[1].results_before, 2);
  EXPECT_EQ(families[2].declared_ms, kNow + 9);
  EXPECT_EQ(sweep::declaration_text(families[2]), "declared after 2 results");
  // Under another name the results are there before the question, too.
  SweepSubmission renamed = sweep;
  renamed.name = "t";
  commit(writer_, [&] { writer_.submit_sweep(renamed, kNow + 10); });
  for (const auto& one : Reader(writer_.folder()).sweeps()) {
    if (one.name == "t") {
      EXPECT_EQ(one.families[0].results_before, 2);
    }
  }
  EXPECT_NE(id, "");
}

TEST_F(StoreTest, TestClipsArriveWithoutAnotherDatasetOrAnotherTrial) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  const std::string id = submit(sweep);
  DatasetRecord later = small_dataset();
  later.clips.push_back({"test_4.mov", "", -1, sweep::Label{1, -1, 100}});
  later.test_fingerprint = std::string(64, 'c');
  SweepSubmission again = sweep;
  again.test_fingerprint = later.test_fingerprint;
  commit(writer_, [&] {
    writer_.register_dataset(later, kNow + 1);
    EXPECT_EQ(writer_.submit_sweep(again, kNow + 1).id, id);
  });
  const auto read = Reader(writer_.folder()).find_dataset(later.fingerprint);
  EXPECT_EQ(read->clips.size(), 16u);
  EXPECT_EQ(read->clips[15].filename, "test_4.mov");
  EXPECT_EQ(read->test_fingerprint, later.test_fingerprint);
  // A worker that loaded the dataset before they came predicts those that were there.
  std::mt19937_64 random(3);
  const sweep::TrialResult result = random_result(sweep.trials[0], random, sweep::Outcome::kFinished);
  train(sweep.trials[0], result);
  const auto said = Reader(writer_.folder()).predictions({sweep.trials[0].id}, sweep::Protocol::kPaper, Split::kTest);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].test_fingerprint, result.test_fingerprint);
  EXPECT_EQ(said[0].clips, 4);
  for (const TrialHistory& history : Reader(writer_.folder()).trial_histories(id)) {
    EXPECT_EQ(history.test_fingerprint, "") << "these read no test clips";
  }
}

TEST_F(StoreTest, SweepsShareTheTrialsTheyHaveInCommon) {
  const SweepSubmission small = small_sweep("small", 1, 1), large = small_sweep("large", 3, 1);
  submit(small);
  train(small.trials[0], plain_result(small.trials[0], 1, 1));
  Writer::Submitted submitted;
  commit(writer_, [&] { submitted = writer_.submit_sweep(large, kNow); });
  EXPECT_TRUE(submitted.created);
  EXPECT_EQ(submitted.finished, 1);
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.find_trial(small.trials[0].id)->sweeps.size(), 2u);
  EXPECT_EQ(reader.find_sweep("large")->finished, 1);
  EXPECT_EQ(reader.find_sweep(submitted.id.substr(0, 6))->name, "large");
  EXPECT_FALSE(reader.find_sweep("nothing"));
}

TEST_F(StoreTest, AWithdrawnSweepIsSeenNoMoreAndGoesBySlicesOrWithTheNextWriter) {
  const SweepSubmission small = small_sweep("small", 1, 1), large = small_sweep("large", 3, 1);
  const std::string kept = submit(small), id = submit(large);
  train(large.trials[0], plain_result(large.trials[0], 1, 1));
  Reader reader(writer_.folder());
  const auto rows_of = [&](const char* table) {
    Database database(StoreLayout(writer_.folder()).database(), Database::Mode::kReadOnly);
    Statement count(database, std::string("SELECT count(*) FROM ") + table +
                                  " WHERE sweep NOT IN (SELECT key FROM sweep WHERE name = 'small')");
    count.step();
    return count.whole(0);
  };
  const auto withdraw = [&] { commit(writer_, [&] { EXPECT_EQ(writer_.withdraw_sweep(id, kNow), "large"); }); };
  const int trials = static_cast<int>(large.trials.size());
  ASSERT_GT(trials, 4);

  withdraw();
  EXPECT_FALSE(reader.has_sweep(id));
  EXPECT_EQ(reader.sweeps().size(), 1u);
  EXPECT_EQ(reader.find_trial(large.trials[0].id)->sweeps.size(), 1u) << "of the small one alone";
  int slices = 0;
  for (bool more = true; more; ++slices) {
    commit(writer_, [&] { more = writer_.clear_withdrawn(id, 2); });
    EXPECT_GE(rows_of("sweep_trial"), std::max(0, trials - 2 * (slices + 1))) << "two a slice";
  }
  EXPECT_GE(slices, trials / 2);
  EXPECT_EQ(rows_of("sweep_trial"), 0);
  EXPECT_EQ(rows_of("sweep_config"), 0);
  EXPECT_TRUE(reader.find_trial(large.trials[0].id)->result) << "results stay";
  EXPECT_EQ(submit(large), id);
  EXPECT_EQ(reader.find_sweep(id)->finished, 1) << "and are found again";

  withdraw();
  commit(writer_, [&] { EXPECT_TRUE(writer_.clear_withdrawn(id, 2)); });
  commit(writer_, [&] { writer_.remove_unsubmitted(); });  // as a coordinator does that starts after a kill
  EXPECT_EQ(rows_of("sweep_trial"), 0);
  EXPECT_EQ(rows_of("sweep_config"), 0);
  EXPECT_EQ(reader.find_sweep(kept)->trials, static_cast<int>(small.trials.size()));
}

TEST_F(StoreTest, SpecsComeBackInTrialOrder) {
  SweepSubmission sweep = small_sweep("s", 2, 2);
  sweep.trials[1].seed = 0xFFFFFFFFFFFFFFFFu;  // no signed number holds it
  sweep.trials[1].id = sweep::trial_id(sweep.trials[1].config, 1, sweep.trials[1].seed, sweep.dataset);
  const std::string id = submit(sweep);
  Reader reader(writer_.folder());
  const auto specs = reader.sweep_trials(id);
  ASSERT_EQ(specs.size(), sweep.trials.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    EXPECT_EQ(sweep::to_json(specs[i]), sweep::to_json(sweep.trials[i]));
  }
  const auto configs = reader.sweep_configs(id);
  ASSERT_EQ(configs.size(), 2u);
  EXPECT_EQ(configs[1].id, sweep::config_id(sweep.configs[1].config));
  EXPECT_EQ(configs[1].axis_values, sweep.configs[1].axis_values);
}

TEST_F(StoreTest, ASearchAddsItsTrialsByRounds) {
  SweepSubmission sweep = small_sweep("s", 2, 2);  // configs x seeds 7, 8 x folds 0, 1
  const std::string grid = sweep_id(sweep);
  sweep.search = {{"kind", "any"}};
  EXPECT_NE(sweep_id(sweep), grid);
  const std::string id = submit(sweep);
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.find_sweep(id)->trials, 0);
  EXPECT_TRUE(reader.find_sweep(id)->searching);
  EXPECT_EQ(reader.find_sweep(id)->search, sweep.search);
  EXPECT_EQ(reader.sweep_configs(id).size(), 2u);

  const auto add = [&](const SearchRound& round, TimeMs when) {
    commit(writer_, [&] { writer_.add_round(id, round, when); });
  };
  const auto& trials = sweep.trials;
  add({1, {trials[0], trials[4]}, {trials[1], trials[5]}, {}, false}, kNow);
  sweep::Decision behind{1, sweep::DecisionKind::kBehind, 1, 0, -0.25, {-0.5, -0.125}};
  sweep::Decision settled{0, sweep::DecisionKind::kSettled, 2, {}, sweep::kNaN, {sweep::kNaN, sweep::kNaN}};
  add({2, {trials[1]}, {trials[2]}, {behind}, false}, kNow + 1);

  const auto ids = [&](Reader::Trials which) {
    std::vector<std::string> all;
    for (const auto& trial : reader.sweep_trials(id, which)) all.push_back(trial.id);
    return all;
  };
  EXPECT_EQ(ids(Reader::Trials::kAsked), (std::vector<std::string>{trials[0].id, trials[4].id, trials[1].id}));
  EXPECT_EQ(ids(Reader::Trials::kLikely), (std::vector<std::string>{trials[2].id}));
  ASSERT_EQ(reader.trial_histories(id, Reader::Trials::kLikely).size(), 1u);
  EXPECT_EQ(reader.find_sweep(id)->trials, 3);

  add({3, {}, {}, {settled}, true}, kNow + 2);
  EXPECT_FALSE(reader.find_sweep(id)->searching);
  EXPECT_EQ(reader.find_sweep(id)->rounds, 3);
  const std::vector<RoundRow> rounds = reader.rounds(id);
  ASSERT_EQ(rounds.size(), 3u);
  EXPECT_EQ(rounds[0].step.add, (std::vector<sweep::SearchRun>{{0, 7, trials[0].fold}, {1, 7, trials[4].fold}}));
  EXPECT_EQ(rounds[1].step.add, (std::vector<sweep::SearchRun>{{0, trials[1].seed, trials[1].fold}}));
  EXPECT_EQ(rounds[1].decided, kNow + 1);
  EXPECT_FALSE(rounds[1].step.done);
  ASSERT_EQ(rounds[1].step.decisions.size(), 1u);
  const sweep::Decision& read = rounds[1].step.decisions[0];
  EXPECT_EQ(read.config, 1);
  EXPECT_EQ(read.kind, sweep::DecisionKind::kBehind);
  EXPECT_EQ(read.runs, 1);
  EXPECT_EQ(read.against, 0);
  EXPECT_EQ(read.difference, -0.25);
  EXPECT_EQ(read.interval.low, -0.5);
  EXPECT_EQ(read.interval.high, -0.125);
  EXPECT_TRUE(rounds[2].step.done);
  ASSERT_EQ(rounds[2].step.decisions.size(), 1u);
  EXPECT_EQ(rounds[2].step.decisions[0].against, std::nullopt);
  EXPECT_TRUE(std::isnan(rounds[2].step.decisions[0].difference));
  EXPECT_THROW(add({4, {trials[2]}, {}, {}, false}, kNow), Error);  // it was done
}

TEST_F(StoreTest, ARoundIsTheNextOfASweepAndOfItsConfigs) {
  SweepSubmission sweep = small_sweep("s", 2, 2);
  sweep.search = "any";
  const std::string id = submit(sweep);
  const auto refusal = [&](const SearchRound& round) {
    return test::error_of<Error>([&] { commit(writer_, [&] { writer_.add_round(id, round, kNow); }); });
  };
  EXPECT_NE(refusal({2, {sweep.trials[0]}, {}, {}, false}).find("round 2 does not follow round 0"), std::string::npos);
  const SweepSubmission stranger = small_sweep("other", 3, 1);
  EXPECT_NE(refusal({1, {stranger.trials.back()}, {}, {}, false}).find("not among the sweep's configs"),
            std::string::npos);
  EXPECT_TRUE(Reader(writer_.folder()).rounds(id).empty());
}

TEST_F(StoreTest, AttemptsThatNoSweepWantsAreEnded) {
  SweepSubmission sweep = small_sweep("s", 2, 2);
  sweep.search = "any";
  const std::string id = submit(sweep);
  const std::string asked = sweep.trials[0].id, likely = sweep.trials[1].id, given_up = sweep.trials[2].id;
  commit(writer_, [&] {
    writer_.worker_joined({"w", "w", 4, 1, "cpu", ""}, kNow);
    writer_.add_round(id, {1, {sweep.trials[0]}, {sweep.trials[1], sweep.trials[2]}, {}, false}, kNow);
    writer_.begin_attempts("w", 1, {{asked, 1}, {likely, 1}, {given_up, 1}}, kNow);
    writer_.add_round(id, {2, {}, {sweep.trials[1]}, {}, false}, kNow);
    writer_.end_unwanted(kNow);
  });
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.find_trial(asked)->attempts.back().state, AttemptState::kRunning);
  EXPECT_EQ(reader.find_trial(likely)->attempts.back().state, AttemptState::kRunning);
  EXPECT_EQ(reader.find_trial(given_up)->attempts.back().state, AttemptState::kCancelled);
  commit(writer_, [&] { writer_.begin_attempts("w", 2, {{given_up, 2}}, kNow); });  // runs no more
}

TEST_F(StoreTest, AnExcusedFailureCountsNoMore) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  const std::string id = submit(sweep);
  const std::string trial = sweep.trials[0].id;
  const auto failures = [&] { return Reader(writer_.folder()).trial_histories(id).at(0).failures; };
  for (const int number : {1, 2}) {
    commit(writer_, [&] { writer_.begin_attempts("w1", number, {{trial, number}}, kNow); });
    commit(writer_, [&] { writer_.end_attempt({trial, number}, AttemptState::kLost, "it died", kNow); });
  }
  EXPECT_EQ(failures(), 2);
  commit(writer_, [&] { writer_.excuse_attempt({trial, 2}); });
  EXPECT_EQ(failures(), 1);
}

TEST_F(StoreTest, AResultIsAcceptedOnce) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  submit(sweep);
  const std::string trial = sweep.trials[0].id;
  std::mt19937_64 random(2);
  const sweep::TrialResult first = random_result(sweep.trials[0], random);
  const sweep::TrialResult second = random_result(sweep.trials[0], random);
  commit(writer_, [&] { writer_.begin_attempts("w1", 1, {{trial, 1}}, kNow); });
  commit(writer_, [&] { EXPECT_TRUE(writer_.end_attempt({trial, 1}, AttemptState::kLost, "lease", kNow)); });
  commit(writer_, [&] { writer_.begin_attempts("w1", 2, {{trial, 2}}, kNow); });
  commit(writer_, [&] {  // the late result of attempt 1 is adopted, attempt 2 is not needed any more
    EXPECT_EQ(writer_.accept_result({trial, 1}, "w", first, kNow + 5), Writer::Accepted::kAccepted);
    EXPECT_EQ(writer_.accept_result({trial, 2}, "w", second, kNow + 6), Writer::Accepted::kAlreadyFinished);
    EXPECT_FALSE(writer_.end_attempt({trial, 2}, AttemptState::kFailed, "no", kNow + 7));
  });
  Reader reader(writer_.folder());
  const auto detail = reader.find_trial(trial);
  EXPECT_EQ(sweep::encode_result(*detail->result), sweep::encode_result(first));
  ASSERT_EQ(detail->attempts.size(), 2u);
  EXPECT_EQ(detail->attempts[0].state, AttemptState::kFinished);
  EXPECT_EQ(detail->attempts[1].state, AttemptState::kCancelled);
  EXPECT_EQ(detail->attempts[1].pack, 2);
  EXPECT_EQ(detail->ended, kNow + 5);
  EXPECT_EQ(writer_.next_pack(), 3);
}

/// A store with two finished trials, one of which is written to behind its back.
class ChangedResultTest : public StoreTest {
 protected:
  ChangedResultTest() : sweep_(small_sweep("s", 1, 1)), id_(submit(sweep_)) {
    for (const sweep::TrialSpec& trial : sweep_.trials) {
      std::mt19937_64 random(trial.fold == 0 ? 8 : 9);
      results_.push_back(random_result(trial, random));
      results_.back().paper.surface.presence_hits.back() = 6 - trial.fold;  // all clips of the fold: the best of all
      results_.back().importance = {{{"a", .5, .1, {}, {}, 1, {}}}, {}, {}};
      results_.back().held_out = results_.back().paper;
      train(trial, results_.back());
    }
    first_ = sweep_.trials[0].id;
  }
  void change(const std::string& sql) {
    Database database(StoreLayout(writer_.folder().string()).database(), Database::Mode::kReadWrite);
    database.execute(sql + " WHERE trial = (SELECT key FROM trial WHERE id = '" + first_ + "')");
  }
  void train_again() {
    commit(writer_, [&] { EXPECT_EQ(writer_.set_aside_changed({first_}, kNow).size(), 1u); });
    commit(writer_, [&] {
      const int next = Reader(writer_.folder()).trial_histories(id_).front().attempts + 1;
      writer_.begin_attempts("w1", next, {{first_, next}}, kNow);
      writer_.accept_result({first_, next}, "w1", results_[0], kNow);
    });
  }
  std::vector<std::string> left_out(std::vector<std::string>& kept) {
    Reader reader(writer_.folder());
    const auto take = [&](const std::string&, std::vector<sweep::TrialScores>& trials) {
      for (const sweep::TrialScores& trial : trials) kept.push_back(trial.trial_id);
    };
    return reader.each_config_scores(id_, {sweep::config_id(sweep_.configs[0].config)}, take);
  }

  SweepSubmission sweep_;
  std::string id_, first_;
  std::vector<sweep::TrialResult> results_;
};

TEST_F(ChangedResultTest, IsLeftOutOfTablesByName) {
  std::vector<std::string> kept;
  EXPECT_TRUE(left_out(kept).empty());
  EXPECT_EQ(kept.size(), 2u);
  for (const char* sql : {"UPDATE result SET paper_score = 9.5", "UPDATE result SET held_out_epoch = 1000",
                          "UPDATE surface SET held_out = zeroblob(3)", "DELETE FROM surface", "DELETE FROM result"}) {
    kept.clear();
    change(sql);
    EXPECT_EQ(left_out(kept), std::vector<std::string>{first_}) << sql;
    EXPECT_EQ(kept, std::vector<std::string>{sweep_.trials[1].id}) << sql;
    train_again();
  }
  change("UPDATE result SET paper_score = 9.5");
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.find_sweep(id_)->best_paper_score, results_[1].paper.surface.best().accuracy.score());
  const auto rows = reader.trials(id_);
  EXPECT_TRUE(rows[0].changed);
  EXPECT_EQ(rows[0].reason, "its row of numbers changed since it was stored (SHA-256)");
  EXPECT_FALSE(rows[0].outcome);
  EXPECT_FALSE(rows[1].changed);
}

TEST_F(ChangedResultTest, IsNoAnswerToWhoeverAsksForIt) {
  const auto says = [&](const std::string& part, auto read) {
    const std::string message = test::error_of<ChangedResult>(read);
    EXPECT_EQ(message, "trial " + first_ + ": " + part +
                           " changed since it was stored (SHA-256); medley store check lists all such results, and "
                           "medley run trains them again");
  };
  Reader reader(writer_.folder());
  const auto predictions = [&] { reader.predictions({first_}, sweep::Protocol::kPaper, Split::kTest); };
  change("UPDATE prediction SET paper_test = zeroblob(length(paper_test))");
  says("its predictions", predictions);
  says("its predictions", [&] { reader.find_trial(first_); });
  change("UPDATE importance SET mean = mean + 1");
  says("the importance of its encoders", [&] { reader.importance({first_}); });
  change("UPDATE result SET paper_test_clips = 1");
  says("its row of numbers", predictions);
}

TEST_F(ChangedResultTest, EveryColumnOfPredictionsAndImportanceIsCovered) {
  const auto changed = [&](const std::string& what, auto read) {
    change("UPDATE " + what);
    Reader reader(writer_.folder());
    EXPECT_NE(test::error_of<ChangedResult>([&] { read(reader); }), "") << what;
    train_again();
  };
  for (const char* what : {"importance SET encoder = encoder || 'x'", "importance SET mean = mean + 1",
                           "importance SET sd = sd + 1", "importance SET selection_frequency = 2",
                           "gate SET statistics = cka", "gate SET weights = CAST(weights || x'0000' AS BLOB)",
                           "gate SET cka = x'00000000'", "gate SET row_sha256 = x'00'"}) {
    changed(what, [&](Reader& reader) { reader.importance({first_}); });
  }
  using sweep::Protocol;
  struct Column {
    const char* name;
    Protocol protocol;
    Split split;
  };
  for (const Column& column : {Column{"held_out_validation", Protocol::kHeldOut, Split::kValidation},
                               Column{"paper_validation", Protocol::kPaper, Split::kValidation},
                               Column{"held_out_test", Protocol::kHeldOut, Split::kTest},
                               Column{"paper_test", Protocol::kPaper, Split::kTest}}) {
    const auto read = [&](Reader& reader) { reader.predictions({first_}, column.protocol, column.split); };
    for (const std::string bytes : {"zeroblob(40)", "x''", "x'00'"}) {
      changed(std::string("prediction SET ") + column.name + " = " + bytes, read);
    }
    changed("prediction SET row_sha256 = substr(row_sha256, 1, 127)", read);
    changed("prediction SET row_sha256 = zeroblob(128)", read);
  }
}

TEST_F(ChangedResultTest, IsNotThatOfAnotherTrial) {
  // Both rows are sound, but each stands where the other did.
  change(
      "UPDATE surface SET (paper, held_out, inner, row_sha256) = "
      "(SELECT paper, held_out, inner, row_sha256 FROM surface o WHERE o.trial <> surface.trial)");
  std::vector<std::string> kept;
  EXPECT_EQ(left_out(kept), std::vector<std::string>{first_});
}

TEST_F(ChangedResultTest, IsSetAsideAndTrainedAgain) {
  EnsembleRecord ensemble;
  ensemble.dataset = sweep_.dataset;
  ensemble.request.name = "of both";
  ensemble.members = {{first_, .5}, {sweep_.trials[1].id, .5}};
  commit(writer_, [&] { writer_.save_ensemble(ensemble); });
  change("UPDATE epoch SET loss = loss + 1");
  commit(writer_, [&] { writer_.set_sweep_state(id_, SweepState::kFinished, kNow); });
  std::vector<Writer::SetAside> aside;
  commit(writer_, [&] { aside = writer_.set_aside_changed({first_, sweep_.trials[1].id, "unknown"}, kNow + 9); });
  ASSERT_EQ(aside.size(), 1u);
  EXPECT_EQ(aside[0].trial, first_);
  EXPECT_EQ(aside[0].fault, "its result changed since it was stored (SHA-256)");
  {
    Reader reader(writer_.folder());
    EXPECT_EQ(reader.find_trial(first_)->state, TrialState::kPending);
    EXPECT_EQ(reader.find_sweep(id_)->state, SweepState::kRunning);
    EXPECT_EQ(reader.find_trial(first_)->attempts[0].state, AttemptState::kCancelled);
    EXPECT_EQ(reader.log(0, 100).back().kind, "result set aside");
    EXPECT_EQ(reader.ensembles()[0].members.size(), 2u) << "its trial trains to the same result";
  }
  commit(writer_, [&] { writer_.begin_attempts("w1", 2, {{first_, 2}}, kNow); });
  commit(writer_, [&] {
    EXPECT_EQ(writer_.accept_result({first_, 2}, "w7", results_[0], kNow), Writer::Accepted::kAccepted);
  });
  const auto detail = Reader(writer_.folder()).find_trial(first_);
  EXPECT_EQ(sweep::encode_result(*detail->result), sweep::encode_result(results_[0]));
  EXPECT_EQ(detail->delivered_by, "w7");
  commit(writer_, [&] { EXPECT_TRUE(writer_.set_aside_changed({first_}, kNow).empty()); });
}

TEST_F(ChangedResultTest, AnEnsembleThatChangedIsNamed) {
  EnsembleRecord ensemble;
  ensemble.dataset = sweep_.dataset;
  ensemble.request.name = "best";
  ensemble.members = {{first_, 1}};
  commit(writer_, [&] { writer_.save_ensemble(ensemble); });
  EXPECT_EQ(Reader(writer_.folder()).ensembles().size(), 1u);
  change("UPDATE member SET weight = .25");
  EXPECT_EQ(test::error_of<Error>([&] { Reader(writer_.folder()).ensembles(); }),
            "ensemble 1 ('best') has changed since it was stored (SHA-256): fit it again");
}

TEST_F(StoreTest, WhatTheSchedulerMayNotRecordIsRefused) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  submit(sweep);
  const std::string a = sweep.trials[0].id, b = sweep.trials[1].id;
  commit(writer_, [&] { writer_.begin_attempts("w1", 1, {{a, 1}}, kNow); });
  auto refuses = [&](const std::string& why, auto change) {
    Writer::Group group(writer_);
    const std::string message = test::error_of<Error>(change);
    EXPECT_NE(message.find(why), std::string::npos) << message;
    EXPECT_NE(test::error_of<Error>([&] { group.commit(); }).find("a write of this group failed"), std::string::npos);
  };
  refuses("is running already", [&] { writer_.begin_attempts("w1", 2, {{a, 2}}, kNow); });
  refuses("the next attempt of trial " + b + " is 1, not 2", [&] { writer_.begin_attempts("w1", 2, {{b, 2}}, kNow); });
  refuses("no worker 'w9'", [&] { writer_.begin_attempts("w9", 2, {{b, 1}}, kNow); });
  refuses("no trial 'nobody'", [&] { writer_.begin_attempts("w1", 2, {{b, 1}, {"nobody", 1}}, kNow); });
  refuses("no such attempt", [&] { writer_.accept_result({b, 1}, "w", plain_result(sweep.trials[1], 1, 1), kNow); });
  refuses("it says that it is of trial", [&] {
    writer_.accept_result({a, 1}, "w", plain_result(sweep.trials[1], 1, 1), kNow);
  });
  refuses("paper.validation is of 5 clips, the dataset has 6", [&] {
    sweep::TrialResult result = plain_result(sweep.trials[0], 1, 1);
    result.paper.validation = {5, {}, {}, std::vector<float>(5 * 6)};
    writer_.accept_result({a, 1}, "w", result, kNow);
  });
  refuses("held_out.test.fused has 4 values, expected 24", [&] {
    sweep::TrialResult result = plain_result(sweep.trials[0], 1, 1);
    result.held_out.test = {4, {}, {}, std::vector<float>(4)};
    writer_.accept_result({a, 1}, "w", result, kNow);
  });
  refuses("no dataset", [&] {
    SweepSubmission other = sweep;
    other.dataset = "unknown";
    writer_.submit_sweep(other, kNow);
  });
  refuses("is not among the sweep's configs", [&] {
    SweepSubmission other = small_sweep("t", 2, 1);
    other.configs.pop_back();
    writer_.submit_sweep(other, kNow);
  });
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.sweeps().size(), 1u);
  EXPECT_TRUE(reader.find_trial(b)->attempts.empty());
}

TEST_F(StoreTest, AGroupThatIsNotCommittedNeverWas) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  {
    Writer::Group group(writer_);
    writer_.submit_sweep(sweep, kNow);
    writer_.log_event("note", "", "lost", kNow);
  }
  Reader reader(writer_.folder());
  EXPECT_TRUE(reader.sweeps().empty());
  EXPECT_TRUE(reader.log().empty());
}

TEST_F(StoreTest, HistoriesAreWhatRecoveryNeeds) {
  const SweepSubmission sweep = small_sweep("s", 3, 1);  // 6 trials
  const std::string id = submit(sweep);
  auto trial = [&](int i) { return sweep.trials[static_cast<std::size_t>(i)].id; };
  train(sweep.trials[0], plain_result(sweep.trials[0], 1, 1));
  commit(writer_, [&] {
    writer_.begin_attempts("w1", 5, {{trial(1), 1}, {trial(2), 1}, {trial(3), 1}, {trial(4), 1}}, kNow);
    writer_.end_attempt({trial(1), 1}, AttemptState::kFailed, "out of memory", kNow);
    writer_.end_attempt({trial(2), 1}, AttemptState::kCancelled, "stopped", kNow);
    writer_.end_attempt({trial(3), 1}, AttemptState::kLost, "lease", kNow);
    writer_.fail_trial(trial(3), "1 attempt failed", kNow);
  });
  Reader reader(writer_.folder());
  auto histories = reader.trial_histories(id);
  ASSERT_EQ(histories.size(), 6u);
  EXPECT_EQ(histories[0].state, TrialState::kFinished);
  EXPECT_EQ(histories[1].failures, 1);
  EXPECT_EQ(histories[1].attempts, 1);
  EXPECT_EQ(histories[1].running_worker, "");
  EXPECT_EQ(histories[2].failures, 0);
  EXPECT_EQ(histories[3].state, TrialState::kFailed);
  EXPECT_EQ(histories[4].running_worker, "w1");
  EXPECT_EQ(histories[4].running_pack, 5);
  EXPECT_EQ(histories[5].attempts, 0);
  EXPECT_EQ(reader.trials(id)[3].reason, "1 attempt failed");
  commit(writer_, [&] { writer_.retry_trial(trial(3), kNow); });
  histories = reader.trial_histories(id);
  EXPECT_EQ(histories[3].state, TrialState::kPending);
  EXPECT_EQ(histories[3].failures, 0);
  EXPECT_EQ(histories[3].attempts, 1);
  using State = std::optional<sweep::TrialState>;
  EXPECT_EQ(reader.states({trial(0), trial(1), "unknown"}),
            (std::vector<State>{sweep::TrialState::kFinished, sweep::TrialState::kPending, std::nullopt}));
  const auto workers = reader.workers();
  ASSERT_EQ(workers.size(), 1u);
  EXPECT_EQ(workers[0].running, 1);
  EXPECT_EQ(workers[0].finished, 1);
  EXPECT_EQ(workers[0].failed, 2);
  EXPECT_EQ(workers[0].worker.ranks, 2);
  EXPECT_EQ(workers[0].worker.arithmetic, "0123456789ab");
}

TEST_F(StoreTest, ReportsKnowTheSecondsOfTrials) {
  const SweepSubmission sweep = small_sweep("s", 1, 2);
  const std::string id = submit(sweep);
  double seconds = 0;
  for (const auto& trial : sweep.trials) {
    auto result = plain_result(trial, 1, 1);
    seconds += result.seconds = 1.5 + seconds;
    train(trial, result);
  }
  Reader reader(writer_.folder());
  const auto report = sweep::make_report(read_report_input(reader, *reader.find_sweep(id)));
  EXPECT_NEAR(report.configs[0].mean_seconds, seconds / static_cast<double>(sweep.trials.size()), 1e-12);
}

TEST_F(StoreTest, ResultsAreCountedByArithmeticInReportsAndForASweep) {
  const SweepSubmission sweep = small_sweep("s", 2, 1);
  const std::string id = submit(sweep);
  Reader reader(writer_.folder());
  EXPECT_TRUE(reader.arithmetics(id).empty());
  std::map<std::string, int> expected;
  for (std::size_t i = 0; i < sweep.trials.size(); ++i) {
    auto result = plain_result(sweep.trials[i], 1, 1);
    result.arithmetic = i == 0 ? "ba9876543210" : "0123456789ab";
    ++expected[result.arithmetic];
    train(sweep.trials[i], result);
  }
  ASSERT_EQ(expected.size(), 2u);
  EXPECT_EQ(reader.arithmetics(id), expected);
  const SweepSummary summary = *reader.find_sweep(id);
  EXPECT_EQ(sweep::make_report(read_report_input(reader, summary)).arithmetics, expected);
  EXPECT_EQ(GrowingReport().make(reader, summary, reader.config_progress(id), {}).arithmetics, expected);
}

TEST_F(StoreTest, ProgressIsCountedByConfigInOrderOfSubmission) {
  const SweepSubmission sweep = small_sweep("s", 3, 2);  // 4 trials a config
  const std::string id = submit(sweep);
  for (int i = 0; i < 3; ++i) {
    const auto& trial = sweep.trials[static_cast<std::size_t>(i)];
    train(trial, plain_result(trial, std::vector<int>{1, 2, 4}[static_cast<std::size_t>(i)], 1));
  }
  std::mt19937_64 random(3);
  const auto diverged = random_result(sweep.trials[3], random, Outcome::kDiverged);
  train(sweep.trials[3], diverged);
  train(sweep.trials[4], plain_result(sweep.trials[4], 5, 5));
  {
    Writer::Group group(writer_);
    writer_.begin_attempts("w1", 1, {{sweep.trials[5].id, 1}}, 2);
    writer_.end_attempt({sweep.trials[5].id, 1}, AttemptState::kFailed, "no", 3);
    writer_.fail_trial(sweep.trials[5].id, "no", 4);
    group.commit();
  }
  Reader reader(writer_.folder());
  const auto rows = reader.config_progress(id);
  ASSERT_EQ(rows.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(rows[i].config, sweep::config_id(sweep.configs[i].config));
  EXPECT_EQ(rows[0].finished, 4);
  EXPECT_EQ(rows[0].failed, 0);
  EXPECT_EQ(rows[1].finished, 1);
  EXPECT_EQ(rows[1].failed, 1);
  EXPECT_EQ(rows[2].finished, 0);
  const auto summary = *reader.find_sweep(id);
  EXPECT_EQ(summary.trials, 12);
  EXPECT_EQ(summary.finished, 5);
  EXPECT_EQ(summary.diverged, 1);
  EXPECT_EQ(summary.configs, 3);
  EXPECT_EQ(summary.best_paper_score, 1);
  EXPECT_TRUE(summary.synthetic);
}

TEST_F(StoreTest, ScoresCarryTheSurfacesOfEveryFinishedTrial) {
  const SweepSubmission sweep = small_sweep("s", 2, 2);
  const std::string id = submit(sweep);
  std::mt19937_64 random(4);
  std::map<std::string, sweep::TrialResult> results;
  for (const sweep::TrialSpec& trial : sweep.trials) {
    results[trial.id] = random_result(trial, random);
    train(trial, results[trial.id]);
  }
  Reader reader(writer_.folder());
  std::map<std::string, sweep::TrialScores> scores;
  const std::string configs[] = {sweep::config_id(sweep.configs[1].config), sweep::config_id(sweep.configs[0].config)};
  std::vector<std::string> visited;
  reader.each_config_scores(id, {configs[0], configs[1]}, [&](const std::string& config, auto& trials) {
    visited.push_back(config);
    for (const auto& trial : trials) scores[trial.trial_id] = trial;
  });
  EXPECT_EQ(visited, (std::vector<std::string>{configs[0], configs[1]}));
  ASSERT_EQ(scores.size(), sweep.trials.size());
  for (const sweep::TrialSpec& spec : sweep.trials) {
    const sweep::TrialResult& result = results[spec.id];
    const sweep::TrialScores& trial = scores.at(spec.id);
    EXPECT_EQ(trial.config_id, sweep::config_id(spec.config));
    EXPECT_EQ(trial.fold, spec.fold);
    EXPECT_EQ(trial.seed, spec.seed);
    EXPECT_EQ(trial.paper_surface.presence_hits, result.paper.surface.presence_hits);
    EXPECT_EQ(trial.paper_surface.salience_hits, result.paper.surface.salience_hits);
    EXPECT_EQ(trial.held_out_surface.presence_hits, result.held_out.surface.presence_hits);
    EXPECT_EQ(trial.inner_surface.presence_hits, result.inner.presence_hits);
    EXPECT_EQ(trial.inner_surface.clips, result.inner.clips);
    EXPECT_EQ(trial.held_out_epoch, result.held_out.epoch);
  }
}

TEST_F(StoreTest, AReportThatGrowsIsTheReportMadeAtOnceAfterEveryTrial) {
  SweepSubmission sweep = small_sweep("s", 3, 2);
  const std::string id = submit(sweep);
  std::mt19937_64 random(5);
  std::shuffle(sweep.trials.begin(), sweep.trials.end(), random);
  Reader reader(writer_.folder());
  GrowingReport growing;
  for (std::size_t i = 0; i < sweep.trials.size(); ++i) {
    const auto outcome = i % 5 == 3 ? Outcome::kDiverged : Outcome::kFinished;
    train(sweep.trials[i], random_result(sweep.trials[i], random, outcome));
    const auto summary = *reader.find_sweep(id);
    const auto grown = growing.make(reader, summary, reader.config_progress(id), {});
    const auto at_once = sweep::make_report(read_report_input(reader, summary));
    for (const auto format : {sweep::ReportFormat::kCsv, sweep::ReportFormat::kText}) {  // numbers; axes and families
      ASSERT_EQ(sweep::render(grown, {format}), sweep::render(at_once, {format})) << i;
    }
  }
}

using From = GrowingReport::From;

/// The configs of a report in their order, and all numbers of each.
std::vector<std::pair<std::string, std::vector<std::uint8_t>>> numbers_of(const sweep::Report& report) {
  std::vector<std::pair<std::string, std::vector<std::uint8_t>>> all;
  for (const sweep::ConfigReport& config : report.configs) all.emplace_back(config.id, encode_measured(config));
  return all;
}

TEST_F(StoreTest, WhatWasMeasuredOfConfigsIsReadInPlaceOfTheirSurfaces) {
  const SweepSubmission sweep = small_sweep("s", 3, 2);
  const std::string id = submit(sweep);
  std::mt19937_64 random(5);
  // All runs of the first config have ended, one of them diverged, and of the second all but one.
  const auto config_at = [&](std::size_t i) { return sweep::config_id(sweep.configs[i].config); };
  int left = 1;
  for (const sweep::TrialSpec& trial : sweep.trials) {
    const std::string config = sweep::config_id(trial.config);
    if (config == config_at(1) && left-- > 0) continue;
    const bool diverges = trial.id == sweep.trials[0].id;
    if (config != config_at(2)) {
      train(trial, random_result(trial, random, diverges ? Outcome::kDiverged : Outcome::kFinished));
    }
  }
  Reader reader(writer_.folder());
  const auto keep = [&] {
    const auto summary = *reader.find_sweep(id);
    const auto progress = reader.config_progress(id);
    GrowingReport growing(From::kMeasured);
    const auto report = growing.make(reader, summary, progress, {});
    const auto measured = measured_configs(growing, report, progress);
    std::vector<std::string> configs;
    for (const MeasuredConfig& one : measured) configs.push_back(one.config);
    Writer::Group group(writer_);
    writer_.keep_measured(id, summary.decode, measured, {0, measured.size()});
    group.commit();
    return configs;
  };
  const auto made = [&](From from, std::vector<std::string>& measured) {
    GrowingReport growing(from);
    const auto report = growing.make(reader, *reader.find_sweep(id), reader.config_progress(id), {});
    measured = growing.newly_measured();
    std::sort(measured.begin(), measured.end());
    return numbers_of(report);
  };
  EXPECT_EQ(keep(), std::vector<std::string>{config_at(0)});
  std::vector<std::string> all = {config_at(0), config_at(1), config_at(2)}, measured;
  std::sort(all.begin(), all.end());
  const auto whole = made(From::kResults, measured);
  EXPECT_EQ(measured, all);
  EXPECT_EQ(made(From::kMeasured, measured), whole);
  EXPECT_EQ(std::count(measured.begin(), measured.end(), config_at(0)), 0);
  EXPECT_EQ(keep(), std::vector<std::string>{}) << "it is there";

  // It is no longer true: a trial is trained again, reports decode otherwise, or the row is not as it was.
  const std::string path = StoreLayout(writer_.folder().string()).database();
  const auto is_used = [&] {
    GrowingReport growing(From::kMeasured);
    growing.make(reader, *reader.find_sweep(id), reader.config_progress(id), {});
    const auto& newly = growing.newly_measured();
    return std::count(newly.begin(), newly.end(), config_at(0)) == 0;
  };
  EXPECT_TRUE(is_used());
  const auto with = [&](const std::string& change, const std::string& back) {
    Database(path, Database::Mode::kReadWrite).execute(change);
    const bool used = is_used();
    Database(path, Database::Mode::kReadWrite).execute(back);
    EXPECT_TRUE(is_used()) << back;
    return used;
  };
  EXPECT_FALSE(with("UPDATE sweep SET grid_points = 7", "UPDATE sweep SET grid_points = 20"));
  EXPECT_FALSE(
      with("UPDATE measured_config SET results = results + 1", "UPDATE measured_config SET results = results - 1"));
  EXPECT_FALSE(with("UPDATE measured_config SET version = '0.0.1' || version",
                    "UPDATE measured_config SET version = substr(version, 6)"));
  const std::string trial = sweep.trials[1].id;
  EXPECT_FALSE(with("UPDATE trial SET ended = ended + 10000 WHERE id = '" + trial + "'",
                    "UPDATE trial SET ended = ended - 10000 WHERE id = '" + trial + "'"));
  Database(path, Database::Mode::kReadWrite).execute("UPDATE measured_config SET row_sha256 = zeroblob(32)");
  EXPECT_FALSE(is_used());
  EXPECT_EQ(keep(), std::vector<std::string>{config_at(0)});
  EXPECT_TRUE(is_used());
}

TEST_F(StoreTest, AWorkersAttemptsAreCountedAsTheyEnd) {
  const SweepSubmission sweep = small_sweep("s", 2, 2);
  submit(sweep);
  std::mt19937_64 random(5);
  Reader reader(writer_.folder());
  Database database(StoreLayout(writer_.folder().string()).database(), Database::Mode::kReadOnly);
  const auto expect_counted = [&](const char* after) {
    for (const WorkerRow& row : reader.workers()) {
      const auto count = [&](const std::string& states) {
        Statement rows(
            database,
            "SELECT count(*) FROM attempt a JOIN worker w ON w.key = a.worker WHERE w.id = ? AND a.state IN (" +
                states + ")");
        rows.bind(row.worker.id).step();
        return rows.whole(0);
      };
      EXPECT_EQ(row.running, count("'running'")) << after;
      EXPECT_EQ(row.finished, count("'finished'")) << after;
      EXPECT_EQ(row.failed, count("'failed', 'lost'")) << after;
    }
  };
  train(sweep.trials[0], random_result(sweep.trials[0], random));
  expect_counted("a result");
  EXPECT_EQ(reader.workers().at(0).finished, 1);
  Database(database.path(), Database::Mode::kReadWrite)
      .execute(
          "UPDATE attempt SET state = 'lost'; UPDATE attempt SET state = 'finished'; UPDATE attempt SET state = "
          "'cancelled'; UPDATE attempt SET state = 'running'");
  expect_counted("changes");
  EXPECT_EQ(reader.workers().at(0).running, 1);
  Database(database.path(), Database::Mode::kReadWrite).execute("DELETE FROM attempt");
  expect_counted("all are gone");
}

/// Of sums of sweeps.
std::vector<Fault> wrong_sums(const fs::path& store) {
  std::vector<Fault> all = check_store(store, CheckOf::kDatabase).faults;
  all.erase(std::remove_if(all.begin(), all.end(),
                           [](const Fault& fault) { return fault.what.rfind("its sums are not", 0) != 0; }),
            all.end());
  return all;
}

TEST_F(StoreTest, TheSumsOfASweepAreThoseOfItsTrialsAfterEveryChange) {
  const SweepSubmission narrow = small_sweep("narrow", 2, 3), wide = small_sweep("wide", 3, 2);  // share 2 x 2 x 2
  std::map<std::string, std::string> ids{{"narrow", submit(narrow)}};
  std::mt19937_64 random(11);
  Reader reader(writer_.folder());
  std::map<std::string, double> best;  // of the sweeps: to see that it rises and falls
  const auto expect_summed = [&](const std::string& after) {
    for (const auto& [name, id] : ids) {
      std::int64_t finished = 0, failed = 0, running = 0, diverged = 0, microseconds = 0;
      best[name] = -1;
      for (const TrialRow& row : reader.trials(id, {}, {0, 1000})) {
        finished += row.state == TrialState::kFinished;
        failed += row.state == TrialState::kFailed;
        running += row.running;
        if (!row.outcome) continue;
        diverged += row.outcome == Outcome::kDiverged;
        if (std::isfinite(row.seconds)) microseconds += std::llround(row.seconds * 1e6);
        if (row.outcome == Outcome::kFinished) best[name] = std::max(best[name], row.paper.score());
      }
      const auto sweep = reader.find_sweep(id);
      ASSERT_TRUE(sweep) << after;
      EXPECT_EQ(sweep->finished, finished) << name << " after " << after;
      EXPECT_EQ(sweep->failed, failed) << name << " after " << after;
      EXPECT_EQ(sweep->running, running) << name << " after " << after;
      EXPECT_EQ(sweep->diverged, diverged) << name << " after " << after;
      EXPECT_EQ(sweep->training_seconds, static_cast<double>(microseconds) / 1e6) << name << " after " << after;
      EXPECT_EQ(sweep->best_paper_score.value_or(-1), best[name]) << name << " after " << after;
    }
    EXPECT_TRUE(wrong_sums(writer_.folder()).empty()) << after;
  };
  const auto result = [&](std::size_t i, Outcome outcome) { return random_result(narrow.trials[i], random, outcome); };
  expect_summed("submission");
  train(narrow.trials[0], result(0, Outcome::kFinished));
  train(narrow.trials[1], result(1, Outcome::kDiverged));
  commit(writer_, [&] { writer_.begin_attempts("w1", 5, {{narrow.trials[2].id, 1}}, kNow); });
  expect_summed("two results");
  ids["wide"] = submit(wide);
  expect_summed("a sweep with trials of another");
  for (std::size_t i = 3; i < 8; ++i) {
    train(narrow.trials[i], result(i, Outcome::kFinished));
    expect_summed("result " + std::to_string(i));
  }
  commit(writer_, [&] { writer_.end_attempt({narrow.trials[2].id, 1}, AttemptState::kFailed, "no", kNow); });
  commit(writer_, [&] { writer_.fail_trial(narrow.trials[2].id, "no", kNow); });
  expect_summed("a failure");
  commit(writer_, [&] { writer_.retry_trial(narrow.trials[2].id, kNow); });
  expect_summed("another try");
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == 2) continue;
    commit(writer_, [&] { writer_.discard({narrow.trials[i].id}, "again", kNow); });
    expect_summed("a discarded result");
  }
  EXPECT_EQ(best["narrow"], -1);
  train(wide.trials[10], random_result(wide.trials[10], random));
  commit(writer_, [&] { writer_.remove_sweep(ids.at("wide"), true); });
  ids.erase("wide");
  expect_summed("the removal of a sweep");
  ids["wide"] = submit(wide);
  expect_summed("its return");
}

TEST_F(StoreTest, SumsThatHaveRottenAreNoticedAndAddedUpAgain) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  const std::string id = submit(sweep);
  train(sweep.trials[0], plain_result(sweep.trials[0], 1, 1));
  const std::string path = StoreLayout(writer_.folder().string()).database();
  for (const char* rot :
       {"UPDATE sweep_sum SET failed = 1", "UPDATE sweep_sum SET best = NULL", "DELETE FROM sweep_sum"}) {
    Database(path, Database::Mode::kReadWrite).execute(rot);
    const auto faults = wrong_sums(writer_.folder());
    ASSERT_EQ(faults.size(), 1u) << rot;
    EXPECT_EQ(faults[0].where, "sweep " + id);
    writer_.compact();
    EXPECT_TRUE(wrong_sums(writer_.folder()).empty()) << rot;
  }
}

TEST_F(ChangedResultTest, IsNotInTheSumsOnceItIsSetAside) {
  change("UPDATE result SET seconds = seconds + 1000");
  commit(writer_, [&] { EXPECT_EQ(writer_.set_aside_changed({first_}, kNow).size(), 1u); });
  const auto sweep = Reader(writer_.folder()).find_sweep(id_);
  EXPECT_EQ(sweep->training_seconds, static_cast<double>(std::llround(results_[1].seconds * 1e6)) / 1e6);
  EXPECT_EQ(sweep->best_paper_score, results_[1].paper.surface.best().accuracy.score());
}

TEST_F(StoreTest, PredictionsOfAConfigAndSeedComeByFold) {
  const SweepSubmission sweep = small_sweep("s", 2, 2);
  submit(sweep);
  std::mt19937_64 random(5);
  std::map<std::string, sweep::TrialResult> results;
  for (auto it = sweep.trials.rbegin(); it != sweep.trials.rend(); ++it) {
    results[it->id] = random_result(*it, random);
    train(*it, results[it->id]);
  }
  Reader reader(writer_.folder());
  const auto folds = reader.predictions(sweep.dataset, sweep::config_id(sweep.configs[1].config), {}, 8,
                                        sweep::Protocol::kPaper, Split::kValidation);
  ASSERT_EQ(folds.size(), 2u);
  EXPECT_EQ(folds[0].fold, 0);
  EXPECT_EQ(folds[0].clips, 6);
  EXPECT_EQ(folds[1].clips, 5);
  for (const auto& fold : folds) EXPECT_EQ(fold.fused, results[fold.trial].paper.validation.fused);
  const auto chosen = reader.predictions(std::vector<std::string>{sweep.trials[5].id, "unknown", sweep.trials[0].id},
                                         sweep::Protocol::kPaper, Split::kTest);
  ASSERT_EQ(chosen.size(), 2u);
  EXPECT_EQ(chosen[0].trial, sweep.trials[5].id);
  EXPECT_EQ(chosen[1].fused, results[sweep.trials[0].id].paper.test.fused);
}

// The four ways in which predictions are kept (sweep::Kept), each in a column of its own.
TEST_F(StoreTest, TheViewOfPredictionsHasEveryPartThatIsKept) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  submit(sweep);
  std::mt19937_64 random(5);
  sweep::TrialResult result = random_result(sweep.trials[0], random);
  result.held_out.validation.presence.clear(), result.held_out.validation.salience.clear();
  result.paper.validation.fused = sweep::product_of_heads(result.paper.validation, 6);
  result.held_out.test.fused = result.held_out.test.salience;
  train(sweep.trials[0], result);
  Database database(StoreLayout(writer_.folder().string()).database(), Database::Mode::kReadOnly);
  Statement view(database,
                 "SELECT protocol || ' ' || split || ' ' || part, probabilities FROM v_prediction WHERE trial = ? "
                 "ORDER BY 1");
  view.bind(sweep.trials[0].id);
  std::map<std::string, std::vector<std::uint16_t>> seen;
  while (view.step()) {
    const Blob halves = view.blob(1);
    sweep::RecordReader in(static_cast<const std::uint8_t*>(halves.data), halves.size, "a matrix");
    seen[view.text(0)] = in.numbers<std::uint16_t>(halves.size / 2, "halves");
  }
  std::map<std::string, std::vector<std::uint16_t>> expected;
  const auto expect = [&](const std::string& name, const std::vector<float>& values) {
    for (const float value : values) expected[name].push_back(sweep::half_bits(value));
  };
  expect("held-out validation fused", result.held_out.validation.fused);
  expect("paper validation presence", result.paper.validation.presence);
  expect("paper validation salience", result.paper.validation.salience);
  for (const auto& [split, said] :
       {std::pair("held-out test", &result.held_out.test), {"paper test", &result.paper.test}}) {
    expect(split + std::string(" presence"), said->presence);
    expect(split + std::string(" salience"), said->salience);
    expect(split + std::string(" fused"), said->fused);
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(sweep::encode_result(*Reader(writer_.folder()).find_trial(sweep.trials[0].id)->result),
            sweep::encode_result(result));
}

TEST_F(StoreTest, PartitionsAreKeptApart) {
  // The same configs, seeds and folds, officially and in two repeats of made folds.
  const SweepSubmission official = small_sweep("official", 1, 1);
  SweepSubmission made = small_sweep("made", 1, 1);
  made.partitions = {{2}, {2, sweep::PartitionBy::kActor, sweep::Stratify::kLabel, 1, 2}};
  made.trials.clear();
  for (const sweep::Partition& partition : made.partitions) {
    for (sweep::TrialSpec trial : official.trials) {
      trial.partition = partition;
      trial.id = sweep::trial_id(trial.config, trial.fold, trial.seed, made.dataset, made.test_fingerprint, partition);
      made.trials.push_back(trial);
    }
  }
  submit(official);
  submit(made);
  std::mt19937_64 random(5);
  const auto clips_of = [&](const sweep::TrialSpec& trial) {
    const DatasetRecord dataset = sweep::partitioned(small_dataset(), trial.partition);
    return static_cast<int>(std::count_if(dataset.clips.begin(), dataset.clips.end(),
                                          [&](const ClipRecord& clip) { return clip.fold == trial.fold; }));
  };
  for (const auto& trials : {official.trials, made.trials}) {
    for (const sweep::TrialSpec& trial : trials) train(trial, random_result(trial, random, clips_of(trial)));
  }
  Reader reader(writer_.folder());
  const auto summary = reader.find_sweep("made");
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->partitions, made.partitions);
  EXPECT_EQ(reader.find_sweep("official")->partitions, std::vector<sweep::Partition>(1));
  const auto specs = reader.sweep_trials(summary->id);
  ASSERT_EQ(specs.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(specs[i].partition, made.trials[i].partition);
  EXPECT_EQ(reader.find_trial(made.trials[3].id)->spec.partition, made.trials[3].partition);

  const std::string config = sweep::config_id(made.configs[0].config);
  const auto trials_in = [&](const sweep::Partition& partition) {
    std::vector<std::string> ids;
    for (const auto& said :
         reader.predictions(made.dataset, config, partition, 7, sweep::Protocol::kPaper, Split::kValidation)) {
      EXPECT_EQ(said.partition, partition);
      ids.push_back(said.trial);
    }
    return ids;
  };
  EXPECT_EQ(trials_in({}), (std::vector<std::string>{official.trials[0].id, official.trials[1].id}));
  EXPECT_EQ(trials_in(made.partitions[1]), (std::vector<std::string>{made.trials[2].id, made.trials[3].id}));

  TrialFilter filter;
  filter.partition = sweep::partition_text(made.partitions[0]);
  const auto rows = reader.trials(summary->id, filter);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].trial, made.trials[1].id);
  EXPECT_EQ(rows[1].partition, *filter.partition);
  EXPECT_EQ(reader.count_trials(summary->id, filter), 2);
  filter.partition = "official";
  EXPECT_EQ(reader.count_trials(summary->id, filter), 0);
}

TEST_F(StoreTest, AResultMustHaveTheClipsOfItsPartition) {
  SweepSubmission made = small_sweep("made", 1, 1);
  const sweep::Partition partition{3};
  made.partitions = {partition};
  made.folds = {0, 1, 2};
  made.trials.clear();
  const sweep::Config config = made.configs[0].config;
  const int fold = 0;
  const std::string id = sweep::trial_id(config, fold, 7, made.dataset, made.test_fingerprint, partition);
  made.trials.push_back({id, config, fold, 7, partition});
  submit(made);
  std::mt19937_64 random(5);
  commit(writer_, [&] { writer_.begin_attempts("w1", 1, {{id, 1}}, 4); });
  // Three actors have 4, 4 and 3 of the 11 clips; no fold has the 6 of the official one.
  EXPECT_NE(writer_.result_problem({id, 1}, random_result(made.trials[0], random)), "");
  const DatasetRecord dataset = sweep::partitioned(small_dataset(), partition);
  const auto clips =
      std::count_if(dataset.clips.begin(), dataset.clips.end(), [](const ClipRecord& clip) { return clip.fold == 0; });
  EXPECT_EQ(writer_.result_problem({id, 1}, random_result(made.trials[0], random, static_cast<int>(clips))), "");
}

TEST_F(StoreTest, MembersOfAnEnsembleAreOfOnePartition) {
  SweepSubmission made = small_sweep("made", 1, 1);
  made.partitions = {{2}, {2, sweep::PartitionBy::kActor, sweep::Stratify::kLabel, 1, 2}};
  for (std::size_t i = 0; i < 2; ++i) {
    sweep::TrialSpec& trial = made.trials[i];
    trial.partition = made.partitions[i];
    trial.id =
        sweep::trial_id(trial.config, trial.fold, trial.seed, made.dataset, made.test_fingerprint, trial.partition);
  }
  submit(made);
  EnsembleRecord ensemble;
  ensemble.dataset = made.dataset;
  ensemble.request.name = "mixed";
  ensemble.partition = made.partitions[0];
  ensemble.members = {{made.trials[0].id, .5}, {made.trials[1].id, .5}};
  const std::string error = test::error_of<Error>([&] { commit(writer_, [&] { writer_.save_ensemble(ensemble); }); });
  EXPECT_NE(error.find("is of the partition 2 by actor, stratified by label, seed 1, repeat 2, not of 2 by actor, "
                       "stratified by label, seed 1, repeat 1"),
            std::string::npos)
      << error;
}

TEST_F(StoreTest, TrialsAreFilteredAndPaged) {
  const SweepSubmission sweep = small_sweep("s", 2, 2);  // 8 trials
  const std::string id = submit(sweep);
  train(sweep.trials[2], plain_result(sweep.trials[2], 3, 1));
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.trials(id).size(), 8u);
  const auto page = reader.trials(id, {}, {2, 3});
  ASSERT_EQ(page.size(), 3u);
  EXPECT_EQ(page[0].trial, sweep.trials[2].id);
  EXPECT_EQ(page[0].worker, "w1");
  EXPECT_EQ(page[0].paper.presence, 3. / 5);
  TrialFilter filter;
  filter.fold = 1;
  EXPECT_EQ(reader.count_trials(id, filter), 4);
  filter.seed = 8;
  EXPECT_EQ(reader.count_trials(id, filter), 2);
  filter.config = sweep::config_id(sweep.configs[0].config);
  EXPECT_EQ(reader.count_trials(id, filter), 1);
  filter = {};
  filter.state = TrialState::kFinished;
  EXPECT_EQ(reader.trials(id, filter).at(0).trial, sweep.trials[2].id);
  EXPECT_EQ(reader.count_trials("unknown"), 0);
}

TEST_F(StoreTest, EnsemblesAndExportsKeepTheirMembers) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  submit(sweep);
  for (const auto& trial : sweep.trials) train(trial, plain_result(trial, 1, 1));
  EnsembleRecord ensemble;
  ensemble.dataset = sweep.dataset;
  ensemble.created = kNow;
  ensemble.request.name = "best";
  ensemble.request.options.method = sweep::EnsembleMethod::kSimplex;
  ensemble.request.options.bags = 5;
  ensemble.nested = {.375, .125};
  ensemble.members = {{sweep.trials[1].id, .75}, {sweep.trials[0].id, .25}};
  std::int64_t id = 0;
  commit(writer_, [&] {
    id = writer_.save_ensemble(ensemble);
    writer_.save_export({0, id, "exports/submission.zip", std::string(64, 'f'), kNow, {{"clips", 594}}});
    writer_.save_export({0, 0, "exports/single.zip", "", kNow, nlohmann::json::object()});
  });
  Reader reader(writer_.folder());
  const auto back = reader.find_ensemble(id);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->id, id);
  EXPECT_EQ(back->dataset, sweep.dataset);
  EXPECT_EQ(back->created, kNow);
  EXPECT_EQ(back->request.name, "best");
  EXPECT_EQ(back->request.options.method, sweep::EnsembleMethod::kSimplex);
  EXPECT_EQ(back->request.options.bags, 5);
  EXPECT_EQ(back->nested.presence, .375);
  EXPECT_EQ(back->nested.salience, .125);
  ASSERT_EQ(back->members.size(), 2u);
  EXPECT_EQ(back->members[0].trial, sweep.trials[1].id);
  EXPECT_EQ(back->members[0].weight, .75);
  ASSERT_EQ(reader.exports().size(), 2u);
  EXPECT_EQ(reader.exports()[1].ensemble, id);
  EXPECT_EQ(reader.exports()[1].manifest["clips"], 594);
  EXPECT_FALSE(reader.find_ensemble(id + 1));
  Writer::Group group(writer_);
  ensemble.members.push_back({"unknown", 1});
  EXPECT_NE(test::error_of<Error>([&] { writer_.save_ensemble(ensemble); }).find("no trial 'unknown'"),
            std::string::npos);
}

TEST_F(StoreTest, AnEnsembleThatCannotBeReadIsNamedAndKeepsItsMembers) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  submit(sweep);
  train(sweep.trials[0], plain_result(sweep.trials[0], 1, 1));
  EnsembleRecord ensemble;
  ensemble.dataset = sweep.dataset;
  ensemble.request.name = "best";
  ensemble.members = {{sweep.trials[0].id, 1}};
  std::int64_t id = 0;
  commit(writer_, [&] { id = writer_.save_ensemble(ensemble); });
  Database database(StoreLayout(writer_.folder().string()).database(), Database::Mode::kReadWrite);
  database.execute("UPDATE ensemble SET scores = json_remove(scores, '$.nested')");

  Reader reader(writer_.folder());
  const std::string message =
      "the store is damaged: ensemble " + std::to_string(id) + " 'best': scores.nested is missing";
  EXPECT_EQ(test::error_of<Error>([&] { reader.find_ensemble(id); }), message);
  EXPECT_EQ(test::error_of<Error>([&] { reader.ensembles(); }), message);
  EXPECT_EQ(reader.members(), std::vector<std::string>{sweep.trials[0].id});
}

TEST(StoreOfOthers, IsReadWhereNothingCanBeWritten) {
  const test::Folder folder;
  const fs::path store = folder.path() / "odd?name#1%";
  { Writer writer(store); }
  fs::permissions(folder.path(), fs::perms(0755));
  fs::permissions(store, fs::perms(0555));
  const uid_t me = geteuid();
  if (me == 0) {
    ASSERT_EQ(seteuid(65534), 0);  // root may write everywhere
  }
  const std::string error = test::error_of<Error>([&] {
    EXPECT_TRUE(Reader(store).sweeps().empty());
    EXPECT_TRUE(check_store(store).faults.empty());
  });
  if (me == 0) {
    ASSERT_EQ(seteuid(me), 0);
  }
  fs::permissions(store, fs::perms::owner_all);
  EXPECT_EQ(error, "");
  int files = 0;
  for (const auto& entry : fs::directory_iterator(store))
    files += entry.path().filename().string().find("medley.db") == 0;
  EXPECT_EQ(files, 1) << "nothing was made beside the database";
}

TEST_F(StoreTest, ASnapshotSeesOneState) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  const std::string id = submit(sweep);
  Reader reader(writer_.folder());
  {
    Reader::Snapshot snapshot(reader);
    EXPECT_EQ(reader.find_sweep(id)->finished, 0);
    train(sweep.trials[0], plain_result(sweep.trials[0], 1, 1));
    EXPECT_EQ(reader.find_sweep(id)->finished, 0);
  }
  EXPECT_EQ(reader.find_sweep(id)->finished, 1);
}

TEST_F(StoreTest, LogSweepAndWorkerStatesAreKept) {
  const std::string id = submit(small_sweep("s", 1, 1));
  commit(writer_, [&] {
    writer_.set_sweep_state(id, SweepState::kStopped, kNow + 50);
    writer_.set_worker_state("w1", WorkerState::kQuarantined, "3 in a row", kNow + 51);
    for (int i = 0; i < 3; ++i) writer_.log_event("worker", "w1", "line " + std::to_string(i), kNow + i);
  });
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.find_sweep(id)->state, SweepState::kStopped);
  EXPECT_EQ(reader.find_sweep(id)->ended, kNow + 50);
  EXPECT_EQ(reader.workers()[0].state, WorkerState::kQuarantined);
  EXPECT_EQ(reader.workers()[0].reason, "3 in a row");
  const auto log = reader.log(1, 1);
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].text, "line 1");
}

TEST_F(StoreTest, AMarkChangesWhatItNamesAndKeepsTheRest) {
  const SweepSubmission sweep = small_sweep("s", 1, 1);
  submit(sweep);
  const std::string config = sweep::config_id(sweep.trials[0].config);
  const auto mark = [&](const ConfigMarkChange& change) {
    bool known = false;
    commit(writer_, [&] { known = writer_.mark_config(config, change); });
    return known;
  };
  Reader reader(writer_.folder());
  EXPECT_TRUE(reader.marks().empty());
  EXPECT_TRUE(mark({{}, "the paper's <b>", {}}));
  EXPECT_TRUE(mark({true, {}, {}}));
  EXPECT_TRUE(mark({{}, {}, {{"a \"b\"", "c"}}}));
  ASSERT_EQ(reader.marks().size(), 1u);
  ConfigMark marked = reader.marks().at(config);
  EXPECT_TRUE(marked.pinned);
  EXPECT_EQ(marked.note, "the paper's <b>");
  EXPECT_EQ(marked.tags, (std::vector<std::string>{"a \"b\"", "c"}));
  EXPECT_TRUE(mark({false, "", std::vector<std::string>{}}));
  marked = reader.marks().at(config);
  EXPECT_FALSE(marked.pinned);
  EXPECT_EQ(marked.note, "");
  EXPECT_TRUE(marked.tags.empty());
  bool known = true;
  commit(writer_, [&] { known = writer_.mark_config("ffffffffffffffff", {true, {}, {}}); });
  EXPECT_FALSE(known);
}

TEST_F(StoreTest, ATrialIsFoundByAnUnambiguousPrefix) {
  const SweepSubmission sweep = small_sweep("s", 4, 2);
  submit(sweep);
  Reader reader(writer_.folder());
  EXPECT_EQ(reader.find_trial(sweep.trials[3].id.substr(0, 10))->spec.id, sweep.trials[3].id);
  EXPECT_FALSE(reader.find_trial("ffffffffffffffff"));
  EXPECT_FALSE(reader.find_trial(""));
}

TEST_F(StoreTest, ASecondWriterIsRefusedWithThePidOfTheFirst) {
  const std::string message = test::error_of<Error>([&] { Writer second(writer_.folder()); });
  EXPECT_NE(message.find("process " + std::to_string(::getpid())), std::string::npos) << message;
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string other = test::error_of<Error>([&] { Writer second(writer_.folder()); });
    ::_exit(other == message ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Store, ANewWriterMayFollow) {
  test::Folder folder;
  { Writer first(folder.path() / "a" / "b"); }
  Writer second(folder.path() / "a" / "b");
  for (const char* name : {"medley.db", "logs", "checkpoints", "exports"}) {
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "a" / "b" / name)) << name;
  }
}

TEST(Store, AReaderNeedsAStore) {
  test::Folder folder;
  EXPECT_FALSE(store_exists(folder.path()));
  EXPECT_NE(test::error_of<Error>([&] { Reader reader(folder.path()); }).find("no store in"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "medley.db"));
}

TEST(Store, AFileThatIsNoDatabaseIsRefusedAndUntouched) {
  test::Folder folder;
  const std::string text(4096, 'x');
  std::ofstream(folder.path() / "medley.db") << text;
  EXPECT_NE(test::error_of<Error>([&] { Writer writer(folder.path()); }).find("not a database"), std::string::npos);
  EXPECT_NE(test::error_of<Error>([&] { Reader reader(folder.path()); }).find("not a database"), std::string::npos);
  EXPECT_EQ(test::read_file(folder.path() / "medley.db"), text);
}

TEST(Store, AFolderThatIsAFileIsAClearError) {
  test::Folder folder;
  std::ofstream(folder.path() / "store") << "not a folder";
  const std::string message = test::error_of<Error>([&] { Writer writer(folder.path() / "store"); });
  EXPECT_NE(message.find((folder.path() / "store").string() + ": cannot make the folder: "), std::string::npos)
      << message;
}

}  // namespace
}  // namespace medley::storage
