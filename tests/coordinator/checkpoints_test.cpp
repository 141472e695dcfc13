#include "coordinator/checkpoints.h"

#include <fstream>

#include <gtest/gtest.h>

#include "storage/writer.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/folder.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using storage::Writer;
using namespace storage::testing_store;

constexpr std::uintmax_t kSize = 1000;  // of every checkpoint

/// A store with one sweep of 4 configs x folds 0, 1 x seed 7, named by their place: trial(2, 1) is config 2, fold 1.
class CheckpointsTest : public testing::Test {
 protected:
  CheckpointsTest() : writer_(store_.path() / "store"), folder_(store_.path() / "store" / "checkpoints") {
    Writer::Group group(writer_);
    writer_.register_dataset(small_dataset(), 1);
    writer_.worker_joined({"w", "host:1", 8, 1, "cpu", "0"}, 1);
    id_ = writer_.submit_sweep(sweep_, 1).id;
    group.commit();
  }
  const sweep::TrialSpec& trial(int config, int fold) const {
    return sweep_.trials[static_cast<std::size_t>(2 * config + fold)];
  }
  /// Out of 5 hits of presence and of salience each.
  void train(const sweep::TrialSpec& trial, int paper_hits, int held_out_hits) {
    sweep::TrialResult result = plain_result(trial, held_out_hits, held_out_hits);
    result.paper.surface.presence_hits[0] = result.paper.surface.salience_hits[0] = paper_hits;
    Writer::Group group(writer_);
    writer_.begin_attempts("w", 1, {{trial.id, 1}}, 2);
    writer_.accept_result({trial.id, 1}, "w", result, 3);
    group.commit();
    write(trial.id + ".npz");
  }
  void train_all() {
    const int paper[] = {2, 5, 4, 3}, held_out[] = {1, 2, 4, 3};  // by held-out Score: 2, 3, 1, 0
    for (int config = 0; config < 4; ++config) {
      for (int fold = 0; fold < 2; ++fold) train(trial(config, fold), paper[config], held_out[config]);
    }
    Writer::Group group(writer_);
    writer_.set_sweep_state(id_, sweep::SweepState::kFinished, 4);
    group.commit();
  }
  void write(const std::string& name) const { std::ofstream(folder_ / name) << std::string(kSize, 'x'); }
  /// Number of checkpoints deleted for a budget of `budget` checkpoints.
  int collect(int budget) {
    storage::Reader reader(writer_.folder());
    return keep_checkpoints_within(static_cast<std::uintmax_t>(budget) * kSize, folder_, reader, reports_);
  }
  /// Until a keeper has done what it began.
  static void wait_for(CheckpointKeeper& keeper) {
    while (!keeper.idle()) keeper.collect(false);
  }
  bool has(int config, int fold) const { return fs::exists(folder_ / (trial(config, fold).id + ".npz")); }
  /// Configs whose checkpoints are all there; one with half of them would be of no use to anybody.
  std::set<int> kept() const {
    std::set<int> configs;
    for (int config = 0; config < 4; ++config) {
      EXPECT_EQ(has(config, 0), has(config, 1)) << config;
      if (has(config, 0)) configs.insert(config);
    }
    return configs;
  }

  test::Folder store_;
  Writer writer_;
  fs::path folder_;
  storage::SweepSubmission sweep_ = small_sweep("s", 4, 1);
  std::string id_;
  std::map<std::string, storage::GrowingReport> reports_;
};

TEST_F(CheckpointsTest, WithinTheBudgetNothingIsDeleted) {
  train_all();
  EXPECT_EQ(collect(8), 0);
  EXPECT_EQ(kept(), (std::set<int>{0, 1, 2, 3}));
}

TEST_F(CheckpointsTest, WhereATrialStoodIsKeptWhileItIsPending) {
  train(trial(0, 0), 1, 1);
  for (const auto& spec : {trial(0, 0), trial(1, 0)}) write(spec.id + ".resume");
  write("0123456789abcdef.resume");  // of a store that was here before
  write("notes.resume");
  storage::Reader reader(writer_.folder());
  drop_resume_points(folder_, reader);
  EXPECT_FALSE(fs::exists(folder_ / (trial(0, 0).id + ".resume")));
  EXPECT_TRUE(fs::exists(folder_ / (trial(1, 0).id + ".resume")));
  EXPECT_FALSE(fs::exists(folder_ / "0123456789abcdef.resume"));
  EXPECT_TRUE(fs::exists(folder_ / "notes.resume"));
  EXPECT_TRUE(has(0, 0));
}

TEST_F(CheckpointsTest, BeyondItTheConfigsOfTheBestHeldOutScoreStayInThreeQuartersOfIt) {
  train_all();
  EXPECT_EQ(collect(7), 4);  // 5.25 may stay
  EXPECT_EQ(kept(), (std::set<int>{2, 3}));
  EXPECT_EQ(collect(3), 2);
  EXPECT_EQ(kept(), (std::set<int>{2}));
}

TEST_F(CheckpointsTest, MembersAndRunningTrialsStayWhateverTheBudget) {
  train_all();
  storage::EnsembleRecord ensemble;
  ensemble.request.name = "e";
  ensemble.dataset = sweep_.dataset;
  ensemble.members = {{trial(0, 0).id, 0.5}, {trial(0, 1).id, 0.5}};
  {
    Writer::Group group(writer_);
    writer_.save_ensemble(ensemble);
    writer_.discard({trial(1, 0).id, trial(1, 1).id}, "once more", 5);
    writer_.begin_attempts("w", 2, {{trial(1, 0).id, 2}, {trial(1, 1).id, 2}}, 6);
    group.commit();
  }
  EXPECT_EQ(collect(0), 4);
  EXPECT_EQ(kept(), (std::set<int>{0, 1}));
}

TEST_F(CheckpointsTest, AConfigInProgressIsWantedBeforeThoseThatHaveTheirRank) {
  train(trial(1, 0), 5, 5);
  train(trial(1, 1), 5, 5);
  train(trial(0, 0), 1, 1);  // its other fold is not trained yet
  EXPECT_EQ(collect(2), 2);
  EXPECT_TRUE(has(0, 0));
  EXPECT_FALSE(has(1, 0) || has(1, 1));
}

TEST_F(CheckpointsTest, OtherFilesAreNotItsBusiness) {
  fs::create_directories(folder_);
  for (const char* name : {"notes.txt", "weights.npz", "0123456789abcdef.npz.partial"}) write(name);
  write("0123456789abcdef.npz");  // of a trial that the store does not know
  EXPECT_EQ(collect(0), 1);
  EXPECT_TRUE(fs::exists(folder_ / "notes.txt") && fs::exists(folder_ / "weights.npz"));
  fs::remove_all(folder_);
  EXPECT_EQ(collect(0), 0);
}

TEST_F(CheckpointsTest, AFailureIsAWarningAndIsTriedAgain) {
  train_all();
  CheckpointKeeper keeper((store_.path() / "store").string(), folder_, 2 * kSize);
  const fs::path database = store_.path() / "store" / "medley.db";
  ASSERT_TRUE(fs::exists(database));
  keeper.note_sweep_finished();
  fs::rename(database, store_.path() / "away");
  keeper.collect(true);
  wait_for(keeper);
  EXPECT_EQ(kept().size(), 4u);
  fs::rename(store_.path() / "away", database);
  keeper.collect(true);
  wait_for(keeper);
  EXPECT_EQ(kept().size(), 0u) << "two of eight are beyond three quarters of the budget";
}

}  // namespace
}  // namespace medley::coordinator
