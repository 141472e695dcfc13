#include "web/json.h"

#include <algorithm>
#include <cstddef>

#include "sweep/config.h"
#include "sweep/json_text.h"
#include "sweep/report/report_json.h"

namespace medley::web {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxCurvePoints = 1000;

/// null for "not yet".
json time_json(storage::TimeMs time) { return time == 0 ? json(nullptr) : json(time); }

json thresholds_json(const sweep::Thresholds& thresholds) {
  return {{"alpha", thresholds.alpha}, {"beta", thresholds.beta}};
}

/// Paper-style: epoch and thresholds tuned on the reported fold.
json paper_json(const sweep::TrialResult& result) {
  const auto best = result.paper.surface.best();
  return {{"epoch", result.paper.epoch},
          {"thresholds", thresholds_json(best.thresholds)},
          {"accuracy", sweep::accuracy_json(best.accuracy)}};
}

/// Held-out numbers of a trial. Only a trial with an inner fold has thresholds of its own. The others get theirs from
/// other folds, which is a number of the config (leaderboard), not of the trial.
json held_out_json(const sweep::TrialResult& result) {
  if (result.held_out.epoch == 0) return nullptr;
  json held_out{{"epoch", result.held_out.epoch}, {"thresholds", nullptr}, {"accuracy", nullptr}};
  if (result.inner.clips > 0) {
    const auto best = result.inner.best();
    held_out["thresholds"] = thresholds_json(best.thresholds);
    held_out["accuracy"] = sweep::accuracy_json(result.held_out.surface.at(best.alpha_index, best.beta_index));
  }
  return held_out;
}

/// Adds an epoch's terms to their curves, in the order of the first epoch; `points` epochs are then there. Null where
/// an epoch lacks a term.
void add_terms(json& curves, const std::vector<sweep::LossTerm>& terms, std::size_t points) {
  for (const sweep::LossTerm& term : terms) {
    const auto named = [&](const json& curve) { return curve["name"] == term.name; };
    auto curve = std::find_if(curves.begin(), curves.end(), named);
    if (curve == curves.end()) {
      curves.push_back({{"name", term.name}, {"values", json::array()}});
      curve = std::prev(curves.end());
    }
    json& values = (*curve)["values"];
    while (values.size() + 1 < points) values.push_back(nullptr);
    values.push_back(term.value);
  }
}

json importance_json(const sweep::Importance& importance, const storage::DatasetRecord* dataset) {
  json encoders = json::array();
  for (const sweep::EncoderImportance& one : importance.encoders) {
    std::string modality;
    if (dataset != nullptr) {
      for (const auto& encoder : dataset->encoders) {
        if (encoder.name == one.encoder) modality = sweep::word_of(encoder.labels, sweep::kModality);
      }
    }
    encoders.push_back({{"encoder", one.encoder},
                        {"modality", modality},
                        {"mean", one.mean},
                        {"sd", one.sd},
                        {"quantiles", one.quantiles},
                        {"histogram", one.histogram},
                        {"selection_frequency", one.selection_frequency},
                        {"ranks", one.ranks}});
  }
  return {{"encoders", encoders}, {"cka", importance.cka}};
}

json settings_json(const sweep::Config& config) {
  json rows = json::array();
  for (const sweep::Setting& setting : sweep::settings()) {
    if (!setting.active(config)) continue;
    const json value = setting.get(config);
    rows.push_back({{"name", setting.name},
                    {"value", value},
                    {"text", sweep::value_text(value)},
                    {"unit", setting.unit},
                    {"meaning", setting.meaning}});
  }
  return rows;
}

json dataset_json(const std::string& fingerprint, const std::string& name, bool synthetic) {
  return {{"fingerprint", fingerprint}, {"name", name}, {"synthetic", synthetic}};
}

json usage_json(const sweep::Usage& usage) {
  json gpu;
  if (usage.gpu) {
    gpu = {{"busy", usage.gpu->busy},
           {"memory_used_bytes", usage.gpu->memory_used_bytes},
           {"memory_total_bytes", usage.gpu->memory_total_bytes}};
  }
  return {{"cpu", usage.cpu}, {"resident_bytes", usage.resident_bytes}, {"gpu", std::move(gpu)}};
}

}  // namespace

json curves_json(const std::vector<sweep::EpochMetrics>& epochs) {
  const std::size_t step = std::max<std::size_t>(1, (epochs.size() + kMaxCurvePoints - 1) / kMaxCurvePoints);
  json curves = json::object();
  for (const char* name :
       {"epoch", "learning_rate", "loss", "validation_loss", "acc_presence", "acc_salience", "score"}) {
    curves[name] = json::array();
  }
  curves["terms"] = json::array();
  for (std::size_t i = 0; i < epochs.size(); ++i) {
    if (i % step != 0 && i + 1 != epochs.size()) continue;
    const sweep::EpochMetrics& epoch = epochs[i];
    curves["epoch"].push_back(epoch.epoch);
    curves["learning_rate"].push_back(epoch.learning_rate);
    curves["loss"].push_back(epoch.loss);
    curves["validation_loss"].push_back(epoch.validation_loss);
    curves["acc_presence"].push_back(epoch.validation.presence);
    curves["acc_salience"].push_back(epoch.validation.salience);
    curves["score"].push_back(epoch.validation.score());
    add_terms(curves["terms"], epoch.terms, curves["epoch"].size());
  }
  return curves;
}

std::string text_of(const json& body, int indent) { return sweep::json_text(body, indent) + "\n"; }

json eta_seconds(const storage::SweepSummary& sweep, int workers) {
  const int left = sweep.trials - sweep.finished - sweep.failed;
  if (sweep.standing != sweep::SweepStanding::kRunning || sweep.finished == 0 || workers == 0 || left <= 0)
    return nullptr;
  const double mean = sweep.training_seconds / sweep.finished;
  return mean * (left - 0.5 * sweep.running) / workers;  // a running trial is half done, on average
}

json sweep_json(const storage::SweepSummary& sweep, int workers) {
  return {{"id", sweep.id},
          {"name", sweep.name},
          {"description", sweep.description},
          {"dataset", dataset_json(sweep.dataset, sweep.dataset_name, sweep.synthetic)},
          {"spec_file", sweep.spec_file},
          {"state", name_of(sweep.standing)},
          {"priority", sweep.priority},
          {"created_ms", time_json(sweep.created)},
          {"ended_ms", time_json(sweep.ended)},
          {"partitions", sweep::partition_texts(sweep.partitions)},
          {"folds", sweep.folds},
          {"seeds", sweep.seeds},
          {"axes", sweep.axes},
          {"configs", sweep.configs},
          {"note", sweep.note},
          {"tags", sweep.tags},
          {"archived", sweep.archived},
          {"search", sweep.search},
          {"rounds", sweep.rounds},
          {"searching", sweep.searching},
          {"most_trials", storage::most_trials(sweep)},
          {"trials",
           {{"total", sweep.trials},
            {"finished", sweep.finished},
            {"diverged", sweep.diverged},
            {"failed", sweep.failed},
            {"running", sweep.running},
            {"waiting", sweep.trials - sweep.finished - sweep.failed - sweep.running}}},
          {"best_paper_score", sweep.best_paper_score ? json(*sweep.best_paper_score) : json(nullptr)},
          {"training_seconds", sweep.training_seconds},
          {"mean_trial_seconds", sweep.finished > 0 ? json(sweep.training_seconds / sweep.finished) : json(nullptr)},
          {"eta_seconds", eta_seconds(sweep, workers)}};
}

json trial_row_json(const storage::TrialRow& row) {
  const bool measured = row.outcome == sweep::Outcome::kFinished;
  return {{"id", row.trial},
          {"config", row.config},
          {"partition", row.partition},
          {"fold", row.fold},
          {"seed", row.seed},
          {"state", name_of(row.state)},
          {"running", row.running},
          {"outcome", row.outcome ? json(sweep::name_of(*row.outcome)) : json(nullptr)},
          {"attempts", row.attempts},
          {"worker", row.worker},
          {"worker_name", row.worker_name},
          {"reason", row.reason},
          {"paper",
           measured ? json{{"epoch", row.paper_epoch}, {"accuracy", sweep::accuracy_json(row.paper)}} : json(nullptr)},
          {"seconds", row.outcome ? json(row.seconds) : json(nullptr)},
          {"ended_ms", time_json(row.ended)}};
}

json trial_json(const storage::TrialDetail& trial, const storage::DatasetRecord* dataset) {
  json attempts = json::array();
  bool running = false;
  for (const storage::AttemptRow& one : trial.attempts) {
    running = running || one.state == sweep::AttemptState::kRunning;
    attempts.push_back({{"number", one.number},
                        {"worker", one.worker},
                        {"worker_name", one.worker_name},
                        {"pack", one.pack},
                        {"state", name_of(one.state)},
                        {"reason", one.reason},
                        {"started_ms", time_json(one.started)},
                        {"ended_ms", time_json(one.ended)}});
  }
  json sweeps = json::array();
  for (const auto& one : trial.sweeps) sweeps.push_back({{"id", one.id}, {"name", one.name}});
  json body{{"id", trial.spec.id},
            {"config", sweep::config_id(trial.spec.config)},
            {"partition", sweep::partition_text(trial.spec.partition)},
            {"fold", trial.spec.fold},
            {"seed", trial.spec.seed},
            {"dataset", dataset_json(trial.dataset, dataset ? dataset->name : "", dataset && dataset->synthetic)},
            {"settings", settings_json(trial.spec.config)},
            {"transductive", sweep::is_transductive(trial.spec.config)},
            {"state", name_of(trial.state)},
            {"running", running && trial.state == sweep::TrialState::kPending},
            {"reason", trial.reason},
            {"attempts", attempts},
            {"sweeps", std::move(sweeps)},
            {"ended_ms", time_json(trial.ended)},
            {"result", nullptr}};
  if (trial.result) {
    const sweep::TrialResult& result = *trial.result;
    const bool finished = result.outcome == sweep::Outcome::kFinished;
    body["result"] = {{"outcome", sweep::name_of(result.outcome)},
                      {"reason", result.reason},
                      {"paper", finished ? paper_json(result) : json(nullptr)},
                      {"held_out", finished ? held_out_json(result) : json(nullptr)},
                      {"epochs", result.epochs.size()},
                      {"curves", curves_json(result.epochs)},
                      {"importance", importance_json(result.importance, dataset)},
                      {"validation_clips", result.paper.validation.clips},
                      {"seconds", result.seconds},
                      {"samples_per_second", result.samples_per_second},
                      {"peak_memory_bytes", result.peak_memory_bytes},
                      {"pack_size", result.pack_size},
                      {"delivered_by", trial.delivered_by},
                      {"arithmetic", result.arithmetic}};
  }
  return body;
}

json dataset_json(const storage::DatasetRecord& dataset) {
  json encoders = json::array();
  for (const auto& encoder : dataset.encoders) {
    encoders.push_back({{"name", encoder.name}, {"labels", encoder.labels}, {"dim", encoder.dim}});
  }
  int test = 0;
  for (const auto& clip : dataset.clips) test += clip.fold < 0;
  return {{"fingerprint", dataset.fingerprint},
          {"name", dataset.name},
          {"folder", dataset.folder},
          {"synthetic", dataset.synthetic},
          {"classes", dataset.classes.names},
          {"folds", dataset.folds},
          {"clips", dataset.clips.size() - static_cast<std::size_t>(test)},
          {"test_clips", test},
          {"encoders", encoders}};
}

json span_json(const storage::AttemptSpan& span) {
  return {{"trial", span.trial},
          {"number", span.number},
          {"worker", span.worker},
          {"worker_name", span.worker_name},
          {"pack", span.pack},
          {"state", name_of(span.state)},
          {"started_ms", time_json(span.started)},
          {"ended_ms", time_json(span.ended)}};
}

json worker_json(const storage::WorkerRow& row, const Control::WorkerNow* now) {
  json pack;
  if (now != nullptr && now->trials > 0) {
    pack = {{"trials", now->trials}, {"first_trial", now->first_trial}, {"progress", now->progress}};
  }
  return {{"id", row.worker.id},
          {"name", row.worker.name},
          {"device", row.worker.device},
          {"ranks", row.worker.ranks},
          {"capacity", row.worker.capacity},
          {"version", row.worker.version},
          {"arithmetic", row.worker.arithmetic},
          {"state", name_of(row.state)},
          {"reason", row.reason},
          {"joined_ms", time_json(row.joined)},
          {"changed_ms", time_json(row.changed)},
          {"attempts", {{"running", row.running}, {"finished", row.finished}, {"failed", row.failed}}},
          {"pack", std::move(pack)},
          {"usage", now != nullptr && now->usage ? usage_json(*now->usage) : json(nullptr)}};
}

json log_json(const storage::LogRow& row) {
  return {{"id", row.id}, {"time_ms", row.time}, {"kind", row.kind}, {"subject", row.subject}, {"text", row.text}};
}

}  // namespace medley::web
