#include "coordinator/actions/sweep_file.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "coordinator/error.h"
#include "storage/files/error.h"
#include "storage/files/read.h"
#include "sweep/spec/bundle.h"
#include "trainer/data/error.h"

namespace medley::coordinator {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  return files::rethrow_as<UsageError>([&] { return files::read(path); });
}

[[noreturn]] void throw_sorted(std::vector<sweep::Diagnostic> errors) {
  sweep::sort_diagnostics(errors);
  throw sweep::SpecError(std::move(errors));
}

/// Those of the file together with those that only its dataset shows.
[[noreturn]] void throw_all_errors(const sweep::ParsedSweep& parsed, const data::Dataset& dataset) {
  auto errors = sweep::find_errors(parsed, shape_of(dataset));
  errors.insert(errors.begin(), parsed.errors.begin(), parsed.errors.end());
  throw_sorted(std::move(errors));
}

/// A dataset that cannot be read is one of the errors.
[[noreturn]] void throw_all_errors(const sweep::ParsedSweep& parsed, const fs::path& folder) {
  std::vector<sweep::Diagnostic> errors = parsed.errors;
  try {
    throw_all_errors(parsed, data::load_dataset(folder));
  } catch (const data::Error& e) {
    errors.push_back({parsed.spec.file, 0, 0, "", std::string("its dataset: ") + e.what(), ""});
  }
  throw_sorted(std::move(errors));
}

/// Throws UsageError when nobody names one.
fs::path dataset_folder(const sweep::SweepSpec& spec, const fs::path& path, const fs::path& data_folder) {
  if (!data_folder.empty()) return data_folder;
  if (!spec.dataset.empty()) return path.parent_path() / spec.dataset;
  throw UsageError(path.string() + " names no dataset: add `dataset: FOLDER` or give --data FOLDER");
}

nlohmann::json axes_json(const sweep::SweepSpec& spec, const sweep::Expansion& expansion) {
  nlohmann::json axes = nlohmann::json::array();
  for (const auto& axis : sweep::count_by_axis(spec, expansion, [](const std::string&) { return false; })) {
    nlohmann::json values = nlohmann::json::array();
    for (const auto& value : axis.values) {
      if (!value.value.empty()) values.push_back(value.value);
    }
    axes.push_back({{"setting", axis.setting}, {"values", values}});
    const auto varied = std::find_if(spec.axes.begin(), spec.axes.end(),
                                     [&](const sweep::Axis& one) { return one.setting == axis.setting; });
    if (varied != spec.axes.end() && varied->kind == sweep::Axis::Kind::kUniform) axes.back()["scale"] = "linear";
    if (varied != spec.axes.end() && varied->kind == sweep::Axis::Kind::kLogUniform) axes.back()["scale"] = "log";
  }
  return axes;
}

/// With all that it includes, and `set` laid over its base.
std::string read_bundle(const fs::path& path, const std::vector<std::string>& set) {
  std::string text = sweep::bundle_sweep(read_text(path), path.string(), [&](const std::string& name) {
    return read_text(fs::path(name).is_absolute() ? fs::path(name) : path.parent_path() / name);
  });
  for (const std::string& one : set) {
    try {
      text = sweep::with_setting(text, one);
    } catch (const sweep::Error& error) {
      throw UsageError(error.what());
    }
  }
  return text;
}

}  // namespace

sweep::DatasetShape shape_of(const data::Dataset& dataset) { return shape_of(record_of(dataset)); }

SweepText read_sweep_file(const fs::path& path, const fs::path& data_folder, const std::vector<std::string>& set) {
  SweepText file{path, read_bundle(path, set), {}};
  sweep::ParsedSweep parsed = sweep::read_sweep(file.yaml, path.string());
  if (!parsed.errors.empty()) throw_sorted(std::move(parsed.errors));
  file.dataset_folder = dataset_folder(parsed.spec, path, data_folder);
  return file;
}

SweepFile load_sweep_file(const fs::path& path, const fs::path& data_folder, const std::vector<std::string>& set) {
  SweepFile file;
  file.path = path;
  sweep::ParsedSweep parsed = sweep::read_sweep(read_bundle(path, set), path.string());
  file.spec = parsed.spec;
  if (file.spec.dataset.empty() && data_folder.empty() && !parsed.errors.empty()) {
    throw sweep::SpecError(std::move(parsed.errors));
  }
  const fs::path folder = dataset_folder(file.spec, path, data_folder);
  if (!parsed.errors.empty()) throw_all_errors(parsed, folder);
  file.dataset = data::load_dataset(folder);
  file.expansion = sweep::expand(file.spec, shape_of(file.dataset));
  return file;
}

SweepFile smoke_of(SweepFile file) {
  sweep::Expansion& all = file.expansion;
  all.search.reset();
  all.families.clear();
  all.reference_id.clear();
  all.partitions.resize(1);
  all.folds.resize(1);
  all.seeds.resize(1);
  all.trials.clear();
  for (sweep::ExpandedConfig& expanded : all.configs) {
    if (expanded.config.epochs > 1) expanded.config.stop_after = 1;
    expanded.id = sweep::config_id(expanded.config);
    const std::string id = sweep::trial_id(expanded.config, all.folds[0], all.seeds[0], file.dataset.fingerprint,
                                           file.dataset.test_fingerprint, all.partitions[0]);
    all.trials.push_back({id, expanded.config, all.folds[0], all.seeds[0], all.partitions[0]});
  }
  return file;
}

SweepFile read_sweep_text(const std::string& text, const std::string& name, const data::Dataset& dataset) {
  SweepFile file;
  const sweep::ParsedSweep parsed = sweep::read_sweep(text, name);
  if (!parsed.errors.empty()) throw_all_errors(parsed, dataset);
  file.spec = parsed.spec;
  file.dataset = dataset;
  file.expansion = sweep::expand(file.spec, shape_of(dataset));
  return file;
}

storage::DatasetRecord record_of(const data::Dataset& dataset) {
  storage::DatasetRecord record;
  record.fingerprint = dataset.fingerprint;
  record.test_fingerprint = dataset.test_fingerprint;
  record.folder = fs::canonical(dataset.folder).string();
  record.name = fs::canonical(dataset.folder).filename().string();
  record.synthetic = dataset.synthetic;
  record.classes = dataset.classes;
  record.folds = dataset.folds;
  for (const data::Clip& clip : dataset.clips) {
    record.clips.push_back({clip.filename, clip.actor, clip.fold, clip.label});
  }
  for (const auto& encoder : dataset.encoders) {
    record.encoders.push_back({encoder->name(), encoder->labels(), encoder->dim(), encoder->layers()});
  }
  return record;
}

storage::SweepSubmission SweepFile::submission() const {
  storage::SweepSubmission submission;
  submission.name = spec.name;
  submission.description = spec.description;
  submission.yaml = spec.text;
  submission.spec_file = path.empty() ? std::string() : fs::absolute(path).string();
  submission.dataset = dataset.fingerprint;
  submission.test_fingerprint = dataset.test_fingerprint;
  submission.priority = spec.priority;
  submission.partitions = expansion.partitions;
  submission.folds = expansion.folds;
  submission.seeds = expansion.seeds;
  submission.axes = axes_json(spec, expansion);
  submission.families = expansion.families;
  submission.reference = expansion.reference_id;
  submission.decode = spec.decode;
  submission.labels = expansion.labels;
  const bool makes_configs = expansion.search && sweep::makes_configs(expansion.search->kind);
  if (!makes_configs) {
    for (const auto& config : expansion.configs) {
      submission.configs.push_back({config.config, nlohmann::json(config.axis_values)});
    }
    submission.trials = expansion.trials;
  }
  if (expansion.search) {
    submission.search = sweep::to_json(*expansion.search);
    // What its decisions depend on, beside the results, and its trials.
    if (makes_configs) {
      submission.search["runs"] = {sweep::partition_texts(expansion.partitions), expansion.folds, expansion.seeds};
    }
    submission.search["head_fusion"] = sweep::head_fusion_text(spec.decode.head_fusion);
    submission.search["threshold_grid"] = {spec.decode.grid.from, spec.decode.grid.points};
    submission.search["reference"] = expansion.reference_id;
  }
  return submission;
}

}  // namespace medley::coordinator
