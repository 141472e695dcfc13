#include "web/trial_clips.h"

#include <algorithm>
#include <string>
#include <vector>

#include "sweep/half.h"
#include "sweep/score/confusion.h"
#include "web/refused.h"

namespace medley::web {
namespace {

using nlohmann::json;

/// One protocol's snapshot of a trial and the thresholds that go with it.
struct Shown {
  sweep::Protocol protocol = sweep::Protocol::kPaper;
  const sweep::Snapshot* snapshot = nullptr;
  sweep::ThresholdSurface::Best best;
};

sweep::Protocol protocol_of(const Request& request) {
  const std::string name = request.parameter("protocol", name_of(sweep::Protocol::kPaper));
  if (const auto protocol = sweep::find_named<sweep::Protocol>(name)) return *protocol;
  throw Refused{400, "protocol must be paper or held-out."};
}

Shown shown(const storage::TrialDetail& trial, const Request& request) {
  const sweep::Protocol protocol = protocol_of(request);
  if (!trial.result) throw Refused{404, "This trial has no result yet."};
  if (trial.result->outcome != sweep::Outcome::kFinished)
    throw Refused{409, "This trial diverged: it predicts nothing."};
  if (protocol == sweep::Protocol::kPaper) return {protocol, &trial.result->paper, trial.result->paper.surface.best()};
  if (trial.result->inner.clips == 0) {
    throw Refused{
        409,
        "The held-out thresholds of this trial are fitted on the other folds: its held-out numbers stand in the "
        "leaderboard."};
  }
  return {protocol, &trial.result->held_out, trial.result->inner.best()};
}

/// The clips of the trial's fold with their labels, in the order of its predictions.
std::vector<storage::ClipRecord> clips_of(const storage::TrialDetail& trial, const storage::DatasetRecord& dataset,
                                          const Shown& shown) {
  std::vector<storage::ClipRecord> clips;
  for (storage::ClipRecord& clip : sweep::partitioned(dataset, trial.spec.partition).clips) {
    if (clip.fold == trial.spec.fold && clip.label) clips.push_back(std::move(clip));
  }
  if (static_cast<int>(clips.size()) != shown.snapshot->validation.clips) {
    throw Refused{409, "The dataset has other clips on this fold now than when the trial was trained."};
  }
  return clips;
}

std::vector<sweep::Label> decoded(const Shown& shown, const sweep::Classes& classes) {
  const std::vector<double> fused(shown.snapshot->validation.fused.begin(), shown.snapshot->validation.fused.end());
  std::vector<sweep::Label> labels;
  for (std::size_t i = 0; i < fused.size(); i += static_cast<std::size_t>(classes.count())) {
    labels.push_back(sweep::decode(&fused[i], classes, shown.best.thresholds));
  }
  return labels;
}

json head_json(const storage::TrialDetail& trial, const Shown& shown) {
  return {{"trial", trial.spec.id},
          {"protocol", name_of(shown.protocol)},
          {"epoch", shown.snapshot->epoch},
          {"thresholds", {{"alpha", shown.best.thresholds.alpha}, {"beta", shown.best.thresholds.beta}}}};
}

}  // namespace

json surface_json(const storage::TrialDetail& trial, const Request& request) {
  const Shown of = shown(trial, request);
  const sweep::ThresholdSurface& surface = of.snapshot->surface;
  json body = head_json(trial, of);
  body["grid"] = sweep::threshold_grid();
  body["clips"] = surface.clips;
  body["blends"] = surface.blends;
  body["chosen"] = {{"alpha", of.best.alpha_index}, {"beta", of.best.beta_index}};
  for (const char* name : {"acc_presence", "acc_salience", "score"}) body[name] = json::array();
  for (int alpha = 0; alpha < sweep::kGridSize; ++alpha) {
    json presence = json::array();
    json salience = json::array();
    json score = json::array();
    for (int beta = 0; beta < sweep::kGridSize; ++beta) {
      const sweep::Accuracy accuracy = surface.at(alpha, beta);
      presence.push_back(accuracy.presence);
      salience.push_back(accuracy.salience);
      score.push_back(accuracy.score());
    }
    body["acc_presence"].push_back(std::move(presence));
    body["acc_salience"].push_back(std::move(salience));
    body["score"].push_back(std::move(score));
  }
  return body;
}

json confusion_json(const storage::TrialDetail& trial, const storage::DatasetRecord& dataset, const Request& request) {
  const Shown of = shown(trial, request);
  std::vector<sweep::Label> truth;
  for (const auto& clip : clips_of(trial, dataset, of)) truth.push_back(*clip.label);
  const sweep::SetConfusion confusion = sweep::set_confusion(decoded(of, dataset.classes), truth);
  json sets = json::array();
  json counts = json::array();
  for (std::size_t t = 0; t < confusion.sets.size(); ++t) {
    sets.push_back(sweep::set_text(confusion.sets[t], dataset.classes));
    json row = json::array();
    for (std::size_t p = 0; p < confusion.sets.size(); ++p) row.push_back(confusion.at(t, p));
    counts.push_back(std::move(row));
  }
  json body = head_json(trial, of);
  body["clips"] = truth.size();
  body["sets"] = std::move(sets);
  body["counts"] = std::move(counts);
  return body;
}

json clips_json(const storage::TrialDetail& trial, const storage::DatasetRecord& dataset, const Request& request,
                storage::Page page) {
  const std::string only = request.parameter("only", "all");
  if (only != "all" && only != "hits" && only != "misses") throw Refused{400, "only must be all, hits or misses."};
  const Shown of = shown(trial, request);
  const auto clips = clips_of(trial, dataset, of);
  const auto predicted = decoded(of, dataset.classes);
  const auto classes = static_cast<std::size_t>(dataset.classes.count());
  const sweep::Importance& gate = trial.result->importance;
  const std::size_t encoders = gate.encoders.size();
  json rows = json::array();
  int total = 0;
  for (std::size_t i = 0; i < clips.size(); ++i) {
    const sweep::Label& truth = *clips[i].label;
    const bool hit = predicted[i] == truth;
    if ((only == "hits" && !hit) || (only == "misses" && hit)) continue;
    if (total++ < page.offset || static_cast<int>(rows.size()) >= page.limit) continue;
    json probabilities = json::array();
    for (std::size_t c = 0; c < classes; ++c) {
      probabilities.push_back(of.snapshot->validation.fused[i * classes + c]);
    }
    json weights = json::array();
    if (gate.weights.size() == clips.size() * encoders) {
      for (std::size_t e = 0; e < encoders; ++e) weights.push_back(sweep::half_value(gate.weights[i * encoders + e]));
    }
    rows.push_back({{"clip", clips[i].filename},
                    {"actor", clips[i].actor},
                    {"truth", sweep::label_text(truth, dataset.classes)},
                    {"predicted", sweep::label_text(predicted[i], dataset.classes)},
                    {"set_right", predicted[i].same_set(truth)},
                    {"right", hit},
                    {"probabilities", std::move(probabilities)},
                    {"weights", std::move(weights)}});
  }
  json names = json::array();
  for (const auto& encoder : gate.encoders) names.push_back(encoder.encoder);
  const int next = page.offset + page.limit;
  json body = head_json(trial, of);
  body["classes"] = dataset.classes.names;
  body["encoders"] = std::move(names);
  body["rows"] = std::move(rows);
  body["total"] = total;
  body["offset"] = page.offset;
  body["next_offset"] = next < total ? json(next) : json(nullptr);
  return body;
}

}  // namespace medley::web
