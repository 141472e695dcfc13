#include "sweep/score/shapley.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>

#include "sweep/error.h"
#include "sweep/philox.h"
#include "sweep/score/cholesky.h"

namespace medley::sweep {
namespace {

int size_of(std::uint32_t set) {
  int size = 0;
  for (; set != 0; set &= set - 1) ++size;
  return size;
}

double choose(int n, int k) {
  if (k < 0 || k > n) return 0;
  double count = 1;
  for (int i = 1; i <= k; ++i) count = count * (n - k + i) / i;
  return count;
}

void check_game(int players, const std::vector<double>& worth) {
  if (players >= 1 && players <= kMaxPlayers && worth.size() == std::size_t{1} << players) return;
  throw Error("Shapley values need 1 to " + std::to_string(kMaxPlayers) + " players and a worth for each of the sets");
}

/// The sum of all products of `k` of `n` numbers, of which `ones` are 1 and the others -1 (a Krawtchouk polynomial).
double products(int k, int ones, int n) {
  double sum = 0;
  for (int negative = 0; negative <= k; ++negative) {
    sum += (negative % 2 == 0 ? 1 : -1) * choose(ones, k - negative) * choose(n - ones, negative);
  }
  return sum;
}

constexpr int kOrders = 6;  ///< products of fewer players than this

/// Kernel and functionals of the Gaussian process of estimate_shapley(), for odd or for even products of unit variance.
class Roughness {
 public:
  Roughness(int players, bool odd) : n_(players) {
    const int low = odd ? 3 : 2;
    const double share_of_high = choose(n_, low + 2) > 0 ? kHigh : 0;
    if (choose(n_, low) > 0) variance_[static_cast<std::size_t>(low)] = (1 - share_of_high) / choose(n_, low);
    if (share_of_high > 0) variance_[static_cast<std::size_t>(low) + 2] = share_of_high / choose(n_, low + 2);
  }

  /// Between two sets that agree about `alike` players.
  double kernel(int alike) const {
    return sum([&](int k) { return products(k, alike, n_); });
  }
  /// Between the worth of nobody and of a set of this size.
  double nobody(int size) const { return kernel(n_ - size); }
  /// Between the value of a player, nobody's worth not yet in place, and a set with `others` of the other players;
  /// `z`: 1 with the player, else -1.
  double value(int z, int others) const {
    return sum([&](int k) { return k % 2 == 0 ? 0 : 2. / k * z * products(k - 1, others, n_ - 1); });
  }
  /// The same of an interaction; `zz`: product of both players' z.
  double interaction(int zz, int others) const {
    return sum([&](int k) { return k % 2 != 0 ? 0 : 4. / (k - 1) * zz * products(k - 2, others, n_ - 2); });
  }
  /// Variance of a value, with nobody's worth in place.
  double value_variance() const {
    return sum([&](int k) {
      if (k % 2 == 0) return choose(n_, k) / n_ / n_;
      return 4. / k / k * choose(n_ - 1, k - 1) - 2 * 2. / k * choose(n_ - 1, k - 1) / n_ + choose(n_, k) / n_ / n_;
    });
  }
  double interaction_variance() const {
    const double spike = 1. / (n_ - 1);
    return sum([&](int k) {
      if (k % 2 != 0) return choose(n_, k) * spike * spike;
      const double weight = 4. / (k - 1);
      return weight * weight * choose(n_ - 2, k - 2) - 2 * weight * choose(n_ - 2, k - 2) * spike +
             choose(n_, k) * spike * spike;
    });
  }

 private:
  static constexpr double kHigh = .2;

  template <class Term>
  double sum(Term term) const {
    double total = 0;
    for (int k = 2; k < kOrders; ++k) {
      const double variance = variance_[static_cast<std::size_t>(k)];
      if (variance > 0) total += variance * term(k);
    }
    return total;
  }

  int n_;
  std::array<double, kOrders> variance_{};  ///< of one coefficient, by order
};

/// A matrix, row-major.
struct Matrix {
  std::size_t rows = 0, columns = 0;
  std::vector<double> numbers;

  Matrix(std::size_t r, std::size_t c) : rows(r), columns(c), numbers(r * c) {}
  double* operator[](std::size_t row) { return numbers.data() + row * columns; }
  const double* operator[](std::size_t row) const { return numbers.data() + row * columns; }
};

/// The trained sets as a model with free coefficients, and what is asked of it: values first, then interactions i < j.
class Kriging {
 public:
  Kriging(int players, const std::vector<TrainedSet>& trained, const std::vector<double>& probe)
      : n_(players),
        m_(trained.size()),
        asked_(static_cast<std::size_t>(n_) * static_cast<std::size_t>(n_ + 1) / 2),
        free_(static_cast<std::size_t>(n_) + 2 + (probe.empty() ? 0 : 1)),
        odd_(n_, true),
        even_(n_, false),
        design_(m_, free_),
        of_free_(free_, asked_),
        worth_(m_),
        covariance_of_odd_(m_, asked_),
        covariance_of_even_(m_, asked_),
        kernel_of_odd_(m_, m_),
        kernel_of_even_(m_, m_) {
    for (std::size_t row = 0; row < m_; ++row) {
      const int size = size_of(trained[row].set);
      double* x = design_[row];
      x[0] = 1;
      for (int i = 0; i < n_; ++i) x[i + 1] = z(trained[row].set, i);
      x[n_ + 1] = 1. / size;
      if (!probe.empty()) x[n_ + 2] = probe[trained[row].set];
      worth_[row] = trained[row].worth;
    }
    ask_of_free(probe);
    for (std::size_t a = 0; a < m_; ++a) {
      for (std::size_t b = 0; b <= a; ++b) {
        const int alike = n_ - size_of(trained[a].set ^ trained[b].set);
        kernel_of_odd_[a][b] = odd_kernels_[static_cast<std::size_t>(alike)];
        kernel_of_even_[a][b] = even_kernels_[static_cast<std::size_t>(alike)];
      }
      ask_of_process(trained[a].set, a);
    }
  }

  /// Fewer trained sets than this tell nothing about noise.
  bool enough() const { return m_ > free_; }

  std::optional<ShapleyEstimate> estimate() const {
    struct Point {
      double odd = 0, even = 0, likelihood = 0;
    };
    std::vector<Point> points;
    for (const double odd : grid(kernel_of_odd_)) {
      for (const double even : grid(kernel_of_even_)) {
        const auto solved = solve(odd, even, false);
        if (!solved) return std::nullopt;
        points.push_back({odd, even, solved->likelihood});
      }
    }
    const double best = std::max_element(points.begin(), points.end(), [](const Point& a, const Point& b) {
                          return a.likelihood < b.likelihood;
                        })->likelihood;
    double total = 0;
    points.erase(std::remove_if(points.begin(), points.end(),
                                [&](const Point& point) { return point.likelihood < best - kNegligible; }),
                 points.end());
    for (const Point& point : points) total += std::exp(point.likelihood - best);
    Matrix means(1, asked_), squares(1, asked_), weights(asked_, m_);
    for (const Point& point : points) {
      const double share = std::exp(point.likelihood - best) / total;
      const auto solved = solve(point.odd, point.even, true);
      for (std::size_t i = 0; i < asked_; ++i) {
        means[0][i] += share * solved->means[i];
        squares[0][i] += share * (solved->variances[i] + solved->means[i] * solved->means[i]);
      }
      for (std::size_t i = 0; i < weights.numbers.size(); ++i) weights.numbers[i] += share * solved->weights[i];
    }
    ShapleyEstimate estimate;
    const auto n = static_cast<std::size_t>(n_);
    estimate.interactions.resize(n * n);
    estimate.interaction_errors.resize(n * n);
    for (std::size_t i = 0; i < asked_; ++i) {
      const double error = std::sqrt(std::max(0., squares[0][i] - means[0][i] * means[0][i]));
      if (i < n) {
        estimate.values.push_back(means[0][i]);
        estimate.standard_errors.push_back(error);
      } else {
        const auto [a, b] = pair_at(i - n);
        estimate.interactions[a * n + b] = estimate.interactions[b * n + a] = means[0][i];
        estimate.interaction_errors[a * n + b] = estimate.interaction_errors[b * n + a] = error;
      }
    }
    estimate.freedom = static_cast<double>(m_ - free_);
    estimate.weights = std::move(weights.numbers);
    return estimate;
  }

 private:
  /// Points whose likelihood is lower than the best by more than this add nothing.
  static constexpr double kNegligible = 8;

  struct Solved {
    double likelihood = 0;                          ///< restricted, but for constants
    std::vector<double> means, variances, weights;  ///< [asked], [asked], [asked, trained]
  };

  static int z(std::uint32_t set, int player) { return set >> player & 1u ? 1 : -1; }

  std::pair<std::size_t, std::size_t> pair_at(std::size_t index) const {
    for (std::size_t a = 0;; ++a) {
      const std::size_t row = static_cast<std::size_t>(n_) - 1 - a;
      if (index < row) return {a, a + 1 + index};
      index -= row;
    }
  }

  /// Variances of the process over that of noise. Nothing to look for where there are no such interactions.
  static std::vector<double> grid(const Matrix& kernel) {
    if (kernel[0][0] == 0) return {0};
    return {0, .05, .15, .35, .8, 2, 5, 15, 50};
  }

  /// What each free function of the model is for values and interactions. All but the probe are known for nobody, where
  /// 0 is put in place: 1 / n of it goes to each value, and -1 / (n - 1) of it to each interaction.
  void ask_of_free(const std::vector<double>& probe) {
    for (int alike = 0; alike <= n_; ++alike) {
      odd_kernels_[static_cast<std::size_t>(alike)] = odd_.kernel(alike);
      even_kernels_[static_cast<std::size_t>(alike)] = even_.kernel(alike);
    }
    const auto n = static_cast<std::size_t>(n_);
    std::vector<double> by_size(std::size_t{1} << n_);
    for (std::size_t set = 1; set < by_size.size(); ++set) {
      by_size[set] = 1. / size_of(static_cast<std::uint32_t>(set));
    }
    ask(of_free_[n + 1], by_size);
    if (!probe.empty()) ask(of_free_[n + 2], probe);
    for (std::size_t i = 0; i < asked_; ++i) {
      const double nobody = i < n ? 1. / n_ : -1. / (n_ - 1);
      of_free_[0][i] = nobody;
      for (std::size_t player = 0; player < n; ++player) of_free_[player + 1][i] = (i == player ? 2 : 0) - nobody;
    }
  }

  void ask(double* answers, const std::vector<double>& game) const {
    const auto n = static_cast<std::size_t>(n_);
    const std::vector<double> values = shapley_values(n_, game);
    const std::vector<double> interactions = shapley_interactions(n_, game);
    for (std::size_t i = 0; i < asked_; ++i) {
      if (i < n) {
        answers[i] = values[i];
      } else {
        const auto [a, b] = pair_at(i - n);
        answers[i] = interactions[a * n + b];
      }
    }
  }

  void ask_of_process(std::uint32_t set, std::size_t row) {
    const auto n = static_cast<std::size_t>(n_);
    const int size = size_of(set);
    for (std::size_t i = 0; i < asked_; ++i) {
      double odd, even, nobody;
      if (i < n) {
        const int mine = z(set, static_cast<int>(i));
        odd = odd_.value(mine, size - (mine > 0));
        even = 0;
        nobody = 1. / n_;
      } else {
        const auto [a, b] = pair_at(i - n);
        const int first = z(set, static_cast<int>(a)), second = z(set, static_cast<int>(b));
        odd = 0;
        even = even_.interaction(first * second, size - (first > 0) - (second > 0));
        nobody = -1. / (n_ - 1);
      }
      covariance_of_odd_[row][i] = odd + nobody * odd_.nobody(size);
      covariance_of_even_[row][i] = even + nobody * even_.nobody(size);
    }
  }

  /// Generalised least squares with the kernel I + odd K_odd + even K_even. `asked`: means and variances too. Nothing
  /// where the free coefficients cannot be told apart.
  std::optional<Solved> solve(double odd, double even, bool asked) const {
    Cholesky factor(m_);
    std::vector<double> row(m_);
    for (std::size_t a = 0; a < m_; ++a) {
      for (std::size_t b = 0; b <= a; ++b) row[b] = odd * kernel_of_odd_[a][b] + even * kernel_of_even_[a][b];
      row[a] += 1;
      if (!factor.append(row.data())) return std::nullopt;
    }
    // Whitened: the design, the worths and, where asked, the covariances. By column, so that they are dot products.
    const std::size_t columns = free_ + 1 + (asked ? asked_ : 0);
    Matrix white(m_, columns);
    for (std::size_t a = 0; a < m_; ++a) {
      std::copy_n(design_[a], free_, white[a]);
      white[a][free_] = worth_[a];
      for (std::size_t i = 0; i + free_ + 1 < columns; ++i) {
        white[a][free_ + 1 + i] = odd * covariance_of_odd_[a][i] + even * covariance_of_even_[a][i];
      }
    }
    factor.forward(white.numbers.data(), columns);
    Matrix by_column(columns, m_);
    for (std::size_t a = 0; a < m_; ++a) {
      for (std::size_t c = 0; c < columns; ++c) by_column[c][a] = white[a][c];
    }
    Cholesky normal(free_);
    for (std::size_t a = 0; a < free_; ++a) {
      for (std::size_t b = 0; b <= a; ++b) row[b] = dot(by_column[a], by_column[b], m_);
      if (!normal.append(row.data())) return std::nullopt;
    }
    std::vector<double> coefficients(free_);
    for (std::size_t a = 0; a < free_; ++a) coefficients[a] = dot(by_column[a], by_column[free_], m_);
    normal.forward(coefficients.data(), 1);
    normal.backward(coefficients.data(), 1);
    std::vector<double> residual(m_);
    for (std::size_t a = 0; a < m_; ++a) {
      residual[a] = white[a][free_] - dot(white[a], coefficients.data(), free_);
    }
    const auto freedom = static_cast<double>(m_ - free_);
    // A game that the model meets exactly has noise of rounding only.
    const double variance = std::max(dot(residual.data(), residual.data(), m_) / freedom, 1e-24);
    Solved solved;
    solved.likelihood = -(freedom * std::log(variance) + factor.log_determinant() + normal.log_determinant()) / 2;
    if (!asked) return solved;
    for (std::size_t i = 0; i < asked_; ++i) {
      const double* covariance = by_column[free_ + 1 + i];
      // What the free coefficients must still tell of it.
      std::vector<double> open(free_);
      for (std::size_t a = 0; a < free_; ++a) open[a] = of_free_[a][i] - dot(by_column[a], covariance, m_);
      double mean = dot(covariance, residual.data(), m_);
      for (std::size_t a = 0; a < free_; ++a) mean += of_free_[a][i] * coefficients[a];
      solved.means.push_back(mean);
      std::vector<double> whitened = open;
      normal.forward(whitened.data(), 1);
      const bool value = i < static_cast<std::size_t>(n_);
      const double prior = value ? odd * odd_.value_variance() + even * even_.value_variance()
                                 : odd * odd_.interaction_variance() + even * even_.interaction_variance();
      const double left = prior - dot(covariance, covariance, m_) + dot(whitened.data(), whitened.data(), free_);
      solved.variances.push_back(variance * std::max(0., left));
      // mean = weights . worth: L'^-1 (c + X G^-1 open), as the residual is at right angles to X.
      normal.backward(whitened.data(), 1);
      std::vector<double> weights(m_);
      for (std::size_t a = 0; a < m_; ++a) weights[a] = covariance[a] + dot(white[a], whitened.data(), free_);
      factor.backward(weights.data(), 1);
      solved.weights.insert(solved.weights.end(), weights.begin(), weights.end());
    }
    return solved;
  }

  int n_;
  std::size_t m_, asked_, free_;
  Roughness odd_, even_;
  std::array<double, kMaxPlayers + 1> odd_kernels_{}, even_kernels_{};  ///< by players alike
  Matrix design_, of_free_;                                             ///< [trained, free], [free, asked]
  std::vector<double> worth_;
  Matrix covariance_of_odd_, covariance_of_even_;  ///< [trained, asked]
  Matrix kernel_of_odd_, kernel_of_even_;          ///< [trained, trained], the lower half
};

/// Draws in order, of a counter that never repeats.
class Draws {
 public:
  double next() {
    const auto words = philox({counter_++, 0, 0, 0}, {0x53686170, 0x6c657921});
    return static_cast<double>((std::uint64_t{words[0]} << 32 | words[1]) >> 11) * 0x1p-53;
  }
  int below(int count) { return std::min(count - 1, static_cast<int>(next() * count)); }

 private:
  std::uint32_t counter_ = 0;
};

}  // namespace

std::vector<double> shapley_values(int players, const std::vector<double>& worth) {
  check_game(players, worth);
  // |S|! (n - |S| - 1)! / n! = 1 / (n C(n - 1, |S|)) for a set S that the player joins.
  std::vector<double> values(static_cast<std::size_t>(players));
  std::vector<double> weight;
  for (int size = 0; size < players; ++size) weight.push_back(1 / (players * choose(players - 1, size)));
  for (std::uint32_t set = 0; set < worth.size(); ++set) {
    const auto size = static_cast<std::size_t>(size_of(set));
    for (int player = 0; player < players; ++player) {
      const std::uint32_t with = set | 1u << player;
      if (with != set) values[static_cast<std::size_t>(player)] += weight[size] * (worth[with] - worth[set]);
    }
  }
  return values;
}

std::vector<double> shapley_interactions(int players, const std::vector<double>& worth) {
  check_game(players, worth);
  const auto n = static_cast<std::size_t>(players);
  std::vector<double> indices(n * n);
  for (int a = 0; a < players; ++a) {
    for (int b = a + 1; b < players; ++b) {
      double sum = 0;
      const std::uint32_t both = 1u << a | 1u << b;
      for (std::uint32_t set = 0; set < worth.size(); ++set) {
        if (set & both) continue;
        const double gain = worth[set | both] - worth[set | 1u << a] - worth[set | 1u << b] + worth[set];
        sum += gain / ((players - 1) * choose(players - 2, size_of(set)));
      }
      indices[static_cast<std::size_t>(a) * n + static_cast<std::size_t>(b)] = sum;
      indices[static_cast<std::size_t>(b) * n + static_cast<std::size_t>(a)] = sum;
    }
  }
  return indices;
}

int fewest_trainings(int players) { return players <= 3 ? (1 << players) - 1 : 2 * players + 1; }

std::vector<std::uint32_t> shapley_design(int players, int trainings) {
  if (players < 1 || players > kMaxPlayers) {
    throw Error("Shapley values are of 1 to " + std::to_string(kMaxPlayers) + " encoders, and there are " +
                std::to_string(players));
  }
  if (trainings < fewest_trainings(players)) {
    throw Error("Shapley values of " + std::to_string(players) + " encoders want at least " +
                std::to_string(fewest_trainings(players)) + " subsets: all encoders, each alone and all but each");
  }
  const std::uint32_t all = (1u << players) - 1;
  std::vector<std::uint32_t> sets;
  if (static_cast<std::int64_t>(trainings) >= static_cast<std::int64_t>(all)) {
    for (std::uint32_t set = 1; set <= all; ++set) sets.push_back(set);
    return sets;
  }
  sets.push_back(all);
  for (int player = 0; player < players; ++player) {
    sets.push_back(1u << player);
    sets.push_back(all ^ 1u << player);
  }
  std::set<std::uint32_t> drawn(sets.begin(), sets.end());
  double total = 0;
  for (int size = 2; size <= players - 2; ++size) total += 1. / (size * (players - size));
  Draws draws;
  while (sets.size() + 2 <= static_cast<std::size_t>(trainings)) {
    int size = 2;
    for (double left = draws.next() * total - 1. / (size * (players - size)); left > 0 && size < players - 2;) {
      ++size;
      left -= 1. / (size * (players - size));
    }
    std::uint32_t set = 0;
    while (size_of(set) < size) set |= 1u << draws.below(players);
    if (!drawn.insert(set).second) continue;
    drawn.insert(all ^ set);
    sets.push_back(set);
    sets.push_back(all ^ set);
  }
  return sets;
}

std::optional<ShapleyEstimate> estimate_shapley(int players, const std::vector<TrainedSet>& trained,
                                                const std::vector<double>& probe) {
  if (players < 1 || players > kMaxPlayers || trained.size() > kMaxTrainedSets ||
      (!probe.empty() && probe.size() != std::size_t{1} << players)) {
    throw Error("Shapley values are estimated of 1 to " + std::to_string(kMaxPlayers) + " players, from at most " +
                std::to_string(kMaxTrainedSets) + " sets, and a probe of all sets");
  }
  std::set<std::uint32_t> seen;
  for (const TrainedSet& one : trained) {
    if (one.set == 0 || one.set >= 1u << players || !seen.insert(one.set).second) {
      throw Error("trained sets must be different ones of the players, with somebody in them");
    }
  }
  if (players < 2) return std::nullopt;
  std::optional<ShapleyEstimate> estimate;
  const Kriging kriging(players, trained, probe);
  if (kriging.enough()) estimate = kriging.estimate();
  return estimate || probe.empty() ? estimate : estimate_shapley(players, trained);
}

ProbeFit fit_probe(const std::vector<TrainedSet>& trained, const std::vector<double>& probe) {
  std::vector<double> x, y;
  for (const TrainedSet& one : trained) {
    x.push_back(probe.at(one.set));
    y.push_back(one.worth);
  }
  const double x_mean = mean(x), y_mean = mean(y);
  double xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - x_mean) * (x[i] - x_mean);
    xy += (x[i] - x_mean) * (y[i] - y_mean);
    yy += (y[i] - y_mean) * (y[i] - y_mean);
  }
  ProbeFit fit;
  if (!(xx > 0)) return fit;
  fit.slope = xy / xx;
  if (yy > 0) fit.correlation = xy / std::sqrt(xx * yy);
  if (x.size() > 2) fit.residual_sd = std::sqrt(std::max(0., yy - xy * xy / xx) / static_cast<double>(x.size() - 2));
  return fit;
}

}  // namespace medley::sweep
