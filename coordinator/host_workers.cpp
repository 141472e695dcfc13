#include "coordinator/host_workers.h"

#include <algorithm>

#include <spdlog/spdlog.h>

namespace medley::coordinator {

HostWorkers::HostWorkers(int places, const cluster::LocalWorkers::MakeSpec& make_spec, cluster::RestartPolicy policy)
    : places_(places), host_(cluster::this_host()), local_(places, make_spec, policy) {
  if (places > 0) local_.adopt(cluster::find_processes(make_spec(0).argv));
}

void HostWorkers::expect(const std::string& worker, const std::string& name) {
  const auto colon = name.rfind(':');
  if (colon == std::string::npos || name.substr(0, colon) != host_) return;
  const pid_t pid = static_cast<pid_t>(std::atol(name.c_str() + colon + 1));
  if (pid > 0) away_[worker] = pid;
}

void HostWorkers::joined(const std::string& worker, const std::string& host, pid_t pid) {
  away_.erase(worker);
  if (host == host_ && pid > 0) connected_[worker] = pid;
}

void HostWorkers::disconnected(const std::string& worker) {
  const auto it = connected_.find(worker);
  if (it == connected_.end()) return;
  away_.insert(*it);
  connected_.erase(it);
}

bool HostWorkers::keeps(const std::string& worker) const {
  const auto it = connected_.find(worker);
  const auto pids = local_.pids();
  return it != connected_.end() && std::find(pids.begin(), pids.end(), it->second) != pids.end();
}

void HostWorkers::note_healthy(const std::string& worker) {
  const auto it = connected_.find(worker);
  if (it != connected_.end()) local_.note_healthy(it->second);
}

std::vector<HostWorkers::Lost> HostWorkers::reap() {
  std::vector<Lost> lost;
  const auto lose = [&lost](std::map<std::string, pid_t>& from, pid_t pid, const std::string& why) {
    for (auto it = from.begin(); it != from.end();) {
      if (it->second != pid) {
        ++it;
        continue;
      }
      lost.push_back({it->first, why});
      it = from.erase(it);
    }
  };
  for (const auto& death : local_.reap(cluster::LocalWorkers::Clock::now())) {
    last_death_ = death.exit.text();
    const bool by_itself = death.exit.signal == 0 && death.exit.code == 0;
    spdlog::log(by_itself ? spdlog::level::info : spdlog::level::warn, "local worker {} (process {}) ended: {}{}",
                death.place + 1, death.pid, last_death_, death.given_up ? "; it is not started again" : "");
    lose(connected_, death.pid, last_death_);
    lose(away_, death.pid, last_death_);
  }
  for (auto it = away_.begin(); it != away_.end();) {
    if (cluster::is_alive(it->second)) {
      ++it;
      continue;
    }
    lost.push_back({it->first, "its process is gone"});
    it = away_.erase(it);
  }
  return lost;
}

void HostWorkers::fill() {
  for (const std::string& failure : local_.fill(cluster::LocalWorkers::Clock::now())) {
    last_death_ = failure;
    spdlog::warn("a local worker cannot be started: {}", failure);
  }
}

}  // namespace medley::coordinator
