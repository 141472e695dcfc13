#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "sweep/search/strategy.h"

/// Finished sweeps that are made up, so that what is true of them is known.
namespace medley::planted {

using Random = std::mt19937_64;

inline std::size_t at(int i) { return static_cast<std::size_t>(i); }

inline double normal(Random& random) { return std::normal_distribution<>()(random); }

/// A finished sweep. Configs are 0, 1, ..., folds and seeds too; blocks are seed-major.
struct Sweep {
  int configs = 0, folds = 0, seeds = 0;
  std::vector<sweep::EndedRun> runs;  ///< by config, seed, fold
  std::vector<double> truth;          ///< of each config, up to a constant

  int blocks() const { return folds * seeds; }
  const sweep::EndedRun& run(int config, int block) const { return runs[at(config * blocks() + block)]; }
  double score(int config, int block) const { return run(config, block).score; }
  double mean_score(int config, int blocks) const {
    double sum = 0;
    for (int block = 0; block < blocks; ++block) sum += score(config, block);
    return sum / blocks;
  }
  sweep::SearchSpace space() const {
    sweep::SearchSpace space;
    space.configs = configs;
    for (int fold = 0; fold < folds; ++fold) space.folds.push_back(fold);
    for (int seed = 0; seed < seeds; ++seed) space.seeds.push_back(static_cast<std::uint64_t>(seed));
    return space;
  }
};

/// SDs of what a Score is made of.
struct Components {
  std::vector<double> effects;  ///< of configs
  double fold = .02;            ///< the same for all configs
  double config_fold = .004;    ///< of a config in a fold, the same for all seeds
  double residual = .007;       ///< of a run
  /// Models of all folds share training clips and so luck: 1 / (folds - 1) of the variance of a run, as in Nadeau &
  /// Bengio (2003), is the same in all runs of a config.
  bool shared_luck = true;
  double unlike = 0;   ///< SD of the logarithm of a config's own SDs
  double family = 0;   ///< SD of what the first half of the configs has in common in a fold, and the other half too
  bool tails = false;  ///< residuals are Student's t with 4 degrees of freedom, at the same SD
};

inline Sweep draw(const Components& components, int folds, int seeds, Random& random) {
  Sweep table;
  table.configs = static_cast<int>(components.effects.size());
  table.folds = folds;
  table.seeds = seeds;
  table.truth = components.effects;
  std::shuffle(table.truth.begin(), table.truth.end(), random);
  std::vector<double> of_block;
  for (int seed = 0; seed < seeds; ++seed) {
    for (int fold = 0; fold < folds; ++fold) of_block.push_back(components.fold * normal(random));
  }
  std::vector<double> of_family[2];
  double luck_of_family[2] = {};
  for (int family = 0; family < 2; ++family) {
    if (components.shared_luck) luck_of_family[family] = components.family / std::sqrt(folds - 1) * normal(random);
    for (int fold = 0; fold < folds; ++fold) of_family[family].push_back(components.family * normal(random));
  }
  std::student_t_distribution<> tailed(4);
  for (int config = 0; config < table.configs; ++config) {
    const int family = 2 * config / table.configs;
    const double scale = std::exp(components.unlike * normal(random));
    const double config_fold = scale * components.config_fold, residual = scale * components.residual;
    const double of_run = config_fold * config_fold + residual * residual;
    const double luck =
        components.shared_luck ? std::sqrt(of_run / (folds - 1)) * normal(random) + luck_of_family[family] : 0;
    std::vector<double> of_fold;
    for (int fold = 0; fold < folds; ++fold) {
      of_fold.push_back(config_fold * normal(random) + of_family[family][at(fold)]);
    }
    for (int block = 0; block < table.blocks(); ++block) {
      sweep::EndedRun run;
      run.config = config;
      run.seed = static_cast<std::uint64_t>(block / folds);
      run.fold = block % folds;
      run.score = .4 + table.truth[at(config)] + luck + of_block[at(block)] + of_fold[at(run.fold)] +
                  residual * (components.tails ? tailed(random) / std::sqrt(2) : normal(random));
      table.runs.push_back(std::move(run));
    }
  }
  return table;
}

/// Hits of 20 actors with 12 clips and 12 blends each. A config has its own luck with each actor, and a training seed
/// too, and what all of its folds share. No config is better than another.
inline Sweep draw_actors(int configs, int folds, int seeds, Random& random) {
  constexpr int kActors = 20, kClips = 12;
  Sweep table;
  table.configs = configs;
  table.folds = folds;
  table.seeds = seeds;
  table.truth.assign(at(configs), 0);
  std::vector<double> of_actor;
  for (int actor = 0; actor < kActors; ++actor) of_actor.push_back(.5 * normal(random));
  const auto hits = [&](double logit) {
    return static_cast<double>(std::binomial_distribution<>(kClips, 1 / (1 + std::exp(-logit)))(random));
  };
  for (int config = 0; config < configs; ++config) {
    std::vector<double> own;
    const double shared = std::sqrt((.3 * .3 * folds / kActors + .1 * .1) / (folds - 1)) * normal(random);
    for (const double all : of_actor) own.push_back(all + shared + .3 * normal(random));
    for (int block = 0; block < table.blocks(); ++block) {
      sweep::EndedRun run;
      run.config = config;
      run.seed = static_cast<std::uint64_t>(block / folds);
      run.fold = block % folds;
      const double luck = .1 * normal(random);
      double presence = 0, salience = 0;
      for (int actor = run.fold; actor < kActors; actor += folds) {
        const double logit = own[at(actor)] + luck;
        run.actors.push_back({actor, hits(logit), hits(logit - 1), kClips, kClips});
        presence += run.actors.back().presence;
        salience += run.actors.back().salience;
      }
      run.score = (presence + salience) / (2.0 * kClips * static_cast<double>(run.actors.size()));
      table.runs.push_back(std::move(run));
    }
  }
  return table;
}

}  // namespace medley::planted
