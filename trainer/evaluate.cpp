#include "trainer/evaluate.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include <torch/autograd.h>

#include "sweep/half.h"
#include "sweep/head_fusion.h"
#include "trainer/gpu_features.h"
#include "trainer/kernels/gemm.h"
#include "trainer/kernels/optimizer.h"
#include "trainer/kernels/row_kernels.h"
#include "trainer/model/label_sets.h"

namespace medley::trainer {
namespace {

using torch::Tensor;

/// Rows of one forward pass: large enough for an efficient GEMM, small enough for any memory.
constexpr std::size_t kChunk = 256;
/// The last pass is filled up to a multiple of this, so that BLAS has no ragged edge. The prediction of a clip then
/// does not depend on the other clips of the call.
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

bool any_is_adapted(const std::vector<const Scaling*>& scalings, const std::vector<std::vector<int>>& clips) {
  for (std::size_t k = 0; k < clips.size(); ++k) {
    const auto is_adapted = [&](int clip) { return scalings[k]->is_adapted(clip); };
    if (std::any_of(clips[k].begin(), clips[k].end(), is_adapted)) return true;
  }
  return false;
}

}  // namespace

void Scaling::set_adapted_clips(std::size_t clips, const std::vector<int>& target) {
  adapted_row.assign(clips, -1);
  for (std::size_t i = 0; i < target.size(); ++i) {
    adapted_row[static_cast<std::size_t>(target[i])] = static_cast<int>(i);
  }
}

template <class T>
void gather_scaled(const Features& features, int encoder, const std::vector<int>& clips, const Scaling& scaling,
                   T* out) {
  const auto& z = scaling.encoders[static_cast<std::size_t>(encoder)];
  assert(z != nullptr);
  features.gather(encoder, clips.data(), static_cast<int>(clips.size()), scaling.normalize, *z, out);
  const int dim = features.dim(encoder);
  for (const int clip : clips) {
    if (scaling.is_adapted(clip)) {
      const std::ptrdiff_t row = scaling.adapted_row[static_cast<std::size_t>(clip)];
      std::copy_n(scaling.adapted[static_cast<std::size_t>(encoder)]->data() + row * dim, dim, out);
    }
    out += dim;
  }
}
template void gather_scaled(const Features&, int, const std::vector<int>&, const Scaling&, float*);
template void gather_scaled(const Features&, int, const std::vector<int>&, const Scaling&, double*);

std::vector<Tensor> ModelInputs::gather(const FusedModel& model, const std::vector<const Scaling*>& scalings,
                                        const std::vector<std::vector<int>>& clips) const {
  if (on_gpu && !any_is_adapted(scalings, clips)) return on_gpu->gather(encoders, model, scalings, clips);
  const auto rows = static_cast<std::int64_t>(clips.front().size());
  std::vector<Tensor> inputs;
  for (std::size_t e = 0; e < encoders.size(); ++e) {
    const int encoder = encoders[e];
    // Memory that a GPU fetches by itself, while the next encoder's features are gathered.
    Tensor x = torch::empty({model.size(), rows, features.dim(encoder)},
                            torch::dtype(model.dtype()).pinned_memory(model.device().is_cuda()));
    AT_DISPATCH_FLOATING_TYPES(model.dtype(), "gather", [&] {
      auto* out = x.data_ptr<scalar_t>();
      for (std::size_t k = 0; k < clips.size(); ++k, out += rows * features.dim(encoder)) {
        if (!model.trials()[k].active[e]) {
          std::fill(out, out + rows * features.dim(encoder), scalar_t(0));
          continue;
        }
        gather_scaled(features, encoder, clips[k], *scalings[k], out);
      }
    });
    inputs.push_back(x.to(model.device(), /*non_blocking=*/true));
  }
  return inputs;
}

FusedModel::ClipKeys ModelInputs::keys(const std::vector<std::vector<int>>& clips) const {
  FusedModel::ClipKeys keys;
  for (const auto& list : clips) {
    keys.emplace_back();
    for (const int clip : list) {
      keys.back().push_back(clip < 0 ? 0 : name_key(features.dataset().clips[static_cast<std::size_t>(clip)].stem));
    }
  }
  return keys;
}

std::vector<Evaluation> evaluate(FusedModel& model, const ModelInputs& inputs,
                                 const std::vector<const Scaling*>& scalings,
                                 const std::vector<std::vector<int>>& clips) {
  std::vector<Evaluation> all(clips.size());
  const std::size_t total = longest(clips);
  for (std::size_t begin = 0; begin < total; begin += kChunk) {
    const std::size_t rows = std::min(kChunk, total - begin);
    const auto chunk = chunk_of(clips, begin, padded(rows));
    const FusedModel::Output out = model.forward(inputs.gather(model, scalings, chunk), nullptr, inputs.keys(chunk));
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

namespace {

/// How likely each class is in the label, and its expected share of the clip, out of probabilities of labels.
class ClassShares {
 public:
  ClassShares(const LabelSets& sets, const std::vector<double>& single)
      : sets_(sets), presence_(single.begin(), single.begin() + sets.classes), share_(presence_) {}
  /// The pair has this probability, and `first` is the expected share of its first class.
  void add(std::size_t pair, double probability, double first) {
    const auto a = static_cast<std::size_t>(sets_.pairs[pair].first),
               b = static_cast<std::size_t>(sets_.pairs[pair].second);
    presence_[a] += probability;
    presence_[b] += probability;
    share_[a] += probability * first;
    share_[b] += probability * (1 - first);
  }
  void append_to(sweep::Predictions& out) const {
    for (std::size_t c = 0; c < share_.size(); ++c) {
      out.presence.push_back(sweep::rounded_to_half(std::min(1.0, presence_[c])));
      out.salience.push_back(sweep::rounded_to_half(share_[c]));
      out.fused.push_back(out.salience.back());
    }
  }

 private:
  const LabelSets& sets_;
  std::vector<double> presence_, share_;
};

std::vector<double> softmax(const double* logits, int count) {
  std::vector<double> p(static_cast<std::size_t>(count));
  log_softmax(logits, count, p.data());
  for (double& x : p) x = std::exp(x);
  return p;
}

void append_set_ratio(const double* row, const LabelSets& sets, sweep::Predictions& out) {
  const std::vector<double> set = softmax(row, sets.count());
  ClassShares shares(sets, set);
  for (std::size_t p = 0; p < sets.pairs.size(); ++p) {
    const auto at = sets.count() + static_cast<std::ptrdiff_t>(p) * LabelSets::kRatios;
    const std::vector<double> ratio = softmax(row + at, LabelSets::kRatios);
    double first = 0;
    for (std::size_t r = 0; r < ratio.size(); ++r) first += ratio[r] * LabelSets::kSaliences[r] / 100.0;
    shares.add(p, set[static_cast<std::size_t>(sets.classes) + p], first);
  }
  shares.append_to(out);
}

void append_label(const double* row, const LabelSets& sets, sweep::Predictions& out) {
  const std::vector<double> label = softmax(row, sets.label_count());
  ClassShares shares(sets, label);
  auto probability = label.begin() + sets.classes;
  for (std::size_t p = 0; p < sets.pairs.size(); ++p) {
    for (const int salience : LabelSets::kSaliences) shares.add(p, *probability++, salience / 100.0);
  }
  shares.append_to(out);
}

}  // namespace

sweep::Predictions predictions(const sweep::Config& config, const Evaluation& evaluation,
                               const sweep::Classes& all_classes) {
  sweep::Predictions out;
  out.clips = evaluation.clips;
  const int classes = all_classes.count(), width = head_shape(config, all_classes).outputs();
  if (config.head == sweep::Head::kSetRatio || config.head == sweep::Head::kLabel) {
    const LabelSets sets(all_classes);
    const auto append = config.head == sweep::Head::kLabel ? append_label : append_set_ratio;
    for (int i = 0; i < evaluation.clips; ++i) {
      append(evaluation.logits.data() + static_cast<std::ptrdiff_t>(i) * width, sets, out);
    }
    return out;
  }
  const bool decoupled = config.head == sweep::Head::kDecoupled;
  std::vector<float>& said = decoupled ? out.salience : out.fused;
  for (int i = 0; i < evaluation.clips; ++i) {
    const double* row = evaluation.logits.data() + static_cast<std::ptrdiff_t>(i) * width;
    for (const double p : softmax(row + (decoupled ? classes : 0), classes)) said.push_back(sweep::rounded_to_half(p));
    for (int c = 0; decoupled && c < classes; ++c) out.presence.push_back(sweep::rounded_to_half(sigmoid(row[c])));
  }
  if (decoupled) out.fused = sweep::product_of_heads(out, classes);
  return out;
}

void soft_label(const sweep::Label& label, int classes, double* out) {
  std::fill(out, out + classes, 0.0);
  out[label.first] = label.salience / 100.0;
  if (label.is_blend()) out[label.second] = (100 - label.salience) / 100.0;
}

double evaluation_loss(const sweep::Config& config, const Evaluation& evaluation,
                       const std::vector<sweep::Label>& truth, const sweep::Classes& all_classes) {
  if (evaluation.clips == 0) return 0;
  const int classes = all_classes.count();
  const HeadShape head = head_shape(config, all_classes);
  const bool decoupled = config.head == sweep::Head::kDecoupled;
  double presence = 0, salience = 0;
  const double count = evaluation.clips;
  if (config.head == sweep::Head::kSetRatio) {
    const LabelSets sets(all_classes);
    std::vector<double> log_set(static_cast<std::size_t>(sets.count()));
    int blends = 0;
    for (int i = 0; i < evaluation.clips; ++i) {
      const double* row = evaluation.logits.data() + static_cast<std::ptrdiff_t>(i) * head.outputs();
      const sweep::Label& label = truth[static_cast<std::size_t>(i)];
      const int set = sets.index_of(label);
      log_softmax(row, sets.count(), log_set.data());
      presence -= log_set[static_cast<std::size_t>(set)];
      if (!label.is_blend()) continue;
      ++blends;
      double log_ratio[LabelSets::kRatios];
      log_softmax(row + sets.count() + (set - classes) * LabelSets::kRatios, LabelSets::kRatios, log_ratio);
      salience -= log_ratio[LabelSets::ratio_of(label)];
    }
    return config.presence_weight * presence / count + config.salience_weight * salience / std::max(1, blends);
  }
  const int width = head.outputs();
  if (config.head == sweep::Head::kLabel) {
    const LabelSets sets(all_classes);
    std::vector<double> log_label(static_cast<std::size_t>(width));
    double loss = 0;
    for (int i = 0; i < evaluation.clips; ++i) {
      log_softmax(evaluation.logits.data() + static_cast<std::ptrdiff_t>(i) * width, width, log_label.data());
      loss -= log_label[static_cast<std::size_t>(sets.label_index_of(truth[static_cast<std::size_t>(i)]))];
    }
    return loss / count;
  }
  std::vector<double> log_salience(static_cast<std::size_t>(classes)), target(static_cast<std::size_t>(classes));
  for (int i = 0; i < evaluation.clips; ++i) {
    const double* row = evaluation.logits.data() + static_cast<std::ptrdiff_t>(i) * width;
    soft_label(truth[static_cast<std::size_t>(i)], classes, target.data());
    log_softmax(row + (decoupled ? classes : 0), classes, log_salience.data());
    double divergence = 0;
    for (int c = 0; c < classes; ++c) {
      const auto at = static_cast<std::size_t>(c);
      if (target[at] > 0) divergence += target[at] * (std::log(target[at]) - log_salience[at]);
      if (decoupled) {
        const double x = row[c], y = target[at] > 0 ? 1 : 0;
        presence += (std::max(x, 0.0) - x * y + std::log1p(std::exp(-std::abs(x)))) / classes;
      }
    }
    salience += divergence;
  }
  if (!decoupled) return salience / count;
  return (config.presence_weight * presence + config.salience_weight * salience) / count;
}

namespace {

/// x [encoder, clip, width] less the mean over clips.
void center_columns(Tensor& x) {
  if (!x.device().is_cpu()) {
    x = x - x.mean(1, true);
    return;
  }
  const auto clips = static_cast<int>(x.size(1)), width = static_cast<int>(x.size(2));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "center_columns", [&] {
    std::vector<scalar_t> mean(static_cast<std::size_t>(width));
    for (std::int64_t e = 0; e < x.size(0); ++e) {
      auto* rows = x.data_ptr<scalar_t>() + e * clips * width;
      sum_rows(rows, clips, width, mean.data());
      for (scalar_t& number : mean) number /= static_cast<scalar_t>(-clips);
      add_bias(rows, mean.data(), clips, width);
    }
  });
}

/// ||a'b||_F^2 of a and b [clip, width].
double squares_of_product(const Tensor& a, const Tensor& b) {
  if (!a.device().is_cpu()) return torch::mm(a.t(), b).square().sum(torch::kFloat64).item<double>();
  const auto clips = static_cast<int>(a.size(0)), width = static_cast<int>(a.size(1));
  double squares = 0;
  AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), "squares_of_product", [&] {
    std::vector<scalar_t> product(static_cast<std::size_t>(width * width));
    multiply_transposed(a.data_ptr<scalar_t>(), b.data_ptr<scalar_t>(), clips, width, width, 0, width, product.data());
    squares = sum_of_squares(product.data(), product.size());
  });
  return squares;
}

}  // namespace

std::vector<float> projected_cka(FusedModel& model, const ModelInputs& inputs, const Scaling& scaling,
                                 const std::vector<int>& clips) {
  assert(model.size() == 1);
  torch::NoGradGuard no_grad;
  std::vector<Tensor> parts;
  for (std::size_t begin = 0; begin < clips.size(); begin += kChunk) {
    const std::size_t rows = std::min(kChunk, clips.size() - begin);
    const auto chunk = chunk_of({clips}, begin, padded(rows));
    const Tensor projected =
        model.forward(inputs.gather(model, {&scaling}, chunk), nullptr, inputs.keys(chunk)).projected[0];
    parts.push_back(projected.narrow(1, 0, static_cast<std::int64_t>(rows)));
  }
  Tensor projected = torch::cat(parts, 1);  // [encoder, clip, width]
  center_columns(projected);
  const auto encoders = projected.size(0);
  std::vector<double> cross(static_cast<std::size_t>(encoders * encoders));
  const auto at = [&](std::int64_t a, std::int64_t b) -> double& {
    return cross[static_cast<std::size_t>(a * encoders + b)];
  };
  for (std::int64_t a = 0; a < encoders; ++a) {
    for (std::int64_t b = a; b < encoders; ++b) {
      at(a, b) = at(b, a) = squares_of_product(projected[a], projected[b]);
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
