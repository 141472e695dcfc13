#include "trainer/group.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <torch/autograd.h>

#include "sweep/score/metric.h"
#include "trainer/gpu_features.h"
#include "trainer/kernels/adam_element.h"
#include "trainer/kernels/optimizer.h"
#include "trainer/model/adaptation.h"

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

AdamStep adam_step(const Config& config, double learning_rate, long step, double gradient_scale, bool decays) {
  AdamStep s;
  s.learning_rate = learning_rate;
  s.step = step;
  s.gradient_scale = gradient_scale;
  const double decay = decays ? config.weight_decay : 0;
  (config.optimizer == sweep::Optimizer::kAdamW ? s.decoupled_decay : s.l2_decay) = decay;
  return s;
}

std::vector<double> to_host(const Tensor& per_trial, std::size_t count) {
  if (!per_trial.defined()) return std::vector<double>(count, 0);
  const Tensor host = per_trial.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + count};
}

}  // namespace

Group::Group(std::vector<TrialState*> trials, const Features& features, torch::Device device, const Gang& gang,
             FusedModel::Kernels kernels)
    : trials_(std::move(trials)),
      inputs_{features, union_of_encoders(trials_)},
      model_(make_model(trials_, inputs_.encoders, features.dataset(), device, kernels)),
      first_moment_(torch::zeros_like(model_.parameters)),
      second_moment_(torch::zeros_like(model_.parameters)),
      gang_(gang) {
  inputs_.on_gpu = GpuFeatures::make(features, inputs_.encoders, model_);
  for (std::size_t k = 0; k < trials_.size(); ++k) restore(k);
  gang_.take_from_first(model_.parameters);
  cache();
}

void Group::cache() {
  ranges_.clear();
  for (int k = 0; k < model_.size(); ++k) ranges_.push_back(model_.ranges(k));
  if (model_.gpu()) {
    std::vector<std::vector<TrainedRange>> trained(ranges_.size());
    for (std::size_t k = 0; k < ranges_.size(); ++k) {
      for (const auto& r : ranges_[k]) trained[k].push_back({r.offset, r.size, r.decays});
    }
    use_ = model_.gpu()->mark_use(trained, model_.layout().size, model_.device());
  }
  const auto weigh = [&](auto get) {
    std::vector<double> weights;
    for (const TrialState* trial : trials_) weights.push_back(get(trial->spec.config));
    return torch::tensor(weights, torch::kFloat64).to(model_.device(), model_.dtype());
  };
  presence_weights_ = weigh([](const Config& c) { return c.presence_weight; });
  salience_weights_ = weigh([](const Config& c) { return c.head == sweep::Head::kSoftmax ? 1 : c.salience_weight; });
  adaptation_weights_ = weigh([](const Config& c) { return c.adaptation_weight; });
  alignment_weights_ = weigh([](const Config& c) { return c.alignment_weight; });
  // Terms that no trial of the group asks for are not computed.
  const auto optional = [&](auto get) { return weigh(get).ne(0).any().template item<bool>() ? weigh(get) : Tensor(); };
  focal_gammas_ = optional([](const Config& c) { return c.focal_gamma; });
  rdrop_weights_ = optional([](const Config& c) { return c.rdrop_weight; });
  balance_weights_ = optional([](const Config& c) {
    return sweep::is_scored(c) && c.weights != sweep::Weights::kUniform ? c.balance_weight : 0;
  });
}

long Group::steps() const {
  long most = 0;
  for (const TrialState* trial : trials_) most = std::max(most, trial->steps_per_epoch);
  return most;
}

void Group::begin_epoch() {
  order_.clear();
  target_order_.clear();
  const auto key = static_cast<std::uint32_t>(epoch());
  for (TrialState* trial : trials_) {
    if (trial->index == 0) trial->running = {};
    trial->running.epoch = trial->epoch;
    order_.push_back(
        permutation({trial->spec.seed, Purpose::kBatchOrder, key, 0}, static_cast<int>(trial->train.size())));
    target_order_.push_back(
        permutation({trial->spec.seed, Purpose::kTargetOrder, key, 0}, static_cast<int>(trial->target.size())));
  }
}

Group::Batch Group::draw_batch(long index) const {
  const Config& shared = trials_.front()->spec.config;
  const auto batch = static_cast<std::size_t>(shared.batch_size);
  const bool adapts = shared.adaptation != sweep::Adaptation::kNone;
  Batch b;
  b.clips.assign(trials_.size(), std::vector<int>(adapts ? 2 * batch : batch, -1));
  b.moves.resize(trials_.size());
  b.mixes.resize(trials_.size());
  if (adapts) {
    b.target_real = torch::zeros({static_cast<std::int64_t>(trials_.size()), shared.batch_size}, torch::kBool);
  }
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    const TrialState& trial = *trials_[k];
    b.draws.steps.push_back(static_cast<std::uint32_t>(trial.step));
    b.moves[k] = index < trial.steps_per_epoch && trial.divergence.empty();
    if (!b.moves[k]) continue;
    const std::size_t first = static_cast<std::size_t>(index) * batch;
    const std::size_t real = std::min(batch, order_[k].size() - first);
    for (std::size_t i = 0; i < real; ++i) {
      b.clips[k][i] = trial.train[static_cast<std::size_t>(order_[k][first + i])];
    }
    if (trial.spec.config.mixup > 0) {
      const auto step = static_cast<std::uint32_t>(trial.step);
      b.mixes[k].share = beta({trial.spec.seed, Purpose::kMixupShare, step, 0}, trial.spec.config.mixup);
      b.mixes[k].partner = permutation({trial.spec.seed, Purpose::kMixupPartner, step, 0}, static_cast<int>(real));
    }
    if (!adapts) continue;
    // Target clips in the epoch's order, again and again; never one clip twice in a batch.
    const std::size_t count = trial.target.size();
    for (std::size_t i = 0; i < std::min(batch, count); ++i) {
      const std::size_t at = (first + i) % count;
      b.clips[k][batch + i] = trial.target[static_cast<std::size_t>(target_order_[k][at])];
      b.target_real[static_cast<std::int64_t>(k)][static_cast<std::int64_t>(i)] = true;
    }
  }
  return b;
}

void Group::mix(const Batch& batch, Tensor& x) const {
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    const Mix& mix = batch.mixes[k];
    if (mix.partner.empty()) continue;
    const std::vector<std::int64_t> partner(mix.partner.begin(), mix.partner.end());
    Tensor rows = x[static_cast<std::int64_t>(k)].narrow(0, 0, static_cast<std::int64_t>(partner.size()));
    const Tensor others = rows.index_select(0, torch::tensor(partner).to(x.device()));
    rows.copy_(mix.share * rows + (1 - mix.share) * others);
  }
}

Targets Group::make_targets(const Batch& drawn, long index) const {
  const auto batch = static_cast<std::int64_t>(trials_.front()->spec.config.batch_size);
  const auto count = static_cast<std::int64_t>(trials_.size());
  const HeadShape& head = trials_.front()->head;
  Targets targets;
  targets.presence = torch::zeros({count, batch, head.presence}, torch::kFloat64);
  targets.salience = torch::zeros({count, batch, head.salience}, torch::kFloat64);
  targets.real = torch::zeros({count, batch}, torch::kBool);
  auto* presence = targets.presence.data_ptr<double>();
  auto* salience = targets.salience.data_ptr<double>();
  auto* real = targets.real.data_ptr<bool>();
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    const TrialState& trial = *trials_[k];
    for (std::int64_t i = 0; i < batch; ++i) {
      const auto row = static_cast<std::size_t>(index * batch + i);
      if (row >= order_[k].size() || !trial.divergence.empty()) continue;
      const auto from = static_cast<std::ptrdiff_t>(order_[k][row]);
      const auto to = static_cast<std::int64_t>(k) * batch + i;
      std::copy_n(trial.presence_targets.begin() + from * head.presence, head.presence, presence + to * head.presence);
      std::copy_n(trial.salience_targets.begin() + from * head.salience, head.salience, salience + to * head.salience);
      real[to] = true;
    }
  }
  mix(drawn, targets.presence);
  mix(drawn, targets.salience);
  targets.presence = targets.presence.to(model_.device(), model_.dtype());
  targets.salience = targets.salience.to(model_.device(), model_.dtype());
  targets.real = targets.real.to(model_.device());
  return targets;
}

std::vector<const Scaling*> Group::scalings() const {
  std::vector<const Scaling*> scalings;
  for (const TrialState* trial : trials_) scalings.push_back(&trial->scaling);
  return scalings;
}

std::vector<Tensor> Group::own_features(Batch& batch) const {
  const Config& shared = trials_.front()->spec.config;
  const std::int64_t size = shared.batch_size;
  const std::int64_t blocks = shared.adaptation == sweep::Adaptation::kNone ? 1 : 2;  // the batch, the target's rows
  const bool twice = rdrop_weights_.defined();
  const bool mixes =
      std::any_of(batch.mixes.begin(), batch.mixes.end(), [](const Mix& m) { return !m.partner.empty(); });
  const auto [first, end] = gang_.share(size);
  const std::int64_t own = end - first;
  std::vector<Tensor> features;
  if (gang_.alone() || mixes) {  // a row's partner may be another rank's
    features = inputs_.gather(model_, scalings(), batch.clips);
    for (Tensor& x : features) mix(batch, x);
  } else {
    std::vector<std::vector<int>> clips;
    for (const auto& whole : batch.clips) {
      clips.emplace_back();
      for (std::int64_t block = 0; block < blocks; ++block) {
        clips.back().insert(clips.back().end(), whole.begin() + block * size + first,
                            whole.begin() + block * size + end);
      }
    }
    features = inputs_.gather(model_, scalings(), clips);
  }
  for (Tensor& x : features) {
    if (mixes && !gang_.alone()) {
      Tensor kept = x.narrow(1, first, own);
      if (blocks == 2) kept = torch::cat({kept, x.narrow(1, size + first, own)}, 1);
      x = kept.contiguous();
    }
    // With R-Drop the batch comes again, for another dropout. It comes last, so that a trial's draws are the same
    // beside trials with R-Drop and without.
    if (twice) x = torch::cat({x, x.narrow(1, 0, own)}, 1);
  }
  if (!gang_.alone()) {
    const std::int64_t all = blocks + (twice ? 1 : 0);
    for (std::int64_t block = 0; block < all; ++block) {
      for (std::int64_t i = first; i < end; ++i) batch.draws.places.push_back(block * size + i);
    }
    batch.draws.total = all * size;
  }
  return features;
}

FusedModel::Output Group::gather(FusedModel::Output own, const Batch& batch) const {
  if (gang_.alone()) return own;
  const auto rows = [&](const Tensor& x, std::int64_t dim) {
    return gang_.gather(x, dim, batch.draws.places, batch.draws.total);
  };
  FusedModel::Output all;
  all.logits = rows(own.logits, 1);
  if (trials_.front()->spec.config.adaptation != sweep::Adaptation::kNone) all.fused = rows(own.fused, 1);
  if (balance_weights_.defined()) all.weights = rows(own.weights, 2);
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

/// The distance of the labelled rows' fused features from the target's.
Tensor Group::adaptation_loss(const FusedModel::Output& out, const Tensor& source_real,
                              const Tensor& target_real) const {
  const Config& shared = trials_.front()->spec.config;
  const auto batch = static_cast<std::int64_t>(shared.batch_size);
  const Tensor source = out.fused.narrow(1, 0, batch), target = out.fused.narrow(1, batch, batch);
  if (shared.adaptation == sweep::Adaptation::kCoral) return coral_loss(source, source_real, target, target_real);
  if (shared.adaptation == sweep::Adaptation::kMmd) return mmd_loss(source, source_real, target, target_real);
  std::vector<double> ramps;
  for (const TrialState* trial : trials_) {
    const auto steps = static_cast<double>(trial->spec.config.epochs * trial->steps_per_epoch);
    ramps.push_back(reversal_ramp(static_cast<double>(trial->step) / steps));
  }
  const Tensor ramp = torch::tensor(ramps, torch::kFloat64).to(model_.device(), model_.dtype());
  Tensor features = reverse_gradient(out.fused.narrow(1, 0, 2 * batch), ramp);
  if (shared.adaptation == sweep::Adaptation::kCdan) {
    const HeadShape& head = trials_.front()->head;
    const bool sets = shared.head == sweep::Head::kSetRatio;
    const Tensor logits = out.logits.narrow(1, 0, 2 * batch);
    features = conditioned(
        features, torch::softmax(logits.narrow(2, sets ? 0 : head.presence, sets ? head.presence : head.salience), 2));
  }
  const Tensor logits = model_.domain_logits(features);
  return domain_loss(logits.narrow(1, 0, batch), source_real, logits.narrow(1, batch, batch), target_real);
}

void Group::step() {
  const Config& shared = trials_.front()->spec.config;
  const int epoch = this->epoch();
  const long index = this->index();
  for (TrialState* trial : trials_) trial->index = index + 1;
  const bool adapts = shared.adaptation != sweep::Adaptation::kNone;
  Batch batch = draw_batch(index);
  std::vector<bool> moves = batch.moves;
  const auto size = static_cast<std::int64_t>(shared.batch_size);
  // Rows: the batch, the target's, and with R-Drop the batch again.
  const bool twice = rdrop_weights_.defined();
  const std::int64_t again = adapts ? 2 * size : size;
  const std::vector<Tensor> features = own_features(batch);
  const FusedModel::Output out = gather(model_.forward(features, &batch.draws), batch);

  const Targets once = make_targets(batch, index);
  Targets targets = once;
  Tensor logits = adapts || twice ? out.logits.narrow(1, 0, size) : out.logits;
  if (twice) {
    logits = torch::cat({logits, out.logits.narrow(1, again, size)}, 1);
    targets.presence = torch::cat({once.presence, once.presence}, 1);
    targets.salience = torch::cat({once.salience, once.salience}, 1);
    targets.real = torch::cat({once.real, once.real & (rdrop_weights_ > 0).unsqueeze(1)}, 1);
  }
  const LossTerms terms = head_losses(shared, logits, targets, focal_gammas_);
  Tensor adaptation;
  if (adapts) adaptation = adaptation_loss(out, once.real, batch.target_real.to(model_.device()));
  Tensor losses = terms.salience * salience_weights_;
  if (terms.presence.defined()) losses = losses + terms.presence * presence_weights_;
  if (terms.alignment.defined()) losses = losses + terms.alignment * alignment_weights_;
  if (adaptation.defined()) losses = losses + adaptation * adaptation_weights_;
  if (twice) {
    losses = losses + rdrop_weights_ * rdrop_loss(shared, trials_.front()->head, out.logits.narrow(1, 0, size),
                                                  out.logits.narrow(1, again, size), once.real);
  }
  if (balance_weights_.defined()) {
    losses = losses + balance_weights_ * balance_loss(out.weights.narrow(2, 0, size), model_.mask(), once.real);
  }

  const auto total = to_host(losses, trials_.size()), presence = to_host(terms.presence, trials_.size()),
             salience = to_host(terms.salience, trials_.size()), adapted = to_host(adaptation, trials_.size());
  std::vector<double> rates(trials_.size());
  const auto freeze = [&](TrialState& trial, const char* term) {
    trial.divergence = std::string("the ") + term + " is not finite in epoch " + std::to_string(epoch) + ", step " +
                       std::to_string(index + 1);
  };
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    if (!moves[k]) continue;
    TrialState& trial = *trials_[k];
    const Config& config = trial.spec.config;
    const char* term = !std::isfinite(presence[k])   ? "presence loss"
                       : !std::isfinite(salience[k]) ? "salience loss"
                       : !std::isfinite(adapted[k])  ? "adaptation loss"
                       : !std::isfinite(total[k])    ? "total loss"
                                                     : nullptr;
    if (term) {
      freeze(trial, term);
      moves[k] = false;
      continue;
    }
    const auto decay = config.schedule == sweep::Schedule::kCosine ? Decay::kCosine : Decay::kConstant;
    rates[k] = scheduled_rate(config.learning_rate, decay, trial.step, config.warmup_epochs * trial.steps_per_epoch,
                              config.epochs * trial.steps_per_epoch);
    ++trial.step;
    trial.running.learning_rate = rates[k];
    trial.running.loss += total[k];
    trial.running.presence_loss += presence[k];
    trial.running.salience_loss += salience[k];
    trial.running.adaptation_loss += adapted[k];
  }

  // The large gradients are used up while they are made, unless they are only known at the end: a norm to clip by, or
  // the other ranks' share.
  const bool at_once = model_.by_pairs() && gang_.alone() &&
                       std::all_of(trials_.begin(), trials_.end(),
                                   [](const TrialState* trial) { return trial->spec.config.grad_clip == 0; });
  std::vector<bool> finite(trials_.size(), true);
  FusedModel::ProjectionSink sink;
  if (at_once) {
    sink = [&](int trial, int encoder, const Tensor& inputs, const Tensor& outputs) {
      const auto k = static_cast<std::size_t>(trial);
      if (moves[k] && !update_projection(k, encoder, rates[k], inputs, outputs)) finite[k] = false;
    };
  }
  model_.backward(losses, sink);
  torch::NoGradGuard no_grad;
  sum_gradients();
  if (model_.gpu()) update_on_gpu(moves, rates, finite);
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    if (!moves[k]) continue;
    if (!model_.gpu() && !update(k, rates[k], at_once ? Which::kButProjectionWeights : Which::kAll)) finite[k] = false;
    if (!finite[k]) freeze(*trials_[k], "gradient");
  }
}

void Group::update_on_gpu(const std::vector<bool>& moves, const std::vector<double>& rates, std::vector<bool>& finite) {
  std::vector<TrialStep> steps(trials_.size());
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    if (!moves[k]) {
      steps[k].moves = false;
      continue;
    }
    const Config& config = trials_[k]->spec.config;
    steps[k] = {adam_step(config, rates[k], trials_[k]->step, 1, true), config.grad_clip, true};
  }
  const std::vector<int> said =
      model_.gpu()->adam(model_.parameters, model_.gradients, first_moment_, second_moment_, use_, steps);
  for (std::size_t k = 0; k < said.size(); ++k) finite[k] = said[k] != 0;
}

bool Group::update_projection(std::size_t k, int encoder, double learning_rate, const Tensor& inputs,
                              const Tensor& outputs) {
  const TrialState& trial = *trials_[k];
  const Parameter& weight =
      model_.layout().at("projection." + model_.layout().encoders[static_cast<std::size_t>(encoder)].name + ".weight");
  const AdamStep s = adam_step(trial.spec.config, learning_rate, trial.step, 1, weight.decays);
  const std::int64_t at = static_cast<std::int64_t>(k) * model_.layout().size + weight.offset;
  bool finite = true;
  AT_DISPATCH_FLOATING_TYPES(model_.dtype(), "update_projection", [&] {
    finite = adam_update_product(model_.parameters.data_ptr<scalar_t>() + at, first_moment_.data_ptr<scalar_t>() + at,
                                 second_moment_.data_ptr<scalar_t>() + at, inputs.data_ptr<scalar_t>(),
                                 outputs.data_ptr<scalar_t>(), static_cast<int>(inputs.size(0)),
                                 static_cast<int>(inputs.size(1)), static_cast<int>(outputs.size(1)), s);
  });
  return finite;
}

bool Group::update(std::size_t k, double learning_rate, Which which) {
  const TrialState& trial = *trials_[k];
  const Config& config = trial.spec.config;
  const auto row = static_cast<std::int64_t>(k);
  const std::vector<FusedModel::Range>& ranges = ranges_[k];
  Tensor p = model_.parameters[row], g = model_.gradients[row], m = first_moment_[row], v = second_moment_[row];
  if (!model_.device().is_cpu()) {
    const double squares = config.grad_clip > 0 ? g.square().sum(torch::kFloat64).item<double>() : 0;
    const double scale = clip_factor(squares, config.grad_clip);
    for (const auto& range : ranges) {
      const AdamStep s = adam_step(config, learning_rate, trial.step, scale, range.decays);
      const auto part = [&](const Tensor& x) { return x.narrow(0, range.offset, range.size); };
      Tensor pp = part(p), mm = part(m), vv = part(v);
      const Tensor gradient = part(g) * s.gradient_scale + pp * s.l2_decay;
      mm.mul_(AdamStep::kBeta1).add_(gradient, 1 - AdamStep::kBeta1);
      vv.mul_(AdamStep::kBeta2).addcmul_(gradient, gradient, 1 - AdamStep::kBeta2);
      const double correction1 = 1 - std::pow(AdamStep::kBeta1, static_cast<double>(s.step));
      const double correction2 = 1 - std::pow(AdamStep::kBeta2, static_cast<double>(s.step));
      pp.mul_(1 - s.learning_rate * s.decoupled_decay);
      pp.addcdiv_(mm, (vv / correction2).sqrt_().add_(AdamStep::kEpsilon), -s.learning_rate / correction1);
    }
    return torch::isfinite(p).all().item<bool>();
  }
  bool finite = true;
  AT_DISPATCH_FLOATING_TYPES(model_.dtype(), "update", [&] {
    auto *pp = p.data_ptr<scalar_t>(), *gg = g.data_ptr<scalar_t>(), *mm = m.data_ptr<scalar_t>(),
         *vv = v.data_ptr<scalar_t>();
    double squares = 0;
    if (config.grad_clip > 0) {
      for (const auto& r : ranges) squares += sum_of_squares(gg + r.offset, static_cast<std::size_t>(r.size));
    }
    const double scale = clip_factor(squares, config.grad_clip);
    for (const auto& r : ranges) {
      if (which == Which::kButProjectionWeights && r.encoder >= 0 && r.decays) continue;
      const AdamStep s = adam_step(config, learning_rate, trial.step, scale, r.decays);
      finite &=
          adam_update(pp + r.offset, gg + r.offset, mm + r.offset, vv + r.offset, static_cast<std::size_t>(r.size), s);
    }
  });
  return finite;
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
  return {own_part(model_.parameters, k), own_part(first_moment_, k), own_part(second_moment_, k)};
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
  fill(trial.resumed.first_moment, first_moment_);
  fill(trial.resumed.second_moment, second_moment_);
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
  const int epoch = this->epoch();
  std::vector<std::vector<int>> outer, inner;
  for (const TrialState* trial : trials_) {
    const bool finite = trial->divergence.empty();
    outer.push_back(finite ? trial->validation : std::vector<int>());
    inner.push_back(finite ? trial->inner : std::vector<int>());
  }
  const std::vector<Evaluation> outer_said = evaluate_together(outer), inner_said = evaluate_together(inner);
  const sweep::Classes& classes = inputs_.features.dataset().classes;
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    TrialState& trial = *trials_[k];
    ++trial.epoch;
    trial.index = 0;
    if (!trial.divergence.empty()) continue;
    const auto surface_of = [&](const Evaluation& said, const std::vector<sweep::Label>& truth) {
      const sweep::Predictions p = predictions(trial.spec.config, said, classes);
      const std::vector<double> fused(p.fused.begin(), p.fused.end());
      return sweep::threshold_surface({fused.data(), p.clips, classes.count()}, truth, classes);
    };
    const auto best = surface_of(outer_said[k], trial.validation_truth).best();
    sweep::EpochMetrics& metrics = trial.running;
    const auto steps = static_cast<double>(trial.steps_per_epoch);
    metrics.loss /= steps;
    metrics.presence_loss /= steps;
    metrics.salience_loss /= steps;
    metrics.adaptation_loss /= steps;
    metrics.validation_loss = evaluation_loss(trial.spec.config, outer_said[k], trial.validation_truth, classes);
    metrics.thresholds = best.thresholds;
    metrics.validation = best.accuracy;
    trial.result.epochs.push_back(metrics);
    const bool better = best.accuracy.score() > trial.best_score;
    Tensor own;
    if (better) {
      trial.best_score = best.accuracy.score();
      trial.best_epoch = epoch;
      trial.paper_parameters = own = own_part(model_.parameters, k);
    }
    bool held_out = false;
    if (trial.spec.config.inner_fold) {
      const auto surface = surface_of(inner_said[k], trial.inner_truth);
      const double score = surface.best().accuracy.score();
      if (score > trial.best_inner_score) {
        trial.best_inner_score = score;
        trial.best_inner_epoch = epoch;
        trial.inner_surface = surface;
        held_out = true;
      }
    } else {
      held_out = trial.spec.config.patience == 0 && epoch == trial.spec.config.epochs;
    }
    if (held_out) trial.held_out_parameters = own.defined() ? own : own_part(model_.parameters, k);
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
  cache();
  const Tensor rows = torch::tensor(index).to(model_.device());
  first_moment_ = first_moment_.index_select(0, rows);
  second_moment_ = second_moment_.index_select(0, rows);
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
