#include "trainer/evaluate.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <torch/torch.h>

namespace medley::trainer {
namespace {

using torch::Tensor;

/// Rows of one forward pass: large enough for an efficient GEMM, small enough for any memory.
constexpr std::size_t kChunk = 256;
/// The last pass is filled up to a multiple of this: BLAS then has no ragged edge, and what is said about a clip
/// does not depend on which other clips are asked about.
constexpr std::size_t kRowMultiple = 32;

std::size_t padded(std::size_t rows) { return (rows + kRowMultiple - 1) / kRowMultiple * kRowMultiple; }

std::vector<std::vector<int>> chunk_of(const std::vector<std::vector<int>>& clips, std::size_t begin,
                                       std::size_t rows) {
  std::vector<std::vector<int>> chunk;
  for (const auto& list : clips) {
    std::vector<int> part(rows, -1);
    for (std::size_t i = 0; i < rows && begin + i < list.size(); ++i) part[i] = list[begin + i];
    chunk.push_back(std::move(part));
  }
  return chunk;
}

std::size_t longest(const std::vector<std::vector<int>>& clips) {
  std::size_t rows = 0;
  for (const auto& list : clips) rows = std::max(rows, list.size());
  return rows;
}

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

/// log of softmax of `count` logits.
void log_softmax(const double* logits, int count, double* out) {
  const double top = *std::max_element(logits, logits + count);
  double sum = 0;
  for (int c = 0; c < count; ++c) sum += std::exp(logits[c] - top);
  const double log_sum = top + std::log(sum);
  for (int c = 0; c < count; ++c) out[c] = logits[c] - log_sum;
}

}  // namespace

std::vector<Tensor> ModelInputs::gather(const FusedModel& model, const std::vector<const Scaling*>& scalings,
                                        const std::vector<std::vector<int>>& clips) const {
  const auto rows = static_cast<std::int64_t>(clips.front().size());
  std::vector<Tensor> inputs;
  for (std::size_t e = 0; e < encoders.size(); ++e) {
    const int encoder = encoders[e];
    Tensor x = torch::empty({model.size(), rows, features.dim(encoder)}, torch::dtype(model.dtype()));
    AT_DISPATCH_FLOATING_TYPES(model.dtype(), "gather", [&] {
      auto* out = x.data_ptr<scalar_t>();
      for (std::size_t k = 0; k < clips.size(); ++k, out += rows * features.dim(encoder)) {
        if (!model.trials()[k].active[e]) {
          std::fill(out, out + rows * features.dim(encoder), scalar_t(0));
          continue;
        }
        const auto& z = scalings[k]->encoders[static_cast<std::size_t>(encoder)];
        assert(z != nullptr);
        features.gather(encoder, clips[k].data(), static_cast<int>(rows), scalings[k]->normalize, *z, out);
      }
    });
    inputs.push_back(x.to(model.device()));
  }
  return inputs;
}

std::vector<Evaluation> evaluate(FusedModel& model, const ModelInputs& inputs,
                                 const std::vector<const Scaling*>& scalings,
                                 const std::vector<std::vector<int>>& clips) {
  std::vector<Evaluation> all(clips.size());
  const std::size_t total = longest(clips);
  for (std::size_t begin = 0; begin < total; begin += kChunk) {
    const std::size_t rows = std::min(kChunk, total - begin);
    const FusedModel::Output out =
        model.forward(inputs.gather(model, scalings, chunk_of(clips, begin, padded(rows))), nullptr);
    const Tensor logits = out.logits.to(torch::kCPU, torch::kFloat64).contiguous();
    Tensor scores, weights, kept;
    if (out.scores.defined()) {
      scores = out.scores.to(torch::kCPU, torch::kFloat32).transpose(1, 2).contiguous();
      weights = out.weights.to(torch::kCPU, torch::kFloat32).transpose(1, 2).contiguous();
      kept = out.kept.to(torch::kCPU).transpose(1, 2).contiguous();
    }
    for (std::size_t k = 0; k < clips.size(); ++k) {
      if (begin >= clips[k].size()) continue;
      const std::size_t real = std::min(rows, clips[k].size() - begin);
      Evaluation& one = all[k];
      const auto row = static_cast<std::int64_t>(k);
      const auto append = [&](auto& to, const auto* from, std::int64_t width) {
        to.insert(to.end(), from, from + static_cast<std::int64_t>(real) * width);
      };
      append(one.logits, logits[row].data_ptr<double>(), logits.size(2));
      if (out.scores.defined()) {
        append(one.scores, scores[row].data_ptr<float>(), scores.size(2));
        append(one.weights, weights[row].data_ptr<float>(), scores.size(2));
        append(one.kept, kept[row].data_ptr<bool>(), scores.size(2));
      }
      one.clips += static_cast<int>(real);
    }
  }
  return all;
}

sweep::Predictions predictions(const sweep::Config& config, const Evaluation& evaluation, int classes) {
  sweep::Predictions out;
  out.clips = evaluation.clips;
  const bool decoupled = config.head == sweep::Head::kDecoupled;
  const int width = decoupled ? 2 * classes : classes;
  std::vector<double> log_salience(static_cast<std::size_t>(classes)), fused(static_cast<std::size_t>(classes));
  for (int i = 0; i < evaluation.clips; ++i) {
    const double* row = evaluation.logits.data() + static_cast<std::ptrdiff_t>(i) * width;
    log_softmax(row + (decoupled ? classes : 0), classes, log_salience.data());
    double sum = 0;
    for (int c = 0; c < classes; ++c) {
      const auto at = static_cast<std::size_t>(c);
      fused[at] = std::exp(log_salience[at]);
      if (decoupled) {
        out.salience.push_back(static_cast<float>(fused[at]));
        out.presence.push_back(static_cast<float>(sigmoid(row[c])));
        fused[at] *= std::pow(sigmoid(row[c]), config.presence_exponent);
      }
      sum += fused[at];
    }
    // All presences at zero (underflow) leave the salience alone to speak.
    for (int c = 0; c < classes; ++c) {
      const auto at = static_cast<std::size_t>(c);
      out.fused.push_back(static_cast<float>(sum > 0 ? fused[at] / sum : std::exp(log_salience[at])));
    }
  }
  return out;
}

void soft_label(const sweep::Label& label, int classes, double* out) {
  std::fill(out, out + classes, 0.0);
  out[label.first] = label.salience / 100.0;
  if (label.is_blend()) out[label.second] = (100 - label.salience) / 100.0;
}

double evaluation_loss(const sweep::Config& config, const Evaluation& evaluation,
                       const std::vector<sweep::Label>& truth, int classes) {
  if (evaluation.clips == 0) return 0;
  const bool decoupled = config.head == sweep::Head::kDecoupled;
  const int width = decoupled ? 2 * classes : classes;
  std::vector<double> log_salience(static_cast<std::size_t>(classes)), target(static_cast<std::size_t>(classes));
  double presence = 0, salience = 0;
  for (int i = 0; i < evaluation.clips; ++i) {
    const double* row = evaluation.logits.data() + static_cast<std::ptrdiff_t>(i) * width;
    soft_label(truth[static_cast<std::size_t>(i)], classes, target.data());
    log_softmax(row + (decoupled ? classes : 0), classes, log_salience.data());
    for (int c = 0; c < classes; ++c) {
      const auto at = static_cast<std::size_t>(c);
      if (target[at] > 0) salience += target[at] * (std::log(target[at]) - log_salience[at]);
      if (decoupled) {
        const double x = row[c], y = target[at] > 0 ? 1 : 0;
        presence += (std::max(x, 0.0) - x * y + std::log1p(std::exp(-std::abs(x)))) / classes;
      }
    }
  }
  const double count = evaluation.clips;
  if (!decoupled) return salience / count;
  return (config.presence_weight * presence + config.salience_weight * salience) / count;
}

std::vector<float> projected_cka(FusedModel& model, const ModelInputs& inputs, const Scaling& scaling,
                                 const std::vector<int>& clips) {
  assert(model.size() == 1);
  torch::NoGradGuard no_grad;
  std::vector<Tensor> parts;
  for (std::size_t begin = 0; begin < clips.size(); begin += kChunk) {
    const std::size_t rows = std::min(kChunk, clips.size() - begin);
    const auto chunk = chunk_of({clips}, begin, padded(rows));
    const Tensor projected = model.forward(inputs.gather(model, {&scaling}, chunk), nullptr).projected[0];
    parts.push_back(projected.narrow(1, 0, static_cast<std::int64_t>(rows)));
  }
  Tensor projected = torch::cat(parts, 1);  // [encoder, clip, width]
  projected = projected - projected.mean(1, true);
  const auto encoders = projected.size(0);
  std::vector<double> cross(static_cast<std::size_t>(encoders * encoders));
  const auto at = [&](std::int64_t a, std::int64_t b) -> double& {
    return cross[static_cast<std::size_t>(a * encoders + b)];
  };
  for (std::int64_t a = 0; a < encoders; ++a) {
    for (std::int64_t b = a; b < encoders; ++b) {
      at(a, b) = at(b, a) = torch::mm(projected[a].t(), projected[b]).square().sum(torch::kFloat64).item<double>();
    }
  }
  std::vector<float> cka;
  for (std::int64_t a = 0; a < encoders; ++a) {
    for (std::int64_t b = 0; b < encoders; ++b) {
      const double norm = std::sqrt(at(a, a)) * std::sqrt(at(b, b));
      cka.push_back(static_cast<float>(norm > 0 ? at(a, b) / norm : 0));
    }
  }
  return cka;
}

}  // namespace medley::trainer
