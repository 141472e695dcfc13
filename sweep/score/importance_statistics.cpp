#include "sweep/score/importance_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "sweep/error.h"
#include "sweep/score/statistics.h"

namespace medley::sweep {
namespace {}  // namespace

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

std::vector<double> shapley_values(int players, const std::vector<double>& worth) {
  if (players < 1 || players > kMaxPlayers || worth.size() != std::size_t{1} << players) {
    throw Error("Shapley values need 1 to " + std::to_string(kMaxPlayers) +
                " players and a worth for each of the sets");
  }
  // |S|! (n - |S| - 1)! / n! = 1 / (n C(n - 1, |S|)) for a set S that the player joins.
  std::vector<double> weight(static_cast<std::size_t>(players));
  double choose = 1;
  for (int size = 0; size < players; ++size) {
    weight[static_cast<std::size_t>(size)] = 1 / (players * choose);
    choose = choose * (players - 1 - size) / (size + 1);
  }
  std::vector<double> values(static_cast<std::size_t>(players));
  for (std::size_t set = 0; set < worth.size(); ++set) {
    std::size_t size = 0;
    for (int player = 0; player < players; ++player) size += set >> player & 1u;
    for (int player = 0; player < players; ++player) {
      const std::size_t with = set | std::size_t{1} << player;
      if (with != set) values[static_cast<std::size_t>(player)] += weight[size] * (worth[with] - worth[set]);
    }
  }
  return values;
}

}  // namespace medley::sweep
