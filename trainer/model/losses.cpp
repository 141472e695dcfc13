#include "trainer/model/losses.h"

#include <algorithm>
#include <cmath>

#include <torch/autograd.h>

#include "trainer/kernels/head_terms.h"
#include "trainer/kernels/recorded.h"
#include "trainer/model/label_sets.h"

namespace medley::trainer {
namespace {

using torch::Tensor;

Tensor zero_like(const Tensor& x) { return torch::zeros({}, x.options()); }

/// [trial, row] -> [trial], over real rows only; `where`, so that padding cannot leak even as NaN.
Tensor mean_of_real(const Tensor& per_row, const Tensor& real) {
  return torch::where(real, per_row, zero_like(per_row)).sum(1) / real.sum(1).clamp_min(1);
}

/// KL(t || softmax(logits)) of every row; t need not sum to 1.
Tensor divergence(const Tensor& t, const Tensor& logits) {
  return torch::xlogy(t, t).sum(2) - (t * torch::log_softmax(logits, 2)).sum(2);
}

}  // namespace

Tensor presence_loss(const Tensor& logits, const Targets& targets) {
  // BCE = max(x, 0) - x y + log(1 + exp(-|x|))
  const Tensor bce = logits.clamp_min(0) - logits * targets.presence + torch::log1p(torch::exp(-logits.abs()));
  return mean_of_real(bce.mean(2), targets.real);
}

Tensor focal(const Tensor& divergence, const Tensor& gamma) {
  if (!gamma.defined()) return divergence;
  // Rounding may leave a divergence just below 0, and the power has no slope there.
  const Tensor kl = divergence.clamp_min(1e-12);
  return torch::pow(-torch::expm1(-kl), gamma.unsqueeze(1)) * kl;
}

Tensor salience_loss(const Tensor& logits, const Targets& targets, const Tensor& focal_gamma) {
  return mean_of_real(focal(divergence(targets.salience, logits), focal_gamma), targets.real);
}

Tensor ratio_loss(const Tensor& logits, const Targets& targets) {
  const auto shape = logits.sizes();
  const auto by_pair = [&](const Tensor& x) {
    return x.view({shape[0], shape[1], shape[2] / LabelSets::kRatios, LabelSets::kRatios});
  };
  const Tensor t = by_pair(targets.salience), mass = t.sum(3);
  const Tensor entropy = torch::xlogy(t, t).sum(3) - torch::xlogy(mass, mass);
  const Tensor rows = (entropy - (t * torch::log_softmax(by_pair(logits.contiguous()), 3)).sum(3)).sum(2);
  const Tensor sum = torch::where(targets.real, rows, zero_like(rows)).sum(1);
  const Tensor blends = torch::where(targets.real, mass.sum(2), zero_like(rows)).sum(1);
  return torch::where(blends > 0, sum / blends.clamp_min(1e-6), zero_like(sum));
}

Tensor alignment_loss(const Tensor& presence, const Tensor& salience, const Tensor& real) {
  const Tensor p = torch::log_softmax(salience, 2), odds = torch::log_sigmoid(presence);
  const Tensor q = odds - odds.logsumexp(2, true);
  return mean_of_real((p.exp() * (p - q)).sum(2), real);
}

Tensor class_logits(const sweep::Config& config, const HeadShape& head, const Tensor& logits) {
  switch (config.head) {
    case sweep::Head::kDecoupled:
    case sweep::Head::kSoftmax:
    case sweep::Head::kLabel:
      return logits.narrow(2, head.presence, head.salience);
    case sweep::Head::kSetRatio:
      return logits.narrow(2, 0, head.presence);
  }
  return {};
}

Tensor rdrop_loss(const sweep::Config& config, const HeadShape& head, const Tensor& first, const Tensor& second,
                  const Tensor& real) {
  // KL(p||q) + KL(q||p) = sum (p - q)(log p - log q); of two Bernoullis (p - q)(logit p - logit q).
  const auto symmetric = [](const Tensor& a, const Tensor& b) {
    const Tensor p = torch::log_softmax(a, 2), q = torch::log_softmax(b, 2);
    return ((p.exp() - q.exp()) * (p - q)).sum(2);
  };
  Tensor rows = symmetric(class_logits(config, head, first), class_logits(config, head, second));
  if (config.head == sweep::Head::kDecoupled) {
    const Tensor a = first.narrow(2, 0, head.presence), b = second.narrow(2, 0, head.presence);
    rows = rows + ((torch::sigmoid(a) - torch::sigmoid(b)) * (a - b)).mean(2);
  }
  return mean_of_real(rows / 2, real);
}

Tensor balance_loss(const Tensor& weights, const Tensor& active, const Tensor& real) {
  const Tensor masked = torch::where(real.unsqueeze(1), weights, zero_like(weights));
  const Tensor load = masked.sum(2) / real.sum(1, true).clamp_min(1);  // [trial, encoder]
  const Tensor count = active.sum(1, true), mean = load.sum(1, true) / count;
  const Tensor deviation = torch::where(active, load - mean, zero_like(load));
  return deviation.square().sum(1) / count.squeeze(1) / mean.squeeze(1).square().clamp_min(1e-12);
}

LossTerms composite_head_losses(const sweep::Config& config, const Tensor& logits, const Targets& targets,
                                const Tensor& focal_gamma) {
  LossTerms terms;
  const auto salience = targets.salience.size(2), presence = logits.size(2) - salience;
  const Tensor first = logits.narrow(2, 0, presence), second = logits.narrow(2, presence, salience);
  switch (config.head) {
    case sweep::Head::kSoftmax:
    case sweep::Head::kLabel:
      terms.salience = salience_loss(second, targets, focal_gamma);
      break;
    case sweep::Head::kDecoupled:
      terms.presence = presence_loss(first, targets);
      terms.salience = salience_loss(second, targets, focal_gamma);
      if (config.alignment) {
        terms.alignment = alignment_loss(first, second, targets.real);
      }
      break;
    case sweep::Head::kSetRatio:
      terms.presence = mean_of_real(focal(divergence(targets.presence, first), focal_gamma), targets.real);
      terms.salience = ratio_loss(second, targets);
      break;
  }
  return terms;
}

LossTerms head_losses(const sweep::Config& config, const Tensor& logits, const Targets& targets,
                      const Tensor& focal_gamma) {
  const bool plain = !focal_gamma.defined() && config.head != sweep::Head::kSetRatio &&
                     (config.head != sweep::Head::kDecoupled || !config.alignment);
  if (!plain || !logits.device().is_cpu()) return composite_head_losses(config, logits, targets, focal_gamma);
  torch::NoGradGuard no_grad;
  const bool decoupled = config.head == sweep::Head::kDecoupled;
  const auto trials = logits.size(0), rows = logits.size(1), width = logits.size(2),
             classes = decoupled ? width / 2 : width;
  const Tensor input = logits.contiguous();
  Tensor gradient = torch::zeros_like(input);  // of each term by its own logits
  Tensor presence = torch::zeros({trials}, logits.options()), salience = torch::zeros_like(presence);
  AT_DISPATCH_FLOATING_TYPES(logits.scalar_type(), "head_losses", [&] {
    const auto *x = input.data_ptr<scalar_t>(), *y = targets.presence.data_ptr<scalar_t>(),
               *t = targets.salience.data_ptr<scalar_t>();
    const bool* real = targets.real.data_ptr<bool>();
    auto* g = gradient.data_ptr<scalar_t>();
    for (std::int64_t k = 0; k < trials; ++k, real += rows) {
      const auto count = static_cast<scalar_t>(std::max<std::int64_t>(1, std::count(real, real + rows, true)));
      scalar_t bce = 0, kl = 0;
      for (std::int64_t i = 0; i < rows; ++i, x += width, y += classes, t += classes, g += width) {
        if (!real[i]) continue;
        if (decoupled) add_cross_entropy(x, y, static_cast<int>(classes), count, bce, g);
        add_divergence(x + (width - classes), t, static_cast<int>(classes), count, kl, g + (width - classes));
      }
      presence.data_ptr<scalar_t>()[k] = bce / (static_cast<scalar_t>(classes) * count);
      salience.data_ptr<scalar_t>()[k] = kl / count;
    }
  });
  LossTerms terms;
  terms.salience = salience;
  if (decoupled) terms.presence = presence;
  if (!logits.requires_grad()) return terms;
  record({logits}, decoupled ? std::vector<Tensor>{salience, presence} : std::vector<Tensor>{salience},
         [=](const std::vector<Tensor>& output_gradients) {
           Tensor d = gradient;
           const auto scale = [&](std::int64_t first, const Tensor& by) {
             Tensor part = d.narrow(2, first, classes);
             by.defined() ? part.mul_(by.view({trials, 1, 1})) : part.zero_();
           };
           scale(width - classes, output_gradients[0]);
           if (decoupled) scale(0, output_gradients[1]);
           return std::vector<Tensor>{d};
         });
  return terms;
}

}  // namespace medley::trainer
