// A worker with the real link and a trainer that only waits: for tests that kill it.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <unistd.h>

#include "tests/worker/fake_trainer.h"
#include "worker/link.h"

namespace {

using namespace medley;

/// Settings, one a line: "train_ms 20", "diverge ID", "crash ID", "fail ID", "wrong_size ID". Read anew for every pack.
struct Behaviour {
  int train_ms = 10;
  std::map<std::string, std::set<std::string>> marked;
  bool is(const char* what, const std::string& id) const {
    const auto it = marked.find(what);
    return it != marked.end() && it->second.count(id);
  }
};

Behaviour read_behaviour(const std::string& file) {
  Behaviour behaviour;
  std::ifstream in(file);
  std::string word, value;
  while (in >> word >> value) {
    if (word == "train_ms") {
      behaviour.train_ms = std::stoi(value);
    } else {
      behaviour.marked[word].insert(value);
    }
  }
  return behaviour;
}

}  // namespace

int main(int argc, char** argv) try {
  std::map<std::string, std::string> arguments;
  for (int i = 1; i + 1 < argc; i += 2) arguments[argv[i]] = argv[i + 1];
  worker::LinkOptions options;
  const std::string peer = arguments.at("--coordinator");
  const auto colon = peer.rfind(':');
  options.host = peer.substr(0, colon);
  options.port = static_cast<std::uint16_t>(std::stoi(peer.substr(colon + 1)));
  options.token = protocol::read_token(arguments.at("--token-file"));
  options.spool = arguments.at("--spool");
  options.first_contact =
      std::chrono::milliseconds(arguments.count("--patience-ms") ? std::stoi(arguments["--patience-ms"]) : 10'000);
  options.first_retry = std::chrono::milliseconds(20);
  options.largest_retry = std::chrono::milliseconds(100);
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  options.identity.host = host;
  options.identity.pid = getpid();
  options.identity.device = "fake";
  options.identity.capacity = arguments.count("--capacity") ? std::stoi(arguments["--capacity"]) : 3;
  options.identity.numerics = arguments.count("--numerics") ? arguments["--numerics"] : sweep::kNumericsVersion;
  const std::string behaviour_file = arguments["--behaviour"];

  const auto ending = worker::serve(options, [&](const worker::Pack& pack) {
    const Behaviour behaviour = read_behaviour(behaviour_file);
    for (const auto& trial : pack.trials) {
      if (behaviour.is("crash", trial.id)) std::raise(SIGKILL);
      if (behaviour.is("fail", trial.id)) throw std::runtime_error("told to fail " + trial.id);
    }
    for (int ms = 0; ms < behaviour.train_ms; ++ms) {
      if (pack.stop() != worker::Stop::kNo) throw std::runtime_error("stopped");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      pack.progress(ms + 1, behaviour.train_ms);
    }
    std::vector<sweep::TrialResult> results;
    for (const auto& trial : pack.trials) {
      results.push_back(fake::fake_result(trial, behaviour.is("diverge", trial.id)));
      if (behaviour.is("wrong_size", trial.id))
        results.back().paper.validation.fused.resize(6), results.back().paper.validation.clips = 1;
      if (pack.checkpoints.empty()) continue;
      std::filesystem::create_directories(pack.checkpoints);
      std::ofstream(pack.checkpoints / (trial.id + ".npz")) << "weights";
    }
    return results;
  });
  std::fprintf(stderr, "fake_worker: %s\n", ending.reason.c_str());
  return ending.exit_code();
} catch (const std::exception& e) {
  std::fprintf(stderr, "fake_worker: %s\n", e.what());
  return 1;
}
