#pragma once

#include <vector>

#include "sweep/score/statistics.h"

/// What a sweep can settle before it is trained: variances of differences that others had, and the interval that a
/// report would make of them.
namespace medley::sweep {

/// The variance of the difference of two configs, in parts. All are of the pooled Score of `clips` clips, before the
/// factor for training sets that overlap.
struct DifferenceVariance {
  Clusters by = Clusters::kActors;
  double clips = 0;     ///< labelled, of all folds that were trained
  double lasting = 0;   ///< that more seeds do not average away
  double of_seeds = 0;  ///< by actors: of what actors add with one seed and not with another
  double training = 0;  ///< by actors: V_t of one seed; by folds: what differs between the seeds of a fold
  double freedom = 0;   ///< by actors: degrees of freedom of what actors add
  int seeds = 0;        ///< that it was estimated with; 1: it does not tell the parts
};

/// Of a comparison of two configs on `folds` folds of `clips` labelled clips, with `seeds` seeds. Unbiased, so that
/// `lasting` may be negative by chance. By actors with one seed the parts have the shares of assumed_variance().
DifferenceVariance variance_of(const Comparison& comparison, int folds, int seeds, double clips);

/// Few seeds hardly tell what lasts of one pair of configs. All pairs together do: their sum of `lasting` over that of
/// what it is estimated from, at least 0. Gives every pair that share, at the variance that it has with its own seeds.
void share_lasting(std::vector<DifferenceVariance>& pairs);

/// What to expect where no finished sweep tells. With one seed two configs decide one clip of four differently, so that
/// lasting + of_seeds + training = .25 (1/clips + 1/blends) / 4, the two accuracies and all clips taken as independent.
/// The shares of the three, and the one of four, are rounded from sweeps on real actors (docs/estimates.md). By folds
/// below two `actors`.
DifferenceVariance assumed_variance(double clips, double blends, int actors);

/// What is trained of every config.
struct Design {
  int folds = 0;
  double clips = 0;  ///< labelled, of these folds
  int seeds = 1;
  int repeats = 1;  ///< of a partition, each with folds of its own

  /// Of one config.
  double trainings() const { return static_cast<double>(folds) * seeds * repeats; }
};

/// The true difference of two configs that a report of the design tells from 0 with chance `found`. The standard error
/// of the report's test times t(.975) + t(found). At .5 it is the half width of the 95 % interval. Parts of the
/// variance fall as 1 / clips, so that other folds can be asked for. Throws Error below two folds.
double smallest_difference(const DifferenceVariance& variance, const Design& design, double found = .5);

/// Of each pair of configs.
std::vector<double> smallest_differences(const std::vector<DifferenceVariance>& pairs, const Design& design,
                                         double found = .5);

/// A number of seeds with which nothing is left of what seeds average away.
inline constexpr int kEndlessSeeds = 1'000'000'000;

/// For each of `shapes` the fewest seeds, up to `most_seeds`, with which the median half width is at most `wished`. The
/// fewest trainings come first, then more folds. A shape that does not reach it is left out.
std::vector<Design> cheapest_designs(const std::vector<DifferenceVariance>& pairs, double wished,
                                     const std::vector<Design>& shapes, int most_seeds);

}  // namespace medley::sweep
