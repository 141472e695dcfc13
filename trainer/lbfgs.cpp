#include "trainer/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace medley::trainer {
namespace {

using Vector = std::vector<double>;

constexpr std::size_t kPairs = 10;
constexpr int kMostSteps = 1000, kMostHalvings = 40;
constexpr double kArmijo = 1e-4;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void add(Vector& to, double factor, const Vector& x) {
  for (std::size_t i = 0; i < x.size(); ++i) to[i] += factor * x[i];
}

double largest(const Vector& x) {
  double most = 0;
  for (const double value : x) most = std::max(most, std::abs(value));
  return most;
}

/// What one step changed.
struct Pair {
  Vector x, gradient;
  double curvature;  ///< their product, above 0
};

/// Minus the approximate inverse Hessian of the pairs, the oldest first, times `gradient`.
Vector direction(const std::deque<Pair>& pairs, const Vector& gradient, const Product& inverse) {
  Vector d = gradient;
  Vector shares(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    shares[i] = dot(pairs[i].x, d) / pairs[i].curvature;
    add(d, -shares[i], pairs[i].gradient);
  }
  double scale = 1;
  if (inverse) inverse(d);
  if (!pairs.empty()) {
    Vector last = pairs.back().gradient;
    if (inverse) inverse(last);
    scale = pairs.back().curvature / dot(pairs.back().gradient, last);
  } else if (!inverse) {
    scale = 1 / std::max(1.0, std::sqrt(dot(gradient, gradient)));  // a step of length 1 at most
  }
  for (double& value : d) value *= scale;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    add(d, shares[i] - dot(pairs[i].gradient, d) / pairs[i].curvature, pairs[i].x);
  }
  for (double& value : d) value = -value;
  return d;
}

}  // namespace

Vector minimise(const SmoothFunction& function, Vector x, double tolerance, const Product& inverse) {
  Vector gradient(x.size()), next_gradient(x.size());
  double value = function(x, gradient);
  std::deque<Pair> pairs;
  for (int step = 0; step < kMostSteps && std::isfinite(value) && largest(gradient) > tolerance; ++step) {
    const Vector d = direction(pairs, gradient, inverse);
    const double slope = dot(d, gradient);
    Vector next;
    double next_value = 0, length = 1;
    bool descends = false;
    for (int halving = 0; halving < kMostHalvings && !descends; ++halving, length /= 2) {
      next = x;
      add(next, length, d);
      next_value = function(next, next_gradient);
      descends = next_value <= value + kArmijo * length * slope;
    }
    if (!descends) break;
    Pair pair{next, next_gradient, 0};
    add(pair.x, -1, x);
    add(pair.gradient, -1, gradient);
    pair.curvature = dot(pair.x, pair.gradient);
    if (pair.curvature > 0) pairs.push_back(std::move(pair));
    if (pairs.size() > kPairs) pairs.pop_front();
    x.swap(next);
    gradient.swap(next_gradient);
    value = next_value;
  }
  return x;
}

}  // namespace medley::trainer
