// Workers of this host that a keeper keeps, asked for and ended from other shells.
#include "cluster/process.h"
#include "tests/e2e/end_to_end.h"

namespace medley {
namespace {

using e2e::contains;
using e2e::Ended;
using nlohmann::json;

class LocalLaunchTest : public e2e::EndToEnd {
 protected:
  LocalLaunchTest() {
    make_dataset();
    file_ = write_sweep("sweep.yaml", "axes: {top_n: [1, 2, 3, 4]}\nseeds: 3\n", "epochs: 150");
  }
  ~LocalLaunchTest() override {
    for (const auto& [pid, place] : cluster::find_marked("MEDLEY_TEST")) {
      if (place == scratch_.path()) ::kill(pid, SIGKILL);
    }
  }

  /// All that is started from here can be found again.
  Ended up(const std::vector<std::string>& more) const {
    setenv("MEDLEY_TEST", scratch_.path().c_str(), 1);
    std::vector<std::string> words = {"cluster", "up", "--launcher", "local"};
    words.insert(words.end(), more.begin(), more.end());
    const Ended ended = medley(words);
    unsetenv("MEDLEY_TEST");
    return ended;
  }
  json launches() const { return medley_json({"cluster", "status"})["launches"]; }
  int joined() const { return count_in_store("SELECT count(*) FROM worker WHERE state = 'joined'"); }
  int known() const { return count_in_store("SELECT count(*) FROM worker"); }
  std::string keeper_log() const { return e2e::read_file(path("store/logs/cluster-1.log")); }

  std::string file_;
};

TEST_F(LocalLaunchTest, AWorkerThatIsKilledIsReplacedAndTheTableIsThatOfAPlainRun) {
  // Workers may be asked for before there is a coordinator: the keeper waits for it.
  const Ended launched = up({"--workers", "2"});
  ASSERT_EQ(launched.exit, 0) << launched.err;
  EXPECT_TRUE(contains(launched.out, "launch 1: 2 workers kept by process")) << launched.out;
  EXPECT_TRUE(launches()[0]["kept"]);
  EXPECT_EQ(launches()[0]["workers"].size(), 0u);
  const auto run = start_run(file_, 0);
  ASSERT_TRUE(test::eventually([&] { return joined() == 2; })) << keeper_log();
  EXPECT_EQ(launches()[0]["workers"].size(), 2u);
  ASSERT_EQ(medley({"cluster", "resize", "1", "--max-workers", "1"}).exit, 0);
  ASSERT_TRUE(test::eventually([&] { return joined() == 1; })) << keeper_log();
  EXPECT_EQ(medley({"cluster", "resize", "1", "--max-workers", "2", "--min-workers", "2"}).exit, 0);
  ASSERT_TRUE(test::eventually([&] { return joined() == 2 && known() == 3; })) << keeper_log();
  EXPECT_EQ(medley({"cluster", "resize", "1", "--max-workers", "3"}).exit, 2) << "it has room for two";
  ::kill(workers().front(), SIGKILL);
  ASSERT_TRUE(test::eventually([&] { return known() == 4; })) << keeper_log();
  const Ended ended = run->wait();
  ASSERT_EQ(ended.exit, 0) << ended.err;
  EXPECT_EQ(ended.out, undisturbed_report(file_));
  EXPECT_TRUE(test::eventually([&] { return workers().empty(); })) << "the coordinator dismissed them";
  const pid_t keeper = launches()[0]["keeper"];
  EXPECT_TRUE(cluster::is_alive(keeper));
  EXPECT_EQ(medley({"cluster", "down"}).exit, 0);
  EXPECT_FALSE(cluster::is_alive(keeper));
  EXPECT_EQ(launches().size(), 0u);
}

TEST_F(LocalLaunchTest, DownEndsAlsoWorkersWhoseKeeperWasKilled) {
  const auto run = start_run(file_, 0);
  ASSERT_TRUE(test::eventually([&] { return std::filesystem::exists(path("store/endpoint")); }));
  ASSERT_EQ(up({"--workers", "1"}).exit, 0);
  ASSERT_EQ(up({"--workers", "1"}).exit, 0);
  ASSERT_TRUE(test::eventually([&] { return joined() == 2 && results() >= 4; }));
  json all = launches();
  ASSERT_EQ(all.size(), 2u);
  ::kill(all[0]["keeper"].get<pid_t>(), SIGKILL);
  ASSERT_TRUE(test::eventually([&] { return !launches()[0]["kept"].get<bool>(); }));
  EXPECT_EQ(launches()[0]["workers"].size(), 1u) << "its worker trains on";
  const Ended one = medley({"cluster", "down", "1"});
  EXPECT_EQ(one.out, "launch 1 is down: 1 worker told to leave\n") << one.err;
  EXPECT_EQ(workers().size(), 1u) << "the other launch continues";
  EXPECT_EQ(medley({"cluster", "down"}).exit, 0);
  EXPECT_TRUE(workers().empty());
  EXPECT_EQ(count_in_store("SELECT count(*) FROM attempt WHERE state IN ('lost', 'failed')"), 0)
      << "what they held was given back\n"
      << e2e::read_file(path("store/logs/coordinator.log"));
  EXPECT_EQ(medley({"cluster", "down", "7"}).exit, 1) << "there is none";
  run->kill(SIGINT);
  run->wait();
}

TEST_F(LocalLaunchTest, AKeeperEndsByItselfWhenNoCoordinatorComes) {
  ASSERT_EQ(up({"--workers", "1", "--linger", "1"}).exit, 0);
  const pid_t keeper = launches()[0]["keeper"];
  EXPECT_TRUE(test::eventually([&] { return !cluster::is_alive(keeper); }));
  EXPECT_EQ(launches().size(), 0u);
}

TEST_F(LocalLaunchTest, WhatCannotBeIsSaidAndLeavesNothingBehind) {
  const auto refused = [&](const std::vector<std::string>& words) {
    const Ended ended = up(words);
    EXPECT_EQ(ended.exit, 2) << ended.err;
    return ended.err;
  };
  EXPECT_TRUE(contains(refused({"--ranks-per-worker", "3", "--nodes-per-worker", "2"}), "cannot be spread evenly"));
  EXPECT_TRUE(contains(refused({"--hosts", "h"}), "--hosts goes with --launcher mpirun"));
  EXPECT_TRUE(contains(refused({"--time", "1:00:00"}), "go with --launcher slurm"));
  EXPECT_TRUE(contains(refused({"--min-workers", "3", "--max-workers", "2"}), "larger than --max-workers"));
  write("site.yaml", "notise: 3\n");
  const Ended profile = up({"--profile", path("site.yaml")});
  EXPECT_EQ(profile.exit, 1);
  EXPECT_TRUE(contains(profile.err, "site.yaml:1:1: unknown key 'notise' in the profile; did you mean 'notice'?"))
      << profile.err;
  EXPECT_EQ(launches().size(), 0u);
}

}  // namespace
}  // namespace medley
