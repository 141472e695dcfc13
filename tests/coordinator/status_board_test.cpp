#include "coordinator/status_board.h"

#include <gtest/gtest.h>

namespace medley::coordinator {
namespace {
using namespace std::chrono_literals;

const StatusBoard::TimePoint kStart{100s};

class Board : public testing::Test {
 protected:
  Board() {
    SweepSubmitted sweep{"s", 0, sweep::SweepState::kRunning, {}};
    for (const char* id : {"a", "b", "c", "d"}) {
      sweep.trials.push_back({});
      sweep.trials.back().id = id;
      sweep.trials.back().pack_key = "k";
    }
    scheduler_.handle(sweep, 0);
    catalog_.sweeps().push_back({});
    catalog_.sweeps().back().id = "s";
  }
  Status published(StatusBoard::TimePoint now) {
    board_.publish(scheduler_, catalog_, roster_, ending_, now);
    return board_.read();
  }

  Scheduler scheduler_;
  Catalog catalog_;
  Roster roster_;
  Ending ending_;
  StatusBoard board_;
};

TEST_F(Board, TheTimeLeftIsWhatRemainsAtTheRateOfTheNewestResults) {
  EXPECT_FALSE(published(kStart).eta_seconds) << "nothing trains";
  scheduler_.handle(WorkerJoined{"w", 1, "cpu", {}, "", "", 0}, 0);
  EXPECT_FALSE(published(kStart).eta_seconds) << "nothing has ended";
  board_.note_result(kStart + 10s);
  EXPECT_DOUBLE_EQ(*published(kStart + 10s).eta_seconds, 40) << "4 trials at one in 10 s";
  EXPECT_DOUBLE_EQ(*published(kStart + 15s).eta_seconds, 35) << "it counts down";
  board_.note_result(kStart + 20s);
  EXPECT_DOUBLE_EQ(*published(kStart + 20s).eta_seconds, 40);
  EXPECT_DOUBLE_EQ(*published(kStart + 80s).eta_seconds, 160) << "a standstill shows";
  EXPECT_EQ(board_.read().results, 2);
  scheduler_.handle(SweepPaused{"s"}, 0);
  EXPECT_FALSE(published(kStart + 80s).eta_seconds) << "nothing is to be trained";
}

TEST_F(Board, ResultsOfAPackThatComeTogetherAreNoRateOfTheirOwn) {
  scheduler_.handle(WorkerJoined{"w", 2, "cpu", {}, "", "", 0}, 0);
  published(kStart);
  for (int i = 0; i < 8; ++i) board_.note_result(kStart + 80s);
  EXPECT_DOUBLE_EQ(*published(kStart + 80s).eta_seconds, 40) << "4 trials at 8 in 80 s";
  for (int i = 0; i < 8; ++i) board_.note_result(kStart + 160s);
  EXPECT_DOUBLE_EQ(*published(kStart + 160s).eta_seconds, 40);
  EXPECT_DOUBLE_EQ(*published(kStart + 190s).eta_seconds, 10);
}

TEST_F(Board, ShowsWorkersThatAreThereAndWhatTheyTrain) {
  scheduler_.handle(WorkerJoined{"w", 2, "cpu", {}, "", "", 0}, 0);
  protocol::Hello hello;
  hello.instance = "w";
  hello.host = "moon";
  hello.pid = 4711;
  roster_.join(hello);
  const Status status = published(kStart);
  ASSERT_EQ(status.workers.size(), 1u);
  EXPECT_EQ(status.workers[0].name, "moon:4711");
  EXPECT_EQ(status.workers[0].running, 2);
  EXPECT_EQ(status.workers[0].first_trial, "a");
  EXPECT_EQ(status.sweeps.at(0).running, 2);
  EXPECT_EQ(catalog_.sweeps()[0].running, 2) << "requests count with it";
  scheduler_.handle(WorkerLost{"w", WorkerLost::How::kLeft, ""}, 0);
  EXPECT_TRUE(published(kStart).workers.empty());
}

TEST_F(Board, SaysThatItDrainsAndWhy) {
  EXPECT_FALSE(published(kStart).draining);
  EXPECT_EQ(board_.read().stopping_because, "");
  ending_.drain({End::How::kStopped, "Ctrl-C"});
  EXPECT_TRUE(published(kStart).draining);
  EXPECT_EQ(board_.read().stopping_because, "Ctrl-C");
}

}  // namespace
}  // namespace medley::coordinator
