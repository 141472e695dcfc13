#pragma once

#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

#include "cluster/local_workers.h"

namespace medley::coordinator {

/// Workers that are processes of this host. The coordinator keeps some running, others outlived an earlier coordinator,
/// and others were started by hand. Their deaths are seen at once, where a lease would have to expire. One thread.
class HostWorkers {
 public:
  /// Keeps `places` processes running as `make_spec` says, in place of those that run already with the same arguments.
  HostWorkers(int places, const cluster::LocalWorkers::MakeSpec& make_spec, cluster::RestartPolicy policy);

  const std::string& host() const { return host_; }
  /// An earlier coordinator knew this worker, by its name (host:pid); it may be back soon, or be dead. No effect for
  /// one of another host.
  void expect(const std::string& worker, const std::string& name);
  void joined(const std::string& worker, const std::string& host, pid_t pid);
  void disconnected(const std::string& worker);
  /// It is one of those that this coordinator keeps running: another takes its place when it ends.
  bool keeps(const std::string& worker) const;
  /// It delivered a result.
  void note_healthy(const std::string& worker);

  struct Lost {
    std::string worker;
    std::string why;
  };
  /// Workers that died since the last call.
  std::vector<Lost> reap();
  /// Starts what should run.
  void fill();

  int running() const { return local_.running(); }
  /// There were places, and none will ever run again. Why: last_death().
  bool given_up() const { return places_ > 0 && local_.given_up(); }
  const std::string& last_death() const { return last_death_; }

  /// As in LocalWorkers; of those that this coordinator keeps only.
  void terminate() { local_.terminate(); }
  void kill() { local_.kill(); }
  void stop(std::chrono::milliseconds grace) { local_.stop(grace); }

 private:
  const int places_;
  const std::string host_;
  cluster::LocalWorkers local_;
  std::map<std::string, pid_t> connected_;
  std::map<std::string, pid_t> away_;  ///< not connected: may be dead
  std::string last_death_;
};

}  // namespace medley::coordinator
