#include "trainer/batch.h"

#include <algorithm>

#include "trainer/kernels/random.h"

namespace medley::trainer {
namespace {

using torch::Tensor;

void mix(const std::vector<Mix>& mixes, Tensor& x) {
  for (std::size_t k = 0; k < mixes.size(); ++k) {
    const Mix& mix = mixes[k];
    if (mix.partner.empty()) continue;
    const std::vector<std::int64_t> partner(mix.partner.begin(), mix.partner.end());
    Tensor rows = x[static_cast<std::int64_t>(k)].narrow(0, 0, static_cast<std::int64_t>(partner.size()));
    const Tensor others = rows.index_select(0, torch::tensor(partner).to(x.device()));
    rows.copy_(mix.share * rows + (1 - mix.share) * others);
  }
}

}  // namespace

EpochOrder draw_order(const std::vector<TrialState*>& trials, int epoch) {
  EpochOrder order;
  const auto key = static_cast<std::uint32_t>(epoch);
  for (const TrialState* trial : trials) {
    const std::uint64_t seed = trial->spec.seed;
    order.train.push_back(permutation({seed, Purpose::kBatchOrder, key, 0}, static_cast<int>(trial->train.size())));
    order.target.push_back(permutation({seed, Purpose::kTargetOrder, key, 0}, static_cast<int>(trial->target.size())));
  }
  return order;
}

Batch draw_batch(const std::vector<TrialState*>& trials, const Blocks& blocks, const EpochOrder& order, long index) {
  const auto size = static_cast<std::size_t>(blocks.size);
  Batch b;
  b.blocks = blocks;
  b.clips.assign(trials.size(), std::vector<int>(static_cast<std::size_t>(blocks.drawn()) * size, -1));
  b.moves.resize(trials.size());
  b.mixes.resize(trials.size());
  if (blocks.target) {
    b.target_real = torch::zeros({static_cast<std::int64_t>(trials.size()), blocks.size}, torch::kBool);
  }
  for (std::size_t k = 0; k < trials.size(); ++k) {
    const TrialState& trial = *trials[k];
    const auto step = static_cast<std::uint32_t>(trial.step);
    b.draws.steps.push_back(step);
    b.moves[k] = index < trial.steps_per_epoch && trial.divergence.empty();
    if (!b.moves[k]) continue;
    const std::size_t first = static_cast<std::size_t>(index) * size;
    const std::size_t real = std::min(size, order.train[k].size() - first);
    for (std::size_t i = 0; i < real; ++i) {
      b.clips[k][i] = trial.train[static_cast<std::size_t>(order.train[k][first + i])];
    }
    if (trial.spec.config.mixup > 0) {
      b.mixes[k].share = beta({trial.spec.seed, Purpose::kMixupShare, step, 0}, trial.spec.config.mixup);
      b.mixes[k].partner = permutation({trial.spec.seed, Purpose::kMixupPartner, step, 0}, static_cast<int>(real));
    }
    if (!blocks.target) continue;
    // Target clips in the epoch's order, again and again; never one clip twice in a batch.
    const std::size_t count = trial.target.size();
    for (std::size_t i = 0; i < std::min(size, count); ++i) {
      const std::size_t at = (first + i) % count;
      b.clips[k][size + i] = trial.target[static_cast<std::size_t>(order.target[k][at])];
      b.target_real[static_cast<std::int64_t>(k)][static_cast<std::int64_t>(i)] = true;
    }
  }
  return b;
}

std::vector<Tensor> own_features(Batch& batch, const ModelInputs& inputs, const FusedModel& model,
                                 const std::vector<const Scaling*>& scalings, const Gang& gang) {
  const Blocks& blocks = batch.blocks;
  const bool mixes =
      std::any_of(batch.mixes.begin(), batch.mixes.end(), [](const Mix& m) { return !m.partner.empty(); });
  const auto [first, end] = gang.share(blocks.size);
  const std::int64_t own = end - first;
  std::vector<Tensor> features;
  if (gang.alone() || mixes) {  // a row's partner may be another rank's
    features = inputs.gather(model, scalings, batch.clips);
    for (Tensor& x : features) mix(batch.mixes, x);
  } else {
    std::vector<std::vector<int>> clips;
    for (const auto& all : batch.clips) {
      clips.emplace_back();
      for (std::int64_t block = 0; block < blocks.drawn(); ++block) {
        const auto start = all.begin() + block * blocks.size;
        clips.back().insert(clips.back().end(), start + first, start + end);
      }
    }
    features = inputs.gather(model, scalings, clips);
  }
  for (Tensor& x : features) {
    if (mixes && !gang.alone()) {
      Tensor kept = x.narrow(1, first, own);
      if (blocks.target) kept = torch::cat({kept, x.narrow(1, blocks.size + first, own)}, 1);
      x = kept.contiguous();
    }
    if (blocks.again) x = torch::cat({x, x.narrow(1, 0, own)}, 1);
  }
  if (!gang.alone()) {
    for (std::int64_t block = 0; block < blocks.count(); ++block) {
      for (std::int64_t i = first; i < end; ++i) batch.draws.places.push_back(block * blocks.size + i);
    }
    batch.draws.total = blocks.count() * blocks.size;
  }
  return features;
}

Targets make_targets(const std::vector<TrialState*>& trials, const EpochOrder& order, const Batch& batch, long index,
                     const FusedModel& model) {
  const std::int64_t size = batch.blocks.size;
  const auto count = static_cast<std::int64_t>(trials.size());
  const HeadShape& head = trials.front()->head;
  Targets targets;
  targets.presence = torch::zeros({count, size, head.presence}, torch::kFloat64);
  targets.salience = torch::zeros({count, size, head.salience}, torch::kFloat64);
  targets.real = torch::zeros({count, size}, torch::kBool);
  auto* presence = targets.presence.data_ptr<double>();
  auto* salience = targets.salience.data_ptr<double>();
  auto* real = targets.real.data_ptr<bool>();
  for (std::size_t k = 0; k < trials.size(); ++k) {
    if (!batch.moves[k]) continue;
    const TrialState& trial = *trials[k];
    for (std::int64_t i = 0; i < size; ++i) {
      const auto row = static_cast<std::size_t>(index * size + i);
      if (row >= order.train[k].size()) break;
      const auto from = static_cast<std::ptrdiff_t>(order.train[k][row]);
      const auto to = static_cast<std::int64_t>(k) * size + i;
      std::copy_n(trial.presence_targets.begin() + from * head.presence, head.presence, presence + to * head.presence);
      std::copy_n(trial.salience_targets.begin() + from * head.salience, head.salience, salience + to * head.salience);
      real[to] = true;
    }
  }
  mix(batch.mixes, targets.presence);
  mix(batch.mixes, targets.salience);
  targets.presence = targets.presence.to(model.device(), model.dtype());
  targets.salience = targets.salience.to(model.device(), model.dtype());
  targets.real = targets.real.to(model.device());
  return targets;
}

}  // namespace medley::trainer
