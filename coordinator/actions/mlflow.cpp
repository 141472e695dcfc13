// MLflow's file store: https://mlflow.org/docs/latest/tracking.html and mlflow/store/tracking/file_store.py.
//   EXPERIMENT/meta.yaml, EXPERIMENT/tags/NAME
//   EXPERIMENT/RUN/meta.yaml, params/NAME, tags/NAME: the file holds the value
//   EXPERIMENT/RUN/metrics/NAME: lines of "MILLISECONDS VALUE STEP"
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "coordinator/actions/trackers.h"
#include "storage/files/write.h"
#include "sweep/config.h"
#include "sweep/json_text.h"
#include "sweep/search/parameter_space.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// mlflow.entities.RunStatus.
enum class Status { kRunning = 1, kScheduled = 2, kFinished = 3, kFailed = 4 };

Status status_of(const TrackedRun& run) {
  if (run.state == name_of(sweep::TrialState::kPending)) return Status::kScheduled;
  if (run.state == "running") return Status::kRunning;
  return run.state == name_of(sweep::TrialState::kFinished) ? Status::kFinished : Status::kFailed;
}

/// JSON is YAML too, and its strings cannot be read as numbers.
std::string yaml(const json& object) {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    text += key + ": " + sweep::json_text(value) + "\n";
  }
  return text;
}

/// As Python reads it.
std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{}", value);
}

std::string text_of(const json& value) {
  return value.is_string() ? value.get<std::string>() : sweep::value_text(value);
}

std::string file_address(const fs::path& path) {
  static const std::string kPlain = "/-._~";
  std::string address = "file://";
  for (const char c : fs::absolute(path).string()) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    address += plain || kPlain.find(c) != std::string::npos ? std::string(1, c)
                                                            : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return address;
}

void put_run(files::PartialFolder& folder, const TrackedRun& run, const std::string& experiment, const fs::path& out) {
  const fs::path place = fs::path(experiment) / run.id;
  const std::string name = run.config_name + ", " + run.place;
  folder.put(place / "meta.yaml", yaml({{"artifact_uri", file_address(out / place / "artifacts")},
                                        {"deleted_time", nullptr},
                                        {"end_time", run.ended > 0 ? json(run.ended) : json()},
                                        {"entry_point_name", ""},
                                        {"experiment_id", experiment},
                                        {"lifecycle_stage", "active"},
                                        {"run_id", run.id},
                                        {"run_name", name},
                                        {"run_uuid", run.id},
                                        {"source_name", ""},
                                        {"source_type", 4},  // local
                                        {"source_version", ""},
                                        {"start_time", run.started},
                                        {"status", static_cast<int>(status_of(run))},
                                        {"tags", json::array()},
                                        {"user_id", "medley"}}));
  folder.put(place / "tags/mlflow.runName", name);
  folder.put(place / "tags/config_name", run.config_name);
  folder.put(place / "params/fold", std::to_string(run.fold));
  folder.put(place / "params/seed", std::to_string(run.seed));
  for (const auto& [setting, value] : run.settings.items()) {
    if (!value.is_null()) folder.put(place / "params" / setting, text_of(value));
  }
  if (run.varied.contains(sweep::kVariantAxis)) {
    folder.put(place / "params" / sweep::kVariantAxis, text_of(run.varied[sweep::kVariantAxis]));
  }
  for (const auto& [column, value] : run.columns.items()) {
    if (column == "fold" || column == "seed") continue;
    if (!value.is_number()) {
      folder.put(place / "tags" / column, text_of(value));
      continue;
    }
    folder.put(place / "metrics" / column,
               fmt::format("{} {} {}\n", run.known_last(), number_text(value.get<double>()), run.last_epoch()));
  }
  std::map<std::string, std::string> curves;
  for (const sweep::EpochMetrics& epoch : run.epochs) {
    for (const auto& [number, value] : epoch_numbers(epoch)) {
      curves[number] += fmt::format("{} {} {}\n", run.ended, number_text(value), epoch.epoch);
    }
  }
  for (const auto& [curve, lines] : curves) folder.put(place / "metrics" / curve, lines);
}

}  // namespace

bool write_mlflow(const TrackedSweep& tracked, const fs::path& out) {
  const storage::SweepSummary& sweep = tracked.sweep();
  const std::string& experiment = sweep.id;
  files::PartialFolder folder(out);
  folder.put(fs::path(experiment) / "meta.yaml", yaml({{"artifact_location", file_address(out / experiment)},
                                                       {"creation_time", sweep.created},
                                                       {"experiment_id", experiment},
                                                       {"last_update_time", std::max(sweep.created, sweep.ended)},
                                                       {"lifecycle_stage", "active"},
                                                       {"name", sweep.name}}));
  const json facts = tracked.facts();
  for (const auto& [fact, value] : facts.items()) {
    folder.put(fs::path(experiment) / "tags" / fact, text_of(value));
  }
  const std::string note = sweep.note.empty() ? sweep.description : sweep.note;
  if (!note.empty()) folder.put(fs::path(experiment) / "tags/mlflow.note.content", note);
  tracked.each([&](const TrackedRun& run) { put_run(folder, run, experiment, out); });
  return folder.commit_if_new();
}

}  // namespace medley::coordinator
