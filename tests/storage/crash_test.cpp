// A child does a coordinator's work and is killed at every disk operation in turn, or at a random moment. It says over
// a pipe what it was told is committed. Whoever opens the store afterwards must find all of that, and nothing half.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/database.h"
#include "storage/reader.h"
#include "storage/writer.h"
#include "tests/storage/faulty_disk.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/amount.h"
#include "tests/support/folder.h"

namespace medley::storage {
namespace {

using namespace testing_store;

const SweepSubmission& the_sweep() {
  static const SweepSubmission sweep = small_sweep("s", 3, 2);  // 12 trials
  return sweep;
}

/// The result of a trial is the same in every process.
sweep::TrialResult result_of(std::size_t trial) {
  std::mt19937_64 random(trial);
  return random_result(the_sweep().trials[trial], random);
}

/// What the child reports, one byte a committed group.
constexpr char kOpened = 'o', kSubmitted = 's', kBegun = 'b', kEnded = 'e', kAccepted = 'a';

/// Continues from the content of the store until all trials are finished, as a coordinator does.
void work(const std::filesystem::path& folder, const std::function<void(char)>& report) {
  const SweepSubmission& sweep = the_sweep();
  Writer writer(folder);
  report(kOpened);
  {
    Writer::Group group(writer);
    writer.register_dataset(small_dataset(), 1);
    writer.worker_joined({"w", "w", 4, 1, "cpu", ""}, 1);
    writer.submit_sweep(sweep, 1);
    group.commit();
  }
  report(kSubmitted);
  std::vector<TrialHistory> histories;
  {
    Reader reader(folder);
    histories = reader.trial_histories(sweep_id(sweep));
  }
  for (std::size_t i = 0; i < histories.size(); ++i) {
    const TrialHistory& history = histories[i];
    if (history.state == sweep::TrialState::kFinished) continue;
    if (!history.running_worker.empty()) {
      Writer::Group group(writer);
      writer.end_attempt({history.trial, history.attempts}, sweep::AttemptState::kLost, "the coordinator died", 2);
      group.commit();
      report(kEnded);
    }
    const sweep::AttemptId attempt{history.trial, history.attempts + 1};
    {
      Writer::Group group(writer);
      writer.begin_attempts("w", writer.next_pack(), {attempt}, 3);
      group.commit();
    }
    report(kBegun);
    {
      Writer::Group group(writer);
      writer.accept_result(attempt, "w", result_of(i), 4);
      writer.log_event("result", history.trial, "accepted", 4);
      group.commit();
    }
    report(kAccepted);
  }
}

/// Runs the work in a child that `arm`s its own death; returns its reports. `status` as of waitpid.
std::string run_child(const std::filesystem::path& folder, const std::function<void()>& arm, int kill_after_us,
                      int& status) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe_ends[0]);
    try {
      arm();
      work(folder, [&](char what) {
        if (::write(pipe_ends[1], &what, 1) != 1) ::_exit(3);
      });
    } catch (const std::exception& e) {
      (void)!::write(2, e.what(), std::string(e.what()).size());
      ::_exit(2);
    }
    ::_exit(0);
  }
  ::close(pipe_ends[1]);
  if (kill_after_us >= 0) {
    ::usleep(static_cast<useconds_t>(kill_after_us));
    ::kill(child, SIGKILL);
  }
  std::string reports;
  char what = 0;
  while (::read(pipe_ends[0], &what, 1) == 1) reports += what;
  ::close(pipe_ends[0]);
  ::waitpid(child, &status, 0);
  return reports;
}

long count_of(const std::string& reports, char what) { return std::count(reports.begin(), reports.end(), what); }

/// Everything reported is there, results bit for bit; nothing is half. `accepted` counts over all lives of the store.
void check(const std::filesystem::path& folder, const std::string& reports, long accepted) {
  if (count_of(reports, kOpened) == 0 && accepted == 0 && !store_exists(folder)) return;
  { Writer recovers(folder); }
  Database database(StoreLayout(folder.string()).database(), Database::Mode::kReadOnly);
  Statement integrity(database, "PRAGMA integrity_check");
  ASSERT_TRUE(integrity.step());
  ASSERT_EQ(integrity.text(0), "ok");
  Statement keys(database, "PRAGMA foreign_key_check");
  ASSERT_FALSE(keys.step());

  Reader reader(folder);
  const auto summary = reader.find_sweep(sweep_id(the_sweep()));
  if (!summary) {
    ASSERT_EQ(count_of(reports, kSubmitted), 0);
    ASSERT_EQ(accepted, 0);
    ASSERT_TRUE(reader.dataset_fingerprints().empty());
    return;
  }
  ASSERT_EQ(summary->trials, 12);
  ASSERT_EQ(summary->configs, 3);
  // A commit may be durable though the child died before it could say so: at most one more.
  ASSERT_GE(summary->finished, accepted);
  ASSERT_LE(summary->finished, accepted + 1);
  ASSERT_EQ(static_cast<long>(reader.log(0, 100).size()), summary->finished);
  const auto histories = reader.trial_histories(summary->id);
  int running = 0;
  for (std::size_t i = 0; i < histories.size(); ++i) {
    const auto detail = reader.find_trial(histories[i].trial);
    ASSERT_EQ(static_cast<int>(detail->attempts.size()), histories[i].attempts);
    int finished_attempts = 0;
    for (const AttemptRow& attempt : detail->attempts) {
      finished_attempts += attempt.state == sweep::AttemptState::kFinished;
      running += attempt.state == sweep::AttemptState::kRunning;
    }
    ASSERT_EQ(finished_attempts, detail->result ? 1 : 0);
    if (detail->result) {
      ASSERT_EQ(sweep::encode_result(*detail->result), sweep::encode_result(result_of(i)));
    }
  }
  ASSERT_LE(running, 1);
}

class CrashTest : public testing::TestWithParam<Crash> {};

TEST_P(CrashTest, AtEveryDiskOperationWhatWasCommittedIsThere) {
  // Few operations apart, so that every kind is hit; MEDLEY_CRASH_STEP=1 tries each one.
  const long step = test::amount("MEDLEY_CRASH_STEP", 5);
  long crashes = 0, after_results = 0;
  for (long at = 1;; at += step) {
    test::Folder folder(test::Folder::Where::kMemory);
    int status = 0;
    const std::string reports = run_child(
        folder.path(), [&] { install_faulty_disk(GetParam(), at, static_cast<std::uint64_t>(at)); }, -1, status);
    check(folder.path(), reports, count_of(reports, kAccepted));
    if (HasFatalFailure()) {
      ADD_FAILURE() << "killed at disk operation " << at << " after " << reports;
      return;
    }
    if (WIFEXITED(status)) {  // it got to the end before operation `at`
      ASSERT_EQ(WEXITSTATUS(status), 0);
      ASSERT_EQ(count_of(reports, kAccepted), 12);
      break;
    }
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    ++crashes;
    after_results += count_of(reports, kAccepted) > 0;
  }
  EXPECT_GT(crashes, 20);
  EXPECT_GT(after_results, 10);
}

INSTANTIATE_TEST_SUITE_P(All, CrashTest, testing::Values(Crash::kProcess, Crash::kPower),
                         [](const auto& test) { return test.param == Crash::kPower ? "PowerLoss" : "Kill9"; });

TEST(Crash, AStoreSurvivesManyDeathsAtRandomMoments) {
  std::mt19937_64 random(1);
  // How long an undisturbed child takes here: deaths are spread over that time.
  int undisturbed_us = 0;
  {
    test::Folder folder(test::Folder::Where::kMemory);
    int status = 0;
    const auto start = std::chrono::steady_clock::now();
    ASSERT_EQ(count_of(run_child(
                           folder.path(), [] {}, -1, status),
                       kAccepted),
              12);
    const auto took = std::chrono::steady_clock::now() - start;
    undisturbed_us = static_cast<int>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  }
  constexpr int kDeaths = 50, kLives = 2000;
  int deaths = 0, lives = 0, stores_finished = 0;
  while ((deaths < kDeaths || stores_finished == 0) && lives < kLives) {
    test::Folder folder(test::Folder::Where::kMemory);  // one store, killed until its work is done
    long accepted = 0;
    for (bool done = false; !done && ++lives < kLives;) {
      int status = 0;
      const int after_us = static_cast<int>(random() % static_cast<unsigned>(undisturbed_us + 1));
      const std::string reports = run_child(
          folder.path(), [] {}, after_us, status);
      check(folder.path(), reports, accepted + count_of(reports, kAccepted));
      ASSERT_FALSE(HasFatalFailure()) << "life " << lives << " after " << reports;
      done = WIFEXITED(status);
      if (done) {
        ASSERT_EQ(WEXITSTATUS(status), 0);
      } else {
        ++deaths;
      }
      if (!store_exists(folder.path())) continue;
      Reader reader(folder.path());
      const auto summary = reader.find_sweep(sweep_id(the_sweep()));
      accepted = summary ? summary->finished : 0;
      if (done) {
        ASSERT_EQ(accepted, 12);
        ++stores_finished;
      }
    }
  }
  EXPECT_GE(deaths, kDeaths);
  EXPECT_GE(stores_finished, 1);
}

}  // namespace
}  // namespace medley::storage
