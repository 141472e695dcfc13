// The real scheduler in a world of random faults. A failure prints its seed; to run that seed alone:
//   MEDLEY_SIM_SEED=1234 scheduler_sim_test
// MEDLEY_SIM_SEEDS says how many seeds are run.
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/coordinator/scheduler_world.h"
#include "tests/support/amount.h"

namespace medley::coordinator::simulation {
namespace {

constexpr int kSeeds = 4500;

/// "" or what was violated.
std::string run_seed(std::uint64_t seed, Bug bug, Counters& counters) {
  try {
    World(seed, bug, counters, nullptr, false).run();
    return "";
  } catch (const Violation& e) {
    Counters scratch;
    World again(seed, bug, scratch);
    EXPECT_THROW(again.run(), Violation);
    return "seed " + std::to_string(seed) + ": " + e.what() + "\n" + again.tail_of_history();
  }
}

TEST(SchedulerSimulation, KeepsEveryRuleWhateverFails) {
  Counters counters;
  if (const char* text = std::getenv("MEDLEY_SIM_SEED")) {
    const std::string violation = run_seed(std::strtoull(text, nullptr, 10), Bug::kNone, counters);
    ASSERT_EQ(violation, "");
    return;
  }
  const long seeds = test::amount("MEDLEY_SIM_SEEDS", kSeeds);
  for (long seed = 1; seed <= seeds; ++seed) {
    const std::string violation = run_seed(static_cast<std::uint64_t>(seed), Bug::kNone, counters);
    ASSERT_EQ(violation, "") << "run it alone: MEDLEY_SIM_SEED=" << seed;
  }
  for (const auto& [name, count] : counters.of) RecordProperty(name, std::to_string(count));
  if (seeds < kSeeds) return;
  // A simulation that never gets there proves nothing.
  for (const char* path : {"late result adopted",
                           "failed trial saved by a late result",
                           "stale failure ignored",
                           "duplicate result acknowledged",
                           "result discarded",
                           "worker quarantined",
                           "worker released",
                           "worker released while away",
                           "worker released that an earlier coordinator quarantined",
                           "worker came back quarantined to a new coordinator",
                           "recovered a running attempt",
                           "lease expired though the worker lives",
                           "hung attempt lost",
                           "written-off attempt resumed",
                           "worker came back without an attempt",
                           "assignment sent again",
                           "worker came back with attempts",
                           "duplicate attempt cancelled",
                           "attempt cancelled by a stop",
                           "refused result, at no cost to its trial",
                           "dataset changed, at no cost to anybody",
                           "trial failed by budget",
                           "failed trial retried",
                           "pack of several",
                           "second sweep shares a running trial",
                           "sweep removed",
                           "removed sweep submitted again",
                           "second sweep shares a finished trial",
                           "coordinator ended: killed",
                           "coordinator ended: killed before the commit",
                           "coordinator ended: killed between sends",
                           "coordinator ended: the disk is full",
                           "message lost",
                           "connection lost",
                           "attempt cancelled by a worker that left",
                           "worker killed",
                           "coordinator stands still",
                           "slow commit",
                           "worker stands still",
                           "network cut",
                           "no descriptor for a connection",
                           "spool cannot be written",
                           "worker of a host that kills died",
                           "finished, though a host that kills had it",
                           "trial killed its worker",
                           "failure in a pack, not counted",
                           "failure alone, not counted",
                           "failed pack halved",
                           "cleared trial back in a pack",
                           "trained again though its budget is spent",
                           "pack did not fit",
                           "trial did not fit",
                           "a larger worker gets what did not fit",
                           "worker quarantined by what others finished",
                           "worker quarantined for its results",
                           "canary to a host that kills",
                           "canary to a worker that fails",
                           "two sweeps of one priority wait",
                           "round decided",
                           "search decided as if undisturbed",
                           "coordinator ended: killed between a round and its trials",
                           "trained ahead",
                           "trained ahead, and never asked for",
                           "asked for while it trained ahead",
                           "asked for when it was trained ahead",
                           "withdrawn while it trained ahead"}) {
    EXPECT_GE(counters[path], 20) << path;
  }
}

TEST(SchedulerSimulation, SameSeedSameHistory) {
  Counters one, two;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    run_seed(seed, Bug::kNone, one);
    run_seed(seed, Bug::kNone, two);
  }
  EXPECT_EQ(one.of, two.of);
}

struct Planted {
  Bug bug;
  const char* name;
  const char* rule;  ///< the rule that must be reported as broken
};

class PlantedBug : public testing::TestWithParam<Planted> {};

TEST_P(PlantedBug, IsFound) {
  Counters counters;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const std::string violation = run_seed(seed, GetParam().bug, counters);
    if (violation.find(GetParam().rule) != std::string::npos) return;
  }
  FAIL() << "300 seeds did not find it";
}

INSTANTIATE_TEST_SUITE_P(
    All, PlantedBug,
    testing::Values(Planted{Bug::kSendBeforeRecord, "SendBeforeRecord", "an assignment is recorded before it is sent"},
                    Planted{Bug::kSendTwice, "SendTwice", "an assignment is sent again only where it has not come"},
                    Planted{Bug::kAcceptTwice, "AcceptTwice", "a trial is accepted once"},
                    Planted{Bug::kTrustStaleFailure, "TrustStaleFailure", "a failure was reported by the worker"},
                    Planted{Bug::kForgetLeases, "ForgetLeases", "every sweep ends"},
                    Planted{Bug::kAcknowledgeUnstored, "AcknowledgeUnstored", "only a stored result is acknowledged"},
                    Planted{Bug::kAssignQuarantined, "AssignQuarantined", "only a joined worker gets a pack"},
                    Planted{Bug::kLoseNeededResult, "LoseNeededResult", "no needed result is thrown away"},
                    Planted{Bug::kForgetQuarantine, "ForgetQuarantine", "a quarantined worker gets nothing"},
                    Planted{Bug::kBlameForPauses, "BlameForPauses", "no lease ends while the coordinator stands still"},
                    Planted{Bug::kBlameInstances, "BlameInstances", "a trial fails by the evidence of two hosts"},
                    Planted{Bug::kQuarantineAtOnce, "QuarantineAtOnce", "worker is never quarantined"},
                    Planted{Bug::kTrustKillers, "TrustKillers", "where packs fail in a row canaries are sent"},
                    Planted{Bug::kForgetSizes, "ForgetSizes", "a pack that did not fit is halved"},
                    Planted{Bug::kRetryWhatIsTooLarge, "RetryWhatIsTooLarge", "a good worker is never quarantined"},
                    Planted{Bug::kStoreLies, "StoreLies", "what is recorded is what the trial gives"},
                    Planted{Bug::kStarveLaterSweeps, "StarveLaterSweeps", "sweeps of one priority share the workers"},
                    Planted{Bug::kDecideEarly, "DecideEarly", "a search is asked when its round has ended"},
                    Planted{Bug::kLikelyFirst, "LikelyFirst", "what is asked for goes before what is likely"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace medley::coordinator::simulation
