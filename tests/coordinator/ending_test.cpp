#include "coordinator/ending.h"

#include <gtest/gtest.h>

namespace medley::coordinator {
namespace {
using namespace std::chrono_literals;
using Step = Ending::Step;

const Ending::TimePoint kStart{100s};

/// Drained, with its workers told to leave at kStart.
Ending leaving() {
  Ending ending;
  ending.drain({End::How::kDone, "everything is done"});
  ending.note_idle();
  ending.leave(kStart);
  return ending;
}

TEST(Ending, DrainsThenLeavesThenStopsOnceNoWorkerIsLeft) {
  Ending ending;
  EXPECT_TRUE(ending.is_serving());
  EXPECT_TRUE(ending.drain({End::How::kDone, "everything is done"}));
  EXPECT_EQ(ending.phase(), Phase::kDraining);
  EXPECT_FALSE(ending.is_leaving());
  ending.note_idle();
  EXPECT_EQ(ending.phase(), Phase::kDrained);
  EXPECT_FALSE(ending.is_leaving());
  ending.leave(kStart);
  EXPECT_EQ(ending.phase(), Phase::kLeaving);
  EXPECT_TRUE(ending.is_leaving());
  EXPECT_EQ(ending.advance(true, kStart + 100ms), Step::kWait);
  EXPECT_EQ(ending.advance(false, kStart + 200ms), Step::kKill);
  EXPECT_EQ(ending.phase(), Phase::kStopped);
  EXPECT_EQ(ending.end().how, End::How::kDone);
  EXPECT_EQ(ending.end().reason, "everything is done");
}

TEST(Ending, WorkersThatStayAreTerminatedOnceAndKilledAfterTheGrace) {
  Ending ending = leaving();
  EXPECT_EQ(ending.advance(true, kStart + 1s), Step::kWait);
  EXPECT_EQ(ending.advance(true, kStart + 1'001ms), Step::kTerminate);
  EXPECT_EQ(ending.advance(true, kStart + 1'002ms), Step::kWait);
  EXPECT_EQ(ending.advance(true, kStart + 8s), Step::kWait);
  EXPECT_EQ(ending.advance(true, kStart + 8'001ms), Step::kKill);
  EXPECT_EQ(ending.phase(), Phase::kStopped);
}

TEST(Ending, TheFirstReasonToDrainIsKept) {
  Ending ending;
  EXPECT_TRUE(ending.drain({End::How::kDone, "everything is done"}));
  EXPECT_FALSE(ending.drain({End::How::kStopped, "Ctrl-C"}));
  EXPECT_EQ(ending.end().reason, "everything is done");
}

TEST(Ending, ADrainIsOverdueAfterItsLimitWhileSomethingRuns) {
  Ending ending;
  ending.drain({End::How::kStopped, "Ctrl-C"});
  EXPECT_FALSE(ending.is_overdue(kStart + 1h)) << "it has no limit yet";
  ending.limit_drain(kStart);
  EXPECT_FALSE(ending.is_overdue(kStart));
  EXPECT_TRUE(ending.is_overdue(kStart + 1ms));
  ending.note_idle();
  EXPECT_FALSE(ending.is_overdue(kStart + 1ms));
}

TEST(Ending, AStopAtOnceCutsADrainShortAndGivesItsOwnReason) {
  Ending ending;
  ending.drain({End::How::kDone, "everything is done"});
  EXPECT_TRUE(ending.stop_now("Ctrl-C again"));
  EXPECT_EQ(ending.phase(), Phase::kDraining) << "until what runs is recorded as cancelled";
  ending.cancelled(kStart);
  EXPECT_EQ(ending.phase(), Phase::kCancelled);
  EXPECT_TRUE(ending.is_leaving());
  EXPECT_EQ(ending.end().how, End::How::kStopped);
  EXPECT_EQ(ending.end().reason, "Ctrl-C again");
  ending.note_idle();  // a last result came
  EXPECT_EQ(ending.phase(), Phase::kCancelled);
  EXPECT_EQ(ending.advance(true, kStart + 2s), Step::kTerminate);
  EXPECT_EQ(ending.advance(false, kStart + 3s), Step::kKill);
}

TEST(Ending, AStopAtOnceMayFindThatNothingRuns) {
  Ending ending;
  EXPECT_TRUE(ending.stop_now("Ctrl-C"));
  ending.note_idle();
  ending.cancelled(kStart);
  EXPECT_EQ(ending.phase(), Phase::kCancelled);
}

TEST(Ending, AStopAtOnceComesTooLateWhenNothingRunsAnyMore) {
  Ending ending = leaving();
  EXPECT_FALSE(ending.stop_now("Ctrl-C"));
  EXPECT_EQ(ending.phase(), Phase::kLeaving);
  EXPECT_EQ(ending.end().how, End::How::kDone);
}

TEST(EndingDeathTest, AnIllegalStepEndsTheProgram) {
  Ending ending;
  EXPECT_DEATH(ending.leave(kStart), "may_follow");
  EXPECT_DEATH(ending.note_idle(), "may_follow");
  Ending over = leaving();
  over.advance(false, kStart);
  EXPECT_DEATH(over.cancelled(kStart), "may_follow");
}

}  // namespace
}  // namespace medley::coordinator
