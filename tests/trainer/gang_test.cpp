// A trial that a gang trains data-parallel comes out as one rank alone trains it: same rows a step, same random
// numbers.
#include <algorithm>
#include <atomic>
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/folder.h"
#include "tests/trainer/one_trial.h"
#include "tests/trainer/planted_dataset.h"
#include "tests/trainer/switches.h"
#include "tests/trainer/thread_gang.h"
#include "trainer/trainer.h"

namespace medley::tests {
namespace {

using sweep::Config;
using sweep::TrialResult;
using sweep::TrialSpec;
using trainer::Stop;

constexpr double kTolerance = 1e-6;  // relative, in float64

/// What each rank says of `trials`.
std::vector<std::vector<TrialResult>> train_in_gang(int ranks, const data::Dataset& dataset,
                                                    const std::vector<TrialSpec>& trials,
                                                    const trainer::TrainOptions& options = {}) {
  std::vector<std::vector<TrialResult>> results(static_cast<std::size_t>(ranks));
  ThreadGang(ranks).run([&](trainer::Collective& collective) {
    trainer::TrainOptions own = options;
    own.collective = &collective;
    if (collective.rank() > 0) own.stop = nullptr;
    results[static_cast<std::size_t>(collective.rank())] = trainer::train_pack(dataset, trials, own);
  });
  return results;
}

void expect_close(const std::vector<float>& actual, const std::vector<float>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    // Recorded as halves: a unit in the last place of presence, salience and their product comes on top.
    EXPECT_NEAR(actual[i], expected[i], (kTolerance + 3 * 0x1p-10) * std::max(1e-3f, std::abs(expected[i])));
  }
}

void expect_close(const TrialResult& actual, const TrialResult& expected) {
  ASSERT_EQ(actual.outcome, expected.outcome);
  ASSERT_EQ(actual.epochs.size(), expected.epochs.size());
  for (std::size_t i = 0; i < actual.epochs.size(); ++i) {
    const auto near = [&](double a, double b) { EXPECT_NEAR(a, b, kTolerance * std::max(1e-3, std::abs(b))); };
    near(actual.epochs[i].loss, expected.epochs[i].loss);
    ASSERT_EQ(actual.epochs[i].terms.size(), expected.epochs[i].terms.size());
    for (std::size_t t = 0; t < expected.epochs[i].terms.size(); ++t) {
      EXPECT_EQ(actual.epochs[i].terms[t].name, expected.epochs[i].terms[t].name);
      near(actual.epochs[i].terms[t].value, expected.epochs[i].terms[t].value);
    }
    near(actual.epochs[i].validation_loss, expected.epochs[i].validation_loss);
    EXPECT_EQ(actual.epochs[i].validation.presence, expected.epochs[i].validation.presence);
    EXPECT_EQ(actual.epochs[i].validation.salience, expected.epochs[i].validation.salience);
  }
  expect_close(actual.held_out.validation.fused, expected.held_out.validation.fused);
  expect_close(actual.held_out.test.fused, expected.held_out.test.fused);
}

class GangOf : public testing::TestWithParam<Switch> {};

TEST_P(GangOf, TwoAndFourRanksTrainAsOne) {
  const data::Dataset dataset = planted_dataset();
  Config config = with(small_config(), GetParam().settings);
  config.precision = sweep::Precision::kFloat64;
  config.epochs = 3;
  config.inner_fold = !sweep::is_fitted(config) || !config.tune_decay;  // three folds are too few for both
  config.batch_size = 18;                                               // no multiple of 4
  const TrialSpec spec = trial(config);
  const TrialResult one = alone(dataset, spec);
  ASSERT_EQ(one.outcome, sweep::Outcome::kFinished);
  for (const int ranks : {2, 4}) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks");
    const auto said = train_in_gang(ranks, dataset, {spec});
    expect_close(said.front().front(), one);
    for (const auto& rank : said) EXPECT_EQ(bits(rank.front()), bits(said.front().front())) << "ranks disagree";
  }
}

INSTANTIATE_TEST_SUITE_P(Switches, GangOf, testing::ValuesIn(kSwitches), switch_name);
INSTANTIATE_TEST_SUITE_P(Fits, GangOf, testing::ValuesIn(kFits), switch_name);

TEST(GangTest, TrainsAPackAndGivesTheBitsOfEachTrialAlone) {
  const data::Dataset dataset = planted_dataset();
  Config slow = small_config(), wild = small_config();
  wild.learning_rate = 1e30;  // diverges
  slow.grad_clip = 0.5;
  const std::vector<TrialSpec> pack = {trial(slow), trial(wild, 1), trial(small_config(), 2)};
  const auto together = train_in_gang(2, dataset, pack).front();
  EXPECT_EQ(together[1].outcome, sweep::Outcome::kDiverged);
  for (std::size_t i = 0; i < pack.size(); ++i) {
    EXPECT_EQ(bits(together[i]), bits(train_in_gang(2, dataset, {pack[i]}).front().front()));
  }
}

TEST(GangTest, StopsTogetherWhenTheFirstRankIsToldToAndResumesToTheSameBits) {
  const data::Dataset dataset = planted_dataset();
  const TrialSpec spec = trial(small_config());
  const test::Folder folder;
  trainer::TrainOptions options;
  options.resume = folder.path();
  int polls = 0;
  options.stop = [&polls] { return ++polls > 8 ? Stop::kSave : Stop::kNo; };
  EXPECT_THROW(train_in_gang(2, dataset, {spec}, options), trainer::Interrupted);
  std::atomic<int> notes{0};
  options.stop = nullptr;
  options.note = [&notes](const std::string&) { ++notes; };
  const auto resumed = train_in_gang(2, dataset, {spec}, options);
  EXPECT_EQ(notes, 2);
  EXPECT_EQ(bits(resumed.front().front()), bits(train_in_gang(2, dataset, {spec}).front().front()));
}

TEST(GangTest, RefusesABatchWithFewerRowsThanRanks) {
  const data::Dataset dataset = planted_dataset();
  Config config = small_config();
  config.batch_size = 3;
  try {
    train_in_gang(4, dataset, {trial(config)});
    FAIL() << "it trained";
  } catch (const trainer::Error& e) {
    EXPECT_STREQ(e.what(), "batch_size 3 cannot be split over a gang of 4 ranks");
  }
}

}  // namespace
}  // namespace medley::tests
