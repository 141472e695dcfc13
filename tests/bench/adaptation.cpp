// What each adaptation gives back of a planted domain shift, and what it does on a real dataset (docs/method.md).
//
//   adaptation              five datasets with a shift of the test actors, and without: Score on their test clips
//   adaptation shift SHIFT  the same with this shift alone
//   adaptation FOLDER       that dataset's held-out Score, adapted to the validation clips of every fold
#include <cstdio>
#include <cstdlib>

#include "sweep/score/statistics.h"
#include "tests/trainer/planted_truth.h"

namespace medley::tests {
namespace {

using sweep::Adaptation;
using sweep::Config;

constexpr std::uint64_t kSeeds = 5;

struct Way {
  const char* name;
  Adaptation adaptation = Adaptation::kNone;
  double weight = 1;
  sweep::Normalize normalize = sweep::Normalize::kEncoder;
};

constexpr Way kWays[] = {
    {"none"},
    {"moments", Adaptation::kMoments},
    {"coral-input", Adaptation::kCoralInput},
    {"coral, weight 1", Adaptation::kCoral, 1},
    {"coral, weight 20", Adaptation::kCoral, 20},
    {"coral, weight 100", Adaptation::kCoral, 100},
    {"mmd, weight 0.3", Adaptation::kMmd, .3},
    {"mmd, weight 1", Adaptation::kMmd, 1},
    {"mmd, weight 3", Adaptation::kMmd, 3},
    {"dann, weight 0.1", Adaptation::kDann, .1},
    {"dann, weight 0.3", Adaptation::kDann, .3},
    {"dann, weight 1", Adaptation::kDann, 1},
    {"cdan, weight 0.1", Adaptation::kCdan, .1},
    {"cdan, weight 0.3", Adaptation::kCdan, .3},
    {"cdan, weight 1", Adaptation::kCdan, 1},
    {"cmd, weight 0.1", Adaptation::kCmd, .1},
    {"cmd, weight 0.3", Adaptation::kCmd, .3},
    {"cmd, weight 1", Adaptation::kCmd, 1},
};
constexpr Way kByActor[] = {
    {"normalize actor", Adaptation::kNone, 1, sweep::Normalize::kActor},
    {"normalize actor, moments", Adaptation::kMoments, 1, sweep::Normalize::kActor},
};

Config with(Config config, const Way& way) {
  config.adaptation = way.adaptation;
  config.adaptation_weight = way.weight;
  config.normalize = way.normalize;
  return config;
}

void planted_shifts(const std::vector<double>& shifts) {
  Config config = planted_config();
  config.selection = sweep::Selection::kAll;
  config.epochs = 10;
  config.adaptation_target = sweep::AdaptationTarget::kTest;
  std::vector<double> without_shift;  // [seed]
  for (const double shift : shifts) {
    std::vector<std::vector<double>> scores(std::size(kWays));
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      data::SyntheticOptions options = shifted_options(shift);
      options.seed = seed;
      const Planted planted(options);
      for (std::size_t w = 0; w < std::size(kWays); ++w) {
        scores[w].push_back(test_score(planted, train(planted, with(config, kWays[w]), {0}, {seed}).front()));
      }
    }
    if (shift == 0) without_shift = scores[0];
    const double left = sweep::mean(scores[0]), lost = without_shift.empty() ? 0 : sweep::mean(without_shift) - left;
    std::printf("shift %.1f\n", shift);
    for (std::size_t w = 0; w < std::size(kWays); ++w) {
      const double score = sweep::mean(scores[w]);
      std::printf("  %-20s %.3f  %+.3f", kWays[w].name, score, score - left);
      if (lost > .005) std::printf("  recovers %.0f %%", 100 * (score - left) / lost);
      std::printf("\n");
    }
    std::fflush(stdout);
  }
}

void real_dataset(const char* folder) {
  const data::Dataset dataset = data::load_dataset(folder);
  Config config;
  config.encoders = dataset.encoder_names();
  config.top_n = static_cast<int>(std::min<std::size_t>(3, config.encoders.size()));
  config.projection_dim = 64;
  config.fusion_dim = 128;
  std::vector<double> plain;
  const auto row = [&](const Way& way) {
    std::vector<double> scores;
    for (const int fold : dataset.folds) {
      const Config adapted = with(config, way);
      const sweep::TrialSpec trial{sweep::trial_id(adapted, fold, 1, "bench"), adapted, fold, 1};
      scores.push_back(trainer::train_pack(dataset, {trial}).front().held_out.surface.best().accuracy.score());
    }
    if (plain.empty()) plain = scores;
    std::printf("  %-26s %.3f  %+.3f\n", way.name, sweep::mean(scores), sweep::mean(scores) - sweep::mean(plain));
    std::fflush(stdout);
  };
  for (const Way& way : kWays) row(way);
  for (const Way& way : kByActor) row(way);
}

}  // namespace
}  // namespace medley::tests

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "shift" && argc > 2) {
    medley::tests::planted_shifts({std::strtod(argv[2], nullptr)});
  } else if (!what.empty()) {
    medley::tests::real_dataset(argv[1]);
  } else {
    medley::tests::planted_shifts({0, .3, 1, 2.5});
  }
  return 0;
}
