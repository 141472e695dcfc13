#include "cluster/mpirun.h"

#include <algorithm>
#include <sstream>

#include "cluster/process.h"

namespace medley::cluster {
namespace {

[[noreturn]] void wrong_line(const std::string& file, int line, const std::string& what) {
  throw Error(file + ":" + std::to_string(line) + ": " + what +
              "; a line is a host and how many ranks it takes: h1 slots=4");
}

std::string counted(std::size_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

}  // namespace

std::vector<Host> parse_hosts(const std::string& text, const std::string& file) {
  std::vector<Host> hosts;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line.substr(0, line.find('#')));
    Host host;
    if (!(words >> host.name)) continue;
    for (std::string word; words >> word;) {
      const std::string digits = word.rfind("slots=", 0) == 0 ? word.substr(6) : "";
      if (digits.empty() || digits.size() > 4 || digits.find_first_not_of("0123456789") != std::string::npos ||
          std::stoi(digits) < 1) {
        wrong_line(file, number, "'" + word + "' is not slots=NUMBER");
      }
      host.slots = std::stoi(digits);
    }
    const bool twice =
        std::any_of(hosts.begin(), hosts.end(), [&host](const Host& other) { return other.name == host.name; });
    if (twice) wrong_line(file, number, "host " + host.name + " stands there twice");
    hosts.push_back(std::move(host));
  }
  if (hosts.empty()) throw Error(file + ": no host in it; a line is a host and how many ranks it takes: h1 slots=4");
  return hosts;
}

std::vector<Placement> place_on_hosts(const std::vector<Host>& hosts, const WorkerShape& shape, int workers) {
  const int share = shape.ranks / shape.nodes;
  std::vector<int> left, guests(hosts.size(), 0);
  for (const Host& host : hosts) left.push_back(host.slots);
  std::vector<Placement> placements;
  while (static_cast<int>(placements.size()) < workers) {
    std::vector<std::size_t> chosen;
    for (std::size_t h = 0; h < hosts.size() && static_cast<int>(chosen.size()) < shape.nodes; ++h) {
      // GPUs are named by number for all hosts of a worker: it must be the same worker's turn on each.
      const bool same_turn = shape.gpus == 0 || chosen.empty() || guests[h] == guests[chosen.front()];
      if (left[h] >= share && same_turn) chosen.push_back(h);
    }
    if (static_cast<int>(chosen.size()) < shape.nodes) {
      throw Error("the host file has room for " + counted(placements.size(), "worker") + " of " +
                  counted(static_cast<std::size_t>(shape.ranks), "rank") + " on " +
                  counted(static_cast<std::size_t>(shape.nodes), "host") + " each, not for " + std::to_string(workers));
    }
    Placement placement;
    placement.first_gpu = guests[chosen.front()] * (shape.gpus / shape.nodes);
    for (const std::size_t h : chosen) {
      placement.hosts.emplace_back(hosts[h].name, share);
      left[h] -= share;
      ++guests[h];
    }
    placements.push_back(std::move(placement));
  }
  return placements;
}

std::vector<Placement> place_here(const WorkerShape& shape, int workers) {
  std::vector<Placement> placements;
  for (int i = 0; i < workers; ++i) placements.push_back({{}, i * shape.gpus});
  return placements;
}

std::vector<std::pair<std::string, std::string>> worker_environment(const Launch& launch, const Placement& placement) {
  const std::string cores = std::to_string(launch.shape.cores_per_rank);
  std::vector<std::pair<std::string, std::string>> all = {
      {"OMP_NUM_THREADS", cores}, {"OPENBLAS_NUM_THREADS", cores}, {"MKL_NUM_THREADS", cores}};
  if (launch.shape.gpus > 0) {
    std::string devices;
    for (int g = 0; g < launch.shape.gpus / launch.shape.nodes; ++g) {
      devices += (g == 0 ? "" : ",") + std::to_string(placement.first_gpu + g);
    }
    all.emplace_back("CUDA_VISIBLE_DEVICES", devices);
  }
  all.insert(all.end(), launch.site.environment.begin(), launch.site.environment.end());
  return all;
}

std::vector<std::string> worker_argv(const Launch& launch, const Placement& placement, const std::string& coordinator) {
  std::vector<std::string> argv;
  if (launch.shape.ranks > 1 || !placement.hosts.empty()) {
    argv = {launch.site.mpirun, "-n", std::to_string(launch.shape.ranks), "--bind-to", "none"};
    std::string hosts;
    for (const auto& [host, ranks] : placement.hosts) {
      hosts += (hosts.empty() ? "" : ",") + host + ":" + std::to_string(ranks);
    }
    if (hosts.empty()) {
      argv.emplace_back("--oversubscribe");
    } else {
      argv.insert(argv.end(), {"--host", hosts});
    }
    // By default mpirun would notice a host that was cut off after 8 minutes; told so, after about 5 s. And
    // for one that does not answer at the start it would wait for ever.
    for (const auto& [name, value] : {std::pair<const char*, const char*>{"oob_tcp_keepalive_time", "2"},
                                      {"oob_tcp_keepalive_intvl", "1"},
                                      {"oob_tcp_keepalive_probes", "3"},
                                      {"orte_startup_timeout", "60"}}) {
      argv.insert(argv.end(), {"--mca", name, value});
    }
    for (const auto& [name, value] : worker_environment(launch, placement)) {
      argv.insert(argv.end(), {"-x", name + "=" + value});
    }
    argv.insert(argv.end(), launch.site.mpirun_arguments.begin(), launch.site.mpirun_arguments.end());
  }
  argv.insert(argv.end(), {launch.program, "serve"});
  argv.insert(argv.end(), launch.arguments.begin(), launch.arguments.end());
  argv.insert(argv.end(), {"--spool", launch.spool, "--coordinator", coordinator});
  return argv;
}

}  // namespace medley::cluster
