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
#include "cluster/pbs.h"
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

Launch pbs_gang() {
  Launch launch = gang();
  launch.site.directives.clear();
  launch.site.qos.clear();
  launch.resources = "mem=128gb:model=a100";
  launch.script = "/scratch/team a/store/cluster/1.sh";
  return launch;
}

TEST(PbsScript, OfAWorkerWithOneRank) {
  Launch launch = one_rank();
  launch.script = "/scratch/team a/store/cluster/1.sh";
  expect_golden("pbs_one_rank.sh", pbs_script(launch));
}

TEST(PbsScript, OfAGangOnTwoHostsWithEverythingThatAProfileSays) {
  expect_golden("pbs_gang.sh", pbs_script(pbs_gang()));
}

TEST(PbsCommands, OneArrayForAllWorkersAndOneJobForOne) {
  Launch one = one_rank();
  one.script = "/s/1.sh";
  EXPECT_EQ(shell_line(qsub_argv(one, 12)),
            "qsub -C '' -N medley-1a2b3c4d-1 -r y -j oe -o /dev/null -l select=1:ncpus=1:mpiprocs=1 -J 1-12 /s/1.sh");
  EXPECT_EQ(shell_line(qsub_argv(pbs_gang(), 1)),
            "qsub -C '' -N medley-1a2b3c4d-1 -r y -j oe -o /dev/null -l "
            "select=2:ncpus=24:mpiprocs=4:ngpus=4:mem=128gb:model=a100 -l place=scatter -l walltime=8:00:00 -q gpu -A "
            "blend '/scratch/team a/store/cluster/1.sh'");
  EXPECT_EQ(shell_line(qselect_argv(one, "me")), "qselect -u me -N medley-1a2b3c4d-1");
  EXPECT_EQ(shell_line(qstat_argv({"7[].pbs", "8.pbs"})), "qstat -t -f -F dsv -D '|' '7[].pbs' 8.pbs");
}

TEST(PbsCommands, ReadsTheQueue) {
  const auto places = parse_qstat(
      "Job Id: 7[].pbs|Job_Name=m|job_state=B|array=True\n"
      "Job Id: 7[1].pbs|Job_Name=m|job_state=R|exec_host=n1/0*8+n1/1*8+n2/0*8|comment=Job run at Mon\n"
      "Job Id: 7[2].pbs|Job_Name=m|job_state=Q|comment=Not Running: a\\|b\n"
      "Job Id: 7[3].pbs|Job_Name=m|job_state=X\n"
      "Job Id: 8.pbs|Job_Name=m|job_state=H\n");
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[0].id, "7[1].pbs");
  EXPECT_EQ(places[0].state, Place::State::kRunning);
  EXPECT_EQ(places[0].where, "n1,n2");
  EXPECT_EQ(places[0].note, "");
  EXPECT_EQ(places[1].state, Place::State::kWaiting);
  EXPECT_EQ(places[1].note, "Not Running: a|b");
  EXPECT_EQ(places[2].id, "8.pbs");
  EXPECT_TRUE(parse_qstat("").empty());
  EXPECT_THROW(parse_qstat("qstat: cannot connect\n"), Error);
  EXPECT_THROW(parse_qstat("Job Id: 7.pbs|Job_Name=m\n"), Error);
}

TEST(PbsLaunch, WhatPbsWouldTakeForSomethingElseIsRefused) {
  const auto problem = [](auto change) {
    Launch launch = pbs_gang();
    change(launch);
    return pbs_launcher().problem(launch);
  };
  EXPECT_EQ(problem([](Launch&) {}), "");
  EXPECT_EQ(problem([](Launch& l) { l.time.clear(); }), "");
  for (const char* time : {"10", "1:30", "1-0", "soon", "1:2:3:4"}) {
    EXPECT_THAT(problem([&](Launch& l) { l.time = time; }), HasSubstr("no time limit of PBS")) << time;
  }
  EXPECT_THAT(problem([](Launch& l) { l.time = "0:05:00"; }), HasSubstr("not below the time limit --time 0:05:00"));
  EXPECT_THAT(problem([](Launch& l) { l.site.directives = {"--mem=1G"}; }), HasSubstr("takes --resources"));
  EXPECT_THAT(problem([](Launch& l) { l.site.qos = "long"; }), HasSubstr("Slurm's"));
  for (const char* value : {"mem=1gb+1:ncpus=64", "mem=1gb,place=excl", "a b", "x\ny", "a'b"}) {
    EXPECT_THAT(problem([&](Launch& l) { l.resources = value; }), HasSubstr("no list of resources")) << value;
    EXPECT_THAT(problem([&](Launch& l) { l.site.partition = value; }), HasSubstr("no name of a queue")) << value;
  }
}

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
  EXPECT_EQ(shell_line(squeue_argv(1000)),
            "squeue --noheader --array --user=1000 "
            "--states=PENDING,RUNNING,CONFIGURING,SUSPENDED,REQUEUED,REQUEUE_HOLD '--format=%i|%T|%N|%r|%j'");
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
    program("squeue", "echo \"squeue ${SQUEUE_PARTITION-} $*\" >> $F/said; echo '41_1|RUNNING|n1|None|of the site'");
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

/// Stand-ins for PBS's commands: a server with a queue "gpu", arrays of at most 500, and the jobs in file `jobs`.
class FakePbs : public FakeSlurm {
 protected:
  FakePbs() {
    program(
        "qsub",
        "echo \"qsub $*\" >> $F/said; n=4$(grep -c ^qsub $F/said); "
        "[[ \"$*\" != *\" -J \"* ]] && { echo $n.pbs | tee -a $F/jobs; exit; }; echo \"$n[].pbs\" | tee -a $F/jobs");
    program("qselect", "echo \"qselect $*\" >> $F/said; cat $F/jobs 2>/dev/null; true");
    program(
        "qstat",
        "echo \"qstat $*\" >> $F/said; case $1 in -B) echo '    max_array_size = 500';; "
        "-Q) [ $2 = gpu ] || { echo \"qstat: Unknown queue $2\" >&2; exit 170; };; "
        "*) for id in \"${@:7}\"; do case $id in *\\[*) echo \"Job Id: $id|job_state=B\"; "
        "echo \"Job Id: ${id/[]/[1]}|job_state=R|exec_host=n1/0\";; *) echo \"Job Id: $id|job_state=Q\";; esac; done;; "
        "esac");
    program("qdel", "echo \"qdel $*\" >> $F/said");
  }
};

TEST_F(FakePbs, WorkersAreSubmittedFoundAndEnded) {
  PbsLauncher launcher(launch());
  EXPECT_TRUE(launcher.places().empty());
  EXPECT_THAT(launcher.start(1001), ElementsAre("41[].pbs", "42[].pbs", "43.pbs"));
  EXPECT_THAT(said(), HasSubstr("-J 1-500"));
  EXPECT_THAT(test::read_file(launch().script), HasSubstr("requeue() {"));
  EXPECT_THAT(ids_of(launcher.places()), ElementsAre("41[1].pbs", "42[1].pbs", "43.pbs"));
  launcher.stop({"41[1].pbs", "43.pbs"});
  launcher.kill({"43.pbs"});
  launcher.stop({});
  EXPECT_THAT(said(), HasSubstr("qdel 41[1].pbs 43.pbs\nqdel -W force 43.pbs\n"));
}

TEST_F(FakePbs, AQueueThatIsNotThereIsFoundBeforeAWorkerIsStarted) {
  Launch wrong = launch();
  wrong.site.partition = "gpu";
  PbsLauncher(wrong).check(3);
  wrong.site.partition = "nowhere";
  try {
    PbsLauncher(wrong).check(3);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("qstat: Unknown queue nowhere"));
  }
}

TEST_F(FakePbs, OfSeveralArraysAllAreSubmittedOrNone) {
  program("qsub",
          "[ ! -e $F/full ] || { echo 'qsub: would exceed the limit' >&2; exit 1; }; touch $F/full; echo '41[].pbs'");
  EXPECT_THROW(PbsLauncher(launch()).start(900), Error);
  EXPECT_THAT(said(), HasSubstr("qdel 41[].pbs"));
}

TEST(SlurmCommands, ReadsItsOwnJobsInTheQueueByNameAndById) {
  const auto places = parse_squeue(
      "42_1|RUNNING|n1|None|m-1\n42_2|PENDING||Resources|m-1\n43_1|REQUEUE_HOLD||launch failed|renamed\n"
      "44_1|RUNNING|n1|None|m-2\n4_1|RUNNING|n1|None|other\n",
      "m-1", {"43"});
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[0].id, "42_1");
  EXPECT_EQ(places[0].state, Place::State::kRunning);
  EXPECT_EQ(places[0].where, "n1");
  EXPECT_EQ(places[0].note, "");
  EXPECT_EQ(places[1].state, Place::State::kWaiting);
  EXPECT_EQ(places[1].note, "Resources");
  EXPECT_EQ(places[2].note, "REQUEUE_HOLD, launch failed");
  EXPECT_TRUE(parse_squeue("", "m-1", {}).empty());
  EXPECT_THROW(parse_squeue("slurm_load_jobs error\n", "m-1", {}), Error);
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
  Process start(const std::string& body, std::string script_of(const Launch&) = slurm_script) const {
    program("worker", body);
    Launch launch = one_rank();
    launch.log = folder_ / "log";
    launch.script = folder_ / "script";
    launch.time = time_;
    launch.program = folder_ / "worker";
    launch.arguments = {"--device", "cpu"};
    launch.endpoint_file = folder_ / "endpoint";
    launch.spool = folder_ / "spool";
    write("script", script_of(launch));
    ProcessSpec spec{{"bash", (folder_ / "script").string()}, {}, folder_ / "log"};
    spec.environment = {{"PATH", folder_.string() + ":" + std::getenv("PATH")},
                        {"F", folder_.string()},
                        {"BASH_FUNC_sleep%%", "() { :; }"},
                        {"SLURM_ARRAY_JOB_ID", "42"},
                        {"SLURM_ARRAY_TASK_ID", "3"},
                        {"SLURM_JOB_ID", "45"},
                        {"PBS_JOBID", "42[3].pbs"}};
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
  std::string time_;
};

TEST_F(BatchScript, OfPbsGivesItselfTheNoticeAndSubmitsItselfAgain) {
  program("qsub", "echo qsub $* >> $F/said");
  time_ = "0:03:00";  // a minute before the notice, which the sleep of this test makes none
  const std::string worker =
      "trap 'echo saved >> $F/said; exit 0' USR1; echo up >> $F/said; while :; do /bin/sleep 0.01; done";
  EXPECT_EQ(wait(start(worker, pbs_script)).code, 0);
  EXPECT_THAT(said(), HasSubstr("qsub -v MEDLEY_RESTARTS=1 -C -N medley-1a2b3c4d-1 -r y"));
  EXPECT_THAT(said(), HasSubstr("-l walltime=0:03:00 " + (folder_ / "script").string() + "\n"));
  EXPECT_THAT(test::read_file(folder_ / "log-42_3.log"), HasSubstr("medley: told to leave (notice)"));
}

TEST_F(BatchScript, OfPbsEndsWhenItsWorkerWasDismissed) {
  program("qsub", "echo qsub $* >> $F/said");
  EXPECT_EQ(wait(start("echo worker >> $F/said", pbs_script)).code, 0);
  EXPECT_EQ(said(), "worker\n");
}

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
