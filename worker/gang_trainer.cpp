#include "worker/gang_trainer.h"

#include <optional>

#include <nlohmann/json.hpp>

#include "sweep/digest.h"

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

std::string digest_of(const std::vector<sweep::TrialResult>& results) {
  sweep::Sha256 digest;
  for (sweep::TrialResult result : results) {
    result.seconds = result.samples_per_second = 0;
    result.peak_memory_bytes = 0;
    const std::vector<std::uint8_t> bytes = sweep::encode_result(result);
    digest.add(bytes.data(), bytes.size());
  }
  return digest.hex();
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
    gang_.agree(error, digest_of(results));
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
