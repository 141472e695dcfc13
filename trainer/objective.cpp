#include "trainer/objective.h"

#include <algorithm>

#include "trainer/model/adaptation.h"

namespace medley::trainer {
namespace {

using sweep::Config;
using torch::Tensor;
using Kind = Term::Kind;

/// In the order in which they are added.
constexpr Kind kKinds[] = {Kind::kPresence,   Kind::kSalience, Kind::kLabel,  Kind::kAlignment,
                           Kind::kAdaptation, Kind::kRdrop,    Kind::kBalance};

/// Weights of the head's own terms.
struct HeadWeights {
  double presence, salience, label;
};

HeadWeights head_weights(const Config& c) {
  switch (c.head) {
    case sweep::Head::kSoftmax:
      return {0, 1, 0};
    case sweep::Head::kLabel:
      return {0, 0, 1};
    case sweep::Head::kDecoupled:
    case sweep::Head::kSetRatio:
      return {c.presence_weight, c.salience_weight, 0};
  }
  return {};
}

double weight_of(Kind kind, const Config& c) {
  switch (kind) {
    case Kind::kPresence:
      return head_weights(c).presence;
    case Kind::kSalience:
      return head_weights(c).salience;
    case Kind::kLabel:
      return head_weights(c).label;
    case Kind::kAlignment:
      return c.head == sweep::Head::kDecoupled && c.alignment ? c.alignment_weight : 0;
    case Kind::kAdaptation:
      return sweep::has_adaptation_loss(c) ? c.adaptation_weight : 0;
    case Kind::kRdrop:
      return c.rdrop_weight;
    case Kind::kBalance:
      return sweep::is_scored(c) && c.weights != sweep::Weights::kUniform ? c.balance_weight : 0;
  }
  return 0;
}

}  // namespace

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kPresence:
      return "presence";
    case Kind::kSalience:
      return "salience";
    case Kind::kLabel:
      return "label";
    case Kind::kAlignment:
      return "alignment";
    case Kind::kAdaptation:
      return "adaptation";
    case Kind::kRdrop:
      return "r-drop";
    case Kind::kBalance:
      return "balance";
  }
  return "";
}

Objective::Objective(const std::vector<TrialState*>& trials, const FusedModel& model) : trials_(trials) {
  const auto of_trials = [&](auto get) {
    std::vector<double> numbers;
    for (const TrialState* trial : trials_) numbers.push_back(get(trial->spec.config));
    return numbers;
  };
  const auto on_device = [&](const std::vector<double>& numbers) {
    const bool any = std::any_of(numbers.begin(), numbers.end(), [](double number) { return number != 0; });
    return any ? torch::tensor(numbers, torch::kFloat64).to(model.device(), model.dtype()) : Tensor();
  };
  weights_.resize(std::size(kKinds));
  for (const Kind kind : kKinds) {
    std::vector<double> weights = of_trials([kind](const Config& c) { return weight_of(kind, c); });
    weights_[static_cast<std::size_t>(kind)] = on_device(weights);
    // Terms that no trial of the group asks for are not computed.
    if (has(kind)) terms_.push_back({kind, std::move(weights), {}});
  }
  focal_gammas_ = on_device(of_trials([](const Config& c) { return c.focal_gamma; }));
  const Config& shared = trials_.front()->spec.config;
  blocks_ = {shared.batch_size, sweep::has_adaptation_loss(shared), has(Kind::kRdrop)};
}

/// With R-Drop over both dropouts of the batch.
LossTerms Objective::head_terms(const FusedModel::Output& out, const Targets& once) const {
  const Config& shared = trials_.front()->spec.config;
  if (!blocks_.again) {
    return head_losses(shared, blocks_.target ? blocks_.batch_of(out.logits) : out.logits, once, focal_gammas_);
  }
  const auto twice = [](const Tensor& x) { return torch::cat({x, x}, 1); };
  const Tensor again = once.real & (weights(Kind::kRdrop) > 0).unsqueeze(1);
  const Targets targets{twice(once.presence), twice(once.salience), torch::cat({once.real, again}, 1)};
  const Tensor logits = torch::cat({blocks_.batch_of(out.logits), blocks_.again_of(out.logits)}, 1);
  return head_losses(shared, logits, targets, focal_gammas_);
}

Tensor Objective::loss(Kind kind, const LossTerms& head, const FusedModel& model, const FusedModel::Output& out,
                       const Batch& batch, const Targets& targets) const {
  const TrialState& first = *trials_.front();
  const Config& shared = first.spec.config;
  switch (kind) {
    case Kind::kPresence:
      return head.presence;
    case Kind::kSalience:
    case Kind::kLabel:
      return head.salience;
    case Kind::kAlignment:
      return head.alignment;
    case Kind::kAdaptation: {
      std::vector<double> progress;
      for (const TrialState* trial : trials_) progress.push_back(trial->progress());
      const Domains domains{blocks_.drawn_of(out.fused), class_logits(shared, first.head, blocks_.drawn_of(out.logits)),
                            targets.real, batch.target_real.to(model.device()), std::move(progress)};
      return adaptation_loss(model, domains);
    }
    case Kind::kRdrop:
      return rdrop_loss(shared, first.head, blocks_.batch_of(out.logits), blocks_.again_of(out.logits), targets.real);
    case Kind::kBalance:
      return balance_loss(blocks_.batch_of(out.weights, 2), model.mask(), targets.real);
  }
  return {};
}

Objective::Losses Objective::of(const FusedModel& model, const FusedModel::Output& out, const Batch& batch,
                                const Targets& targets) const {
  const LossTerms head = head_terms(out, targets);
  Losses losses{{}, terms_};
  for (Term& term : losses.terms) term.losses = loss(term.kind, head, model, out, batch, targets);
  for (const Term& term : losses.terms) {
    const Tensor weighted = term.losses * weights(term.kind);
    losses.total = losses.total.defined() ? losses.total + weighted : weighted;
  }
  return losses;
}

}  // namespace medley::trainer
