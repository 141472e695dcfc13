#include "sweep/score/simplex.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>

namespace medley::sweep {
namespace {

using Row = std::vector<double>;

constexpr double kTolerance = 1e-10;
/// Members with weight come to rest closer than another must be lower to join them.
constexpr double kAtRest = 1e-11;
/// A predicted gain below it drowns in the rounding of F. The full Newton step is then right.
constexpr double kNoise = 1e-13;
constexpr int kMostSteps = 200;

double dot(const Row& a, const Row& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }

/// F as a function of the sums z = sum_m w_m terms_m. Its parts are independent and have `width_` sums each.
/// Arithmetic: a part is one class that a label names. Geometric: a part is one clip.
class LogLoss {
 public:
  LogLoss(Mix mix, const std::vector<Row>& members, const Row& shares, std::size_t classes)
      : mix_(mix), width_(mix == Mix::kArithmetic ? 1 : classes) {
    clips_ = static_cast<double>(shares.size()) / static_cast<double>(classes);
    terms_.resize(members.size());
    for (std::size_t t = 0; t < shares.size(); ++t) {
      if (mix == Mix::kArithmetic && shares[t] == 0) continue;
      shares_.push_back(shares[t] / clips_);
      for (std::size_t m = 0; m < members.size(); ++m) terms_[m].push_back(mix_term(mix, members[m][t]));
    }
    sums_.resize(shares_.size());
    slopes_ = roots_ = sums_;
  }

  /// F at the weights of some members. Derivatives are there afterwards.
  double move_to(const std::vector<std::size_t>& members, const Row& weights) {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    for (std::size_t k = 0; k < members.size(); ++k) {
      const Row& terms = terms_[members[k]];
      for (std::size_t t = 0; t < sums_.size(); ++t) sums_[t] += weights[k] * terms[t];
    }
    return mix_ == Mix::kArithmetic ? arithmetic() : geometric();
  }

  double gradient(std::size_t member) const { return dot(slopes_, terms_[member]); }

  /// The derivative of the sums towards one member and away from another, scaled so that products of two such columns
  /// are second derivatives of F.
  Row column(std::size_t towards, std::size_t from) const {
    Row made(sums_.size());
    for (std::size_t t = 0; t < made.size(); ++t) made[t] = terms_[towards][t] - terms_[from][t];
    for (std::size_t t = 0; mix_ == Mix::kGeometric && t < made.size(); t += width_) {
      double mean = 0;  // under the mix, whose probabilities are clips x roots^2
      for (std::size_t c = t; c < t + width_; ++c) mean += clips_ * roots_[c] * roots_[c] * made[c];
      for (std::size_t c = t; c < t + width_; ++c) made[c] -= mean;
    }
    for (std::size_t t = 0; t < made.size(); ++t) made[t] *= roots_[t];
    return made;
  }

 private:
  double arithmetic() {
    double value = 0;
    for (std::size_t t = 0; t < sums_.size(); ++t) {
      value -= shares_[t] * std::log(sums_[t]);
      slopes_[t] = -shares_[t] / sums_[t];
      roots_[t] = std::sqrt(shares_[t]) / sums_[t];
    }
    return value;
  }

  double geometric() {
    double value = 0;
    for (std::size_t t = 0; t < sums_.size(); t += width_) {
      const double largest = *std::max_element(&sums_[t], &sums_[t] + width_);
      double total = 0;
      for (std::size_t c = t; c < t + width_; ++c) total += slopes_[c] = std::exp(sums_[c] - largest);
      value += (largest + std::log(total)) / clips_;
      for (std::size_t c = t; c < t + width_; ++c) {
        const double p = slopes_[c] / total / clips_;
        value -= shares_[c] * sums_[c];
        slopes_[c] = p - shares_[c];
        roots_[c] = std::sqrt(p);
      }
    }
    return value;
  }

  Mix mix_;
  std::size_t width_;
  double clips_ = 0;
  std::vector<Row> terms_;  ///< [member][sum]
  Row shares_;              ///< [sum] y / clips
  Row sums_, slopes_;       ///< [sum] z, dF/dz
  Row roots_;               ///< [sum] of the second derivatives
};

/// Solves A x = b for a positive semidefinite A, to which it adds as little on the diagonal as Cholesky needs.
Row solve(const std::vector<Row>& a, const Row& b) {
  const std::size_t n = b.size();
  double largest = std::numeric_limits<double>::min();
  for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, a[i][i]);
  for (double ridge = 1e-15 * largest;; ridge *= 100) {
    std::vector<Row> l(n, Row(n));
    bool regular = true;
    for (std::size_t i = 0; i < n && regular; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = a[i][j] + (i == j ? ridge : 0);
        for (std::size_t k = 0; k < j; ++k) sum -= l[i][k] * l[j][k];
        if (i == j) regular = sum > 0;
        l[i][j] = i == j ? std::sqrt(sum) : sum / l[j][j];
      }
    }
    if (!regular) continue;
    Row x = b;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < i; ++k) x[i] -= l[i][k] * x[k];
      x[i] /= l[i][i];
    }
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) x[i] -= l[k][i] * x[k];
      x[i] /= l[i][i];
    }
    return x;
  }
}

/// The members of positive weight and their weights. The last may have weight 0, when it has just joined.
class Support {
 public:
  Support(LogLoss& loss, std::size_t first) : loss_(loss), members_{first}, weights_{1} { move(); }

  void join(std::size_t member) {
    members_.push_back(member);
    weights_.push_back(0);
    move();
  }

  /// Newton steps until the gradients are equal.
  void settle() {
    for (int step = 0; step < kMostSteps && !at_rest(); ++step) {
      if (!advance(direction())) return;
    }
  }

  double level() const { return dot(weights_, gradients_); }
  const std::vector<std::size_t>& members() const { return members_; }
  const Row& weights() const { return weights_; }

 private:
  void move() {
    value_ = loss_.move_to(members_, weights_);
    gradients_.clear();
    for (const std::size_t member : members_) gradients_.push_back(loss_.gradient(member));
  }

  bool at_rest() const {
    const auto [low, high] = std::minmax_element(gradients_.begin(), gradients_.end());
    return *high - *low <= kAtRest;
  }

  /// Newton's, within sum of weights 1: the heaviest member takes what the others need.
  Row direction() const {
    const auto heaviest =
        static_cast<std::size_t>(std::max_element(weights_.begin(), weights_.end()) - weights_.begin());
    std::vector<std::size_t> others;
    std::vector<Row> columns;
    Row descent;
    for (std::size_t k = 0; k < members_.size(); ++k) {
      if (k == heaviest) continue;
      others.push_back(k);
      columns.push_back(loss_.column(members_[k], members_[heaviest]));
      descent.push_back(gradients_[heaviest] - gradients_[k]);
    }
    const std::size_t n = others.size();
    std::vector<Row> hessian(n, Row(n));
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) hessian[i][j] = hessian[j][i] = dot(columns[i], columns[j]);
    }
    Row steps = solve(hessian, descent);
    // A member that joins gains weight, but for rounding. It then moves alone against the heaviest.
    if (others.back() == weights_.size() - 1 && weights_.back() == 0 && !(steps.back() > 0)) {
      steps.assign(n, 0);
      steps.back() = descent.back() / std::max(hessian[n - 1][n - 1], std::numeric_limits<double>::min());
    }
    Row made(weights_.size());
    for (std::size_t i = 0; i < n; ++i) {
      made[others[i]] = steps[i];
      made[heaviest] -= steps[i];
    }
    return made;
  }

  /// Goes as far as F falls and weights stay at least 0. False where F falls no more.
  bool advance(const Row& towards) {
    double length = 1;
    for (std::size_t k = 0; k < weights_.size(); ++k) {
      if (towards[k] < 0) length = std::min(length, -weights_[k] / towards[k]);
    }
    const Row from = weights_;
    const double before = value_, slope = dot(gradients_, towards);
    for (; length > 1e-18; length /= 2) {
      for (std::size_t k = 0; k < from.size(); ++k) weights_[k] = from[k] + length * towards[k];
      move();
      if (value_ <= before + 1e-4 * length * slope || -slope <= kNoise) {
        drop_zeros();
        return true;
      }
    }
    weights_ = from;
    move();
    return false;
  }

  /// What a step to the bound leaves of a weight is rounding.
  void drop_zeros() {
    for (std::size_t k = weights_.size(); k-- > 0;) {
      if (weights_[k] > 1e-15) continue;
      weights_.erase(weights_.begin() + static_cast<std::ptrdiff_t>(k));
      members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(k));
    }
    const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    for (double& weight : weights_) weight /= total;
    move();
  }

  LogLoss& loss_;
  std::vector<std::size_t> members_;
  Row weights_, gradients_;
  double value_ = 0;
};

}  // namespace

std::vector<double> least_loss_weights(Mix mix, const std::vector<Row>& members, const Row& shares,
                                       std::size_t classes) {
  const std::size_t count = members.size();
  assert(count > 0);
  LogLoss loss(mix, members, shares, classes);
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t m = 0; m < count; ++m) {
    const double value = loss.move_to({m}, {1});
    if (value < least) {
      least = value;
      best = m;
    }
  }
  Support support(loss, best);
  // Each round lowers F, so no set of members comes twice. The bound only guards against rounding.
  for (std::size_t round = 0; round < 100 + 10 * count; ++round) {
    support.settle();
    std::size_t steepest = count;
    double lowest = support.level() - kTolerance;
    for (std::size_t m = 0; m < count; ++m) {
      const double gradient = loss.gradient(m);
      if (gradient < lowest) {
        lowest = gradient;
        steepest = m;
      }
    }
    if (steepest == count) break;
    const auto& inside = support.members();
    if (std::find(inside.begin(), inside.end(), steepest) != inside.end()) break;
    support.join(steepest);
  }
  Row weights(count);
  for (std::size_t k = 0; k < support.members().size(); ++k) weights[support.members()[k]] = support.weights()[k];
  return weights;
}

}  // namespace medley::sweep
