#include "sweep/score/importance_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sweep/error.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {

std::vector<double> average_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end + 1) / 2;
  }
  return ranks;
}

double kendall_w(const std::vector<std::vector<double>>& raters) {
  if (raters.size() < 2 || raters.front().size() < 2) return kNaN;
  const auto m = static_cast<double>(raters.size());
  const auto n = static_cast<double>(raters.front().size());
  std::vector<double> sums(raters.front().size());
  double ties = 0;
  for (const auto& rater : raters) {
    const std::vector<double> ranks = average_ranks(rater);
    for (std::size_t i = 0; i < ranks.size(); ++i) sums[i] += ranks[i];
    for (const double rank : ranks) {
      // Each of t tied items adds t^2 - 1: together t^3 - t.
      const auto tied = static_cast<double>(std::count(ranks.begin(), ranks.end(), rank));
      ties += tied * tied - 1;
    }
  }
  double squares = 0;
  for (const double sum : sums) squares += (sum - m * (n + 1) / 2) * (sum - m * (n + 1) / 2);
  const double most = m * m * (n * n * n - n) - m * ties;
  return most > 0 ? 12 * squares / most : kNaN;
}

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) throw Error("a rank correlation needs as many values on either side");
  if (a.size() < 2) return kNaN;
  const auto x = average_ranks(a);
  const auto y = average_ranks(b);
  const double centre = static_cast<double>(a.size() + 1) / 2;
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - centre) * (y[i] - centre);
    xx += (x[i] - centre) * (x[i] - centre);
    yy += (y[i] - centre) * (y[i] - centre);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : kNaN;
}

}  // namespace medley::sweep
