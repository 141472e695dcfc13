#pragma once

#include <vector>

namespace medley::sweep {

/// Ranks from 1, the largest value first; equal values share the mean of their ranks.
std::vector<double> average_ranks(const std::vector<double>& values);

/// Kendall's coefficient of concordance with the correction for ties (Kendall & Smith 1939; Siegel 1956). It measures
/// the agreement of the rankings of `raters` [rater][item], 0 to 1. NaN below two raters or items, and when all items
/// tie for all.
double kendall_w(const std::vector<std::vector<double>>& raters);

/// Spearman's rank correlation: Pearson's of average ranks. NaN below two pairs and where one side is constant.
double spearman(const std::vector<double>& a, const std::vector<double>& b);

inline constexpr int kMaxPlayers = 16;
/// Exact Shapley values (1953) of a cooperative game: the mean, over all orders of joining, of what a player adds.
/// `worth` [2^players], by bit mask of who takes part; worth[0] is of nobody. They sum to worth.back() - worth[0].
/// Throws Error unless there are 1 to kMaxPlayers players and a worth for each set of them.
std::vector<double> shapley_values(int players, const std::vector<double>& worth);

}  // namespace medley::sweep
