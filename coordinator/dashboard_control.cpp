#include "coordinator/dashboard_control.h"

#include <utility>

#include <fmt/format.h>

#include "coordinator/ensemble.h"
#include "coordinator/export.h"
#include "coordinator/plan.h"
#include "trainer/data/error.h"

namespace medley::coordinator {
namespace {

using nlohmann::json;

constexpr const char* kFormName = "the sweep";  ///< what messages call text that lies in no file
/// A form is for sweeps that fit a screen; larger ones are run from their file.
constexpr std::int64_t kMaxFormTrials = 200'000;

json mistakes_json(const std::vector<sweep::Diagnostic>& mistakes) {
  json rows = json::array();
  for (const auto& mistake : mistakes) {
    rows.push_back(
        {{"line", mistake.line}, {"column", mistake.column}, {"text", mistake.text}, {"message", mistake.message}});
  }
  return rows;
}

web::Control::Answer mistaken(const std::vector<sweep::Diagnostic>& mistakes) {
  const auto count = mistakes.size();
  return {false,
          fmt::format("the sweep file has {} mistake{}", count, count == 1 ? "" : "s"),
          {{"mistakes", mistakes_json(mistakes)}}};
}

}  // namespace

DashboardControl::DashboardControl(Coordinator& coordinator, std::filesystem::path store)
    : coordinator_(coordinator), store_(std::move(store)) {}

DashboardControl::~DashboardControl() {
  if (builder_.joinable()) builder_.join();
}

data::Dataset DashboardControl::dataset(const std::string& fingerprint) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = datasets_.find(fingerprint);
    if (known != datasets_.end()) return known->second;
  }
  storage::Reader reader(store_);
  const storage::DatasetRecord record = dataset_of(reader, fingerprint);
  data::Dataset loaded = data::load_dataset(record.folder);
  if (loaded.fingerprint != fingerprint) {
    throw data::Error(record.folder + " has changed since it was registered: submit the sweep with `medley run`");
  }
  const std::lock_guard lock(mutex_);
  datasets_.clear();  // one at a time: features may be mapped
  return datasets_[fingerprint] = std::move(loaded);
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

web::Control::Answer DashboardControl::plan(const SweepText& text) try {
  const SweepFile file = read_sweep_text(text.yaml, kFormName, dataset(text.dataset));
  json details{{"plan", plan_json(file, make_plan(file, store_))}};
  details["warnings"] = mistakes_json(file.expansion.warnings);
  return {true, "the sweep file has no mistakes", std::move(details)};
} catch (const sweep::SpecError& error) {
  return mistaken(error.diagnostics());
} catch (const data::Error& error) {
  return {false, error.what(), json::object()};
}

web::Control::Answer DashboardControl::submit(const SweepText& text) try {
  const SweepFile file = read_sweep_text(text.yaml, kFormName, dataset(text.dataset));
  const auto trials = static_cast<std::int64_t>(file.expansion.trials.size());
  if (trials > kMaxFormTrials) {
    return {false,
            fmt::format("{} trials are more than a form may submit ({}): use `medley run`", trials, kMaxFormTrials),
            json::object()};
  }
  const auto submitted = coordinator_.submit(file.dataset_record(), file.submission());
  return {true,
          fmt::format("sweep {} is submitted: {} trials, {} of them done already", submitted.id, trials,
                      submitted.finished),
          {{"sweep", submitted.id}}};
} catch (const sweep::SpecError& error) {
  return mistaken(error.diagnostics());
} catch (const data::Error& error) {
  return {false, error.what(), json::object()};
}

web::Control::Answer DashboardControl::build_ensemble(const EnsembleWish& wish) {
  const std::lock_guard lock(mutex_);
  if (busy_) return {false, "another ensemble is being fitted; it may take a minute", json::object()};
  if (builder_.joinable()) builder_.join();
  busy_ = true;
  building_ = {{"sweep", wish.sweep}, {"since_ms", storage::now_ms()}, {"ended", false}};
  builder_ = std::thread([this, wish] { fit(wish); });
  return {true, "the ensemble is being fitted", json::object()};
}

void DashboardControl::fit(const EnsembleWish& wish) {
  json outcome;
  try {
    EnsembleRequest request;
    request.name = wish.name;
    request.per_subset = wish.per_subset;
    request.protocol = wish.protocol == "paper" ? storage::Protocol::kPaper : storage::Protocol::kClean;
    request.options.method = sweep::ensemble_method(wish.method);
    request.options.thresholds = sweep::ensemble_thresholds(wish.thresholds);
    request.options.k = wish.k;
    request.options.most_candidates = wish.candidates;
    storage::Reader reader(store_);
    const auto sweep = reader.find_sweep(wish.sweep);
    if (!sweep) throw storage::Error("sweep " + wish.sweep + " is not in this store");
    const FittedEnsemble fitted = fit_ensemble(reader, *sweep, request);
    const auto record = ensemble_record(fitted, *sweep, request, storage::now_ms());
    coordinator_.write([&](storage::Writer& writer) {
      storage::Writer::Group group(writer);
      outcome["ensemble"] = writer.save_ensemble(record);
      group.commit();
    });
  } catch (const std::exception& error) {  // shown to whoever asked for it
    outcome["error"] = error.what();
  }
  const std::lock_guard lock(mutex_);
  building_.update(outcome);
  building_["ended"] = true;
  busy_ = false;
}

nlohmann::json DashboardControl::building() {
  const std::lock_guard lock(mutex_);
  return building_;
}

std::vector<web::Control::WorkerNow> DashboardControl::workers() {
  std::vector<WorkerNow> all;
  for (const WorkerStatus& one : coordinator_.status().workers) {
    all.push_back({one.id, one.running, one.first_trial, one.progress, one.usage});
  }
  return all;
}

web::Control::Answer DashboardControl::export_ensemble(std::int64_t id) try {
  storage::Reader reader(store_);
  const auto ensemble = reader.find_ensemble(id);
  if (!ensemble) return {false, fmt::format("there is no ensemble {}", id), json::object()};
  const storage::TimeMs now = storage::now_ms();
  const std::filesystem::path out = std::filesystem::path(storage::StoreLayout(store_.string()).exports()) /
                                    fmt::format("ensemble-{}-{}.zip", id, now);
  Exported exported;
  coordinator_.write(
      [&](storage::Writer& writer) { exported = coordinator::export_ensemble(reader, writer, *ensemble, out, now); });
  std::int64_t row = 0;
  for (const auto& made : storage::Reader(store_).exports()) {
    if (made.sha256 == exported.sha256 && made.created == now) row = made.id;
  }
  return {true,
          fmt::format("{} clips, {} predicted blends; the format check passed", exported.clips, exported.blends),
          {{"export", row}}};
} catch (const storage::Error& error) {
  return {false, error.what(), json::object()};
} catch (const data::Error& error) {
  return {false, error.what(), json::object()};
}

}  // namespace medley::coordinator
