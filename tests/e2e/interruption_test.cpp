// Real training that is killed and interrupted: what an undisturbed run prints is what comes out.
#include <algorithm>
#include <random>

#include "tests/e2e/end_to_end.h"

namespace medley::e2e {
namespace {
using namespace std::chrono_literals;

class Interruption : public EndToEnd {
 protected:
  Interruption() { make_dataset(); }
  int unfinished(int trials) const { return trials - std::max(0, results()); }
};

TEST_F(Interruption, TwentyRandomKillsLeaveTheTableOfAnUndisturbedRun) {
  constexpr int kKills = 20, kTrials = 4 * 5 * 4;
  const std::string sweep = write_sweep(
      "sweep.yaml", "name: killed\nseeds: 4\naxes:\n  top_n: [1, 2]\n  learning_rate: [0.001, 0.01]\n", "epochs: 25");
  std::mt19937 random(2026);
  std::vector<int> places = {2, 3, 1};
  auto run = start_run(sweep, places[0]);
  int killed = 0, coordinators = 0, seen = 0;
  while (killed < kKills) {
    if (killed % 4 == 0) {  // hits one that trains, and not for ever the same trials
      ASSERT_TRUE(eventually([&] {
        return results() > seen && count_in_store("SELECT count(*) FROM attempt WHERE state = 'running'") > 0;
      }));
      seen = results();
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(40 + random() % 200));
    }
    ASSERT_GT(unfinished(kTrials), 0) << "the sweep ended after " << killed << " kills: make it longer";
    if (random() % 4 == 0) {
      run->kill(SIGKILL);
      ASSERT_EQ(run->wait().exit, 128 + SIGKILL) << "it ended by itself";
      ++coordinators;
      run = start_run(sweep, places[static_cast<std::size_t>(coordinators) % places.size()]);
    } else {
      const auto victims = workers();
      if (victims.empty()) continue;
      ::kill(victims[random() % victims.size()], SIGKILL);
    }
    ++killed;
  }
  const Ended ended = run->wait();
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_GE(coordinators, 3) << "the seed reaches both kinds";
  EXPECT_GE(killed - coordinators, 10);
  EXPECT_EQ(results(), kTrials);
  EXPECT_GT(count_in_store("SELECT count(*) FROM attempt"), kTrials) << "kills hit running trials";
  EXPECT_TRUE(eventually([&] { return workers().empty(); })) << "no orphan stays";
  EXPECT_EQ(medley({"report"}).out, undisturbed_report(sweep));
}

TEST_F(Interruption, MadeFoldsAreTheSameAfterKillsAndSayWhichTheyAre) {
  constexpr int kTrials = 2 * 2 * 4 * 2;
  const std::string sweep = write_sweep("sweep.yaml",
                                        "name: regrouped\nfolds: {regroup: 4, repeats: 2}\nseeds: 2\naxes: {top_n: [1, "
                                        "2]}\n",
                                        "epochs: 60");
  for (int kills = 0; kills < 2; ++kills) {
    auto run = start_run(sweep);
    ASSERT_TRUE(eventually([&] { return results() > 4 * kills; }));
    run->kill(SIGKILL);
    ASSERT_EQ(run->wait().exit, 128 + SIGKILL);
  }
  ASSERT_GT(unfinished(kTrials), 0) << "the sweep ended before it was killed: make it longer";
  const Ended ended = run_sweep(sweep);
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_EQ(results(), kTrials);
  EXPECT_EQ(count_in_store("SELECT count(DISTINCT partition) FROM trial"), 2);
  const std::string table = medley({"report"}).out;
  EXPECT_TRUE(contains(table, "4 folds (4 by actor, stratified by label, seed 1, 2 repeats) x 2 seeds")) << table;
  EXPECT_EQ(table, undisturbed_report(sweep));
  const Ended plan = medley({"plan", sweep});
  EXPECT_TRUE(contains(plan.out, "folds    4 by actor, stratified by label, seed 1, 2 repeats\n")) << plan.out;
  EXPECT_TRUE(contains(plan.out, "2 configs x 2 repeats x 4 folds x 2 seeds = 32 trials: 32 done, 0 left")) << plan.out;
  EXPECT_EQ(medley({"store", "check"}).exit, 0);

  // Out-of-fold predictions of the dataset by the ensemble's models are those that training stored.
  ASSERT_EQ(medley({"ensemble", "--method", "mean", "--k", "1", "--repeat", "2", "--name", "one"}).exit, 0);
  const Ended predicted = medley({"predict", "one", "--data", path("data"), "--clips", "all", "--out", path("p.npz")});
  EXPECT_EQ(predicted.exit, 0) << predicted.err;
  EXPECT_TRUE(contains(predicted.out, "out-of-fold: 540 clips")) << predicted.out;
  const auto ensemble = medley_json({"ensemble", "--method", "mean", "--k", "1", "--repeat", "2", "--name", "two"});
  EXPECT_EQ(ensemble["settings"]["partition"], "4 by actor, stratified by label, seed 1, repeat 2");
  const auto evaluated =
      medley_json({"evaluate", path("p.npz"), "--data", path("data"), "--alpha", ensemble["settings"]["alpha"].dump(),
                   "--beta", ensemble["settings"]["beta"].dump()});
  // Decoded with the ensemble's thresholds, they have its optimistic Score.
  EXPECT_NEAR(evaluated["score"].get<double>(), ensemble["scores"]["optimistic"]["score"].get<double>(), 1e-9)
      << evaluated;
}

TEST_F(Interruption, AWorkerWithNoticeLosesNoWorkAndNoRetry) {
  constexpr int kNotices = 6, kTrials = 2 * 3 * 3;
  const std::string sweep =
      write_sweep("sweep.yaml", "name: served\nfolds: [0, 1, 2]\nseeds: 3\naxes: {top_n: [1, 2]}\n", "epochs: 500");
  auto run = start_run(sweep);
  const std::string running = "SELECT count(*) FROM attempt WHERE state = 'running'",
                    given_up = "SELECT count(*) FROM attempt WHERE state = 'cancelled'";
  // A notice that comes just as a worker's pack ends gives nothing up: such a one does not count.
  for (int notices = 0; notices < kNotices;) {
    const int before = std::max(0, count_in_store(given_up));
    ASSERT_TRUE(eventually([&] { return count_in_store(running) > 0 && !workers().empty(); }));
    std::this_thread::sleep_for(300ms);  // some epochs
    ASSERT_GT(unfinished(kTrials), 0) << "the sweep ended after " << notices << " notices: make it longer";
    const auto noticed = workers();
    for (const pid_t worker : noticed) ::kill(worker, notices % 2 == 0 ? SIGUSR1 : SIGTERM);
    ASSERT_TRUE(eventually([&] {
      const auto left = workers();
      return std::none_of(noticed.begin(), noticed.end(),
                          [&](pid_t one) { return std::count(left.begin(), left.end(), one) > 0; });
    })) << "a worker with notice leaves";
    // The coordinator heard it before the process ended; its next commit is due within the flush.
    if (eventually([&] { return count_in_store(given_up) > before; }, 300ms)) ++notices;
  }
  const Ended ended = run->wait();
  EXPECT_EQ(ended.exit, 0) << ended.err;
  EXPECT_EQ(results(), kTrials);
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt WHERE state NOT IN ('finished', 'cancelled')"), 0);
  EXPECT_TRUE(contains(read_file(path("store") + "/logs/worker-1.log"), " resumes at epoch "));
  for (const auto& file : fs::directory_iterator(path("store") + "/checkpoints")) {
    EXPECT_NE(file.path().extension(), ".resume") << "left behind: " << file.path();
  }
  EXPECT_EQ(medley({"report"}).out, undisturbed_report(sweep));
}

/// A sweep of 60 trials in training, of which some have a result, and a file of features that it uses.
class ChangedData : public Interruption {
 protected:
  static constexpr int kTrials = 4 * 5 * 3;

  void SetUp() override {
    Interruption::SetUp();
    sweep_ = write_sweep("sweep.yaml", "seeds: 3\naxes: {top_n: [1, 2, 3, 4]}\n", "epochs: 30");
    for (const auto& entry : fs::directory_iterator(path("data"))) {
      if (entry.path().extension() == ".npz") file_ = entry.path();
    }
    before_ = read_file(file_);
    run_ = start_run(sweep_);
    ASSERT_TRUE(eventually([&] { return results() > 0; }));
  }

  void expect_stopped() {
    stopped_ = run_->wait();
    EXPECT_EQ(stopped_.exit, 1);
    EXPECT_TRUE(contains(stopped_.err, "the sweep was stopped: ")) << stopped_.err;
    ASSERT_GT(unfinished(kTrials), 0) << "it ended before the file changed: make it longer";
  }

  void expect_undisturbed_once_the_file_is_back() {
    std::ofstream(file_, std::ios::binary) << before_;
    const Ended continued = run_sweep(sweep_);
    EXPECT_EQ(continued.exit, 0) << continued.err;
    EXPECT_EQ(results(), kTrials);
    EXPECT_EQ(medley({"report"}).out, undisturbed_report(sweep_)) << "no result is of the changed features";
  }

  std::string sweep_, file_, before_;
  std::unique_ptr<Program> run_;
  Ended stopped_;
};

TEST_F(ChangedData, StopsItsSweepAndCostsNoRetry) {
  {  // in place: its workers use it where it lies
    std::fstream written(file_, std::ios::in | std::ios::out | std::ios::binary);
    written.seekp(static_cast<std::streamoff>(before_.size() / 2));
    written << std::string(64, 'x');
  }
  expect_stopped();
  EXPECT_TRUE(contains(stopped_.err, "put the files back and `medley resume` the sweep")) << stopped_.err;
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt WHERE state NOT IN ('finished', 'cancelled')"), 0);
  EXPECT_EQ(count_in_store("SELECT count(*) FROM trial WHERE failures > 0 OR state = 'failed'"), 0);
  expect_undisturbed_once_the_file_is_back();
}

TEST_F(ChangedData, ThatIsTruncatedKillsNoWorkerTwice) {
  fs::resize_file(file_, 4096);  // whoever reads what was mapped gets SIGBUS
  expect_stopped();
  // Each of the two workers died of it once at most, and those that came after them looked first.
  EXPECT_LE(count_in_store("SELECT count(DISTINCT worker) FROM attempt WHERE state NOT IN ('finished', 'cancelled')"),
            2);
  EXPECT_EQ(count_in_store("SELECT count(*) FROM trial WHERE state = 'failed'"), 0);
  expect_undisturbed_once_the_file_is_back();
}

TEST_F(Interruption, OneCtrlCEndsAfterTheRunningPacksAndTheSameCommandContinues) {
  constexpr int kTrials = 4 * 5 * 3;
  const std::string sweep =
      write_sweep("sweep.yaml", "name: interrupted\nseeds: 3\naxes: {top_n: [1, 2, 3, 4]}\n", "epochs: 30");
  auto run = start_run(sweep);
  ASSERT_TRUE(eventually([&] { return results() > 0; }));
  run->kill(SIGINT);
  const Ended stopped = run->wait();
  EXPECT_EQ(stopped.exit, 1);
  EXPECT_TRUE(contains(stopped.err, "stopping: running packs may end")) << stopped.err;
  EXPECT_TRUE(contains(stopped.err, "the same command continues")) << stopped.err;
  EXPECT_TRUE(workers().empty()) << "no orphan stays";
  const int kept = results();
  ASSERT_GT(unfinished(kTrials), 0) << "it ended before it was stopped: make it longer";
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt"), kept) << "what had begun was finished";

  const Ended continued = run_sweep(sweep);
  EXPECT_EQ(continued.exit, 0) << continued.err;
  EXPECT_TRUE(contains(continued.err, std::to_string(kept) + " done, ")) << continued.err;
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt"), kTrials) << "nothing was trained twice";
  EXPECT_EQ(medley({"report"}).out, undisturbed_report(sweep));
}

TEST_F(Interruption, TheSecondCtrlCEndsAtOnce) {
  // One pack of this would take minutes.
  const std::string sweep =
      write_sweep("sweep.yaml", "name: endless\nfolds: [0, 1]\nseeds: 2\naxes: {top_n: [1, 2]}\n", "epochs: 100000");
  auto run = start_run(sweep);
  ASSERT_TRUE(eventually([&] { return count_in_store("SELECT count(*) FROM attempt WHERE state = 'running'") > 0; }));
  run->kill(SIGINT);
  std::this_thread::sleep_for(300ms);
  EXPECT_FALSE(workers().empty()) << "the first one waits for the packs";
  run->kill(SIGINT);
  const Ended stopped = run->wait(8s);
  EXPECT_EQ(stopped.exit, 1) << stopped.err;
  EXPECT_TRUE(workers().empty());
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt WHERE state = 'running'"), 0);
}

TEST_F(Interruption, ALockOfAnotherProgramMakesItWaitAndTwoCtrlCEndEvenThat) {
  const std::string sweep =
      write_sweep("sweep.yaml", "name: locked\nfolds: [0, 1]\nseeds: 2\naxes: {top_n: [1, 2, 3]}\n", "epochs: 120");
  auto run = start_run(sweep);
  ASSERT_TRUE(eventually([&] { return results() > 0; }));
  sqlite3* db = nullptr;  // a database browser in the middle of an edit
  ASSERT_EQ(sqlite3_open((path("store") + "/medley.db").c_str(), &db), SQLITE_OK);
  sqlite3_busy_timeout(db, 10'000);
  ASSERT_EQ(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  ASSERT_GT(unfinished(2 * 2 * 3), 0) << "it ended before it was locked: make it longer";
  EXPECT_TRUE(eventually([&] { return contains(run->said(), "another program has locked "); }, 60s)) << run->said();
  run->kill(SIGINT);
  std::this_thread::sleep_for(300ms);
  run->kill(SIGINT);
  const Ended stopped = run->wait(40s);
  EXPECT_EQ(stopped.exit, 1);
  EXPECT_TRUE(contains(stopped.err, "nothing that was stored is lost")) << stopped.err;
  sqlite3_close(db);

  const Ended continued = run_sweep(sweep);
  EXPECT_EQ(continued.exit, 0) << continued.err;
  EXPECT_EQ(medley({"report"}).out, undisturbed_report(sweep));
}

}  // namespace
}  // namespace medley::e2e
