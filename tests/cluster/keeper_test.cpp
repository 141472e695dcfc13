// Profiles, and what a keeper does to the workers of a launch.
#include <deque>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/endpoint.h"
#include "coordinator/error.h"
#include "coordinator/launches/cluster_keeper.h"
#include "coordinator/launches/cluster_places.h"
#include "coordinator/launches/cluster_profile.h"
#include "coordinator/launches/cluster_record.h"
#include "storage/files/lock.h"
#include "storage/writer.h"
#include "sweep/spec/diagnostic.h"
#include "tests/storage/store_fixture.h"
#include "tests/support/folder.h"

namespace medley::coordinator {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Profile, SaysWhatTheSiteWants) {
  const ClusterProfile profile = parse_profile(R"(
account: blend
partition: gpu
directives: ["--constraint=a100", "--mem=64G"]
modules: [cuda/12.1]
setup: ["ulimit -l unlimited"]
environment: {NCCL_SOCKET_IFNAME: ib0}
mpi: pmi2
notice: 300
spool: /local/scratch/medley
worker: /opt/medley/bin/medley-worker
)",
                                               "site.yaml");
  EXPECT_EQ(profile.site.account, "blend");
  EXPECT_EQ(profile.site.partition, "gpu");
  EXPECT_EQ(profile.site.directives, (std::vector<std::string>{"--constraint=a100", "--mem=64G"}));
  EXPECT_EQ(profile.site.modules, (std::vector<std::string>{"cuda/12.1"}));
  EXPECT_EQ(profile.site.setup, (std::vector<std::string>{"ulimit -l unlimited"}));
  ASSERT_EQ(profile.site.environment.size(), 1u);
  EXPECT_EQ(profile.site.environment[0].second, "ib0");
  EXPECT_EQ(profile.site.srun_mpi, "pmi2");
  EXPECT_EQ(profile.site.notice_s, 300);
  EXPECT_EQ(profile.spool, "/local/scratch/medley");
  EXPECT_EQ(profile.worker, "/opt/medley/bin/medley-worker");
  EXPECT_EQ(parse_profile("qos: long", "site.yaml").site.mpirun, "mpirun");
}

TEST(Profile, NamesFileLineKeyAndNearestNameOfEveryError) {
  try {
    parse_profile(
        "acount: blend\n"
        "directives: [\"--array=3\", mem]\n"
        "environment: {NCCL-DEBUG: INFO}\n"
        "spool: scratch\n"
        "notice: soon\n"
        "setup: [\"a\\nb\"]\n",
        "site.yaml");
    FAIL();
  } catch (const sweep::SpecError& e) {
    const std::string text = e.what();
    for (const char* wanted : {"site.yaml:1:1: unknown key 'acount' in the profile; did you mean 'account'?",
                               "site.yaml:2:14: directives: Medley sets --array itself; say it with --workers",
                               "site.yaml:2:27: directives: 'mem' is not a long option of sbatch",
                               "site.yaml:3:15: environment: 'NCCL-DEBUG' is not a name of letters, digits and _",
                               "site.yaml:4:8: spool: 'scratch' must be an absolute path",
                               "site.yaml:5:9: notice: 'soon'", "site.yaml:6:9: setup: must be one line of text"}) {
      EXPECT_THAT(text, HasSubstr(wanted));
    }
    EXPECT_EQ(e.diagnostics().size(), 7u) << text;
  }
}

TEST(Profile, OptionsThatSbatchWouldTakeForMedleysOwnAreRefused) {
  const auto problem = [](const std::string& directive) {
    try {
      parse_profile("directives: [\"" + directive + "\"]\n", "site.yaml");
    } catch (const sweep::SpecError& e) {
      return std::string(e.diagnostics().at(0).message);
    }
    return std::string();
  };
  EXPECT_EQ(problem("--arr=3"), "directives: Medley sets --array itself; say it with --workers");
  EXPECT_EQ(problem("--job x"), "directives: Medley sets --job-name itself");
  EXPECT_EQ(problem("--tim=3"), "directives: Medley sets --time itself; say it with --time");
  EXPECT_EQ(problem("--err=x"), "directives: Medley sets --error itself");
  for (const char* own : {"--gpus=2", "--mem=4G", "--time-min=3", "--exclusive", "--nodelist=n1", "--signals"}) {
    EXPECT_EQ(problem(own), "") << own;
  }
}

TEST(Keeper, WantsAWorkerATrialBetweenItsBounds) {
  EXPECT_EQ(wanted_workers(0, 2, 8), 0) << "none when nothing is left, whatever the minimum";
  EXPECT_EQ(wanted_workers(1, 2, 8), 2);
  EXPECT_EQ(wanted_workers(5, 2, 8), 5);
  EXPECT_EQ(wanted_workers(500, 2, 8), 8);
}

TEST(Keeper, GivesUpWhenNobodyJoinedAfterFiveStarts) {
  Fruitless fruitless;
  fruitless.look(3);  // of other launches
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(fruitless.has_given_up()) << i;
    fruitless.started();
    fruitless.look(3);
  }
  EXPECT_TRUE(fruitless.has_given_up());
  EXPECT_EQ(fruitless.count(), 5);
  fruitless.look(4);
  EXPECT_FALSE(fruitless.has_given_up()) << "one came after all";
  EXPECT_EQ(fruitless.count(), 0);
}

TEST(Keeper, StartsAgainAfterAPauseThatDoubles) {
  Restraint restraint;
  Restraint::Clock::time_point now{1h};
  EXPECT_TRUE(restraint.allows(now));
  restraint.started(now);
  EXPECT_FALSE(restraint.allows(now + 999ms));
  EXPECT_TRUE(restraint.allows(now + 1s));
  restraint.started(now + 1s);
  EXPECT_FALSE(restraint.allows(now + 2999ms));
  EXPECT_TRUE(restraint.allows(now + 3s));
  // Workers that lived for long before they died are no reason to wait.
  restraint.started(now + 1h);
  EXPECT_TRUE(restraint.allows(now + 1h + 1s));
  now += 1h;
  for (int i = 0; i < 20; ++i) {
    now += 60s;
    restraint.started(now);
  }
  EXPECT_FALSE(restraint.allows(now + 59s));
  EXPECT_TRUE(restraint.allows(now + 60s)) << "a minute is the longest";
}

class InFolder : public testing::Test {
 protected:
  const test::Folder folder_;
  const fs::path path_ = folder_.path();
};

using Records = InFolder;
TEST_F(Records, AreReadBackInOrderAndIdsAreNotGivenTwice) {
  for (const int expected : {1, 2, 3}) {
    ClusterRecord record;
    record.id = claim_record(path_);
    EXPECT_EQ(record.id, expected);
    record.launcher = cluster::find_launcher(cluster::launchers(), "slurm");
    record.name = "medley-x-" + std::to_string(record.id);
    record.jobs = {"42", "43"};
    record.max_workers = 7;
    write_record(path_, record);
  }
  remove_record(path_, 2);
  const auto records = read_records(path_, cluster::launchers());
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].id, 1);
  EXPECT_EQ(records[1].name, "medley-x-3");
  EXPECT_EQ(records[1].launcher->name, "slurm");
  EXPECT_EQ(records[1].jobs, (std::vector<std::string>{"42", "43"}));
  EXPECT_EQ(records[1].max_workers, 7);
  EXPECT_EQ(claim_record(path_), 2);
}

TEST_F(Records, NameTheFileThatIsNotOne) {
  fs::create_directories(cluster_folder(path_));
  for (const char* text : {"{}",
                           R"({"id": 1, "launcher": "slurm", "name": "n", "host": "h", "keeper": 1e300, "started_ms": 5,
                               "jobs": [], "min_workers": 1, "max_workers": 2})"}) {
    std::ofstream(cluster_folder(path_) / "1.json") << text;
    try {
      read_records(path_, cluster::launchers());
      FAIL() << text;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr("1.json is not a record"));
    }
  }
}

using EndpointFile = InFolder;
TEST_F(EndpointFile, IsThereOnlyWhileTheProcessThatHoldsTheStoreLives) {
  EXPECT_EQ(living_endpoint(path_), "");
  write_endpoint(path_, "login1:7100");
  EXPECT_EQ(living_endpoint(path_), "") << "nobody holds the store";
  std::string signature;
  {
    auto lock = files::Lock::take(path_ / "lock");
    lock->sign();
    EXPECT_EQ(living_endpoint(path_), "login1:7100");
    signature = test::read_file(path_ / "lock");
  }
  std::ofstream(path_ / "lock") << signature;  // killed; its process id, this one's, is in use
  EXPECT_EQ(living_endpoint(path_), "");
  remove_endpoint(path_);
  EXPECT_FALSE(fs::exists(endpoint_file(path_)));
}

/// A launcher whose queue is empty, whatever runs.
class Blind : public cluster::Launcher {
 public:
  std::string preview(int) const override { return ""; }
  std::vector<std::string> start(int workers) override {
    started += workers;
    return {"4242"};
  }
  std::vector<cluster::Place> places() override { return {}; }
  void stop(const std::vector<std::string>&) override {}
  void kill(const std::vector<std::string>&) override {}
  int started = 0;
};

using JoinedWorkers = InFolder;
TEST_F(JoinedWorkers, CountAgainstTheMaximumThoughTheQueueDoesNotShowThem) {
  const fs::path store = path_ / "store";
  storage::Writer writer(store);
  write_endpoint(store, "login1:7100");
  {
    storage::Writer::Group group(writer);
    writer.register_dataset(storage::testing_store::small_dataset(), 1);
    writer.submit_sweep(storage::testing_store::small_sweep("s", 4, 1), 1);
    const auto now = storage::now_ms() + 1000;
    for (const char* id : {"a", "b", "c", "d", "e"}) writer.worker_joined({id, id, 1, 1, "cpu", "0"}, now);
    writer.set_worker_state("c", sweep::WorkerState::kLeft, "", now);
    writer.worker_joined({"e", "e", 1, 1, "cpu", "0"}, 5);  // of an earlier coordinator
    group.commit();
  }
  fs::create_directories(store / "logs");
  const auto log = [&](const char* name, const char* id) {
    std::ofstream(store / "logs" / name) << "2026-01-31T12:00:00.123Z [7] info: joined login1:7100 as z\n"
                                         << "2026-01-31T12:00:01.123Z [8] info: joined login1:7100 as " << id << "\n"
                                         << "2026-01-31T12:00:02.123Z [8] info: a pack of 1 on data: t#1\n";
  };
  log("cluster-1-42_1.log", "a");
  log("cluster-1-42_2.log", "b");
  log("cluster-1-42_3.log", "c");
  log("cluster-1-42_4.log", "e");
  log("cluster-2-43_1.log", "d");
  EXPECT_EQ(joined_workers(store, 1), 2);
  EXPECT_EQ(joined_workers(store, 2), 1);

  for (const int max : {2, 3}) {
    Blind blind;
    std::atomic<int> stop{0};
    KeeperOptions options;
    options.store = store;
    options.max_workers = max;
    options.interval = 1ms;
    int looks = 0;
    options.joined = [&] {
      if (++looks == 3) stop = 1;
      return joined_workers(store, 1);
    };
    keep_workers(blind, options, stop, [](const KeeperNews&) {});
    EXPECT_EQ(blind.started, max - 2);
  }
}

TEST(Endpoint, IsTheHostsNameWhenTheCoordinatorListensOnAllAddresses) {
  EXPECT_EQ(reachable_name("10.0.0.1", ""), "10.0.0.1");
  EXPECT_EQ(reachable_name("0.0.0.0", ""), cluster::this_host());
  EXPECT_EQ(reachable_name("0.0.0.0", "login1.cluster"), "login1.cluster");
}

TEST(Endpoint, IsToBeKnownToTheHost) {
  EXPECT_TRUE(resolves("127.0.0.1"));
  EXPECT_TRUE(resolves("localhost"));
  EXPECT_FALSE(resolves("no-such-host.invalid"));
}

}  // namespace
}  // namespace medley::coordinator
