// What each adaptation gives back of a planted domain shift, and what it does on a real dataset (docs/method.md).
//
//   adaptation              five datasets with a shift of the test actors, and without: Score on their test clips
//   adaptation shift SHIFT  the same with this shift alone
//   adaptation validation   the same clips as a further fold of known actors, adapted to as validation clips: losses of
//   the
//                           default weight, thresholds of a fold without a shift
//   adaptation FOLDER       that dataset's held-out Score, adapted to the validation clips of every fold
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>

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

std::vector<Way> all_ways() { return {std::begin(kWays), std::end(kWays)}; }

std::vector<Way> with_default_weights() {
  std::vector<Way> ways;
  for (const Way& way : kWays) {
    Config config;
    config.adaptation = way.adaptation;
    sweep::infer_settings(config, {"adaptation"});
    if (!sweep::has_adaptation_loss(config) || way.weight == config.adaptation_weight) ways.push_back(way);
  }
  return ways;
}

Config with(Config config, const Way& way) {
  config.adaptation = way.adaptation;
  config.adaptation_weight = way.weight;
  config.normalize = way.normalize;
  return config;
}

Config shifted_config(sweep::AdaptationTarget target) {
  Config config = planted_config();
  config.selection = sweep::Selection::kAll;
  config.epochs = 10;
  config.adaptation_target = target;
  return config;
}

/// Of the clips that are shifted, by way.
using Scores = std::function<std::vector<double>(const Planted&, const std::vector<Way>&, std::uint64_t seed)>;

std::vector<double> on_test_clips(const Planted& planted, const std::vector<Way>& ways, std::uint64_t seed) {
  const Config config = shifted_config(sweep::AdaptationTarget::kTest);
  std::vector<double> scores;
  for (const Way& way : ways) {
    scores.push_back(test_score(planted, train(planted, with(config, way), {0}, {seed}).front()));
  }
  return scores;
}

/// The test clips are the last fold, with labels and actors.
data::Dataset with_shifted_fold(const Planted& planted) {
  data::Dataset dataset = planted.dataset;
  dataset.folds.push_back(dataset.folds.back() + 1);
  for (const int clip : planted.dataset.clips_of_fold(-1)) {
    data::Clip& shifted = dataset.clips[static_cast<std::size_t>(clip)];
    shifted.label = test_label(planted, clip);
    shifted.actor = planted.truth["test_actors"][shifted.filename].get<std::string>();
    shifted.fold = dataset.folds.back();
  }
  return dataset;
}

std::vector<double> on_validation_clips(const Planted& planted, const std::vector<Way>& ways, std::uint64_t seed) {
  const data::Dataset dataset = with_shifted_fold(planted);
  const Config config = shifted_config(sweep::AdaptationTarget::kValidation);
  const auto thresholds = train(planted, config, {0}, {seed}).front().held_out.surface.best().thresholds;
  std::vector<double> scores;
  for (const Way& way : ways) {
    Config adapted = with(config, way);
    adapted.encoders = dataset.encoder_names();
    const int fold = dataset.folds.back();
    const sweep::TrialSpec trial{sweep::trial_id(adapted, fold, seed, "bench"), adapted, fold, seed};
    const auto result = trainer::train_pack(dataset, {trial}).front();
    scores.push_back(test_score(planted, result.held_out.validation.fused, thresholds));
  }
  return scores;
}

void planted_shifts(const std::vector<double>& shifts, const std::vector<Way>& ways, const Scores& scores_of) {
  std::vector<double> without_shift;  // [seed]
  for (const double shift : shifts) {
    std::vector<std::vector<double>> scores(ways.size());  // [way, seed]
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
      data::SyntheticOptions options = shifted_options(shift);
      options.seed = seed;
      const std::vector<double> of_ways = scores_of(Planted(options), ways, seed);
      for (std::size_t w = 0; w < ways.size(); ++w) scores[w].push_back(of_ways[w]);
    }
    if (shift == 0) without_shift = scores[0];
    const double left = sweep::mean(scores[0]), lost = without_shift.empty() ? 0 : sweep::mean(without_shift) - left;
    std::printf("shift %.1f\n", shift);
    for (std::size_t w = 0; w < ways.size(); ++w) {
      const double score = sweep::mean(scores[w]);
      std::vector<double> gains;
      for (std::size_t s = 0; s < kSeeds; ++s) gains.push_back(scores[w][s] - scores[0][s]);
      std::printf("  %-20s %.3f  %+.3f ± %.3f", ways[w].name, score, score - left,
                  sweep::student_t_quantile(.975, kSeeds - 1) * sweep::sample_sd(gains) / std::sqrt(kSeeds));
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
    medley::tests::planted_shifts({std::strtod(argv[2], nullptr)}, medley::tests::all_ways(),
                                  medley::tests::on_test_clips);
  } else if (what == "validation") {
    medley::tests::planted_shifts({0, .3, 1, 2.5}, medley::tests::with_default_weights(),
                                  medley::tests::on_validation_clips);
  } else if (!what.empty()) {
    medley::tests::real_dataset(argv[1]);
  } else {
    medley::tests::planted_shifts({0, .3, 1, 2.5}, medley::tests::all_ways(), medley::tests::on_test_clips);
  }
  return 0;
}
