#include "worker/gang_trainer.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace medley::worker {
namespace {

using nlohmann::json;

std::string text_of(const Pack& pack) {
  json trials = json::array();
  for (const sweep::TrialSpec& trial : pack.trials) trials.push_back(sweep::to_json(trial));
  return json{{"dataset_folder", pack.dataset_folder},
              {"dataset_fingerprint", pack.dataset_fingerprint},
              {"test_fingerprint", pack.test_fingerprint},
              {"checkpoints", pack.checkpoints.string()},
              {"trials", std::move(trials)}}
      .dump();
}

Pack pack_of(const std::string& text) {
  const json object = json::parse(text);
  Pack pack;
  pack.dataset_folder = object.at("dataset_folder");
  pack.dataset_fingerprint = object.at("dataset_fingerprint");
  pack.test_fingerprint = object.at("test_fingerprint");
  pack.checkpoints = object.at("checkpoints").get<std::string>();
  for (const json& trial : object.at("trials")) pack.trials.push_back(sweep::trial_from_json(trial));
  pack.stop = [] { return Stop::kNo; };
  pack.progress = [](int, int) {};
  pack.best_size = [](int) {};
  return pack;
}

}  // namespace

std::string mixed_arithmetic(const std::vector<RankArithmetic>& ranks) {
  std::map<std::string, std::set<std::string>> hosts;
  for (const RankArithmetic& rank : ranks) hosts[rank.arithmetic].insert(rank.host);
  if (hosts.size() < 2) return "";
  std::string text = "the ranks of a gang must have one arithmetic, these have " + std::to_string(hosts.size()) + ":";
  for (const auto& [arithmetic, its] : hosts) {
    const char* before = " on ";
    text += " " + arithmetic;
    for (const std::string& host : its) text += std::exchange(before, ", ") + host;
    text += ";";
  }
  return text + " start each gang on hosts with CPUs and devices of one kind";
}

std::string agree_on_arithmetic(MpiGang& gang, const std::string& own) {
  if (gang.size() == 1) return own;
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  std::vector<RankArithmetic> ranks;
  const std::vector<std::string> hosts = gang.gather(host), arithmetics = gang.gather(own);
  for (std::size_t r = 0; r < hosts.size(); ++r) ranks.push_back({hosts[r], arithmetics[r]});
  if (const std::string mixed = mixed_arithmetic(ranks); !mixed.empty()) throw Error(mixed);
  return own + "x" + std::to_string(gang.size());
}

std::vector<sweep::TrialResult> GangTrainer::train(const Pack& pack) {
  std::vector<sweep::TrialResult> results;
  std::string error;
  std::optional<sweep::Blame> blame;  // the same on every rank
  try {
    results = train_(pack);
  } catch (const DatasetChanged& e) {
    error = e.what();
    blame = e.blame;
  } catch (const std::exception& e) {
    error = e.what();
    if (error.empty()) error = "an exception without a text";
  }
  try {
    gang_.agree(error, sweep::digest_of(results));
  } catch (const Error& e) {
    if (blame) throw DatasetChanged(*blame, e.what());
    throw;
  }
  return results;
}

std::vector<sweep::TrialResult> GangTrainer::operator()(const Pack& pack) {
  gang_.from_first(text_of(pack));
  return train(pack);
}

void GangTrainer::follow() {
  for (;;) {
    const std::string text = gang_.from_first("");
    if (text.empty()) return;
    try {
      train(pack_of(text));
    } catch (const Error&) {
      // Agreed on by all: the first rank tells the coordinator.
    }
  }
}

void GangTrainer::end() { gang_.from_first(""); }

}  // namespace medley::worker
