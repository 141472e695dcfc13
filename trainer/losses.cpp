#include "trainer/losses.h"

#include <torch/torch.h>

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

LossTerms head_losses(const sweep::Config& config, const Tensor& logits, const Targets& targets) {
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

}  // namespace medley::trainer
