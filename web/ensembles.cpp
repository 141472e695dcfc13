#include "web/ensembles.h"

#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/files/read.h"
#include "sweep/digest.h"
#include "sweep/score/confusion.h"
#include "sweep/score/metric.h"
#include "sweep/score/mix.h"
#include "web/refused.h"
#include "web/responses.h"

namespace medley::web {
namespace {

using nlohmann::json;

constexpr std::uintmax_t kMaxArchiveBytes = 64 << 20;

/// Moves some of `scores` to `body`, under the same keys.
void take(json& scores, std::initializer_list<const char*> keys, json& body) {
  for (const char* key : keys) body[key] = std::move(scores.at(key));
}

/// Takes its part of `scores`, the ensemble's scores_json().
json head_json(storage::Reader& reader, const storage::EnsembleRecord& ensemble, json& scores) {
  const auto summary = reader.find_sweep(ensemble.sweep);
  json head = {{"id", ensemble.id},
               {"name", ensemble.request.name},
               {"method", name_of(ensemble.request.options.method)},
               {"mix", name_of(ensemble.request.options.mix)},
               {"sweep", ensemble.sweep},
               {"sweep_name", summary ? json(summary->name) : json(nullptr)},
               {"dataset", {{"fingerprint", ensemble.dataset}, {"name", ""}, {"synthetic", false}}},
               {"partition", sweep::partition_text(ensemble.partition)},
               {"protocol", name_of(ensemble.request.protocol)},
               {"members", ensemble.members.size()},
               {"created_ms", ensemble.created}};
  if (summary) {
    head["dataset"] = {
        {"fingerprint", summary->dataset}, {"name", summary->dataset_name}, {"synthetic", summary->synthetic}};
  }
  take(scores,
       {"optimistic", "nested", "best_single_nested", "nested_interval", "transductive", "read_test_clips",
        "sweep_trials", "sweep_results"},
       head);
  return head;
}

/// By config id; none when the sweep is not in the store.
std::map<std::string, std::string> config_names(storage::Reader& reader, Boards& boards, Boards::Patience patience,
                                                const std::string& sweep) {
  std::map<std::string, std::string> names;
  if (!reader.has_sweep(sweep)) return names;
  const auto board = boards.board(reader, sweep, patience);
  for (const sweep::ConfigReport& config : board->report.configs) names[config.id] = board->name_of(config);
  return names;
}

storage::ExportRecord export_of(storage::Reader& reader, const std::string& id) {
  for (storage::ExportRecord& made : reader.exports()) {
    if (std::to_string(made.id) == id) return std::move(made);
  }
  throw Refused{404, "There is no export with this id in the store."};
}

}  // namespace

json ensembles_json(storage::Reader& reader, Control* control) {
  const storage::Reader::Snapshot snapshot(reader);
  json rows = json::array();
  for (const auto& ensemble : reader.ensembles()) {
    json scores = storage::scores_json(ensemble);
    rows.push_back(head_json(reader, ensemble, scores));
  }
  return {{"ensembles", rows}, {"fits", control != nullptr ? control->fits() : json::array()}};
}

json ensemble_json(storage::Reader& reader, Boards& boards, Boards::Patience patience,
                   const storage::EnsembleRecord& ensemble) {
  const auto names = config_names(reader, boards, patience, ensemble.sweep);
  const storage::Reader::Snapshot snapshot(reader);
  json scores = storage::scores_json(ensemble);
  json body = head_json(reader, ensemble, scores);
  body["settings"] = storage::settings_json(ensemble);
  take(scores, {"shares", "folds", "candidates", "actors"}, body);
  body["weights"] = json::array();
  for (const storage::CandidateWeight& candidate : ensemble.weights) {
    const auto name = names.find(candidate.config);
    json& row = body["weights"].emplace_back(storage::to_json(candidate));
    row["name"] = name == names.end() ? candidate.config : name->second;
  }
  body["trials"] = json::array();
  for (const auto& member : ensemble.members) {
    body["trials"].push_back({{"trial", member.trial}, {"weight", member.weight}});
  }
  body["exports"] = json::array();
  for (const auto& made : reader.exports()) {
    if (made.ensemble != ensemble.id) continue;
    body["exports"].push_back({{"id", made.id},
                               {"file", made.file},
                               {"sha256", made.sha256},
                               {"clips", made.manifest.value("clips", json())},
                               {"predicted_blends", made.manifest.value("predicted_blends", json())},
                               {"created_ms", made.created}});
  }
  return body;
}

json ensemble_confusion_json(storage::Reader& reader, const storage::EnsembleRecord& ensemble) {
  const storage::Reader::Snapshot snapshot(reader);
  auto dataset = reader.find_dataset(ensemble.dataset);
  if (!dataset) throw Refused{409, "The store does not know the dataset of this ensemble."};
  sweep::put_in_folds(dataset->clips, ensemble.partition);
  const auto classes = static_cast<std::size_t>(dataset->classes.count());
  std::map<std::string, double> weights;
  std::vector<std::string> trials;
  for (const auto& member : ensemble.members) {
    if (weights.emplace(member.trial, member.weight).second) trials.push_back(member.trial);
  }
  const sweep::Mix mix = ensemble.request.options.mix;
  std::map<int, std::vector<double>> mixed;  // fold -> [clip, class] sums
  std::map<int, double> totals;
  for (const auto& part : reader.predictions(trials, ensemble.request.protocol, storage::Split::kValidation)) {
    auto& sum = mixed[part.fold];
    if (sum.empty()) sum.resize(part.fused.size());
    if (sum.size() != part.fused.size()) throw Refused{409, "Members of this ensemble predict different clips."};
    const double weight = weights.at(part.trial);
    const auto fused = sweep::fuse_heads(part, dataset->classes.count(), ensemble.head_fusion);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += weight * sweep::mix_term(mix, fused[i]);
    totals[part.fold] += weight;
    weights.erase(part.trial);
  }
  if (!weights.empty()) {
    throw Refused{409, "Member trial " + weights.begin()->first + " of this ensemble has no result any more."};
  }
  std::vector<sweep::Label> truth;
  std::vector<sweep::Label> predicted;
  std::map<int, std::size_t> row;  // fold -> clips of it so far
  for (const auto& clip : dataset->clips) {
    if (!clip.label || mixed.count(clip.fold) == 0) continue;
    const std::size_t begin = row[clip.fold]++ * classes;
    auto& probabilities = mixed[clip.fold];
    if (begin + classes > probabilities.size()) throw Refused{409, "A member of this ensemble predicts other clips."};
    sweep::mix_sums(mix, &probabilities[begin], classes, totals[clip.fold]);
    truth.push_back(*clip.label);
    predicted.push_back(sweep::decode(&probabilities[begin], dataset->classes, ensemble.thresholds));
  }
  if (truth.empty()) throw Refused{409, "The members of this ensemble have no out-of-fold predictions any more."};
  const sweep::SetConfusion confusion = sweep::set_confusion(predicted, truth);
  json sets = json::array();
  json counts = json::array();
  for (std::size_t t = 0; t < confusion.sets.size(); ++t) {
    sets.push_back(sweep::set_text(confusion.sets[t], dataset->classes));
    json one = json::array();
    for (std::size_t c = 0; c < confusion.sets.size(); ++c) one.push_back(confusion.at(t, c));
    counts.push_back(std::move(one));
  }
  return {{"ensemble", ensemble.id},
          {"clips", truth.size()},
          {"thresholds", {{"alpha", ensemble.thresholds.alpha}, {"beta", ensemble.thresholds.beta}}},
          {"sets", std::move(sets)},
          {"counts", std::move(counts)}};
}

Response export_archive(storage::Reader& reader, const std::string& id) {
  const storage::ExportRecord made = export_of(reader, id);
  std::error_code error;
  const auto size = std::filesystem::file_size(made.file, error);
  const auto bytes = !error && size <= kMaxArchiveBytes ? files::read_if_readable(made.file) : std::nullopt;
  if (!bytes) {
    throw Refused{409, "The archive of this export is not where it was written any more: export it again."};
  }
  if (sweep::sha256_hex(*bytes) != made.sha256) {
    throw Refused{409, "The archive of this export has been changed since: export it again."};
  }
  return download("application/zip", *bytes, "submission-" + id + ".zip");
}

Response export_manifest(storage::Reader& reader, const std::string& id) {
  return download("application/json", export_of(reader, id).manifest.dump(2) + "\n",
                  "submission-" + id + ".manifest.json");
}

}  // namespace medley::web
