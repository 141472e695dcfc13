#include "trainer/linear_fit.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <torch/autograd.h>

#include "trainer/lbfgs.h"

namespace medley::trainer {
namespace {

using torch::Tensor;
using Vector = std::vector<double>;

/// Rows of one product: large enough for an efficient GEMM, small enough for any memory.
constexpr std::size_t kChunk = 1024;
/// Weight decays of `tune_decay`: half a decade apart, so that a loss is told from its neighbours'.
constexpr double kDecays[] = {1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001};
constexpr double kTolerance = 1e-7, kTuningTolerance = 1e-3;

/// Rows of a table [row, width] as [1, row, width].
Tensor rows_of(const Vector& table, const std::vector<int>& places, int width) {
  Tensor rows = torch::empty({1, static_cast<std::int64_t>(places.size()), width}, torch::kFloat64);
  auto* out = rows.data_ptr<double>();
  for (const int place : places) {
    out = std::copy_n(table.begin() + static_cast<std::ptrdiff_t>(place) * width, width, out);
  }
  return rows;
}

/// A view of the parameter in a flat buffer.
Tensor view_of(const Parameter& parameter, const double* flat) {
  return torch::from_blob(const_cast<double*>(flat + parameter.offset), parameter.shape, torch::kFloat64);
}

/// Some rows, and a point on the way to the optimum of their objective.
struct Fit {
  FitRows rows;
  LinearObjective::Curvature curvature;
  Vector x;

  Fit(const LinearObjective& objective, const std::vector<int>& places, Vector start)
      : rows(objective.rows_at(places)), curvature(objective.curvature(rows)), x(std::move(start)) {}

  void minimise(const LinearObjective& objective, double decay, double tolerance, const std::function<void()>& poll) {
    const auto function = [&](const Vector& at, Vector& gradient) {
      poll();
      return objective.value(rows, decay, at, gradient);
    };
    x = trainer::minimise(function, std::move(x), tolerance,
                          [&](Vector& gradient) { objective.divide(gradient, curvature, decay); });
  }
};

struct Tuned {
  double decay;
  Vector x;  ///< mean of the fits with it
};

/// The weight decay whose fits have the least loss on training folds that they left out. From the largest down, until
/// two in turn are not better; the smaller ones take the most steps. Ties go to the larger one.
Tuned tuned_decay(const TrialState& trial, const LinearObjective& objective, const std::function<void()>& poll) {
  std::vector<Fit> fits;
  std::vector<FitRows> left_out;
  const Vector zero(static_cast<std::size_t>(trial.layout.size));
  for (int fold = 0; fold <= *std::max_element(trial.tuning_folds.begin(), trial.tuning_folds.end()); ++fold) {
    std::vector<int> in, out;
    for (std::size_t i = 0; i < trial.train.size(); ++i) {
      (trial.tuning_folds[i] == fold ? out : in).push_back(static_cast<int>(i));
    }
    fits.emplace_back(objective, in, zero);
    left_out.push_back(objective.rows_at(out));
  }
  Tuned best{kDecays[0], zero};
  double least = std::numeric_limits<double>::infinity();
  int worse = 0;
  for (const double decay : kDecays) {
    double sum = 0;
    for (std::size_t f = 0; f < fits.size(); ++f) {
      fits[f].minimise(objective, decay, kTuningTolerance, poll);
      sum += left_out[f].count * objective.losses(left_out[f], fits[f].x).loss;
    }
    worse = sum < least ? 0 : worse + 1;
    if (worse == 2) break;
    if (sum >= least) continue;
    least = sum;
    best = {decay, zero};
    for (const Fit& fit : fits) {
      for (std::size_t i = 0; i < zero.size(); ++i) best.x[i] += fit.x[i] / static_cast<double>(fits.size());
    }
  }
  return best;
}

ModelTrial row_of(const TrialState& trial) {
  return {trial.spec.config, trial.spec.seed, std::vector<bool>(trial.encoders.size(), true), trial.strength};
}

}  // namespace

LinearObjective::LinearObjective(TrialState& trial, const Features& features)
    : trial_(trial),
      features_(features),
      model_(trial.layout, {row_of(trial)}, torch::kCPU),
      objective_({&trial}, model_) {}

FitRows LinearObjective::rows_at(const std::vector<int>& places) const {
  const HeadShape& head = trial_.head;
  FitRows rows;
  for (std::size_t begin = 0; begin < places.size(); begin += kChunk) {
    const std::vector<int> some(places.begin() + static_cast<std::ptrdiff_t>(begin),
                                places.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kChunk, places.size())));
    FitRows::Chunk chunk;
    for (const int place : some) chunk.clips.push_back(trial_.train[static_cast<std::size_t>(place)]);
    chunk.targets = {rows_of(trial_.presence_targets, some, head.presence),
                     rows_of(trial_.salience_targets, some, head.salience),
                     torch::ones({1, static_cast<std::int64_t>(some.size())}, torch::kBool)};
    chunk.blends = (chunk.targets.salience.sum(2) > 0).sum().item<double>();
    rows.count += static_cast<double>(some.size());
    rows.blends += chunk.blends;
    rows.chunks.push_back(std::move(chunk));
  }
  return rows;
}

std::vector<Tensor> LinearObjective::inputs_of(const FitRows::Chunk& chunk) const {
  const auto count = static_cast<std::int64_t>(chunk.clips.size());
  std::vector<Tensor> inputs;
  for (std::size_t e = 0; e < trial_.layout.encoders.size(); ++e) {
    const int encoder = trial_.encoders[e];
    inputs.push_back(torch::empty({count, trial_.layout.encoders[e].dim}, torch::kFloat64));
    features_.gather(encoder, chunk.clips.data(), static_cast<int>(count), trial_.scaling.normalize,
                     *trial_.scaling.encoders[static_cast<std::size_t>(encoder)], inputs.back().data_ptr<double>());
  }
  return inputs;
}

LinearObjective::Value LinearObjective::losses(const FitRows& rows, const Vector& parameters, Vector* gradient,
                                               Tensor* squares) const {
  const Layout& layout = trial_.layout;
  if (gradient) std::fill(gradient->begin(), gradient->end(), 0.0);
  const bool by_blends = trial_.spec.config.head == sweep::Head::kSetRatio;
  const Parameter& bias = layout.at("hidden.bias");
  if (squares) *squares = torch::zeros({bias.size}, torch::kFloat64);
  Value value;
  for (const FitRows::Chunk& chunk : rows.chunks) {
    const auto count = static_cast<std::int64_t>(chunk.clips.size());
    const std::vector<Tensor> inputs = inputs_of(chunk);
    FusedModel::Output out;
    Batch batch;
    {
      torch::NoGradGuard no_grad;
      Tensor logits = view_of(bias, parameters.data()).unsqueeze(0).repeat({count, 1});
      for (std::size_t e = 0; e < layout.encoders.size(); ++e) {
        const Parameter& weight = layout.at("projection." + layout.encoders[e].name + ".weight");
        logits.addmm_(inputs[e], view_of(weight, parameters.data()));
      }
      out.logits = logits.unsqueeze(0);
    }
    out.logits.set_requires_grad(gradient != nullptr);
    Tensor sum;
    const std::vector<Term> terms = objective_.of(model_, out, batch, chunk.targets).terms;
    value.terms.resize(terms.size());
    for (std::size_t t = 0; t < terms.size(); ++t) {
      // Means over the chunk become parts of the mean over all rows, or over all blends.
      const double share = by_blends && terms[t].kind == Term::Kind::kSalience
                               ? chunk.blends / std::max(1.0, rows.blends)
                               : static_cast<double>(count) / rows.count;
      const Tensor part = terms[t].losses.sum() * (share * terms[t].weights.front());
      sum = sum.defined() ? sum + part : part;
      value.terms[t].name = name_of(terms[t].kind);
      value.terms[t].value += share * terms[t].losses.item<double>();
    }
    value.loss += sum.item<double>();
    if (!gradient) continue;
    sum.backward();
    torch::NoGradGuard no_grad;
    const Tensor d = out.logits.grad()[0];
    for (std::size_t e = 0; e < inputs.size(); ++e) {
      const Parameter& weight = layout.at("projection." + layout.encoders[e].name + ".weight");
      view_of(weight, gradient->data()).addmm_(inputs[e].t(), d);
    }
    view_of(bias, gradient->data()).add_(d.sum(0));
    if (squares) squares->add_((d * d).sum(0), rows.count);
  }
  return value;
}

double LinearObjective::value(const FitRows& rows, double decay, const Vector& parameters, Vector& gradient) const {
  double penalised = losses(rows, parameters, &gradient).loss;
  for (const Parameter& p : trial_.layout.parameters) {
    if (!p.decays) continue;
    for (auto i = static_cast<std::size_t>(p.offset); i < static_cast<std::size_t>(p.offset + p.size); ++i) {
      penalised += decay / 2 * parameters[i] * parameters[i];
      gradient[i] += decay * parameters[i];
    }
  }
  return penalised;
}

LinearObjective::Curvature LinearObjective::curvature(const FitRows& rows) const {
  torch::NoGradGuard no_grad;
  Curvature curvature;
  Vector gradient(static_cast<std::size_t>(trial_.layout.size));
  {
    torch::AutoGradMode enabled(true);
    losses(rows, Vector(gradient.size()), &gradient, &curvature.logits);
  }
  // A logit of no row has no derivative.
  curvature.logits.clamp_min_(1e-9);
  std::int64_t columns = 0;
  for (const EncoderShape& encoder : trial_.layout.encoders) columns += encoder.dim;
  if (columns > kMostRotated) return curvature;
  Tensor products = torch::zeros({columns, columns}, torch::kFloat64);
  for (const FitRows::Chunk& chunk : rows.chunks) {
    const Tensor x = torch::cat(inputs_of(chunk), 1);
    products.addmm_(x.t(), x);
  }
  // The fit of features that are not finite diverges in any case.
  if (!products.isfinite().all().item<bool>()) return curvature;
  std::tie(curvature.values, curvature.vectors) = torch::linalg_eigh(products / rows.count, "L");
  curvature.values.clamp_min_(0);
  return curvature;
}

void LinearObjective::divide(Vector& gradient, const Curvature& curvature, double decay) const {
  torch::NoGradGuard no_grad;
  std::vector<Tensor> blocks;
  for (const EncoderShape& encoder : trial_.layout.encoders) {
    blocks.push_back(view_of(trial_.layout.at("projection." + encoder.name + ".weight"), gradient.data()));
  }
  Tensor weights = torch::cat(blocks, 0);  // [column, logit]
  if (curvature.vectors.defined()) {
    weights = curvature.vectors.t().mm(weights);
    weights /= curvature.values.unsqueeze(1) * curvature.logits + decay;
    weights = curvature.vectors.mm(weights);
  } else {
    weights /= curvature.logits + decay;
  }
  std::int64_t from = 0;
  for (Tensor& block : blocks) {
    block.copy_(weights.narrow(0, from, block.size(0)));
    from += block.size(0);
  }
  view_of(trial_.layout.at("hidden.bias"), gradient.data()).div_(curvature.logits);
}

void fit_linear(TrialState& trial, const Features& features, torch::Device device, const std::function<void()>& poll) {
  const sweep::Config& config = trial.spec.config;
  const LinearObjective objective(trial, features);
  Tuned tuned{config.weight_decay, Vector(static_cast<std::size_t>(trial.layout.size))};
  if (config.tune_decay) tuned = tuned_decay(trial, objective, poll);
  std::vector<int> all(trial.train.size());
  std::iota(all.begin(), all.end(), 0);
  Fit fit(objective, all, std::move(tuned.x));
  fit.minimise(objective, tuned.decay, kTolerance, poll);

  trial.begin_epoch();
  trial.index = 1;
  LinearObjective::Value value = objective.losses(fit.rows, fit.x);
  value.terms.push_back({"weight_decay", tuned.decay});
  trial.record_step(0, value.loss, value.terms);
  FusedModel model(trial.layout, {row_of(trial)}, device);
  model.parameters[0].copy_(torch::tensor(fit.x, torch::kFloat64));
  const ModelInputs inputs{features, trial.encoders};
  const auto said = [&](const std::vector<int>& clips) {
    return trial.divergence.empty() ? evaluate(model, inputs, {&trial.scaling}, {clips}).front() : Evaluation();
  };
  trial.end_epoch(said(trial.validation), said(trial.inner), features.dataset().classes,
                  [&] { return model.parameters[0].to(torch::kCPU).clone(); });
}

}  // namespace medley::trainer
