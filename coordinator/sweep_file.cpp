#include "coordinator/sweep_file.h"

#include <fstream>
#include <sstream>

#include "coordinator/command.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw UsageError("cannot read the sweep file " + path.string());
  return text.str();
}

nlohmann::json axes_json(const sweep::SweepSpec& spec, const sweep::Expansion& expansion) {
  nlohmann::json axes = nlohmann::json::array();
  for (const auto& axis : sweep::count_by_axis(spec, expansion, [](const std::string&) { return false; })) {
    nlohmann::json values = nlohmann::json::array();
    for (const auto& value : axis.values) {
      if (!value.value.empty()) values.push_back(value.value);
    }
    axes.push_back({{"setting", axis.setting}, {"values", values}});
  }
  return axes;
}

}  // namespace

sweep::DatasetShape shape_of(const data::Dataset& dataset) {
  sweep::DatasetShape shape;
  shape.fingerprint = dataset.fingerprint;
  shape.folds = dataset.folds;
  shape.has_test = !dataset.clips_of_fold(-1).empty();
  for (const auto& encoder : dataset.encoders) {
    shape.encoders.push_back(encoder->name());
    shape.modalities.push_back(encoder->modality());
    shape.layers.push_back(encoder->layers());
  }
  return shape;
}

SweepFile load_sweep_file(const fs::path& path, const fs::path& data_folder) {
  SweepFile file;
  file.path = path;
  file.spec = sweep::parse_sweep(read_text(path), path.string());
  fs::path folder = data_folder;
  if (folder.empty()) {
    if (file.spec.dataset.empty()) {
      throw UsageError(path.string() + " names no dataset: add `dataset: FOLDER` or give --data FOLDER");
    }
    folder = path.parent_path() / file.spec.dataset;
  }
  file.dataset = data::load_dataset(folder);
  file.expansion = sweep::expand(file.spec, shape_of(file.dataset));
  return file;
}

storage::DatasetRecord SweepFile::dataset_record() const {
  storage::DatasetRecord record;
  record.fingerprint = dataset.fingerprint;
  record.folder = fs::canonical(dataset.folder).string();
  record.name = fs::canonical(dataset.folder).filename().string();
  record.synthetic = dataset.synthetic;
  record.classes = dataset.classes;
  record.folds = dataset.folds;
  for (const data::Clip& clip : dataset.clips) {
    record.clips.push_back({clip.filename, clip.actor, clip.fold, clip.label});
  }
  for (const auto& encoder : dataset.encoders) {
    record.encoders.push_back({encoder->name(), encoder->modality(), encoder->dim()});
  }
  return record;
}

storage::SweepSubmission SweepFile::submission() const {
  storage::SweepSubmission submission;
  submission.name = spec.name;
  submission.yaml = spec.text;
  submission.spec_file = fs::absolute(path).string();
  submission.dataset = dataset.fingerprint;
  submission.priority = spec.priority;
  submission.folds = expansion.folds;
  submission.seeds = expansion.seeds;
  submission.axes = axes_json(spec, expansion);
  for (const auto& config : expansion.configs) {
    submission.configs.push_back({config.config, nlohmann::json(config.axis_values)});
  }
  submission.trials = expansion.trials;
  return submission;
}

}  // namespace medley::coordinator
