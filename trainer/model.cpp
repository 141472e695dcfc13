#include "trainer/model.h"

#include <cassert>
#include <cmath>
#include <limits>

#include <malloc.h>
#include <torch/torch.h>

#include "trainer/gemm.h"
#include "trainer/layer_norm.h"
#include "trainer/recorded.h"
#include "trainer/row_kernels.h"

extern "C" void openblas_set_num_threads(int) __attribute__((weak));

namespace medley::trainer {
namespace {

using sweep::Config;
using torch::Tensor;

std::uint32_t drop_threshold(double rate) { return static_cast<std::uint32_t>(rate * 0x1p32); }

/// x [trial, row, in] w [trial, in, out] + b [trial, out].
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) { return torch::baddbmm(b.unsqueeze(1), x, w); }

/// Rank of every encoder on every row, 0 the best; ties go to the lower index. scores [trial, encoder, row].
Tensor ranks(const Tensor& scores) {
  const auto encoders = scores.size(1);
  const Tensor own = scores.unsqueeze(2), other = scores.unsqueeze(1);  // [trial, own, other, row]
  const Tensor index = torch::arange(encoders, scores.device());
  const Tensor earlier = (index.unsqueeze(0) < index.unsqueeze(1)).view({1, encoders, encoders, 1});
  return ((other > own) | ((other == own) & earlier)).sum(2);
}

}  // namespace

void use_one_thread() {
  at::set_num_threads(1);
  if (openblas_set_num_threads) openblas_set_num_threads(1);
#ifdef __GLIBC__
  // Every step allocates and frees the same few megabytes: without this their pages are zeroed by the kernel each time.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
#endif
}

FusedModel::FusedModel(Layout layout, std::vector<ModelTrial> trials, torch::Device device, Kernels kernels)
    : layout_(std::move(layout)),
      trials_(std::move(trials)),
      device_(device),
      by_pairs_(device.is_cpu() && kernels == Kernels::kByDevice) {
  const bool wide = trials_.front().config.precision == sweep::Precision::kFloat64;
  dtype_ = wide ? torch::kFloat64 : torch::kFloat32;
  parameters = torch::zeros({size(), layout_.size}, dtype_);
  for (int k = 0; k < size(); ++k) {
    const ModelTrial& trial = trials_[static_cast<std::size_t>(k)];
    if (wide) {
      initialise(layout_, trial.active, trial.seed, parameters[k].data_ptr<double>());
    } else {
      initialise(layout_, trial.active, trial.seed, parameters[k].data_ptr<float>());
    }
  }
  parameters = parameters.to(device_);
  make_views();
}

void FusedModel::make_views() {
  gradients = torch::zeros_like(parameters);
  views_.clear();
  for (const Parameter& p : layout_.parameters) {
    std::vector<std::int64_t> shape = {size()};
    shape.insert(shape.end(), p.shape.begin(), p.shape.end());
    const auto part = [&](const Tensor& flat) { return flat.narrow(1, p.offset, p.size).view(shape).detach(); };
    Tensor leaf = part(parameters);
    if (p.offset >= layout_.shared_offset || !by_pairs_) {
      leaf.set_requires_grad(true);
      leaf.mutable_grad() = part(gradients);
    }
    views_.push_back(leaf);
  }
  const auto encoders = static_cast<std::int64_t>(layout_.encoders.size());
  mask_ = torch::zeros({size(), encoders, 1}, torch::kBool);
  for (int k = 0; k < size(); ++k) {
    for (std::int64_t e = 0; e < encoders; ++e) {
      mask_[k][e][0] = static_cast<bool>(trials_[static_cast<std::size_t>(k)].active[static_cast<std::size_t>(e)]);
    }
  }
  mask_ = mask_.to(device_);
  pairs_.clear();
  all_active_ = true;
  if (by_pairs_) {
    const bool gated = trials_.front().config.fusion == sweep::Fusion::kSum;
    for (int k = 0; k < size(); ++k) {
      for (std::size_t e = 0; e < layout_.encoders.size(); ++e) {
        const std::string prefix = "projection." + layout_.encoders[e].name + ".";
        const Parameter& weight = layout_.at(prefix + "weight");
        Pair pair;
        pair.active = trials_[static_cast<std::size_t>(k)].active[e];
        all_active_ = all_active_ && pair.active;
        const auto matrix = [&](const Tensor& flat) {
          return flat[k].narrow(0, weight.offset, weight.size).view({weight.shape[0], weight.shape[1]});
        };
        pair.weight = matrix(parameters);
        pair.weight_gradient = matrix(gradients);
        if (gated) {
          pair.bias = layout_.at(prefix + "bias").offset;
          pair.norm_weight = layout_.at(prefix + "norm.weight").offset;
          pair.norm_bias = layout_.at(prefix + "norm.bias").offset;
        }
        pairs_.push_back(std::move(pair));
      }
    }
  }
  top_n_ = per_trial([](const Config& c) { return static_cast<double>(c.top_n); });
  temperature_ = per_trial([](const Config& c) { return c.temperature; });
}

Tensor FusedModel::per_trial(double (*get)(const Config&)) const {
  std::vector<double> values;
  for (const ModelTrial& trial : trials_) values.push_back(get(trial.config));
  return torch::tensor(values, torch::kFloat64).to(device_, dtype_).view({size(), 1, 1});
}

Tensor FusedModel::view(const std::string& name) const {
  const Parameter& p = layout_.at(name);
  return views_[static_cast<std::size_t>(&p - layout_.parameters.data())];
}

/// The encoders' part on the CPU: one GEMM for each trial and encoder in use, whatever the pack, written in place.
Tensor FusedModel::project(const std::vector<Tensor>& inputs, const Draws* draws) {
  if (!by_pairs_) return project_composite(inputs, draws);
  torch::NoGradGuard no_grad;
  const auto encoders = inputs.size();
  const auto rows = inputs.front().size(1);
  const auto width = static_cast<std::int64_t>(trials_.front().config.projection_dim);
  const auto options = torch::dtype(dtype_);
  const std::vector<std::int64_t> shape = {size(), static_cast<std::int64_t>(encoders), rows, width};
  Tensor z = all_active_ ? torch::empty(shape, options) : torch::zeros(shape, options);
  Tensor affine = all_active_ ? torch::empty(shape, options) : torch::zeros(shape, options);
  Tensor rstd = torch::empty({size(), shape[1], rows}, options);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "project", [&] {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const Pair& pair = pairs_[i];
      if (!pair.active) continue;
      const auto k = static_cast<std::int64_t>(i / encoders), e = static_cast<std::int64_t>(i % encoders);
      const auto* flat = parameters.data_ptr<scalar_t>() + k * layout_.size;
      const std::int64_t at = static_cast<std::int64_t>(i) * rows;
      const Tensor x = inputs[static_cast<std::size_t>(e)][k];
      multiply(x.data_ptr<scalar_t>(), pair.weight.data_ptr<scalar_t>(), static_cast<int>(rows),
               static_cast<int>(x.size(1)), static_cast<int>(width), z.data_ptr<scalar_t>() + at * width);
      layer_norm_forward(z.data_ptr<scalar_t>() + at * width, flat + pair.bias, flat + pair.norm_weight,
                         flat + pair.norm_bias, static_cast<int>(rows), static_cast<int>(width),
                         rstd.data_ptr<scalar_t>() + at, affine.data_ptr<scalar_t>() + at * width);
    }
  });
  Tensor h = torch::gelu(affine);
  if (!draws) return h;
  AT_DISPATCH_FLOATING_TYPES(dtype_, "drop", [&] {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      Pair& pair = pairs_[i];
      const std::size_t k = i / encoders;
      const ModelTrial& trial = trials_[k];
      const double rate = trial.config.dropout;
      if (rate <= 0 || !pair.active) continue;
      pair.draws.resize(static_cast<std::size_t>(rows * width));
      Stream{trial.seed, Purpose::kProjectionDropout, draws->steps[k], name_key(layout_.encoders[i % encoders].name)}
          .fill(pair.draws.data(), pair.draws.size());
      drop(h.data_ptr<scalar_t>() + static_cast<std::int64_t>(i) * rows * width, pair.draws.data(),
           drop_threshold(rate), static_cast<scalar_t>(1 / (1 - rate)), rows * width);
    }
  });
  recorded_.inputs = inputs;
  recorded_.normalised = z;
  recorded_.affine = affine;
  recorded_.rstd = rstd;
  recorded_.leaf = h.set_requires_grad(true);
  return h;
}

void FusedModel::weight_gradient(std::size_t i, const Tensor& outputs, const ProjectionSink& sink) {
  const std::size_t encoders = recorded_.inputs.size();
  const int k = static_cast<int>(i / encoders), e = static_cast<int>(i % encoders);
  const Tensor inputs = recorded_.inputs[i % encoders][k];
  if (sink) {
    sink(k, e, inputs, outputs);
    return;
  }
  const auto dim = static_cast<int>(inputs.size(1));
  AT_DISPATCH_FLOATING_TYPES(dtype_, "weight_gradient", [&] {
    multiply_transposed(inputs.data_ptr<scalar_t>(), outputs.data_ptr<scalar_t>(), static_cast<int>(inputs.size(0)),
                        dim, static_cast<int>(outputs.size(1)), 0, dim, pairs_[i].weight_gradient.data_ptr<scalar_t>());
  });
}

void FusedModel::project_backward(const ProjectionSink& sink) {
  torch::NoGradGuard no_grad;
  const Tensor d = recorded_.leaf.grad().contiguous();
  const auto encoders = static_cast<std::size_t>(d.size(1));
  const auto rows = d.size(2), width = d.size(3);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "project_backward", [&] {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const Pair& pair = pairs_[i];
      const double rate = trials_[i / encoders].config.dropout;
      if (rate <= 0 || !pair.active) continue;
      drop(d.data_ptr<scalar_t>() + static_cast<std::int64_t>(i) * rows * width, pair.draws.data(),
           drop_threshold(rate), static_cast<scalar_t>(1 / (1 - rate)), rows * width);
    }
    Tensor dy = torch::gelu_backward(d, recorded_.affine);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      Pair& pair = pairs_[i];
      if (!pair.active) continue;
      const auto k = static_cast<std::int64_t>(i / encoders), e = static_cast<std::int64_t>(i % encoders);
      const auto* flat = parameters.data_ptr<scalar_t>() + k * layout_.size;
      auto* gradient = gradients.data_ptr<scalar_t>() + k * layout_.size;
      const std::int64_t at = static_cast<std::int64_t>(i) * rows;
      layer_norm_backward(recorded_.normalised.data_ptr<scalar_t>() + at * width,
                          recorded_.rstd.data_ptr<scalar_t>() + at, flat + pair.norm_weight, static_cast<int>(rows),
                          static_cast<int>(width), dy.data_ptr<scalar_t>() + at * width, gradient + pair.bias,
                          gradient + pair.norm_weight, gradient + pair.norm_bias);
      weight_gradient(i, dy[k][e], sink);
    }
  });
}

/// The same in LibTorch's own operations: the path of devices other than the CPU.
Tensor FusedModel::project_composite(const std::vector<Tensor>& inputs, const Draws* draws) {
  std::vector<Tensor> projected;
  for (std::size_t e = 0; e < inputs.size(); ++e) {
    const std::string& name = layout_.encoders[e].name;
    const std::string prefix = "projection." + name + ".";
    const Tensor z = linear(inputs[e], view(prefix + "weight"), view(prefix + "bias"));
    const Tensor centred = z - z.mean(2, true);
    const Tensor variance = centred.square().mean(2, true);
    const Tensor normalised = centred * (variance + kLayerNormEpsilon).rsqrt();
    Tensor h =
        torch::gelu(normalised * view(prefix + "norm.weight").unsqueeze(1) + view(prefix + "norm.bias").unsqueeze(1));
    if (draws) {
      Tensor keep = torch::ones(h.sizes(), torch::kBool);
      std::vector<std::uint32_t> bits(static_cast<std::size_t>(h.size(1) * h.size(2)));
      for (int k = 0; k < size(); ++k) {
        const ModelTrial& trial = trials_[static_cast<std::size_t>(k)];
        if (trial.config.dropout <= 0) continue;
        Stream{trial.seed, Purpose::kProjectionDropout, draws->steps[static_cast<std::size_t>(k)], name_key(name)}.fill(
            bits.data(), bits.size());
        bool* out = keep[k].data_ptr<bool>();
        for (std::size_t i = 0; i < bits.size(); ++i) out[i] = bits[i] >= drop_threshold(trial.config.dropout);
      }
      const Tensor scale = 1 / (1 - per_trial([](const Config& c) { return c.dropout; }));
      h = torch::where(keep.to(device_), h * scale, torch::zeros({}, h.options()));
    }
    projected.push_back(h);
  }
  return torch::stack(projected, 1);
}

/// Sum over encoders of x_e W_e, [trial, row, width], without the bias.
Tensor FusedModel::concatenate(const std::vector<Tensor>& inputs, bool record) {
  const auto width = layout_.parameters.front().shape[1];
  if (!by_pairs_) {
    Tensor sum = torch::zeros({size(), inputs.front().size(1), width}, inputs.front().options());
    for (std::size_t e = 0; e < inputs.size(); ++e) {
      const Tensor part = torch::bmm(inputs[e], view("projection." + layout_.encoders[e].name + ".weight"));
      const Tensor active = mask_.select(1, static_cast<std::int64_t>(e)).unsqueeze(2);
      sum = sum + torch::where(active, part, torch::zeros({}, part.options()));
    }
    return sum;
  }
  torch::NoGradGuard no_grad;
  Tensor sum = torch::zeros({size(), inputs.front().size(1), width}, torch::dtype(dtype_));
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const auto k = static_cast<std::int64_t>(i / inputs.size());
    if (pairs_[i].active) sum[k].addmm_(inputs[i % inputs.size()][k], pairs_[i].weight);
  }
  if (record) {
    recorded_.inputs = inputs;
    recorded_.leaf = sum.set_requires_grad(true);
  }
  return sum;
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
  const auto matrix = [&](const Tensor& flat, const Parameter& p, std::int64_t k, std::int64_t height) {
    return flat[k].narrow(0, p.offset, height * p.shape.back()).view({height, p.shape.back()});
  };
  Tensor activation = torch::empty({size(), all, width}, projected.options());
  Tensor scores = torch::empty({size(), encoders, rows}, projected.options());
  AT_DISPATCH_FLOATING_TYPES(dtype_, "scorer", [&] {
    for (std::int64_t k = 0; k < size(); ++k) {
      const auto* flat = parameters.data_ptr<scalar_t>() + k * layout_.size;
      auto* z = activation.data_ptr<scalar_t>() + k * all * width;
      multiply(projected.data_ptr<scalar_t>() + k * all * d, flat + hidden.offset, static_cast<int>(all),
               static_cast<int>(d), static_cast<int>(width), z);
      // W1 [h; emb] = W1h h + W1e emb: the second part is the same for all rows.
      const Tensor offset =
          torch::mm(matrix(parameters, embedding, k, encoders), matrix(parameters, side, k, Layout::kEmbedding));
      for (std::int64_t e = 0; e < encoders; ++e) {
        add_bias(z + e * rows * width, offset.data_ptr<scalar_t>() + e * width, static_cast<int>(rows),
                 static_cast<int>(width));
      }
    }
    activation.tanh_();
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
        const Tensor embeddings = matrix(model.parameters, embedding, k, encoders),
                     sides = matrix(model.parameters, side, k, Layout::kEmbedding);
        Tensor dembedding = matrix(model.gradients, embedding, k, encoders),
               dside = matrix(model.gradients, side, k, Layout::kEmbedding), dh_k = dh[k].view({all, d});
        torch::mm_out(dembedding, doffset, sides.t());
        torch::mm_out(dside, embeddings.t(), doffset);
        torch::mm_out(dh_k, dz_k, matrix(model.parameters, hidden, k, d).t());
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
  if (config.gate == sweep::Gate::kQuery) {
    // q . (W_k h) = (q W_k) . h
    const Tensor direction = torch::bmm(view("gate.query").unsqueeze(1), view("gate.key.weight"));  // [k, 1, d]
    return torch::bmm(flat, direction.transpose(1, 2)).view({k, encoders, rows}) / std::sqrt(static_cast<double>(d));
  }
  std::vector<Tensor> embeddings;
  for (const EncoderShape& encoder : layout_.encoders) embeddings.push_back(view("gate.embedding." + encoder.name));
  const Tensor offset = torch::bmm(torch::stack(embeddings, 1), view("gate.hidden.embedding_weight"));
  const Tensor hidden = torch::bmm(flat, view("gate.hidden.weight")).view({k, encoders, rows, config.gate_dim});
  const Tensor activation = torch::tanh(hidden + offset.unsqueeze(2)).view({k, encoders * rows, config.gate_dim});
  return torch::bmm(activation, view("gate.out.weight").unsqueeze(2)).view({k, encoders, rows});
}

/// The top_n best scores of each row, ties to the lower encoder; bool [trial, encoder, row].
Tensor FusedModel::keep_top(const Tensor& scores) const {
  torch::NoGradGuard no_grad;
  if (!by_pairs_) {
    const Tensor nowhere = torch::full({}, -std::numeric_limits<double>::infinity(), scores.options());
    return (ranks(torch::where(mask_, scores, nowhere)) < top_n_) & mask_;
  }
  const auto encoders = scores.size(1), rows = scores.size(2);
  Tensor kept = torch::empty(scores.sizes(), torch::kBool);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "keep_top", [&] {
    const auto* s = scores.data_ptr<scalar_t>();
    bool* out = kept.data_ptr<bool>();
    for (const ModelTrial& trial : trials_) {
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t e = 0; e < encoders; ++e) {
          const scalar_t own = s[e * rows + r];
          int rank = 0;
          for (std::int64_t o = 0; o < encoders; ++o) {
            const scalar_t other = s[o * rows + r];
            rank += trial.active[static_cast<std::size_t>(o)] && (other > own || (other == own && o < e));
          }
          out[e * rows + r] = trial.active[static_cast<std::size_t>(e)] && rank < trial.config.top_n;
        }
      }
      s += encoders * rows;
      out += encoders * rows;
    }
  });
  return kept;
}

/// softmax(scores / temperature) over the encoders kept, 0 elsewhere.
Tensor FusedModel::kept_softmax(const Tensor& scores, const Tensor& kept) const {
  if (!by_pairs_) {
    const Tensor nowhere = torch::full({}, -std::numeric_limits<double>::infinity(), scores.options());
    return torch::softmax(torch::where(kept, scores / temperature_, nowhere), 1);
  }
  torch::NoGradGuard no_grad;
  const auto encoders = scores.size(1), rows = scores.size(2);
  Tensor weights = torch::empty_like(scores);
  AT_DISPATCH_FLOATING_TYPES(dtype_, "kept_softmax", [&] {
    const auto* s = scores.data_ptr<scalar_t>();
    const bool* keep = kept.data_ptr<bool>();
    auto* a = weights.data_ptr<scalar_t>();
    for (const ModelTrial& trial : trials_) {
      const auto temperature = static_cast<scalar_t>(trial.config.temperature);
      for (std::int64_t r = 0; r < rows; ++r) {
        scalar_t top = -std::numeric_limits<scalar_t>::infinity(), sum = 0;
        for (std::int64_t i = r; i < encoders * rows; i += rows) {
          if (keep[i]) top = std::max(top, s[i] / temperature);
        }
        for (std::int64_t i = r; i < encoders * rows; i += rows) {
          a[i] = keep[i] ? std::exp(s[i] / temperature - top) : scalar_t(0);
          sum += a[i];
        }
        for (std::int64_t i = r; i < encoders * rows; i += rows) a[i] = keep[i] ? a[i] / sum : scalar_t(0);
      }
      s += encoders * rows;
      keep += encoders * rows;
      a += encoders * rows;
    }
  });
  if (!scores.requires_grad()) return weights;
  record({scores}, {weights}, [=, model = this](const std::vector<Tensor>& output_gradients) {
    const Tensor da = output_gradients.front().contiguous();
    Tensor ds = torch::empty_like(da);
    AT_DISPATCH_FLOATING_TYPES(model->dtype_, "kept_softmax_backward", [&] {
      const auto *a = weights.data_ptr<scalar_t>(), *d = da.data_ptr<scalar_t>();
      const bool* keep = kept.data_ptr<bool>();
      auto* out = ds.data_ptr<scalar_t>();
      for (const ModelTrial& trial : model->trials_) {
        const auto temperature = static_cast<scalar_t>(trial.config.temperature);
        for (std::int64_t r = 0; r < rows; ++r) {
          scalar_t mean = 0;
          for (std::int64_t i = r; i < encoders * rows; i += rows) {
            if (keep[i]) mean += a[i] * d[i];
          }
          for (std::int64_t i = r; i < encoders * rows; i += rows) {
            out[i] = keep[i] ? a[i] * (d[i] - mean) / temperature : scalar_t(0);
          }
        }
        a += encoders * rows;
        d += encoders * rows;
        keep += encoders * rows;
        out += encoders * rows;
      }
    });
    return std::vector<Tensor>{ds};
  });
  return weights;
}

/// sum_e a_e h_e over the encoders kept, [trial, row, width].
Tensor FusedModel::weighted_sum(const Tensor& weights, const Tensor& kept, const Tensor& projected) const {
  if (!by_pairs_) return (weights.unsqueeze(3) * projected).sum(1);
  torch::NoGradGuard no_grad;
  const auto encoders = static_cast<int>(projected.size(1)), rows = static_cast<int>(projected.size(2)),
             width = static_cast<int>(projected.size(3));
  const std::int64_t all = projected.size(1) * projected.size(2);
  Tensor pooled = torch::empty({size(), rows, width}, projected.options());
  AT_DISPATCH_FLOATING_TYPES(dtype_, "pool", [&] {
    for (std::int64_t k = 0; k < size(); ++k) {
      pool(weights.data_ptr<scalar_t>() + k * all, kept.data_ptr<bool>() + k * all,
           projected.data_ptr<scalar_t>() + k * all * width, encoders, rows, width,
           pooled.data_ptr<scalar_t>() + k * rows * width);
    }
  });
  if (!projected.requires_grad()) return pooled;
  record({weights, projected}, {pooled}, [=](const std::vector<Tensor>& output_gradients) {
    const Tensor d = output_gradients.front().contiguous();
    Tensor dh = torch::empty_like(projected), dweights = torch::empty_like(weights);
    AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "pool_backward", [&] {
      for (std::int64_t k = 0; k < d.size(0); ++k) {
        pool_backward(weights.data_ptr<scalar_t>() + k * all, kept.data_ptr<bool>() + k * all,
                      projected.data_ptr<scalar_t>() + k * all * width, d.data_ptr<scalar_t>() + k * rows * width,
                      encoders, rows, width, dh.data_ptr<scalar_t>() + k * all * width,
                      dweights.data_ptr<scalar_t>() + k * all);
      }
    });
    return std::vector<Tensor>{dweights, dh};
  });
  return pooled;
}

Tensor FusedModel::dense(const Tensor& x, const std::string& weight_name, const std::string& bias_name) {
  if (!by_pairs_) return linear(x, view(weight_name), view(bias_name));
  torch::NoGradGuard no_grad;
  const Parameter &weight = layout_.at(weight_name), &bias = layout_.at(bias_name);
  const auto rows = static_cast<int>(x.size(1)), in = static_cast<int>(weight.shape[0]),
             out = static_cast<int>(weight.shape[1]);
  const Tensor input = x.contiguous();
  Tensor y = torch::empty({size(), rows, out}, x.options());
  AT_DISPATCH_FLOATING_TYPES(dtype_, "dense", [&] {
    for (std::int64_t k = 0; k < size(); ++k) {
      const auto* flat = parameters.data_ptr<scalar_t>() + k * layout_.size;
      auto* to = y.data_ptr<scalar_t>() + k * rows * out;
      multiply(input.data_ptr<scalar_t>() + k * rows * in, flat + weight.offset, rows, in, out, to);
      add_bias(to, flat + bias.offset, rows, out);
    }
  });
  if (!x.requires_grad()) return y;
  record({x}, {y}, [=, model = this](const std::vector<Tensor>& output_gradients) {
    const Tensor d = output_gradients.front().contiguous();
    Tensor dx = torch::empty_like(input);
    AT_DISPATCH_FLOATING_TYPES(d.scalar_type(), "dense_backward", [&] {
      for (std::int64_t k = 0; k < model->size(); ++k) {
        auto* gradient = model->gradients.data_ptr<scalar_t>() + k * model->layout_.size;
        const auto* from = d.data_ptr<scalar_t>() + k * rows * out;
        multiply_transposed(input.data_ptr<scalar_t>() + k * rows * in, from, rows, in, out, 0, in,
                            gradient + weight.offset);
        sum_rows(from, rows, out, gradient + bias.offset);
        Tensor dx_k = dx[k];
        torch::mm_out(dx_k, d[k], model->parameters[k].narrow(0, weight.offset, weight.size).view({in, out}).t());
      }
    });
    return std::vector<Tensor>{dx};
  });
  return y;
}

Tensor FusedModel::drop_fused(const Tensor& x, const Draws* draws) const {
  if (!draws) return x;
  bool any = false;
  Tensor factors = torch::ones(x.sizes(), torch::dtype(dtype_));
  std::vector<std::uint32_t> bits(static_cast<std::size_t>(x.size(1) * x.size(2)));
  AT_DISPATCH_FLOATING_TYPES(dtype_, "drop_fused", [&] {
    for (int k = 0; k < size(); ++k) {
      const ModelTrial& trial = trials_[static_cast<std::size_t>(k)];
      const double rate = trial.config.dropout;
      if (rate <= 0) continue;
      any = true;
      Stream{trial.seed, Purpose::kFusionDropout, draws->steps[static_cast<std::size_t>(k)], 0}.fill(bits.data(),
                                                                                                     bits.size());
      drop(factors[k].data_ptr<scalar_t>(), bits.data(), drop_threshold(rate), static_cast<scalar_t>(1 / (1 - rate)),
           static_cast<std::int64_t>(bits.size()));
    }
  });
  if (!any) return x;
  factors = factors.to(device_);
  return torch::where(factors > 0, x * factors, torch::zeros({}, x.options()));
}

Tensor FusedModel::activate(const Tensor& z, const Draws* draws) const {
  const bool gelu = trials_.front().config.fusion != sweep::Fusion::kConcat;
  if (!by_pairs_ || !draws) return drop_fused(gelu ? torch::gelu(z) : torch::relu(z), draws);
  torch::NoGradGuard no_grad;
  Tensor y = gelu ? torch::gelu(z) : torch::relu(z);
  const auto numbers = z.size(1) * z.size(2);
  std::vector<std::vector<std::uint32_t>> bits(trials_.size());
  const auto drop_rows = [=](Tensor& x, const std::vector<std::vector<std::uint32_t>>& drawn) {
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "drop_rows", [&] {
      for (std::size_t k = 0; k < drawn.size(); ++k) {
        const double rate = trials_[k].config.dropout;
        if (rate <= 0) continue;
        drop(x.data_ptr<scalar_t>() + static_cast<std::int64_t>(k) * numbers, drawn[k].data(), drop_threshold(rate),
             static_cast<scalar_t>(1 / (1 - rate)), numbers);
      }
    });
  };
  for (std::size_t k = 0; k < trials_.size(); ++k) {
    if (trials_[k].config.dropout <= 0) continue;
    bits[k].resize(static_cast<std::size_t>(numbers));
    Stream{trials_[k].seed, Purpose::kFusionDropout, draws->steps[k], 0}.fill(bits[k].data(), bits[k].size());
  }
  drop_rows(y, bits);
  record({z}, {y}, [=, bits = std::move(bits)](const std::vector<Tensor>& output_gradients) {
    Tensor d = output_gradients.front().clone(at::MemoryFormat::Contiguous);
    drop_rows(d, bits);
    return std::vector<Tensor>{gelu ? torch::gelu_backward(d, z)
                                    : torch::where(z > 0, d, torch::zeros({}, d.options()))};
  });
  return y;
}

FusedModel::Output FusedModel::forward(const std::vector<Tensor>& inputs, const Draws* draws) {
  torch::AutoGradMode with_grad(draws != nullptr);
  const Config& config = trials_.front().config;
  Output out;
  if (config.fusion == sweep::Fusion::kConcat) {
    const Tensor sum = concatenate(inputs, draws != nullptr);
    const Tensor hidden = sum + view("hidden.bias").unsqueeze(1);
    if (config.hidden == 0) {
      out.fused = out.logits = hidden;
      return out;
    }
    out.fused = activate(hidden, draws);
    out.logits = dense(out.fused, "head.weight", "head.bias");
    return out;
  }
  out.projected = project(inputs, draws);
  out.scores = gate_scores(out.projected);
  out.kept =
      config.selection == sweep::Selection::kLearned ? keep_top(out.scores) : mask_.expand_as(out.scores).contiguous();
  out.weights = kept_softmax(out.scores, out.kept);
  const Tensor pooled = weighted_sum(out.weights, out.kept, out.projected);
  out.fused = activate(dense(pooled, "fusion.weight", "fusion.bias"), draws);
  out.logits = dense(out.fused, "head.weight", "head.bias");
  return out;
}

void FusedModel::backward(const Tensor& losses, const ProjectionSink& sink) {
  // What the pairs write themselves needs no zeros first.
  const std::int64_t first = by_pairs_ ? layout_.shared_offset : 0;
  gradients.narrow(1, first, layout_.size - first).zero_();
  losses.sum().backward();
  if (by_pairs_ && trials_.front().config.fusion == sweep::Fusion::kSum) {
    project_backward(sink);
  } else if (by_pairs_) {
    torch::NoGradGuard no_grad;
    const Tensor d = recorded_.leaf.grad().contiguous();
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      if (pairs_[i].active) {
        weight_gradient(i, d[static_cast<std::int64_t>(i / recorded_.inputs.size())], sink);
      }
    }
  }
  recorded_ = {};
}

FusedModel FusedModel::select(const std::vector<int>& rows) const {
  FusedModel kept = *this;
  std::vector<std::int64_t> index;
  kept.trials_.clear();
  for (const int row : rows) {
    index.push_back(row);
    kept.trials_.push_back(trials_[static_cast<std::size_t>(row)]);
  }
  kept.parameters = parameters.index_select(0, torch::tensor(index).to(device_));
  kept.make_views();
  return kept;
}

std::vector<FusedModel::Range> FusedModel::ranges(int trial) const {
  std::vector<Range> ranges;
  for (const Parameter& p : layout_.parameters) {
    if (p.encoder >= 0 && !trials_[static_cast<std::size_t>(trial)].active[static_cast<std::size_t>(p.encoder)]) {
      continue;
    }
    const int encoder = p.offset < layout_.shared_offset ? p.encoder : -1;
    // Neighbours that are treated alike are one range; the padding between them is zero and stays so.
    const bool joins = !ranges.empty() && ranges.back().decays == p.decays && ranges.back().encoder == encoder &&
                       p.offset - (ranges.back().offset + ranges.back().size) < Layout::kAlignment;
    if (joins) {
      ranges.back().size = p.offset + p.size - ranges.back().offset;
    } else {
      ranges.push_back({p.offset, p.size, p.decays, encoder});
    }
  }
  return ranges;
}

}  // namespace medley::trainer
