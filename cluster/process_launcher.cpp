#include "cluster/process_launcher.h"

#include <algorithm>
#include <set>
#include <sstream>

#include <signal.h>

#include "storage/files/error.h"
#include "storage/files/read.h"

namespace medley::cluster {
namespace {

constexpr const char* kMark = "MEDLEY_PLACE";  ///< environment variable: launch#place

std::string mark(const Launch& launch, std::size_t place) { return launch.name + "#" + std::to_string(place + 1); }

std::string hosts_of(const Placement& placement) {
  std::string hosts;
  for (const auto& [host, ranks] : placement.hosts) hosts += (hosts.empty() ? "" : ",") + host;
  return hosts;
}

/// What the two kinds of processes share.
LauncherKind process_launcher(const std::string& name) {
  LauncherKind kind;
  kind.name = name;
  kind.bound_to_host = true;
  kind.find = [](const std::string& launch_name) {
    Launch launch;
    launch.name = launch_name;
    return std::make_unique<ProcessLauncher>(std::move(launch), std::vector<Placement>{});
  };
  return kind;
}

}  // namespace

LauncherKind local_launcher() {
  LauncherKind kind = process_launcher("local");
  kind.help = "a process of this host";
  kind.problem = [](const Launch& launch) { return launch.shape.nodes > 1 ? "local workers are on one node" : ""; };
  kind.make = [](const Launch& launch, int largest) {
    return std::make_unique<ProcessLauncher>(launch, place_here(launch.shape, largest));
  };
  return kind;
}

LauncherKind mpirun_launcher() {
  LauncherKind kind = process_launcher("mpirun");
  kind.help = "an mpirun of its own on the hosts of --hosts";
  kind.reaches_hosts = true;
  kind.options = {{"--hosts", "host file, lines such as 'h1 slots=4'",
                   [](Launch& launch, const std::string& value) { launch.hosts = value; }}};
  kind.problem = [](const Launch& launch) {
    return launch.hosts.empty() ? "--launcher mpirun needs --hosts FILE" : "";
  };
  kind.make = [](const Launch& launch, int largest) {
    const std::string text = files::rethrow_as<Error>([&] { return files::read(launch.hosts); });
    return std::make_unique<ProcessLauncher>(launch,
                                             place_on_hosts(parse_hosts(text, launch.hosts), launch.shape, largest));
  };
  return kind;
}

ProcessSpec ProcessLauncher::spec(std::size_t place, const std::string& coordinator) const {
  ProcessSpec spec;
  spec.argv = worker_argv(launch_, placements_[place], coordinator);
  for (const auto& [name, value] : worker_environment(launch_, placements_[place])) spec.environment[name] = value;
  spec.environment[kMark] = mark(launch_, place);
  spec.log = launch_.log + "-" + std::to_string(place + 1) + ".log";
  return spec;
}

std::string ProcessLauncher::preview(int workers) const {
  std::string text;
  const std::size_t count = std::min(placements_.size(), static_cast<std::size_t>(std::max(workers, 0)));
  for (std::size_t i = 0; i < count; ++i) {
    const ProcessSpec shown = spec(i, launch_.coordinator.empty() ? "HOST:PORT" : launch_.coordinator);
    std::vector<std::string> words = {"env"};
    for (const auto& [name, value] : shown.environment) words.push_back(name + "=" + value);
    words.insert(words.end(), shown.argv.begin(), shown.argv.end());
    text += shell_line(words) + " >> " + shell_word(shown.log) + " 2>&1 &\n";
  }
  return text;
}

std::vector<std::pair<std::size_t, pid_t>> ProcessLauncher::running() const {
  const std::string prefix = launch_.name + "#";
  std::vector<std::pair<std::size_t, pid_t>> all;
  for (const auto& [pid, value] : find_marked(kMark)) {
    if (value.rfind(prefix, 0) == 0) all.emplace_back(std::stoul(value.substr(prefix.size())) - 1, pid);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::string> ProcessLauncher::start(int workers) {
  std::string coordinator = launch_.coordinator;
  if (coordinator.empty()) {
    const auto text = files::rethrow_as<Error>([&] { return files::read_if_there(launch_.endpoint_file); });
    std::istringstream(text.value_or("")) >> coordinator;
  }
  if (coordinator.empty()) throw Error("no coordinator runs: " + launch_.endpoint_file + " does not say where");
  std::set<std::size_t> taken;
  for (const auto& [place, pid] : running()) taken.insert(place);
  int started = 0;
  for (std::size_t i = 0; i < placements_.size() && started < workers; ++i) {
    if (taken.count(i)) continue;
    children_.push_back(Process::start(spec(i, coordinator)));
    ++started;
  }
  return {};
}

std::vector<Place> ProcessLauncher::places() {
  children_.erase(std::remove_if(children_.begin(), children_.end(), [](Process& p) { return p.poll().has_value(); }),
                  children_.end());
  std::vector<Place> all;
  std::set<std::size_t> seen;  // of an mpirun, what it starts on this host has the mark, too
  for (const auto& [place, pid] : running()) {
    if (!seen.insert(place).second) continue;
    all.push_back({std::to_string(place + 1), Place::State::kRunning,
                   place < placements_.size() ? hosts_of(placements_[place]) : "", "process " + std::to_string(pid)});
  }
  return all;
}

void ProcessLauncher::signal(const std::vector<std::string>& ids, int number) const {
  for (const auto& [place, pid] : running()) {
    if (std::find(ids.begin(), ids.end(), std::to_string(place + 1)) == ids.end()) continue;
    // mpirun passes USR1 on to its ranks (after TERM it would kill them within a second); a killed one cannot.
    ::kill(number == SIGKILL ? -pid : pid, number);
  }
}

void ProcessLauncher::stop(const std::vector<std::string>& ids) { signal(ids, SIGUSR1); }
void ProcessLauncher::kill(const std::vector<std::string>& ids) { signal(ids, SIGKILL); }

}  // namespace medley::cluster
