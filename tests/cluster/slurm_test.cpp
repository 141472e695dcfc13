// A sweep on a real Slurm of this machine: an array of workers of which nearly every one meets an accident.
#include <iostream>
#include <map>

#include "tests/cluster/slurm_cluster.h"
#include "tests/e2e/end_to_end.h"

namespace medley::slurm {
namespace {

using e2e::contains;
using e2e::Ended;
using nlohmann::json;

class SlurmTest : public e2e::EndToEnd {
 protected:
  void SetUp() override {
    const std::string missing = Cluster::missing();
    if (!missing.empty()) GTEST_SKIP() << missing;
    fs::create_directories(scratch_ / "slurm");
    fs::permissions(scratch_.path(), fs::perms(0755));
    cluster_ = std::make_unique<Cluster>(scratch_ / "slurm", 4);
    make_dataset();
  }

  Ended up(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"cluster", "up", "--launcher", "slurm"};
    words.insert(words.end(), more.begin(), more.end());
    return medley(words);
  }
  /// Workers that the coordinator has at work now.
  int joined() const { return count_in_store("SELECT count(*) FROM worker WHERE state = 'joined'"); }
  /// All that ever joined.
  int known() const { return count_in_store("SELECT count(*) FROM worker"); }
  void until_results(int count) const {
    Cluster::until([&] { return results() >= count; }, std::to_string(count) + " results");
  }
  std::string logs() const {
    std::string text;
    for (const auto& entry : fs::directory_iterator(scratch_ / "store/logs")) {
      text += "---- " + entry.path().filename().string() + "\n" + e2e::read_file(entry.path());
    }
    return text;
  }

  static std::int64_t wall_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  /// Something that happened to a worker, to be told with what it cost.
  struct Accident {
    std::string what;
    std::string worker;  ///< host:pid
    std::int64_t at_ms = 0;
  };
  void meet(const std::string& what, const Cluster::Task& task, const std::function<void()>& happens) {
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    accidents_.push_back({what, host + (":" + std::to_string(cluster_->worker_of(task))), wall_ms()});
    happens();
  }
  void tell_costs() const {
    for (const Accident& accident : accidents_) {
      const auto attempts = [&](const std::string& select, const std::string& state) {
        return count_in_store("SELECT " + select +
                              " FROM attempt a JOIN worker w ON a.worker = w.key WHERE w.name = '" + accident.worker +
                              "' AND a.state = '" + state + "'");
      };
      const std::string since = "max(a.ended) - " + std::to_string(accident.at_ms);
      std::cout << accident.what << ": ";
      const int kept = attempts("count(*)", "cancelled"), lost = attempts("count(*)", "lost");
      if (kept > 0) std::cout << kept << " trials given back after " << attempts(since, "cancelled") << " ms; ";
      if (lost > 0) std::cout << lost << " trials lost, noticed after " << attempts(since, "lost") << " ms; ";
      std::cout << (kept + lost == 0 ? "it had nothing in hand\n" : "\n");
    }
  }

  std::unique_ptr<Cluster> cluster_;
  std::vector<Accident> accidents_;
};

TEST_F(SlurmTest, ASweepWhoseWorkersAreCancelledRequeuedWarnedDrainedAndKilledEndsWithTheSameTable) {
  const std::string file = write_sweep("sweep.yaml", "axes: {top_n: [1, 2, 3, 4]}\nseeds: 6\n", "epochs: 100");
  auto run = start_run(file, 0);
  Cluster::until([&] { return fs::exists(scratch_ / "store/endpoint"); }, "the coordinator listens");
  const std::int64_t up_at = wall_ms();
  const Ended launched = up({"--workers", "4", "--time", "10"});
  ASSERT_EQ(launched.exit, 0) << launched.err;
  ASSERT_TRUE(contains(launched.out, "4 workers as job array")) << launched.out;
  Cluster::until([&] { return joined() == 4; }, "all four have joined");
  const json status = medley_json({"cluster", "status"});
  EXPECT_EQ(status["launches"][0]["workers"].size(), 4u) << status;
  EXPECT_EQ(status["workers_joined"], 4);

  const int first_joined = count_in_store("SELECT min(joined) - " + std::to_string(up_at) + " FROM worker");
  const int first_started = count_in_store("SELECT min(started) - " + std::to_string(up_at) + " FROM attempt");
  std::cout << "from `cluster up` to the first worker " << first_joined << " ms, to the first trial's start "
            << first_started << " ms\n";
  until_results(8);
  const auto cancelled = Cluster::running_task({});
  meet("scancel", cancelled, [&] { Cluster::must({"scancel", cancelled.id}); });
  const auto warned = Cluster::running_task({cancelled.node});
  // What Slurm sends before the time limit.
  meet("notice", warned, [&] { Cluster::must({"scancel", "--signal=USR1", "--batch", warned.id}); });
  until_results(16);
  const auto requeued = Cluster::running_task({cancelled.node, warned.node});
  // A drained node keeps what it runs; what is queued again goes elsewhere, here where the cancelled one was.
  Cluster::must({"scontrol", "update", "nodename=" + requeued.node, "state=drain", "reason=test"});
  until_results(20);
  EXPECT_TRUE(Cluster::runs(requeued)) << "drained";
  meet("scontrol requeue", requeued, [&] { Cluster::must({"scontrol", "requeue", requeued.id}); });
  until_results(24);
  const auto killed = Cluster::running_task({cancelled.node, warned.node, requeued.node});
  meet("node killed", killed, [&] { cluster_->crash(killed.node); });
  const Ended ended = run->wait(std::chrono::seconds(60));
  ASSERT_EQ(ended.exit, 0) << ended.err << logs();
  EXPECT_EQ(ended.out, undisturbed_report(file));
  EXPECT_EQ(count_in_store("SELECT count(*) FROM trial WHERE state = 'failed'"), 0);
  EXPECT_GE(known(), 5) << "a worker that was requeued is another process when it is back\n" << logs();

  // Dismissed workers end their tasks; those that wait in the queue find no coordinator. Nothing is left behind.
  ASSERT_EQ(medley({"cluster", "down"}).exit, 0);
  EXPECT_TRUE(Cluster::tasks().empty()) << Cluster::say({"squeue"});
  EXPECT_EQ(medley_json({"cluster", "status"})["launches"].size(), 0u);
  tell_costs();
}

TEST_F(SlurmTest, AnElasticLaunchReplacesWorkersThatSlurmGaveUpAndLetsAllGoWhenNothingIsLeft) {
  const std::string file = write_sweep("sweep.yaml", "axes: {top_n: [1, 2, 3, 4]}\nseeds: 3\n", "epochs: 400");
  auto run = start_run(file, 0);
  Cluster::until([&] { return fs::exists(scratch_ / "store/endpoint"); }, "the coordinator listens");
  const Ended refused = up({"--max-workers", "3", "--partition", "nowhere"});
  EXPECT_EQ(refused.exit, 1);
  EXPECT_TRUE(contains(refused.err, "invalid partition")) << refused.err;
  EXPECT_EQ(medley_json({"cluster", "status"})["launches"].size(), 0u);
  // A user's variables neither rename the jobs nor hide them: there are never more than there may be.
  setenv("SBATCH_JOB_NAME", "mine", 1);
  setenv("SQUEUE_PARTITION", "nowhere", 1);
  const Ended launched = up({"--min-workers", "2", "--max-workers", "3"});
  ASSERT_EQ(launched.exit, 0) << launched.err;
  unsetenv("SBATCH_JOB_NAME");  // the keeper has both
  unsetenv("SQUEUE_PARTITION");
  Cluster::until([&] { return joined() == 3; }, "as many have joined as there may be");
  const auto doomed = Cluster::running_task({});
  // Slurm does not requeue a batch script that was killed: for it, it has failed. Where it has cgroups, all that the
  // script started dies with it. A worker that lives is counted, and nobody is started in its place.
  const pid_t worker = cluster_->worker_of(doomed);
  ::kill(cluster_->script_of(doomed), SIGKILL);
  ::kill(worker, SIGKILL);
  Cluster::until([&] { return known() >= 4; }, "another has joined");
  const Ended ended = run->wait(std::chrono::seconds(100));
  ASSERT_EQ(ended.exit, 0) << ended.err << logs();
  Cluster::until([&] { return Cluster::tasks().empty(); }, "all are gone");
  EXPECT_LE(known(), 4) << "three, and one for the worker that was killed";
  const json status = medley_json({"cluster", "status"});
  EXPECT_TRUE(status["launches"][0]["kept"]) << "it waits for the next sweep\n" << status;
  EXPECT_EQ(status["launches"][0]["jobs"].size(), 2u) << "one array at first, one for the worker that was killed";
  ASSERT_EQ(medley({"cluster", "down"}).exit, 0);
  EXPECT_FALSE(cluster::is_alive(status["launches"][0]["keeper"].get<pid_t>()));
}

TEST_F(SlurmTest, ACoordinatorThatIsAJobContinuesWhenItIsQueuedAgain) {
  const std::string file = write_sweep("sweep.yaml", "axes: {top_n: [1, 2, 3]}\nseeds: 2\n", "epochs: 120");
  // A job finds program and store by the environment.
  const std::map<std::string, std::string> given = {
      {"MEDLEY", MEDLEY}, {"MEDLEY_STORE", path("store")}, {"MEDLEY_WORKERS", "--workers 2"}};
  for (const auto& [name, value] : given) setenv(name.c_str(), value.c_str(), 1);
  const std::string output = path("coordinator.log");
  std::string job = Cluster::must({"sbatch", "--parsable", "--output=" + output,
                                   MEDLEY_SOURCE_DIR "/cluster/packaging/coordinator.sbatch", file, "--no-web"});
  for (const auto& [name, value] : given) unsetenv(name.c_str());
  job.erase(job.find_last_not_of(" \n") + 1);
  const auto starts = [&] {
    const std::string text = e2e::read_file(output);
    int count = 0;
    for (std::size_t at = 0; (at = text.find("workers as job array", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  until_results(6);
  Cluster::must({"scontrol", "requeue", job});
  Cluster::until([&] { return starts() == 2; }, "it is back", std::chrono::seconds(60));
  until_results(14);
  // The notice of the time limit: it queues itself again.
  Cluster::must({"scancel", "--signal=USR1", "--batch", job});
  Cluster::until([&] { return results() == 30; }, "all results", std::chrono::seconds(120));
  Cluster::until(
      [&] {
        return Cluster::say({"squeue", "-h", "-j", job, "-t", "PENDING,RUNNING"}).empty();
      },
      "the job ends by itself");
  EXPECT_EQ(starts(), 3) << e2e::read_file(output);
  EXPECT_EQ(medley({"report"}).out, undisturbed_report(file)) << e2e::read_file(output) << logs();
  ASSERT_EQ(medley({"cluster", "down"}).exit, 0);
}

TEST_F(SlurmTest, AGangIsAStepOfItsOwnThatEndsWithAnyRankAndIsStartedAgain) {
  // Made-up nodes share one hostname, which Open MPI's shared memory does not expect.
  setenv("OMPI_MCA_btl", "tcp,self", 1);
  // Four ranks on two cores: one that waits gives its core to another.
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", 1);
  const std::string file =
      write_sweep("sweep.yaml", "axes: {top_n: [1, 2]}\nseeds: 6\n", "epochs: 80, precision: float64");
  auto run = start_run(file, 0);
  Cluster::until([&] { return fs::exists(scratch_ / "store/endpoint"); }, "the coordinator listens");
  const Ended launched = up({"--workers", "2", "--ranks-per-worker", "2", "--nodes-per-worker", "2"});
  ASSERT_EQ(launched.exit, 0) << launched.err;
  Cluster::until([&] { return joined() == 2; }, "both gangs have joined");
  EXPECT_EQ(count_in_store("SELECT min(ranks) FROM worker"), 2);
  EXPECT_EQ(workers().size(), 4u) << "two ranks each";
  const auto task = Cluster::running_task({});
  // The last rank: not the one that talks to the coordinator.
  ::kill(cluster_->rank_of(task, 1), SIGKILL);
  // A gang that is started while Slurm still ends the last one may fail once more: the sweep outlasts a second start.
  ASSERT_TRUE(test::eventually([&] { return known() >= 3; }, std::chrono::seconds(40))) << logs();
  const Ended ended = run->wait(std::chrono::seconds(60));
  ASSERT_EQ(ended.exit, 0) << ended.err << logs();
  EXPECT_EQ(ended.out, undisturbed_report(file)) << "to the digits of the table";
  EXPECT_EQ(Cluster::say({"squeue", "-h", "-t", "PENDING"}), "") << "it did not go back into the queue";
  ASSERT_EQ(medley({"cluster", "down"}).exit, 0);
}

}  // namespace
}  // namespace medley::slurm
