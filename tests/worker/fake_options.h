#pragma once

#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include <unistd.h>

#include "sweep/version.h"
#include "worker/link.h"

namespace medley::fake {

/// Settings, one a line: "train_ms 20", "diverge ID", "crash ID", "fail ID", "wrong_size ID"; ID * is every trial. Read
/// again for every pack.
struct Behaviour {
  int train_ms = 10;
  std::map<std::string, std::set<std::string>> marked;
  bool is(const char* what, const std::string& id) const {
    const auto it = marked.find(what);
    return it != marked.end() && (it->second.count(id) || it->second.count("*"));
  }
};

inline Behaviour read_behaviour(const std::string& file) {
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

struct Arguments {
  worker::LinkOptions link;
  std::string behaviour_file;
};

/// Pairs of --name value, also after the word "serve": it may stand in for medley-worker.
inline Arguments parse_arguments(int argc, char** argv) {
  std::map<std::string, std::string> arguments;
  for (int i = argc > 1 && argv[1][0] != '-' ? 2 : 1; i + 1 < argc; i += 2) arguments[argv[i]] = argv[i + 1];
  Arguments parsed;
  worker::LinkOptions& options = parsed.link;
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
  options.identity.boot_id = arguments["--boot-id"];
  options.identity.pid = getpid();
  options.identity.device = "fake";
  options.identity.capacity = arguments.count("--capacity") ? std::stoi(arguments["--capacity"]) : 3;
  options.identity.version = arguments.count("--version") ? arguments["--version"] : sweep::version();
  options.identity.numerics = arguments.count("--numerics") ? arguments["--numerics"] : sweep::kNumericsVersion;
  parsed.behaviour_file = arguments["--behaviour"];
  return parsed;
}

}  // namespace medley::fake
