#include "storage/report_input.h"

#include <algorithm>

#include "sweep/spec_family.h"

namespace medley::storage {
namespace {

/// Axis values are stored as text; numbers among them have an order of their own (2 before 10, 3e-04 before 0.001).
nlohmann::json typed(const nlohmann::json& axis_values) {
  nlohmann::json values = nlohmann::json::object();
  for (const auto& [axis, value] : axis_values.items()) {
    const auto number = value.is_string() ? nlohmann::json::parse(value.get_ref<const std::string&>(), nullptr, false)
                                          : nlohmann::json();
    values[axis] = number.is_number() ? number : value;
  }
  return values;
}

}  // namespace

sweep::ReportInput read_report_input(Reader& reader, const SweepSummary& sweep) {
  sweep::ReportInput input;
  input.sweep = sweep.name;
  input.dataset = sweep.dataset_name;
  input.synthetic = sweep.synthetic;
  input.folds = sweep.folds;
  std::sort(input.folds.begin(), input.folds.end());
  input.seeds = sweep.seeds;
  for (const SweepConfigRow& row : reader.sweep_configs(sweep.id)) {
    input.configs.push_back(
        {row.id, sweep::to_json(row.config), typed(row.axis_values), sweep::is_transductive(row.config)});
  }
  input.trials.reserve(static_cast<std::size_t>(sweep.finished));
  reader.each_trial_score(sweep.id, [&](const TrialScore& score) {
    sweep::TrialScores trial;
    trial.trial_id = score.trial;
    trial.config_id = score.config;
    trial.fold = score.fold;
    trial.seed = score.seed;
    trial.outcome = score.outcome;
    trial.paper_epoch = score.paper_epoch;
    trial.paper_thresholds = score.paper_thresholds;
    trial.paper = score.paper;
    trial.clean_epoch = score.clean_epoch;
    trial.paper_surface = score.paper_surface;
    trial.clean_surface = score.clean_surface;
    trial.inner_surface = score.inner_surface;
    input.trials.push_back(trial);
  });
  return input;
}

std::vector<sweep::Family> read_families(Reader& reader, const SweepSummary& sweep,
                                         std::vector<sweep::Diagnostic>& mistakes) {
  const sweep::ParsedSweep parsed = sweep::read_sweep(reader.sweep_yaml(sweep.id), sweep.spec_file);
  const sweep::SweepSpec& spec = parsed.spec;
  mistakes.insert(mistakes.end(), parsed.mistakes.begin(), parsed.mistakes.end());
  if (spec.families.empty()) return {};
  const auto dataset = reader.find_dataset(sweep.dataset);
  if (!dataset) throw Error("the store does not know dataset " + sweep.dataset);
  sweep::DatasetShape shape;
  shape.fingerprint = dataset->fingerprint;
  shape.folds = dataset->folds;
  for (const EncoderRecord& encoder : dataset->encoders) {
    shape.encoders.push_back(encoder.name);
    shape.modalities.push_back(encoder.modality);
  }
  sweep::Diagnostics diagnostics(spec.file, spec.text);
  auto families = sweep::resolve_families(spec, shape, diagnostics);
  for (sweep::Diagnostic& mistake : diagnostics.take()) mistakes.push_back(std::move(mistake));
  return families;
}

}  // namespace medley::storage
