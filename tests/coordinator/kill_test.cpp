// Real processes on loopback, killed at random: coordinator shell and workers' link, with a trainer that only waits.
#include <cmath>
#include <map>
#include <random>

#include "storage/database.h"
#include "storage/report_input.h"
#include "tests/coordinator/fake_fleet.h"
#include "tests/support/amount.h"
#include "tests/support/patience.h"

namespace medley {
namespace {
namespace fs = std::filesystem;
using e2e::Ended;
using e2e::Program;
using namespace std::chrono_literals;

class Kill : public fake::Fleet {
 protected:
  std::unique_ptr<Program> start(int configs, int places) const { return Fleet::start(configs, places, {FAKE_WORKER}); }

  /// The store's columns have the held-out Scores that its report measures.
  void expect_scores_of_the_report() const {
    storage::Reader reader(store());
    const auto sweep = reader.sweeps().at(0);
    EXPECT_EQ(sweep.scored, sweep.finished);
    std::map<std::string, double> measured, stored;
    const auto report = storage::GrowingReport().make(reader, sweep, reader.config_progress(sweep.id), {});
    for (const auto& config : report.configs) {
      for (const auto& run : config.runs) {
        if (std::isfinite(run.held_out)) measured[run.trial] = run.held_out;
      }
    }
    storage::Database database(storage::StoreLayout(store()).database(), storage::Database::Mode::kReadOnly);
    storage::Statement rows(database, "SELECT trial, held_out_score FROM v_trial WHERE held_out_score IS NOT NULL");
    while (rows.step()) stored[rows.text(0)] = rows.real(1);
    EXPECT_EQ(stored, measured);
    EXPECT_FALSE(stored.empty());
  }
};

TEST_F(Kill, TwentyRandomKillsChangeNoResult) {
  constexpr int kConfigs = 100, kPlaces = 3;
  std::mt19937 random(20);
  behave("train_ms 60");
  auto run = start(kConfigs, kPlaces);
  ASSERT_TRUE(test::eventually([&] { return finished() > 0; }));
  int coordinators = 0, killed = 0;
  while (killed < 20) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 120));
    ASSERT_LT(finished(), 2 * kConfigs) << "the sweep ended before the kills: make it longer";
    if (random() % 4 == 0) {
      run->kill(SIGKILL);
      EXPECT_EQ(run->wait().exit, 128 + SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 150));
      run = start(kConfigs, kPlaces);
      ++coordinators;
    } else {
      const auto victims = workers();
      if (victims.empty()) continue;
      ::kill(victims[random() % victims.size()], SIGKILL);
    }
    ++killed;
  }
  const Ended ended = run->wait(30s);
  EXPECT_EQ(ended.exit, 0) << ended.out << ended.err;
  EXPECT_GE(coordinators, 3) << "the seed reaches both kinds";
  EXPECT_GE(killed - coordinators, 8);
  expect_undisturbed_results(kConfigs);
  storage::Reader reader(store());
  int lost = 0;
  for (const auto& row : reader.trials(reader.sweeps()[0].id)) lost += row.attempts > 1;
  EXPECT_GT(lost, 5) << "kills hit running trials";
}

/// What a search decided and what came of it, as text.
std::string course_of(const std::string& store) {
  storage::Reader reader(store);
  const auto sweep = reader.sweeps().at(0);
  std::ostringstream text;
  text.precision(17);
  for (const storage::RoundRow& round : reader.rounds(sweep.id)) {
    text << "round " << round.number << (round.step.done ? ", the last" : "") << "\n";
    for (const sweep::SearchRun& run : round.step.add) {
      text << "  config " << run.config << " seed " << run.seed << " fold " << run.fold << "\n";
    }
    for (const sweep::Decision& made : round.step.decisions) {
      text << "  " << name_of(made.kind) << " " << made.config << " after " << made.runs << " against "
           << made.against.value_or(-1) << ": " << made.difference << " [" << made.interval.low << ", "
           << made.interval.high << "]\n";
    }
  }
  for (const storage::SweepConfigRow& row : reader.sweep_configs(sweep.id)) {
    text << row.id << " " << row.axis_values << "\n";
  }
  for (const storage::TrialRow& row : reader.trials(sweep.id)) text << row.trial << " " << row.paper.score() << "\n";
  return text.str();
}

/// Searches by the variable that fake_run reads their seeds from.
class KilledSearch : public Kill, public testing::WithParamInterface<std::pair<const char*, int>> {};

INSTANTIATE_TEST_SUITE_P(Of, KilledSearch, testing::Values(std::pair("RACE_SEEDS", 8), std::pair("TPE_SEEDS", 6)),
                         [](const auto& of) {
                           return std::string(of.param.first).substr(0, *of.param.first == 'T' ? 3 : 4);
                         });

TEST_P(KilledSearch, DecidesAsOneThatIsNot) {
  constexpr int kConfigs = 16, kPlaces = 3, kKills = 20;
  const auto [variable, seeds] = GetParam();
  setenv(variable, std::to_string(seeds).c_str(), 1);
  std::mt19937 random(15);
  behave("train_ms 200");
  auto run = start(kConfigs, kPlaces);
  ASSERT_TRUE(test::eventually([&] { return finished() > 0; }));
  int killed = 0;
  for (; killed < kKills && summary().state != sweep::SweepState::kFinished; ++killed) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 160));
    if (random() % 2 == 0) {
      run->kill(SIGKILL);
      run->wait();
      run = start(kConfigs, kPlaces);
    } else {
      const auto victims = workers();
      if (!victims.empty()) ::kill(victims[random() % victims.size()], SIGKILL);
    }
  }
  EXPECT_GE(killed, kKills / 2) << "the search ended before the kills: make it longer";
  const Ended ended = run->wait(60s);
  ASSERT_EQ(ended.exit, 0) << ended.out << ended.err;
  const std::string of_killed = course_of(store());
  const int trained = finished();
  fs::rename(store(), scratch_ / "killed");

  ASSERT_EQ(start(kConfigs, 1)->wait(60s).exit, 0);
  unsetenv(variable);
  EXPECT_EQ(course_of(store()), of_killed);
  EXPECT_NE(of_killed.find("the last"), std::string::npos);
  EXPECT_TRUE(variable == std::string("TPE_SEEDS") ? trained == kConfigs * 2 * seeds : trained < kConfigs * 2 * seeds)
      << "a race that asks for all of it shows nothing";
  EXPECT_FALSE(summary().searching);
  expect_scores_of_the_report();
}

TEST_F(Kill, ResultsTrainedWhileTheCoordinatorWasDeadAreDeliveredNotTrainedAgain) {
  constexpr int kConfigs = 6;
  behave("train_ms 1500");
  auto run = start(kConfigs, 2);
  ASSERT_TRUE(test::eventually([&] { return running() >= 4; }));
  run->kill(SIGKILL);
  run->wait();
  ASSERT_TRUE(test::eventually([&] { return spooled() >= 4; })) << "training continued";
  EXPECT_EQ(finished(), 0);
  const auto survivors = workers();
  run = start(kConfigs, 2);
  ASSERT_TRUE(test::eventually([&] { return finished() >= 4; }));
  EXPECT_EQ(workers(), survivors) << "they serve the new coordinator in place of new ones";
  EXPECT_EQ(run->wait(20s).exit, 0);
  expect_undisturbed_results(kConfigs);
  storage::Reader reader(store());
  for (const auto& row : reader.trials(reader.sweeps()[0].id)) EXPECT_EQ(row.attempts, 1) << row.trial;
  EXPECT_EQ(spooled(), 0);
}

TEST_F(Kill, ASpoolOfDeadWorkersIsDeliveredByNewOnes) {
  constexpr int kConfigs = 4;
  behave("train_ms 300");
  auto run = start(kConfigs, 2);
  ASSERT_TRUE(test::eventually([&] { return running() >= 4; }));
  run->kill(SIGKILL);
  run->wait();
  ASSERT_TRUE(test::eventually([&] { return spooled() >= 4; }));
  for (const pid_t pid : workers()) ::kill(pid, SIGKILL);
  ASSERT_TRUE(test::eventually([&] { return workers().empty(); }));
  const int kept = spooled();
  behave("train_ms 1");
  run = start(kConfigs, 2);
  const Ended ended = run->wait(20s);
  EXPECT_EQ(ended.exit, 0);
  expect_undisturbed_results(kConfigs);
  EXPECT_EQ(spooled(), 0);
  const std::string& log =
      ended.out + e2e::read_file(store() + "/logs/worker-1.log") + e2e::read_file(store() + "/logs/worker-2.log");
  std::size_t delivered = 0;
  for (std::size_t at = 0; (at = log.find("left by another worker", at)) != std::string::npos; ++at) ++delivered;
  EXPECT_EQ(delivered, static_cast<std::size_t>(kept)) << log;
}

// Longer than the 5 s after which a worker opens another connection, than the lease of 3 s, and together than the time
// after which a worker without a coordinator ends.
TEST_F(Kill, PausesOfTheCoordinatorLoseNoAttempt) {
  const int places = static_cast<int>(test::amount("MEDLEY_PAUSE_WORKERS", 6));
  const int pauses = static_cast<int>(test::amount("MEDLEY_PAUSES", 3));
  const std::chrono::milliseconds pause(test::amount("MEDLEY_PAUSE_MS", 6'000));
  const std::chrono::milliseconds between(test::amount("MEDLEY_BETWEEN_PAUSES_MS", 200));
  const int configs = 8 * places;
  behave("train_ms " + std::to_string(test::amount("MEDLEY_PAUSE_TRAIN_MS", 400)));
  setenv("FENCING_MS", std::to_string(test::amount("MEDLEY_PAUSE_FENCING_MS", 7'000)).c_str(), 1);
  setenv("LEASE_MS", "3000", 1);
  const auto run = Fleet::start(configs, places, {FAKE_WORKER, "--capacity", "1"});
  unsetenv("FENCING_MS");
  unsetenv("LEASE_MS");
  ASSERT_TRUE(test::eventually([&] { return running() >= places; }));
  for (int i = 0; i < pauses; ++i) {
    EXPECT_LT(finished(), 2 * configs) << "the sweep ended before the pauses: make it longer";
    run->kill(SIGSTOP);
    std::this_thread::sleep_for(pause);
    run->kill(SIGCONT);
    std::this_thread::sleep_for(between);
  }
  EXPECT_EQ(run->wait(120s).exit, 0);
  expect_undisturbed_results(configs);
  storage::Reader reader(store());
  int attempts = 0, most = 0;
  for (int offset = 0; offset < 2 * configs; offset += storage::kMaxPage) {
    for (const auto& row : reader.trials(reader.sweeps()[0].id, {}, {offset, storage::kMaxPage})) {
      attempts += row.attempts;
      most = std::max(most, row.attempts);
      if (row.attempts == 1) continue;
      const auto trial = reader.find_trial(row.trial);
      for (const auto& attempt : trial->attempts) std::puts(attempt.reason.c_str());
    }
  }
  EXPECT_EQ(most, 1) << "an attempt was lost";
  EXPECT_EQ(attempts, 2 * configs);
  std::printf("%d workers, %d pauses of %d ms: %d attempts of %d trials\n", places, pauses,
              static_cast<int>(pause.count()), attempts, 2 * configs);
}

TEST_F(Kill, WorkersWithoutACoordinatorEndByThemselvesAndKeepTheirResults) {
  behave("train_ms 200");
  setenv("FENCING_MS", "600", 1);
  auto run = start(4, 2);
  unsetenv("FENCING_MS");
  ASSERT_TRUE(test::eventually([&] { return running() >= 4; }));
  run->kill(SIGKILL);
  run->wait();
  EXPECT_FALSE(workers().empty());
  EXPECT_TRUE(test::eventually([&] { return workers().empty(); }, 5s));
  EXPECT_GE(spooled(), 4);
}

TEST_F(Kill, ATrialWhoseWorkerAlwaysCrashesFailsAloneAndOneThatDivergesIsAResult) {
  constexpr int kConfigs = 10;
  const auto trials = fake::fake_sweep(kConfigs).trials;
  const std::string crashing = trials[7].id, diverging = trials[4].id;
  behave("train_ms 5\ncrash " + crashing + "\ndiverge " + diverging);
  setenv("RETRY_BUDGET", "5", 1);
  const Ended ended = start(kConfigs, 2)->wait(20s);
  unsetenv("RETRY_BUDGET");
  EXPECT_EQ(ended.exit, 0);
  EXPECT_NE(ended.out.find("19 finished, 1 diverged, 1 failed of 20"), std::string::npos) << ended.out;
  expect_undisturbed_results(kConfigs, diverging, {crashing});
  storage::Reader reader(store());
  const auto detail = reader.find_trial(crashing);
  EXPECT_NE(detail->reason.find("5 attempts failed"), std::string::npos) << detail->reason;
  EXPECT_GE(detail->attempts.size(), 5u) << "those in packs do not count";
  EXPECT_LE(detail->attempts.size(), 5u + 2u) << "a pack of 4 is halved twice";
  EXPECT_NE(detail->reason.find("Killed"), std::string::npos) << detail->reason;
}

TEST_F(Kill, AFailedPackLeavesItsWorkerAliveAndTellsWhy) {
  constexpr int kConfigs = 4;
  const auto trials = fake::fake_sweep(kConfigs).trials;
  behave("train_ms 5\nfail " + trials[2].id);
  setenv("RETRY_BUDGET", "3", 1);
  const Ended ended = start(kConfigs, 1)->wait(20s);
  unsetenv("RETRY_BUDGET");
  EXPECT_EQ(ended.exit, 0) << ended.out << ended.err;
  expect_undisturbed_results(kConfigs, "", {trials[2].id});
  storage::Reader reader(store());
  EXPECT_NE(reader.find_trial(trials[2].id)->reason.find("told to fail " + trials[2].id), std::string::npos);
  EXPECT_EQ(reader.workers().size(), 1u) << "the same process served to the end";
}

TEST_F(Kill, AResultOfTheWrongSizeIsRefusedAndHarmsNobody) {
  constexpr int kConfigs = 3;
  const auto trials = fake::fake_sweep(kConfigs).trials;
  behave("train_ms 5\nwrong_size " + trials[1].id);
  setenv("RETRY_BUDGET", "2", 1);
  const Ended ended = start(kConfigs, 1)->wait(20s);
  unsetenv("RETRY_BUDGET");
  EXPECT_EQ(ended.exit, 0) << ended.out << ended.err;
  expect_undisturbed_results(kConfigs, "", {trials[1].id});
  storage::Reader reader(store());
  EXPECT_NE(reader.find_trial(trials[1].id)->reason.find("the results of 2 workers were refused"), std::string::npos);
  EXPECT_EQ(spooled(), 0) << "it is not sent for ever";
}

TEST_F(Kill, TheSameSweepAgainTrainsNothing) {
  behave("train_ms 1");
  EXPECT_EQ(start(5, 1)->wait(20s).exit, 0);
  behave("train_ms 100000");
  const Ended again = start(5, 1)->wait(20s);
  EXPECT_EQ(again.exit, 0);
  EXPECT_NE(again.out.find("10 finished"), std::string::npos) << again.out;
  EXPECT_EQ(storage::Reader(store()).workers().size(), 1u) << "nor does it start a worker";
  expect_undisturbed_results(5);
}

TEST_F(Kill, FirstInterruptFinishesRunningPacksSecondDoesNot) {
  behave("train_ms 400");
  const auto graceful = start(20, 2);
  ASSERT_TRUE(test::eventually([&] { return running() >= 6; }));
  graceful->kill(SIGINT);
  EXPECT_EQ(graceful->wait(10s).exit, 3);
  EXPECT_EQ(finished(), 6) << "two packs of three, and nothing new";
  EXPECT_TRUE(workers().empty());

  behave("train_ms 100000");
  const auto at_once = start(20, 2);
  ASSERT_TRUE(test::eventually([&] { return running() >= 6; }));
  at_once->kill(SIGINT);
  std::this_thread::sleep_for(100ms);
  at_once->kill(SIGINT);
  EXPECT_EQ(at_once->wait(6s).exit, 3);
  EXPECT_TRUE(workers().empty());
  storage::Reader reader(store());
  EXPECT_EQ(reader.sweeps()[0].running, 0);
  for (const auto& trial : reader.trial_histories(reader.sweeps()[0].id)) {
    EXPECT_EQ(trial.failures, 0) << "what the user stops counts against nobody";
  }

  behave("train_ms 5");
  EXPECT_EQ(start(20, 2)->wait(20s).exit, 0);
  expect_undisturbed_results(20);
}

TEST_F(Kill, TheGracePeriodOfAGracefulStopEnds) {
  behave("train_ms 100000");
  setenv("GRACE_MS", "300", 1);
  const auto run = start(4, 2);
  unsetenv("GRACE_MS");
  ASSERT_TRUE(test::eventually([&] { return running() >= 4; }));
  run->kill(SIGINT);
  EXPECT_EQ(run->wait(6s).exit, 3);
  EXPECT_EQ(storage::Reader(store()).sweeps()[0].running, 0);
}

TEST_F(Kill, WorkersThatCannotLiveEndTheRunWithTheReason) {
  const Ended ended = Program(FAKE_RUN, {store(), "2", "2", "/bin/false"}, scratch_).wait(20s);
  EXPECT_EQ(ended.exit, 1);
  EXPECT_NE(ended.err.find("no worker is left"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("exit code 1"), std::string::npos) << ended.err;
}

}  // namespace
}  // namespace medley
