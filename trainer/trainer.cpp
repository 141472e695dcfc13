#include "trainer/trainer.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include <sys/resource.h>
#include <torch/autograd.h>

#include "sweep/score/metric.h"
#include "trainer/checkpoint.h"
#include "trainer/data/error.h"
#include "trainer/group.h"
#include "trainer/importance.h"
#include "trainer/linear_fit.h"
#include "trainer/resume_point.h"

namespace medley::trainer {
namespace {

using sweep::TrialResult;
using sweep::TrialSpec;

void require_one_key(const std::vector<TrialSpec>& trials) {
  const std::string key = sweep::fusibility_key(trials.front().config);
  for (const TrialSpec& trial : trials) {
    if (sweep::fusibility_key(trial.config) != key) {
      throw Error("trials " + trials.front().id + " and " + trial.id +
                  " cannot share a pack: they differ in a setting that a pack has only one of");
    }
  }
}

/// The most memory that this process ever held.
std::int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

/// A finished trial's model by itself, with the parameters of one of its epochs.
FusedModel model_of(const TrialState& trial, const torch::Tensor& parameters, torch::Device device) {
  FusedModel model(
      trial.layout,
      {{trial.spec.config, trial.spec.seed, std::vector<bool>(trial.encoders.size(), true), trial.strength}}, device);
  model.parameters[0].copy_(parameters);
  return model;
}

sweep::Snapshot snapshot(const TrialState& trial, FusedModel& model, const ModelInputs& inputs, int epoch) {
  const sweep::Classes& classes = inputs.features.dataset().classes;
  sweep::Snapshot s;
  s.epoch = epoch;
  const auto said = [&](const std::vector<int>& clips) {
    return predictions(trial.spec.config, evaluate(model, inputs, {&trial.scaling}, {clips}).front(), classes);
  };
  s.validation = said(trial.validation);
  s.test = said(trial.test);
  const std::vector<double> fused(s.validation.fused.begin(), s.validation.fused.end());
  s.surface =
      sweep::threshold_surface({fused.data(), s.validation.clips, classes.count()}, trial.validation_truth, classes);
  return s;
}

sweep::Importance importance_of(const TrialState& trial, FusedModel& model, const ModelInputs& inputs) {
  if (!sweep::is_gated(trial.spec.config)) return {};
  std::vector<std::string> names;
  for (const EncoderShape& encoder : trial.layout.encoders) names.push_back(encoder.name);
  const Evaluation said = evaluate(model, inputs, {&trial.scaling}, {trial.validation}).front();
  sweep::Importance importance = gate_importance(names, said.scores, said.weights, said.kept, said.clips);
  importance.cka = projected_cka(model, inputs, trial.scaling, trial.validation);
  return importance;
}

Checkpoint checkpoint_of(const TrialState& trial, const sweep::Classes& classes, const torch::Tensor& parameters,
                         int epoch) {
  Checkpoint checkpoint{{trial.spec, epoch, classes, trial.layout, trial.strength}, parameters, {}, {}};
  for (const int e : trial.encoders) {
    checkpoint.encoders.push_back(*trial.scaling.encoders[static_cast<std::size_t>(e)]);
  }
  for (const auto& covariance : trial.covariances) checkpoint.covariances.push_back(*covariance);
  return checkpoint;
}

/// Writes what a trial can do without; it `costs` something where it cannot be written.
template <class Write>
void write_if_possible(const TrainOptions& options, const char* costs, Write write) {
  try {
    write();
  } catch (const data::Error& e) {
    if (!options.note) throw;
    options.note(std::string(e.what()) + ": " + costs);
  }
}

/// Fills in what the trial's best epochs say; a diverged trial has only its epochs and its reason. `keeper`: writes its
/// checkpoint.
void conclude(TrialState& trial, const Features& features, torch::Device device, const TrainOptions& options,
              bool keeper) {
  TrialResult& result = trial.result;
  if (!trial.divergence.empty()) {
    result.outcome = sweep::Outcome::kDiverged;
    result.reason = trial.divergence;
    return;
  }
  const sweep::Classes& classes = features.dataset().classes;
  const ModelInputs inputs{features, trial.encoders};
  FusedModel paper = model_of(trial, trial.paper_parameters, device);
  result.paper = snapshot(trial, paper, inputs, trial.best_epoch);
  torch::Tensor reported = trial.paper_parameters;
  int epoch = trial.best_epoch;
  if (trial.held_out_parameters.defined()) {
    reported = trial.held_out_parameters;
    epoch = trial.spec.config.inner_fold ? trial.best_inner_epoch : last_epoch(trial.spec.config);
    FusedModel held_out = model_of(trial, reported, device);
    result.held_out = snapshot(trial, held_out, inputs, epoch);
    if (trial.spec.config.inner_fold) result.inner = trial.inner_surface;
    result.importance = importance_of(trial, held_out, inputs);
  } else {
    result.importance = importance_of(trial, paper, inputs);
  }
  if (!keeper || options.checkpoints.empty()) return;
  write_if_possible(options, "the trial has no checkpoint", [&] {
    write_checkpoint(options.checkpoints / (trial.spec.id + ".npz"), checkpoint_of(trial, classes, reported, epoch));
  });
}

/// Id of the trial that goes to the end of its epochs.
std::string whole_trial(const TrialSpec& spec, const data::Dataset& dataset) {
  sweep::Config config = spec.config;
  config.stop_after = 0;
  return sweep::trial_id(config, spec.fold, spec.seed, dataset.fingerprint, dataset.test_fingerprint, spec.partition);
}

/// Resumes from an earlier attempt's save file, else from where a shorter trial ended, if there is one.
void resume(TrialState& state, const Gang& gang, const TrainOptions& options, const data::Dataset& dataset) {
  std::filesystem::path path = resume_point(options.resume, state.spec.id);
  std::string id = state.spec.id;
  if (!std::filesystem::exists(path)) {
    id = whole_trial(state.spec, dataset);
    path = rung_point(options.resume, id);
  }
  std::optional<TrialState> read;
  std::string note;
  try {
    read = read_resume_point(path, id, state);
  } catch (const Error& e) {
    note = std::string(e.what()) + ": the trial starts at its first step";
  }
  // A file that one rank sees and another does not yet, on a shared disk that is slow to tell.
  const TrialState& stands = read ? *read : state;
  if (!gang.agree({static_cast<double>(stands.epoch), static_cast<double>(stands.index)})) {
    note = path.string() + ": not all ranks of the gang read the same; the trial starts at its first step";
  } else if (read) {
    state = std::move(*read);
    note = "trial " + state.spec.id + " resumes at epoch " + std::to_string(state.epoch) + ", step " +
           std::to_string(state.index + 1);
  }
  if (options.note && !note.empty()) options.note(note);
}

/// Also of those that are done and wait for the others of their pack.
void save_all(const std::filesystem::path& folder, const std::vector<Group>& groups,
              const std::vector<std::unique_ptr<TrialState>>& states) {
  for (const auto& state : states) {
    if (state->done()) write_resume_point(resume_point(folder, state->spec.id), state->spec.id, *state, {});
  }
  for (const Group& group : groups) {
    for (std::size_t k = 0; k < group.trials().size(); ++k) {
      const TrialState& state = *group.trials()[k];
      if (!state.done()) {
        write_resume_point(resume_point(folder, state.spec.id), state.spec.id, state, group.weights(k));
      }
    }
  }
}

/// Of the trials that `stop_after` ends here.
void save_rungs(const Group& group, const data::Dataset& dataset, const TrainOptions& options) {
  for (std::size_t k = 0; k < group.trials().size(); ++k) {
    const TrialState& state = *group.trials()[k];
    const bool stops = static_cast<int>(state.result.epochs.size()) == state.spec.config.stop_after;
    if (!stops || !state.divergence.empty()) continue;
    write_if_possible(options, "those that train longer start at their first step", [&] {
      const std::string id = whole_trial(state.spec, dataset);
      write_resume_point(rung_point(options.resume, id), id, state, group.weights(k));
    });
  }
}

}  // namespace

std::vector<TrialResult> train_pack(const data::Dataset& dataset, const std::vector<TrialSpec>& trials,
                                    const TrainOptions& options) {
  if (trials.empty()) return {};
  const auto start = std::chrono::steady_clock::now();
  require_one_key(trials);
  use_one_thread();
  const torch::Device device = find_device(options.device);
  OneRank alone;
  Collective& collective = options.collective ? *options.collective : alone;
  const Gang gang(collective, device);
  if (trials.front().config.batch_size < gang.size()) {
    throw Error("batch_size " + std::to_string(trials.front().config.batch_size) + " cannot be split over a gang of " +
                std::to_string(gang.size()) + " ranks");
  }

  const bool by_actor = std::any_of(trials.begin(), trials.end(), [](const TrialSpec& trial) {
    return trial.config.normalize == sweep::Normalize::kActor;
  });
  const Features features(dataset, by_actor ? Features::Actors::kNormalize : Features::Actors::kIgnore,
                          trials.front().config.layers);
  StatisticsCache statistics(features);
  std::vector<std::unique_ptr<TrialState>> states;
  std::vector<std::size_t> epochs_before;  // of earlier attempts
  int epochs = 0;
  for (const TrialSpec& spec : trials) {
    states.push_back(std::make_unique<TrialState>(make_trial_state(spec, statistics)));
    TrialState& state = *states.back();
    state.result.arithmetic = options.arithmetic;
    if (!options.resume.empty()) resume(state, gang, options, dataset);
    state.position = states.size() - 1;
    epochs_before.push_back(state.result.epochs.size());
    epochs = std::max(epochs, last_epoch(spec.config));
  }
  std::vector<Group> groups;
  auto saved = std::chrono::steady_clock::now();
  const auto save = [&] {
    if (options.resume.empty() || gang.rank() != 0) return;
    saved = std::chrono::steady_clock::now();
    write_if_possible(options, "an interruption costs the work since the last save",
                      [&] { save_all(options.resume, groups, states); });
  };
  const auto poll = [&] {
    const Stop asked = options.stop ? options.stop() : Stop::kNo;
    const auto stop = static_cast<Stop>(gang.decide(static_cast<int>(asked)));
    if (stop == Stop::kSave) save();
    if (stop != Stop::kNo) throw Interrupted();
    if (std::chrono::steady_clock::now() - saved > options.save_every) save();
  };
  // Every rank of a gang makes the same fit. One that is interrupted starts again.
  for (const auto& state : states) {
    if (sweep::is_fitted(state->spec.config) && !state->done()) fit_linear(*state, features, device, poll);
  }
  groups = form_groups(states, features, device, gang);
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    int active = 0;
    for (Group& group : groups) {
      if (!group.empty() && group.epoch() == epoch) {
        group.begin_epoch();
        while (group.index() < group.steps()) {
          poll();
          group.step();
        }
        group.end_epoch();
        if (options.epoch_ended) {
          for (const TrialState* trial : group.trials()) {
            if (trial->divergence.empty()) options.epoch_ended(trial->position, trial->result.epochs.back());
          }
        }
        if (!options.resume.empty() && gang.rank() == 0) save_rungs(group, dataset, options);
        group.compact();
      }
      active += static_cast<int>(group.trials().size());
    }
    if (options.progress) options.progress({epoch, epochs, active});
    if (active == 0) break;
  }

  for (auto& state : states) conclude(*state, features, device, options, gang.rank() == 0);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
                         static_cast<double>(trials.size());
  std::vector<TrialResult> results;
  for (std::size_t i = 0; i < states.size(); ++i) {
    TrialResult& result = states[i]->result;
    result.seconds = seconds;
    result.samples_per_second = static_cast<double>(result.epochs.size() - epochs_before[i]) *
                                static_cast<double>(states[i]->train.size()) / seconds;
    result.peak_memory_bytes = peak_memory_bytes();
    result.pack_size = static_cast<int>(trials.size());
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace medley::trainer
