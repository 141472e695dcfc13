#include "trainer/input_adaptation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include <torch/autograd.h>

namespace medley::trainer {
namespace {

using torch::Tensor;

/// Measured (docs/method.md). Of a large shift and few clips more gives less back. Less lets few clips decide a column.
constexpr double kPriorClips = 16;
/// Share of the unit covariance that both sides get: directions of next to no variance are not blown up.
constexpr double kRidge = 0.1;

/// Share of an estimate's own value beside its prior's.
double own_share(double clips) { return clips / (clips + kPriorClips); }

/// Means of the columns over the clips `rows` of the target, shrunk to `prior` [dim].
std::vector<double> shrunk_mean(const TargetFeatures& target, const std::vector<std::size_t>& rows,
                                const std::vector<double>& prior) {
  const auto dim = static_cast<std::size_t>(target.dim);
  std::vector<double> mean(dim, 0);
  for (const std::size_t row : rows) {
    for (std::size_t j = 0; j < dim; ++j) mean[j] += target.z[row * dim + j];
  }
  const auto count = static_cast<double>(rows.size());
  for (std::size_t j = 0; j < dim; ++j) {
    mean[j] = own_share(count) * (mean[j] / count) + (1 - own_share(count)) * prior[j];
  }
  return mean;
}

/// z less the mean of its clip's actor, whose prior is that of all clips of the target, whose prior is 0.
std::vector<double> centred(const TargetFeatures& target) {
  const auto dim = static_cast<std::size_t>(target.dim);
  std::map<std::string, std::vector<std::size_t>> rows_of;
  for (std::size_t i = 0; i < target.actors.size(); ++i) rows_of[target.actors[i]].push_back(i);
  std::vector<std::size_t> all(target.actors.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const std::vector<double> pooled = shrunk_mean(target, all, std::vector<double>(dim, 0));
  std::vector<double> z = target.z;
  for (const auto& [actor, rows] : rows_of) {
    const std::vector<double> mean = actor.empty() ? pooled : shrunk_mean(target, rows, pooled);
    for (const std::size_t row : rows) {
      for (std::size_t j = 0; j < dim; ++j) z[row * dim + j] -= mean[j];
    }
  }
  return z;
}

/// Standard deviations of the columns, of variances that are shrunk to 1.
std::vector<double> pooled_deviation(const TargetFeatures& target) {
  const auto dim = static_cast<std::size_t>(target.dim);
  const auto count = static_cast<double>(target.actors.size());
  std::vector<double> mean(dim, 0), deviation(dim, 0);
  for (std::size_t i = 0; i < target.z.size(); ++i) mean[i % dim] += target.z[i] / count;
  for (std::size_t i = 0; i < target.z.size(); ++i) {
    const double difference = target.z[i] - mean[i % dim];
    deviation[i % dim] += difference * difference / count;
  }
  for (double& d : deviation) d = std::sqrt(own_share(count) * d + 1 - own_share(count));
  return deviation;
}

Tensor with_ridge(const Tensor& covariance) {
  return (1 - kRidge) * covariance + kRidge * torch::eye(covariance.size(0), covariance.options());
}

/// A symmetric positive definite matrix to the power of `exponent`.
Tensor power(const Tensor& matrix, double exponent) {
  const auto [values, vectors] = torch::linalg_eigh(matrix);
  return torch::mm(vectors * values.pow(exponent), vectors.t());
}

}  // namespace

std::vector<int> target_clips(const data::Dataset& dataset, const sweep::Config& config, int fold) {
  std::vector<int> clips =
      dataset.clips_of_fold(config.adaptation_target == sweep::AdaptationTarget::kTest ? -1 : fold);
  if (config.normalize == sweep::Normalize::kActor) {
    const auto unknown = [&](int clip) { return dataset.clips[static_cast<std::size_t>(clip)].actor.empty(); };
    clips.erase(std::remove_if(clips.begin(), clips.end(), unknown), clips.end());
  }
  return clips;
}

std::vector<float> match_moments(const TargetFeatures& target) {
  const std::vector<double> z = centred(target), deviation = pooled_deviation(target);
  std::vector<float> matched(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) matched[i] = static_cast<float>(z[i] / deviation[i % deviation.size()]);
  return matched;
}

std::vector<double> covariance(const Features& features, int encoder, const std::vector<int>& rows,
                               sweep::Normalize normalize, const Standardization& by_training_rows) {
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(rows.size()), dim = std::int64_t{features.dim(encoder)};
  const Tensor z = torch::empty({count, dim}, torch::kFloat64);
  features.gather(encoder, rows.data(), static_cast<int>(count), normalize, by_training_rows, z.data_ptr<double>());
  const Tensor product = torch::mm(z.t(), z) / count;  // columns have mean 0
  return {product.data_ptr<double>(), product.data_ptr<double>() + product.numel()};
}

std::vector<float> match_covariance(const TargetFeatures& target, const std::vector<double>& source) {
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(target.actors.size()), dim = std::int64_t{target.dim};
  std::vector<float> matched(target.z.size(), std::numeric_limits<float>::quiet_NaN());
  const Tensor z = torch::tensor(target.z, torch::kFloat64).view({count, dim});
  const Tensor of_source = torch::tensor(source, torch::kFloat64).view({dim, dim});
  const Tensor off = z - z.mean(0);
  const double share = static_cast<double>(count) / (static_cast<double>(count + dim) + kPriorClips);
  const Tensor of_target = share * (torch::mm(off.t(), off) / count) + (1 - share) * of_source;
  if (!of_target.isfinite().all().item<bool>()) return matched;
  const Tensor map = torch::mm(power(with_ridge(of_target), -0.5), power(with_ridge(of_source), 0.5));
  const Tensor rows = torch::mm(torch::tensor(centred(target), torch::kFloat64).view({count, dim}), map)
                          .to(torch::kFloat32)
                          .contiguous();
  std::copy_n(rows.data_ptr<float>(), rows.numel(), matched.begin());
  return matched;
}

std::vector<float> adapted_features(const sweep::Config& config, const Features& features, int encoder,
                                    const std::vector<int>& target, const Standardization& by_training_rows,
                                    const std::vector<double>& source) {
  TargetFeatures seen;
  seen.dim = features.dim(encoder);
  seen.z.resize(target.size() * static_cast<std::size_t>(seen.dim));
  features.gather(encoder, target.data(), static_cast<int>(target.size()), config.normalize, by_training_rows,
                  seen.z.data());
  for (const int clip : target) {
    seen.actors.push_back(features.dataset().clips[static_cast<std::size_t>(clip)].actor);
  }
  return config.adaptation == sweep::Adaptation::kMoments ? match_moments(seen) : match_covariance(seen, source);
}

}  // namespace medley::trainer
