#include "trainer/losses.h"

#include <algorithm>
#include <cmath>

#include <torch/torch.h>

#include "trainer/recorded.h"

namespace medley::trainer {
namespace {

using torch::Tensor;

Tensor zero_like(const Tensor& x) { return torch::zeros({}, x.options()); }

/// [trial, row] -> [trial], over real rows only; `where`, so that padding cannot leak even as NaN.
Tensor mean_of_real(const Tensor& per_row, const Tensor& real) {
  return torch::where(real, per_row, zero_like(per_row)).sum(1) / real.sum(1).clamp_min(1);
}

/// Centred rows over sqrt(n - 1), padding zero: then z' z is the covariance.
Tensor whiten(const Tensor& rows, const Tensor& real) {
  const Tensor mask = real.unsqueeze(2);
  const Tensor count = real.sum(1).to(rows.scalar_type()).view({-1, 1, 1});
  const Tensor mean = torch::where(mask, rows, zero_like(rows)).sum(1, true) / count.clamp_min(1);
  return torch::where(mask, rows - mean, zero_like(rows)) / (count - 1).clamp_min(1).sqrt();
}

}  // namespace

Tensor presence_loss(const Tensor& logits, const Targets& targets) {
  // BCE = max(x, 0) - x y + log(1 + exp(-|x|))
  const Tensor bce = logits.clamp_min(0) - logits * targets.presence + torch::log1p(torch::exp(-logits.abs()));
  return mean_of_real(bce.mean(2), targets.real);
}

Tensor salience_loss(const Tensor& logits, const Targets& targets) {
  const Tensor negative_entropy = torch::xlogy(targets.salience, targets.salience).sum(2);
  const Tensor cross = (targets.salience * torch::log_softmax(logits, 2)).sum(2);
  return mean_of_real(negative_entropy - cross, targets.real);
}

Tensor coral_loss(const Tensor& source, const Tensor& source_real, const Tensor& target, const Tensor& target_real) {
  // With Z = [Z_s; Z_t] and signs s: ||Z_s'Z_s - Z_t'Z_t||_F^2 = sum_ij s_i s_j (z_i . z_j)^2, rows^2 numbers
  // instead of d^2.
  const Tensor z = torch::cat({whiten(source, source_real), whiten(target, target_real)}, 1);
  const Tensor sign = torch::cat(
      {torch::ones({source.size(1)}, source.options()), -torch::ones({target.size(1)}, target.options())}, 0);
  const Tensor gram = torch::bmm(z, z.transpose(1, 2));
  const Tensor norm = (gram.square() * (sign.unsqueeze(0) * sign.unsqueeze(1))).sum({1, 2});
  const auto d = static_cast<double>(source.size(2));
  const Tensor usable = (source_real.sum(1) > 1) & (target_real.sum(1) > 1);
  return torch::where(usable, norm / (4 * d * d), zero_like(norm));
}

LossTerms composite_head_losses(const sweep::Config& config, const Tensor& logits, const Targets& targets) {
  LossTerms terms;
  if (config.head == sweep::Head::kSoftmax) {
    terms.salience = salience_loss(logits, targets);
    return terms;
  }
  const auto classes = logits.size(2) / 2;
  terms.presence = presence_loss(logits.narrow(2, 0, classes), targets);
  terms.salience = salience_loss(logits.narrow(2, classes, classes), targets);
  return terms;
}

LossTerms head_losses(const sweep::Config& config, const Tensor& logits, const Targets& targets) {
  if (!logits.device().is_cpu()) return composite_head_losses(config, logits, targets);
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
        if (decoupled) {
          for (std::int64_t c = 0; c < classes; ++c) {
            // BCE = max(x, 0) - x y + log(1 + exp(-|x|))
            const scalar_t small = std::exp(-std::abs(x[c]));
            bce += std::max(x[c], scalar_t(0)) - x[c] * y[c] + std::log1p(small);
            const scalar_t sigmoid = (x[c] >= 0 ? scalar_t(1) : small) / (1 + small);
            g[c] = (sigmoid - y[c]) / (static_cast<scalar_t>(classes) * count);
          }
        }
        const auto *u = x + (width - classes), *top = std::max_element(u, u + classes);
        auto* gu = g + (width - classes);
        scalar_t sum = 0, mass = 0;
        for (std::int64_t c = 0; c < classes; ++c) sum += std::exp(u[c] - *top);
        const scalar_t log_sum = *top + std::log(sum);
        for (std::int64_t c = 0; c < classes; ++c) {
          mass += t[c];
          if (t[c] != 0) kl += t[c] * (std::log(t[c]) - (u[c] - log_sum));
        }
        for (std::int64_t c = 0; c < classes; ++c) gu[c] = (mass * std::exp(u[c] - log_sum) - t[c]) / count;
        // A NaN beside classes without mass is still a NaN.
        kl += scalar_t(0) * log_sum;
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
