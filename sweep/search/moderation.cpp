#include "sweep/search/moderation.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sweep/score/statistics.h"

namespace medley::sweep {

// Both by recurrence up to 10 and the asymptotic series (Abramowitz & Stegun 6.3.18, 6.4.12).
double digamma(double x) {
  double sum = 0;
  for (; x < 10; ++x) sum -= 1 / x;
  const double y = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x - y * (1. / 12 - y * (1. / 120 - y * (1. / 252 - y * (1. / 240 - y / 132))));
}

double trigamma(double x) {
  double sum = 0;
  for (; x < 10; ++x) sum += 1 / (x * x);
  const double y = 1 / (x * x);
  return sum + 1 / x + y / 2 + y / x * (1. / 6 - y * (1. / 30 - y * (1. / 42 - y * (1. / 30 - y * 5 / 66))));
}

double inverse_trigamma(double y) {
  // It falls from infinity to 0.
  double low = 0, high = 1;
  while (trigamma(high) > y && high < 1e300) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < 200; ++i) {
    const double middle = low + (high - low) / 2;
    if (middle == low || middle == high) break;
    (trigamma(middle) > y ? low : high) = middle;
  }
  return high;
}

double prior_freedom(std::vector<double> variances, const std::vector<double>& freedoms) {
  if (variances.size() < 2) return 0;
  const double least = 1e-5 * quantile(variances, 0.5);
  if (least == 0) return 0;
  std::vector<double> logs;
  double by_chance = 0;
  for (std::size_t i = 0; i < variances.size(); ++i) {
    const double half = freedoms[i] / 2;
    logs.push_back(std::log(std::max(variances[i], least)) - digamma(half) + std::log(half));
    by_chance += trigamma(half) / static_cast<double>(variances.size());
  }
  const double sd = sample_sd(logs);
  const double excess = sd * sd - by_chance;
  return excess > 0 ? 2 * inverse_trigamma(excess) : std::numeric_limits<double>::infinity();
}

double moderated(double own, double freedom, double prior, double prior_freedom) {
  if (std::isinf(prior_freedom)) return prior;
  return (prior_freedom * prior + freedom * own) / (prior_freedom + freedom);
}

}  // namespace medley::sweep
