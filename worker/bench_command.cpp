#include <algorithm>
#include <memory>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "worker/bench_trials.h"
#include "worker/command.h"

namespace medley::worker {
namespace {

struct BenchArguments {
  BenchShape shape;
  int epochs = 3, repeats = 3;
  std::vector<int> packs = {1, 4, 8};
  sweep::Device device;
  bool json = false;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void bench(const BenchArguments& arguments) {
  const data::Dataset dataset = data::random_dataset(arguments.shape);
  std::vector<std::vector<double>> wall(arguments.packs.size()), cpu(arguments.packs.size());
  for (int repeat = 0; repeat < arguments.repeats; ++repeat) {
    for (std::size_t p = 0; p < wall.size(); ++p) {
      const Cost cost = cost_of_epoch(
          dataset, bench_trials(dataset, arguments.shape, arguments.packs[p], arguments.epochs), arguments.device);
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
  command->add_option("--encoders", arguments->shape.encoders, "encoders")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  command->add_option("--dim", arguments->shape.dim, "width of each")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  command->add_option("--clips", arguments->shape.clips, "clips, a fifth of them held out")
      ->capture_default_str()
      ->check(CLI::Range(10, 1000000));
  command->add_option("--batch", arguments->shape.batch, "clips a step")
      ->capture_default_str()
      ->check(CLI::Range(2, 65536));
  command->add_option("--epochs", arguments->epochs, "epochs timed")->capture_default_str()->check(CLI::Range(1, 1000));
  command->add_option("--repeats", arguments->repeats, "number of repeats (the median counts)")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command->add_option("--packs", arguments->packs, "pack sizes")->delimiter(',')->capture_default_str();
  add_device_option(*command, arguments->device);
  command->add_flag("--json", arguments->json, "print JSON");
  command->footer("Example:\n  medley-worker bench --packs 1,8");
  command->callback([arguments] { bench(*arguments); });
}

}  // namespace medley::worker
