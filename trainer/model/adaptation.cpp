#include "trainer/model/adaptation.h"

#include <cmath>

#include <torch/autograd.h>

#include "trainer/kernels/recorded.h"

namespace medley::trainer {
namespace {

using torch::Tensor;

Tensor zero_like(const Tensor& x) { return torch::zeros({}, x.options()); }

/// Centred rows over sqrt(n - 1), padding zero: then z' z is the covariance.
Tensor whiten(const Tensor& rows, const Tensor& real) {
  const Tensor mask = real.unsqueeze(2);
  const Tensor count = real.sum(1).to(rows.scalar_type()).view({-1, 1, 1});
  const Tensor mean = torch::where(mask, rows, zero_like(rows)).sum(1, true) / count.clamp_min(1);
  return torch::where(mask, rows - mean, zero_like(rows)) / (count - 1).clamp_min(1).sqrt();
}

/// Mean of x [trial, row] over real rows.
Tensor mean_of_real(const Tensor& x, const Tensor& real) {
  return torch::where(real, x, zero_like(x)).sum(1) / real.sum(1).clamp_min(1);
}

/// `losses` [trial] of trials with at least `least` real rows on each side; 0 elsewhere.
Tensor where_rows(const Tensor& losses, const Tensor& source_real, const Tensor& target_real, int least) {
  return torch::where((source_real.sum(1) >= least) & (target_real.sum(1) >= least), losses, zero_like(losses));
}

/// The discriminator's loss, of gradients reversed (DANN); with `probabilities` conditioned on them (CDAN).
Tensor adversarial_loss(const FusedModel& model, const Domains& domains, const Tensor& probabilities = {}) {
  std::vector<double> ramps;
  for (const double progress : domains.progress) ramps.push_back(reversal_ramp(progress));
  const Tensor ramp = torch::tensor(ramps, torch::kFloat64).to(model.device(), model.dtype());
  Tensor features = reverse_gradient(domains.features, ramp);
  if (probabilities.defined()) features = conditioned(features, probabilities);
  const Tensor logits = model.domain_logits(features);
  const std::int64_t half = logits.size(1) / 2;
  return domain_loss(logits.narrow(1, 0, half), domains.source_real, logits.narrow(1, half, half), domains.target_real);
}

}  // namespace

Tensor adaptation_loss(const FusedModel& model, const Domains& domains) {
  const sweep::Config& config = model.trials().front().config;
  const std::int64_t half = domains.features.size(1) / 2;
  const Tensor source = domains.features.narrow(1, 0, half), target = domains.features.narrow(1, half, half);
  switch (config.adaptation) {
    case sweep::Adaptation::kNone:
    case sweep::Adaptation::kMoments:
    case sweep::Adaptation::kCoralInput:
      return {};
    case sweep::Adaptation::kCoral:
      return coral_loss(source, domains.source_real, target, domains.target_real);
    case sweep::Adaptation::kMmd:
      return mmd_loss(source, domains.source_real, target, domains.target_real);
    case sweep::Adaptation::kDann:
      return adversarial_loss(model, domains);
    case sweep::Adaptation::kCdan:
      return adversarial_loss(model, domains, torch::softmax(domains.class_logits, 2));
    case sweep::Adaptation::kCmd:
      return cmd_loss(source, domains.source_real, target, domains.target_real, config.adaptation_moments);
  }
  return {};
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
  return where_rows(norm / (4 * d * d), source_real, target_real, 2);
}

Tensor mmd_loss(const Tensor& source, const Tensor& source_real, const Tensor& target, const Tensor& target_real) {
  const Tensor x = torch::cat({source, target}, 1), real = torch::cat({source_real, target_real}, 1);
  const Tensor both = real.unsqueeze(1) & real.unsqueeze(2);
  const Tensor squares = x.square().sum(2);
  const Tensor product = torch::bmm(x, x.transpose(1, 2));
  Tensor distance = (squares.unsqueeze(1) + squares.unsqueeze(2) - 2 * product).clamp_min(0);
  distance = torch::where(both, distance, zero_like(distance));
  const Tensor count = real.sum(1).to(x.scalar_type());
  const Tensor width =
      (distance.detach().sum({1, 2}) / (count * (count - 1)).clamp_min(1)).clamp_min(1e-12).view({-1, 1, 1});
  Tensor kernel = torch::zeros_like(distance);
  for (const double factor : {0.25, 0.5, 1.0, 2.0, 4.0}) kernel = kernel + torch::exp(-distance / (factor * width)) / 5;
  // Every pair has the weight w_i w_j, w = 1/n on one side and -1/m on the other: the three means at once.
  const auto share = [&](const Tensor& side) {
    return side.to(x.scalar_type()) / side.sum(1, true).clamp_min(1).to(x.scalar_type());
  };
  const Tensor weight = torch::cat({share(source_real), -share(target_real)}, 1);
  const Tensor sum = (kernel * weight.unsqueeze(1) * weight.unsqueeze(2)).sum({1, 2});
  return where_rows(sum, source_real, target_real, 1);
}

Tensor cmd_loss(const Tensor& source, const Tensor& source_real, const Tensor& target, const Tensor& target_real,
                int moments) {
  const auto mean = [](const Tensor& x, const Tensor& real) {  // [trial, 1, d]
    return torch::where(real.unsqueeze(2), x, zero_like(x)).sum(1, true) / real.sum(1).clamp_min(1).view({-1, 1, 1});
  };
  const auto norm = [](const Tensor& x) {  // [trial]; the slope at 0 counts as 0
    const Tensor squares = x.square().sum({1, 2}), positive = squares > 0;
    return torch::where(positive, torch::where(positive, squares, torch::ones_like(squares)).sqrt(),
                        zero_like(squares));
  };
  const Tensor x = source.tanh(), y = target.tanh();
  const Tensor mean_x = mean(x, source_real), mean_y = mean(y, target_real);
  const Tensor centred_x = x - mean_x, centred_y = y - mean_y;
  constexpr double kWidth = 2;  // of [-1, 1]
  Tensor sum = norm(mean_x - mean_y) / kWidth, power_x = centred_x, power_y = centred_y;
  for (int order = 2; order <= moments; ++order) {
    power_x = power_x * centred_x;
    power_y = power_y * centred_y;
    sum = sum + norm(mean(power_x, source_real) - mean(power_y, target_real)) / std::pow(kWidth, order);
  }
  return where_rows(sum, source_real, target_real, 1);
}

Tensor reverse_gradient(const Tensor& x, const Tensor& factor) {
  Tensor y = x.detach().clone();
  if (!x.requires_grad()) return y;
  record({x}, {y}, [factor](const std::vector<Tensor>& output_gradients) {
    return std::vector<Tensor>{output_gradients.front() * -factor.view({-1, 1, 1})};
  });
  return y;
}

double reversal_ramp(double progress) { return 2 / (1 + std::exp(-10 * progress)) - 1; }

Tensor domain_loss(const Tensor& source_logits, const Tensor& source_real, const Tensor& target_logits,
                   const Tensor& target_real) {
  // -log sigmoid(x) where the answer is "source", -log sigmoid(-x) where it is not.
  return (mean_of_real(-torch::log_sigmoid(source_logits), source_real) +
          mean_of_real(-torch::log_sigmoid(-target_logits), target_real)) /
         2;
}

Tensor conditioned(const Tensor& features, const Tensor& probabilities) {
  const Tensor p = probabilities.detach();
  return (p.unsqueeze(3) * features.unsqueeze(2)).flatten(2);
}

}  // namespace medley::trainer
