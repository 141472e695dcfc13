// A coordinator with fake workers, each a real process: for tests that kill them.
#pragma once

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <signal.h>

#include "storage/reader.h"
#include "sweep/result.h"
#include "tests/coordinator/fake_sweep.h"
#include "tests/e2e/program.h"
#include "tests/support/patience.h"
#include "tests/support/spooled.h"

namespace medley::fake {

/// tests/coordinator/fake_run in a folder of its own; none of its processes outlives the test.
class Fleet : public testing::Test {
 protected:
  ~Fleet() override {
    for (const pid_t pid : workers()) ::kill(pid, SIGKILL);
  }

  std::string store() const { return scratch_ / "store"; }
  void behave(const std::string& lines) const { std::ofstream(scratch_ / "behaviour") << lines; }

  /// The coordinator, with `places` workers started by `command`.
  std::unique_ptr<e2e::Program> start(int configs, int places, const std::vector<std::string>& command) const {
    std::vector<std::string> arguments = {store(), std::to_string(configs), std::to_string(places)};
    arguments.insert(arguments.end(), command.begin(), command.end());
    for (const std::string& word : {std::string("--behaviour"), (scratch_ / "behaviour").string()}) {
      arguments.push_back(word);
    }
    return std::make_unique<e2e::Program>(FAKE_RUN, arguments, scratch_);
  }

  std::vector<pid_t> workers() const { return e2e::workers_of(store()); }

  /// Every result of the sweep is there once, and is what the trainer makes of its trial, to the byte.
  void expect_undisturbed_results(int configs, const std::string& diverging = "",
                                  const std::set<std::string>& failed = {}) const {
    storage::Reader reader(store());
    const auto submission = fake_sweep(configs);
    for (const auto& trial : submission.trials) {
      const auto detail = reader.find_trial(trial.id);
      ASSERT_TRUE(detail) << trial.id;
      if (failed.count(trial.id)) {
        EXPECT_EQ(detail->state, sweep::TrialState::kFailed);
        continue;
      }
      ASSERT_EQ(detail->state, sweep::TrialState::kFinished) << trial.id;
      const auto expected = fake_result(trial, trial.id == diverging);
      EXPECT_EQ(sweep::encode_result(*detail->result), sweep::encode_result(expected)) << trial.id;
      int accepted = 0;
      for (const auto& attempt : detail->attempts) {
        accepted += attempt.state == sweep::AttemptState::kFinished;
        EXPECT_NE(attempt.state, sweep::AttemptState::kRunning);
      }
      EXPECT_EQ(accepted, 1) << trial.id;
    }
    const auto sweep = reader.find_sweep(storage::sweep_id(submission));
    ASSERT_TRUE(sweep);
    EXPECT_EQ(sweep->state, sweep::SweepState::kFinished);
  }

  /// Of the one sweep; all zero before there is a store.
  storage::SweepSummary summary() const {
    if (!storage::store_exists(store())) return {};
    try {
      const auto sweeps = storage::Reader(store()).sweeps();
      return sweeps.empty() ? storage::SweepSummary{} : sweeps[0];
    } catch (const storage::Error&) {
      return {};  // it is just being made
    }
  }
  int finished() const { return summary().finished; }
  int running() const { return summary().running; }

  /// Results that workers keep because nobody has confirmed them.
  int spooled() const { return test::spooled_results(store() + "/spool"); }

  e2e::Scratch scratch_;
};

}  // namespace medley::fake
