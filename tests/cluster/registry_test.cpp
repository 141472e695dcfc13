// The registry of launchers: another launcher is one more element, and no other file of the product changes.
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/commands/command.h"
#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "coordinator/launches/cluster_launch.h"
#include "coordinator/launches/cluster_places.h"
#include "tests/support/folder.h"

namespace medley::coordinator {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

/// Workers that are numbers in a set, which outlives every launcher object as a real system does.
struct System {
  std::set<int> workers;
  std::string queue;      ///< value of the launcher's own option, as it came with the last start
  bool stubborn = false;  ///< workers leave only when they are killed
  int submitted = 0;
};

class FakeLauncher final : public cluster::Launcher {
 public:
  FakeLauncher(System& system, std::string queue) : system_(system), queue_(std::move(queue)) {}
  std::string preview(int workers) const override { return "fake " + std::to_string(workers) + " " + queue_ + "\n"; }
  std::vector<std::string> start(int workers) override {
    for (int i = 0; i < workers; ++i) system_.workers.insert(static_cast<int>(system_.workers.size()) + 1);
    system_.queue = queue_;
    return {"job" + std::to_string(++system_.submitted)};
  }
  std::vector<cluster::Place> places() override {
    std::vector<cluster::Place> all;
    for (const int w : system_.workers) {
      all.push_back({std::to_string(w), cluster::Place::State::kRunning, "moon", "worker " + std::to_string(w)});
    }
    return all;
  }
  void stop(const std::vector<std::string>& ids) override {
    if (!system_.stubborn) kill(ids);
  }
  void kill(const std::vector<std::string>& ids) override {
    for (const std::string& id : ids) system_.workers.erase(std::stoi(id));
  }

 private:
  System& system_;
  std::string queue_;
};

class Registry : public testing::Test {
 protected:
  Registry() {
    globals_.store = store_;
    std::ofstream(store_ / "site.yaml") << "worker: /opt/medley-worker\n";
    cluster::LauncherKind fake;
    fake.name = "fake";
    fake.help = "a number";
    fake.options = {{"--lane", "a lane", [this](cluster::Launch&, const std::string& value) { queue_ = value; }}};
    fake.job = "batch";
    fake.look = 1ms;
    fake.problem = [](const cluster::Launch& launch) { return launch.shape.ranks > 2 ? "too many ranks" : ""; };
    fake.make = [this](const cluster::Launch&, int) { return std::make_unique<FakeLauncher>(system_, queue_); };
    fake.find = [this](const std::string&) { return std::make_unique<FakeLauncher>(system_, ""); };
    launchers_ = cluster::launchers();
    launchers_.push_back(fake);
  }

  /// What `medley cluster WORDS` prints.
  std::string cluster(const std::string& words) {
    CLI::App app;
    add_cluster_commands(app, globals_, launchers_);
    testing::internal::CaptureStdout();
    try {
      app.parse("cluster " + words);
    } catch (...) {
      testing::internal::GetCapturedStdout();
      throw;
    }
    return testing::internal::GetCapturedStdout();
  }
  std::string refused(const std::string& words) {
    try {
      return "accepted: " + cluster(words);
    } catch (const UsageError& e) {
      return e.what();
    }
  }
  std::string up(const std::string& words) {
    return cluster("up --launcher fake --profile " + (store_ / "site.yaml").string() + " " + words);
  }

  test::Folder folder_;
  const fs::path store_ = folder_.path();
  Globals globals_;
  System system_;
  std::string queue_;
  cluster::Launchers launchers_;
};

TEST_F(Registry, ALauncherMoreIsBroughtUpLookedAtAndTakenDownByTheCommands) {
  EXPECT_EQ(up("--print --workers 3 --lane long"), "fake 3 long\n");
  EXPECT_TRUE(system_.workers.empty());
  EXPECT_THAT(up("--workers 3 --lane short"), HasSubstr("launch 1: 3 workers as batch job1; logs in "));
  EXPECT_EQ(system_.queue, "short");

  const json launches = json::parse(cluster("status --json"))["launches"];
  ASSERT_EQ(launches.size(), 1u);
  EXPECT_EQ(launches[0]["launcher"], "fake");
  EXPECT_EQ(launches[0]["jobs"], json::array({"job1"}));
  ASSERT_EQ(launches[0]["workers"].size(), 3u);
  EXPECT_EQ(launches[0]["workers"][2],
            json({{"id", "3"}, {"state", "running"}, {"where", "moon"}, {"note", "worker 3"}}));

  EXPECT_EQ(cluster("down"), "launch 1 is down: 3 workers told to leave\n");
  EXPECT_TRUE(system_.workers.empty());
  EXPECT_TRUE(look(store_, launchers_).empty());
}

TEST_F(Registry, WorkersThatDoNotLeaveAreKilledAfterTheGrace) {
  up("--workers 2");
  system_.stubborn = true;
  EXPECT_EQ(cluster("down --grace 0"), "launch 1 is down: 2 workers told to leave, 2 had to be killed\n");
  EXPECT_TRUE(system_.workers.empty());
}

TEST_F(Registry, OptionsOfOtherLaunchersAndLaunchesThatItCannotStartAreRefusedAndLeaveNoRecord) {
  EXPECT_EQ(refused("up --launcher local --lane long"), "--lane goes with --launcher fake");
  EXPECT_EQ(refused("up --launcher fake --qos long"),
            "--partition, --account, --qos and --time go with --launcher slurm");
  EXPECT_EQ(refused("up --launcher fake --ranks-per-worker 3"), "too many ranks");
  EXPECT_EQ(refused("up --launcher mpirun"), "--launcher mpirun needs --hosts FILE");
  EXPECT_EQ(refused("up --launcher local --ranks-per-worker 2 --nodes-per-worker 2"), "local workers are on one node");
  EXPECT_THROW(cluster("up --launcher faked"), CLI::ValidationError);
  EXPECT_TRUE(read_records(store_, launchers_).empty());
}

TEST_F(Registry, ALaunchThatWasMadeOnAnotherHostIsUnknownHereIfItsLauncherIsBoundToItsHost) {
  launchers_.back().bound_to_host = true;
  up("--workers 1");
  EXPECT_EQ(look(store_, launchers_).at(0).places.size(), 1u);
  ClusterRecord record = read_records(store_, launchers_).at(0);
  record.host = "elsewhere";
  write_record(store_, record);
  EXPECT_EQ(look(store_, launchers_).at(0).problem, "its processes are known on host elsewhere only");
  EXPECT_THROW(cluster("down"), Error);
  EXPECT_EQ(system_.workers.size(), 1u);
  launchers_.back().bound_to_host = false;
  EXPECT_EQ(look(store_, launchers_).at(0).places.size(), 1u);
}

TEST_F(Registry, WhereTheSystemReplacesNoWorkerAKeeperHoldsTheirNumber) {
  launchers_.back().job = "";
  LaunchRequest request;
  request.launcher = &launchers_.back();
  request.min_workers = request.max_workers = 2;
  request.profile.worker = "/opt/medley-worker";
  request.linger = 0s;
  std::atomic<int> stop{0};
  const ClusterRecord record = bring_up(request, store_, [&](ClusterRecord& claimed, cluster::Launcher& launcher) {
    EXPECT_TRUE(system_.workers.empty()) << "it starts none itself";
    keep(request, store_, claimed, launcher, stop);  // ends: there is no coordinator
  });
  EXPECT_EQ(record.launcher, request.launcher);
  EXPECT_TRUE(read_records(store_, launchers_).empty());
  EXPECT_THROW(keep_recorded(request, store_, launchers_, 1, stop), Error);
}

TEST_F(Registry, ALaunchThatIsKeptIsResized) {
  EXPECT_EQ(refused("resize 7 --max-workers 2"), "there is no launch 7; `medley cluster status` lists them");
  up("--workers 3");
  EXPECT_EQ(refused("resize 1 --max-workers 2"),
            "launch 1 is one batch: start it with --max-workers to change their number later");
  ClusterRecord record = read_records(store_, launchers_).at(0);
  record.keeper = 1;  // of another host, which cannot be asked
  record.host = "elsewhere";
  record.min_workers = 2;
  record.max_workers = record.room = 4;
  write_record(store_, record);
  EXPECT_EQ(refused("resize 1"), "say --min-workers, --max-workers or both");
  EXPECT_EQ(refused("resize 1 --min-workers 5"), "--min-workers is larger than --max-workers");
  EXPECT_EQ(cluster("resize 1 --max-workers 1"), "launch 1: 1 worker\n");
  EXPECT_EQ(cluster("resize 1 --max-workers 9"), "launch 1: 1 to 9 workers\n") << "a batch more is submitted";
  write_record(store_, record);  // as its keeper does, which knows the old number
  EXPECT_EQ(read_records(store_, launchers_).at(0).max_workers, 9);
  launchers_.back().job = "";
  EXPECT_EQ(refused("resize 1 --max-workers 5"), "launch 1 has room for 4 workers: more of them are another launch");
  launchers_.back().job = "batch";
  remove_record(store_, 1);
  up("--workers 3");
  EXPECT_EQ(read_records(store_, launchers_).at(0).max_workers, 3) << "nothing is left of the one before";
}

TEST_F(Registry, ARecordOfALauncherThatDoesNotExistIsNamed) {
  up("--workers 1");
  launchers_.pop_back();
  try {
    read_records(store_, launchers_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(),
                HasSubstr("1.json names a launcher 'fake' that does not exist; valid: local, mpirun, slurm, pbs"));
  }
}

TEST(Launchers, AreFour) {
  std::vector<std::string> names, bound, reaching, kept;
  for (const cluster::LauncherKind& kind : cluster::launchers()) {
    names.push_back(kind.name);
    if (kind.bound_to_host) bound.push_back(kind.name);
    if (kind.reaches_hosts) reaching.push_back(kind.name);
    if (kind.needs_keeper()) kept.push_back(kind.name);
    EXPECT_EQ(cluster::find_launcher(cluster::launchers(), kind.name), &kind);
  }
  EXPECT_THAT(names, ElementsAre("local", "mpirun", "slurm", "pbs"));
  EXPECT_THAT(bound, ElementsAre("local", "mpirun")) << "their processes are in this host's /proc";
  EXPECT_THAT(reaching, ElementsAre("mpirun", "slurm", "pbs"));
  EXPECT_THAT(kept, ElementsAre("local", "mpirun")) << "Slurm requeues, and jobs of PBS submit themselves again";
  EXPECT_EQ(cluster::find_launcher(cluster::launchers(), "kubernetes"), nullptr);
}

}  // namespace
}  // namespace medley::coordinator
