#include "trainer/group.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <torch/autograd.h>

#include "trainer/gpu_features.h"
#include "trainer/kernels/optimizer.h"

namespace medley::trainer {
namespace {

using sweep::Config;
using torch::Tensor;

std::vector<int> union_of_encoders(const std::vector<TrialState*>& trials) {
  std::set<int> encoders;
  for (const TrialState* trial : trials) encoders.insert(trial->encoders.begin(), trial->encoders.end());
  return {encoders.begin(), encoders.end()};
}

FusedModel make_model(const std::vector<TrialState*>& trials, const std::vector<int>& encoders,
                      const data::Dataset& dataset, torch::Device device, FusedModel::Kernels kernels) {
  std::vector<EncoderShape> shapes;
  for (const int e : encoders) {
    const data::Encoder& encoder = *dataset.encoders[static_cast<std::size_t>(e)];
    shapes.push_back({encoder.name(), encoder.dim(), encoder.modality()});
  }
  std::vector<ModelTrial> rows;
  for (const TrialState* trial : trials) {
    ModelTrial row{trial->spec.config, trial->spec.seed, {}};
    for (const int e : encoders) {
      const auto own = std::lower_bound(trial->encoders.begin(), trial->encoders.end(), e);
      const bool active = own != trial->encoders.end() && *own == e;
      row.active.push_back(active);
      if (trial->strength.empty()) continue;
      row.strength.push_back(active ? trial->strength[static_cast<std::size_t>(own - trial->encoders.begin())] : 0);
    }
    rows.push_back(std::move(row));
  }
  return FusedModel(make_layout(trials.front()->spec.config, shapes, dataset.classes), std::move(rows), device,
                    kernels);
}

/// [quantity][trial] of tensors [trial], by one copy from the device.
std::vector<std::vector<double>> to_host(const std::vector<Tensor>& quantities) {
  torch::NoGradGuard no_grad;
  const Tensor host = torch::stack(quantities).to(torch::kCPU, torch::kFloat64).contiguous();
  std::vector<std::vector<double>> numbers;
  for (std::int64_t i = 0; i < host.size(0); ++i) {
    const double* from = host.data_ptr<double>() + i * host.size(1);
    numbers.emplace_back(from, from + host.size(1));
  }
  return numbers;
}

double rate_of(const TrialState& trial) {
  const Config& config = trial.spec.config;
  const auto decay = config.schedule == sweep::Schedule::kCosine ? Decay::kCosine : Decay::kConstant;
  return scheduled_rate(config.learning_rate, decay, trial.step, config.warmup_epochs * trial.steps_per_epoch,
                        config.epochs * trial.steps_per_epoch);
}

}  // namespace

Group::Group(std::vector<TrialState*> trials, const Features& features, torch::Device device, const Gang& gang,
             FusedModel::Kernels kernels)
    : trials_(std::move(trials)),
      inputs_{features, union_of_encoders(trials_)},
      model_(make_model(trials_, inputs_.encoders, features.dataset(), device, kernels)),
      objective_(trials_, model_),
      update_(model_),
      gang_(gang) {
  if (kernels == FusedModel::Kernels::kByDevice && gang_.alone()) {
    direct_ = DirectStep::make(trials_, inputs_, model_, objective_);
  }
  inputs_.on_gpu = GpuFeatures::make(features, inputs_.encoders, model_);
  for (std::size_t k = 0; k < trials_.size(); ++k) restore(k);
  gang_.take_from_first(model_.parameters);
}

long Group::steps() const {
  long most = 0;
  for (const TrialState* trial : trials_) most = std::max(most, trial->steps_per_epoch);
  return most;
}

void Group::begin_epoch() {
  for (TrialState* trial : trials_) trial->begin_epoch();
  order_ = draw_order(trials_, epoch());
}

void Group::step() {
  const long index = this->index();
  for (TrialState* trial : trials_) trial->index = index + 1;
  Batch batch = draw_batch(trials_, objective_.blocks(), order_, index);
  const std::vector<Move> moves = direct_ ? step_directly(batch, index) : step_in_graph(batch, index);
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    if (moves[k].moves && !moves[k].finite) trials_[k]->diverge("gradient");
  }
}

std::vector<Move> Group::step_in_graph(Batch& batch, long index) {
  const std::vector<Tensor> features = own_features(batch, inputs_, model_, scalings(), gang_);
  const FusedModel::Output out = gather(model_.forward(features, &batch.draws), batch);
  const Objective::Losses losses =
      objective_.of(model_, out, batch, make_targets(trials_, order_, batch, index, model_));
  std::vector<Tensor> quantities{losses.total};
  for (const Term& term : losses.terms) quantities.push_back(term.losses);

  std::vector<Move> moves = record(to_host(quantities), batch);
  const bool at_once = update_.at_once(model_, gang_.alone());
  FusedModel::ProjectionSink sink;
  if (at_once) {
    sink = [&](int trial, int encoder, const Tensor& x, const Tensor& d) {
      AT_DISPATCH_FLOATING_TYPES(model_.dtype(), "step_projection", [&] {
        update_.step_projection(model_, trial, encoder, x.data_ptr<scalar_t>(), d.data_ptr<scalar_t>(),
                                static_cast<int>(x.size(0)), moves[static_cast<std::size_t>(trial)]);
      });
    };
  }
  model_.backward(losses.total, sink);
  torch::NoGradGuard no_grad;
  sum_gradients();
  update_.step(model_, at_once ? Update::Which::kButProjectionWeights : Update::Which::kAll, moves);
  return moves;
}

std::vector<Move> Group::step_directly(const Batch& batch, long index) {
  std::vector<Move> moves(1);
  if (!batch.moves.front()) return moves;
  const std::vector<double> losses = direct_->forward(model_, batch, order_.train.front(), index);
  std::vector<std::vector<double>> quantities;
  for (const double loss : losses) quantities.push_back({loss});
  moves = record(quantities, batch);
  if (!moves.front().moves) return moves;
  const bool at_once = update_.at_once(model_, true);
  direct_->backward(model_, at_once ? &update_ : nullptr, moves.front());
  update_.step(model_, at_once ? Update::Which::kButProjectionWeights : Update::Which::kAll, moves);
  return moves;
}

std::vector<Move> Group::record(const std::vector<std::vector<double>>& losses, const Batch& batch) {
  const std::vector<Term>& all = objective_.terms();
  std::vector<Move> moves(trials_.size());
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    if (!batch.moves[k]) continue;
    TrialState& trial = *trials_[k];
    std::vector<sweep::LossTerm> terms;
    for (std::size_t t = 0; t < all.size(); ++t) {
      if (all[t].weights[k] != 0) terms.push_back({name_of(all[t].kind), losses[1 + t][k]});
    }
    const double rate = rate_of(trial);
    if (trial.record_step(rate, losses.front()[k], terms)) moves[k] = {true, rate, trial.step};
  }
  return moves;
}

std::vector<const Scaling*> Group::scalings() const {
  std::vector<const Scaling*> scalings;
  for (const TrialState* trial : trials_) scalings.push_back(&trial->scaling);
  return scalings;
}

FusedModel::Output Group::gather(FusedModel::Output own, const Batch& batch) const {
  if (gang_.alone()) return own;
  const auto rows = [&](const Tensor& x, std::int64_t dim) {
    return gang_.gather(x, dim, batch.draws.places, batch.draws.total);
  };
  FusedModel::Output all;
  all.logits = rows(own.logits, 1);
  if (batch.blocks.target) all.fused = rows(own.fused, 1);
  if (objective_.reads_weights()) all.weights = rows(own.weights, 2);
  return all;
}

void Group::sum_gradients() {
  if (gang_.alone()) return;
  if (gang_.rank() > 0) {
    // The discriminator saw the rows of all ranks, on every rank: one of them counts.
    for (const Parameter& p : model_.layout().parameters) {
      if (p.name.rfind("domain.", 0) == 0) model_.gradients.narrow(1, p.offset, p.size).zero_();
    }
  }
  gang_.sum(model_.gradients);
}

Tensor Group::own_part(const Tensor& flat, std::size_t k) const {
  const TrialState& trial = *trials_[k];
  const Tensor all = flat[static_cast<std::int64_t>(k)].to(torch::kCPU);
  Tensor own = torch::zeros({trial.layout.size}, all.options());
  for (const Parameter& p : trial.layout.parameters) {
    own.narrow(0, p.offset, p.size).copy_(all.narrow(0, model_.layout().at(p.name).offset, p.size));
  }
  return own;
}

TrialState::Weights Group::weights(std::size_t k) const {
  return {own_part(model_.parameters, k), own_part(update_.first_moment, k), own_part(update_.second_moment, k)};
}

void Group::restore(std::size_t k) {
  TrialState& trial = *trials_[k];
  if (!trial.resumed.parameters.defined()) return;
  const auto fill = [&](const Tensor& own, Tensor& flat) {
    Tensor all = flat[static_cast<std::int64_t>(k)];
    for (const Parameter& p : trial.layout.parameters) {
      all.narrow(0, model_.layout().at(p.name).offset, p.size).copy_(own.narrow(0, p.offset, p.size));
    }
  };
  fill(trial.resumed.parameters, model_.parameters);
  fill(trial.resumed.first_moment, update_.first_moment);
  fill(trial.resumed.second_moment, update_.second_moment);
  trial.resumed = {};
}

std::vector<Evaluation> Group::evaluate_together(const std::vector<std::vector<int>>& clips) {
  if (gang_.alone()) return evaluate(model_, inputs_, scalings(), clips);
  std::vector<std::vector<int>> own;
  for (const auto& whole : clips) {
    const auto [first, end] = gang_.share(static_cast<std::int64_t>(whole.size()));
    own.emplace_back(whole.begin() + first, whole.begin() + end);
  }
  std::vector<Evaluation> said = evaluate(model_, inputs_, scalings(), own);
  const std::int64_t width = trials_.front()->head.outputs();
  for (std::size_t k = 0; k < clips.size(); ++k) {
    const auto [first, end] = gang_.share(static_cast<std::int64_t>(clips[k].size()));
    std::vector<std::int64_t> places;
    for (std::int64_t i = first; i < end; ++i) places.push_back(i);
    const Tensor rows = torch::tensor(said[k].logits, torch::kFloat64).view({end - first, width});
    const Tensor all = gang_.gather(rows, 0, places, static_cast<std::int64_t>(clips[k].size()));
    said[k] = {};
    said[k].clips = static_cast<int>(clips[k].size());
    said[k].logits.assign(all.data_ptr<double>(), all.data_ptr<double>() + all.numel());
  }
  return said;
}

void Group::end_epoch() {
  std::vector<std::vector<int>> outer, inner;
  for (const TrialState* trial : trials_) {
    const bool finite = trial->divergence.empty();
    outer.push_back(finite ? trial->validation : std::vector<int>());
    inner.push_back(finite ? trial->inner : std::vector<int>());
  }
  const std::vector<Evaluation> outer_said = evaluate_together(outer), inner_said = evaluate_together(inner);
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    trials_[k]->end_epoch(outer_said[k], inner_said[k], inputs_.features.dataset().classes,
                          [&] { return own_part(model_.parameters, k); });
  }
}

void Group::compact() {
  std::vector<int> left;
  std::vector<std::int64_t> index;
  std::vector<TrialState*> trials;
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    if (trials_[k]->done()) continue;
    left.push_back(static_cast<int>(k));
    index.push_back(static_cast<std::int64_t>(k));
    trials.push_back(trials_[k]);
  }
  if (trials.size() == trials_.size()) return;
  trials_ = std::move(trials);
  if (trials_.empty()) return;
  model_ = model_.select(left);
  objective_ = Objective(trials_, model_);
  update_.select(model_, torch::tensor(index).to(model_.device()));
}

std::vector<Group> form_groups(const std::vector<std::unique_ptr<TrialState>>& states, const Features& features,
                               torch::Device device, const Gang& gang) {
  std::vector<std::vector<TrialState*>> members;
  for (const auto& state : states) {
    if (state->done()) continue;
    const auto fits = [&](const std::vector<TrialState*>& group) {
      return !device.is_cpu() && group.front()->epoch == state->epoch && group.front()->index == state->index;
    };
    const auto group = std::find_if(members.begin(), members.end(), fits);
    (group == members.end() ? members.emplace_back() : *group).push_back(state.get());
  }
  std::vector<Group> groups;
  for (auto& group : members) groups.emplace_back(std::move(group), features, device, gang);
  return groups;
}

}  // namespace medley::trainer
