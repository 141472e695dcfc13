#include "trainer/update.h"

#include <algorithm>
#include <cmath>

#include "trainer/kernels/adam_element.h"
#include "trainer/kernels/optimizer.h"

namespace medley::trainer {
namespace {

using sweep::Config;
using torch::Tensor;

AdamStep adam_step(const Config& config, const Move& move, double gradient_scale, bool decays) {
  AdamStep s;
  s.learning_rate = move.rate;
  s.step = move.step;
  s.gradient_scale = gradient_scale;
  const double decay = decays ? config.weight_decay : 0;
  (config.optimizer == sweep::Optimizer::kAdamW ? s.decoupled_decay : s.l2_decay) = decay;
  return s;
}

}  // namespace

Update::Update(const FusedModel& model)
    : first_moment(torch::zeros_like(model.parameters)), second_moment(torch::zeros_like(model.parameters)) {
  read_ranges(model);
}

void Update::select(const FusedModel& model, const Tensor& rows) {
  first_moment = first_moment.index_select(0, rows);
  second_moment = second_moment.index_select(0, rows);
  read_ranges(model);
}

void Update::read_ranges(const FusedModel& model) {
  ranges_.clear();
  for (int k = 0; k < model.size(); ++k) ranges_.push_back(model.ranges(k));
  if (!model.gpu()) return;
  std::vector<std::vector<TrainedRange>> trained(ranges_.size());
  for (std::size_t k = 0; k < ranges_.size(); ++k) {
    for (const auto& r : ranges_[k]) trained[k].push_back({r.offset, r.size, r.decays});
  }
  use_ = model.gpu()->mark_use(trained, model.layout().size, model.device());
}

bool Update::at_once(const FusedModel& model, bool alone) const {
  return model.by_pairs() && alone &&
         std::all_of(model.trials().begin(), model.trials().end(),
                     [](const ModelTrial& trial) { return trial.config.grad_clip == 0; });
}

template <class T>
void Update::step_projection(FusedModel& model, int trial, int encoder, const T* inputs, const T* outputs, int rows,
                             Move& move) {
  if (!move.moves) return;
  const Layout& layout = model.layout();
  const Parameter& weight =
      layout.at("projection." + layout.encoders[static_cast<std::size_t>(encoder)].name + ".weight");
  const AdamStep s = adam_step(model.trials()[static_cast<std::size_t>(trial)].config, move, 1, weight.decays);
  const std::int64_t at = trial * layout.size + weight.offset;
  const bool finite = adam_update_product(model.parameters.data_ptr<T>() + at, first_moment.data_ptr<T>() + at,
                                          second_moment.data_ptr<T>() + at, inputs, outputs, rows,
                                          static_cast<int>(weight.shape[0]), static_cast<int>(weight.shape[1]), s);
  move.finite = move.finite && finite;
}
template void Update::step_projection(FusedModel&, int, int, const float*, const float*, int, Move&);
template void Update::step_projection(FusedModel&, int, int, const double*, const double*, int, Move&);

void Update::step(FusedModel& model, Which which, std::vector<Move>& moves) {
  if (model.gpu()) return step_on_gpu(model, moves);
  for (std::size_t k = 0; k < moves.size(); ++k) {
    if (!moves[k].moves) continue;
    const bool finite =
        model.device().is_cpu() ? step_on_cpu(model, k, which, moves[k]) : step_composite(model, k, moves[k]);
    moves[k].finite = moves[k].finite && finite;
  }
}

void Update::step_on_gpu(FusedModel& model, std::vector<Move>& moves) {
  std::vector<TrialStep> steps(moves.size());
  for (std::size_t k = 0; k < moves.size(); ++k) {
    if (!moves[k].moves) {
      steps[k].moves = false;
      continue;
    }
    const Config& config = model.trials()[k].config;
    steps[k] = {adam_step(config, moves[k], 1, true), config.grad_clip, true};
  }
  const std::vector<int> said =
      model.gpu()->adam(model.parameters, model.gradients, first_moment, second_moment, use_, steps);
  for (std::size_t k = 0; k < said.size(); ++k) moves[k].finite = said[k] != 0;
}

bool Update::step_composite(FusedModel& model, std::size_t k, const Move& move) {
  const Config& config = model.trials()[k].config;
  const auto row = static_cast<std::int64_t>(k);
  const Tensor p = model.parameters[row], g = model.gradients[row], m = first_moment[row], v = second_moment[row];
  const double squares = config.grad_clip > 0 ? g.square().sum(torch::kFloat64).item<double>() : 0;
  const double scale = clip_factor(squares, config.grad_clip);
  for (const auto& range : ranges_[k]) {
    const AdamStep s = adam_step(config, move, scale, range.decays);
    const auto part = [&](const Tensor& x) { return x.narrow(0, range.offset, range.size); };
    Tensor pp = part(p), mm = part(m), vv = part(v);
    const Tensor gradient = part(g) * s.gradient_scale + pp * s.l2_decay;
    mm.mul_(AdamStep::kBeta1).add_(gradient, 1 - AdamStep::kBeta1);
    vv.mul_(AdamStep::kBeta2).addcmul_(gradient, gradient, 1 - AdamStep::kBeta2);
    const double correction1 = 1 - std::pow(AdamStep::kBeta1, static_cast<double>(s.step));
    const double correction2 = 1 - std::pow(AdamStep::kBeta2, static_cast<double>(s.step));
    pp.mul_(1 - s.learning_rate * s.decoupled_decay);
    pp.addcdiv_(mm, (vv / correction2).sqrt_().add_(AdamStep::kEpsilon), -s.learning_rate / correction1);
  }
  return torch::isfinite(p).all().item<bool>();
}

bool Update::step_on_cpu(FusedModel& model, std::size_t k, Which which, const Move& move) {
  const Config& config = model.trials()[k].config;
  const std::vector<FusedModel::Range>& ranges = ranges_[k];
  const std::int64_t at = static_cast<std::int64_t>(k) * model.layout().size;
  bool finite = true;
  AT_DISPATCH_FLOATING_TYPES(model.dtype(), "step_on_cpu", [&] {
    const auto of = [&](const Tensor& x) { return x.data_ptr<scalar_t>() + at; };
    auto *p = of(model.parameters), *g = of(model.gradients), *m = of(first_moment), *v = of(second_moment);
    double squares = 0;
    if (config.grad_clip > 0) {
      for (const auto& r : ranges) squares += sum_of_squares(g + r.offset, static_cast<std::size_t>(r.size));
    }
    const double scale = clip_factor(squares, config.grad_clip);
    for (const auto& r : ranges) {
      if (which == Which::kButProjectionWeights && r.encoder >= 0 && r.decays) continue;
      const AdamStep s = adam_step(config, move, scale, r.decays);
      finite &=
          adam_update(p + r.offset, g + r.offset, m + r.offset, v + r.offset, static_cast<std::size_t>(r.size), s);
    }
  });
  return finite;
}

}  // namespace medley::trainer
