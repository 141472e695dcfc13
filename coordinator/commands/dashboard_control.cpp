#include "coordinator/commands/dashboard_control.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "coordinator/actions/ensemble.h"
#include "coordinator/actions/export.h"
#include "coordinator/actions/plan.h"
#include "coordinator/commands/worker_program.h"
#include "coordinator/error.h"
#include "coordinator/launches/cluster_record.h"
#include "trainer/data/error.h"
#include "trainer/data/submission.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

constexpr const char* kFormName = "the sweep";  ///< what messages call text that lies in no file
constexpr std::size_t kMaxFits = 16;            ///< that are remembered, whoever asks how they ended

json errors_json(const std::vector<sweep::Diagnostic>& errors) {
  json rows = json::array();
  for (const auto& error : errors) {
    rows.push_back({{"line", error.line},
                    {"column", error.column},
                    {"text", error.text},
                    {"message", error.message},
                    {"part", error.part},
                    {"file", error.file}});
  }
  return rows;
}

web::Control::Answer erroneous(const std::vector<sweep::Diagnostic>& errors) {
  const auto count = errors.size();
  return {false,
          fmt::format("the sweep file has {} error{}", count, count == 1 ? "" : "s"),
          {{"errors", errors_json(errors)}}};
}

/// Name, size and time of every file of a dataset's folder: the same text, the same features.
std::string files_of(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::set<std::string> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const auto size = entry.file_size(error);
    const auto written = entry.last_write_time(error);
    files.insert(entry.path().string() + " " + std::to_string(size) + " " +
                 std::to_string(written.time_since_epoch().count()) + "\n");
  }
  return std::accumulate(files.begin(), files.end(), std::string());
}

}  // namespace

DashboardControl::DashboardControl(Coordinator& coordinator, std::filesystem::path store, bool obeys_on)
    : coordinator_(coordinator), store_(std::move(store)), obeys_on_(obeys_on) {}

DashboardControl::~DashboardControl() {
  if (builder_.joinable()) builder_.join();
}

data::Dataset DashboardControl::dataset(const SweepForm& form) {
  std::string folder = form.folder;
  if (folder.empty()) {
    storage::Reader reader(store_);
    folder = dataset_of(reader, form.dataset).folder;
  }
  const std::string files = files_of(folder);
  data::Dataset dataset;
  {
    const std::lock_guard lock(mutex_);
    if (!files.empty() && files == files_) dataset = dataset_;
  }
  if (dataset.fingerprint.empty()) {
    dataset = data::load_dataset(folder);
    const std::lock_guard lock(mutex_);
    dataset_ = dataset;  // one at a time: features may be mapped
    files_ = files;
  }
  if (!form.dataset.empty() && dataset.fingerprint != form.dataset) {
    throw data::Error(folder + " has changed since it was registered: submit the sweep with its folder");
  }
  return dataset;
}

SweepFile DashboardControl::sweep_file(const SweepForm& form) {
  SweepFile file = read_sweep_text(form.yaml, form.file.empty() ? kFormName : form.file, dataset(form));
  file.path = form.file;
  if (!file.spec.on.empty() && !obeys_on_) {
    sweep::Diagnostics refused(file.spec.file, file.spec.text);
    refused.add(file.spec.on_place,
                "on: this coordinator does nothing that submitted sweeps ask for: start it with "
                "--obey-on, or leave it out");
    refused.throw_if_any();
  }
  return file;
}

web::Control::Answer DashboardControl::add_configs(const std::string& sweep_id, const json& configs, bool done) {
  std::vector<std::string> ids;
  Answer answer = said(coordinator_.add_configs(sweep_id, configs, done, ids));
  if (answer.done) answer.details["configs"] = ids;
  return answer;
}

web::Control::Answer DashboardControl::mark(const std::string& config_id, const storage::ConfigMarkChange& change) {
  bool known = false;
  coordinator_.write([&](storage::Writer& writer) {
    storage::Writer::Group group(writer);
    known = writer.mark_config(config_id, change);
    group.commit();
  });
  if (!known) return {false, "there is no config " + config_id, json::object()};
  return {true, "config " + config_id + " is marked", json::object()};
}

web::Control::Answer DashboardControl::plan(const SweepForm& form) try {
  const SweepFile file = sweep_file(form);
  json details{{"plan", plan_json(file, make_plan(file, store_))}};
  details["warnings"] = errors_json(file.expansion.warnings);
  return {true, "the sweep file has no errors", std::move(details)};
} catch (const sweep::SpecError& error) {
  return erroneous(error.diagnostics());
} catch (const data::Error& error) {
  return {false, error.what(), json::object()};
}

web::Control::Answer DashboardControl::submit(const SweepForm& form) try {
  const SweepFile file = sweep_file(form);
  const std::size_t trials = file.expansion.trials.size();
  const auto submitted = coordinator_.submit(record_of(file.dataset), file.submission());
  std::string message = fmt::format("sweep {} ({}) is submitted: {} trials, {} of them done already", submitted.name,
                                    submitted.id, trials, submitted.finished);
  if (!submitted.namesake.empty()) {
    storage::Reader reader(store_);
    message += "; " + renamed_text(reader, submitted);
  }
  return {true, message, {{"sweep", submitted.id}, {"warnings", errors_json(file.expansion.warnings)}}};
} catch (const sweep::SpecError& error) {
  return erroneous(error.diagnostics());
} catch (const data::Error& error) {
  return {false, error.what(), json::object()};
}

web::Control::Answer DashboardControl::build_ensemble(const std::string& sweep_id,
                                                      const sweep::EnsembleRequest& request) {
  const std::lock_guard lock(mutex_);
  if (!fits_.empty() && fits_[0]["ended"] == false) {
    return {false, "another ensemble is being fitted; it may take a minute", json::object()};
  }
  if (builder_.joinable()) builder_.join();
  storage::TimeMs since = storage::now_ms();
  if (!fits_.empty()) since = std::max(since, fits_[0]["since_ms"].get<storage::TimeMs>() + 1);
  fits_.insert(fits_.begin(), json{{"sweep", sweep_id}, {"since_ms", since}, {"ended", false}});
  if (fits_.size() > kMaxFits) fits_.erase(kMaxFits);
  builder_ = std::thread([this, sweep_id, request] { fit(sweep_id, request); });
  return {true, "the ensemble is being fitted", {{"since_ms", since}}};
}

void DashboardControl::fit(const std::string& sweep_id, const sweep::EnsembleRequest& request) {
  json outcome;
  try {
    storage::Reader reader(store_);
    const auto sweep = reader.find_sweep(sweep_id);
    if (!sweep) throw storage::Error("sweep " + sweep_id + " is not in this store");
    const FittedEnsemble fitted = fit_ensemble(reader, *sweep, request);
    const auto record = ensemble_record(fitted, *sweep, request, storage::now_ms());
    coordinator_.write([&](storage::Writer& writer) {
      if (!reader.has_sweep(sweep_id)) throw storage::Error("sweep " + sweep->name + " was removed meanwhile");
      storage::Writer::Group group(writer);
      outcome["ensemble"] = writer.save_ensemble(record);
      group.commit();
    });
  } catch (const std::exception& error) {  // shown to whoever asked for it
    outcome["error"] = error.what();
  }
  const std::lock_guard lock(mutex_);
  fits_[0].update(outcome);
  fits_[0]["ended"] = true;
}

nlohmann::json DashboardControl::fits() {
  const std::lock_guard lock(mutex_);
  return fits_;
}

std::vector<web::Control::WorkerNow> DashboardControl::workers() {
  std::vector<WorkerNow> all;
  for (const WorkerStatus& one : coordinator_.status().workers) {
    all.push_back({one.id, one.running, one.first_trial, one.progress, one.usage});
  }
  return all;
}

nlohmann::json DashboardControl::launches() {
  json all = json::array();
  for (const ClusterRecord& record : read_records(store_, cluster::launchers())) {
    json one;
    const json said = to_json(record);
    for (const char* name :
         {"id", "launcher", "min_workers", "max_workers", "fruitless_starts", "error", "next_start_ms"}) {
      one[name] = said.at(name);
    }
    all.push_back(std::move(one));
  }
  return all;
}

web::Control::Answer DashboardControl::export_ensemble(std::int64_t id, const std::string& member) try {
  storage::Reader reader(store_);
  const auto ensemble = reader.find_ensemble(id);
  if (!ensemble) return {false, fmt::format("there is no ensemble {}", id), json::object()};
  const storage::TimeMs now = storage::now_ms();
  const std::filesystem::path out = std::filesystem::path(storage::StoreLayout(store_.string()).exports()) /
                                    fmt::format("ensemble-{}-{}.zip", id, now);
  const std::string name = member.empty() ? data::kSubmissionMember : member;
  // Reading a dataset and its checkpoints takes a while, in which workers must be heard.
  const Exported exported =
      coordinator::export_ensemble(reader, *ensemble, {out, name, store_, {}, worker_program}, now);
  coordinator_.write([&](storage::Writer& writer) { record_export(writer, *ensemble, exported, now); });
  std::int64_t row = 0;
  for (const auto& made : storage::Reader(store_).exports()) {
    if (made.sha256 == exported.sha256 && made.created == now) row = made.id;
  }
  std::string message =
      fmt::format("{} clips, {} predicted blends; the format check passed", exported.clips, exported.blends);
  if (exported.predicted_now > 0) {
    message += fmt::format("; {} members were trained before these test clips came", exported.predicted_now);
  }
  for (const std::string& note : exported.notes) message += "; note: " + note;
  return {true, message, {{"export", row}, {"notes", exported.notes}, {"predicted_now", exported.predicted_now}}};
} catch (const Error& error) {
  return {false, error.what(), json::object()};
} catch (const storage::Error& error) {
  return {false, error.what(), json::object()};
} catch (const data::Error& error) {
  return {false, error.what(), json::object()};
}

}  // namespace medley::coordinator
