#include "sweep/search/tpe.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "sweep/error.h"
#include "sweep/search/random.h"
#include "sweep/search/rounds.h"

namespace medley::sweep {
namespace {

constexpr int kTries = 1000;  ///< even draws, until one gives a new config

/// The values of one coordinate, and how far they lie apart.
class Coordinate {
 public:
  Coordinate(const ParameterSpace& space, std::size_t coordinate) : values_(values_of(space, coordinate)) {
    if (coordinate == 0 || values_ == 0) return;
    const auto& values = space.parameters[coordinate - 1].values;
    if (std::all_of(values.begin(), values.end(), [](const auto& v) { return v.is_number(); })) rank(values);
    if (std::all_of(values.begin(), values.end(), [](const auto& v) { return v.is_array(); })) collect(values);
  }

  std::size_t values() const { return values_; }  ///< 0: a range
  bool has_distances() const { return !ranks_.empty() || !sets_.empty(); }
  /// 0 to 1: of numbers by their ranks, of sets by what only one of the two has, of others 0 or 1.
  double distance(std::size_t a, std::size_t b) const {
    if (!ranks_.empty()) return std::abs(ranks_[a] - ranks_[b]);
    if (sets_.empty()) return a == b ? 0 : 1;
    std::vector<int> different;
    std::set_symmetric_difference(sets_[a].begin(), sets_[a].end(), sets_[b].begin(), sets_[b].end(),
                                  std::back_inserter(different));
    return static_cast<double>(different.size()) / members_;
  }

 private:
  void rank(const std::vector<nlohmann::json>& values) {
    for (const auto& value : values) {
      const auto smaller =
          std::count_if(values.begin(), values.end(), [&](const auto& other) { return other < value; });
      ranks_.push_back(static_cast<double>(smaller) / std::max(1.0, static_cast<double>(values.size()) - 1));
    }
  }
  void collect(const std::vector<nlohmann::json>& values) {
    std::map<nlohmann::json, int> members;
    for (const auto& value : values) {
      std::vector<int>& set = sets_.emplace_back();
      for (const auto& member : value) {
        set.push_back(members.emplace(member, static_cast<int>(members.size())).first->second);
      }
      std::sort(set.begin(), set.end());
    }
    members_ = static_cast<double>(members.size());
  }

  std::size_t values_;
  std::vector<double> ranks_;
  std::vector<std::vector<int>> sets_;
  double members_ = 1;
};

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// A mixture of kernels around points, and the even density, all of one weight. A coordinate that a point lacks is even
/// in its kernel.
class Parzen {
 public:
  Parzen(const std::vector<Coordinate>& coordinates, std::vector<const SpacePoint*> points)
      : coordinates_(coordinates), points_(std::move(points)) {
    const double n = std::max<double>(1, static_cast<double>(points_.size()));
    // Scott's rule on a range of 1, as Falkner et al. use it, but no narrower than the points can tell.
    width_ =
        std::max(0.2 * std::pow(n, -1 / (static_cast<double>(coordinates_.size()) + 4)), 1 / (1 + std::min(n, 100.0)));
    for (const SpacePoint* point : points_) {
      std::vector<double>& sums = sums_.emplace_back(coordinates_.size(), 0.0);
      for (std::size_t k = 0; k < coordinates_.size(); ++k) {
        if (!(*point)[k]) continue;
        const std::size_t at = static_cast<std::size_t>(*(*point)[k]);
        for (std::size_t v = 0; v < coordinates_[k].values(); ++v) sums[k] += nearness(k, v, at);
      }
    }
  }

  double log_density(const SpacePoint& x) const {
    double even = 1;
    for (std::size_t k = 0; k < coordinates_.size(); ++k) {
      if (x[k] && coordinates_[k].values() > 0) even /= static_cast<double>(coordinates_[k].values());
    }
    double sum = even;
    for (std::size_t i = 0; i < points_.size(); ++i) {
      double product = 1;
      for (std::size_t k = 0; k < coordinates_.size(); ++k) {
        if (x[k]) product *= kernel(i, k, *x[k]);
      }
      sum += product;
    }
    return std::log(sum / (static_cast<double>(points_.size()) + 1));
  }

  /// Which kernel, of a number in [0, 1); the even one is the last.
  std::size_t choose_kernel(double share) const {
    return std::min(points_.size(), static_cast<std::size_t>(share * (static_cast<double>(points_.size()) + 1)));
  }
  /// Coordinate `k` of kernel `i` where its distribution function reaches `share`.
  double draw(std::size_t i, std::size_t k, double share) const {
    const std::size_t values = coordinates_[k].values();
    const bool even = i == points_.size() || !(*points_[i])[k];
    if (values == 0) return even ? share : draw_share(*(*points_[i])[k], share);
    if (even) return std::min<double>(static_cast<double>(values) - 1, std::floor(share * static_cast<double>(values)));
    for (std::size_t v = 0; v + 1 < values; ++v) {
      share -= kernel(i, k, static_cast<double>(v));
      if (share < 0) return static_cast<double>(v);
    }
    return static_cast<double>(values) - 1;
  }

 private:
  double nearness(std::size_t k, std::size_t a, std::size_t b) const {
    const double z = coordinates_[k].distance(a, b) / width_;
    return std::exp(-0.5 * z * z);
  }
  /// The normal density around `centre`, cut off at 0 and 1: its integral from 0 to `x`.
  double cut_off_cdf(double centre, double x) const {
    const double low = normal_cdf(-centre / width_), high = normal_cdf((1 - centre) / width_);
    return (normal_cdf((x - centre) / width_) - low) / (high - low);
  }
  double draw_share(double centre, double share) const {
    double low = 0, high = 1;
    for (int i = 0; i < 50; ++i) {
      const double middle = (low + high) / 2;
      (cut_off_cdf(centre, middle) < share ? low : high) = middle;
    }
    return low;
  }
  /// Of a range its density, of values their probability. A part is spread evenly: where values have no distance every
  /// one of them counts as a point, else all of them together do.
  double kernel(std::size_t i, std::size_t k, double x) const {
    const std::optional<double>& centre = (*points_[i])[k];
    const std::size_t values = coordinates_[k].values();
    if (values == 0) {
      if (!centre) return 1;
      const double z = (x - *centre) / width_;
      const double inside = normal_cdf((1 - *centre) / width_) - normal_cdf(-*centre / width_);
      return std::exp(-0.5 * z * z) / (width_ * std::sqrt(2 * std::acos(-1.0)) * inside);
    }
    const double even = 1 / static_cast<double>(values);
    if (!centre) return even;
    const double near = nearness(k, static_cast<std::size_t>(x), static_cast<std::size_t>(*centre)) / sums_[i][k];
    const double n = static_cast<double>(points_.size()),
                 of_prior = coordinates_[k].has_distances() ? 1 : static_cast<double>(values);
    return (n * near + of_prior * even) / (n + of_prior);
  }

  const std::vector<Coordinate>& coordinates_;
  std::vector<const SpacePoint*> points_;
  double width_ = 1;
  std::vector<std::vector<double>> sums_;  ///< [point][coordinate] of nearness over the values
};

/// Positions of configs that a step has added, the best mean Score first; the earlier one on ties.
std::vector<int> ranking(const SearchSpace& space, const History& history) {
  std::set<int> added;
  for (const EndedRun& run : history.runs) added.insert(run.config);
  std::vector<int> ranked(added.begin(), added.end());
  sort_by_score(ranked, space, history.runs);
  return ranked;
}

/// What one round draws.
class Round {
 public:
  Round(const SearchSpace& space, const History& history, std::uint64_t seed)
      : space_(space), drawing_(*space.drawing), seed_(seed), ids_(drawing_.ids) {
    const ParameterSpace& parameters = drawing_.parameters;
    for (std::size_t k = 0; k <= parameters.parameters.size(); ++k) coordinates_.emplace_back(parameters, k);
    const std::vector<int> ranked = ranking(space, history);
    const auto good = static_cast<std::size_t>(std::ceil(Tpe::kGood * static_cast<double>(ranked.size())));
    for (std::size_t i = 0; i < ranked.size(); ++i) {
      (i < good ? good_ : bad_).push_back(&drawing_.points[static_cast<std::size_t>(ranked[i])]);
    }
    asked_.insert(ranked.begin(), ranked.end());
  }

  /// Adds one config, even or not; false where there is none.
  bool add(bool even) { return drawing_.id_of ? draw_one(even) : choose_one(even); }

  std::vector<SpacePoint> drawn() const { return {drawn_.begin(), drawn_.end()}; }
  const std::vector<int>& configs() const { return configs_; }

 private:
  bool draw_one(bool even) {
    std::optional<SpacePoint> best;
    double best_value = 0;
    const auto position = static_cast<std::uint64_t>(space_.configs) + drawn_.size();
    if (!even) {
      const Parzen good(coordinates_, good_), bad(coordinates_, bad_);
      for (int candidate = 0; candidate < Tpe::kCandidates; ++candidate) {
        const std::uint64_t draw = position * Tpe::kCandidates + static_cast<std::uint64_t>(candidate);
        const std::size_t kernel = good.choose_kernel(uniform_draw(seed_, draw, "tpe kernel"));
        SpacePoint point = draw_point(drawing_.parameters, [&](std::size_t k) {
          return good.draw(kernel, k, uniform_draw(seed_, draw, "tpe " + name_of_coordinate(k)));
        });
        const double value = good.log_density(point) - bad.log_density(point);
        if ((best && value <= best_value) || !is_new(point)) continue;
        best_value = value;
        best = std::move(point);
      }
    }
    for (int i = 0; !best && i < kTries; ++i) {
      // Those of the first round are draws 0, 1, 2, ...; later ones are far from them.
      const std::uint64_t draw = even ? even_draws_++ : (std::uint64_t{1} << 40) + position * kTries + i;
      SpacePoint point = draw_point(drawing_.parameters, seed_, draw);
      if (is_new(point)) best = std::move(point);
    }
    if (!best) return false;
    ids_.insert(drawing_.id_of(*best));
    configs_.push_back(static_cast<int>(position));
    drawn_.push_back(std::move(*best));
    bad_.push_back(&drawn_.back());
    return true;
  }

  /// Among the configs that there are.
  bool choose_one(bool even) {
    std::optional<int> best;
    double best_value = 0;
    std::optional<Parzen> good, bad;
    if (!even) {
      good.emplace(coordinates_, good_);
      bad.emplace(coordinates_, bad_);
    }
    for (int c = 0; c < space_.configs; ++c) {
      if (asked_.count(c) > 0) continue;
      const SpacePoint& point = drawing_.points[static_cast<std::size_t>(c)];
      const double value = even ? uniform_draw(seed_, static_cast<std::uint64_t>(c), "tpe choice")
                                : good->log_density(point) - bad->log_density(point);
      if (best && value <= best_value) continue;
      best_value = value;
      best = c;
    }
    if (!best) return false;
    asked_.insert(*best);
    configs_.push_back(*best);
    bad_.push_back(&drawing_.points[static_cast<std::size_t>(*best)]);
    return true;
  }

  bool is_new(const SpacePoint& point) const {
    const std::string id = drawing_.id_of(point);
    return !id.empty() && ids_.count(id) == 0;
  }
  std::string name_of_coordinate(std::size_t k) const {
    return k == 0 ? kVariantAxis : drawing_.parameters.parameters[k - 1].setting;
  }

  const SearchSpace& space_;
  const Drawing& drawing_;
  std::uint64_t seed_;
  std::set<std::string> ids_;
  std::set<int> asked_;
  std::vector<Coordinate> coordinates_;
  std::vector<const SpacePoint*> good_, bad_;
  std::deque<SpacePoint> drawn_;  ///< of the round; they stay where they are
  std::vector<int> configs_;      ///< of the round
  std::uint64_t even_draws_ = 0;
};

}  // namespace

Tpe::Tpe(int configs, int batch, std::uint64_t seed) : configs_(configs), batch_(batch), seed_(seed) {
  if (configs < 1 || batch < 1) throw Error("tpe draws 1 config or more, in rounds of 1 or more");
}

Step Tpe::next(const SearchSpace& space, const History& history) const {
  if (!space.drawing) throw Error("tpe needs to know what configs are drawn from");
  std::set<int> asked;
  for (const Step& step : history.steps) {
    for (const SearchRun& run : step.add) asked.insert(run.config);
  }
  const int left = configs_ - static_cast<int>(asked.size());
  const bool even = asked.empty();
  Round round(space, history, seed_);
  for (int i = 0, size = std::min(left, even ? kEven : batch_); i < size && round.add(even); ++i) {
  }
  Step step;
  for (const int config : round.configs()) {
    for (const std::uint64_t seed : space.seeds) {
      for (const int fold : space.folds) step.add.push_back({config, seed, fold});
    }
  }
  step.drawn = round.drawn();
  step.done = step.add.empty();
  return step;
}

}  // namespace medley::sweep
