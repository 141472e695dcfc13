#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

#include "cluster/process.h"
#include "tests/e2e/program.h"
#include "tests/support/patience.h"

namespace medley::hosts {

namespace fs = std::filesystem;

/// Several hosts on this one: each a network, hostname, mount and process namespace of its own, joined by a bridge.
/// What is on the disk is shared by all, as on a cluster, but /tmp is each one's own. All is gone with the object.
class Hosts {
 public:
  /// Why this machine cannot have them; "" when it can.
  static std::string missing() {
    if (geteuid() != 0) return "needs root";
    for (const char* program : {"ip", "tc", "unshare", "nsenter"}) {
      if (!fs::exists("/usr/bin/" + std::string(program)) && !fs::exists("/usr/sbin/" + std::string(program))) {
        return std::string("needs ") + program + " (Debian: iproute2, util-linux)";
      }
    }
    if (cluster::run_command({"unshare", "-n", "-u", "-m", "-p", "-f", "true"}).exit.code != 0) {
      return "this kernel or container allows no namespaces";
    }
    return "";
  }

  /// h1, h2, ...; `shared` and the folder of the `programs` are seen by all, also where they are below /tmp.
  Hosts(int count, const fs::path& shared, const fs::path& programs) : shared_(shared), programs_(programs) {
    number_ = static_cast<int>(getpid() % 200) + 10;
    bridge_ = "mdb" + std::to_string(number_);
    try {
      must({"ip", "link", "add", bridge_, "type", "bridge"});
      must({"ip", "addr", "add", address(254) + "/24", "dev", bridge_});
      must({"ip", "link", "set", bridge_, "up"});
      std::ofstream names(shared / "hosts");
      names << "127.0.0.1 localhost\n";
      for (int h = 1; h <= count; ++h) names << address(h) << " h" << h << "\n";
      names.close();
      for (int h = 1; h <= count; ++h) boot(h);
    } catch (...) {
      end();
      throw;
    }
  }
  ~Hosts() { end(); }
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;

  /// Of this machine itself, where the coordinator is, as the hosts reach it.
  std::string here() const { return address(254); }

  /// A command line that runs `argv` on a host.
  std::vector<std::string> on(int host, const std::vector<std::string>& argv) const {
    std::vector<std::string> words = {"nsenter", "-t", std::to_string(inits_.at(host - 1)), "-n", "-u", "-m",
                                      "-p",      "--"};
    words.insert(words.end(), argv.begin(), argv.end());
    return words;
  }

  void cut(int host) const { must({"ip", "link", "set", line(host), "down"}); }
  void heal(int host) const { must({"ip", "link", "set", line(host), "up"}); }
  /// The host loses its power: nothing more is heard of it, no connection is closed.
  void crash(int host) const {
    cut(host);
    ::kill(inits_.at(host - 1), SIGKILL);
  }
  /// Its line delays and loses packets both ways. By netem where the kernel has it, else by a rate and a queue so short
  /// that it overflows. Returns what was done.
  std::string spoil(int host) const {
    const std::vector<std::vector<std::string>> kinds = {{"netem", "delay", "60ms", "30ms", "loss", "5%"},
                                                         {"tbf", "rate", "1500kbit", "burst", "3200", "limit", "6400"}};
    for (const auto& kind : kinds) {
      std::vector<std::string> out = {"tc", "qdisc", "add", "dev", line(host), "root"};
      std::vector<std::string> in = on(host, {"tc", "qdisc", "add", "dev", "eth0", "root"});
      out.insert(out.end(), kind.begin(), kind.end());
      in.insert(in.end(), kind.begin(), kind.end());
      if (cluster::run_command(out).exit.code != 0) continue;
      must(in);
      return kind[0];
    }
    throw std::runtime_error("this kernel has neither netem nor tbf");
  }
  /// Packets that the spoilt line lost on their way from the host.
  int lost_packets(int host) const {
    const std::string said = must(on(host, {"tc", "-s", "qdisc", "show", "dev", "eth0"}));
    const auto at = said.find("dropped ");
    return at == std::string::npos ? 0 : std::stoi(said.substr(at + 8));
  }

  /// An executable that mpirun may use in place of ssh: AGENT [options] HOST command...
  fs::path agent() const {
    const fs::path path = shared_ / "agent";
    fs::copy_file(fs::path(MEDLEY_SOURCE_DIR) / "tests/cluster/agent.sh", path, fs::copy_options::overwrite_existing);
    std::ofstream hosts(path.string() + ".hosts");
    for (std::size_t h = 0; h < inits_.size(); ++h) hosts << "h" << h + 1 << " " << inits_[h] << "\n";
    hosts.close();
    fs::permissions(path, fs::perms(0755));
    return path;
  }

  std::string network() const { return "10.213." + std::to_string(number_) + ".0/24"; }

 private:
  static std::string must(const std::vector<std::string>& argv) {
    const cluster::Said said = cluster::run_command(argv, test::kPatience * std::chrono::seconds(20));
    if (said.exit.code != 0 || said.timed_out) {
      std::string words;
      for (const std::string& word : argv) words += word + " ";
      throw std::runtime_error(words + "failed: " + said.err);
    }
    return said.out;
  }
  std::string address(int last) const { return "10.213." + std::to_string(number_) + "." + std::to_string(last); }
  std::string line(int host) const { return "mdv" + std::to_string(number_) + "." + std::to_string(host); }

  void boot(int host) {
    const std::string name = "h" + std::to_string(host);
    // Its own /tmp, with what is shared in it; bash reaps what loses its parent.
    std::string keep;
    for (const fs::path& folder : {shared_, programs_}) {
      const fs::path below = folder.lexically_relative("/tmp");
      if (below.empty() || *below.begin() == "..") continue;
      keep += " && mkdir -p " + folder.string() + " && mount --bind /mnt/" + below.string() + " " + folder.string();
    }
    const std::string script = "hostname " + name + " && mount --bind /tmp /mnt && mount -t tmpfs none /dev/shm" +
                               " && mount -t tmpfs none /tmp" + keep + " && umount /mnt && mount --bind " +
                               shared_.string() +
                               "/hosts /etc/hosts && ip link set lo up && exec bash -c 'sleep infinity & wait'";
    cluster::ProcessSpec spec{
        {"unshare", "-n", "-u", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", script},
        {},
        shared_ / (name + ".log")};
    unshares_.push_back(cluster::Process::start(spec));
    const std::string parent = std::to_string(unshares_.back().pid());
    const auto deadline = test::deadline(std::chrono::seconds(10));
    pid_t init = 0;
    // Up when its script has come to its end: the last thing that it starts is there.
    while (init == 0 || e2e::read_file("/proc/" + std::to_string(init) + "/comm") != "bash\n") {
      std::istringstream(e2e::read_file("/proc/" + parent + "/task/" + parent + "/children")) >> init;
      if (std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error(name + " does not come up: " + e2e::read_file(spec.log));
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    inits_.push_back(init);
    must({"ip", "link", "add", line(host), "type", "veth", "peer", "name", "eth0", "netns", std::to_string(init)});
    must({"ip", "link", "set", line(host), "master", bridge_, "up"});
    must(on(host, {"ip", "addr", "add", address(host) + "/24", "dev", "eth0"}));
    must(on(host, {"ip", "link", "set", "eth0", "up"}));
    must(on(host, {"ip", "route", "add", "default", "via", address(254)}));
  }

  void end() {
    for (const pid_t init : inits_) ::kill(init, SIGKILL);
    for (cluster::Process& unshare : unshares_) {
      unshare.signal(SIGKILL);
      for (int i = 0; i < 1000 && !unshare.poll(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    for (std::size_t h = 1; h <= inits_.size(); ++h)
      cluster::run_command({"ip", "link", "del", line(static_cast<int>(h))});
    cluster::run_command({"ip", "link", "del", bridge_});
  }

  fs::path shared_, programs_;
  int number_ = 0;
  std::string bridge_;
  std::vector<cluster::Process> unshares_;
  std::vector<pid_t> inits_;  ///< process 1 of each host, as this host numbers it
};

}  // namespace medley::hosts
