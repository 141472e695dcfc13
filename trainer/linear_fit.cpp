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

Vector minimum(const LinearObjective& objective, const FitRows& rows, double decay, Vector start, double tolerance,
               const std::function<void()>& poll) {
  const auto function = [&](const Vector& x, Vector& gradient) {
    poll();
    return objective.value(rows, decay, x, gradient);
  };
  return minimise(function, std::move(start), tolerance);
}

/// The weight decay whose fits have the least loss on training folds that they left out. From the largest down, until
/// two in turn are not better; the smaller ones take the most steps. Ties go to the larger one.
double tuned_decay(const TrialState& trial, const LinearObjective& objective, const std::function<void()>& poll) {
  struct Fold {
    FitRows fitted, left_out;
    Vector x;
  };
  std::vector<Fold> folds;
  for (int fold = 0; fold <= *std::max_element(trial.tuning_folds.begin(), trial.tuning_folds.end()); ++fold) {
    std::vector<int> fitted, left_out;
    for (std::size_t i = 0; i < trial.train.size(); ++i) {
      (trial.tuning_folds[i] == fold ? left_out : fitted).push_back(static_cast<int>(i));
    }
    folds.push_back(
        {objective.rows_at(fitted), objective.rows_at(left_out), Vector(static_cast<std::size_t>(trial.layout.size))});
  }
  double best = kDecays[0], least = std::numeric_limits<double>::infinity();
  int worse = 0;
  for (const double decay : kDecays) {
    double sum = 0;
    for (Fold& fold : folds) {
      fold.x = minimum(objective, fold.fitted, decay, std::move(fold.x), kTuningTolerance, poll);
      sum += fold.left_out.count * objective.losses(fold.left_out, fold.x).loss;
    }
    worse = sum < least ? 0 : worse + 1;
    if (worse == 2) break;
    if (sum >= least) continue;
    least = sum;
    best = decay;
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

LinearObjective::Value LinearObjective::losses(const FitRows& rows, const Vector& parameters, Vector* gradient) const {
  const Layout& layout = trial_.layout;
  if (gradient) std::fill(gradient->begin(), gradient->end(), 0.0);
  const bool by_blends = trial_.spec.config.head == sweep::Head::kSetRatio;
  const Parameter& bias = layout.at("hidden.bias");
  Value value;
  for (const FitRows::Chunk& chunk : rows.chunks) {
    const auto count = static_cast<std::int64_t>(chunk.clips.size());
    std::vector<Tensor> inputs;
    FusedModel::Output out;
    Batch batch;
    {
      torch::NoGradGuard no_grad;
      Tensor logits = view_of(bias, parameters.data()).unsqueeze(0).repeat({count, 1});
      for (std::size_t e = 0; e < layout.encoders.size(); ++e) {
        const int encoder = trial_.encoders[e];
        inputs.push_back(torch::empty({count, layout.encoders[e].dim}, torch::kFloat64));
        features_.gather(encoder, chunk.clips.data(), static_cast<int>(count), trial_.scaling.normalize,
                         *trial_.scaling.encoders[static_cast<std::size_t>(encoder)], inputs.back().data_ptr<double>());
        const Parameter& weight = layout.at("projection." + layout.encoders[e].name + ".weight");
        logits.addmm_(inputs.back(), view_of(weight, parameters.data()));
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

void fit_linear(TrialState& trial, const Features& features, torch::Device device, const std::function<void()>& poll) {
  const sweep::Config& config = trial.spec.config;
  const LinearObjective objective(trial, features);
  const double decay = config.tune_decay ? tuned_decay(trial, objective, poll) : config.weight_decay;
  std::vector<int> all(trial.train.size());
  std::iota(all.begin(), all.end(), 0);
  const FitRows rows = objective.rows_at(all);
  const Vector fitted =
      minimum(objective, rows, decay, Vector(static_cast<std::size_t>(trial.layout.size)), kTolerance, poll);

  trial.begin_epoch();
  trial.index = 1;
  LinearObjective::Value value = objective.losses(rows, fitted);
  value.terms.push_back({"weight_decay", decay});
  trial.record_step(0, value.loss, value.terms);
  FusedModel model(trial.layout, {row_of(trial)}, device);
  model.parameters[0].copy_(torch::tensor(fitted, torch::kFloat64));
  const ModelInputs inputs{features, trial.encoders};
  const auto said = [&](const std::vector<int>& clips) {
    return trial.divergence.empty() ? evaluate(model, inputs, {&trial.scaling}, {clips}).front() : Evaluation();
  };
  trial.end_epoch(said(trial.validation), said(trial.inner), features.dataset().classes,
                  [&] { return model.parameters[0].to(torch::kCPU).clone(); });
}

}  // namespace medley::trainer
