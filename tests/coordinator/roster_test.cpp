#include "coordinator/roster.h"

#include <gtest/gtest.h>

namespace medley::coordinator {
namespace {
using Stage = protocol::Held::Stage;

protocol::Hello hello() {
  protocol::Hello hello;
  hello.instance = "w";
  hello.host = "moon";
  hello.pid = 4711;
  hello.capacity = 8;
  hello.ranks = 2;
  hello.device = "cpu";
  hello.arithmetic = "0123456789abx2";
  return hello;
}

TEST(Roster, AWorkerIsCalledByItsHostAndProcessOnceItHasJoined) {
  Roster roster;
  EXPECT_EQ(roster.name_of("w"), "w");
  EXPECT_EQ(roster.find("w"), nullptr);
  EXPECT_FALSE(roster.heard("w"));
  roster.join(hello());
  EXPECT_EQ(roster.name_of("w"), "moon:4711");
  ASSERT_NE(roster.find("w"), nullptr);
  EXPECT_EQ(roster.find("w")->capacity, 8);
  EXPECT_EQ(roster.find("w")->ranks, 2);
  EXPECT_EQ(roster.find("w")->arithmetic, "0123456789abx2");
  roster.forget("w");
  EXPECT_EQ(roster.find("w"), nullptr);
}

TEST(Roster, ProgressIsTheMeanShareOfEpochsOfWhatRuns) {
  Roster roster;
  protocol::Hello back = hello();
  back.held = {{{"a", 1}, Stage::kRunning, 1, 4}};
  roster.join(back);
  EXPECT_EQ(roster.heard("w")->progress, 0.25);

  protocol::Heartbeat beat;
  beat.held = {{{"a", 1}, Stage::kRunning, 3, 4},
               {{"b", 1}, Stage::kRunning, 0, 0},   // it has not begun
               {{"c", 1}, Stage::kSpooled, 4, 4}};  // it is trained
  beat.usage = sweep::Usage{};
  roster.hear("w", beat);
  EXPECT_EQ(roster.heard("w")->progress, 0.375) << "(3/4 + 0) / 2";
  EXPECT_TRUE(roster.heard("w")->usage);

  roster.hear("w", {});
  EXPECT_EQ(roster.heard("w")->progress, 0);
  EXPECT_FALSE(roster.heard("w")->usage);
}

}  // namespace
}  // namespace medley::coordinator
