#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/process.h"
#include "tests/e2e/program.h"
#include "tests/support/patience.h"

namespace medley::slurm {

namespace fs = std::filesystem;
using e2e::read_file;

/// A real Slurm on this host: munged, slurmctld and a slurmd for each of some made-up nodes, all in one folder and on
/// free ports. Nothing of it outlives the object.
class Cluster {
 public:
  /// Why this machine cannot run one; "" when it can.
  static std::string missing() {
    if (geteuid() != 0) return "needs root";
    for (const char* program : {"munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel"}) {
      bool found = false;
      for (const char* folder : {"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/", "/usr/local/bin/"}) {
        found = found || fs::exists(folder + std::string(program));
      }
      if (!found) return std::string("needs ") + program + " (Debian: slurm-wlm, munge)";
    }
    return "";
  }

  /// `folder` must be empty; the daemons' names are n1, n2, ... with one CPU each.
  Cluster(const fs::path& folder, int nodes) : folder_(folder) {
    fs::permissions(folder, fs::perms(0755));  // munged wants a path that all may pass
    for (const char* name : {"state", "log"}) fs::create_directories(folder / name);
    std::string names, lines;
    for (int n = 1; n <= nodes; ++n) {
      const std::string name = "n" + std::to_string(n);
      fs::create_directories(folder / "spool" / name);
      fs::create_directories(folder / "tmp" / name);
      lines += "NodeName=" + name + " NodeHostname=" + host() + " NodeAddr=127.0.0.1 Port=" + free_port() +
               " CPUs=1 RealMemory=1000 State=UNKNOWN\n";
      nodes_.push_back(name);
    }
    std::ofstream(folder / "munge.key") << std::string(128, 'k');
    fs::permissions(folder / "munge.key", fs::perms::owner_read | fs::perms::owner_write);
    const std::string here = folder.string();
    std::ofstream(folder / "slurm.conf")
        << "ClusterName=toy\nSlurmctldHost=localhost\nSlurmctldPort=" << free_port()
        << "\nSlurmUser=root\nAuthType=auth/munge\nCredType=cred/munge\n"
        // A requeued job waits for twice its credential's life: by default two minutes.
        << "AuthInfo=socket=" << here << "/munge.sock,cred_expire=5\n"
        << "StateSaveLocation=" << here << "/state\nSlurmdSpoolDir=" << here << "/spool/%n\nTmpFS=" << here
        << "/tmp/%n\nSlurmctldPidFile=" << here << "/slurmctld.pid\nSlurmdPidFile=" << here
        << "/slurmd.%n.pid\nSlurmctldLogFile=" << here << "/log/slurmctld.log\nSlurmdLogFile=" << here
        << "/log/slurmd.%n.log\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n"
        << "SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nSlurmdParameters=config_overrides\n"
        << "SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=2\n"
        << "JobRequeue=1\nKillWait=3\nSlurmdTimeout=10\nReturnToService=2\nMinJobAge=600\n"
        << "AccountingStorageType=accounting_storage/none\nJobAcctGatherType=jobacct_gather/none\n"
        << lines << "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n";
    setenv("SLURM_CONF", (here + "/slurm.conf").c_str(), 1);
    try {
      must({"munged", "--key-file=" + here + "/munge.key", "--socket=" + here + "/munge.sock",
            "--pid-file=" + here + "/munged.pid", "--log-file=" + here + "/log/munged.log",
            "--seed-file=" + here + "/munge.seed"});
      must({"slurmctld", "-c"});
      for (const std::string& node : nodes_) must({"slurmd", "-N", node});
      until([&] { return say({"sinfo", "-h", "-o", "%T"}) == "idle\n"; }, "its nodes are idle");
    } catch (...) {
      end();
      throw;
    }
  }
  ~Cluster() { end(); }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// What a command of Slurm's prints; "" when it fails.
  static std::string say(const std::vector<std::string>& argv) {
    const cluster::Said said = cluster::run_command(argv, test::kPatience * std::chrono::seconds(20));
    return said.exit.code == 0 ? said.out : "";
  }
  static std::string must(const std::vector<std::string>& argv) {
    const cluster::Said said = cluster::run_command(argv, test::kPatience * std::chrono::seconds(20));
    if (said.exit.code != 0 || said.timed_out) throw std::runtime_error(argv[0] + " failed: " + said.err);
    return said.out;
  }

  /// Those that wait or run; not those that Slurm is still clearing away.
  struct Task {
    std::string id;  ///< "2_1"
    std::string node;
    bool running = false;
  };
  static std::vector<Task> tasks() {
    std::vector<Task> all;
    std::istringstream lines(say({"squeue", "-h", "-r", "-t", "PENDING,RUNNING", "-o", "%i %T %N"}));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      Task task;
      std::string state;
      words >> task.id >> state >> task.node;
      task.running = state == "RUNNING";
      all.push_back(task);
    }
    return all;
  }
  static bool runs(const Task& task) {
    const auto all = tasks();
    return std::any_of(all.begin(), all.end(), [&task](const Task& other) {
      return other.id == task.id && other.node == task.node && other.running;
    });
  }
  /// A running task on a node that is none of `but`.
  static Task running_task(const std::vector<std::string>& but) {
    for (const Task& task : tasks()) {
      if (task.running && std::find(but.begin(), but.end(), task.node) == but.end()) return task;
    }
    throw std::runtime_error("no task runs elsewhere");
  }

  /// The process that runs the task's batch script: the child of a step daemon that has the task's number.
  pid_t script_of(const Task& task) const {
    for (const pid_t pid : processes_of(task)) {
      if (is_step_daemon(parent_of(pid))) return pid;
    }
    throw std::runtime_error("no script runs of task " + task.id);
  }
  pid_t worker_of(const Task& task) const { return rank_of(task, 0); }
  pid_t rank_of(const Task& task, int rank) const {
    for (const pid_t pid : processes_of(task)) {
      const std::string environment = '\0' + read_file("/proc/" + std::to_string(pid) + "/environ");
      const auto at = environment.find('\0' + std::string("SLURM_PROCID="));
      if (at == std::string::npos || std::stoi(environment.substr(at + 14)) != rank) continue;
      if (read_file("/proc/" + std::to_string(pid) + "/comm") == "medley-worker\n") return pid;
    }
    throw std::runtime_error("no worker runs of task " + task.id);
  }

  /// The node loses its power: daemon, step daemons and what they started are gone.
  void crash(const std::string& node) const {
    pid_t daemon = 0;
    std::ifstream(folder_ / ("slurmd." + node + ".pid")) >> daemon;
    std::vector<pid_t> doomed = {daemon};
    for (const auto& [pid, environment] : ours()) {
      if (environment.find('\0' + std::string("SLURMD_NODENAME=") + node + '\0') == std::string::npos) continue;
      doomed.push_back(pid);
      const pid_t parent = parent_of(pid);
      if (is_step_daemon(parent)) doomed.push_back(parent);
    }
    for (const pid_t pid : doomed) ::kill(pid, SIGKILL);
  }

  static void until(const std::function<bool()>& holds, const std::string& what,
                    std::chrono::seconds usual = std::chrono::seconds(30)) {
    if (!test::eventually(holds, usual)) throw std::runtime_error("waited too long until " + what);
  }

 private:
  static std::string host() {
    char name[256] = {};
    gethostname(name, sizeof name - 1);
    return std::string(name).substr(0, std::string(name).find('.'));
  }

  static std::string free_port() {
    const int file = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool bound = bind(file, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                       getsockname(file, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    close(file);
    if (!bound) throw std::runtime_error("no free port");
    return std::to_string(ntohs(address.sin_port));
  }

  std::vector<pid_t> processes_of(const Task& task) const {
    const std::string mark = "SLURM_ARRAY_TASK_ID=" + task.id.substr(task.id.find('_') + 1);
    std::vector<pid_t> found;
    for (const auto& [pid, environment] : ours()) {
      if (environment.find('\0' + mark + '\0') != std::string::npos) found.push_back(pid);
    }
    return found;
  }

  static bool is_step_daemon(pid_t pid) {
    return read_file("/proc/" + std::to_string(pid) + "/comm") == "slurmstepd\n";
  }

  static pid_t parent_of(pid_t pid) {
    const std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 1));
    char state = 0;
    pid_t parent = 0;
    fields >> state >> parent;
    return parent;
  }

  /// Every process that was started with this cluster's configuration, and its environment; not this program.
  std::vector<std::pair<pid_t, std::string>> ours() const {
    std::vector<std::pair<pid_t, std::string>> found;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string id = entry.path().filename();
      if (id.find_first_not_of("0123456789") != std::string::npos || std::stoi(id) == getpid()) continue;
      const std::string environment = '\0' + read_file(entry.path() / "environ");
      const std::string mark = '\0' + std::string("SLURM_CONF=") + (folder_ / "slurm.conf").string() + '\0';
      if (environment.find(mark) != std::string::npos) found.emplace_back(std::stoi(id), environment);
    }
    return found;
  }

  void end() const {
    for (int round = 0; round < 100; ++round) {
      const auto left = ours();
      if (left.empty()) return;
      for (const auto& [pid, environment] : left) ::kill(pid, SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  fs::path folder_;
  std::vector<std::string> nodes_;
};

}  // namespace medley::slurm
