// The launchers' commands, against files that were read line by line once. The batch script itself runs in bash, with
// shell scripts for the worker and scontrol.
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "cluster/mpirun.h"
#include "cluster/slurm.h"
#include "tests/support/folder.h"
#include "tests/support/patience.h"

namespace medley::cluster {
namespace {
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// Compares with tests/cluster/golden/NAME.
void expect_golden(const std::string& name, const std::string& text) {
  const fs::path golden = fs::path(MEDLEY_SOURCE_DIR) / "tests/cluster/golden" / name;
  const fs::path actual = fs::temp_directory_path() / ("medley-golden-" + name);
  if (test::read_file(golden) == text) return;
  std::ofstream(actual) << text;
  ADD_FAILURE() << "differs from " << golden << ": diff it with " << actual;
}

Launch one_rank() {
  Launch launch;
  launch.name = "medley-1a2b3c4d-1";
  launch.program = "/opt/medley/bin/medley-worker";
  launch.arguments = {"--token-file", "/scratch/team a/store/token", "--device", "cpu"};
  launch.endpoint_file = "/scratch/team a/store/endpoint";
  launch.spool = "/tmp/medley-1a2b3c4d-1000";
  launch.log = "/scratch/team a/store/logs/cluster-1";
  return launch;
}

Launch gang() {
  Launch launch = one_rank();
  launch.shape = {8, 2, 8, 6};
  launch.arguments.back() = "cuda";
  launch.time = "8:00:00";
  launch.site.account = "blend";
  launch.site.partition = "gpu";
  launch.site.qos = "long";
  launch.site.directives = {"--constraint=a100", "--mem=128G"};
  launch.site.modules = {"cuda/12.1", "openmpi/4.1"};
  launch.site.setup = {"ulimit -l unlimited"};
  launch.site.environment = {{"NCCL_SOCKET_IFNAME", "ib0"}, {"GREETING", "it's two words"}};
  launch.site.notice_s = 300;
  launch.coordinator = "login1:7100";
  return launch;
}

TEST(SlurmScript, OfAWorkerWithOneRank) { expect_golden("one_rank.sh", slurm_script(one_rank())); }

TEST(SlurmScript, OfAGangOnTwoNodesWithEverythingThatAProfileSays) { expect_golden("gang.sh", slurm_script(gang())); }

TEST(SlurmCommands, OneArrayForAllWorkersAndOneQuestionForAllArrays) {
  Launch one = one_rank();
  one.script = "/s/1.sh";
  EXPECT_EQ(shell_line(sbatch_argv(one, 12)),
            "sbatch --parsable --job-name=medley-1a2b3c4d-1 --nodes=1 --ntasks-per-node=1 --cpus-per-task=1 --requeue "
            "--open-mode=append --signal=B:USR1@120 '--output=/scratch/team a/store/logs/cluster-1-%A_%a.log' "
            "--array=1-12 /s/1.sh");
  Launch all = gang();
  all.script = "/s/2.sh";
  all.site.directives.push_back("--comment \"two words\"");
  EXPECT_EQ(
      shell_line(sbatch_argv(all, 1)),
      "sbatch --parsable --constraint=a100 --mem=128G --comment 'two words' --job-name=medley-1a2b3c4d-1 --nodes=2 "
      "--ntasks-per-node=4 --cpus-per-task=6 --gpus-per-node=4 --partition=gpu --account=blend --qos=long "
      "--time=8:00:00 --requeue --open-mode=append --signal=B:USR1@300 "
      "'--output=/scratch/team a/store/logs/cluster-1-%A_%a.log' --array=1-1 /s/2.sh");
  EXPECT_EQ(shell_line(squeue_argv(one_rank(), 1000)),
            "squeue --noheader --array --name=medley-1a2b3c4d-1 --user=1000 "
            "--states=PENDING,RUNNING,CONFIGURING,SUSPENDED,REQUEUED,REQUEUE_HOLD '--format=%i|%T|%N|%r'");
}

TEST(SlurmCommands, AValueIsOneWordWhateverItHolds) {
  Launch launch = one_rank();
  launch.site.partition = "a\"b\\c\n#SBATCH --uid=0\nrm -rf $HOME";
  const auto argv = sbatch_argv(launch, 1);
  EXPECT_THAT(argv, testing::Contains("--partition=" + launch.site.partition));
  EXPECT_THAT(slurm_script(launch), testing::Not(HasSubstr("rm -rf")));
}

TEST(SlurmLaunch, ATimeLimitMustLeaveTimeForTheNotice) {
  const auto problem = [](const std::string& time, int notice) {
    Launch launch = one_rank();
    launch.time = time;
    launch.site.notice_s = notice;
    return slurm_launcher().problem(launch);
  };
  for (const char* time : {"", "3", "2:01", "0:02:01", "0-1", "0-0:03", "1-0:0:0", "0"}) {
    EXPECT_EQ(problem(time, 120), "") << time;
  }
  for (const char* time : {"2", "1:59", "0:02:00", "0-0:02", "0-0:1:59"}) {
    EXPECT_THAT(problem(time, 120), HasSubstr("not below the time limit --time " + std::string(time))) << time;
  }
  for (const char* time : {"2h", "1:2:3:4", "-3", "1-", ":", "1::2", "soon"}) {
    EXPECT_THAT(problem(time, 120), HasSubstr("no time limit of Slurm")) << time;
  }
}

TEST(SlurmLaunch, JobsThatWouldGoWhereNobodyLooksAreRefused) {
  setenv("SBATCH_CLUSTERS", "other", 1);
  EXPECT_THAT(slurm_launcher().problem(one_rank()), HasSubstr("set SLURM_CLUSTERS"));
  setenv("SLURM_CLUSTERS", "other", 1);
  EXPECT_EQ(slurm_launcher().problem(one_rank()), "");
  unsetenv("SBATCH_CLUSTERS");
  unsetenv("SLURM_CLUSTERS");
}

/// Stand-ins for Slurm's commands that write down what they are called with.
class FakeSlurm : public testing::Test {
 protected:
  FakeSlurm() {
    program("sbatch",
            "[[ \"$*\" != *partition=nowhere* ]] || { echo 'sbatch: error: invalid partition' >&2; exit 1; }; "
            "echo \"sbatch ${SBATCH_WAIT-} $*\" >> $F/said; echo 4$(wc -l < $F/said)");
    program("squeue", "echo \"squeue ${SQUEUE_PARTITION-} $*\" >> $F/said; echo '41_1|RUNNING|n1|None'");
    program("scontrol", "echo MaxArraySize = 501");
    setenv("F", folder_.path().c_str(), 1);
    setenv("PATH", (folder_.path().string() + ":" + path_).c_str(), 1);
  }
  ~FakeSlurm() override { setenv("PATH", path_.c_str(), 1); }
  void program(const std::string& name, const std::string& body) {
    std::ofstream(folder_.path() / name) << "#!/bin/bash\n" << body << "\n";
    fs::permissions(folder_.path() / name, fs::perms::owner_all);
  }
  std::string said() const { return test::read_file(folder_.path() / "said"); }
  Launch launch() const {
    Launch launch = one_rank();
    launch.script = folder_.path() / "script.sh";
    return launch;
  }

  const std::string path_ = std::getenv("PATH");
  test::Folder folder_;
};

TEST_F(FakeSlurm, VariablesOfTheUserDoNotNarrowWhatIsAsked) {
  setenv("SQUEUE_PARTITION", "debug", 1);
  setenv("SBATCH_WAIT", "1", 1);
  SlurmLauncher launcher(launch());
  EXPECT_THAT(launcher.start(2), ElementsAre("41"));
  EXPECT_EQ(launcher.places().size(), 1u);
  unsetenv("SQUEUE_PARTITION");
  unsetenv("SBATCH_WAIT");
  EXPECT_THAT(said(), HasSubstr("sbatch  --parsable"));
  EXPECT_THAT(said(), HasSubstr("squeue  --noheader"));
}

TEST_F(FakeSlurm, WhatWouldFailForEveryWorkerIsFoundBeforeOneIsStarted) {
  SlurmLauncher(launch()).check(1200);
  EXPECT_THAT(said(), HasSubstr("sbatch  --test-only --parsable"));
  EXPECT_THAT(said(), HasSubstr("--array=1-500"));
  Launch wrong = launch();
  wrong.site.partition = "nowhere";
  try {
    SlurmLauncher(wrong).check(1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("sbatch: error: invalid partition"));
  }
}

TEST_F(FakeSlurm, MoreThanAnArrayTakesAreSeveralArrays) {
  SlurmLauncher launcher(launch());
  EXPECT_THAT(launcher.start(1200), ElementsAre("41", "42", "43"));
  EXPECT_THAT(said(), HasSubstr("--array=1-500"));
  EXPECT_THAT(said(), HasSubstr("--array=1-200"));
}

TEST(SlurmCommands, ReadsTheQueue) {
  const auto places = parse_squeue("42_1|RUNNING|n1|None\n42_2|PENDING||Resources\n43_1|REQUEUE_HOLD||launch failed\n");
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[0].id, "42_1");
  EXPECT_EQ(places[0].state, Place::State::kRunning);
  EXPECT_EQ(places[0].where, "n1");
  EXPECT_EQ(places[0].note, "");
  EXPECT_EQ(places[1].state, Place::State::kWaiting);
  EXPECT_EQ(places[1].note, "Resources");
  EXPECT_EQ(places[2].note, "REQUEUE_HOLD, launch failed");
  EXPECT_TRUE(parse_squeue("").empty());
  EXPECT_THROW(parse_squeue("slurm_load_jobs error\n"), Error);
}

TEST(Mpirun, OneMpirunAWorkerOnTheHostsOfTheFileInOrder) {
  Launch launch = one_rank();
  launch.shape = {2, 1, 2, 3};
  const auto hosts = parse_hosts("# two machines\nh1 slots=4\n\nh2 slots=2  # smaller\n", "hosts");
  const auto placements = place_on_hosts(hosts, launch.shape, 3);
  ASSERT_EQ(placements.size(), 3u);
  std::string text;
  for (const Placement& placement : placements) {
    text += shell_line(worker_argv(launch, placement, "login1:7100")) + "\n";
  }
  expect_golden("mpirun.txt", text);
}

TEST(Mpirun, AGangIsSpreadEvenlyOverItsHosts) {
  const auto hosts = parse_hosts("h1 slots=4\nh2 slots=4\nh3 slots=4\nh4 slots=4\n", "hosts");
  const auto placements = place_on_hosts(hosts, {4, 2, 4, 1}, 4);
  using Pairs = std::vector<std::pair<std::string, int>>;
  EXPECT_EQ(placements[0].hosts, (Pairs{{"h1", 2}, {"h2", 2}}));
  EXPECT_EQ(placements[1].hosts, (Pairs{{"h1", 2}, {"h2", 2}}));
  EXPECT_EQ(placements[2].hosts, (Pairs{{"h3", 2}, {"h4", 2}}));
  EXPECT_EQ(placements[0].first_gpu, 0);
  EXPECT_EQ(placements[1].first_gpu, 2) << "the second gang on the same hosts";
}

TEST(Mpirun, SaysHowManyWorkersFit) {
  const auto hosts = parse_hosts("h1 slots=3\nh2 slots=2\n", "hosts");
  try {
    place_on_hosts(hosts, {2, 1, 0, 1}, 3);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "the host file has room for 2 workers of 2 ranks on 1 host each, not for 3");
  }
}

TEST(Mpirun, NamesTheLineOfAHostFileThatIsWrong) {
  for (const auto& [text, wanted] :
       std::vector<std::pair<std::string, std::string>>{{"h1\nh2 slot=2\n", "hosts:2: 'slot=2' is not slots=NUMBER"},
                                                        {"h1 slots=0\n", "hosts:1: 'slots=0' is not slots=NUMBER"},
                                                        {"h1\n\nh1\n", "hosts:3: host h1 stands there twice"},
                                                        {"# nobody\n", "hosts: no host in it"}}) {
    try {
      parse_hosts(text, "hosts");
      ADD_FAILURE() << text;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr(wanted));
    }
  }
}

TEST(Mpirun, AWorkerOfOneRankOnThisHostNeedsNone) {
  Launch launch = one_rank();
  launch.shape.gpus = 2;
  const auto placements = place_here(launch.shape, 2);
  EXPECT_THAT(
      worker_argv(launch, placements[1], "127.0.0.1:7100"),
      ElementsAre("/opt/medley/bin/medley-worker", "serve", "--token-file", "/scratch/team a/store/token", "--device",
                  "cpu", "--spool", "/tmp/medley-1a2b3c4d-1000", "--coordinator", "127.0.0.1:7100"));
  EXPECT_THAT(worker_environment(launch, placements[1]),
              testing::Contains(std::make_pair(std::string("CUDA_VISIBLE_DEVICES"), std::string("2,3"))));
}

// ---- The batch script, run ----------------------------------------------------------------------------------------

class BatchScript : public testing::Test {
 protected:
  BatchScript() {
    write("endpoint", "login1:7100\n");
    program("scontrol", "echo scontrol $* >> $F/said; kill -TERM $PPID");  // as Slurm does to what is requeued
  }

  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
  void program(const std::string& name, const std::string& body) const {
    write(name, "#!/bin/bash\n" + body + "\n");
    fs::permissions(folder_ / name, fs::perms::owner_all);
  }
  std::string said() const { return test::read_file(folder_ / "said"); }

  /// Starts the script of a worker whose program is `body`.
  Process start(const std::string& body) const {
    program("worker", body);
    Launch launch = one_rank();
    launch.program = folder_ / "worker";
    launch.arguments = {"--device", "cpu"};
    launch.endpoint_file = folder_ / "endpoint";
    launch.spool = folder_ / "spool";
    write("script", slurm_script(launch));
    ProcessSpec spec{{"bash", (folder_ / "script").string()}, {}, folder_ / "log"};
    spec.environment = {{"PATH", folder_.string() + ":" + std::getenv("PATH")},
                        {"F", folder_.string()},
                        {"BASH_FUNC_sleep%%", "() { :; }"},
                        {"SLURM_ARRAY_JOB_ID", "42"},
                        {"SLURM_ARRAY_TASK_ID", "3"},
                        {"SLURM_JOB_ID", "45"}};
    return Process::start(spec);
  }
  /// The longest run forks 300 times, which takes a loaded machine tens of seconds.
  Exit wait(Process process) const {
    std::optional<Exit> exit;
    if (test::eventually([&] { return (exit = process.poll()).has_value(); }, 100s)) return *exit;
    process.signal(SIGKILL);
    throw std::runtime_error("it does not end: " + test::read_file(folder_ / "log"));
  }
  void until_said(const std::string& text) const {
    for (int i = 0; said().find(text) == std::string::npos; ++i) {
      if (i == 20'000) throw std::runtime_error("it never said " + text + ", but: " + test::read_file(folder_ / "log"));
      std::this_thread::sleep_for(5ms);
    }
  }

  const test::Folder scratch_;
  const fs::path folder_ = scratch_.path();
};

TEST_F(BatchScript, AWorkerThatWasDismissedEndsIt) {
  EXPECT_EQ(wait(start("echo worker $* >> $F/said")).code, 0);
  EXPECT_EQ(said(),
            "worker serve --device cpu --spool " + (folder_ / "spool").string() + " --coordinator login1:7100\n");
}

TEST_F(BatchScript, AWorkerThatCrashesIsStartedAgain) {
  EXPECT_EQ(wait(start("echo worker >> $F/said; [ $(wc -l < $F/said) -ge 3 ] || kill -9 $$")).code, 0);
  EXPECT_EQ(said(), "worker\nworker\nworker\n");
}

TEST_F(BatchScript, AWorkerThatIsRefusedIsNot) {
  EXPECT_EQ(wait(start("echo worker >> $F/said; exit 1")).code, 1);
  EXPECT_EQ(said(), "worker\n");
}

TEST_F(BatchScript, AWorkerThatLostItsCoordinatorTwiceGoesBackIntoTheQueueAndItsTaskAlone) {
  EXPECT_EQ(wait(start("echo worker >> $F/said; exit 75")).signal, SIGTERM);
  EXPECT_EQ(said(), "worker\nworker\nscontrol requeue 42_3\n");
}

TEST_F(BatchScript, ANoticeIsPassedOnAndAfterItTheTaskQueuesAgain) {
  const std::string worker =
      "trap 'echo saved >> $F/said; exit 0' USR1; echo up >> $F/said; while :; do /bin/sleep 0.01; done";
  Process script = start(worker);
  until_said("up");
  ::kill(script.pid(), SIGUSR1);
  EXPECT_EQ(wait(script).signal, SIGTERM);
  EXPECT_EQ(said(), "up\nsaved\nscontrol requeue 42_3\n");
}

TEST_F(BatchScript, AfterAnEndItIsNotQueuedAgain) {
  const std::string worker =
      "trap 'echo saved >> $F/said; exit 0' USR1; echo up >> $F/said; while :; do /bin/sleep 0.01; done";
  Process script = start(worker);
  until_said("up");
  ::kill(script.pid(), SIGTERM);
  EXPECT_EQ(wait(script).code, 0);
  EXPECT_EQ(said(), "up\nsaved\n");
}

TEST_F(BatchScript, WithoutACoordinatorNothingIsQueuedAgain) {
  fs::remove(folder_ / "endpoint");
  EXPECT_EQ(wait(start("echo worker >> $F/said")).code, 0)
      << "after ten minutes of waiting, here 300 sleeps of no length";
  EXPECT_EQ(said(), "");
  write("endpoint", "login1:7100\n");
  EXPECT_EQ(wait(start("rm $F/endpoint; exit 75")).code, 0);
  EXPECT_EQ(said(), "");
}

TEST_F(BatchScript, StartsNothingWithAnotherUsersSpool) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a folder of another user";
  fs::create_directory(folder_ / "spool");
  ASSERT_EQ(chown((folder_ / "spool").c_str(), 1, 1), 0);
  EXPECT_EQ(wait(start("echo worker >> $F/said")).code, 1);
  EXPECT_EQ(said(), "");
}

TEST(Commands, WhatTheySayAndHowTheyEnd) {
  const Said said = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(said.out, "out\n");
  EXPECT_EQ(said.err, "err\n");
  EXPECT_EQ(said.exit.code, 3);
  EXPECT_FALSE(said.timed_out);
  EXPECT_THROW(run_command({"/no/such/program"}), Error);
  EXPECT_TRUE(run_command({"sleep", "100"}, 50ms).timed_out);
}

}  // namespace
}  // namespace medley::cluster
