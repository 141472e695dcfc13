#include "sweep/score/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "sweep/error.h"

namespace medley::sweep {
namespace {

constexpr double kMostFreedom = 10'000;

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): a bijection that mixes all bits.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Continued fraction of the incomplete beta function by Lentz's method (Numerical Recipes, 6.4).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto nonzero = [](double value) { return std::fabs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / nonzero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m <= 500; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonzero(1 + even * d);
    c = nonzero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonzero(1 + odd * d);
    c = nonzero(1 + odd / c);
    fraction *= d * c;
    if (std::fabs(d * c - 1) < 1e-15) break;
  }
  return fraction;
}

/// std::lgamma() writes a global, and several threads make reports.
double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

/// I_x(a, b).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) + b * std::log1p(-x));
  // The fraction converges fast on one side of the mean only.
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double two_sided_p(double t, double df) { return incomplete_beta(df / 2, 0.5, df / (df + t * t)); }

/// Student's test of result.mean against 0.
void test(PairedComparison& result, double standard_error, double freedom, double level) {
  result.standard_error = standard_error;
  if (standard_error == 0) {
    // All differences are the same.
    result.interval = {result.mean, result.mean};
    result.t = result.mean == 0 ? 0 : std::copysign(std::numeric_limits<double>::infinity(), result.mean);
    result.p = result.mean == 0 ? 1 : 0;
    return;
  }
  const double margin = student_t_quantile(1 - (1 - level) / 2, freedom) * standard_error;
  result.interval = {result.mean - margin, result.mean + margin};
  result.t = result.mean / standard_error;
  result.p = two_sided_p(result.t, freedom);
}

/// Bell & McCaffrey's (2002) degrees of freedom of CR2 for a mean of clusters with these shares of the rows: the
/// variance of a cluster's mean falls with its size. With e = (I - 1 w') x and Q the matrix of the quadratic form
/// sum of w_i^2 e_i^2 / (1 - w_i), they are tr(QO)^2 / tr(QOQO), where O is diagonal with 1 / w_i.
double cluster_freedom(const std::vector<double>& shares) {
  std::vector<double> weights;
  double sum = 0;
  for (const double w : shares) {
    weights.push_back(w * w / (1 - w));
    sum += weights.back();
  }
  double trace = 0, squares = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    for (std::size_t j = 0; j < shares.size(); ++j) {
      const double q =
          (i == j ? weights[i] : 0) - weights[i] * shares[j] - weights[j] * shares[i] + sum * shares[i] * shares[j];
      if (i == j) trace += q / shares[i];
      squares += q * q / (shares[i] * shares[j]);
    }
  }
  return trace * trace / squares;
}

/// Hits and what they are of, added up.
struct Sum {
  double presence = 0, salience = 0, clips = 0, blends = 0;
  template <class Hits>
  void add(const Hits& hits) {
    presence += hits.presence;
    salience += hits.salience;
    clips += hits.clips;
    blends += hits.blends;
  }
  double score() const { return ((clips > 0 ? presence / clips : 0) + (blends > 0 ? salience / blends : 0)) / 2; }
  /// What `part` of this sum adds to the deviation of its Score from that of `from`.
  double influence(const Sum& part, const Sum& from) const {
    const double p = from.clips > 0 ? from.presence / from.clips : 0,
                 s = from.blends > 0 ? from.salience / from.blends : 0;
    return ((clips > 0 ? (part.presence - p * part.clips) / clips : 0) +
            (blends > 0 ? (part.salience - s * part.blends) / blends : 0)) /
           2;
  }
};

double square(double x) { return x * x; }

/// Of a ratio or a mean of ratios, by the influences of clusters and their shares of the rows.
Interval cluster_interval(double value, const std::vector<double>& influences, const std::vector<double>& shares,
                          double inflation, double level) {
  double variance = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (shares[i] >= 1) return {0, 1};
    variance += square(influences[i]) / (1 - shares[i]) * inflation;
  }
  if (variance == 0) return {value, value};
  const double margin = student_t_quantile(1 - (1 - level) / 2, cluster_freedom(shares)) * std::sqrt(variance);
  return {std::max(0.0, value - margin), std::min(1.0, value + margin)};
}

/// Of every difference, and two at least.
bool have_actors(const std::vector<RunDifference>& differences) {
  bool several = false;
  for (const RunDifference& difference : differences) {
    if (difference.actors.empty()) return false;
    const int first = differences.front().actors.front().actor;
    for (const ActorHits& hits : difference.actors) several = several || hits.actor != first;
  }
  return several;
}

/// What one actor adds in one run.
struct ActorRun {
  const ActorHits* hits = nullptr;
  int repeat = 1;
  std::uint64_t seed = 0;
};

/// The hits of all runs by actor, in the order of their numbers; those of one in the order of the runs.
std::vector<std::vector<ActorRun>> by_actor(const std::vector<RunDifference>& differences) {
  std::vector<int> actors;
  for (const RunDifference& run : differences) {
    for (const ActorHits& hits : run.actors) actors.push_back(hits.actor);
  }
  std::sort(actors.begin(), actors.end());
  actors.erase(std::unique(actors.begin(), actors.end()), actors.end());
  std::vector<std::vector<ActorRun>> grouped(actors.size());
  for (const RunDifference& run : differences) {
    for (const ActorHits& hits : run.actors) {
      const auto place = std::lower_bound(actors.begin(), actors.end(), hits.actor) - actors.begin();
      grouped[static_cast<std::size_t>(place)].push_back({&hits, run.repeat, run.seed});
    }
  }
  return grouped;
}

}  // namespace

void Tally::add(const Label& predicted, const Label& truth) {
  ++clips;
  presence_hits += predicted.same_set(truth);
  blends += truth.is_blend();
  salience_hits += truth.is_blend() && predicted == truth;
}

Tally& Tally::operator+=(const Tally& other) {
  presence_hits += other.presence_hits;
  salience_hits += other.salience_hits;
  clips += other.clips;
  blends += other.blends;
  return *this;
}

Accuracy Tally::accuracy() const {
  return {clips == 0 ? 0.0 : static_cast<double>(presence_hits) / clips,
          blends == 0 ? 0.0 : static_cast<double>(salience_hits) / blends};
}

Tally tally_at(const ThresholdSurface& surface, int alpha_index, int beta_index) {
  const auto cell = static_cast<std::size_t>(alpha_index * kGridSize + beta_index);
  return {surface.presence_hits.at(cell), surface.salience_hits.at(cell), surface.clips, surface.blends};
}

double mean(const std::vector<double>& values) {
  if (values.empty()) return kNaN;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double sample_sd(const std::vector<double>& values) {
  if (values.size() < 2) return kNaN;
  const double centre = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - centre) * (value - centre);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) throw Error("no quantile of no values");
  if (!(share >= 0 && share <= 1)) throw Error("quantile " + std::to_string(share) + " is not between 0 and 1");
  for (const double value : values) {
    if (std::isnan(value)) throw Error("no quantile of values that are not all numbers");
  }
  std::sort(values.begin(), values.end());
  const double position = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

std::vector<int> bootstrap_counts(int groups, int resample, std::uint64_t seed) {
  std::vector<int> counts(static_cast<std::size_t>(groups));
  const std::uint64_t key = mix(mix(seed) + static_cast<std::uint64_t>(resample));
  for (int draw = 0; draw < groups; ++draw) {
    // The high half times the number of groups: evenly spread to within groups / 2^32.
    const std::uint64_t bits = mix(key + static_cast<std::uint64_t>(draw)) >> 32;
    ++counts[static_cast<std::size_t>(bits * static_cast<std::uint64_t>(groups) >> 32)];
  }
  return counts;
}

double student_t_cdf(double t, double df) {
  const double tail = two_sided_p(t, df) / 2;
  return t > 0 ? 1 - tail : tail;
}

double student_t_quantile(double p, double df) {
  if (!(p > 0 && p < 1) || !(df > 0)) throw Error("no quantile of Student's t at " + std::to_string(p));
  if (p < 0.5) return -student_t_quantile(1 - p, df);
  double low = 0;
  double high = 1;
  while (student_t_cdf(high, df) < p && high < 1e300) high *= 2;
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (student_t_cdf(middle, df) < p ? low : high) = middle;
  }
  return high;
}

AccuracyInterval accuracy_interval(const std::vector<Tally>& clusters, double inflation, double level) {
  if (clusters.size() < 2) throw Error("an interval of " + std::to_string(clusters.size()) + " cluster: 2 are needed");
  Tally all;
  for (const Tally& cluster : clusters) all += cluster;
  const Accuracy value = all.accuracy();
  std::vector<double> of_presence, of_salience, of_score, clips, blends;
  for (const Tally& cluster : clusters) {
    if (cluster.clips == 0) continue;
    const double presence = (cluster.presence_hits - value.presence * cluster.clips) / all.clips;
    of_presence.push_back(presence);
    of_score.push_back(presence / 2);
    clips.push_back(cluster.clips / static_cast<double>(all.clips));
    if (cluster.blends == 0) continue;
    of_salience.push_back((cluster.salience_hits - value.salience * cluster.blends) / all.blends);
    of_score.back() += of_salience.back() / 2;
    blends.push_back(cluster.blends / static_cast<double>(all.blends));
  }
  return {cluster_interval(value.presence, of_presence, clips, inflation, level),
          cluster_interval(value.salience, of_salience, blends, inflation, level),
          cluster_interval(value.score(), of_score, clips, inflation, level)};
}

double satterthwaite(double a, double freedom_a, double b, double freedom_b) {
  const double squares = (a > 0 ? a * a / freedom_a : 0) + (b > 0 ? b * b / freedom_b : 0);
  return squares > 0 ? std::min(kMostFreedom, (a + b) * (a + b) / squares) : freedom_a;
}

PairedComparison compare_paired(const std::vector<double>& differences, int folds, double level) {
  if (folds < 2) throw Error("a paired comparison needs at least 2 folds, not " + std::to_string(folds));
  PairedComparison result;
  result.pairs = static_cast<int>(differences.size());
  result.mean = mean(differences);
  result.sd = sample_sd(differences);
  if (result.pairs < 2) {
    result.standard_error = kNaN;
    result.t = kNaN;
    result.interval = {kNaN, kNaN};
    return result;
  }
  const double n = result.pairs;
  const double df = n - 1;
  result.standard_error = result.sd * std::sqrt(1 / n + 1.0 / (folds - 1));
  const double margin = student_t_quantile(1 - (1 - level) / 2, df) * result.standard_error;
  result.interval = {result.mean - margin, result.mean + margin};
  if (result.mean == 0) return result;
  result.t = result.mean / result.standard_error;
  result.p = std::isinf(result.t) ? 0 : two_sided_p(result.t, df);
  return result;
}

BlockedComparison::BlockedComparison(const std::vector<RunDifference>& differences, int folds, double level) {
  if (folds < 2) throw Error("a paired comparison needs at least 2 folds, not " + std::to_string(folds));
  std::map<std::pair<int, int>, std::vector<double>> blocks;  // by repeat, fold
  std::vector<double> all;
  for (const RunDifference& difference : differences) {
    blocks[{difference.repeat, difference.fold}].push_back(difference.value);
    all.push_back(difference.value);
  }
  result_.pairs = static_cast<int>(all.size());
  result_.mean = mean(all);
  result_.sd = sample_sd(all);
  result_.standard_error = result_.t = kNaN;
  result_.interval = {kNaN, kNaN};
  blocks_ = static_cast<int>(blocks.size());
  if (blocks_ < 2) return;
  ratio_ = 1.0 / (folds - 1);
  const double n = result_.pairs;
  double squared_sizes = 0;
  for (const auto& [fold, values] : blocks) {
    const auto size = static_cast<double>(values.size());
    const double centre = mean(values);
    squared_sizes += size * size;
    between_ += size * (centre - result_.mean) * (centre - result_.mean) / (blocks_ - 1);
    for (const double value : values) within_ += (value - centre) * (value - centre);
  }
  within_ = result_.pairs > blocks_ ? within_ / (n - blocks_) : 0;
  seeds_ = (n - squared_sizes / n) / (blocks_ - 1);
  freedom_ = freedom(between_, within_, seeds_);
  test(result_, std::sqrt(variance(between_, within_, seeds_)), freedom_, level);
}

double BlockedComparison::variance(double between, double within, double seeds) const {
  return between / (blocks_ * seeds) + (between / seeds + (1 - 1 / seeds) * within) * ratio_;
}

double BlockedComparison::freedom(double between, double within, double seeds) const {
  const double of_between = (1 / (blocks_ * seeds) + ratio_ / seeds) * between;
  const double of_within = (1 - 1 / seeds) * ratio_ * within;
  double squares = of_between * of_between / (blocks_ - 1);
  if (of_within > 0) squares += of_within * of_within / (blocks_ * (seeds - 1));
  const double sum = of_between + of_within;
  const double satterthwaite = squares > 0 ? sum * sum / squares : blocks_ - 1;
  // Student's t with more is the normal distribution to four digits.
  return std::min(kMostFreedom, (satterthwaite + blocks_ - 1) / 2);
}

BlockedComparison::Components BlockedComparison::components(double seeds) const {
  const bool one_seed = seeds_ <= 1;
  const double within = one_seed ? between_ : within_;
  const double fold = one_seed ? 0 : std::max(0.0, (between_ - within_) / seeds_);
  return {within + seeds * fold, within};
}

double BlockedComparison::standard_error(double seeds) const {
  const auto [between, within] = components(seeds);
  return std::sqrt(variance(between, within, seeds));
}

double BlockedComparison::half_width(double seeds, double level) const {
  const auto [between, within] = components(seeds);
  return student_t_quantile(1 - (1 - level) / 2, freedom(between, within, seeds)) * standard_error(seeds);
}

double BlockedComparison::half_width_floor(double level) const { return half_width(1e9, level); }

ActorComparison::ActorComparison(const std::vector<RunDifference>& differences, int folds, double level) {
  if (folds < 2) throw Error("a paired comparison needs at least 2 folds, not " + std::to_string(folds));
  Sum all;
  std::map<std::pair<int, int>, std::map<std::uint64_t, Sum>> of_run;  // by repeat and fold, seed
  std::vector<double> values;
  for (const RunDifference& run : differences) {
    if (run.actors.empty()) throw Error("a comparison by actors needs the actors of every run");
    values.push_back(run.value);
    Sum& of_this = of_run[{run.repeat, run.fold}][run.seed];
    for (const ActorHits& hits : run.actors) {
      all.add(hits);
      of_this.add(hits);
    }
  }
  result_.pairs = static_cast<int>(differences.size());
  result_.mean = all.score();
  result_.sd = sample_sd(values);
  result_.standard_error = result_.t = kNaN;
  result_.interval = {kNaN, kNaN};
  // Many comparisons are made of many actors: no tree of them.
  std::vector<std::vector<ActorRun>> of_actor = by_actor(differences);
  actors_ = static_cast<int>(of_actor.size());
  if (actors_ < 2) return;
  factor_ = factor(folds);
  seeds_ = result_.pairs / static_cast<double>(of_run.size());

  std::vector<double> shares;
  std::vector<Sum> with_seed;
  for (std::vector<ActorRun>& runs : of_actor) {
    Sum sum;
    for (const ActorRun& run : runs) sum.add(*run.hits);
    shares.push_back(sum.clips / all.clips);
    of_actors_ += square(all.influence(sum, all)) / (1 - shares.back());
    std::stable_sort(runs.begin(), runs.end(), [](const ActorRun& a, const ActorRun& b) {
      return std::pair(a.repeat, a.seed) < std::pair(b.repeat, b.seed);
    });
    // The variance between seeds of what the actor adds with one of them, over their number.
    for (auto run = runs.begin(); run != runs.end();) {
      const int repeat = run->repeat;
      Sum whole;
      with_seed.clear();
      while (run != runs.end() && run->repeat == repeat) {
        const std::uint64_t seed = run->seed;
        Sum& part = with_seed.emplace_back();
        for (; run != runs.end() && run->repeat == repeat && run->seed == seed; ++run) part.add(*run->hits);
        whole.add(part);
      }
      const auto seeds = static_cast<double>(with_seed.size());
      if (seeds < 2) continue;
      double squares = 0;
      for (const Sum& part : with_seed) squares += square(all.influence(part, whole));
      of_seeds_ += squares * seeds / (seeds - 1);
    }
  }
  actor_freedom_ = cluster_freedom(shares);
  double training_squares = 0;
  for (const auto& [fold, runs] : of_run) {
    const auto seeds = static_cast<double>(runs.size());
    if (seeds < 2) continue;
    Sum whole;
    for (const auto& [seed, run] : runs) whole.add(run);
    double squares = 0;
    for (const auto& [seed, run] : runs) squares += square(all.influence(run, whole));
    const double variance = squares * seeds / (seeds - 1);
    of_training_ += variance;
    training_squares += variance * variance / (seeds - 1);
  }
  if (training_squares > 0) training_freedom_ = of_training_ * of_training_ / training_squares;
  if (seeds_ <= 1) {
    of_training_ = kUnseenTraining * of_actors_;
    of_seeds_ = 0;
    training_freedom_ = actor_freedom_;
  }
  freedom_ = freedom(of_actors_, of_training_);
  test(result_, std::sqrt((of_actors_ + of_training_) * factor_), freedom_, level);
}

double ActorComparison::freedom(double of_actors, double of_training) const {
  // With one seed the second part is a multiple of the first, and as uncertain.
  if (seeds_ <= 1) return actor_freedom_;
  return satterthwaite(of_actors, actor_freedom_, of_training, training_freedom_);
}

ActorComparison::Components ActorComparison::components(double seeds) const {
  const double less = seeds_ / seeds;
  const double lasting = std::max(0.0, of_actors_ - of_seeds_);
  return {lasting + (of_actors_ - lasting) * less, of_training_ * less};
}

double ActorComparison::standard_error(double seeds) const {
  const auto [of_actors, of_training] = components(seeds);
  return std::sqrt((of_actors + of_training) * factor_);
}

double ActorComparison::half_width(double seeds, double level) const {
  const auto [of_actors, of_training] = components(seeds);
  return student_t_quantile(1 - (1 - level) / 2, freedom(of_actors, of_training)) * standard_error(seeds);
}

double ActorComparison::half_width_floor(double level) const { return half_width(1e9, level); }

double pooled_difference(const std::vector<RunDifference>& differences) {
  if (have_actors(differences)) {
    Sum all;
    for (const RunDifference& run : differences) {
      for (const ActorHits& hits : run.actors) all.add(hits);
    }
    return all.score();
  }
  std::vector<double> values;
  for (const RunDifference& run : differences) values.push_back(run.value);
  return mean(values);
}

Comparison::Comparison(const std::vector<RunDifference>& differences, int folds, double level)
    : estimator_(have_actors(differences)
                     ? std::variant<BlockedComparison, ActorComparison>(ActorComparison(differences, folds, level))
                     : std::variant<BlockedComparison, ActorComparison>(BlockedComparison(differences, folds, level))) {
}

const PairedComparison& Comparison::result() const {
  return std::visit([](const auto& one) -> const PairedComparison& { return one.result(); }, estimator_);
}
double Comparison::degrees_of_freedom() const {
  return std::visit([](const auto& one) { return one.degrees_of_freedom(); }, estimator_);
}
double Comparison::half_width(double seeds, double level) const {
  return std::visit([&](const auto& one) { return one.half_width(seeds, level); }, estimator_);
}
double Comparison::half_width_floor(double level) const {
  return std::visit([&](const auto& one) { return one.half_width_floor(level); }, estimator_);
}
double Comparison::standard_error(double seeds) const {
  return std::visit([&](const auto& one) { return one.standard_error(seeds); }, estimator_);
}

std::vector<double> holm_adjusted(const std::vector<double>& p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double most = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    most = std::max(most, std::min(1.0, static_cast<double>(p.size() - i) * p[order[i]]));
    adjusted[order[i]] = most;
  }
  return adjusted;
}

}  // namespace medley::sweep
