#include "worker/bench_trials.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <random>

#include <fmt/core.h>

#include "trainer/trainer.h"

namespace medley::worker {
namespace {

/// Random features, in memory: the bench measures training, not disks.
class RandomEncoder final : public data::Encoder {
 public:
  RandomEncoder(std::string name, int dim, int rows, std::uint32_t seed)
      : name_(std::move(name)), dim_(dim), rows_(rows) {
    std::mt19937 random(seed);
    values_.resize(static_cast<std::size_t>(dim) * static_cast<std::size_t>(rows));
    for (float& x : values_) x = static_cast<float>(random()) * 0x1p-32F - 0.5F;
  }
  const std::string& name() const override { return name_; }
  const std::string& modality() const override { return modality_; }
  int dim() const override { return dim_; }
  void gather(const std::vector<int>& clips, float* out) const override {
    for (const int clip : clips)
      out = std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(clip) * dim_, dim_, out);
  }
  const float* matrix() const override { return values_.data(); }
  int rows() const override { return rows_; }
  int row_of(int clip) const override { return clip; }

 private:
  std::string name_, modality_;
  int dim_, rows_;
  std::vector<float> values_;
};

}  // namespace

data::Dataset random_dataset(const BenchShape& shape) {
  constexpr int kFolds = 5;
  data::Dataset dataset;
  dataset.synthetic = true;
  dataset.classes = sweep::Classes::blemore();
  dataset.fingerprint = std::string(64, '0');
  for (int fold = 0; fold < kFolds; ++fold) dataset.folds.push_back(fold);
  for (int i = 0; i < shape.clips; ++i) {
    data::Clip clip;
    clip.stem = clip.filename = fmt::format("clip_{}", i);
    clip.actor = fmt::format("actor_{}", i % kFolds);
    clip.fold = i % kFolds;
    clip.label = i % 2 ? sweep::make_blend(i % 5, (i % 5 + 1 + i / 5 % 4) % 5, 30) : sweep::Label{i % 6, -1, 100};
    dataset.clips.push_back(std::move(clip));
  }
  for (int e = 0; e < shape.encoders; ++e) {
    dataset.encoders.push_back(std::make_shared<RandomEncoder>(fmt::format("encoder_{:02}", e), shape.dim, shape.clips,
                                                               static_cast<std::uint32_t>(e)));
  }
  return dataset;
}

std::vector<sweep::TrialSpec> bench_trials(const data::Dataset& dataset, const BenchShape& shape, int count,
                                           int epochs) {
  std::vector<sweep::TrialSpec> trials;
  for (int k = 0; k < count; ++k) {
    sweep::TrialSpec trial;
    trial.config.encoders = dataset.encoder_names();
    trial.config.top_n = std::min(trial.config.top_n, shape.encoders);
    trial.config.batch_size = shape.batch;
    trial.config.epochs = epochs;
    trial.fold = 0;
    trial.seed = static_cast<std::uint64_t>(k);
    trial.id = fmt::format("bench{}", k);
    trials.push_back(std::move(trial));
  }
  return trials;
}

Cost cost_of_epoch(const data::Dataset& dataset, const std::vector<sweep::TrialSpec>& trials,
                   const sweep::Device& device) {
  trainer::TrainOptions options;
  options.device = sweep::to_string(device);
  const auto cost = [&](int epochs) {
    std::vector<sweep::TrialSpec> some = trials;
    for (sweep::TrialSpec& trial : some) trial.config.epochs = epochs;
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    trainer::train_pack(dataset, some, options);
    return Cost{std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC};
  };
  const int epochs = trials.front().config.epochs;
  const Cost once = cost(1), more = cost(1 + epochs);
  const double trial_epochs = static_cast<double>(epochs) * static_cast<double>(trials.size());
  return {(more.wall_seconds - once.wall_seconds) / trial_epochs, (more.cpu_seconds - once.cpu_seconds) / trial_epochs};
}

}  // namespace medley::worker
