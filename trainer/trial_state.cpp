#include "trainer/trial_state.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "sweep/nearest.h"
#include "sweep/score/admission.h"
#include "sweep/score/metric.h"
#include "trainer/error.h"
#include "trainer/input_adaptation.h"
#include "trainer/model/label_sets.h"

namespace medley::trainer {
namespace {

using sweep::Config;
using sweep::TrialSpec;

std::string text_of(const std::vector<int>& numbers) {
  std::string text;
  for (const int number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

std::string of_trial(const TrialSpec& spec) { return "trial " + spec.id + ": "; }

void require_actors(const data::Dataset& dataset, const std::vector<int>& clips, const TrialSpec& spec) {
  for (const int clip : clips) {
    const data::Clip& c = dataset.clips[static_cast<std::size_t>(clip)];
    if (c.actor.empty()) {
      throw Error(of_trial(spec) + "normalize actor: clip '" + c.filename + "' has no actor; valid: encoder");
    }
  }
}

bool all_have_actors(const data::Dataset& dataset, const std::vector<int>& clips) {
  return std::none_of(clips.begin(), clips.end(),
                      [&](int clip) { return dataset.clips[static_cast<std::size_t>(clip)].actor.empty(); });
}

std::vector<sweep::Label> labels_of(const data::Dataset& dataset, const std::vector<int>& clips) {
  std::vector<sweep::Label> labels;
  for (const int clip : clips) {
    const data::Clip& c = dataset.clips[static_cast<std::size_t>(clip)];
    if (!c.label) throw Error("clip '" + c.filename + "' of fold " + std::to_string(c.fold) + " has no label");
    labels.push_back(*c.label);
  }
  return labels;
}

/// Label smoothing moves the share `smoothing` of a label's mass evenly to all classes.
void smooth(double* target, int classes, double smoothing) {
  double mass = 0;
  for (int c = 0; c < classes; ++c) mass += target[c];
  for (int c = 0; c < classes; ++c) target[c] = (1 - smoothing) * target[c] + smoothing * mass / classes;
}

void set_targets(TrialState& state, const std::vector<sweep::Label>& labels, const sweep::Classes& classes) {
  const Config& config = state.spec.config;
  const double smoothing = config.label_smoothing;
  const int count = classes.count();
  const LabelSets sets(classes);
  const auto salience_width = static_cast<std::size_t>(state.head.salience),
             presence_width = static_cast<std::size_t>(state.head.presence);
  state.salience_targets.assign(labels.size() * salience_width, 0);
  state.presence_targets.assign(labels.size() * presence_width, 0);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    double* salience = state.salience_targets.data() + i * salience_width;
    double* presence = state.presence_targets.data() + i * presence_width;
    if (config.head == sweep::Head::kLabel) {
      sets.label_target(labels[i], config.ratio_smoothing, salience);
      smooth(salience, state.head.salience, smoothing);
      continue;
    }
    if (config.head == sweep::Head::kSetRatio) {
      const int set = sets.index_of(labels[i]);
      presence[set] = 1;
      smooth(presence, state.head.presence, smoothing);
      if (!labels[i].is_blend()) continue;
      double* ratios = salience + (set - count) * LabelSets::kRatios;
      ratios[LabelSets::ratio_of(labels[i])] = 1;
      smooth(ratios, LabelSets::kRatios, smoothing);
      continue;
    }
    soft_label(labels[i], count, salience);
    for (int c = 0; c < state.head.presence; ++c) presence[c] = salience[c] > 0 ? 1 : 0;
    smooth(salience, count, smoothing);
    smooth(presence, state.head.presence, smoothing);
  }
}

/// Sets what the model reads of the target's clips.
void adapt_inputs(TrialState& state, const data::Dataset& dataset, StatisticsCache& statistics, const Split& split) {
  const TrialSpec& spec = state.spec;
  const Config& config = spec.config;
  state.scaling.set_adapted_clips(dataset.clips.size(), state.target);
  state.scaling.adapted.resize(dataset.encoders.size());
  for (const int e : state.encoders) {
    const data::Encoder& encoder = *dataset.encoders[static_cast<std::size_t>(e)];
    if (config.adaptation == sweep::Adaptation::kCoralInput) {
      if (encoder.dim() > sweep::kMostCoralInputColumns) {
        throw Error(of_trial(spec) + "adaptation coral-input: encoder '" + encoder.name() + "' has " +
                    std::to_string(encoder.dim()) + " columns; valid: at most " +
                    std::to_string(sweep::kMostCoralInputColumns) + ", or adaptation moments");
      }
      state.covariances.push_back(statistics.covariance(e, state.train, split, config.normalize));
    }
    state.scaling.adapted[static_cast<std::size_t>(e)] =
        statistics.adapted(e, state.train, state.target, split, config);
  }
}

/// At most kMostTuningFolds groups of the training folds.
std::vector<int> tuning_folds(const data::Dataset& dataset, const TrialState& state) {
  constexpr int kMostTuningFolds = 5;
  std::map<int, int> group_of;
  for (const int clip : state.train) group_of[dataset.clips[static_cast<std::size_t>(clip)].fold] = 0;
  if (group_of.size() < 2) throw Error(of_trial(state.spec) + "tune_decay needs two training folds; valid: false");
  int next = 0;
  for (auto& [fold, group] : group_of) group = next++ % kMostTuningFolds;
  std::vector<int> groups;
  for (const int clip : state.train) groups.push_back(group_of[dataset.clips[static_cast<std::size_t>(clip)].fold]);
  return groups;
}

/// The value of the epoch's term `name`, which is added as 0 where it is missing.
double& term_of(sweep::EpochMetrics& epoch, const std::string& name) {
  const auto named = [&](const sweep::LossTerm& term) { return term.name == name; };
  const auto found = std::find_if(epoch.terms.begin(), epoch.terms.end(), named);
  return found == epoch.terms.end() ? epoch.terms.emplace_back(sweep::LossTerm{name, 0}).value : found->value;
}

}  // namespace

bool TrialState::done() const {
  if (!divergence.empty()) return true;
  const auto trained = static_cast<int>(result.epochs.size());
  if (trained >= last_epoch(spec.config)) return true;
  if (spec.config.patience == 0) return false;
  return trained - (spec.config.inner_fold ? best_inner_epoch : best_epoch) >= spec.config.patience;
}

double TrialState::progress() const {
  return static_cast<double>(step) / static_cast<double>(spec.config.epochs * steps_per_epoch);
}

void TrialState::begin_epoch() {
  if (index == 0) running = {};
  running.epoch = epoch;
}

void TrialState::diverge(const std::string& quantity) {
  divergence =
      "the " + quantity + " is not finite in epoch " + std::to_string(epoch) + ", step " + std::to_string(index);
}

bool TrialState::record_step(double learning_rate, double total, const std::vector<sweep::LossTerm>& terms) {
  for (const sweep::LossTerm& term : terms) {
    if (!std::isfinite(term.value)) diverge(term.name + " loss");
    if (!divergence.empty()) return false;
  }
  if (!std::isfinite(total)) {
    diverge("total loss");
    return false;
  }
  ++step;
  running.learning_rate = learning_rate;
  running.loss += total;
  for (const sweep::LossTerm& term : terms) term_of(running, term.name) += term.value;
  return true;
}

void TrialState::end_epoch(const Evaluation& outer, const Evaluation& inner_fold, const sweep::Classes& classes,
                           const std::function<torch::Tensor()>& parameters) {
  const int ended = epoch++;
  index = 0;
  if (!divergence.empty()) return;
  const auto surface_of = [&](const Evaluation& said, const std::vector<sweep::Label>& truth) {
    const sweep::Predictions p = predictions(spec.config, said, classes);
    const std::vector<double> fused(p.fused.begin(), p.fused.end());
    return sweep::threshold_surface({fused.data(), p.clips, classes.count()}, truth, classes);
  };
  const auto best = surface_of(outer, validation_truth).best();
  const auto steps = static_cast<double>(steps_per_epoch);
  running.loss /= steps;
  for (sweep::LossTerm& term : running.terms) term.value /= steps;
  running.validation_loss = evaluation_loss(spec.config, outer, validation_truth, classes);
  running.thresholds = best.thresholds;
  running.validation = best.accuracy;
  result.epochs.push_back(running);
  torch::Tensor own;
  if (best.accuracy.score() > best_score) {
    best_score = best.accuracy.score();
    best_epoch = ended;
    paper_parameters = own = parameters();
  }
  bool held_out = false;
  if (spec.config.inner_fold) {
    const auto surface = surface_of(inner_fold, inner_truth);
    const double score = surface.best().accuracy.score();
    if (score > best_inner_score) {
      best_inner_score = score;
      best_inner_epoch = ended;
      inner_surface = surface;
      held_out = true;
    }
  } else {
    held_out = spec.config.patience == 0 && ended == last_epoch(spec.config);
  }
  if (held_out) held_out_parameters = own.defined() ? own : parameters();
}

const data::Dataset& StatisticsCache::dataset(const sweep::Partition& partition) {
  if (partition.official()) return features_.dataset();
  const auto known = made_.find(partition);
  if (known != made_.end()) return known->second;
  return made_.emplace(partition, sweep::partitioned(features_.dataset(), partition)).first->second;
}

std::shared_ptr<const Standardization> StatisticsCache::get(int encoder, const std::vector<int>& rows,
                                                            const Split& split, sweep::Normalize normalize) {
  auto& known = entries_[{encoder, split, normalize}];
  if (!known) known = std::make_shared<const Standardization>(features_.standardization(encoder, rows, normalize));
  return known;
}

double StatisticsCache::separation(int encoder, const std::vector<int>& rows, const std::vector<sweep::Label>& labels,
                                   const Split& split, sweep::Normalize normalize) {
  const auto known = separations_.find({encoder, split, normalize});
  if (known != separations_.end()) return known->second;
  const auto z = get(encoder, rows, split, normalize);
  const auto dim = static_cast<std::size_t>(features_.dim(encoder));
  std::map<std::pair<int, int>, std::pair<double, std::vector<double>>> groups;  // clips and sum of each label set
  std::vector<double> row(dim);
  double total = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    features_.gather(encoder, &rows[i], 1, normalize, *z, row.data());
    auto& [count, sum] = groups[{labels[i].first, labels[i].second}];
    sum.resize(dim, 0);
    ++count;
    for (std::size_t j = 0; j < dim; ++j) {
      sum[j] += row[j];
      total += row[j] * row[j];
    }
  }
  double between = 0;
  for (const auto& [set, group] : groups) {
    for (const double sum : group.second) between += sum * sum / group.first;
  }
  const double share = total > 0 ? between / total : 0;
  separations_[{encoder, split, normalize}] = share;
  return share;
}

std::shared_ptr<const std::vector<double>> StatisticsCache::covariance(int encoder, const std::vector<int>& rows,
                                                                       const Split& split, sweep::Normalize normalize) {
  auto& known = covariances_[{encoder, split, normalize}];
  if (!known) {
    const auto z = get(encoder, rows, split, normalize);
    known = std::make_shared<const std::vector<double>>(trainer::covariance(features_, encoder, rows, normalize, *z));
  }
  return known;
}

std::shared_ptr<const std::vector<float>> StatisticsCache::adapted(int encoder, const std::vector<int>& rows,
                                                                   const std::vector<int>& target, const Split& split,
                                                                   const Config& config) {
  auto& known = adapted_[{{encoder, split, config.normalize}, config.adaptation, config.adaptation_target}];
  if (!known) {
    const auto z = get(encoder, rows, split, config.normalize);
    const bool reads_covariance = config.adaptation == sweep::Adaptation::kCoralInput;
    const auto source = reads_covariance ? covariance(encoder, rows, split, config.normalize) : nullptr;
    known = std::make_shared<const std::vector<float>>(
        adapted_features(config, features_, encoder, target, *z, source ? *source : std::vector<double>()));
  }
  return known;
}

TrialState make_trial_state(const TrialSpec& spec, StatisticsCache& statistics) {
  const Config& config = spec.config;
  const data::Dataset& dataset = statistics.dataset(spec.partition);
  TrialState state;
  state.spec = spec;
  state.result.trial_id = spec.id;
  state.result.test_fingerprint = dataset.test_fingerprint;
  if (std::find(dataset.folds.begin(), dataset.folds.end(), spec.fold) == dataset.folds.end()) {
    throw Error(of_trial(spec) + "there is no fold " + std::to_string(spec.fold) +
                "; valid: " + text_of(dataset.folds));
  }
  if (const auto conflict = sweep::check_config(config)) throw Error(of_trial(spec) + conflict->message);

  const std::vector<std::string> names = dataset.encoder_names();
  for (const std::string& name : config.encoders) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) {
      throw Error(of_trial(spec) + "unknown encoder '" + name + "'" + sweep::suggestion(name, names));
    }
    state.encoders.push_back(static_cast<int>(at - names.begin()));
  }
  std::sort(state.encoders.begin(), state.encoders.end());
  if (std::adjacent_find(state.encoders.begin(), state.encoders.end()) != state.encoders.end()) {
    throw Error(of_trial(spec) + "an encoder is named twice");
  }

  const int inner_fold = config.inner_fold ? sweep::inner_fold_of(dataset.folds, spec.fold) : -1;
  const Split split{spec.partition, spec.fold, inner_fold};
  for (const int fold : dataset.folds) {
    const std::vector<int> clips = dataset.clips_of_fold(fold);
    auto& into = fold == spec.fold ? state.validation : fold == inner_fold ? state.inner : state.train;
    into.insert(into.end(), clips.begin(), clips.end());
  }
  std::sort(state.train.begin(), state.train.end());
  if (state.train.empty()) {
    throw Error(of_trial(spec) + "folds " + text_of(dataset.folds) + " leave no clip to train on when fold " +
                std::to_string(spec.fold) + (config.inner_fold ? " and an inner fold are" : " is") + " held out");
  }
  state.test = dataset.clips_of_fold(-1);
  if (config.normalize == sweep::Normalize::kActor) {
    require_actors(dataset, state.train, spec);
    require_actors(dataset, state.validation, spec);
    require_actors(dataset, state.inner, spec);
    if (!all_have_actors(dataset, state.test)) state.test.clear();
  }
  if (config.adaptation != sweep::Adaptation::kNone) {
    state.target = target_clips(dataset, config, spec.fold);
    if (state.test.empty() && sweep::reads_test_clips(config)) state.target.clear();
    if (state.target.empty()) {
      throw Error(of_trial(spec) +
                  "adaptation_target test: the dataset has no test clips that this config can "
                  "read; valid: validation");
    }
  }

  const std::vector<sweep::Label> labels = labels_of(dataset, state.train);
  state.head = head_shape(config, dataset.classes);
  set_targets(state, labels, dataset.classes);
  state.validation_truth = labels_of(dataset, state.validation);
  state.inner_truth = labels_of(dataset, state.inner);

  state.scaling.normalize = config.normalize;
  state.scaling.encoders.resize(dataset.encoders.size());
  std::vector<EncoderShape> shapes;
  for (const int e : state.encoders) {
    state.scaling.encoders[static_cast<std::size_t>(e)] = statistics.get(e, state.train, split, config.normalize);
    const data::Encoder& encoder = *dataset.encoders[static_cast<std::size_t>(e)];
    shapes.push_back({encoder.name(), encoder.dim(), encoder.modality()});
    if (config.fusion == sweep::Fusion::kModalityConcat && encoder.modality().empty()) {
      throw Error(of_trial(spec) + "fusion modality-concat: dataset.yaml gives encoder '" + encoder.name() +
                  "' no modality");
    }
    if (sweep::is_gated(config) && config.selection == sweep::Selection::kFixed) {
      state.strength.push_back(statistics.separation(e, state.train, labels, split, config.normalize));
    }
  }
  if (sweep::adapts_input(config)) adapt_inputs(state, dataset, statistics, split);
  state.layout = make_layout(config, shapes, dataset.classes);
  const long batch = config.batch_size;
  state.steps_per_epoch = sweep::is_fitted(config) ? 1 : (static_cast<long>(state.train.size()) + batch - 1) / batch;
  if (sweep::is_fitted(config) && config.tune_decay) state.tuning_folds = tuning_folds(dataset, state);
  return state;
}

}  // namespace medley::trainer
