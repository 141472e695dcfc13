#include "trainer/model/gate.h"

#include <cmath>
#include <limits>

#include <torch/autograd.h>

#include "trainer/kernels/activations.h"
#include "trainer/kernels/gemm.h"
#include "trainer/kernels/recorded.h"
#include "trainer/kernels/row_kernels.h"
#include "trainer/model/model.h"

namespace medley::trainer {
namespace {

using sweep::Config;
using torch::Tensor;

Tensor nowhere(const Tensor& like) { return torch::full({}, -std::numeric_limits<double>::infinity(), like.options()); }

/// Scores less the largest kept one; what is not kept lies below any support, which ends at `-1`.
Tensor shifted(const Tensor& scores, const Tensor& kept) {
  const Tensor top = torch::where(kept, scores, nowhere(scores)).amax(1, true);
  return torch::where(kept, scores - top, torch::full({}, -2, scores.options()));
}

/// 1 .. encoders as [1, encoder, 1].
Tensor counts(const Tensor& like) { return torch::arange(1, like.size(1) + 1, like.options()).view({1, -1, 1}); }

}  // namespace

Tensor ranks(const Tensor& scores) {
  const auto encoders = scores.size(1);
  const Tensor own = scores.unsqueeze(2), other = scores.unsqueeze(1);  // [trial, own, other, row]
  const Tensor index = torch::arange(encoders, scores.device());
  const Tensor earlier = (index.unsqueeze(0) < index.unsqueeze(1)).view({1, encoders, encoders, 1});
  return ((other > own) | ((other == own) & earlier)).sum(2);
}

Tensor sparsemax(const Tensor& scores, const Tensor& kept) {
  torch::NoGradGuard no_grad;
  const Tensor z = shifted(scores, kept), sorted = std::get<0>(z.sort(1, true)), count = counts(z);
  const Tensor excess = sorted.cumsum(1) - 1;
  const Tensor support = (count * sorted > excess).sum(1, true).clamp_min(1);
  const Tensor threshold = excess.gather(1, support - 1) / support;
  const Tensor p = (z - threshold).clamp_min(0);
  if (!scores.requires_grad()) return p;
  record({scores}, {p}, [inside = (p > 0).to(p.scalar_type())](const std::vector<Tensor>& output_gradients) {
    // The gradient less its mean over the support.
    const Tensor d = output_gradients.front() * inside;
    return std::vector<Tensor>{d - inside * d.sum(1, true) / inside.sum(1, true)};
  });
  return p;
}

Tensor entmax15(const Tensor& scores, const Tensor& kept) {
  torch::NoGradGuard no_grad;
  const Tensor z = shifted(scores / 2, kept), sorted = std::get<0>(z.sort(1, true)), count = counts(z);
  const Tensor mean = sorted.cumsum(1) / count, mean_square = sorted.square().cumsum(1) / count;
  const Tensor delta = ((1 - count * (mean_square - mean.square())) / count).clamp_min(0);
  const Tensor thresholds = mean - delta.sqrt();
  const Tensor support = (thresholds <= sorted).sum(1, true).clamp_min(1);
  const Tensor p = (z - thresholds.gather(1, support - 1)).clamp_min(0).square();
  if (!scores.requires_grad()) return p;
  record({scores}, {p}, [root = p.sqrt()](const std::vector<Tensor>& output_gradients) {
    const Tensor d = output_gradients.front() * root;
    return std::vector<Tensor>{d - root * d.sum(1, true) / root.sum(1, true)};
  });
  return p;
}

/// The scorer, s = w2 . tanh(W1 [h; emb]), trial by trial.
Tensor FusedModel::scorer_scores(const Tensor& projected) {
  torch::NoGradGuard no_grad;
  const auto encoders = projected.size(1), rows = projected.size(2), d = projected.size(3), all = encoders * rows;
  const Parameter &hidden = layout_.at("gate.hidden.weight"), &out = layout_.at("gate.out.weight"),
                  &side = layout_.at("gate.hidden.embedding_weight"),
                  &embedding = layout_.at("gate.embedding." + layout_.encoders.front().name);
  const std::int64_t width = hidden.shape[1];
  static_assert(Layout::kEmbedding % Layout::kAlignment == 0, "embeddings lie side by side");
  Tensor activation = torch::empty({size(), all, width}, projected.options());
  Tensor scores = torch::empty({size(), encoders, rows}, projected.options());
  AT_DISPATCH_FLOATING_TYPES(dtype_, "scorer", [&] {
    for (std::int64_t k = 0; k < size(); ++k) {
      const auto* flat = parameters.data_ptr<scalar_t>() + k * layout_.size;
      auto* z = activation.data_ptr<scalar_t>() + k * all * width;
      multiply(projected.data_ptr<scalar_t>() + k * all * d, flat + hidden.offset, static_cast<int>(all),
               static_cast<int>(d), static_cast<int>(width), z);
      // W1 [h; emb] = W1h h + W1e emb: the second part is the same for all rows.
      Tensor offset = torch::empty({encoders, width}, projected.options());
      multiply(flat + embedding.offset, flat + side.offset, static_cast<int>(encoders), Layout::kEmbedding,
               static_cast<int>(width), offset.data_ptr<scalar_t>());
      for (std::int64_t e = 0; e < encoders; ++e) {
        add_bias(z + e * rows * width, offset.data_ptr<scalar_t>() + e * width, static_cast<int>(rows),
                 static_cast<int>(width));
      }
    }
    hyperbolic_tangent(activation.data_ptr<scalar_t>(), activation.numel());
    for (std::int64_t k = 0; k < size(); ++k) {
      row_dots(activation.data_ptr<scalar_t>() + k * all * width,
               parameters.data_ptr<scalar_t>() + k * layout_.size + out.offset, static_cast<int>(all),
               static_cast<int>(width), scores.data_ptr<scalar_t>() + k * all);
    }
  });
  if (!projected.requires_grad()) return scores;
  record({projected}, {scores}, [=, this_model = this](const std::vector<Tensor>& output_gradients) {
    FusedModel& model = *this_model;
    const Tensor ds = output_gradients.front().contiguous();
    Tensor dz = torch::empty_like(activation), dh = torch::empty_like(projected);
    AT_DISPATCH_FLOATING_TYPES(model.dtype_, "scorer_backward", [&] {
      for (std::int64_t k = 0; k < model.size(); ++k) {
        const auto* flat = model.parameters.data_ptr<scalar_t>() + k * model.layout_.size;
        auto* gradient = model.gradients.data_ptr<scalar_t>() + k * model.layout_.size;
        const Tensor dz_k = dz[k];
        auto* dz_data = dz_k.data_ptr<scalar_t>();
        scorer_backward(activation.data_ptr<scalar_t>() + k * all * width, flat + out.offset,
                        ds.data_ptr<scalar_t>() + k * all, static_cast<int>(all), static_cast<int>(width), dz_data,
                        gradient + out.offset);
        multiply_transposed(projected.data_ptr<scalar_t>() + k * all * d, dz_data, static_cast<int>(all),
                            static_cast<int>(d), static_cast<int>(width), 0, static_cast<int>(d),
                            gradient + hidden.offset);
        Tensor doffset = torch::empty({encoders, width}, dz.options());
        for (std::int64_t e = 0; e < encoders; ++e) {
          sum_rows(dz_data + e * rows * width, static_cast<int>(rows), static_cast<int>(width),
                   doffset.data_ptr<scalar_t>() + e * width);
        }
        const auto* offsets = doffset.data_ptr<scalar_t>();
        multiply_by_transpose(offsets, flat + side.offset, static_cast<int>(encoders), Layout::kEmbedding,
                              static_cast<int>(width), gradient + embedding.offset);
        multiply_transposed(flat + embedding.offset, offsets, static_cast<int>(encoders), Layout::kEmbedding,
                            static_cast<int>(width), 0, Layout::kEmbedding, gradient + side.offset);
        multiply_by_transpose(dz_data, flat + hidden.offset, static_cast<int>(all), static_cast<int>(d),
                              static_cast<int>(width), dh.data_ptr<scalar_t>() + k * all * d);
      }
    });
    return std::vector<Tensor>{dh};
  });
  return scores;
}

Tensor FusedModel::gate_scores(const Tensor& projected) {
  const Config& config = trials_.front().config;
  const auto k = projected.size(0), encoders = projected.size(1), rows = projected.size(2), d = projected.size(3);
  if (config.gate == sweep::Gate::kScorer && by_pairs_) return scorer_scores(projected);
  const Tensor flat = projected.reshape({k, encoders * rows, d});
  const double root = std::sqrt(static_cast<double>(d));
  if (config.gate == sweep::Gate::kQuery) {
    // q . (W_k h) = (q W_k) . h
    const Tensor direction = product(view("gate.query").unsqueeze(1), view("gate.key.weight"));  // [k, 1, d]
    return product(flat, direction.transpose(1, 2)).view({k, encoders, rows}) / root;
  }
  if (config.gate == sweep::Gate::kContext) {
    // The same with a query of each row: q = W_q of the mean over the trial's encoders.
    const Tensor context = mean_projection(projected);
    const Tensor direction = product(product(context, view("gate.context.weight")), view("gate.key.weight"));
    return (projected * direction.unsqueeze(1)).sum(3) / root;
  }
  std::vector<Tensor> embeddings;
  for (const EncoderShape& encoder : layout_.encoders) embeddings.push_back(view("gate.embedding." + encoder.name));
  const Tensor offset = product(torch::stack(embeddings, 1), view("gate.hidden.embedding_weight"));
  const Tensor hidden = product(flat, view("gate.hidden.weight")).view({k, encoders, rows, config.gate_dim});
  const Tensor activation = torch::tanh(hidden + offset.unsqueeze(2)).view({k, encoders * rows, config.gate_dim});
  return product(activation, view("gate.out.weight").unsqueeze(2)).view({k, encoders, rows});
}

/// The top_n best scores of each row, ties to the lower encoder; bool [trial, encoder, row].
Tensor FusedModel::keep_top(const Tensor& scores) const {
  torch::NoGradGuard no_grad;
  if (gpu_) return gpu_->keep_top(scores, mask_, top_n_);
  if (!by_pairs_) return (ranks(torch::where(mask_, scores, nowhere(scores))) < top_n_) & mask_;
  const auto encoders = scores.size(1), rows = scores.size(2);
  Tensor kept = torch::empty(scores.sizes(), torch::kBool);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "keep_top", [&] {
    for (std::int64_t k = 0; k < size(); ++k) {
      const std::int64_t at = k * encoders * rows;
      keep_best(scores.data_ptr<scalar_t>() + at, mask_[k].data_ptr<bool>(),
                trials_[static_cast<std::size_t>(k)].config.top_n, static_cast<int>(encoders), static_cast<int>(rows),
                kept.data_ptr<bool>() + at);
    }
  });
  return kept;
}

/// The fewest best encoders of each row whose weights over all encoders reach the trial's `mass`.
Tensor FusedModel::keep_mass(const Tensor& scores) const {
  torch::NoGradGuard no_grad;
  const Tensor everything = mask_.expand_as(scores).contiguous();
  const Tensor weights =
      map_scores(scores, everything,
                 trials_.front().config.weights == sweep::Weights::kUniform ? sweep::Weights::kSoftmax
                                                                            : trials_.front().config.weights);
  const Tensor rank = ranks(torch::where(mask_, scores, nowhere(scores)));
  const Tensor better = rank.unsqueeze(1) < rank.unsqueeze(2);  // [trial, own, other, row]
  const Tensor before = torch::where(better, weights.unsqueeze(1), torch::zeros({}, weights.options())).sum(2);
  return ((before < mass_) & mask_ & (weights > 0)) | ((rank == 0) & mask_);
}

/// What random and fixed selection order the encoders by; nothing learned. [trial, encoder, row]
Tensor FusedModel::given_ranking(std::int64_t rows, const Draws* draws, const ClipKeys& clips) const {
  torch::NoGradGuard no_grad;
  const std::size_t encoders = layout_.encoders.size();
  Tensor ranking = torch::zeros({size(), static_cast<std::int64_t>(encoders), rows}, dtype_);
  const auto selection = trials_.front().config.selection;
  std::vector<std::uint32_t> bits(static_cast<std::size_t>(rows));
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    for (std::size_t e = 0; e < encoders; ++e) {
      Tensor row = ranking[static_cast<std::int64_t>(k)][static_cast<std::int64_t>(e)];
      if (selection == sweep::Selection::kAll) continue;
      if (selection == sweep::Selection::kFixed) {
        row.fill_(trials_[k].strength.at(e));
        continue;
      }
      const std::uint32_t name = name_key(layout_.encoders[e].name);
      if (draws) {
        draws->fill({trials_[k].seed, Purpose::kRandomSelection, draws->steps[k], name}, rows, 1, bits);
      } else {
        for (std::size_t i = 0; i < bits.size(); ++i) {
          Stream{trials_[k].seed, Purpose::kRandomSelectionOfClip, clips.at(k).at(i), name}.fill(&bits[i], 1);
        }
      }
      AT_DISPATCH_FLOATING_TYPES(dtype_, "given_ranking", [&] {
        auto* out = row.data_ptr<scalar_t>();
        for (std::size_t i = 0; i < bits.size(); ++i) out[i] = static_cast<scalar_t>(unit(bits[i]));
      });
    }
  }
  return ranking.to(device_);
}

/// Scores with the noise of training, N(0, gate_noise^2).
Tensor FusedModel::add_noise(const Tensor& scores, const Draws& draws) const {
  const auto rows = static_cast<std::size_t>(scores.size(2));
  std::vector<std::uint32_t> bits;
  std::vector<double> normal(rows);
  Tensor noise;
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    const double sd = trials_[k].config.gate_noise;
    if (sd <= 0) continue;
    if (!noise.defined()) noise = torch::zeros(scores.sizes(), torch::kFloat64);
    for (std::size_t e = 0; e < layout_.encoders.size(); ++e) {
      draws.fill({trials_[k].seed, Purpose::kGateNoise, draws.steps[k], name_key(layout_.encoders[e].name)},
                 scores.size(2), 2, bits);
      normals(bits.data(), rows, normal.data());
      auto* out = noise[static_cast<std::int64_t>(k)][static_cast<std::int64_t>(e)].data_ptr<double>();
      for (std::size_t i = 0; i < rows; ++i) out[i] = sd * normal[i];
    }
  }
  return noise.defined() ? scores + noise.to(device_, dtype_) : scores;
}

/// Weights of the encoders `over`, 0 elsewhere; of each row they sum to 1.
Tensor FusedModel::map_scores(const Tensor& scores, const Tensor& over, sweep::Weights weights) const {
  switch (weights) {
    case sweep::Weights::kSoftmax:
      return kept_softmax(scores, over);
    case sweep::Weights::kSparsemax:
      return sparsemax(scores / temperature_, over);
    case sweep::Weights::kEntmax15:
      return entmax15(scores / temperature_, over);
    case sweep::Weights::kUniform:
      break;
  }
  const Tensor ones = over.to(dtype_);
  return ones / ones.sum(1, true);
}

/// Selects and weighs: `scores`, `kept` and `weights` of `out`; returns what the encoders are ranked by.
Tensor FusedModel::gate(Output& out, const Draws* draws, const ClipKeys& clips) {
  const Config& config = trials_.front().config;
  const bool scored = sweep::is_scored(config);
  if (scored) out.scores = gate_scores(out.projected);
  if (scored && draws) out.scores = add_noise(out.scores, *draws);
  const bool given =
      config.selection == sweep::Selection::kRandom || config.selection == sweep::Selection::kFixed || !scored;
  Tensor ranking = given ? given_ranking(out.projected.size(2), draws, clips) : out.scores.detach();
  const Tensor all = mask_.expand_as(ranking).contiguous();
  switch (config.selection) {
    case sweep::Selection::kLearned:
    case sweep::Selection::kRandom:
    case sweep::Selection::kFixed:
      out.kept = keep_top(ranking);
      break;
    case sweep::Selection::kThreshold:
      out.kept = keep_mass(out.scores);
      break;
    case sweep::Selection::kAll:
      out.kept = all;
      break;
  }
  if (!scored) out.scores = ranking;
  const bool cut = !config.renormalise && config.weights != sweep::Weights::kUniform;
  out.weights = map_scores(out.scores, cut ? all : out.kept, config.weights);
  if (cut) out.weights = torch::where(out.kept, out.weights, torch::zeros({}, out.weights.options()));
  return scored ? out.scores.detach() : ranking;
}

/// softmax(scores / temperature) over the encoders kept, 0 elsewhere.
Tensor FusedModel::kept_softmax(const Tensor& scores, const Tensor& kept) const {
  if (gpu_) return gpu_->kept_softmax(scores, kept, temperature_);
  if (!by_pairs_) return torch::softmax(torch::where(kept, scores / temperature_, nowhere(scores)), 1);
  torch::NoGradGuard no_grad;
  const auto encoders = scores.size(1), rows = scores.size(2);
  Tensor weights = torch::empty_like(scores);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "kept_softmax", [&] {
    for (std::int64_t k = 0; k < size(); ++k) {
      const std::int64_t at = k * encoders * rows;
      trainer::kept_softmax(scores.data_ptr<scalar_t>() + at, kept.data_ptr<bool>() + at,
                            static_cast<scalar_t>(trials_[static_cast<std::size_t>(k)].config.temperature),
                            static_cast<int>(encoders), static_cast<int>(rows), weights.data_ptr<scalar_t>() + at);
    }
  });
  if (!scores.requires_grad()) return weights;
  // Not the output itself: a step that holds its own output is never freed.
  record({scores}, {weights}, [=, saved = weights.detach(), model = this](const std::vector<Tensor>& output_gradients) {
    const Tensor da = output_gradients.front().contiguous();
    Tensor ds = torch::empty_like(da);
    AT_DISPATCH_FLOATING_TYPES(model->dtype_, "kept_softmax_backward", [&] {
      for (std::int64_t k = 0; k < model->size(); ++k) {
        const std::int64_t at = k * encoders * rows;
        kept_softmax_backward(saved.data_ptr<scalar_t>() + at, kept.data_ptr<bool>() + at, da.data_ptr<scalar_t>() + at,
                              static_cast<scalar_t>(model->trials_[static_cast<std::size_t>(k)].config.temperature),
                              static_cast<int>(encoders), static_cast<int>(rows), ds.data_ptr<scalar_t>() + at);
      }
    });
    return std::vector<Tensor>{ds};
  });
  return weights;
}

}  // namespace medley::trainer
