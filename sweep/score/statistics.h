#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "sweep/named_enum.h"
#include "sweep/score/metric.h"

namespace medley::sweep {

/// Hits of decoded predictions as integers, so that those of disjoint clips add up.
struct Tally {
  int presence_hits = 0;
  int salience_hits = 0;
  int clips = 0;
  int blends = 0;

  void add(const Label& predicted, const Label& truth);
  Tally& operator+=(const Tally& other);
  Accuracy accuracy() const;
};

/// What the surface's cell counts, as a tally.
Tally tally_at(const ThresholdSurface& surface, int alpha_index, int beta_index);

/// A number that is not there.
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// NaN of no values.
double mean(const std::vector<double>& values);
/// Sample standard deviation (n - 1). NaN below two values: it says nothing then.
double sample_sd(const std::vector<double>& values);
/// As numpy.percentile with linear interpolation; `share` in [0, 1]. Throws Error for no values or a NaN.
double quantile(std::vector<double> values, double share);

struct Interval {
  double low = 0;
  double high = 0;
};

/// How often each of `groups` was drawn in resample number `resample`: groups draws with replacement. A function of
/// its arguments only (counter-based), so intervals are the same on every machine and in any order.
std::vector<int> bootstrap_counts(int groups, int resample, std::uint64_t seed);

struct AccuracyInterval {
  Interval presence;
  Interval salience;
  Interval score;
};

/// P(T <= t) for Student's t with `df` degrees of freedom (regularised incomplete beta function).
double student_t_cdf(double t, double df);
/// The t with P(T <= t) = p, 0 < p < 1.
double student_t_quantile(double p, double df);
/// Degrees of freedom of the sum of two estimates of variance (Satterthwaite 1946), at most 10,000. Those of the first
/// where both are 0.
double satterthwaite(double a, double freedom_a, double b, double freedom_b);

/// What the clips of an interval are grouped by: clips of one actor, and of one fold's models, are not independent.
#define MEDLEY_CLUSTERS(X) X(kActors, "actors") X(kFolds, "folds")
MEDLEY_NAMED_ENUM(Clusters, MEDLEY_CLUSTERS)

/// Would the official numbers of one system hold on clips of new actors? u_a is what cluster a adds to the deviation of
/// a number (its influence function). The variance is the sum of u_a^2 / (1 - w_a) times `inflation`, where w_a is the
/// cluster's share of the clips (of the blends for ACC_salience): the cluster-robust CR2 of Bell & McCaffrey (2002),
/// with Student's t of their degrees of freedom. Ends are cut to [0, 1]. Where one cluster has all clips, the interval
/// is [0, 1]. Throws Error for fewer than two clusters.
AccuracyInterval accuracy_interval(const std::vector<Tally>& clusters, double inflation, double level = 0.95);

/// Corrected resampled t-test of paired differences (Nadeau & Bengio 2003; for repeated cross-validation Bouckaert &
/// Frank 2004). Training sets overlap, so the variance of the mean is (1/n + test/train) s^2, not s^2/n.
struct PairedComparison {
  int pairs = 0;
  double mean = 0;
  double sd = 0;
  double standard_error = 0;
  double t = 0;       ///< infinite where all differences are the same and not 0
  double p = 1;       ///< two-sided, pairs - 1 degrees of freedom
  Interval interval;  ///< of the mean difference
};
/// `differences` has one value a (fold, seed); `folds` gives test/train = 1/(folds - 1). Fewer than two pairs have
/// p = 1 and an interval of NaN. Throws Error for fewer than two folds.
PairedComparison compare_paired(const std::vector<double>& differences, int folds, double level = 0.95);

/// What one actor adds to the difference of two configs in one run: hits of the one less hits of the other.
struct ActorHits {
  int actor = 0;  ///< any number that is one actor's alone
  double presence = 0;
  double salience = 0;
  double clips = 0;
  double blends = 0;
};

/// A difference of two configs in one run.
struct RunDifference {
  int fold = 0;
  double value = 0;  ///< of Scores
  std::uint64_t seed = 0;
  std::vector<ActorHits> actors;  ///< of the fold's clips; empty where actors are unknown
  int repeat = 1;                 ///< Partition::repeat of `fold`
};

/// The corrected resampled t-test where each fold has the same clips for every seed, as in a sweep. Differences of one
/// fold then share the part that belongs to its clips, and more seeds do not average it away. Let MSB be the mean
/// square between the k folds of S seeds and MSW that within them (one-way analysis of variance). The variance of the
/// mean is
///
///     MSB / (k S) + [MSB / S + (1 - 1/S) MSW] * test/train
///
/// Folds are the unit, and the bracket is the variance of a single difference. Degrees of freedom are halfway between
/// Satterthwaite's (1946) and the folds' k - 1. His estimate is too large just when the spread of the folds is
/// underestimated, and finds too many differences (tests/sweep/planned_comparisons_test.cpp). With one seed the test is
/// Nadeau & Bengio's. The folds of R repeats of a partition are k R folds, and test/train stays that of k. With one
/// seed it then is the corrected repeated k-fold cross-validation test of Bouckaert & Frank (2004).
class BlockedComparison {
 public:
  /// Folds may have different numbers of differences. Fewer than two of them with a difference: no comparison, p = 1
  /// and an interval of NaN. Throws Error unless `folds` (of a partition, for test/train) is at least 2.
  BlockedComparison(const std::vector<RunDifference>& differences, int folds, double level = 0.95);

  const PairedComparison& result() const { return result_; }
  double degrees_of_freedom() const { return freedom_; }
  double between() const { return between_; }  ///< MSB
  double within() const { return within_; }    ///< MSW; 0 with one seed

  /// Half the width of the interval at `level` with `seeds` seeds, if the components of variance stay as estimated
  /// (within: MSW, fold: max(0, (MSB - MSW) / S)). With one seed they cannot be told apart: all is taken for within,
  /// which more seeds reduce the most. Falls with `seeds` towards half_width_floor().
  double half_width(double seeds, double level = 0.95) const;
  double half_width_floor(double level = 0.95) const;
  /// Of the mean with `seeds` seeds, under the same assumption.
  double standard_error(double seeds) const;

 private:
  struct Components {
    double between = 0, within = 0;
  };
  Components components(double seeds) const;
  double variance(double between, double within, double seeds) const;
  double freedom(double between, double within, double seeds) const;

  PairedComparison result_;
  int blocks_ = 0;    ///< folds that have differences, of all repeats
  double ratio_ = 0;  ///< test/train
  double between_ = 0, within_ = 0;
  double seeds_ = 1;  ///< differences a fold, on average
  double freedom_ = 0;
};

/// Would a difference hold for other actors and other training seeds? The difference is that of pooled Scores: hits of
/// all runs over their clips. Its variance has two parts, and a factor for what neither sees.
///
/// - Actors. u_a is what actor a adds to the deviation of the two ratios (the influence function of Score), averaged
///   over seeds and over the repeats of a partition. An actor is one cluster in all of them. V_a = sum of u_a^2 / (1 -
///   w_a), where w_a is the actor's share of the clips: the cluster-robust CR2 of Bell & McCaffrey (2002), whose
///   degrees of freedom are theirs too.
/// - Training. V_t = sum over folds of w_f^2 s_f^2 / S, where s_f^2 is the variance of the fold's difference between
///   its S seeds. With one seed nothing tells it, and V_a kUnseenTraining stands in. Over R repeats it is the mean of
///   theirs, divided by R. What stands in is not, which is too wide rather than too narrow.
/// - Models of two folds share most of their training actors, and so part of their luck. Nadeau & Bengio (2003)
/// multiply
///   the variance by 1 + test/train = 1 + 1/(k - 1). V_a holds some of the noise of seeds that V_t adds again, and by
///   calibration half of test/train is right.
///
/// Degrees of freedom are Satterthwaite's (1946) of the two parts. Calibrated by tests/bench/calibration.
class ActorComparison {
 public:
  /// Throws Error unless `folds` is at least 2, and where a difference has no actors.
  ActorComparison(const std::vector<RunDifference>& differences, int folds, double level = 0.95);

  static constexpr double kUnseenTraining = 0.3;
  static constexpr double kOverlap = 0.5;
  /// 1 + kOverlap test/train, for `folds` of one repeat.
  static double factor(int folds) { return 1 + kOverlap / (folds - 1); }

  /// `mean` and `sd` are of the pooled Score and of the runs' differences. No interval, and p = 1, below two actors.
  const PairedComparison& result() const { return result_; }
  double degrees_of_freedom() const { return freedom_; }
  int actors() const { return actors_; }
  double of_actors() const { return of_actors_; }      ///< V_a
  double of_training() const { return of_training_; }  ///< V_t
  double of_seeds() const { return of_seeds_; }        ///< part of V_a that more seeds average away
  double actor_freedom() const { return actor_freedom_; }

  /// As BlockedComparison's: what does not fall with more seeds is V_a less the part of it that differs between seeds.
  double half_width(double seeds, double level = 0.95) const;
  double half_width_floor(double level = 0.95) const;
  double standard_error(double seeds) const;

 private:
  struct Components {
    double of_actors = 0, of_training = 0;
  };
  Components components(double seeds) const;
  double freedom(double of_actors, double of_training) const;

  PairedComparison result_;
  int actors_ = 0;
  double seeds_ = 1;   ///< runs of each fold of each repeat, on average
  double factor_ = 1;  ///< factor()
  double of_actors_ = 0, of_training_ = 0;
  double of_seeds_ = 0;
  double actor_freedom_ = 0, training_freedom_ = 0;
  double freedom_ = 0;
};

/// result().mean of a Comparison of these, without the rest of it.
double pooled_difference(const std::vector<RunDifference>& differences);

/// By actors where every difference has them and they are two or more, else by folds.
class Comparison {
 public:
  Comparison(const std::vector<RunDifference>& differences, int folds, double level = 0.95);

  const PairedComparison& result() const;
  double degrees_of_freedom() const;
  double half_width(double seeds, double level = 0.95) const;
  double half_width_floor(double level = 0.95) const;
  double standard_error(double seeds) const;
  /// nullptr where it goes by folds.
  const ActorComparison* by_actors() const { return std::get_if<ActorComparison>(&estimator_); }
  const BlockedComparison* by_folds() const { return std::get_if<BlockedComparison>(&estimator_); }

 private:
  std::variant<BlockedComparison, ActorComparison> estimator_;
};

/// Holm's step-down adjustment (1979) of the p values of one family, in their order. Rejecting the values below a level
/// keeps the chance of any false rejection below it, under any dependence.
std::vector<double> holm_adjusted(const std::vector<double>& p);

}  // namespace medley::sweep
