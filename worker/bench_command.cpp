#include <algorithm>
#include <chrono>
#include <ctime>
#include <memory>
#include <random>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "trainer/trainer.h"
#include "worker/command.h"

namespace medley::worker {
namespace {

struct BenchArguments {
  int encoders = 12, dim = 1024, clips = 2456, batch = 32, epochs = 3, repeats = 3;
  std::vector<int> packs = {1, 4, 8};
  std::string device = "cpu";
  bool json = false;
};

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

/// Five equal folds, labels in turn.
data::Dataset random_dataset(const BenchArguments& arguments) {
  constexpr int kFolds = 5;
  data::Dataset dataset;
  dataset.synthetic = true;
  dataset.classes = sweep::Classes::blemore();
  dataset.fingerprint = std::string(64, '0');
  for (int fold = 0; fold < kFolds; ++fold) dataset.folds.push_back(fold);
  for (int i = 0; i < arguments.clips; ++i) {
    data::Clip clip;
    clip.stem = clip.filename = fmt::format("clip_{}", i);
    clip.actor = fmt::format("actor_{}", i % kFolds);
    clip.fold = i % kFolds;
    clip.label = i % 2 ? sweep::make_blend(i % 5, (i % 5 + 1 + i / 5 % 4) % 5, 30) : sweep::Label{i % 6, -1, 100};
    dataset.clips.push_back(std::move(clip));
  }
  for (int e = 0; e < arguments.encoders; ++e) {
    dataset.encoders.push_back(std::make_shared<RandomEncoder>(fmt::format("encoder_{:02}", e), arguments.dim,
                                                               arguments.clips, static_cast<std::uint32_t>(e)));
  }
  return dataset;
}

/// What an epoch of one trial takes, by the clock and of the processor. They differ where others use the machine too.
struct Cost {
  double wall_seconds = 0, cpu_seconds = 0;
};

/// Of two lengths the difference, so that what happens once a trial drops out.
Cost cost_of_epoch(const data::Dataset& dataset, const BenchArguments& arguments, int pack) {
  const auto cost = [&](int epochs) {
    std::vector<sweep::TrialSpec> trials;
    for (int k = 0; k < pack; ++k) {
      sweep::TrialSpec trial;
      trial.config.encoders = dataset.encoder_names();
      trial.config.top_n = std::min(trial.config.top_n, arguments.encoders);
      trial.config.batch_size = arguments.batch;
      trial.config.epochs = epochs;
      trial.fold = 0;
      trial.seed = static_cast<std::uint64_t>(k);
      trial.id = fmt::format("bench{}", k);
      trials.push_back(std::move(trial));
    }
    trainer::TrainOptions options;
    options.device = arguments.device;
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu_start = std::clock();
    trainer::train_pack(dataset, trials, options);
    return Cost{std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
                static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC};
  };
  const Cost once = cost(1), more = cost(1 + arguments.epochs);
  const double trial_epochs = static_cast<double>(arguments.epochs) * pack;
  return {(more.wall_seconds - once.wall_seconds) / trial_epochs, (more.cpu_seconds - once.cpu_seconds) / trial_epochs};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void bench(const BenchArguments& arguments) {
  const data::Dataset dataset = random_dataset(arguments);
  std::vector<std::vector<double>> wall(arguments.packs.size()), cpu(arguments.packs.size());
  for (int repeat = 0; repeat < arguments.repeats; ++repeat) {
    for (std::size_t p = 0; p < wall.size(); ++p) {
      const Cost cost = cost_of_epoch(dataset, arguments, arguments.packs[p]);
      wall[p].push_back(1 / cost.wall_seconds);
      cpu[p].push_back(1 / cost.cpu_seconds);
    }
  }
  nlohmann::json report = nlohmann::json::array();
  for (std::size_t p = 0; p < wall.size(); ++p) {
    report.push_back({{"pack", arguments.packs[p]},
                      {"epochs_per_second_per_trial", median(wall[p])},
                      {"epochs_per_cpu_second_per_trial", median(cpu[p])}});
    if (!arguments.json) {
      fmt::print("pack of {}: {:.2f} trial epochs/s, {:.2f} a CPU second\n", arguments.packs[p], median(wall[p]),
                 median(cpu[p]));
    }
  }
  if (arguments.json) fmt::print("{}\n", report.dump());
}

}  // namespace

void add_bench_command(CLI::App& app) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command = app.add_subcommand("bench", "Epochs a second of packs on random features, validation included");
  command->add_option("--encoders", arguments->encoders, "encoders")->capture_default_str()->check(CLI::Range(1, 64));
  command->add_option("--dim", arguments->dim, "width of each")->capture_default_str()->check(CLI::Range(1, 100000));
  command->add_option("--clips", arguments->clips, "clips, a fifth of them held out")
      ->capture_default_str()
      ->check(CLI::Range(10, 1000000));
  command->add_option("--batch", arguments->batch, "clips a step")->capture_default_str()->check(CLI::Range(2, 65536));
  command->add_option("--epochs", arguments->epochs, "epochs timed")->capture_default_str()->check(CLI::Range(1, 1000));
  command->add_option("--repeats", arguments->repeats, "the median of so many")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command->add_option("--packs", arguments->packs, "pack sizes")->delimiter(',')->capture_default_str();
  command->add_option("--device", arguments->device, "cpu, cuda, cuda:1, ...")->capture_default_str();
  command->add_flag("--json", arguments->json, "print JSON");
  command->footer("Example:\n  medley-worker bench --packs 1,8");
  command->callback([arguments] { bench(*arguments); });
}

}  // namespace medley::worker
