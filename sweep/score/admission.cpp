#include "sweep/score/admission.h"

#include <algorithm>
#include <cmath>

#include "sweep/score/metric.h"

namespace medley::sweep {
namespace {

/// Of sums of a row of probabilities in half precision. Each is off by 2^-11 of itself at most, and so is their sum.
constexpr double kSumTolerance = 1e-3;

bool is_share(double value) { return value >= 0 && value <= 1; }  // nor is NaN

std::string count_text(std::size_t count, const std::string& noun) { return std::to_string(count) + " " + noun; }

std::string values_problem(const std::vector<float>& values, const std::string& what) {
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) { return !is_share(value); });
  return bad == values.end() ? "" : what + " has " + std::to_string(*bad) + ", which is no probability";
}

std::string predictions_problem(const Predictions& said, std::size_t clips, std::size_t classes,
                                const std::string& what) {
  if (said.clips < 0 || static_cast<std::size_t>(said.clips) != clips) {
    return what + " has predictions of " + std::to_string(said.clips) + " clips, not of " + std::to_string(clips);
  }
  if (said.fused.size() != clips * classes) {
    return what + " has " + count_text(said.fused.size(), "probabilities") + ", not " + std::to_string(clips * classes);
  }
  for (const auto& [part, name] : {std::pair(&said.fused, ".fused"), std::pair(&said.presence, ".presence"),
                                   std::pair(&said.salience, ".salience")}) {
    if (!part->empty() && part->size() != clips * classes) {
      return what + name + " has " + count_text(part->size(), "values") + ", not " + std::to_string(clips * classes);
    }
    if (std::string problem = values_problem(*part, what + name); !problem.empty()) return problem;
  }
  for (std::size_t clip = 0; clip < clips; ++clip) {
    double sum = 0;
    for (std::size_t c = 0; c < classes; ++c) sum += static_cast<double>(said.fused[clip * classes + c]);
    if (std::fabs(sum - 1) > kSumTolerance) {
      return what + ".fused: the row of clip " + std::to_string(clip) + " has the sum " + std::to_string(sum);
    }
  }
  return "";
}

bool equal(const ThresholdSurface& a, const ThresholdSurface& b) {
  return a.clips == b.clips && a.blends == b.blends && a.presence_hits == b.presence_hits &&
         a.salience_hits == b.salience_hits;
}

std::string snapshot_problem(const Snapshot& snapshot, int epochs, const TrialSpec& trial, const TrialResult& result,
                             const Promise& promise, const std::string& what) {
  if (snapshot.epoch < 1 || snapshot.epoch > epochs) {
    return what + " is of epoch " + std::to_string(snapshot.epoch) + " of " + std::to_string(epochs);
  }
  const std::vector<Label>& truth = promise.labels.at(trial.fold);
  const auto classes = static_cast<std::size_t>(promise.classes.count());
  std::string problem = predictions_problem(snapshot.validation, truth.size(), classes, what + ".validation");
  if (!problem.empty()) return problem;
  const std::vector<double> fused(snapshot.validation.fused.begin(), snapshot.validation.fused.end());
  const ProbabilityView view{fused.data(), snapshot.validation.clips, promise.classes.count()};
  if (!equal(snapshot.surface, threshold_surface(view, truth, promise.classes))) {
    return what + ".surface is not that of its predictions";
  }
  if (snapshot.test.clips == 0) {
    const bool none = snapshot.test.fused.empty() && snapshot.test.presence.empty() && snapshot.test.salience.empty();
    return none ? "" : what + ".test has values of no clips";
  }
  const bool same = result.test_fingerprint == promise.test_fingerprint;
  const int test_clips = same ? promise.test_clips : std::max(snapshot.test.clips, 0);
  return predictions_problem(snapshot.test, static_cast<std::size_t>(test_clips), classes, what + ".test");
}

std::string epochs_problem(const TrialResult& result, const Config& config) {
  const auto count = static_cast<int>(result.epochs.size());
  const bool may_stop = config.patience > 0 || result.outcome == Outcome::kDiverged;
  const int last = last_epoch(config);
  if (count > last || (count < last && !may_stop)) {
    return "it has " + count_text(result.epochs.size(), "epochs") + ", its config " + std::to_string(last);
  }
  for (int i = 0; i < count; ++i) {
    const EpochMetrics& epoch = result.epochs[static_cast<std::size_t>(i)];
    if (epoch.epoch != i + 1) return "its epochs are not numbered from 1";
    if (result.outcome == Outcome::kDiverged) continue;
    const bool shares = is_share(epoch.validation.presence) && is_share(epoch.validation.salience);
    if (!shares || !std::isfinite(epoch.loss)) return "epoch " + std::to_string(i + 1) + " has numbers that cannot be";
  }
  return "";
}

std::string inner_problem(const TrialResult& result, const TrialSpec& trial, const Promise& promise) {
  const ThresholdSurface& inner = result.inner;
  if (!trial.config.inner_fold) return inner.clips == 0 ? "" : "it has an inner surface, its config no inner fold";
  std::vector<int> folds;
  for (const auto& [fold, labels] : promise.labels) folds.push_back(fold);
  const std::vector<Label>& truth = promise.labels.at(inner_fold_of(folds, trial.fold));
  const auto blends = std::count_if(truth.begin(), truth.end(), [](const Label& label) { return label.is_blend(); });
  if (inner.clips != static_cast<int>(truth.size()) || inner.blends != static_cast<int>(blends)) {
    return "the inner surface is of " + std::to_string(inner.clips) + " clips, not of " + std::to_string(truth.size());
  }
  for (std::size_t i = 0; i < inner.presence_hits.size(); ++i) {
    const int presence = inner.presence_hits[i], salience = inner.salience_hits[i];
    if (presence < 0 || presence > inner.clips || salience < 0 || salience > std::min(inner.blends, presence)) {
      return "the inner surface has hits that cannot be";
    }
  }
  return "";
}

std::string importance_problem(const TrialResult& result, const TrialSpec& trial, const Promise& promise) {
  const Importance& importance = result.importance;
  std::vector<std::string> names, expected;
  for (const EncoderImportance& encoder : importance.encoders) names.push_back(encoder.encoder);
  for (const std::string& name : promise.encoders) {
    const std::vector<std::string>& wanted = trial.config.encoders;
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end()) expected.push_back(name);
  }
  if (!is_gated(trial.config)) expected.clear();
  if (names != expected) return "its importance is not of the encoders of its gate";
  for (const EncoderImportance& encoder : importance.encoders) {
    if (!is_share(encoder.mean) || !is_share(encoder.selection_frequency)) {
      return "the importance of " + encoder.encoder + " has shares that are none";
    }
  }
  return "";
}

}  // namespace

int inner_fold_of(const std::vector<int>& folds, int fold) {
  const auto after = std::upper_bound(folds.begin(), folds.end(), fold);
  return after == folds.end() ? folds.front() : *after;
}

std::string admission_problem(const TrialResult& result, const TrialSpec& trial, const Promise& promise) {
  if (result.trial_id != trial.id) return "it says that it is of trial '" + result.trial_id + "'";
  if (promise.labels.count(trial.fold) == 0) return "the dataset has no fold " + std::to_string(trial.fold);
  if (!(result.seconds >= 0) || !(result.samples_per_second >= 0)) return "its times cannot be";
  std::string problem = epochs_problem(result, trial.config);
  if (!problem.empty() || result.outcome == Outcome::kDiverged) return problem;
  const auto epochs = static_cast<int>(result.epochs.size());
  problem = snapshot_problem(result.paper, epochs, trial, result, promise, "paper");
  if (!problem.empty()) return problem;
  const bool held_out = trial.config.inner_fold || trial.config.patience == 0;
  if (!held_out && result.held_out.epoch != 0) return "it has a held-out epoch, which its config does not give";
  if (held_out) {
    problem = snapshot_problem(result.held_out, epochs, trial, result, promise, "held_out");
    if (!problem.empty()) return problem;
    if (!trial.config.inner_fold && result.held_out.epoch != epochs) return "its held-out epoch is not the last";
  }
  problem = inner_problem(result, trial, promise);
  return problem.empty() ? importance_problem(result, trial, promise) : problem;
}

}  // namespace medley::sweep
