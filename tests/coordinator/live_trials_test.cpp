#include "coordinator/live_trials.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace medley::coordinator {
namespace {

sweep::EpochMetrics epoch(int number) {
  sweep::EpochMetrics metrics;
  metrics.epoch = number;
  return metrics;
}

TEST(HeardEpochs, ALongTrialKeepsFewEvenlyWithTheFirstAndTheNewest) {
  HeardEpochs heard;
  for (int e = 1; e <= 20'000; ++e) {
    heard.add(epoch(e));
    ASSERT_LE(heard.epochs.size(), HeardEpochs::kMost);
    ASSERT_EQ(heard.epochs.front().epoch, 1);
    ASSERT_EQ(heard.epochs.back().epoch, e);
  }
  ASSERT_GE(heard.epochs.size(), HeardEpochs::kMost / 4);
  int widest = 0;
  for (std::size_t i = 1; i < heard.epochs.size(); ++i) {
    ASSERT_LT(heard.epochs[i - 1].epoch, heard.epochs[i].epoch);
    widest = std::max(widest, heard.epochs[i].epoch - heard.epochs[i - 1].epoch);
  }
  EXPECT_LE(widest, 20'000 / 16);
}

TEST(HeardEpochs, AnEpochThatIsNotNewerChangesNothing) {
  HeardEpochs heard;
  for (const int e : {3, 5, 5, 4, 1, 6}) heard.add(epoch(e));
  ASSERT_EQ(heard.epochs.size(), 3u);
  EXPECT_EQ(heard.epochs[0].epoch, 3);
  EXPECT_EQ(heard.epochs[1].epoch, 5);
  EXPECT_EQ(heard.epochs[2].epoch, 6);
}

}  // namespace
}  // namespace medley::coordinator
