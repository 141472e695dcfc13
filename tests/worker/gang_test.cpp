// Gangs under mpirun with a real coordinator: a rank that dies, hangs or throws, wherever, costs that attempt only.
#include "tests/coordinator/fake_fleet.h"

namespace medley {
namespace {

using namespace std::chrono_literals;

struct Fault {
  const char* what;
  const char* where;
  int rank;
};

std::string name_of(const Fault& fault) {
  return std::string(fault.what) + "_" + fault.where + "_rank" + std::to_string(fault.rank);
}
void PrintTo(const Fault& fault, std::ostream* out) { *out << name_of(fault); }

class GangFaults : public fake::Fleet, public testing::WithParamInterface<Fault> {
 protected:
  GangFaults() {
    for (const char* name : {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"}) setenv(name, "1", 1);
  }
};

TEST_P(GangFaults, CostThatAttemptOnly) {
  constexpr int kConfigs = 6;  // 12 trials, packs of 3
  const auto& [what, where, rank] = GetParam();
  behave("train_ms 60");
  std::ofstream(scratch_ / "behaviour.fault") << what << ' ' << where << ' ' << rank << '\n';
  const e2e::Ended ended = start(kConfigs, 1, {MPIRUN, "--oversubscribe", "-n", "2", FAKE_GANG_WORKER})->wait(50s);
  EXPECT_EQ(ended.exit, 0) << ended.out << ended.err << e2e::read_file(store() + "/logs/worker-1.log");
  expect_undisturbed_results(kConfigs);
  std::int64_t planted = 0;
  ASSERT_TRUE(std::ifstream(scratch_ / "behaviour.fault.done") >> planted) << "the fault never happened";

  storage::Reader reader(store());
  int lost = 0;
  std::int64_t noticed = 0;
  for (const auto& row : reader.trials(reader.sweeps()[0].id)) {
    const auto detail = reader.find_trial(row.trial);
    ASSERT_TRUE(detail);
    for (const auto& attempt : detail->attempts) {
      if (attempt.state == sweep::AttemptState::kFinished) continue;
      EXPECT_TRUE(attempt.state == sweep::AttemptState::kLost || attempt.state == sweep::AttemptState::kFailed);
      ++lost;
      noticed = std::max(noticed, attempt.ended - planted);
    }
  }
  EXPECT_EQ(lost, std::string(where) == "init" ? 0 : 3) << "one pack, once";
  EXPECT_LT(noticed, 10'000);
  RecordProperty("noticed_ms", static_cast<int>(noticed));
  std::printf("%s %s rank %d: %d attempts lost, noticed after %d ms\n", what, where, rank, lost,
              static_cast<int>(noticed));
  EXPECT_TRUE(test::eventually([&] { return workers().empty(); })) << "a rank outlived its gang";
}

std::vector<Fault> every_fault() {
  std::vector<Fault> all;
  for (const char* what : {"kill", "stop", "throw"}) {
    for (const char* where : {"init", "middle", "gather"}) {
      for (const int rank : {0, 1}) all.push_back({what, where, rank});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Gang, GangFaults, testing::ValuesIn(every_fault()),
                         [](const auto& fault) { return name_of(fault.param); });

}  // namespace
}  // namespace medley
